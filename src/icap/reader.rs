//! Reads a message body as it comes, and leaves its octets as they are: what is shown to a scanner is the content, and what
//! is kept are the octets of the connection, so that they can be read once more as if nothing had happened.

use bytes::BytesMut;

use crate::wire::h1::{ChunkError, Chunks, Length, Piece};

/// Finds the content in the octets of a body.
#[derive(Clone, Debug)]
pub struct Reader {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Exact(u64),
    Chunked(Box<Chunks>),
    UntilClose,
    Done,
}

impl Reader {
    /// Reads a body of this length.
    pub fn new(length: Length) -> Self {
        let source = match length {
            Length::Exact(0) => Source::Done,
            Length::Exact(length) => Source::Exact(length),
            Length::Chunked => Source::Chunked(Box::default()),
            Length::UntilClose => Source::UntilClose,
        };
        Self { source }
    }

    /// Whether all of it has been read.
    pub fn is_done(&self) -> bool {
        matches!(self.source, Source::Done)
    }

    /// The connection has closed: false if that is not the end of the body.
    pub fn close(&mut self) -> bool {
        if matches!(self.source, Source::UntilClose) {
            self.source = Source::Done;
        }
        self.is_done()
    }

    /// Reads what belongs to the body at the beginning of `arrived`, and gives how many octets that are. Their content goes
    /// to `content`.
    pub fn read(&mut self, arrived: &[u8], content: &mut BytesMut) -> Result<usize, ChunkError> {
        match &mut self.source {
            Source::Done => Ok(0),
            Source::UntilClose => {
                content.extend_from_slice(arrived);
                Ok(arrived.len())
            }
            Source::Exact(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(arrived.len());
                content.extend_from_slice(arrived.get(..count).unwrap_or_default());
                *left -= count as u64;
                if *left == 0 {
                    self.source = Source::Done;
                }
                Ok(count)
            }
            Source::Chunked(chunks) => {
                let mut rest = arrived;
                while let Some(piece) = chunks.next(&mut rest)? {
                    match piece {
                        Piece::Data(data) => content.extend_from_slice(data),
                        Piece::End(_) => {
                            self.source = Source::Done;
                            break;
                        }
                    }
                }
                Ok(arrived.len() - rest.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_found_and_what_follows_is_left() {
        let chunked = "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nA: b\r\n\r\n";
        for (length, octets, content, is_done, left) in [
            (Length::NONE, "next", "", true, 4),
            (Length::Exact(6), "hello!next", "hello!", true, 4),
            (Length::Exact(6), "hel", "hel", false, 0),
            (Length::Chunked, &format!("{chunked}next"), "hello!", true, 4),
            (Length::Chunked, chunked.get(..10).unwrap(), "hello", false, 0),
            (Length::UntilClose, "hello", "hello", false, 0),
        ] {
            // In one piece, and octet by octet.
            for size in [1, octets.len()] {
                let (mut reader, mut found, mut at) = (Reader::new(length), BytesMut::new(), 0);
                for part in octets.as_bytes().chunks(size) {
                    at += reader.read(part, &mut found).unwrap();
                }
                assert_eq!((&found[..], reader.is_done(), octets.len() - at), (content.as_bytes(), is_done, left));
                assert_eq!(reader.close(), is_done || length == Length::UntilClose);
            }
        }
        assert!(Reader::new(Length::Chunked).read(b"x\r\n", &mut BytesMut::new()).is_err());
    }
}
