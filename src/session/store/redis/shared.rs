//! What all operations of the store have in common: names of keys, rows, and the indexes that lead to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{FromRedisValue, Script};
use tokio::sync::watch;
use tokio::time::timeout;

use super::feed::{Position, position_of};
use super::link::{Ask, Link};
use super::scripts::KEEP;
use crate::clock::{Clock, Timestamp};
use crate::session::store::{Error, Key, Kind, NAMELESS, Row};

/// How long a node waits for what it told to come back to it by the stream.
const ROUND: Duration = Duration::from_millis(500);

/// What is added to the score in `ends` of sessions that were kept with a name: more milliseconds than any time has,
/// and exact in the floating-point number that a score is.
pub(super) const NAMED: i64 = 1 << 50;

/// How much of what has expired one command removes.
const SWEPT_AT_ONCE: usize = 1000;

/// The server, as far as every operation needs it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) link: Arc<Link>,
    pub(super) clock: Clock,
    pub(super) prefix: String,
    pub(super) sessions: AtomicUsize,
    pub(super) seen: watch::Receiver<Position>,
    /// Whether this node will hear what is told from now on.
    pub(super) hears: watch::Receiver<bool>,
}

impl Shared {
    pub(super) fn name(&self, part: &str, key: &[u8]) -> Vec<u8> {
        let mut name = format!("{}:{part}", self.prefix).into_bytes();
        if !key.is_empty() {
            name.push(b':');
            name.extend(key.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
        }
        name
    }

    pub(super) fn record(&self, kind: Kind, key: Key) -> Vec<u8> {
        if kind == Kind::Ended {
            return self.name("e", &key);
        }
        self.name(&format!("r:{}", char::from(kind.letter())), &key)
    }

    /// How many milliseconds are left until then; `None` if it is over.
    pub(super) fn left(&self, expires: Timestamp) -> Option<i64> {
        let left = expires.as_millisecond().saturating_sub(self.clock.now().as_millisecond());
        (left > 0).then_some(left)
    }

    pub(super) async fn command<T: FromRedisValue>(&self, command: redis::Cmd) -> Result<T, Error> {
        self.link.ask(Ask::Command(command)).await
    }

    pub(super) async fn script<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: Vec<Vec<u8>>,
        arguments: Vec<Vec<u8>>,
    ) -> Result<T, Error> {
        self.link.ask(Ask::Script(script, keys, arguments)).await
    }

    pub(super) fn ways(&self, row: &Row) -> Vec<Vec<u8>> {
        vec![
            self.name("s", &row.id),
            self.name("e", &row.id),
            self.name("u", &row.person),
            self.name("ids", &[]),
            self.name("ends", &[]),
            self.name("n", &row.name.unwrap_or(NAMELESS)),
        ]
    }

    pub(super) async fn keep(&self, row: &Row, mode: &str) -> Result<bool, Error> {
        let Some(left) = self.left(row.expires) else { return Ok(true) };
        let value = [row.expires.as_millisecond().to_be_bytes().as_slice(), &row.person, &row.content].concat();
        let (end, naming) = (
            row.expires.as_millisecond(),
            match row.name {
                None => "unsaid",
                Some(NAMELESS) => "nameless",
                Some(_) => "named",
            },
        );
        let arguments = vec![
            value,
            text(left),
            row.id.to_vec(),
            text(end),
            mode.as_bytes().to_vec(),
            naming.as_bytes().to_vec(),
            text(end.saturating_add(NAMED)),
            text(NAMED),
        ];
        self.script::<bool>(&KEEP, self.ways(row), arguments).await
    }

    /// The sessions with these identifiers, and the identifiers of those that are gone.
    pub(super) async fn rows(&self, ids: Vec<Key>) -> Result<(Vec<Row>, Vec<Key>), Error> {
        if ids.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let mut command = redis::cmd("MGET");
        for id in &ids {
            command.arg(self.name("s", id));
        }
        let found: Vec<Option<Vec<u8>>> = self.command(command).await?;
        let (mut rows, mut gone) = (Vec::new(), Vec::new());
        for (id, value) in ids.into_iter().zip(found) {
            match value.as_deref().and_then(|value| read_row(id, value)) {
                Some(row) if self.left(row.expires).is_some() => rows.push(row),
                _ => gone.push(id),
            }
        }
        Ok((rows, gone))
    }

    pub(super) async fn forget(&self, index: Vec<u8>, ids: &[Key]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("ZREM");
        command.arg(index);
        for id in ids {
            command.arg(id.as_slice());
        }
        self.command::<u64>(command).await.map(drop)
    }

    pub(super) async fn count_sessions(&self) -> Result<(), Error> {
        let mut command = redis::cmd("ZCARD");
        command.arg(self.name("ids", &[]));
        self.sessions.store(self.command(command).await?, Ordering::Relaxed);
        Ok(())
    }

    /// Removes from the indexes what the server has let expire.
    pub(super) async fn sweep(&self) -> Result<(), Error> {
        let now = self.clock.now().as_millisecond();
        self.sweep_between(i64::MIN, now).await?;
        self.sweep_between(NAMED, now.saturating_add(NAMED)).await?;
        self.count_sessions().await
    }

    pub(super) async fn sweep_between(&self, from: i64, to: i64) -> Result<(), Error> {
        loop {
            let mut command = redis::cmd("ZRANGEBYSCORE");
            command.arg(self.name("ends", &[])).arg(from).arg(to).arg("LIMIT").arg(0).arg(SWEPT_AT_ONCE);
            let over: Vec<Vec<u8>> = self.command(command).await?;
            let ids: Vec<Key> = over.into_iter().filter_map(|id| Key::try_from(id).ok()).collect();
            self.forget(self.name("ids", &[]), &ids).await?;
            self.forget(self.name("ends", &[]), &ids).await?;
            if ids.len() < SWEPT_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// The sessions that an index leads to. Removes from it those that are gone.
    pub(super) async fn under(&self, index: Vec<u8>) -> Result<Vec<Row>, Error> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(&index).arg(0).arg(-1);
        let ids: Vec<Vec<u8>> = self.command(command).await?;
        let (rows, gone) = self.rows(ids.into_iter().filter_map(|id| Key::try_from(id).ok()).collect()).await?;
        self.forget(index, &gone).await?;
        Ok(rows)
    }

    /// Up to `most` identifiers after this one, in their order.
    pub(super) async fn ids(&self, after: Option<Key>, most: usize) -> Result<Vec<Key>, Error> {
        let start = after.map_or(b"-".to_vec(), |id| [b"(".as_slice(), &id].concat());
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(self.name("ids", &[])).arg(start).arg("+").arg("LIMIT").arg(0).arg(most);
        let ids: Vec<Vec<u8>> = self.command(command).await?;
        Ok(ids.into_iter().filter_map(|id| Key::try_from(id).ok()).collect())
    }

    /// Waits, for [`ROUND`] at most, until an entry of the stream has come back to us: by then the server has sent it
    /// to the other nodes, too, as far as they can be reached.
    pub(super) async fn round(&self, entry: &str) {
        let Some(place) = position_of(entry) else { return };
        let mut seen = self.seen.clone();
        // Too late is no error: a node that hears no news goes on all the same.
        drop(timeout(ROUND, seen.wait_for(|seen| *seen >= place)).await);
    }
}

pub(super) fn text(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn read_row(id: Key, value: &[u8]) -> Option<Row> {
    let (expires, rest) = value.split_first_chunk::<8>()?;
    let (person, content) = rest.split_first_chunk::<16>()?;
    let expires = Timestamp::from_millisecond(i64::from_be_bytes(*expires)).ok()?;
    Some(Row { id, person: *person, name: None, expires, content: content.to_vec() })
}
