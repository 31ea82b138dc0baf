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
mod scripts;
mod shared;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Answer, Health, Key, Kind, News, Row, Store};
use crate::clock::{Clock, Timestamp};
pub use config::Config;
use feed::Progress;
use link::Link;
use scripts::{COUNT, END, SWAP};
use shared::{Shared, text};

/// Entries of the stream that are kept for nodes that have been away.
const FEED_LENGTH: usize = 100_000;

/// How often `arrive` looks whether the store answers.
const GLANCE: Duration = Duration::from_millis(5);

/// How many news may wait to be taken.
const NEWS: usize = 10_000;

/// The shared store.
#[derive(Debug)]
pub struct Redis {
    shared: Arc<Shared>,
    news: Mutex<Option<mpsc::Receiver<News>>>,
    _tasks: DropGuard,
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
