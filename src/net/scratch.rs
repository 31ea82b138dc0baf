//! One buffer for each thread, into which all its connections read, so that a connection that waits holds no buffer.

use std::cell::RefCell;

/// The size of one read: so large that the system call costs little compared with the bytes that it moves.
const SIZE: usize = 256 * 1024;

thread_local! {
    /// Its content is used within one poll and never after it.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends the buffer to `read`. Must not be called within `read`: that would panic.
pub fn with<T>(read: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.resize(SIZE, 0);
        read(scratch)
    })
}
