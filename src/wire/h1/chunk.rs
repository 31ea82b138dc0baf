//! Chunked transfer coding (RFC 9112 §7.1), read strictly. Extensions are checked and dropped.

use bytes::Bytes;
use memchr::memchr;

use super::fields::{Fields, is_field_octet, is_space, is_token};

/// The most octets of a chunk's size and extensions.
const MAX_LINE: usize = 256;

/// The most octets of extensions in one body: otherwise a client could send a gigabyte of them around a small body.
const MAX_EXTENSIONS: usize = 16 * 1024;

/// The most octets of the trailer section.
const MAX_TRAILERS: usize = 16 * 1024;

/// The most trailer fields.
const MAX_TRAILER_FIELDS: usize = 50;

/// Why a body is not validly chunked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The size is no hexadecimal number.
    #[error("a chunk's size is not valid")]
    Size,
    /// An extension is none.
    #[error("a chunk's extension is not valid")]
    Extension,
    /// There is no line end after its data.
    #[error("a chunk is longer than its size says")]
    End,
    /// More extensions than any honest sender writes.
    #[error("there are too many chunk extensions")]
    TooMuch,
    /// The trailer section is none, or too long.
    #[error("the trailer fields are not valid")]
    Trailers,
}

/// What comes out of a chunked body.
#[derive(Debug)]
pub enum Piece<'a> {
    /// Octets of the body.
    Data(&'a [u8]),
    /// The end, and the trailer fields.
    End(Fields),
}

/// Reads a chunked body.
#[derive(Clone, Debug)]
pub struct Chunks {
    state: State,
    /// A line of which only the beginning has arrived, or the trailer section so far.
    line: Vec<u8>,
    extensions: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Data(u64),
    /// The CRLF after a chunk's data.
    DataEnd,
    Trailers,
    Done,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { state: State::Size, line: Vec::new(), extensions: 0 }
    }
}

impl Chunks {
    /// The next piece, taken from the beginning of `input`; `None` if more must arrive first.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>, ChunkError> {
        while !input.is_empty() || self.state == State::Done {
            match self.state {
                State::Size => {
                    let Some(line) = self.take_line(input, MAX_LINE, ChunkError::Size)? else { return Ok(None) };
                    let size = self.parse_size(&line)?;
                    self.state = if size == 0 { State::Trailers } else { State::Data(size) };
                }
                State::Data(left) => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let (data, rest) = input.split_at_checked(count).unwrap_or_default();
                    *input = rest;
                    let left = left - count as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    return Ok(Some(Piece::Data(data)));
                }
                State::DataEnd => {
                    let Some(line) = self.take_line(input, 2, ChunkError::End)? else { return Ok(None) };
                    if !line.is_empty() {
                        return Err(ChunkError::End);
                    }
                    self.state = State::Size;
                }
                State::Trailers => {
                    let Some(fields) = self.take_trailers(input)? else { return Ok(None) };
                    self.state = State::Done;
                    return Ok(Some(Piece::End(fields)));
                }
                State::Done => return Ok(Some(Piece::End(Fields::default()))),
            }
        }
        Ok(None)
    }

    /// The next line, without its CRLF; `None` if it is not complete yet.
    fn take_line(
        &mut self,
        input: &mut &[u8],
        max: usize,
        malformed: ChunkError,
    ) -> Result<Option<Vec<u8>>, ChunkError> {
        let (taken, complete) = match memchr(b'\n', input) {
            Some(place) => (place + 1, true),
            None => (input.len(), false),
        };
        let (part, rest) = input.split_at_checked(taken).unwrap_or_default();
        if self.line.len() + part.len() > max {
            return Err(malformed);
        }
        self.line.extend_from_slice(part);
        *input = rest;
        if !complete {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        if !line.ends_with(b"\r\n") {
            return Err(malformed);
        }
        line.truncate(line.len() - 2);
        Ok(Some(line))
    }

    fn parse_size(&mut self, line: &[u8]) -> Result<u64, ChunkError> {
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let (digits, extensions) = line.split_at_checked(digits).unwrap_or_default();
        // 16 digits are 64 bits.
        if digits.is_empty() || digits.len() > 16 {
            return Err(ChunkError::Size);
        }
        if !extensions.is_empty() {
            check_extensions(extensions)?;
            self.extensions += extensions.len();
            if self.extensions > MAX_EXTENSIONS {
                return Err(ChunkError::TooMuch);
            }
        }
        let digits = std::str::from_utf8(digits).map_err(|_| ChunkError::Size)?;
        u64::from_str_radix(digits, 16).map_err(|_| ChunkError::Size)
    }

    fn take_trailers(&mut self, input: &mut &[u8]) -> Result<Option<Fields>, ChunkError> {
        while !input.is_empty() {
            let taken = memchr(b'\n', input).map_or(input.len(), |place| place + 1);
            let (part, rest) = input.split_at_checked(taken).unwrap_or_default();
            if self.line.len() + part.len() > MAX_TRAILERS {
                return Err(ChunkError::Trailers);
            }
            self.line.extend_from_slice(part);
            *input = rest;
            if self.line == b"\r\n"
                || self.line.ends_with(b"\n\r\n")
                || self.line.ends_with(b"\n\n")
                || self.line == b"\n"
            {
                let octets = Bytes::from(std::mem::take(&mut self.line));
                let fields = Fields::parse(octets, 0, MAX_TRAILER_FIELDS);
                return fields.map(Some).map_err(|_| ChunkError::Trailers);
            }
        }
        Ok(None)
    }
}

/// `;name`, `;name=value`, `;name="value"`, with spaces where RFC 9112 §7.1.1 has them.
fn check_extensions(octets: &[u8]) -> Result<(), ChunkError> {
    let mut rest = octets;
    while !rest.is_empty() {
        rest = skip_spaces(rest).strip_prefix(b";").ok_or(ChunkError::Extension)?;
        rest = skip_token(skip_spaces(rest)).ok_or(ChunkError::Extension)?;
        if let Some(value) = skip_spaces(rest).strip_prefix(b"=") {
            let value = skip_spaces(value);
            rest = match value.strip_prefix(b"\"") {
                Some(quoted) => skip_quoted(quoted),
                None => skip_token(value),
            }
            .ok_or(ChunkError::Extension)?;
        }
    }
    Ok(())
}

fn skip_spaces(octets: &[u8]) -> &[u8] {
    let spaces = octets.iter().take_while(|b| is_space(**b)).count();
    octets.get(spaces..).unwrap_or_default()
}

fn skip_token(octets: &[u8]) -> Option<&[u8]> {
    let length = octets.iter().take_while(|b| is_token(**b)).count();
    if length == 0 { None } else { octets.get(length..) }
}

fn skip_quoted(octets: &[u8]) -> Option<&[u8]> {
    let mut escaped = false;
    for (place, octet) in octets.iter().enumerate() {
        if !is_field_octet(*octet) {
            return None;
        }
        match octet {
            b'"' if !escaped => return octets.get(place + 1..),
            b'\\' if !escaped => escaped = true,
            _ => escaped = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body and the names of the trailer fields, when the input arrives in parts of this size.
    fn read(input: &[u8], part: usize) -> Result<(Vec<u8>, usize, Vec<u8>), ChunkError> {
        let (mut chunks, mut body) = (Chunks::default(), Vec::new());
        let mut parts = input.chunks(part);
        while let Some(arrived) = parts.next() {
            let mut rest = arrived;
            while let Some(piece) = chunks.next(&mut rest)? {
                match piece {
                    Piece::Data(data) => body.extend_from_slice(data),
                    Piece::End(fields) => {
                        let rest = [rest.to_vec(), parts.flatten().copied().collect()].concat();
                        return Ok((body, fields.len(), rest));
                    }
                }
            }
        }
        Err(ChunkError::End)
    }

    #[test]
    fn chunks_are_read_however_they_are_cut() {
        let input = b"5\r\nhello\r\n6;a;b=c; d = \"e\\\"f\"\r\n world\r\n00\r\nX-A: 1\r\nX-B: 2\r\n\r\nGET";
        for part in 1..input.len() {
            assert_eq!(read(input, part), Ok((b"hello world".to_vec(), 2, b"GET".to_vec())), "{part}");
        }
        assert_eq!(read(b"0\r\n\r\n", 1), Ok((Vec::new(), 0, Vec::new())));
    }

    #[test]
    fn chunks_that_two_readers_could_read_in_two_ways_are_refused() {
        let long = [&b"1;"[..], &[b'a'; 300], b"\r\n"].concat();
        let many = [&b"1;"[..], &[b'a'; 200], b"\r\na\r\n"].concat().repeat(100);
        for (input, error) in [
            (&b"\r\n"[..], ChunkError::Size),
            (b"5\nhello\r\n", ChunkError::Size),
            (b" 5\r\nhello\r\n", ChunkError::Size),
            (b"+5\r\nhello\r\n", ChunkError::Size),
            (b"0x5\r\nhello\r\n", ChunkError::Extension),
            (b"5 \r\nhello\r\n", ChunkError::Extension),
            (b"5g\r\nhello\r\n", ChunkError::Extension),
            (b"10000000000000005\r\nhello\r\n", ChunkError::Size),
            (b"5;\r\nhello\r\n", ChunkError::Extension),
            (b"5;a=\r\nhello\r\n", ChunkError::Extension),
            (b"5;a=\"b\r\nhello\r\n", ChunkError::Extension),
            (b"5;a\rb\r\nhello\r\n", ChunkError::Extension),
            (b"5\r\nhelloo\r\n", ChunkError::End),
            (b"5\r\nhello\n0\r\n\r\n", ChunkError::End),
            (b"0\r\nA : 1\r\n\r\n", ChunkError::Trailers),
            (b"0\r\nA: 1\n\n", ChunkError::Trailers),
            (b"0\r\n\n", ChunkError::Trailers),
            (&long, ChunkError::Size),
            (&many, ChunkError::TooMuch),
        ] {
            for part in [1, 1000] {
                assert_eq!(read(input, part).unwrap_err(), error, "{}", input.escape_ascii());
            }
        }
    }
}
