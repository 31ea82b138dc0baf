//! A store whose content is attested: what was written by somebody who does not have the key counts as absent.
//!
//! Before each content stands a message authentication code (HMAC-SHA-256 cut to 128 bits, RFC 2104) over the content,
//! its kind, key and person, and when it expires. So somebody who can change the file or the server cannot make a
//! session another person's, move one row into another's place, or let it last longer. The key is not in the store.
//! Content whose code does not match counts as absent.
//!
//! A code says nothing of what is missing. Whoever can write the store can remove records, and can put back what stood
//! in the same place before. Only what nodes know themselves (their journals of ends) protects against that.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc;

use super::{Answer, Error, Health, Key, Kind, News, Row, Store};
use crate::clock::{Clock, Timestamp};

/// The first octet: the layout. Content that was never attested is JSON, and begins with a bracket or a brace instead.
const LAYOUT: u8 = 1;

/// The letter of sessions; kinds of records have theirs.
const SESSION: u8 = b's';

/// The letter of what nodes tell each other.
const WORD: u8 = b'w';

const CODE_LEN: usize = 16;

/// How many news may wait to be taken.
const NEWS: usize = 10_000;

/// How long there is no second event about content that is not attested.
const SAID: Duration = Duration::from_secs(60);

type Code = [u8; CODE_LEN];

/// Attests what is written, and knows it again.
pub struct Attestor {
    own: hmac::Key,
    /// Keys of other secrets: content that was attested with them is believed, and nothing is attested with them. So
    /// one secret can take the place of another.
    others: Vec<hmac::Key>,
    said: Mutex<Option<Instant>>,
    unsaid: AtomicU64,
}

/// What is attested of a content.
#[derive(Clone, Copy)]
struct Claim<'a> {
    letter: u8,
    key: Key,
    person: Key,
    expires: Timestamp,
    content: &'a [u8],
}

impl Attestor {
    /// One that attests with `own`, and believes what was attested with `others`, too.
    pub fn new(own: &[u8; 32], others: &[[u8; 32]]) -> Self {
        let key = |bytes: &[u8; 32]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let others = others.iter().map(key).collect();
        Self { own: key(own), others, said: Mutex::default(), unsaid: AtomicU64::new(0) }
    }

    /// The code of octets that are kept elsewhere than in a store.
    pub fn code(&self, letter: u8, octets: &[u8]) -> Code {
        code(
            &self.own,
            Claim { letter, key: [0; 16], person: [0; 16], expires: Timestamp::UNIX_EPOCH, content: octets },
        )
    }

    /// Whether `found` is the code of these octets.
    pub fn is_code(&self, letter: u8, octets: &[u8], found: &[u8]) -> bool {
        let claim = Claim { letter, key: [0; 16], person: [0; 16], expires: Timestamp::UNIX_EPOCH, content: octets };
        self.known_by(claim, found).is_some()
    }

    /// A record's content as it is to be written.
    pub(super) fn record(&self, kind: Kind, key: Key, content: &[u8], expires: Timestamp) -> Vec<u8> {
        let time = expires.as_millisecond().to_be_bytes();
        let claim = Claim { letter: kind.letter(), key, person: [0; 16], expires, content };
        [&[LAYOUT], code(&self.own, claim).as_slice(), &time, content].concat()
    }

    /// A session's content as it is to be written.
    pub(super) fn row(&self, row: &Row) -> Vec<u8> {
        [&[LAYOUT], code(&self.own, claim_of(row, &row.content)).as_slice(), &row.content].concat()
    }

    /// A record's content, when it expires, and whether it must be attested anew, because another key has attested it.
    /// `None`, and an event, if it cannot be believed.
    fn read(&self, kind: Kind, key: Key, raw: &[u8]) -> Option<(Vec<u8>, Timestamp, bool)> {
        let read = || {
            let (found, rest) = split(raw)?;
            let (time, content) = rest.split_first_chunk::<8>()?;
            let expires = Timestamp::from_millisecond(i64::from_be_bytes(*time)).ok()?;
            let claim = Claim { letter: kind.letter(), key, person: [0; 16], expires, content };
            let is_old = self.known_by(claim, found)?;
            Some((content.to_vec(), expires, is_old))
        };
        read().or_else(|| {
            self.say(kind.letter(), key);
            None
        })
    }

    /// The row as it was given to the store, and whether it must be attested anew. `None`, and an event, if it cannot
    /// be believed.
    fn read_row(&self, mut row: Row) -> Option<(Row, bool)> {
        let read = |row: &Row| {
            let (found, content) = split(&row.content)?;
            let is_old = self.known_by(claim_of(row, content), found)?;
            Some((content.to_vec(), is_old))
        };
        let Some((content, is_old)) = read(&row) else {
            self.say(SESSION, row.id);
            return None;
        };
        row.content = content;
        Some((row, is_old))
    }

    /// Whether a code matches: `Some(false)` with our own key, `Some(true)` with one of the others, `None` with no key.
    fn known_by(&self, claim: Claim<'_>, found: &[u8]) -> Option<bool> {
        let holds = |key: &hmac::Key| bool::from(code(key, claim).ct_eq(found));
        if holds(&self.own) {
            return Some(false);
        }
        self.others.iter().any(holds).then_some(true)
    }

    /// Writes an event that something in the store was not written by this program: at most one a minute, with how many
    /// were found.
    fn say(&self, letter: u8, key: Key) {
        let found = self.unsaid.fetch_add(1, Ordering::Relaxed) + 1;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_some_and(|said| said.elapsed() < SAID) {
            return;
        }
        *said = Some(Instant::now());
        self.unsaid.store(0, Ordering::Relaxed);
        let [a, b, c, d, ..] = key;
        let (kind, key) = (char::from(letter), format!("{a:02x}{b:02x}{c:02x}{d:02x}"));
        tracing::error!(
            %kind,
            key,
            found,
            "the session store holds what this program did not write there, and treats it as absent: somebody has changed \
             the store, or its key is another one"
        );
    }
}

impl std::fmt::Debug for Attestor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Attestor(***)")
    }
}

fn claim_of<'a>(row: &Row, content: &'a [u8]) -> Claim<'a> {
    Claim { letter: SESSION, key: row.id, person: row.person, expires: row.expires, content }
}

/// Everything before the content has a fixed length, so that no two claims are the same octets.
fn code(key: &hmac::Key, claim: Claim<'_>) -> Code {
    let mut context = hmac::Context::with_key(key);
    context.update(b"vestibule store 1");
    context.update(&[claim.letter]);
    context.update(&claim.key);
    context.update(&claim.person);
    context.update(&claim.expires.as_millisecond().to_be_bytes());
    context.update(claim.content);
    context.sign().as_ref().first_chunk().copied().unwrap_or_default()
}

fn split(raw: &[u8]) -> Option<(&[u8], &[u8])> {
    let (layout, rest) = raw.split_first()?;
    (*layout == LAYOUT).then(|| rest.split_at_checked(CODE_LEN))?
}

/// Another store, in which everything is attested.
#[derive(Debug)]
pub struct Attested {
    store: Arc<dyn Store>,
    attestor: Arc<Attestor>,
    clock: Clock,
}

impl Attested {
    /// Attests what it gives to `store`, and believes nothing else that comes from there.
    pub fn new(store: Arc<dyn Store>, attestor: Arc<Attestor>, clock: Clock) -> Self {
        Self { store, attestor, clock }
    }

    /// A record as it stands in the store (for a swap), and its content if it can be believed and has not expired.
    async fn look(&self, kind: Kind, key: Key) -> Result<(Option<Vec<u8>>, Option<Vec<u8>>), Error> {
        let Some(raw) = self.store.peek(kind, key).await? else { return Ok((None, None)) };
        let Some((content, expires, is_old)) = self.attestor.read(kind, key, &raw) else {
            return Ok((Some(raw), None));
        };
        if expires <= self.clock.now() {
            return Ok((Some(raw), None));
        }
        if is_old {
            let fresh = self.attestor.record(kind, key, &content, expires);
            // If somebody has changed it meanwhile, they have attested it, too.
            if self.store.swap(kind, key, Some(raw.clone()), fresh.clone(), expires).await? {
                return Ok((Some(fresh), Some(content)));
            }
        }
        Ok((Some(raw), Some(content)))
    }

    /// The rows that can be believed. Those that another key has attested are written anew.
    async fn believed(&self, rows: Vec<Row>) -> Vec<Row> {
        let mut old = Vec::new();
        let read = rows.into_iter().filter_map(|row| {
            let (row, is_old) = self.attestor.read_row(row)?;
            if is_old {
                old.push(self.attested(&row));
            }
            Some(row)
        });
        let rows = read.collect();
        if !old.is_empty() && self.store.renew(old).await.is_err() {
            tracing::debug!(
                "the session store did not take sessions that were attested anew with the present secret: the next reader tries again"
            );
        }
        rows
    }

    /// The first portion of rows after this one of which at least one can be believed. A portion of which none can does
    /// not mean that the rows end there.
    async fn portion<'a>(
        &'a self,
        mut after: Option<Key>,
        ask: impl Fn(Option<Key>) -> Answer<'a, Vec<Row>> + Send,
    ) -> Result<Vec<Row>, Error> {
        loop {
            let rows = ask(after).await?;
            let Some(last) = rows.last() else { return Ok(rows) };
            after = Some(last.id);
            let rows = self.believed(rows).await;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
    }

    fn attested(&self, row: &Row) -> Row {
        Row { content: self.attestor.row(row), ..row.clone() }
    }
}

impl Store for Attested {
    fn put(&self, kind: Kind, key: Key, record: Vec<u8>, expires: Timestamp) -> Answer<'_, ()> {
        self.store.put(kind, key, self.attestor.record(kind, key, &record, expires), expires)
    }

    fn peek(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        match kind {
            // It has no content: that it exists is all it says.
            Kind::Ended => self.store.peek(kind, key),
            _ => Box::pin(async move { Ok(self.look(kind, key).await?.1) }),
        }
    }

    fn take(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let Some(raw) = self.store.take(kind, key).await? else { return Ok(None) };
            let read = self.attestor.read(kind, key, &raw);
            Ok(read.filter(|(_, expires, _)| *expires > self.clock.now()).map(|(content, ..)| content))
        })
    }

    fn claim(&self, kind: Kind, key: Key, expires: Timestamp) -> Answer<'_, bool> {
        // A claim has no content: that it exists is all it says, whoever wrote it.
        self.store.claim(kind, key, expires)
    }

    fn swap(
        &self,
        kind: Kind,
        key: Key,
        seen: Option<Vec<u8>>,
        record: Vec<u8>,
        expires: Timestamp,
    ) -> Answer<'_, bool> {
        Box::pin(async move {
            // A record that cannot be believed counts as absent, so a swap that expects none replaces it.
            let (raw, held) = self.look(kind, key).await?;
            if held != seen {
                return Ok(false);
            }
            let record = self.attestor.record(kind, key, &record, expires);
            self.store.swap(kind, key, raw, record, expires).await
        })
    }

    fn count(&self, key: Key, expires: Timestamp) -> Answer<'_, u64> {
        self.store.count(key, expires)
    }

    fn keep(&self, row: Row) -> Answer<'_, bool> {
        self.store.keep(self.attested(&row))
    }

    fn renew(&self, rows: Vec<Row>) -> Answer<'_, ()> {
        self.store.renew(rows.iter().map(|row| self.attested(row)).collect())
    }

    fn find(&self, id: Key) -> Answer<'_, Option<Row>> {
        Box::pin(async move {
            let found = self.store.find(id).await?;
            Ok(self.believed(found.into_iter().collect()).await.pop())
        })
    }

    fn of_person(&self, person: Key) -> Answer<'_, Vec<Row>> {
        Box::pin(async move { Ok(self.believed(self.store.of_person(person).await?).await) })
    }

    fn of_name(&self, name: Key) -> Answer<'_, Vec<Row>> {
        // The index is not attested, only the rows are: the caller compares what a row says.
        Box::pin(async move { Ok(self.believed(self.store.of_name(name).await?).await) })
    }

    fn unnamed(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        Box::pin(self.portion(after, move |after| self.store.unnamed(after, most)))
    }

    fn held_by(&self, person: Key) -> Answer<'_, usize> {
        self.store.held_by(person)
    }

    fn list(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        Box::pin(self.portion(after, move |after| self.store.list(after, most)))
    }

    fn end(&self, row: Row) -> Answer<'_, bool> {
        self.store.end(row)
    }

    fn sync(&self) -> Answer<'_, ()> {
        self.store.sync()
    }

    fn arrive(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.store.arrive()
    }

    fn sessions(&self) -> usize {
        self.store.sessions()
    }

    fn health(&self) -> Health {
        self.store.health()
    }

    fn sweep(&self) {
        self.store.sweep();
    }

    fn tell(&self, what: Vec<u8>) -> Answer<'_, ()> {
        let code = self.attestor.code(WORD, &what);
        self.store.tell([code.as_slice(), &what].concat())
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn news(&self) -> Option<mpsc::Receiver<News>> {
        let mut all = self.store.news()?;
        let (pass, news) = mpsc::channel(NEWS);
        let attestor = Arc::clone(&self.attestor);
        tokio::spawn(async move {
            while let Some(one) = all.recv().await {
                let one = match one {
                    News::Told(told) => match told.split_at_checked(CODE_LEN) {
                        Some((code, what)) if attestor.is_code(WORD, what, code) => News::Told(what.to_vec()),
                        _ => {
                            attestor.say(WORD, [0; 16]);
                            continue;
                        }
                    },
                    other => other,
                };
                if pass.send(one).await.is_err() {
                    return;
                }
            }
        });
        Some(news)
    }
}

#[cfg(test)]
mod tests;
