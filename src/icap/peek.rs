//! Looks at the beginning of a body, and takes nothing of it.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;

use super::message::{Attend, Trouble};
use super::reader::Reader;
use crate::wire::h1::{Connection, Length};

/// The most octets that are read for a preview: each octet of it may come as a chunk of its own.
const MOST_PEEKED: usize = 512 * 1024;

/// What has arrived of a body and has been looked through, but not been taken.
pub(super) struct Peek {
    pub(super) reader: Reader,
    /// How many octets have been looked through.
    pub(super) at: usize,
    /// What is in them.
    pub(super) content: BytesMut,
}

impl Peek {
    /// Nothing of a body of this length yet.
    pub(super) fn new(body: Length) -> Self {
        Self { reader: Reader::new(body), at: 0, content: BytesMut::new() }
    }

    /// Whether these are all the octets that the body has.
    pub(super) fn is_all(&self, shown: usize) -> bool {
        self.reader.is_done() && shown == self.content.len()
    }

    /// Reads until there is more than `most` of the body, or all of it. An empty preview wants none of it.
    pub(super) async fn fill(
        &mut self,
        from: &mut Connection,
        most: usize,
        idle: Duration,
        attend: Attend<'_>,
    ) -> Result<(), Trouble> {
        if most == 0 {
            return Ok(());
        }
        from.deadline.set(idle);
        let filled = poll_fn(|cx| {
            loop {
                let arrived = from.unread.get(self.at..).unwrap_or_default();
                match self.reader.read(arrived, &mut self.content) {
                    Ok(count) => self.at += count,
                    Err(error) => return Poll::Ready(Err(Trouble::Broken(error.to_string()))),
                }
                if self.reader.is_done() || self.content.len() > most || self.at > MOST_PEEKED {
                    return Poll::Ready(Ok(()));
                }
                if let Poll::Ready(gone) = attend(from, cx) {
                    return Poll::Ready(Err(Trouble::Gone(gone)));
                }
                match from.poll_fill(cx) {
                    Poll::Ready(Ok(0)) if self.reader.close() => return Poll::Ready(Ok(())),
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Trouble::Lost)),
                    Poll::Ready(Ok(_)) => from.deadline.set(idle),
                    Poll::Pending => return from.deadline.poll(cx).map(|()| Err(Trouble::Late)),
                }
            }
        })
        .await;
        from.deadline.lift();
        filled
    }
}
