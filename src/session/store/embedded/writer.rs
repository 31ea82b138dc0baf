//! What is yet to be written, and the thread that writes it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use redb::Database;
use tokio::sync::oneshot;

use super::file::{self, Batch, File, OpenError};
use super::whole;
use crate::clock::{Clock, Timestamp};
use crate::session::store::memory::{Record, Records};
use crate::session::store::{Key, Kind, Row};

/// How long a change waits for others when nobody waits for it.
const LINGER: Duration = Duration::from_millis(500);

/// How long a disk that failed is left alone.
const RETRY: Duration = Duration::from_secs(5);

/// Changes to records that are remembered one by one. Beyond, all records are written.
const MAX_CHANGES: usize = 100_000;

/// Opens the file.
pub(super) struct Opener {
    /// To read and write it.
    pub(super) whole: Box<dyn Fn() -> Result<Database, OpenError> + Send>,
    /// To read it alone.
    pub(super) to_read: Box<dyn Fn() -> Result<File, OpenError> + Send>,
}

impl Opener {
    /// What can be read of a file that cannot be written. None if nothing can, or there is nothing.
    pub(super) fn read(&self) -> Result<Option<File>, OpenError> {
        match (self.to_read)() {
            Ok(file) => Ok(Some(file)),
            Err(error @ OpenError::Newer(_)) => Err(error),
            // A disk that was full may have left the beginning of a file.
            Err(error) => {
                tracing::warn!(%error, "the session store can't be read either");
                Ok(None)
            }
        }
    }
}

/// What is yet to be written, and what is known of what has been.
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
    /// Too much has changed to be told one by one: all records are to be written.
    anew: bool,
    /// Sessions, each with the number of its change.
    sessions: HashMap<Key, (u64, Option<Row>)>,
    changes: u64,
    /// Sessions in the file, and how many more there will be when everything is written.
    filed: usize,
    fresh: isize,
    waiting: Vec<oneshot::Sender<()>>,
    /// Since when something waits to be written.
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

    /// A session that is yet to be written, or yet to be removed.
    pub(super) fn session(&self, id: Key) -> Option<Option<Row>> {
        self.tray().sessions.get(&id).map(|(_, row)| row.clone())
    }

    /// All such sessions that are `wanted`.
    pub(super) fn sessions(&self, wanted: impl Fn(&Key, Option<&Row>) -> bool) -> HashMap<Key, Option<Row>> {
        let tray = self.tray();
        let found = tray.sessions.iter().filter(|(id, (_, row))| wanted(id, row.as_ref()));
        found.map(|(id, (_, row))| (*id, row.clone())).collect()
    }

    /// How many sessions of a person are yet to be written.
    pub(super) fn count_of(&self, person: Key) -> usize {
        let tray = self.tray();
        tray.sessions.values().filter(|(_, row)| row.as_ref().is_some_and(|row| row.person == person)).count()
    }

    /// Notes that a record has changed.
    pub(super) fn note(&self, kind: Kind, key: Key) {
        let record = self.records.peek(kind, key);
        let mut tray = self.tray();
        // Nothing piles up, least of all while the disk is away.
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

    /// Fires when everything so far has been written, or cannot be.
    pub(super) fn wait(&self) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        let mut tray = self.tray();
        tray.waiting.push(tell);
        self.ring(tray);
        told
    }

    /// Forgets, with the next write, what has expired.
    pub(super) fn sweep(&self) {
        let mut tray = self.tray();
        tray.sweep = Some(self.clock.now());
        self.ring(tray);
    }

    /// Lets the thread write what there is, and end.
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

    /// Waits until it is time to write: at once if somebody waits, else when enough may have come together.
    fn next(&self) -> MutexGuard<'_, Tray> {
        let mut tray = self.tray();
        loop {
            let due = match (tray.dirty, tray.failed) {
                _ if tray.stop || (tray.failed.is_none() && !tray.waiting.is_empty()) => return tray,
                (_, Some(failed)) => Some(failed + RETRY),
                (Some(since), None) => Some(since + LINGER),
                (None, None) => None,
            };
            // Nobody waits for a disk that is away.
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
    fn change(&mut self, id: Key, row: Option<Row>) {
        self.changes += 1;
        self.sessions.insert(id, (self.changes, row));
    }

    /// What is to be written now, but for all records, if it comes to that.
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
        let written = file::write(whole, &batch);
        drop(database);
        desk.settle(written, upto, fresh, &batch);
        for waiter in waiting {
            // Who has given up is not told.
            let _ = waiter.send(());
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
                    tracing::info!("the session store is written again");
                }
            }
            Err(error) => {
                // Said once, however often it is tried.
                if tray.failed.replace(Instant::now()).is_none() {
                    tracing::error!(%error, "the session store can't be written: going on in memory, which no restart survives");
                }
                tray.anew = true;
                tray.records.clear();
            }
        }
    }
}

/// Opens the file again after a failure: what failed once does not answer any more. Whether it can be written is not known
/// before something is.
pub(super) fn reopen(desk: &Desk, opener: &Opener) {
    // Both at once would be two programs to the file.
    let old = desk.tray().database.take();
    drop(old);
    let opened = (opener.whole)().map(File::Whole).or_else(|error| {
        tracing::debug!(%error, "the session store still can't be written");
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
        Err(error) => tracing::debug!(%error, "the session store can't be opened"),
    }
}
