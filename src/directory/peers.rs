//! The other nodes that keep the same directory. All files go through the same changes in the same order.
//!
//! The shared store holds a head: how far the changes have come, as a number and a digest of all of them, and where the last
//! whole copy is. A node that writes first does what the others have written, then puts its change on the shelf, and then
//! swaps the head that it has seen for one that names the change. If another node was faster, the swap fails, nothing of the
//! write counts, and it is made anew on top of theirs. So changes of two nodes can never cross, whatever either of them takes
//! itself for, and a node without the store writes nothing.
//!
//! One node leads: it reads Microsoft Graph and makes whole copies. The head counts the changes of lead (its epoch), and what
//! only the node that leads may write is published against that epoch alone.
//!
//! If the store has lost the head, or holds one that this node is past, nodes put themselves up for a while, and the one that
//! is furthest makes the head anew.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::shelf::{Shelf, ShelfAway};
use crate::clock::Clock;
use crate::seal::{random, sha256};

/// How long things stand on the shelf. A head, and the whole copy that it names, are renewed long before.
const LASTS: Duration = Duration::from_hours(72);

/// How old a whole copy may become.
const OLDEST_COPY: Duration = Duration::from_hours(24);

/// How many changes, and how many octets of them, there may be since the last whole copy.
const MOST_CHANGES: u64 = if cfg!(test) { 40 } else { 2000 };
const MOST_OCTETS: u64 = 32 * 1024 * 1024;

/// Octets of one part of a change or a copy.
const PART: usize = 256 * 1024;

/// The most parts that a change or a copy has.
const MOST_PARTS: u32 = 65_536;

/// How long the head may lead to nothing that there is, before it counts as lost; and how often the node that leads looks
/// whether the copy is there.
const ASTRAY: Duration = Duration::from_mins(2);
const COPY_LOOK: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 10_000 });

/// How long nodes put themselves up before the one that is furthest makes the head anew.
const CANDIDACY: Duration = Duration::from_secs(3);

type Digest = [u8; 16];

/// How far a node has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Mark {
    /// How many changes there were.
    pub(super) changes: u64,
    /// What is different if any of them is.
    pub(super) digest: Digest,
    /// How often the lead has changed.
    pub(super) epoch: u64,
}

/// How far all nodes are to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Summit {
    changes: u64,
    digest: Digest,
    epoch: u64,
    /// The node that leads; empty if none does.
    leader: String,
    /// Octets of changes since the copy.
    octets: u64,
    copy: Copy,
}

/// A whole copy on the shelf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Copy {
    changes: u64,
    digest: Digest,
    name: Digest,
    parts: u32,
    /// When it was made, in seconds since the epoch of the clock that its maker has.
    made: i64,
}

/// What is told of a change.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    before: Digest,
    changes: u64,
    parts: u32,
}

/// A node that would make the head anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Candidate {
    changes: u64,
    node: String,
    digest: Digest,
}

/// How nodes stand, for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NodesReport {
    /// This node.
    pub node: String,
    /// The node that leads, as far as this one knows; empty if none does.
    pub leader: String,
    /// Whether this node leads.
    pub leads: bool,
    /// How often the lead has changed.
    pub epoch: u64,
    /// How many changes this node has made or followed.
    pub changes: u64,
    /// How many it has not followed yet.
    pub behind: u64,
    /// Whether the shared store answers.
    pub is_there: bool,
}

/// What there is to follow.
#[derive(Debug)]
pub(super) enum ToFollow {
    /// These changes, in this order.
    Changes(Vec<ToldChange>),
    /// The whole copy takes the place of all that there is.
    Copy(Vec<u8>, Mark),
}

/// What leads to the head.
enum Path {
    /// These changes.
    Whole(Vec<ToldChange>),
    /// Nothing: what this node has is not what the others had.
    Fork,
    /// Something that is no longer there.
    Broken,
}

/// One change on the shelf.
#[derive(Debug)]
pub(super) struct ToldChange {
    /// How far it leads.
    pub(super) mark: Mark,
    parts: u32,
}

#[derive(Debug, Default)]
struct State {
    mark: Mark,
    /// The head as it was last seen, in its own octets.
    seen: Option<(Vec<u8>, Summit)>,
    stands_since: Option<Instant>,
    /// Since when the head leads to nothing that this node could follow.
    astray_since: Option<Instant>,
    copy_looked_at: Option<Instant>,
    is_there: bool,
}

/// The other nodes, as the thread that writes knows them.
#[derive(Debug)]
pub(super) struct Peers {
    shelf: Shelf,
    node: String,
    clock: Clock,
    /// The epoch in which this node leads; 0 if it does not.
    leads: AtomicU64,
    state: Mutex<State>,
}

impl Peers {
    pub(super) fn new(shelf: Shelf, node: String, clock: Clock, mark: Mark) -> Self {
        Self { shelf, node, clock, leads: AtomicU64::new(0), state: Mutex::new(State { mark, ..State::default() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire) != 0
    }

    /// No longer does what only one node does.
    pub(super) fn resign(&self) {
        self.leads.store(0, Ordering::Release);
    }

    pub(super) fn mark(&self) -> Mark {
        self.state().mark
    }

    /// This node has come so far, and it is on its disk.
    pub(super) fn stand(&self, mark: Mark) {
        self.state().mark = mark;
    }

    pub(super) fn report(&self) -> NodesReport {
        let state = self.state();
        let summit = state.seen.as_ref().map(|(_, summit)| summit);
        NodesReport {
            node: self.node.clone(),
            leader: summit.map(|summit| summit.leader.clone()).unwrap_or_default(),
            leads: self.leads(),
            epoch: state.mark.epoch,
            changes: state.mark.changes,
            behind: summit.map_or(0, |summit| summit.changes.saturating_sub(state.mark.changes)),
            is_there: state.is_there,
        }
    }

    /// What is to be followed next; `None` if this node is as far as any.
    ///
    /// # Errors
    /// [`Error::Away`] if the store does not answer, or has lost the head: then [`Self::candidate`] is to be called.
    pub(super) fn next(&self) -> Result<Option<ToFollow>, Error> {
        let looked = self.look();
        self.state().is_there = looked.is_ok();
        let (mark, summit) = (self.mark(), looked?.ok_or(Error::Away)?);
        if summit.leader != self.node {
            self.resign();
        }
        if (summit.changes, summit.digest) == (mark.changes, mark.digest) {
            self.state().astray_since = None;
            return Ok(None);
        }
        if summit.changes < mark.changes {
            return Err(Error::Away);
        }
        // Once the way was broken, a copy that leads on is better than to try it again.
        let is_astray = self.state().astray_since.is_some() && summit.copy.changes > mark.changes;
        match if is_astray { Path::Broken } else { self.path(mark, &summit)? } {
            Path::Whole(changes) => Ok(Some(ToFollow::Changes(changes))),
            Path::Fork => self.copy(&summit).map(Some),
            // Never back to what was before: whoever was disabled since would come alive again.
            Path::Broken if summit.copy.changes > mark.changes => self.copy(&summit).map(Some),
            Path::Broken => Err(self.go_astray()),
        }
    }

    /// Notes that the shelf lacks what leads on, and asks the node that leads for a copy. Another one may have taken its place
    /// just now, or the store has lost a part.
    fn go_astray(&self) -> Error {
        self.state().astray_since.get_or_insert_with(Instant::now);
        // If the store does not take it, it is asked again at the next look.
        self.shelf.put(self.shelf.own("wanted", &[]), b"copy".to_vec(), 2 * ASTRAY).ok();
        Error::Away
    }

    /// The changes that lead from what this node has to the head, if the shelf still has all of them.
    fn path(&self, mark: Mark, summit: &Summit) -> Result<Path, Error> {
        let far = summit.changes.saturating_sub(mark.changes);
        if far > 3 * MOST_CHANGES {
            return Ok(Path::Broken);
        }
        let (mut digest, mut path) = (summit.digest, Vec::new());
        for _ in 0..far {
            let Some(told) = self.told(digest)? else { return Ok(Path::Broken) };
            let mark = Mark { changes: told.changes, digest, epoch: summit.epoch };
            path.push(ToldChange { mark, parts: told.parts });
            digest = told.before;
        }
        path.reverse();
        Ok(if digest == mark.digest { Path::Whole(path) } else { Path::Fork })
    }

    /// The journal of a change.
    ///
    /// # Errors
    /// [`Error::Away`] also if it is no longer there: then a copy has taken its place.
    pub(super) fn journal(&self, change: &ToldChange) -> Result<Vec<u8>, Error> {
        self.parts("change", change.mark.digest, change.parts)?.ok_or_else(|| self.go_astray())
    }

    fn told(&self, digest: Digest) -> Result<Option<Told>, Error> {
        let found = self.shelf.look(self.shelf.own("told", &digest))?;
        Ok(found.and_then(|octets| serde_json::from_slice(&octets).ok()))
    }

    fn copy(&self, summit: &Summit) -> Result<ToFollow, Error> {
        let copy = &summit.copy;
        let Some(octets) = self.parts("copy", copy.name, copy.parts)? else { return Err(self.go_astray()) };
        self.state().astray_since = None;
        Ok(ToFollow::Copy(octets, Mark { changes: copy.changes, digest: copy.digest, epoch: summit.epoch }))
    }

    fn parts(&self, what: &str, name: Digest, parts: u32) -> Result<Option<Vec<u8>>, Error> {
        let mut all = Vec::new();
        for at in 0..parts.min(MOST_PARTS) {
            let Some(part) = self.shelf.look(self.part(what, name, at))? else { return Ok(None) };
            all.extend(part);
        }
        Ok(Some(all))
    }

    fn part(&self, what: &str, name: Digest, at: u32) -> [u8; 16] {
        self.shelf.own(what, &[name.as_slice(), &at.to_be_bytes()].concat())
    }

    /// Reads the head.
    fn look(&self) -> Result<Option<Summit>, ShelfAway> {
        let found = self.shelf.look(self.shelf.own("head", &[]))?;
        let read = found.and_then(|octets| serde_json::from_slice(&octets).ok().map(|summit: Summit| (octets, summit)));
        let mut state = self.state();
        state.seen.clone_from(&read);
        Ok(read.map(|(_, summit)| summit))
    }

    fn swap(&self, summit: &Summit) -> Result<bool, Error> {
        let octets = serde_json::to_vec(summit)?;
        let seen = self.state().seen.as_ref().map(|(octets, _)| octets.clone());
        let is_done = self.shelf.swap(self.shelf.own("head", &[]), seen, octets.clone(), LASTS)?;
        if is_done {
            self.state().seen = Some((octets, summit.clone()));
            return Ok(true);
        }
        // A connection that breaks may have the command carried out twice, and the second time finds what the first has done.
        Ok(self.look()?.as_ref() == Some(summit))
    }

    /// Tells a change to all nodes. `None` if another node was faster; then nothing of it may count.
    pub(super) fn publish(&self, journal: &[u8], as_leader: bool) -> Result<Option<Mark>, Error> {
        let Some(summit) = self.state().seen.as_ref().map(|(_, summit)| summit.clone()) else {
            return Err(Error::Away);
        };
        if as_leader && (self.leads.load(Ordering::Acquire) != summit.epoch || summit.leader != self.node) {
            self.resign();
            return Err(Error::NotLeading);
        }
        let before = summit.digest;
        let nonce: Digest = random();
        let whole = sha256(&[before.as_slice(), &nonce, journal].concat());
        let digest: Digest = whole.first_chunk().copied().unwrap_or_default();
        let mut parts = 0;
        for part in journal.chunks(PART) {
            self.shelf.put(self.part("change", digest, parts), part.to_vec(), LASTS)?;
            parts += 1;
        }
        let changes = summit.changes + 1;
        let told = serde_json::to_vec(&Told { before, changes, parts })?;
        self.shelf.put(self.shelf.own("told", &digest), told, LASTS)?;
        let octets = summit.octets.saturating_add(u64::try_from(journal.len()).unwrap_or(u64::MAX));
        let next = Summit { changes, digest, octets, ..summit };
        // What was put on the shelf in vain goes by itself: another node's head may lead through it after all.
        if !self.swap(&next)? {
            return Ok(None);
        }
        Ok(Some(Mark { changes, digest, epoch: next.epoch }))
    }

    /// Takes what nobody needs any more from the shelf. What stays there goes by itself.
    fn forget(&self, what: &str, name: Digest, parts: u32) {
        for at in 0..parts.min(MOST_PARTS) {
            if self.shelf.take(self.part(what, name, at)).is_err() {
                return;
            }
        }
        if what == "change" {
            drop(self.shelf.take(self.shelf.own("told", &name)));
        }
    }

    /// Has this node lead from now on. False if another node was faster.
    pub(super) fn lead(&self) -> Result<bool, Error> {
        let Some(summit) = self.state().seen.as_ref().map(|(_, summit)| summit.clone()) else {
            return Err(Error::Away);
        };
        let epoch = summit.epoch + 1;
        let is_done = self.swap(&Summit { epoch, leader: self.node.clone(), ..summit })?;
        if is_done {
            self.leads.store(epoch, Ordering::Release);
            self.state().mark.epoch = epoch;
        }
        Ok(is_done)
    }

    /// Whether a new whole copy is to take the place of the last one.
    pub(super) fn wants_copy(&self) -> Result<bool, Error> {
        let (mark, leads) = (self.mark(), self.leads());
        let Some(summit) = self.state().seen.as_ref().map(|(_, summit)| summit.clone()) else { return Ok(false) };
        if !leads || (summit.changes, summit.digest) != (mark.changes, mark.digest) {
            return Ok(false);
        }
        let oldest = i64::try_from(OLDEST_COPY.as_secs()).unwrap_or(i64::MAX);
        let age = self.now().saturating_sub(summit.copy.made);
        let since = summit.changes.saturating_sub(summit.copy.changes);
        if since > MOST_CHANGES || summit.octets > MOST_OCTETS || age > oldest || age < -oldest {
            return Ok(true);
        }
        // The store may have lost a part of what it had.
        if self.state().copy_looked_at.is_some_and(|at| at.elapsed() < COPY_LOOK) {
            return Ok(false);
        }
        self.state().copy_looked_at = Some(Instant::now());
        let last = summit.copy.parts.saturating_sub(1);
        let is_wanted = self.shelf.take(self.shelf.own("wanted", &[]))?.is_some();
        Ok(is_wanted || self.shelf.look(self.part("copy", summit.copy.name, last))?.is_none())
    }

    fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// Puts a whole copy of what this node has on the shelf; `write` writes it.
    pub(super) fn put_copy(&self, write: impl FnOnce(&mut CopyWriter<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let Some(summit) = self.state().seen.as_ref().map(|(_, summit)| summit.clone()) else {
            return Err(Error::Away);
        };
        let copy = self.make_copy(self.mark(), write)?;
        let old = summit.copy.clone();
        if !self.swap(&Summit { octets: 0, copy, ..summit })? {
            return Ok(());
        }
        self.forget("copy", old.name, old.parts);
        // What led to the old copy: whoever is that far behind takes the new one.
        let mut digest = old.digest;
        while let Ok(Some(told)) = self.told(digest) {
            self.forget("change", digest, told.parts);
            digest = told.before;
        }
        Ok(())
    }

    fn make_copy(
        &self,
        mark: Mark,
        write: impl FnOnce(&mut CopyWriter<'_>) -> Result<(), Error>,
    ) -> Result<Copy, Error> {
        let mut writer = CopyWriter { peers: self, name: random(), parts: 0, waiting: Vec::new(), is_away: false };
        let written = write(&mut writer).and_then(|()| writer.put_part().map_err(Error::from));
        if writer.is_away {
            return Err(Error::Away);
        }
        written?;
        Ok(Copy {
            changes: mark.changes,
            digest: mark.digest,
            name: writer.name,
            parts: writer.parts,
            made: self.now(),
        })
    }

    /// Puts this node up to make the head anew, where the store has lost it or holds one that this node is past. Makes it,
    /// if this node is the one that is furthest and has been for a while; true then.
    pub(super) fn candidate(
        &self,
        write: impl FnOnce(&mut CopyWriter<'_>) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let summit = self.look()?;
        let mark = self.mark();
        let is_astray = self.state().astray_since.is_some_and(|since| since.elapsed() > ASTRAY);
        if !is_astray && summit.as_ref().is_some_and(|summit| summit.changes >= mark.changes) {
            self.state().stands_since = None;
            return Ok(false);
        }
        let key = self.shelf.own("candidate", &[]);
        let own = Candidate { changes: mark.changes, node: self.node.clone(), digest: mark.digest };
        let found = self.shelf.look(key)?;
        let other = found.as_ref().and_then(|octets| serde_json::from_slice::<Candidate>(octets).ok());
        if other.is_some_and(|other| other > own) {
            self.state().stands_since = None;
            return Ok(false);
        }
        if !self.shelf.swap(key, found, serde_json::to_vec(&own)?, 3 * CANDIDACY)? {
            return Ok(false);
        }
        let since = *self.state().stands_since.get_or_insert_with(Instant::now);
        if since.elapsed() < CANDIDACY {
            return Ok(false);
        }
        let before = mark.epoch.max(summit.as_ref().map_or(0, |summit| summit.epoch));
        let fresh = if mark.digest == Digest::default() { random() } else { mark.digest };
        let mark = Mark { digest: fresh, epoch: before + 1, ..mark };
        let copy = self.make_copy(mark, write)?;
        let (changes, digest, epoch) = (mark.changes, mark.digest, mark.epoch);
        self.resign();
        let is_done = self.swap(&Summit { changes, digest, epoch, leader: String::new(), octets: 0, copy })?;
        let mut state = self.state();
        (state.stands_since, state.astray_since) = (None, None);
        if is_done {
            state.mark = mark;
        }
        drop(state);
        drop(self.shelf.take(key));
        Ok(is_done)
    }
}

/// Writes a whole copy to the shelf, part by part.
pub(super) struct CopyWriter<'p> {
    peers: &'p Peers,
    name: Digest,
    parts: u32,
    waiting: Vec<u8>,
    is_away: bool,
}

impl CopyWriter<'_> {
    fn put_part(&mut self) -> Result<(), ShelfAway> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let key = self.peers.part("copy", self.name, self.parts);
        self.peers.shelf.put(key, std::mem::take(&mut self.waiting), LASTS)?;
        self.parts += 1;
        Ok(())
    }
}

impl Write for CopyWriter<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let taken = octets.len().min(PART - self.waiting.len());
        self.waiting.extend(octets.iter().take(taken));
        if self.waiting.len() == PART {
            if self.parts >= MOST_PARTS {
                return Err(io::Error::other("the directory is too large to be told to other nodes"));
            }
            self.put_part().map_err(|away| {
                self.is_away = true;
                io::Error::other(away)
            })?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
