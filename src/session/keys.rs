//! The keys that tokens are sealed with: a new one each week, and the old ones for as long as their tokens are valid.
//!
//! They stand in a file of their own beside the sessions, because either file alone opens nothing: a stolen store signs
//! nobody in. The key that the store's content is attested with stands in the same file, and stays the same: whoever
//! can change only the store changes nothing that this program believes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hkdf;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::clock::{SignedDuration, Timestamp};
use crate::disk;
use crate::seal::{SealKey, Sealer, random};
use crate::secret::Secret;
use crate::session::store::attested::Attestor;

/// The file's name in the state folder.
pub const FILE: &str = "seal.keys";

/// The layout of the file.
const FORMAT: u32 = 1;

/// How long one key seals new tokens.
const TURN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// A newer version of this program wrote it.
    #[error("{0} was written by a newer version of this program")]
    Newer(String),
    /// It cannot be understood.
    #[error("{0} holds no keys that can be used: {1}; move it away to make new ones, which signs everybody out")]
    Damaged(String, String),
}

/// Where keys come from.
#[derive(Debug)]
pub enum Source {
    /// Random bytes; the keys last as long as the process.
    Chance,
    /// A file in this folder.
    Folder(PathBuf),
    /// A secret that several nodes have, of which each makes the same keys; and other secrets, which only open tokens.
    /// With these, one secret can take the place of another while the nodes run.
    Secret(Secret, Vec<Secret>),
}

/// Keeps a sealer supplied with keys.
#[derive(Debug)]
pub struct Keys {
    sealer: Arc<Sealer>,
    file: Option<PathBuf>,
    secret: Option<Secret>,
    others: Vec<Secret>,
    /// Whether the file lacks some of the keys, because it could not be written.
    is_unwritten: AtomicBool,
    /// Whether the last attempt to write it has failed.
    has_failed: AtomicBool,
    /// How long a token may be good, in seconds.
    lifetime: AtomicI64,
    held: Mutex<BTreeMap<u32, SealKey>>,
    /// What the store's content is attested with.
    store: Zeroizing<[u8; 32]>,
    /// Whether the store may hold what was written before there was such a key.
    adopts: AtomicBool,
}

#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    keys: Vec<WrittenKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    store: Option<WrittenKey>,
    /// Whether what the store holds has yet to be attested for the first time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    adopts: bool,
}

#[derive(Serialize, Deserialize)]
struct WrittenKey {
    id: u32,
    key: String,
}

impl Drop for WrittenKey {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Keys {
    /// Keys for tokens that are valid for `lifetime`.
    pub fn open(source: Source, lifetime: SignedDuration, now: Timestamp) -> Result<Self, Error> {
        let (file, secret, others) = match source {
            Source::Chance => (None, None, Vec::new()),
            Source::Folder(folder) => (Some(folder.join(FILE)), None, Vec::new()),
            Source::Secret(secret, others) => (None, Some(secret), others),
        };
        let Read { held, store, adopts } = match &file {
            Some(file) => read(file)?,
            None => Read::default(),
        };
        let is_new = store.is_none();
        let store = match &secret {
            Some(secret) => of_store(secret),
            None => store.unwrap_or_else(|| Zeroizing::new(random())),
        };
        let keys = Self {
            sealer: Arc::new(Sealer::new(&[], 0)),
            file,
            secret,
            others,
            is_unwritten: AtomicBool::new(is_new),
            has_failed: AtomicBool::new(false),
            lifetime: AtomicI64::new(lifetime.as_secs()),
            held: Mutex::new(held),
            store,
            adopts: AtomicBool::new(adopts),
        };
        keys.turn(now);
        Ok(keys)
    }

    /// Whether the keys in `folder` can be used, where there are any. Changes nothing.
    pub fn check(folder: &Path) -> Result<(), Error> {
        read(&folder.join(FILE)).map(drop)
    }

    /// What the store's content is attested with.
    pub fn attestor(&self) -> Attestor {
        let others: Vec<_> = self.others.iter().map(|other| *of_store(other)).collect();
        Attestor::new(&self.store, &others)
    }

    /// Whether to believe, this once, a store that was written before content was attested. The file of keys says so,
    /// and not the store: whoever can write only the store cannot make it look older than it is.
    pub fn adopts(&self) -> bool {
        self.adopts.load(Ordering::Relaxed)
    }

    /// Notes that everything in the store is attested by now.
    pub fn adopted(&self, now: Timestamp) {
        if self.adopts.swap(false, Ordering::Relaxed) {
            self.is_unwritten.store(true, Ordering::Relaxed);
            self.turn(now);
        }
    }

    /// The sealer.
    pub fn sealer(&self) -> &Arc<Sealer> {
        &self.sealer
    }

    /// Keeps keys for tokens of this lifetime from now on.
    pub fn hold_to(&self, lifetime: SignedDuration) {
        self.lifetime.store(lifetime.as_secs(), Ordering::Relaxed);
    }

    fn lifetime(&self) -> i64 {
        self.lifetime.load(Ordering::Relaxed)
    }

    /// Makes the key of this week if there is none, and forgets those whose tokens have all expired.
    pub fn turn(&self, now: Timestamp) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (week, before) = (week(now), held.len());
        if let Some(secret) = &self.secret {
            // Other nodes have sealed with the keys of earlier weeks, and one whose clock is ahead may seal with that
            // of the next.
            for week in self.weeks(week) {
                held.entry(week).or_insert_with(|| derive(secret, week));
            }
        }
        held.retain(|id, _| i64::from(*id).saturating_add(1) * TURN.as_secs() + self.lifetime() > now.as_second());
        let fresh = !held.contains_key(&week);
        held.entry(week).or_insert_with(|| SealKey::random(week));
        let mut keys: Vec<SealKey> = held.values().cloned().collect();
        if let Some(file) = &self.file
            && (fresh || held.len() != before || self.is_unwritten.load(Ordering::Relaxed))
        {
            self.keep(file, &keys);
        }
        // After our own: the others only open.
        keys.extend(self.others.iter().flat_map(|secret| self.weeks(week).map(|week| derive(secret, week))));
        self.sealer.turn(&keys, week);
    }

    /// The weeks whose tokens may still be good, and the next one.
    fn weeks(&self, week: u32) -> std::ops::RangeInclusive<u32> {
        let weeks = u32::try_from(self.lifetime() / TURN.as_secs() + 1).unwrap_or(u32::MAX);
        week.saturating_sub(weeks)..=week.saturating_add(1)
    }

    /// Writes the keys. If that fails, the next call of `turn` tries again.
    fn keep(&self, file: &Path, keys: &[SealKey]) {
        let written = write(file, keys, &self.store, self.adopts());
        self.is_unwritten.store(written.is_err(), Ordering::Relaxed);
        let had_failed = self.has_failed.swap(written.is_err(), Ordering::Relaxed);
        match written {
            Err(error) if !had_failed => {
                tracing::error!(file = %file.display(), %error, "sealing keys cannot be written: they work until the next restart, which signs people out");
            }
            Ok(()) if had_failed => {
                tracing::info!(file = %file.display(), "sealing keys can be written again: a restart signs nobody out");
            }
            _ => {}
        }
    }
}

/// The key of a week. Every node that has the secret makes the same one (RFC 5869).
fn derive(secret: &Secret, week: u32) -> SealKey {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"vestibule sealing keys");
    let info = week.to_be_bytes();
    let mut bytes = Zeroizing::new([0; 32]);
    let made = salt.extract(secret.expose().as_bytes());
    let made = made.expand(&[&info], hkdf::HKDF_SHA256).and_then(|key| key.fill(bytes.as_mut_slice()));
    made.unwrap_or_else(|_| unreachable!("the key has the length of the hash"));
    SealKey { id: week, bytes }
}

/// The key that content is attested with. Every node that has the secret makes the same one (RFC 5869).
fn of_store(secret: &Secret) -> Zeroizing<[u8; 32]> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"vestibule store");
    let mut bytes = Zeroizing::new([0; 32]);
    let made = salt.extract(secret.expose().as_bytes());
    let made = made.expand(&[b"attest"], hkdf::HKDF_SHA256).and_then(|key| key.fill(bytes.as_mut_slice()));
    made.unwrap_or_else(|_| unreachable!("the key has the length of the hash"));
    bytes
}

fn week(now: Timestamp) -> u32 {
    u32::try_from(now.as_second().div_euclid(TURN.as_secs())).unwrap_or(0)
}

/// What a file of keys holds.
#[derive(Default)]
struct Read {
    held: BTreeMap<u32, SealKey>,
    store: Option<Zeroizing<[u8; 32]>>,
    adopts: bool,
}

fn read(file: &Path) -> Result<Read, Error> {
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Read::default()),
        Err(error) => return Err(Error::File(name, error)),
    };
    let damaged = |why: String| Error::Damaged(name.clone(), why);
    let written: Written = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if written.format > FORMAT {
        return Err(Error::Newer(name));
    }
    let decode = |written: &WrittenKey| {
        let bytes = STANDARD.decode(written.key.as_bytes()).map(Zeroizing::new).ok()?;
        <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
    };
    let short = || damaged("a key does not have 256 bits".to_owned());
    let keys =
        written.keys.iter().map(|written| Some((written.id, SealKey { id: written.id, bytes: decode(written)? })));
    let held = keys.collect::<Option<_>>().ok_or_else(short)?;
    let store = written.store.as_ref().map(|store| decode(store).ok_or_else(short)).transpose()?;
    // A file without that key was written by a version that attested nothing.
    let adopts = written.adopts || store.is_none();
    Ok(Read { held, store, adopts })
}

/// Replaces the file, whole or not at all.
fn write(file: &Path, keys: &[SealKey], store: &[u8; 32], adopts: bool) -> io::Result<()> {
    let keys = keys.iter().map(|key| WrittenKey { id: key.id, key: STANDARD.encode(*key.bytes) });
    let store = Some(WrittenKey { id: 0, key: STANDARD.encode(store) });
    let text = Zeroizing::new(serde_json::to_vec(&Written { format: FORMAT, keys: keys.collect(), store, adopts })?);
    disk::replace(file, &text, disk::PRIVATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + day * 86_400).unwrap()
    }

    #[test]
    fn what_was_sealed_before_a_restart_opens_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let token = {
            let keys = Keys::open(Source::Folder(folder.path().into()), MONTH, day(0)).unwrap();
            keys.sealer().seal("a", &1, day(30))
        };
        for today in [0, 8, 29] {
            let keys = Keys::open(Source::Folder(folder.path().into()), MONTH, day(today)).unwrap();
            assert_eq!(keys.sealer().open::<i32>("a", &token, day(today)), Ok(1), "day {today}");
        }
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn each_week_another_key_seals_and_old_ones_go_when_nothing_needs_them() {
        let keys = Keys::open(Source::Chance, MONTH, day(0)).unwrap();
        let token = keys.sealer().seal("a", &1, day(1000));
        let ids = || keys.held.lock().unwrap().keys().copied().collect::<Vec<_>>();
        let first = ids();
        keys.turn(day(7));
        assert_eq!(ids(), [first[0], first[0] + 1]);
        assert_ne!(keys.sealer().seal("a", &1, day(9)).get(..5), token.get(..5), "another key seals");
        assert_eq!(keys.sealer().open::<i32>("a", &token, day(7)), Ok(1));
        keys.turn(day(38));
        assert!(!ids().contains(&first[0]), "no token of its time is good any more");
        assert!(keys.sealer().open::<i32>("a", &token, day(38)).is_err());
    }

    #[test]
    fn nodes_with_one_secret_open_each_others_tokens_and_others_do_not() {
        let node = |secret: &str, today| {
            let keys = Keys::open(Source::Secret(Secret::new(secret.into()), vec![]), MONTH, day(today)).unwrap();
            Arc::clone(keys.sealer())
        };
        let token = node("secret", 0).seal("a", &1, day(30));
        for today in [-1, 0, 8, 29] {
            assert_eq!(node("secret", today).open::<i32>("a", &token, day(today)), Ok(1), "day {today}");
        }
        assert!(node("another", 0).open::<i32>("a", &token, day(0)).is_err());
        assert!(node("secret", 40).open::<i32>("a", &token, day(20)).is_err(), "its key is gone");
        assert_ne!(node("secret", 7).seal("a", &1, day(30)).get(..5), token.get(..5), "another key seals each week");
    }

    #[test]
    fn one_secret_takes_the_place_of_another_while_nodes_run() {
        let node = |secret: &str, others: &[&str]| {
            let others = others.iter().map(|other| Secret::new((*other).into())).collect();
            let keys = Keys::open(Source::Secret(Secret::new(secret.into()), others), MONTH, day(0)).unwrap();
            Arc::clone(keys.sealer())
        };
        // First every node opens what the new one will seal, then each seals with it, then the old one goes.
        let steps = [node("old", &[]), node("old", &["new"]), node("new", &["old"]), node("new", &[])];
        for (number, one) in steps.iter().enumerate() {
            let token = one.seal("a", &number, day(30));
            for (other, there) in steps.iter().enumerate() {
                let opened = there.open::<usize>("a", &token, day(0));
                assert_eq!(
                    opened.is_ok(),
                    number.abs_diff(other) < 2 || (1..3).contains(&other),
                    "{number} at {other}"
                );
            }
            assert!(one.open::<usize>("b", &token, day(0)).is_err(), "for another purpose");
        }
        assert!(steps[2].open::<i32>("a", &node("third", &[]).seal("a", &1, day(30)), day(0)).is_err());
    }

    #[test]
    fn the_stores_key_stays_and_a_file_from_before_it_lets_the_store_be_adopted_once() {
        let folder = tempfile::tempdir().unwrap();
        let open = |today| Keys::open(Source::Folder(folder.path().into()), MONTH, day(today)).unwrap();
        let code = {
            let keys = open(0);
            assert!(!keys.adopts(), "there is nothing from before");
            keys.attestor().code(b'x', b"text")
        };
        for today in [1, 40, 400] {
            let keys = open(today);
            assert!(keys.attestor().is_code(b'x', b"text", &code) && !keys.adopts(), "day {today}");
        }
        let path = folder.path().join(FILE);
        let mut text: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        text.as_object_mut().unwrap().remove("store");
        std::fs::write(&path, text.to_string()).unwrap();
        assert!(open(0).adopts());
        let keys = open(0);
        assert!(keys.adopts(), "until it is done");
        keys.adopted(day(0));
        assert!(!keys.adopts() && !open(0).adopts());
        let of = |secret: &str, others: &[&str]| {
            let others = others.iter().map(|other| Secret::new((*other).into())).collect();
            Keys::open(Source::Secret(Secret::new(secret.into()), others), MONTH, day(0)).unwrap().attestor()
        };
        assert!(of("new", &["old"]).is_code(b'x', b"text", &of("old", &[]).code(b'x', b"text")));
        assert!(!of("new", &[]).is_code(b'x', b"text", &of("old", &[]).code(b'x', b"text")));
    }

    #[test]
    fn keys_that_could_not_be_written_are_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("not yet");
        let keys = Keys::open(Source::Folder(place.clone()), MONTH, day(0)).unwrap();
        // A file is no folder.
        std::fs::remove_dir_all(&place).unwrap();
        std::fs::write(&place, "").unwrap();
        let token = keys.sealer().seal("a", &1, day(30));
        assert!(!keys.has_failed.load(Ordering::Relaxed), "the first time, nothing can be written *again*");
        keys.is_unwritten.store(true, Ordering::Relaxed);
        keys.turn(day(0));
        assert!(keys.has_failed.load(Ordering::Relaxed));
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        keys.turn(day(0));
        let again = Keys::open(Source::Folder(place), MONTH, day(0)).unwrap();
        assert_eq!(again.sealer().open::<i32>("a", &token, day(0)), Ok(1));
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let short = r#"{"format":1,"keys":[{"id":1,"key":"AAAA"}]}"#;
        for (text, said) in
            [("{}", "missing field"), (r#"{"format":2,"keys":[]}"#, "newer version"), (short, "256 bits")]
        {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let error = Keys::open(Source::Folder(folder.path().into()), MONTH, day(0)).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
