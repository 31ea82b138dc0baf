//! The store in one file: after a restart, everything that somebody was told still holds.
//!
//! Records are answered from memory; sessions from what has yet to be written, and else from the file. One thread
//! writes many changes at once, and tells those who wait. When the disk fails, everything goes on in memory, and is
//! written when the disk is back. Sessions that were in the file are still read from it, if that is possible.

mod file;
mod writer;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use super::attested::Attestor;
use super::memory::{Record, Records, at_once};
use super::{Answer, Error, Health, Key, Kind, NAMELESS, Row, Store};
use crate::clock::{Clock, Timestamp};
use file::File;
pub use file::OpenError;
use writer::{Desk, Opener};

/// The file's name in the state folder.
pub const FILE: &str = "sessions.redb";

/// What the threads are called that use the file. A panic in one of them is damage, and is said as such.
pub const THREAD: &str = "store";

/// The store in a file.
#[derive(Debug)]
pub struct Embedded {
    records: Arc<Records>,
    desk: Arc<Desk>,
    writer: Option<JoinHandle<()>>,
    clock: Clock,
}

impl Embedded {
    /// Opens the store in `folder`, with room for `max` records of each kind. A disk that takes nothing is no error:
    /// the store goes on in memory, and says so in an event and in [`health`](Store::health).
    pub fn open(folder: &Path, max: usize, clock: Clock) -> Result<Self, OpenError> {
        Self::open_adopting(folder, max, clock, None)
    }

    /// The same; `adopt` attests what a version that attested nothing has written.
    pub fn open_adopting(folder: &Path, max: usize, clock: Clock, adopt: Option<Attestor>) -> Result<Self, OpenError> {
        let path = folder.join(FILE);
        let same = path.clone();
        let opener = Opener {
            whole: Box::new(move || guarded(|| file::open(&path, adopt.as_ref()))),
            to_read: Box::new(move || guarded(|| file::open_to_read(&same))),
        };
        Self::open_with(opener, max, clock)
    }

    /// Whether what is in `folder` can be read, where there is anything. Changes nothing. A file that a running program has is
    /// taken for good.
    pub fn check(folder: &Path) -> Result<(), OpenError> {
        let path = folder.join(FILE);
        match std::fs::File::open(&path).map_err(|error| error.kind()) {
            Err(std::io::ErrorKind::NotFound) => return Ok(()),
            Err(std::io::ErrorKind::PermissionDenied) => return Err(OpenError::Foreign(path.display().to_string())),
            _ => {}
        }
        match guarded(|| file::open_to_read(&path)) {
            Err(OpenError::InUse(_)) => Ok(()),
            // What a first start was to become.
            Err(OpenError::Damaged(..)) if std::fs::metadata(&path).is_ok_and(|file| file.len() == 0) => Ok(()),
            opened => look_through(&opened?).map(drop),
        }
    }

    fn open_with(opener: Opener, max: usize, clock: Clock) -> Result<Self, OpenError> {
        let records = Arc::new(Records::new(max, clock.clone()));
        let opened = match (opener.whole)() {
            Err(error @ OpenError::Disk(..)) => {
                tracing::error!(%error, "the session store cannot be written: going on in memory, so a restart signs out everybody who signs in from now on");
                opener.read()?
            }
            opened => Some(File::Whole(opened?)),
        };
        let database = opened.map(Arc::new);
        let mut sessions = 0;
        if let Some(database) = &database {
            let found;
            (sessions, found) = look_through(database)?;
            for (kind, key, record) in found {
                // A record that finds no room was kept under a configuration with more room: it is dropped.
                records.put(kind, key, record.content, record.expires).ok();
            }
            records.sweep();
        }
        let desk = Arc::new(Desk::new(Arc::clone(&records), database, sessions, clock.clone()));
        let writer = {
            let desk = Arc::clone(&desk);
            std::thread::Builder::new().name(THREAD.into()).spawn(move || writer::run(&desk, &opener))
        };
        let writer = writer.map_err(|error| OpenError::Disk(FILE.to_owned(), error))?;
        Ok(Self { records, desk, writer: Some(writer), clock })
    }

    /// Notes that a record has changed.
    fn note(&self, kind: Kind, key: Key) {
        // Counters are about the last minute or so, and are not written to disk.
        if kind != Kind::Count {
            self.desk.note(kind, key);
        }
    }

    /// Reads from the file on a thread that may wait.
    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&File) -> Result<T, redb::Error> + Send + 'static,
    ) -> Answer<'static, Option<T>> {
        let Some(database) = self.desk.database() else { return at_once(Ok(None)) };
        Box::pin(async move {
            match tokio::task::spawn_blocking(move || read(&database)).await {
                Ok(Ok(found)) => Ok(Some(found)),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the session store cannot be read: people whose sessions are not in memory are treated as if the store were away");
                    Err(Error::Away)
                }
                Err(_) => {
                    tracing::error!(
                        "the session store cannot be read, because a part of it is damaged: people whose sessions are not in memory are treated as if the store were away"
                    );
                    Err(Error::Away)
                }
            }
        })
    }

    /// The rows of which `wanted` is true, of those that `read` finds in the file and of those that have yet to be
    /// written.
    async fn rows(
        &self,
        wanted: impl Fn(&Row) -> bool + Send,
        read: impl FnOnce(&File) -> Result<Vec<Row>, redb::Error> + Send + 'static,
    ) -> Result<Vec<Row>, Error> {
        // In this order: a row that is written between the two steps is found twice, in the tray and in the file, and
        // the other way round it could be missed.
        let fresh: HashMap<Key, Option<Row>> = self.desk.sessions(|_, row| row.is_none_or(&wanted));
        let mut found = self.read(read).await?.unwrap_or_default();
        found.retain(|row| !fresh.contains_key(&row.id));
        found.extend(fresh.into_values().flatten());
        let now = self.clock.now();
        found.retain(|row| row.expires > now);
        Ok(found)
    }

    /// The rows, each as it has yet to be written if it has changed since it was read from the file.
    fn newest(&self, rows: Vec<Row>) -> Vec<Row> {
        rows.into_iter().filter_map(|row| self.desk.session(row.id).unwrap_or(Some(row))).collect()
    }

    fn has_ended(&self, id: Key) -> bool {
        self.records.peek(Kind::Ended, id).is_some()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.desk.stop();
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

impl Store for Embedded {
    fn put(&self, kind: Kind, key: Key, record: Vec<u8>, expires: Timestamp) -> Answer<'_, ()> {
        let put = self.records.put(kind, key, record, expires);
        self.note(kind, key);
        at_once(put)
    }

    fn peek(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        at_once(Ok(self.records.peek(kind, key).map(|record| record.content)))
    }

    fn take(&self, kind: Kind, key: Key) -> Answer<'_, Option<Vec<u8>>> {
        let taken = self.records.take(kind, key);
        self.note(kind, key);
        at_once(Ok(taken))
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
        let swapped = self.records.swap(kind, key, seen.as_deref(), record, expires);
        self.note(kind, key);
        at_once(swapped)
    }

    fn count(&self, key: Key, expires: Timestamp) -> Answer<'_, u64> {
        at_once(self.records.count(key, expires))
    }

    fn keep(&self, row: Row) -> Answer<'_, bool> {
        let kept = !self.has_ended(row.id);
        if kept {
            self.desk.keep(row);
        }
        at_once(Ok(kept))
    }

    fn renew(&self, rows: Vec<Row>) -> Answer<'_, ()> {
        Box::pin(async move {
            let ids: Vec<Key> = rows.iter().map(|row| row.id).collect();
            let held: HashSet<Key> = self.desk.sessions(|id, _| ids.contains(id)).into_keys().collect();
            let unknown: Vec<Key> = ids.into_iter().filter(|id| !held.contains(id)).collect();
            let filed = self.read(move |database| {
                let found = unknown.into_iter().map(|id| Ok(file::find(database, id)?.map(|_| id)));
                found.collect::<Result<Vec<_>, redb::Error>>()
            });
            let filed: HashSet<Key> = filed.await?.unwrap_or_default().into_iter().flatten().collect();
            for row in rows {
                if !self.has_ended(row.id) && (filed.contains(&row.id) || held.contains(&row.id)) {
                    self.desk.renew(row);
                }
            }
            Ok(())
        })
    }

    fn find(&self, id: Key) -> Answer<'_, Option<Row>> {
        let now = self.clock.now();
        if let Some(fresh) = self.desk.session(id) {
            return at_once(Ok(fresh.filter(|row| row.expires > now)));
        }
        let found = self.read(move |database| file::find(database, id));
        Box::pin(async move { Ok(found.await?.flatten().filter(|row| row.expires > now)) })
    }

    fn of_person(&self, person: Key) -> Answer<'_, Vec<Row>> {
        Box::pin(self.rows(move |row| row.person == person, move |database| file::of_person(database, person)))
    }

    fn of_name(&self, name: Key) -> Answer<'_, Vec<Row>> {
        Box::pin(async move {
            let is_called_so = move |row: &Row| row.name == Some(name) && name != NAMELESS;
            let found = self.rows(is_called_so, move |database| file::of_name(database, name)).await?;
            Ok(self.newest(found))
        })
    }

    fn unnamed(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        Box::pin(async move {
            let found = self.rows(
                move |row| row.name.is_none() && after.is_none_or(|after| row.id > after),
                move |database| file::unnamed(database, after, most),
            );
            let mut found = self.newest(found.await?);
            found.sort_by_key(|row| row.id);
            found.truncate(most);
            Ok(found)
        })
    }

    fn held_by(&self, person: Key) -> Answer<'_, usize> {
        Box::pin(async move {
            // In this order: a session that is written between the two is counted twice; the other way round it might
            // not be counted.
            let fresh = self.desk.count_of(person);
            Ok(fresh + self.read(move |database| file::held_by(database, person)).await?.unwrap_or_default())
        })
    }

    fn list(&self, after: Option<Key>, most: usize) -> Answer<'_, Vec<Row>> {
        Box::pin(async move {
            let mut found = self
                .rows(
                    move |row| after.is_none_or(|after| row.id > after),
                    move |database| file::list(database, after, most),
                )
                .await?;
            found.sort_by_key(|row| row.id);
            found.truncate(most);
            Ok(found)
        })
    }

    fn end(&self, row: Row) -> Answer<'_, bool> {
        Box::pin(async move {
            let was_there = self.find(row.id).await.unwrap_or(None).is_some();
            // If there is no room for the record of the end, the row is removed all the same.
            self.records.put(Kind::Ended, row.id, Vec::new(), row.expires).ok();
            self.note(Kind::Ended, row.id);
            self.desk.end(row.id, was_there);
            Ok(was_there)
        })
    }

    fn sync(&self) -> Answer<'_, ()> {
        let written = self.desk.wait();
        Box::pin(async move {
            // An error means that the writing thread has ended: then there is nothing to wait for.
            written.await.ok();
            Ok(())
        })
    }

    fn sessions(&self) -> usize {
        self.desk.count()
    }

    fn health(&self) -> Health {
        if self.desk.is_forgetful() { Health::Forgetful } else { Health::Well }
    }

    fn sweep(&self) {
        self.records.sweep();
        self.desk.sweep();
    }
}

/// How many sessions there are in a file, and all its records.
type Found = (usize, Vec<(Kind, Key, Record)>);

fn look_through(file: &File) -> Result<Found, OpenError> {
    let damaged = |error: redb::Error| OpenError::Damaged(FILE.to_owned(), error.to_string());
    guarded(|| Ok((file::count(file).map_err(damaged)?, file::records(file).map_err(damaged)?)))
}

/// Does something with the file. The library takes some kinds of damage for a mistake of its own, and panics: in a thread
/// that is known by its name, so that it is said as what it is.
fn guarded<T: Send>(act: impl FnOnce() -> Result<T, OpenError> + Send) -> Result<T, OpenError> {
    let failed = |why: &str| OpenError::Damaged(FILE.to_owned(), why.to_owned());
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(THREAD.into()).spawn_scoped(scope, act);
        let thread = thread.map_err(|error| OpenError::Disk(FILE.to_owned(), error))?;
        thread.join().unwrap_or_else(|_| Err(failed("a part of it is damaged")))
    })
}

/// What is in a lock, also one that a panicking thread held: no change leaves it half done.
fn whole<T>(locked: Result<T, PoisonError<T>>) -> T {
    locked.unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
