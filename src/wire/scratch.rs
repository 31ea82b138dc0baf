//! A buffer that all connections of a thread read into: what waits holds none.

use std::cell::RefCell;

/// What one read takes: large enough that a system call costs little beside the bytes it moves.
const SIZE: usize = 256 * 1024;

thread_local! {
    /// Nothing in it outlives one poll.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends the buffer. Not to be called while it is lent.
pub fn with<T>(read: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.resize(SIZE, 0);
        read(scratch)
    })
}
