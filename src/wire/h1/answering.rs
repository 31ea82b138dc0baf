//! Answers under way, in boxes that are used again. An answer takes thousands of octets, and as many answers as there are
//! busy clients are under way at the same time: more than an allocator keeps at hand of that size.

use std::cell::RefCell;
use std::future::poll_fn;

use tokio_util::sync::ReusableBoxFuture;

use super::connection::Connection;

/// How many boxes of answers that were given a thread keeps: as many requests at once need no memory anew.
const MAX_SPARE: usize = 256;

/// An answer that is under way. It gives the connection back if another request may follow.
pub(crate) struct Answering(ReusableBoxFuture<'static, Option<Box<Connection>>>);

thread_local! {
    /// Boxes of answers that were given.
    static SPARE: RefCell<Vec<Answering>> = const { RefCell::new(Vec::new()) };
}

impl Answering {
    /// An answer in a box that another one has left, if there is one. Not asynchronous: its future would have room for the answer,
    /// too.
    pub(crate) fn new<F>(answer: F) -> Self
    where
        F: Future<Output = Option<Box<Connection>>> + Send + 'static,
    {
        match SPARE.with_borrow_mut(Vec::pop) {
            Some(mut spare) => {
                spare.0.set(answer);
                spare
            }
            None => Self(ReusableBoxFuture::new(answer)),
        }
    }

    /// Waits until the answer is given, and keeps its box.
    pub(crate) async fn given(mut self) -> Option<Box<Connection>> {
        let answered = poll_fn(|cx| self.0.poll(cx)).await;
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < MAX_SPARE {
                spare.push(self);
            }
        });
        answered
    }
}
