//! What has yet to be written to the file, and the thread that writes it. Callers put changes into the tray under its
//! lock, and ring the bell. The thread takes a batch under the lock, lets the lock go while it writes, and then takes
//! out of the tray what it wrote, unless it has changed meanwhile: each change has a number, and only those up to the
//! batch's go. So a session is at every moment in the tray or in the file, and readers look into the tray first.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use redb::Database;
use tokio::sync::oneshot;

use super::file::{self, Batch, File, OpenError};
use super::whole;
use crate::clock::{Clock, Timestamp};
use crate::session::store::memory::{Record, Records};
use crate::session::store::{Key, Kind, Row};

/// How long a change for which nobody waits is put off, so that others are written with it.
const LINGER: Duration = Duration::from_millis(500);

/// How long a disk that failed is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// Changes to records that are remembered one by one. Beyond that, all records are written.
const MAX_CHANGES: usize = 100_000;

/// Opens the file.
pub(super) struct Opener {
    /// Opens it for reading and writing.
    pub(super) whole: Box<dyn Fn() -> Result<Database, OpenError> + Send>,
    /// Opens it for reading alone.
    pub(super) to_read: Box<dyn Fn() -> Result<File, OpenError> + Send>,
}

impl Opener {
    /// Opens a file that cannot be written, for reading alone. `None` if it cannot be read either, or there is none.
    pub(super) fn read(&self) -> Result<Option<File>, OpenError> {
        match (self.to_read)() {
            Ok(file) => Ok(Some(file)),
            Err(error @ (OpenError::Newer(_) | OpenError::Foreign(_))) => Err(error),
            // A disk that was full may have left a file of which only the beginning was written.
            Err(error) => {
                tracing::warn!(%error, "the session store cannot be read either: nobody who signed in before is known");
                Ok(None)
            }
        }
    }
}

/// What has yet to be written, and what is known of the file.
#[derive(Debug)]
pub(super) struct Desk {
    records: Arc<Records>,
    tray: Mutex<Tray>,
    /// Rings when there is something to do.
    bell: Condvar,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Tray {
    database: Option<Arc<File>>,
    records: HashMap<(Kind, Key), Option<Record>>,
    /// Whether all records must be written, because too many have changed to be remembered one by one.
    anew: bool,
    /// Sessions that have changed, each with the number of its latest change; `None` is one to be removed.
    sessions: HashMap<Key, (u64, Option<Row>)>,
    changes: u64,
    /// How many sessions the file has, and by how many that will change once everything is written.
    filed: usize,
    fresh: isize,
    waiting: Vec<oneshot::Sender<()>>,
    /// Since when the oldest change waits to be written.
    dirty: Option<Instant>,
    sweep: Option<Timestamp>,
    failed: Option<Instant>,
    stop: bool,
}

impl Desk {
    pub(super) fn new(records: Arc<Records>, database: Option<Arc<File>>, filed: usize, clock: Clock) -> Self {
        let is_whole = database.as_deref().is_some_and(|file| matches!(file, File::Whole(_)));
        let failed = (!is_whole).then(Instant::now);
        let tray = Tray { database, filed, anew: failed.is_some(), failed, ..Tray::default() };
        Self { records, tray: Mutex::new(tray), bell: Condvar::new(), clock }
    }

    fn tray(&self) -> MutexGuard<'_, Tray> {
        whole(self.tray.lock())
    }

    pub(super) fn database(&self) -> Option<Arc<File>> {
        self.tray().database.clone()
    }

    pub(super) fn is_forgetful(&self) -> bool {
        self.tray().failed.is_some()
    }

    pub(super) fn count(&self) -> usize {
        let tray = self.tray();
        tray.filed.saturating_add_signed(tray.fresh)
    }

    /// A session that has yet to be written, or (the inner `None`) to be removed.
    pub(super) fn session(&self, id: Key) -> Option<Option<Row>> {
        self.tray().sessions.get(&id).map(|(_, row)| row.clone())
    }

    /// All such sessions of which `wanted` is true.
    pub(super) fn sessions(&self, wanted: impl Fn(&Key, Option<&Row>) -> bool) -> HashMap<Key, Option<Row>> {
        let tray = self.tray();
        let found = tray.sessions.iter().filter(|(id, (_, row))| wanted(id, row.as_ref()));
        found.map(|(id, (_, row))| (*id, row.clone())).collect()
    }

    /// How many sessions of a person have yet to be written.
    pub(super) fn count_of(&self, person: Key) -> usize {
        let tray = self.tray();
        tray.sessions.values().filter(|(_, row)| row.as_ref().is_some_and(|row| row.person == person)).count()
    }

    /// Notes that a record has changed.
    pub(super) fn note(&self, kind: Kind, key: Key) {
        let record = self.records.peek(kind, key);
        let mut tray = self.tray();
        // Changes must not pile up, least of all while the disk takes nothing.
        if tray.failed.is_some() || tray.records.len() >= MAX_CHANGES {
            tray.anew = true;
        }
        if tray.anew {
            tray.records.clear();
        } else {
            tray.records.insert((kind, key), record);
        }
        self.ring(tray);
    }

    pub(super) fn keep(&self, row: Row) {
        let mut tray = self.tray();
        tray.fresh += 1;
        tray.change(row.id, Some(row));
        self.ring(tray);
    }

    pub(super) fn renew(&self, row: Row) {
        let mut tray = self.tray();
        if !matches!(tray.sessions.get(&row.id), Some((_, None))) {
            tray.change(row.id, Some(row));
        }
        self.ring(tray);
    }

    pub(super) fn end(&self, id: Key, was_there: bool) {
        let mut tray = self.tray();
        if was_there {
            tray.fresh -= 1;
        }
        tray.change(id, None);
        self.ring(tray);
    }

    /// Fires when everything noted so far has been written, or has failed to be written.
    pub(super) fn wait(&self) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        let mut tray = self.tray();
        tray.waiting.push(tell);
        self.ring(tray);
        told
    }

    /// Has the next write remove what has expired.
    pub(super) fn sweep(&self) {
        let mut tray = self.tray();
        tray.sweep = Some(self.clock.now());
        self.ring(tray);
    }

    /// Tells the thread to write what there is, and to end.
    pub(super) fn stop(&self) {
        let mut tray = self.tray();
        tray.stop = true;
        self.ring(tray);
    }

    fn ring(&self, mut tray: MutexGuard<'_, Tray>) {
        tray.dirty.get_or_insert_with(Instant::now);
        drop(tray);
        self.bell.notify_one();
    }

    /// Waits until it is time to write: at once if somebody waits, else [`LINGER`] after the first change.
    fn next(&self) -> MutexGuard<'_, Tray> {
        let mut tray = self.tray();
        loop {
            let due = match (tray.dirty, tray.failed) {
                _ if tray.stop || (tray.failed.is_none() && !tray.waiting.is_empty()) => return tray,
                (_, Some(failed)) => Some(failed + RETRY),
                (Some(since), None) => Some(since + LINGER),
                (None, None) => None,
            };
            // While the disk takes nothing, nobody is made to wait for it.
            if tray.failed.is_some() {
                tray.waiting.clear();
            }
            tray = match due.map(|due| due.saturating_duration_since(Instant::now())) {
                None => whole(self.bell.wait(tray)),
                Some(Duration::ZERO) => return tray,
                Some(rest) => whole(self.bell.wait_timeout(tray, rest)).0,
            };
        }
    }
}

impl Tray {
    fn change(&mut self, id: Key, mut row: Option<Row>) {
        self.changes += 1;
        // A row that does not say its name keeps the one that was said before.
        if let (Some(row), Some((_, Some(before)))) = (&mut row, self.sessions.get(&id)) {
            row.name = row.name.or(before.name);
        }
        self.sessions.insert(id, (self.changes, row));
    }

    /// What has to be written now. If `anew` is set, the caller must add all records.
    fn batch(&mut self) -> Batch {
        self.dirty = None;
        let records = std::mem::take(&mut self.records);
        Batch {
            records: records.into_iter().map(|((kind, key), record)| (kind, key, record)).collect(),
            sessions: self.sessions.iter().map(|(id, (_, row))| (*id, row.clone())).collect(),
            anew: std::mem::take(&mut self.anew),
            now: self.sweep.take(),
        }
    }
}

/// Writes until it is told to stop.
pub(super) fn run(desk: &Desk, opener: &Opener) {
    loop {
        let mut tray = desk.next();
        let stop = tray.stop;
        if tray.failed.is_some() {
            drop(tray);
            reopen(desk, opener);
            tray = desk.tray();
        }
        let database = tray.database.clone();
        let Some(File::Whole(whole)) = database.as_deref() else {
            tray.waiting.clear();
            if stop {
                return;
            }
            continue;
        };
        let (upto, fresh) = (tray.changes, tray.fresh);
        let waiting = std::mem::take(&mut tray.waiting);
        let mut batch = tray.batch();
        drop(tray);
        if batch.anew {
            let all = desk.records.all();
            batch.records = all.into_iter().map(|(kind, key, record)| (kind, key, Some(record))).collect();
        }
        let written = catch_unwind(AssertUnwindSafe(|| file::write(whole, &batch)))
            .unwrap_or_else(|_| Err(redb::Error::Corrupted("a part of it is damaged".to_owned())));
        drop(database);
        desk.settle(written, upto, fresh, &batch);
        for waiter in waiting {
            // A caller who has given up waiting has dropped its end of the channel.
            waiter.send(()).ok();
        }
        if stop {
            return;
        }
    }
}

impl Desk {
    fn settle(&self, written: Result<file::Written, redb::Error>, upto: u64, fresh: isize, batch: &Batch) {
        let mut tray = self.tray();
        match written {
            Ok(written) => {
                tray.filed = written.sessions;
                tray.fresh -= fresh;
                for (id, _) in &batch.sessions {
                    if tray.sessions.get(id).is_some_and(|(change, _)| *change <= upto) {
                        tray.sessions.remove(id);
                    }
                }
                if written.more {
                    tray.sweep.get_or_insert(self.clock.now());
                    tray.dirty.get_or_insert_with(Instant::now);
                }
                if tray.failed.take().is_some() {
                    tracing::info!(
                        "the session store is written again: everything that was kept in memory meanwhile is in it"
                    );
                }
            }
            Err(error) => {
                // One event, however often the write is tried.
                if tray.failed.replace(Instant::now()).is_none() {
                    tracing::error!(%error, "the session store cannot be written: going on in memory, so a restart signs out everybody who signs in from now on");
                }
                tray.anew = true;
                tray.records.clear();
            }
        }
    }
}

/// Opens the file anew after a failure, because a database that has failed once refuses everything after that. Only the
/// next write shows whether it can be written.
pub(super) fn reopen(desk: &Desk, opener: &Opener) {
    // Closed first: the file is locked, so it cannot be open twice.
    let old = desk.tray().database.take();
    drop(old);
    let opened = (opener.whole)().map(File::Whole).or_else(|error| {
        tracing::debug!(%error, "the session store still cannot be written: opening it to read");
        opener.read()?.ok_or(error)
    });
    let counted = opened.and_then(|file| {
        let sessions = file::count(&file).map_err(|error| OpenError::Damaged(super::FILE.into(), error.to_string()))?;
        Ok((file, sessions))
    });
    let mut tray = desk.tray();
    tray.failed = Some(Instant::now());
    match counted {
        Ok((file, sessions)) => {
            tray.database = Some(Arc::new(file));
            tray.filed = sessions;
        }
        Err(error) => tracing::debug!(%error, "the session store cannot be opened: trying again in some seconds"),
    }
}
