//! A body that a scanner gives back, as a stream of chunks that ends where the body ends: whatever a scanner sends behind it
//! is never taken for a part of another message.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};

use super::head::put_chunk;
use super::point::{Channel, Point};
use super::sender::Sender;
use crate::wire::h1::{Chunks, Connection, Piece};

/// A body that a scanner gives back.
#[derive(Debug)]
pub struct Body {
    point: Arc<Point>,
    /// None once the body has ended.
    link: Option<Channel>,
    /// Whether another message may follow on the connection.
    keeps: bool,
    chunks: Chunks,
    out: BytesMut,
    /// Whether it is given without the framing of chunks.
    is_plain: bool,
    /// What is still sent meanwhile, and from where: some scanners begin to answer before they have seen everything.
    sending: Option<Box<(Sender, Connection)>>,
}

impl Body {
    /// The body that comes next on this connection.
    pub fn new(point: Arc<Point>, link: Channel, keeps: bool) -> Self {
        let (chunks, out) = (Chunks::default(), BytesMut::new());
        Self { point, link: Some(link), keeps, chunks, out, is_plain: false, sending: None }
    }

    /// The same, while the message that it answers is still being sent.
    #[must_use]
    pub fn while_sending(self, sender: Sender, from: Connection) -> Self {
        Self { sending: Some(Box::new((sender, from))), keeps: false, ..self }
    }

    /// The same without the framing of chunks.
    #[must_use]
    pub fn plain(self) -> Self {
        Self { is_plain: true, ..self }
    }

    /// Reads the next part into `out`.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { link: Some(link), chunks, out, is_plain, sending, .. } = self else { return Poll::Ready(Ok(())) };
        if let Some(sent) = sending {
            let (sender, from) = &mut **sent;
            match sender.poll(from, &mut link.connection.stream, cx) {
                Poll::Ready(Ok(())) => *sending = None,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                Poll::Pending => {}
            }
        }
        if link.connection.unread.is_empty() && ready!(link.connection.poll_fill_apart(cx))? == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let arrived = link.connection.unread.split();
        let mut rest = &arrived[..];
        while let Some(piece) = chunks.next(&mut rest).map_err(io::Error::other)? {
            match piece {
                Piece::Data(data) if *is_plain => out.extend_from_slice(data),
                Piece::Data(data) => put_chunk(out, data),
                Piece::End(_) => {
                    if !*is_plain {
                        out.extend_from_slice(b"0\r\n\r\n");
                    }
                    let is_clean = rest.is_empty() && self.keeps && self.sending.is_none();
                    if let Some(link) = self.link.take().filter(|_| is_clean) {
                        self.point.give_back(link);
                    }
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Body {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.out.is_empty() && self.link.is_some() {
            ready!(self.poll_part(cx))?;
        }
        let count = self.out.len().min(buf.remaining());
        buf.put_slice(&self.out.split_to(count));
        Poll::Ready(Ok(()))
    }
}
