//! The thread that writes. Writes that wait at the same time share one transaction, and with it one sync of the disk.

mod following;

use std::any::Any;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::Changes;
use super::edit::{Edit, load};
use super::error::{Error, failed};
use super::feed::Owners;
use super::file::Storage;
use super::journal::{journal, taken_down};
use super::peers::Peers;
use super::risk::RiskTable;
use super::snapshot::Snapshot;

/// How many writes share one sync, at most.
const AT_ONCE: usize = 64;

/// How many writes wait for the thread, at most. Whoever has another one waits with it in their own hands.
const WAITING: usize = 128;

/// Where a node stands that was among others and has written without them: nowhere.
const ALONE: Option<&[u8]> = Some(b"alone");

/// How often a write is made anew because another node was faster.
const TRIES: usize = 20;

/// What came of a job, apart from its result: whether it may be committed.
type Run = Box<dyn FnMut(&mut Edit<'_>) -> Result<Box<dyn Any + Send>, Box<dyn Any + Send>> + Send>;

/// What waits for the thread.
enum Work {
    Job(Job),
    /// Follow the other nodes.
    Follow(oneshot::Sender<Result<(), Error>>),
    /// Lead them from now on.
    Lead(oneshot::Sender<Result<bool, Error>>),
}

/// A write that waits.
struct Job {
    run: Run,
    done: oneshot::Sender<Outcome>,
}

enum Outcome {
    Done(Box<dyn Any + Send>),
    Refused(Box<dyn Any + Send>),
    Failed(Arc<Error>),
}

/// Hands writes to the thread.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Work>>,
    thread: Option<JoinHandle<()>>,
}

/// What is told of each write, once it is on the disk.
pub(super) struct Told {
    pub(super) changes: broadcast::Sender<Arc<Changes>>,
    pub(super) risks: Arc<RiskTable>,
}

struct Thread {
    file: Arc<Storage>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    told: Told,
    owners: Arc<ArcSwap<Owners>>,
    /// By whom the snapshot was made.
    used: Mutex<Arc<Owners>>,
    is_broken: AtomicBool,
    peers: Arc<OnceLock<Peers>>,
}

impl Writer {
    pub(super) fn start(
        name: &str,
        file: Arc<Storage>,
        snapshot: Arc<ArcSwap<Snapshot>>,
        told: Told,
        owners: Arc<ArcSwap<Owners>>,
        peers: Arc<OnceLock<Peers>>,
    ) -> Result<Self, Error> {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let (used, is_broken) = (Mutex::new(owners.load_full()), AtomicBool::new(false));
        let own = Thread { file, snapshot, told, owners, used, is_broken, peers };
        let thread = thread::Builder::new().name("directory".to_owned()).spawn(move || own.write_all(waiting));
        let thread = thread.map_err(|error| Error::Open(name.to_owned(), error))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    pub(super) async fn write<T, E, J>(&self, mut job: J) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        J: FnMut(&mut Edit<'_>) -> Result<T, E> + Send + 'static,
    {
        let run: Run = Box::new(move |edit| match job(edit) {
            Ok(done) => Ok(Box::new(done)),
            Err(error) => Err(Box::new(error)),
        });
        let (done, outcome) = oneshot::channel();
        let sent = match &self.jobs {
            Some(jobs) => jobs.send(Work::Job(Job { run, done })).await.is_ok(),
            None => false,
        };
        match outcome.await {
            Ok(Outcome::Done(done)) if sent => done.downcast().map(|done| *done).map_err(|_| Error::Closed.into()),
            Ok(Outcome::Refused(error)) => Err(error.downcast().map_or_else(|_| Error::Closed.into(), |error| *error)),
            Ok(Outcome::Failed(error)) => Err(again(&error).into()),
            _ => Err(Error::Closed.into()),
        }
    }
}

impl Writer {
    /// Does what the other nodes have written, until there is nothing more.
    pub(super) async fn follow(&self) -> Result<(), Error> {
        self.ask(Work::Follow).await?
    }

    /// Has this node lead. False if another one was faster.
    pub(super) async fn lead(&self) -> Result<bool, Error> {
        self.ask(Work::Lead).await?
    }

    async fn ask<T>(&self, work: impl FnOnce(oneshot::Sender<T>) -> Work) -> Result<T, Error> {
        let (done, outcome) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(Error::Closed)?;
        jobs.send(work(done)).await.map_err(|_| Error::Closed)?;
        outcome.await.map_err(|_| Error::Closed)
    }
}

/// The error of a transaction, once more for each of those who shared it.
fn again(error: &Error) -> Error {
    match error {
        Error::Away => return Error::Away,
        Error::NotLeading => return Error::NotLeading,
        Error::Journal(why) => return Error::Journal(why.clone()),
        _ => {}
    }
    failed(redb::Error::Io(std::io::Error::other(error.to_string())))
}

impl Drop for Writer {
    /// Waits until everything that was handed over is written.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Thread {
    fn write_all(&self, mut waiting: mpsc::Receiver<Work>) {
        while let Some(first) = waiting.blocking_recv() {
            let more = iter::from_fn(|| waiting.try_recv().ok()).take(AT_ONCE - 1);
            let mut jobs = Vec::new();
            for work in iter::once(first).chain(more) {
                match work {
                    Work::Job(job) => jobs.push(job),
                    // Whoever has stopped waiting does not need to know.
                    Work::Follow(done) => drop(done.send(self.guarded(|| self.follow_peers()))),
                    Work::Lead(done) => drop(done.send(self.guarded(|| self.take_lead()))),
                }
            }
            while !jobs.is_empty() {
                jobs = self.write(jobs);
            }
        }
    }

    /// Writes what the jobs want, all together. Returns those that must be tried again, because another one has failed
    /// after it had changed something.
    fn write(&self, mut jobs: Vec<Job>) -> Vec<Job> {
        let attempted = self.guarded(|| self.attempt(&mut jobs));
        match attempted {
            Ok(Attempt::Written(outcomes)) => {
                for (job, outcome) in jobs.into_iter().zip(outcomes) {
                    // Whoever has stopped waiting does not need to know.
                    drop(job.done.send(outcome));
                }
                Vec::new()
            }
            Ok(Attempt::Spoilt(at, error)) => {
                drop(jobs.remove(at).done.send(Outcome::Refused(error)));
                jobs
            }
            Err(error) => {
                let error = Arc::new(error);
                jobs.into_iter().for_each(|job| drop(job.done.send(Outcome::Failed(Arc::clone(&error)))));
                Vec::new()
            }
        }
    }

    /// What comes of `work`, which uses the file. After a failure, the file is opened anew for the next one.
    fn guarded<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let panicked = |_| Err(failed(redb::Error::Corrupted("a part of it is damaged".to_owned())));
        let done = self.mend().and_then(|()| catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked));
        match &done {
            // The file has nothing to do with these.
            Ok(_) | Err(Error::Away | Error::NotLeading | Error::Journal(_)) => {}
            // One event, however often the write is tried.
            Err(error) => {
                if !self.is_broken.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the directory could not be written: what was to be changed stays as it was, and the file is opened anew for the next write");
                }
            }
        }
        done
    }

    /// Opens the file anew after a failure, because a database that has failed once refuses everything after that, and
    /// reads all of it: nobody can say whether the last write is in it.
    fn mend(&self) -> Result<(), Error> {
        if !self.is_broken.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.file.reopen()?;
        self.load_all()?;
        self.is_broken.store(false, Ordering::Relaxed);
        tracing::info!("the directory's file is open again");
        Ok(())
    }

    /// Reads everything by those who count now.
    fn load_all(&self) -> Result<(), Error> {
        let owners = self.owners.load_full();
        let all = load(&self.file, &owners)?.after(&self.snapshot.load());
        self.snapshot.store(Arc::new(all));
        *self.used() = owners;
        drop(self.told.changes.send(Arc::new(Changes { all: true, ..Changes::default() })));
        self.told.risks.take_over(&self.file.read()?, false)
    }

    fn used(&self) -> MutexGuard<'_, Arc<Owners>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempt(&self, jobs: &mut [Job]) -> Result<Attempt, Error> {
        for _ in 0..TRIES {
            self.follow_peers()?;
            if let Some(attempt) = self.attempt_once(jobs)? {
                return Ok(attempt);
            }
        }
        Err(Error::Away)
    }

    /// `None` if another node was faster.
    fn attempt_once(&self, jobs: &mut [Job]) -> Result<Option<Attempt>, Error> {
        let (write, peers) = (self.file.begin_write()?, self.peers.get());
        let journal = peers.map(|_| journal());
        let mut edit = Edit::begin(&write, journal.as_ref(), peers.is_none_or(Peers::leads))?;
        let mut outcomes = Vec::new();
        for (at, job) in jobs.iter_mut().enumerate() {
            let ran = (job.run)(&mut edit);
            outcomes.push(match (ran, edit.take_has_written()) {
                (Ok(done), _) => Outcome::Done(done),
                (Err(error), true) => return Ok(Some(Attempt::Spoilt(at, error))),
                (Err(error), false) => Outcome::Refused(error),
            });
        }
        let mark = match (peers, journal) {
            (Some(peers), Some(journal)) => match taken_down(&journal)? {
                Some(octets) => {
                    let Some(mark) = peers.publish(&octets, edit.needs_lead())? else { return Ok(None) };
                    edit.stand(Some(&serde_json::to_vec(&mark)?))?;
                    Some((peers, mark))
                }
                None => None,
            },
            // What is written without the others is not known to them.
            _ if edit.stands()? => edit.stand(ALONE).map(|()| None)?,
            _ => None,
        };
        let used = Arc::clone(&self.used());
        let has_risks = edit.has_risks();
        let (next, changes) = edit.finish(&self.snapshot.load(), &used)?;
        write.commit().map_err(failed)?;
        if let Some((peers, mark)) = mark {
            peers.stand(mark);
        }
        self.snapshot.store(Arc::new(next));
        // Nobody may be following.
        drop(self.told.changes.send(Arc::new(changes)));
        if has_risks {
            self.told.risks.take_over(&self.file.read()?, true)?;
        }
        self.go_by_owners()?;
        Ok(Some(Attempt::Written(outcomes)))
    }

    /// Reads everything anew if others count by now.
    fn go_by_owners(&self) -> Result<(), Error> {
        if *self.owners.load_full() != **self.used() { self.load_all() } else { Ok(()) }
    }
}

/// What came of writing several jobs together.
enum Attempt {
    Written(Vec<Outcome>),
    /// The job at this place has failed after it had changed something.
    Spoilt(usize, Box<dyn Any + Send>),
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};
    use std::time::Duration;

    use super::*;
    use crate::directory::Directory;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_queue_has_a_bound_and_whoever_finds_no_room_waits() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Arc::new(Directory::open("a", &folder.path().join("a.redb"), Owners::default()).unwrap());
        let (go, may_go) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let may_go = Mutex::new(may_go);
        let write = |state: String| {
            let directory = Arc::clone(&directory);
            tokio::spawn(async move { directory.write(move |edit| edit.set_state(&state, Some(b"x"))).await })
        };
        let busy = {
            let directory = Arc::clone(&directory);
            let wait = move |_: &mut Edit<'_>| {
                tell.send(()).unwrap();
                may_go.lock().unwrap().recv().unwrap();
                Ok::<_, Error>(())
            };
            tokio::spawn(async move { directory.write(wait).await })
        };
        told.recv_timeout(Duration::from_secs(10)).unwrap();
        let most = WAITING + AT_ONCE;
        let writes: Vec<_> = (0..2 * most).map(|number| write(format!("s{number}"))).collect();
        let room = || directory.writer.jobs.as_ref().unwrap().capacity();
        for _ in 0..1000 {
            if room() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(room(), 0);
        go.send(()).unwrap();
        busy.await.unwrap().unwrap();
        for write in writes {
            write.await.unwrap().unwrap();
        }
        let reading = directory.read().unwrap();
        assert!((0..2 * most).all(|number| reading.state(&format!("s{number}")).unwrap().is_some()));
    }
}
