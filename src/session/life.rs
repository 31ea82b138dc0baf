//! What moves in a session while its facts stay as they are: its last use, what the store knows of it, its end.
//!
//! It is part of the session itself, and not behind a pointer, because every request looks its session up and touches
//! it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use tokio_util::sync::CancellationToken;

use crate::clock::Timestamp;

/// The life of a session that is in memory.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Life {
    /// Seconds since the epoch at which the session was last used.
    used: AtomicI64,
    /// How often the store had come back when this node last asked it about the session.
    confirmed: AtomicU32,
    /// Whether somebody may wait for the end.
    is_watched: AtomicBool,
    /// Whether it is a guest's. That never changes, and is here because each request asks, and the person's record would be
    /// two steps away.
    is_guest: bool,
    /// The last use that the store knows of.
    stored: AtomicI64,
    ended: CancellationToken,
}

impl Life {
    /// The life of a session whose last use the store knows, because the session has just begun or has just been read.
    pub(super) fn since(used: Timestamp, is_guest: bool) -> Self {
        Self {
            used: AtomicI64::new(used.as_second()),
            confirmed: AtomicU32::new(0),
            is_watched: AtomicBool::new(false),
            is_guest,
            stored: AtomicI64::new(used.as_second()),
            ended: CancellationToken::new(),
        }
    }

    /// The life of what takes this session's place, with the same token: whoever waits for the end of the one waits for
    /// that of the other. It counts as watched, because somebody who still holds the old session may begin to wait at
    /// any time.
    pub(super) fn goes_on(&self) -> Self {
        Self {
            used: AtomicI64::new(self.used()),
            confirmed: AtomicU32::new(self.confirmed()),
            is_watched: AtomicBool::new(true),
            is_guest: self.is_guest,
            stored: AtomicI64::new(self.stored.load(Ordering::Relaxed)),
            ended: self.ended.clone(),
        }
    }

    /// Whether it is a guest's.
    pub(super) fn is_guest(&self) -> bool {
        self.is_guest
    }

    /// The second, since the epoch, in which it was last used.
    pub(super) fn used(&self) -> i64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Notes that it is used now.
    pub(super) fn touch(&self, now: Timestamp) {
        // Written only when it changes, so that the cache line stays shared between cores.
        if self.used() < now.as_second() {
            self.use_at(now.as_second());
        }
    }

    /// Notes a use at this second, here or on another node.
    pub(super) fn use_at(&self, second: i64) {
        self.used.fetch_max(second, Ordering::Relaxed);
    }

    /// By how many seconds the last use that the store knows of is behind.
    pub(super) fn behind(&self) -> i64 {
        self.used().saturating_sub(self.stored.load(Ordering::Relaxed))
    }

    /// Notes that the store is being told of the last use.
    pub(super) fn tell(&self) {
        self.stored.store(self.used(), Ordering::Relaxed);
    }

    /// How often the store had come back when this node last asked it about the session.
    pub(super) fn confirmed(&self) -> u32 {
        self.confirmed.load(Ordering::Relaxed)
    }

    /// Notes that the store was asked about the session after it had come back `returns` times.
    pub(super) fn confirm(&self, returns: u32) {
        self.confirmed.store(returns, Ordering::Release);
    }

    /// The token that fires at the end. From now on the session counts as one that somebody waits for.
    pub(super) fn watch(&self) -> &CancellationToken {
        self.is_watched.store(true, Ordering::Relaxed);
        &self.ended
    }

    /// Whether somebody may wait for the end.
    pub(super) fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::Relaxed)
    }

    /// The token that fires at the end, for a caller who keeps or fires it and does not wait.
    pub(super) fn end(&self) -> &CancellationToken {
        &self.ended
    }

    /// Takes over the token of the same session from when it was in memory before: somebody still waits for it.
    pub(super) fn resume(&mut self, ended: CancellationToken) {
        self.ended = ended;
        self.is_watched.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }
}
