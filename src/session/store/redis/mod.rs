//! The store that nodes share: Redis or Valkey, alone, behind Sentinels, or in a cluster.
//!
//! All key names have the same hash tag, so that a cluster keeps everything in one slot, and a script can touch all of
//! it. The store is there if the server of that slot is.
//!
//! | name | holds |
//! |---|---|
//! | `{vestibule}:r:<kind>:<key>` | a record |
//! | `{vestibule}:s:<id>` | a session: when it expires, person, content |
//! | `{vestibule}:u:<person>` | the identifiers of a person's sessions |
//! | `{vestibule}:n:<name>` | the identifiers of the sessions that were given a name |
//! | `{vestibule}:ids`, `{vestibule}:ends` | all identifiers, in their order, and by when they end |
//! | `{vestibule}:e:<id>` | that a session has been ended |
//! | `{vestibule}:feed` | what nodes tell each other |
//! | `{vestibule}:mark` | a random word: if it is another one than before, the server has lost everything |
//!
//! In `ends`, a session that was kept with a name (or with the word that it has none) has a score of its end plus 2^50
//! milliseconds (`NAMED`). An older version that shares the store gives its sessions a score of their end alone, and
//! removes any session by its identifier. So one look at the low scores says whether there is a session that has been
//! given no name.
//!
//! What expires is sent with its remaining time, and not with a time of day: the server's clock need not agree with
//! ours.

pub mod config;
mod feed;
mod link;
mod named;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use redis::{FromRedisValue, Script};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Answer, Error, Health, Key, Kind, NAMELESS, News, Row, Store};
use crate::clock::{Clock, Timestamp};
pub use config::Config;
use feed::{Position, Progress, position_of};
use link::{Ask, Link};
use named::NAMED;

/// Entries of the stream that are kept for nodes that have been away.
const FEED_LENGTH: usize = 100_000;

/// How long a node waits for what it told to come back to it by the stream.
const ROUND: Duration = Duration::from_millis(500);

/// How often `arrive` looks whether the store answers.
const GLANCE: Duration = Duration::from_millis(5);

/// How many news may wait to be taken.
const NEWS: usize = 10_000;

/// How much of what has expired one command removes.
const SWEPT_AT_ONCE: usize = 1000;

/// Keeps a session (`new`) or renews it (`old`), with the indexes to it. If its name is not said (`unsaid`), it keeps
/// its place among those with or without a name.
static KEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
         if ARGV[5] == 'old' and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         redis.call('ZADD', KEYS[3], ARGV[4], ARGV[3])
         if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[3], ARGV[2]) end
         redis.call('ZADD', KEYS[4], 0, ARGV[3])
         local place = ARGV[7]
         if ARGV[6] == 'unsaid' then
             local held = redis.call('ZSCORE', KEYS[5], ARGV[3])
             if not held or tonumber(held) < tonumber(ARGV[8]) then place = ARGV[4] end
         end
         redis.call('ZADD', KEYS[5], place, ARGV[3])
         if ARGV[6] == 'named' then
             redis.call('ZADD', KEYS[6], ARGV[4], ARGV[3])
             if redis.call('PTTL', KEYS[6]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[6], ARGV[2]) end
         end
         return 1",
    )
});

/// Ends a session, and tells all nodes by the stream.
static END: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local had = redis.call('DEL', KEYS[1])
         redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
         redis.call('ZREM', KEYS[3], ARGV[1])
         redis.call('ZREM', KEYS[4], ARGV[1])
         redis.call('ZREM', KEYS[5], ARGV[1])
         redis.call('ZREM', KEYS[6], ARGV[1])
         return {had, redis.call('XADD', KEYS[7], 'MAXLEN', '~', ARGV[3], '*', 'ended', ARGV[1])}",
    )
});

static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local held = redis.call('GET', KEYS[1])
         if ARGV[1] == 'none' then
             if held then return 0 end
         elseif held ~= ARGV[2] then return 0 end
         redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
         return 1",
    )
});

static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local sum = redis.call('INCR', KEYS[1])
         if sum == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
         return sum",
    )
});

/// The shared store.
#[derive(Debug)]
pub struct Redis {
    shared: Arc<Shared>,
    news: Mutex<Option<mpsc::Receiver<News>>>,
    _tasks: DropGuard,
}

#[derive(Debug)]
struct Shared {
    link: Arc<Link>,
    clock: Clock,
    prefix: String,
    sessions: AtomicUsize,
    seen: watch::Receiver<Position>,
    /// Whether this node will hear what is told from now on.
    hears: watch::Receiver<bool>,
}

impl Redis {
    /// The store at the servers of `config`. They may be away: a task connects in the background. Must be called in a
    /// Tokio runtime.
    pub fn start(config: Config, clock: Clock) -> Self {
        let prefix = format!("{{{}}}", config.prefix);
        let link = Link::new(config, clock.clone());
        let (tell, news) = mpsc::channel(NEWS);
        let (see, seen) = watch::channel((0, 0));
        let (hear, hears) = watch::channel(false);
        let stop = CancellationToken::new();
        let shared =
            Arc::new(Shared { link: Arc::clone(&link), clock, prefix, sessions: AtomicUsize::new(0), seen, hears });
        let returned = {
            let (tell, shared) = (tell.clone(), Arc::clone(&shared));
            async move || {
                // Not waited for: whoever takes the news may be slow, and the connection must be looked after all the
                // same.
                drop(tell.try_send(News::Returned));
                shared.count_sessions().await.ok();
            }
        };
        let (keeping, reading) = (stop.clone(), stop.clone());
        let keep_up = Arc::clone(&link).keep_up(returned);
        tokio::spawn(async move { keeping.run_until_cancelled(keep_up).await });
        let read = feed::read(link, shared.name("feed", &[]), tell, Progress { see, hear });
        tokio::spawn(async move { reading.run_until_cancelled(read).await });
        Self { shared, news: Mutex::new(Some(news)), _tasks: stop.drop_guard() }
    }
}

impl Shared {
    fn name(&self, part: &str, key: &[u8]) -> Vec<u8> {
        let mut name = format!("{}:{part}", self.prefix).into_bytes();
        if !key.is_empty() {
            name.push(b':');
            name.extend(key.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
        }
        name
    }

    fn record(&self, kind: Kind, key: Key) -> Vec<u8> {
        if kind == Kind::Ended {
            return self.name("e", &key);
        }
        self.name(&format!("r:{}", char::from(kind.letter())), &key)
    }

    /// How many milliseconds are left until then; `None` if it is over.
    fn left(&self, expires: Timestamp) -> Option<i64> {
        let left = expires.as_millisecond().saturating_sub(self.clock.now().as_millisecond());
        (left > 0).then_some(left)
    }

    async fn command<T: FromRedisValue>(&self, command: redis::Cmd) -> Result<T, Error> {
        self.link.ask(Ask::Command(command)).await
    }

    async fn script<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: Vec<Vec<u8>>,
        arguments: Vec<Vec<u8>>,
    ) -> Result<T, Error> {
        self.link.ask(Ask::Script(script, keys, arguments)).await
    }

    fn ways(&self, row: &Row) -> Vec<Vec<u8>> {
        vec![
            self.name("s", &row.id),
            self.name("e", &row.id),
            self.name("u", &row.person),
            self.name("ids", &[]),
            self.name("ends", &[]),
            self.name("n", &row.name.unwrap_or(NAMELESS)),
        ]
    }

    async fn keep(&self, row: &Row, mode: &str) -> Result<bool, Error> {
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
    async fn rows(&self, ids: Vec<Key>) -> Result<(Vec<Row>, Vec<Key>), Error> {
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

    async fn forget(&self, index: Vec<u8>, ids: &[Key]) -> Result<(), Error> {
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

    async fn count_sessions(&self) -> Result<(), Error> {
        let mut command = redis::cmd("ZCARD");
        command.arg(self.name("ids", &[]));
        self.sessions.store(self.command(command).await?, Ordering::Relaxed);
        Ok(())
    }

    /// Removes from the indexes what the server has let expire.
    async fn sweep(&self) -> Result<(), Error> {
        let now = self.clock.now().as_millisecond();
        self.sweep_between(i64::MIN, now).await?;
        self.sweep_between(NAMED, now.saturating_add(NAMED)).await?;
        self.count_sessions().await
    }

    async fn sweep_between(&self, from: i64, to: i64) -> Result<(), Error> {
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
    async fn under(&self, index: Vec<u8>) -> Result<Vec<Row>, Error> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(&index).arg(0).arg(-1);
        let ids: Vec<Vec<u8>> = self.command(command).await?;
        let (rows, gone) = self.rows(ids.into_iter().filter_map(|id| Key::try_from(id).ok()).collect()).await?;
        self.forget(index, &gone).await?;
        Ok(rows)
    }

    /// Up to `most` identifiers after this one, in their order.
    async fn ids(&self, after: Option<Key>, most: usize) -> Result<Vec<Key>, Error> {
        let start = after.map_or(b"-".to_vec(), |id| [b"(".as_slice(), &id].concat());
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(self.name("ids", &[])).arg(start).arg("+").arg("LIMIT").arg(0).arg(most);
        let ids: Vec<Vec<u8>> = self.command(command).await?;
        Ok(ids.into_iter().filter_map(|id| Key::try_from(id).ok()).collect())
    }

    /// Waits, for [`ROUND`] at most, until an entry of the stream has come back to us: by then the server has sent it
    /// to the other nodes, too, as far as they can be reached.
    async fn round(&self, entry: &str) {
        let Some(place) = position_of(entry) else { return };
        let mut seen = self.seen.clone();
        // Too late is no error: a node that hears no news goes on all the same.
        drop(timeout(ROUND, seen.wait_for(|seen| *seen >= place)).await);
    }
}

fn text(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn read_row(id: Key, value: &[u8]) -> Option<Row> {
    let (expires, rest) = value.split_first_chunk::<8>()?;
    let (person, content) = rest.split_first_chunk::<16>()?;
    let expires = Timestamp::from_millisecond(i64::from_be_bytes(*expires)).ok()?;
    Some(Row { id, person: *person, name: None, expires, content: content.to_vec() })
}

impl Store for Redis {
    fn put(&self, kind: Kind, key: Key, record: Vec<u8>, expires: Timestamp) -> Answer<'_, ()> {
        let shared = &self.shared;
        Box::pin(async move {
            let Some(left) = shared.left(expires) else { return Ok(()) };
            let mut command = redis::cmd("SET");
            command.arg(shared.record(kind, key)).arg(record).arg("PX").arg(left);
            shared.command(command).await
        })
    }

    fn peek(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        let mut command = redis::cmd("GET");
        command.arg(self.shared.record(kind, key));
        Box::pin(self.shared.command(command))
    }

    fn take(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        let mut command = redis::cmd("GETDEL");
        command.arg(self.shared.record(kind, key));
        Box::pin(self.shared.command(command))
    }

    fn claim(&self, kind: Kind, key: Key, expires: Timestamp) -> Answer<'_, bool> {
        self.swap(kind, key, None, Vec::new(), expires)
    }

    fn swap(
        &self,
        kind: Kind,
        key: Key,
        seen: Option<Vec<u8>>,
        record: Vec<u8>,
        expires: Timestamp,
    ) -> Answer<'_, bool> {
        let shared = &self.shared;
        Box::pin(async move {
            let left = shared.left(expires).unwrap_or(1);
            let mode = if seen.is_some() { "some" } else { "none" };
            let arguments = vec![mode.as_bytes().to_vec(), seen.unwrap_or_default(), record, text(left)];
            shared.script(&SWAP, vec![shared.record(kind, key)], arguments).await
        })
    }

    fn count(&self, key: Key, expires: Timestamp) -> Answer<'_, u64> {
        let shared = &self.shared;
        Box::pin(async move {
            let left = shared.left(expires).unwrap_or(1);
            shared.script(&COUNT, vec![shared.record(Kind::Count, key)], vec![text(left)]).await
        })
    }

    fn keep(&self, row: Row) -> Answer<'_, bool> {
        let shared = &self.shared;
        Box::pin(async move {
            let kept = shared.keep(&row, "new").await?;
            shared.sessions.fetch_add(usize::from(kept), Ordering::Relaxed);
            Ok(kept)
        })
    }

    fn renew(&self, rows: Vec<Row>) -> Answer<'_, ()> {
        let shared = &self.shared;
        Box::pin(async move {
            for row in &rows {
                shared.keep(row, "old").await?;
            }
            Ok(())
        })
    }

    fn find(&self, id: Key) -> Answer<'_, Option<Row>> {
        let shared = &self.shared;
        Box::pin(async move { Ok(shared.rows(vec![id]).await?.0.pop()) })
    }

    fn of_person(&self, person: Key) -> Answer<'_, Vec<Row>> {
        Box::pin(self.shared.under(self.shared.name("u", &person)))
    }

    fn of_name(&self, name: Key) -> Answer<'_, Vec<Row>> {
        Box::pin(self.shared.under(self.shared.name("n", &name)))
    }

    fn unnamed(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        let shared = &self.shared;
        Box::pin(async move {
            let mut from = after;
            while shared.has_unnamed().await? {
                let ids = shared.ids(from, most).await?;
                let Some(last) = ids.last() else { break };
                from = Some(*last);
                let (rows, _) = shared.rows(shared.unnamed_of(ids).await?).await?;
                if !rows.is_empty() {
                    return Ok(rows);
                }
            }
            Ok(Vec::new())
        })
    }

    fn held_by(&self, person: Key) -> Answer<'_, usize> {
        let mut command = redis::cmd("ZCARD");
        command.arg(self.shared.name("u", &person));
        Box::pin(self.shared.command(command))
    }

    fn list(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        let shared = &self.shared;
        Box::pin(async move {
            let mut from = after;
            loop {
                let ids = shared.ids(from, most).await?;
                from = ids.last().copied();
                let (rows, _) = shared.rows(ids).await?;
                // Sessions that have expired may fill a portion, so a portion without any is not the end.
                if !rows.is_empty() || from.is_none() {
                    return Ok(rows);
                }
            }
        })
    }

    fn end(&self, row: Row) -> Answer<'_, bool> {
        let shared = &self.shared;
        Box::pin(async move {
            let left = shared.left(row.expires).unwrap_or(1);
            let mut names = shared.ways(&row);
            names.push(shared.name("feed", &[]));
            let arguments = vec![row.id.to_vec(), text(left), FEED_LENGTH.to_string().into_bytes()];
            let (had, entry): (bool, String) = shared.script(&END, names, arguments).await?;
            if had {
                let fewer = |sessions: usize| Some(sessions.saturating_sub(1));
                shared.sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).ok();
            }
            shared.round(&entry).await;
            Ok(had)
        })
    }

    fn sync(&self) -> Answer<'_, ()> {
        Box::pin(async move { self.shared.count_sessions().await })
    }

    fn arrive(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let mut hears = self.shared.hears.clone();
            // In this order: if we read from the store before we hear its news, what we read could go out of date
            // without our hearing of it.
            hears.wait_for(|hears| *hears).await.ok();
            while self.health() != Health::Well {
                sleep(GLANCE).await;
            }
        })
    }

    fn sessions(&self) -> usize {
        self.shared.sessions.load(Ordering::Relaxed)
    }

    fn health(&self) -> Health {
        self.shared.link.health()
    }

    fn sweep(&self) {
        let shared = Arc::clone(&self.shared);
        // Nobody waits for it: what is not swept now is swept the next time.
        tokio::spawn(async move { shared.sweep().await });
    }

    fn tell(&self, what: Vec<u8>) -> Answer<'_, ()> {
        let shared = &self.shared;
        Box::pin(async move {
            let mut command = redis::cmd("XADD");
            command
                .arg(shared.name("feed", &[]))
                .arg("MAXLEN")
                .arg("~")
                .arg(FEED_LENGTH)
                .arg("*")
                .arg("told")
                .arg(what);
            let entry: String = shared.command(command).await?;
            shared.round(&entry).await;
            Ok(())
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn news(&self) -> Option<mpsc::Receiver<News>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[cfg(test)]
mod tests;
