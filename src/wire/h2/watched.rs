//! Watches the octets of a connection on their way to the library, because the library does not tell everything that we
//! must know about them.
//!
//! The library drops pseudo-header fields of a trailer section without telling that there were any. And it reads
//! everything that has arrived before streams have their turn, so that what nobody could read yet piles up.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::trailers::has_pseudo_fields;
use crate::net::rewind::Rewind;
use crate::net::through::writes_through;

/// The client connection preface (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The octets of a frame's header (RFC 9113 §4.1).
const HEAD: usize = 9;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

/// After how many octets streams have their turn.
const TURN: usize = 64 * 1024;

/// How many octets of a trailer section are looked through. A longer one counts as malformed.
const MAX_BLOCK: usize = 64 * 1024;

/// How many malformed streams are remembered: more than any honest client has.
const MAX_MALFORMED: usize = 64;

/// Whether a stream begins with the preface of HTTP/2; gives the stream back from its beginning. A client that has
/// agreed on HTTP/2 in its handshake does not always speak it.
pub async fn speaks_http_2<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<(bool, Rewind<S>)> {
    use tokio::io::AsyncReadExt as _;
    let mut first = [0; PREFACE.len()];
    let mut count = 0;
    while let Some(room) = first.get_mut(count..).filter(|room| !room.is_empty()) {
        let read = stream.read(room).await?;
        count += read;
        if read == 0 || !PREFACE.starts_with(first.get(..count).unwrap_or_default()) {
            break;
        }
    }
    let seen = first.get(..count).unwrap_or_default();
    Ok((seen == PREFACE, Rewind::new(bytes::Bytes::copy_from_slice(seen), stream)))
}

/// The streams whose trailer section is malformed (RFC 9113 §8.1). Whatever reads the end of a stream asks here.
#[derive(Clone, Debug, Default)]
pub(super) struct Malformed(Arc<Mutex<Vec<u32>>>);

impl Malformed {
    /// Whether a stream is one of them; forgets it.
    pub(super) fn take(&self, stream: u32) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().position(|one| *one == stream);
        found.map(|place| all.swap_remove(place)).is_some()
    }

    /// Adds a stream. False if there are too many.
    fn add(&self, stream: u32) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(stream);
        all.len() <= MAX_MALFORMED
    }
}

/// A connection whose frames are watched.
pub(super) struct Watched<S> {
    stream: S,
    frames: Frames,
    since_turn: usize,
}

/// The place in the sequence of frames that has been reached.
struct Frames {
    /// How many octets of the preface have yet to come.
    preface: usize,
    head: [u8; HEAD],
    head_length: usize,
    /// How many octets of the frame's payload have yet to come.
    left: usize,
    /// The highest stream that has been opened.
    highest: u32,
    /// The trailer section that is arriving, so far.
    block: Option<Vec<u8>>,
    malformed: Malformed,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, malformed: Malformed) -> Self {
        let frames = Frames {
            preface: PREFACE.len(),
            head: [0; HEAD],
            head_length: 0,
            left: 0,
            highest: 0,
            block: None,
            malformed,
        };
        Self { stream, frames, since_turn: 0 }
    }
}

impl Frames {
    /// Follows the frames in these octets. False if the connection must be closed.
    fn follow(&mut self, mut octets: &[u8]) -> bool {
        let preface = self.preface.min(octets.len());
        self.preface -= preface;
        octets = octets.get(preface..).unwrap_or_default();
        while !octets.is_empty() {
            if self.head_length < HEAD {
                let count = (HEAD - self.head_length).min(octets.len());
                let (part, rest) = octets.split_at_checked(count).unwrap_or_default();
                if let Some(room) = self.head.get_mut(self.head_length..self.head_length + count) {
                    room.copy_from_slice(part);
                }
                (self.head_length, octets) = (self.head_length + count, rest);
                if self.head_length == HEAD {
                    self.begin();
                }
            } else {
                let (part, rest) = octets.split_at_checked(self.left.min(octets.len())).unwrap_or_default();
                if let Some(block) = &mut self.block {
                    block.extend_from_slice(part);
                }
                (self.left, octets) = (self.left - part.len(), rest);
            }
            if self.head_length == HEAD && self.left == 0 && !self.end() {
                return false;
            }
        }
        true
    }

    fn stream(&self) -> u32 {
        let [.., a, b, c, d] = self.head;
        u32::from_be_bytes([a & 0x7f, b, c, d])
    }

    /// Notes that a frame's header is complete.
    fn begin(&mut self) {
        let [a, b, c, kind, ..] = self.head;
        self.left = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = self.stream();
        match kind {
            HEADERS if stream > self.highest => (self.highest, self.block) = (stream, None),
            // The stream is open already, so these are trailers.
            HEADERS => self.block = Some(Vec::new()),
            CONTINUATION => {}
            _ => self.block = None,
        }
    }

    /// Notes that a frame is complete. False if the connection must be closed.
    fn end(&mut self) -> bool {
        self.head_length = 0;
        let [_, _, _, kind, flags, ..] = self.head;
        let stream = self.stream();
        let Some(block) = &mut self.block else { return true };
        if kind == HEADERS {
            strip(block, flags);
        }
        let is_long = block.len() > MAX_BLOCK;
        if flags & END_HEADERS == 0 && !is_long {
            return true;
        }
        let is_malformed = is_long || has_pseudo_fields(block);
        self.block = None;
        !is_malformed || self.malformed.add(stream)
    }
}

/// Removes padding and priority from the payload of HEADERS (RFC 9113 §6.2).
fn strip(block: &mut Vec<u8>, flags: u8) {
    let padding = if flags & PADDED == 0 { 0 } else { block.first().map_or(0, |length| usize::from(*length)) };
    block.truncate(block.len().saturating_sub(padding));
    let front = usize::from(flags & PADDED != 0) + if flags & PRIORITY == 0 { 0 } else { 5 };
    block.drain(..front.min(block.len()));
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.since_turn >= TURN {
            this.since_turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let start = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        if polled.is_pending() {
            this.since_turn = 0;
        }
        ready!(polled)?;
        let arrived = buf.filled().get(start..).unwrap_or_default();
        this.since_turn += arrived.len();
        if this.frames.follow(arrived) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
        }
    }
}

writes_through!(Watched, stream);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn http_2_is_known_by_its_preface_and_nothing_is_lost() {
        use tokio::io::AsyncReadExt as _;
        for (octets, is_http_2) in [
            (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0"[..], true),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\x01", false),
            (b"GET / HTTP/1.1\r\n\r\n", false),
            (b"P", false),
            (b"", false),
        ] {
            for cut in 0..=octets.len() {
                let (first, rest) = octets.split_at(cut);
                let (found, mut again) = speaks_http_2(first.chain(rest)).await.unwrap();
                let mut whole = Vec::new();
                again.read_to_end(&mut whole).await.unwrap();
                assert_eq!((found, &whole[..]), (is_http_2, octets), "{} cut at {cut}", octets.escape_ascii());
            }
        }
    }

    #[derive(Default)]
    struct Woken(std::sync::atomic::AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[test]
    fn streams_have_their_turn_however_much_has_arrived() {
        let frames = [0, 0, 1, 0, 0, 0, 0, 0, 1, b'x'].repeat(30_000);
        let octets = [PREFACE, &frames].concat();
        let mut watched = Watched::new(&octets[..], Malformed::default());
        let woken = Arc::<Woken>::default();
        let waker = Arc::clone(&woken).into();
        let (mut all, mut since_turn, mut turns) = (0, 0, 0);
        loop {
            let mut space = [0; 8192];
            let mut room = ReadBuf::new(&mut space);
            match Pin::new(&mut watched).poll_read(&mut Context::from_waker(&waker), &mut room) {
                Poll::Ready(read) => read.unwrap(),
                Poll::Pending => (since_turn, turns) = (0, turns + 1),
            }
            (all, since_turn) = (all + room.filled().len(), since_turn + room.filled().len());
            assert!(since_turn < TURN + 8192, "{since_turn} octets, and no stream had its turn");
            if all == octets.len() {
                break;
            }
        }
        assert!(turns >= frames.len() / (TURN + 8192), "{turns}");
        assert_eq!(woken.0.load(std::sync::atomic::Ordering::Relaxed), turns, "the connection goes on by itself");
    }

    #[test]
    fn trailer_sections_are_found_however_the_octets_are_cut() {
        let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
            [&[0, 0, payload.len().to_le_bytes()[0], kind, flags, 0, 0, 0, stream][..], payload].concat()
        };
        let octets = [
            PREFACE.to_vec(),
            frame(4, 0, 0, &[]),
            // Requests have pseudo-header fields.
            frame(HEADERS, END_HEADERS, 1, &[0x82]),
            frame(HEADERS, 0, 3, &[0x82]),
            frame(CONTINUATION, END_HEADERS, 3, &[0x84]),
            frame(0, 0, 1, b"\x84data"),
            frame(HEADERS, END_HEADERS, 1, &[0, 1, b'x', 1, b'1']),
            frame(HEADERS, PADDED | PRIORITY, 3, &[1, 0, 0, 0, 0, 9, 0, 1, b'x', 1, 0]),
            frame(CONTINUATION, END_HEADERS, 3, &[b'1', 0x84]),
        ]
        .concat();
        for part in [1, 2, 7, 1000] {
            let mut watched = Watched::new((), Malformed::default());
            assert!(octets.chunks(part).all(|part| watched.frames.follow(part)));
            let malformed = &watched.frames.malformed;
            assert_eq!((malformed.take(1), malformed.take(3), malformed.take(3)), (false, true, false), "{part}");
        }
        // Nobody asks about these.
        let mut watched = Watched::new((), Malformed::default());
        watched.frames.preface = 0;
        assert!(watched.frames.follow(&frame(HEADERS, END_HEADERS, 9, &[0x82])));
        let more = (0..100).map(|_| watched.frames.follow(&frame(HEADERS, END_HEADERS, 1, &[0x84])));
        assert_eq!(more.filter(|goes_on| *goes_on).count(), MAX_MALFORMED);
    }
}
