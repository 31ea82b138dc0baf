//! Waits for a message that comes slowly, so that no connection to a scanner does.

use std::future::poll_fn;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};

use super::message::{Attend, Trouble};
use super::point::Outage;
use super::reader::Reader;
use super::spool::{Kept, Spool};
use crate::wire::h1::{Connection, Length};

/// How much of a body is read at once.
const PART: usize = 64 * 1024;

/// How a body is fetched.
pub(super) struct Fetch {
    /// Where it is kept; none if there is no room.
    pub(super) spool: Option<Spool>,
    /// How many octets of content it may have.
    pub(super) most: u64,
    /// How long no octet of it may come.
    pub(super) idle: Duration,
}

impl Fetch {
    /// Reads all of a body, and has `from` give it once more: meanwhile no connection to the service waits for it.
    pub(super) async fn all(self, body: Length, from: &mut Connection, attend: Attend<'_>) -> Result<(), Trouble> {
        let no_room = || Trouble::Scanner { failure: Outage::NoRoom, is_whole: false };
        let mut spool = self.spool.ok_or_else(no_room)?;
        let (mut reader, mut left) = (Reader::new(body), self.most);
        from.deadline.set(self.idle);
        let fetched = poll_fn(|cx| {
            loop {
                if ready!(spool.poll_ready(cx)).is_err() {
                    return Poll::Ready(Err(no_room()));
                }
                if reader.is_done() {
                    return Poll::Ready(Ok(true));
                }
                if from.unread.is_empty() {
                    if let Poll::Ready(gone) = attend(from, cx) {
                        return Poll::Ready(Err(Trouble::Gone(gone)));
                    }
                    match from.poll_fill(cx) {
                        Poll::Ready(Ok(0)) if reader.close() => return Poll::Ready(Ok(true)),
                        Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Trouble::Lost)),
                        Poll::Ready(Ok(_)) => from.deadline.set(self.idle),
                        Poll::Pending => return from.deadline.poll(cx).map(|()| Err(Trouble::Late)),
                    }
                }
                let part = from.unread.get(..from.unread.len().min(PART)).unwrap_or_default();
                let mut content = BytesMut::new();
                let count = match reader.read(part, &mut content) {
                    Ok(count) => count,
                    Err(error) => return Poll::Ready(Err(Trouble::Broken(error.to_string()))),
                };
                if spool.push(part.get(..count).unwrap_or_default()).is_err() {
                    return Poll::Ready(Err(no_room()));
                }
                from.unread.advance(count);
                let Some(rest) = left.checked_sub(content.len() as u64) else { return Poll::Ready(Ok(false)) };
                left = rest;
            }
        })
        .await;
        from.deadline.lift();
        let fits = fetched?;
        from.resume(Box::new(Kept::from(spool)));
        if fits { Ok(()) } else { Err(Trouble::TooLong { is_whole: true }) }
    }
}

/// Waits for `future`, unless nobody waits for what comes of it.
pub(super) async fn beside<T>(
    future: impl Future<Output = T>,
    from: &mut Connection,
    attend: Attend<'_>,
) -> Result<T, Trouble> {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => attend(from, cx).map(|gone| Err(Trouble::Gone(gone))),
    })
    .await
}
