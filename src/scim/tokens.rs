//! Bearer tokens (RFC 6750): made by an operator, kept as fingerprints, two for each directory at most, so that one can
//! replace the other while both are valid.

pub mod shared;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::disk;
use crate::seal::{random, sha256};
use crate::secret::Secret;

/// The file in the state folder.
const FILE: &str = "scim.tokens";

/// What a token begins with, so that one that is found somewhere can be told from other texts.
const MARK: &str = "vestibule_scim_";

/// How many tokens of one directory may be valid at the same time.
pub const MOST_VALID: usize = 2;

/// How far the file may be behind with when a token was used last.
const LAG: SignedDuration = SignedDuration::from_mins(5);

/// A token as it is kept.
#[derive(Debug)]
pub struct Token {
    saved: Saved,
    /// The second in which it was used last, since the epoch; 0 for never.
    used: AtomicI64,
    /// The minute that is counted, since the epoch, and the requests in it.
    minute: AtomicI64,
    requests: AtomicU32,
}

/// A token in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Saved {
    /// What it is called in records and commands.
    id: String,
    /// The directory that it opens.
    directory: String,
    /// SHA-256 of its text, in hexadecimal digits.
    fingerprint: String,
    created: Timestamp,
    expires: Timestamp,
    used: Option<Timestamp>,
}

/// What operators see of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Described {
    /// Its name.
    pub id: String,
    /// The directory that it opens.
    pub directory: String,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it is valid.
    pub expires: Timestamp,
    /// When it was used last, if it ever was.
    pub used: Option<Timestamp>,
    /// Whether it is valid.
    pub is_valid: bool,
}

/// Why there is no new token, or an old one was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are as many as there may be.
    #[error("`{0}` has two valid tokens: revoke one of them first (`vestibule scim token list`)")]
    TooMany(String),
    /// No token is called so.
    #[error("no token is called `{0}`: see `vestibule scim token list`")]
    Unknown(String),
    /// The disk does not take it, so that nothing has changed.
    #[error("the token cannot be kept in the state folder: {0}")]
    Disk(#[from] io::Error),
    /// The file is damaged.
    #[error("{0} is not a list of tokens: {1}; move it away, and make new tokens")]
    Damaged(PathBuf, serde_json::Error),
}

/// All tokens.
#[derive(Debug)]
pub struct BearerTokens {
    path: PathBuf,
    clock: Clock,
    all: ArcSwap<Vec<Arc<Token>>>,
    /// Held by whoever writes the file. Requests do not wait for it.
    writing: Mutex<()>,
}

impl BearerTokens {
    /// Opens the file in the state folder. There may be none.
    pub fn open(state: &Path, clock: Clock) -> Result<Self, Error> {
        let path = state.join(FILE);
        let saved: Vec<Saved> = match std::fs::read(&path) {
            Ok(octets) => serde_json::from_slice(&octets).map_err(|error| Error::Damaged(path.clone(), error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let all = ArcSwap::from_pointee(saved.into_iter().map(|saved| Arc::new(Token::new(saved))).collect());
        Ok(Self { path, clock, all, writing: Mutex::default() })
    }

    /// Makes a token that opens `directory` for so long. Its text is shown once, here.
    pub fn make(&self, directory: &str, lifetime: SignedDuration) -> Result<(Secret, Described), Error> {
        let (_writing, now) = (self.write(), self.clock.now());
        let all = self.all.load();
        let valid = all.iter().filter(|token| token.saved.directory == directory && token.is_valid(now)).count();
        if valid >= MOST_VALID {
            return Err(Error::TooMany(directory.to_owned()));
        }
        let text = format!("{MARK}{}", hex(&random::<32>()));
        let [a, b, c, d] = random();
        let saved = Saved {
            id: hex(&[a, b, c, d]),
            directory: directory.to_owned(),
            fingerprint: hex(&sha256(text.as_bytes())),
            created: now,
            expires: after(now, lifetime),
            used: None,
        };
        let token = Arc::new(Token::new(saved));
        let mut next: Vec<_> = all.iter().filter(|token| token.is_valid(now)).cloned().collect();
        next.push(Arc::clone(&token));
        self.save(&next)?;
        self.all.store(Arc::new(next));
        Ok((Secret::new(text), token.described(now)))
    }

    /// All tokens, those that have expired too.
    pub fn list(&self) -> Vec<Described> {
        let now = self.clock.now();
        self.all.load().iter().map(|token| token.described(now)).collect()
    }

    /// Has a token no longer open anything.
    pub fn revoke(&self, id: &str) -> Result<Described, Error> {
        let _writing = self.write();
        let all = self.all.load();
        let token = all.iter().find(|token| token.saved.id == id).cloned();
        let token = token.ok_or_else(|| Error::Unknown(id.to_owned()))?;
        let next: Vec<_> = all.iter().filter(|other| !Arc::ptr_eq(other, &token)).cloned().collect();
        self.save(&next)?;
        self.all.store(Arc::new(next));
        Ok(Described { is_valid: false, ..token.described(self.clock.now()) })
    }

    /// The valid token with this text.
    pub(super) fn find(&self, text: &str) -> Option<Arc<Token>> {
        let (fingerprint, now) = (hex(&sha256(text.as_bytes())), self.clock.now());
        let is_it = |token: &&Arc<Token>| {
            bool::from(token.saved.fingerprint.as_bytes().ct_eq(fingerprint.as_bytes())) && token.is_valid(now)
        };
        self.all.load().iter().find(is_it).cloned()
    }

    /// Notes that a token is used. The file is told every few minutes; false if it should be, by [`Self::keep_uses`].
    pub(super) fn note_use(&self, token: &Token) -> bool {
        let now = self.clock.now().as_second();
        let before = token.used.swap(now, Ordering::Relaxed);
        before / LAG.as_secs() == now / LAG.as_secs()
    }

    /// Writes down when tokens were used last. May wait for the disk.
    pub(super) fn keep_uses(&self) {
        let _writing = self.write();
        if let Err(error) = self.save(&self.all.load()) {
            tracing::warn!(%error, "the state folder does not take when SCIM tokens were used last");
        }
    }

    fn save(&self, all: &[Arc<Token>]) -> io::Result<()> {
        let saved: Vec<Saved> = all.iter().map(|token| Saved { used: token.used(), ..token.saved.clone() }).collect();
        disk::replace(&self.path, &serde_json::to_vec_pretty(&saved)?, disk::PRIVATE)
    }

    fn write(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    fn new(saved: Saved) -> Self {
        let used = AtomicI64::new(saved.used.map_or(0, Timestamp::as_second));
        Self { saved, used, minute: AtomicI64::new(0), requests: AtomicU32::new(0) }
    }

    /// What it is called.
    pub(super) fn id(&self) -> &str {
        &self.saved.id
    }

    /// The directory that it opens.
    pub(super) fn directory(&self) -> &str {
        &self.saved.directory
    }

    /// Counts a request; false if there have been `most` in this minute. Two requests at the turn of a minute may be counted
    /// in the other one.
    pub(super) fn admit(&self, most: u32, now: Timestamp) -> bool {
        let minute = now.as_second() / 60;
        if self.minute.swap(minute, Ordering::Relaxed) != minute {
            self.requests.store(0, Ordering::Relaxed);
        }
        self.requests.fetch_add(1, Ordering::Relaxed) < most
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        self.saved.expires > now
    }

    fn used(&self) -> Option<Timestamp> {
        let used = self.used.load(Ordering::Relaxed);
        Timestamp::from_second(used).ok().filter(|_| used > 0)
    }

    fn described(&self, now: Timestamp) -> Described {
        let Saved { id, directory, created, expires, .. } = self.saved.clone();
        Described { id, directory, created, expires, used: self.used(), is_valid: self.is_valid(now) }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(folder: &Path) -> (BearerTokens, Clock) {
        let clock = Clock::by_hand(Timestamp::from_second(1_000_000_000).unwrap());
        (BearerTokens::open(folder, clock.clone()).unwrap(), clock)
    }

    #[test]
    fn a_token_opens_its_directory_until_it_expires_or_is_revoked_and_its_text_is_not_kept() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (tokens, clock) = tokens(folder.path());
        let (text, described) = tokens.make("contoso", SignedDuration::from_hours(24)).unwrap();
        assert_eq!(tokens.find(text.expose()).unwrap().directory(), "contoso");
        for other in ["", "vestibule_scim_", text.expose().get(..40).unwrap(), &format!("{} ", text.expose())] {
            assert!(tokens.find(other).is_none(), "{other}");
        }
        let file = folder.path().join(FILE);
        assert!(!std::fs::read_to_string(&file).unwrap().contains(text.expose().strip_prefix(MARK).unwrap()));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        // Another start knows it.
        assert!(BearerTokens::open(folder.path(), clock.clone()).unwrap().find(text.expose()).is_some());
        clock.advance(SignedDuration::from_hours(24));
        assert!(tokens.find(text.expose()).is_none());
        assert!(!tokens.list()[0].is_valid);
        let (second, described_second) = tokens.make("contoso", SignedDuration::from_hours(24)).unwrap();
        assert_ne!(described.id, described_second.id);
        tokens.revoke(&described_second.id).unwrap();
        assert!(tokens.find(second.expose()).is_none());
        assert!(matches!(tokens.revoke(&described_second.id), Err(Error::Unknown(_))));
        assert!(BearerTokens::open(folder.path(), clock).unwrap().find(second.expose()).is_none());
    }

    #[test]
    fn two_tokens_of_a_directory_are_valid_and_no_third() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, clock) = tokens(folder.path());
        let day = SignedDuration::from_hours(24);
        let made = [tokens.make("a", day).unwrap(), tokens.make("a", day + day).unwrap()];
        assert!(made.iter().all(|(text, _)| tokens.find(text.expose()).is_some()));
        assert!(matches!(tokens.make("a", day), Err(Error::TooMany(_))));
        tokens.make("b", day).unwrap();
        clock.advance(day);
        tokens.make("a", day).unwrap();
        assert_eq!(tokens.list().len(), 2, "those that have expired are gone when another one is made");
    }

    #[test]
    fn uses_are_noted_and_counted_by_the_minute() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, clock) = tokens(folder.path());
        let (text, _) = tokens.make("a", SignedDuration::from_hours(24)).unwrap();
        let token = tokens.find(text.expose()).unwrap();
        assert_eq!(tokens.list()[0].used, None);
        assert!(!tokens.note_use(&token), "the file does not know yet");
        tokens.keep_uses();
        assert!(tokens.note_use(&token));
        assert_eq!(BearerTokens::open(folder.path(), clock.clone()).unwrap().list()[0].used, Some(clock.now()));
        let admitted = |most| (0..10).filter(|_| token.admit(most, clock.now())).count();
        assert_eq!((admitted(4), admitted(4)), (4, 0));
        clock.advance(SignedDuration::from_secs(60));
        assert_eq!(admitted(4), 4);
    }

    #[test]
    fn a_slow_disk_keeps_no_request_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, _) = tokens(folder.path());
        let (text, _) = tokens.make("a", SignedDuration::from_hours(24)).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            // As long as somebody writes the file.
            let writing = tokens.write();
            scope.spawn(|| tell.send(tokens.find(text.expose()).is_some()));
            let found = told.recv_timeout(std::time::Duration::from_secs(10));
            drop(writing);
            assert_eq!(found, Ok(true));
        });
    }

    #[test]
    fn a_file_that_holds_no_tokens_is_not_taken_for_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let opened = BearerTokens::open(folder.path(), Clock::system()).unwrap_err();
        assert!(opened.to_string().contains("is not a list of tokens"), "{opened}");
    }
}
