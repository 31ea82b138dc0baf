//! The sessions in memory by their identifiers. Every request looks its session up, and with a million of them the time
//! goes into waiting for memory.
//!
//! So an entry is nothing but the pointer to its session, which brings its own identifier: eight octets, and one for the
//! set's own use. The index of a million sessions takes some 20 MB, most of which the processor's caches keep; a map from
//! identifiers takes three times as much. The identifier is its own hash.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Session, SessionId};

/// How many sets there are besides the first. Each is locked for itself.
const OTHERS: u8 = 63;

/// The sessions in memory. Whatever is passed to its methods is called while a set is locked, and must not call it in turn.
#[derive(Debug)]
pub(super) struct Index {
    first: Shard,
    others: Box<[Shard]>,
    len: AtomicUsize,
}

/// What came of adding a session.
pub(super) enum Added {
    /// It is there now.
    Now(Arc<Session>),
    /// This one with the same identifier was there before, and stays.
    Before(Arc<Session>),
    /// It was not made.
    Never,
}

/// Some of the sessions. No two have their locks in one cache line, nor in two that are fetched together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(RwLock<Set>);

type Set = HashSet<ById, BuildHasherDefault<Leading>>;

/// A session, which is the same as another with its identifier.
#[derive(Debug)]
struct ById(Arc<Session>);

/// The first octets of an identifier. Identifiers are parts of SHA-256 hashes over secrets that are made here at random, so
/// nobody can have sessions whose identifiers lie close together. Whoever presents secrets of their own making finds
/// nothing, and adds nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Leading(u64);

impl Hasher for Leading {
    fn write(&mut self, octets: &[u8]) {
        self.0 = octets.first_chunk().map_or(0, |first| u64::from_ne_bytes(*first));
    }

    /// Leaves out the length that comes before the octets.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Borrow<SessionId> for ById {
    fn borrow(&self) -> &SessionId {
        &self.0.id
    }
}

impl Hash for ById {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

impl Shard {
    fn read(&self) -> RwLockReadGuard<'_, Set> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Set> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    pub(super) fn new() -> Self {
        let others = (0..OTHERS).map(|_| Shard::default()).collect();
        Self { first: Shard::default(), others, len: AtomicUsize::new(0) }
    }

    /// The shard of a session, by octets that do not count within it.
    fn shard(&self, id: SessionId) -> &Shard {
        let [.., last] = id.0;
        let number = usize::from(last % (OTHERS + 1));
        number.checked_sub(1).and_then(|number| self.others.get(number)).unwrap_or(&self.first)
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// What `look` says of a session, which nobody can change or take out meanwhile.
    pub(super) fn look<T>(&self, id: SessionId, look: impl FnOnce(&Arc<Session>) -> T) -> Option<T> {
        Some(look(&self.shard(id).read().get(&id)?.0))
    }

    pub(super) fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.look(id, Arc::clone)
    }

    /// All of them. None is locked when the iterator gives one.
    pub(super) fn all(&self) -> impl Iterator<Item = Arc<Session>> {
        let shards = std::iter::once(&self.first).chain(&self.others);
        shards.flat_map(|shard| shard.read().iter().map(|held| Arc::clone(&held.0)).collect::<Vec<_>>())
    }

    /// Adds the session with this identifier that `make` makes, if there is none.
    pub(super) fn add(&self, id: SessionId, make: impl FnOnce() -> Option<Arc<Session>>) -> Added {
        let mut set = self.shard(id).write();
        if let Some(held) = set.get(&id) {
            return Added::Before(Arc::clone(&held.0));
        }
        let Some(session) = make() else { return Added::Never };
        set.insert(ById(Arc::clone(&session)));
        self.len.fetch_add(1, Ordering::Relaxed);
        Added::Now(session)
    }

    /// Puts what `change` makes of a session in its place, and gives what is there then.
    pub(super) fn change(
        &self,
        id: SessionId,
        change: impl FnOnce(&Arc<Session>) -> Option<Arc<Session>>,
    ) -> Option<Arc<Session>> {
        let mut set = self.shard(id).write();
        let held = &set.get(&id)?.0;
        let Some(session) = change(held) else { return Some(Arc::clone(held)) };
        set.replace(ById(Arc::clone(&session)));
        Some(session)
    }

    /// Takes a session out if `may_go` says so. Nobody gets hold of it between that and the removal.
    pub(super) fn take(&self, id: SessionId, may_go: impl FnOnce(&Arc<Session>) -> bool) -> Option<Arc<Session>> {
        let mut set = self.shard(id).write();
        if !may_go(&set.get(&id)?.0) {
            return None;
        }
        let session = set.take(&id)?.0;
        self.len.fetch_sub(1, Ordering::Relaxed);
        Some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::identity::User;

    fn session() -> Session {
        Session::standing(User::named("contoso", "bsimon"), Timestamp::UNIX_EPOCH)
    }

    fn other(held: &Session) -> Option<Arc<Session>> {
        Some(Arc::new(held.regarded(User::named("contoso", "other"))))
    }

    #[test]
    fn sessions_are_found_by_all_of_their_identifiers_and_each_is_there_once() {
        let index = Index::new();
        let mut ids = Vec::new();
        for _ in 0..1000 {
            let session = session();
            ids.push(session.id);
            assert!(matches!(index.add(session.id, || Some(Arc::new(session))), Added::Now(_)));
        }
        assert!(index.others.iter().chain([&index.first]).all(|shard| !shard.read().is_empty()), "each has its share");
        for id in &ids {
            assert_eq!(index.find(*id).unwrap().id, *id);
            assert!(matches!(index.add(*id, || unreachable!("it is there")), Added::Before(held) if held.id == *id));
            // One that differs in its last octet is found by another lock, and one that differs in the middle by none.
            for place in [0, 8, 14, 15] {
                let mut near = *id;
                near.0[place] ^= 1;
                assert!(index.find(near).is_none(), "{place}");
            }
        }
        let mut all: Vec<_> = index.all().map(|session| session.id).collect();
        all.sort();
        ids.sort();
        assert_eq!((all.as_slice(), index.len()), (ids.as_slice(), 1000));
        for id in ids {
            assert!(index.take(id, |_| false).is_none());
            assert_eq!(index.change(id, |_| None).unwrap().user.name, "bsimon");
            assert_eq!(index.change(id, |held| other(held)).unwrap().user.name, "other");
            assert_eq!(index.find(id).unwrap().user.name, "other");
            assert_eq!(index.take(id, |_| true).unwrap().user.name, "other");
            assert!(index.take(id, |_| true).is_none());
            assert!(index.change(id, |held| other(held)).is_none() && index.find(id).is_none());
        }
        assert_eq!((index.len(), index.all().count()), (0, 0));
        assert!(matches!(index.add(SessionId([0; 16]), || None), Added::Never));
        assert_eq!(index.len(), 0);
    }
}
