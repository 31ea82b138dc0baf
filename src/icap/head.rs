//! The heads of ICAP messages (RFC 3507): what we ask is written, and what a scanner answers is read strictly.

use std::io::Write as _;

use bytes::{Bytes, BytesMut};

use crate::wire::h1::Fields;

/// The most octets that the heads may have together which an answer encapsulates.
const MOST_ENCAPSULATED: usize = 256 * 1024;

/// What a scanner is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// To look at a request (RFC 3507 §4.8).
    Reqmod,
    /// To look at an answer (RFC 3507 §4.9).
    Respmod,
}

impl Direction {
    /// The method.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reqmod => "REQMOD",
            Self::Respmod => "RESPMOD",
        }
    }
}

/// Why what a scanner has sent is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The first line is no status line.
    #[error("its status line is not that of ICAP/1.0")]
    StatusLine,
    /// The fields are not valid.
    #[error("its fields are not valid")]
    Fields,
    /// `Encapsulated` is missing, stands there twice, or says something that cannot be.
    #[error("its Encapsulated field is not valid")]
    Encapsulated,
    /// An HTTP head in it is not valid, or does not end where it should.
    #[error("the HTTP head in it is not valid")]
    Head,
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct AnswerHead {
    /// The status: three digits.
    pub status: u16,
    /// The fields, unfolded.
    pub fields: Fields,
    /// What comes behind it.
    pub encapsulated: Option<Encapsulated>,
}

/// What an answer encapsulates (RFC 3507 §4.4.1): the head of one HTTP message at most, and perhaps its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encapsulated {
    /// The kind of head, and how many octets it has.
    pub head: Option<(HeadKind, usize)>,
    /// Whether a body in chunks follows.
    pub has_body: bool,
}

/// The kind of an encapsulated head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadKind {
    /// That of a request.
    Request,
    /// That of an answer.
    Response,
}

impl AnswerHead {
    /// Reads a head, including its empty line. Lines that are folded are unfolded, because scanners write such ones
    /// (`X-Violations-Found`).
    pub fn parse(octets: &[u8], max_fields: usize) -> Result<Self, Malformed> {
        let octets = unfolded(octets);
        let end = memchr::memchr(b'\n', &octets).ok_or(Malformed::StatusLine)?;
        let line = octets.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Malformed::StatusLine)?;
        let status = match line {
            [b'I', b'C', b'A', b'P', b'/', b'1', b'.', b'0'..=b'9', b' ', a, b, c, rest @ ..]
                if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) && matches!(rest, [] | [b' ', ..]) =>
            {
                [a, b, c].iter().fold(0, |number, digit| number * 10 + u16::from(**digit - b'0'))
            }
            _ => return Err(Malformed::StatusLine),
        };
        if !(100..600).contains(&status) {
            return Err(Malformed::StatusLine);
        }
        let fields = Fields::parse(octets, end + 1, max_fields).map_err(|_| Malformed::Fields)?;
        let encapsulated = Encapsulated::of(&fields)?;
        Ok(Self { status, fields, encapsulated })
    }

    /// Whether the scanner keeps the connection open.
    pub fn is_persistent(&self) -> bool {
        !self.fields.items("connection").any(|item| item.eq_ignore_ascii_case(b"close"))
    }
}

impl Encapsulated {
    fn of(fields: &Fields) -> Result<Option<Self>, Malformed> {
        let mut all = fields.all("encapsulated");
        let Some(value) = all.next() else { return Ok(None) };
        if all.next().is_some() {
            return Err(Malformed::Encapsulated);
        }
        Self::parse(value).map(Some)
    }

    /// Reads the value of the field: the parts in order, each with its offset. The last one is a body, or none.
    pub fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let value = std::str::from_utf8(value).map_err(|_| Malformed::Encapsulated)?;
        let parts: Vec<(&str, usize)> =
            value.split(',').map(part).collect::<Option<_>>().ok_or(Malformed::Encapsulated)?;
        let kind_of = |name: &str| match name {
            "req-hdr" => Some(HeadKind::Request),
            "res-hdr" => Some(HeadKind::Response),
            _ => None,
        };
        match *parts.as_slice() {
            [(body, 0)] => Ok(Self { head: None, has_body: body_of(body, None)? }),
            [(head, 0), (body, length)] if (1..=MOST_ENCAPSULATED).contains(&length) => {
                let kind = kind_of(head).ok_or(Malformed::Encapsulated)?;
                Ok(Self { head: Some((kind, length)), has_body: body_of(body, Some(kind))? })
            }
            _ => Err(Malformed::Encapsulated),
        }
    }
}

/// One part: `name=offset`.
fn part(text: &str) -> Option<(&str, usize)> {
    let (name, offset) = text.trim_matches([' ', '\t']).split_once('=')?;
    let is_number = !offset.is_empty() && offset.len() <= 9 && offset.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| offset.parse().ok()).flatten().map(|offset| (name, offset))
}

/// Whether the last part is a body. One that goes with another head than that before it is none.
fn body_of(name: &str, head: Option<HeadKind>) -> Result<bool, Malformed> {
    match (name, head) {
        ("null-body", _) => Ok(false),
        ("req-body", None | Some(HeadKind::Request)) | ("res-body", None | Some(HeadKind::Response)) => Ok(true),
        ("opt-body", None) => Ok(true),
        _ => Err(Malformed::Encapsulated),
    }
}

/// The same octets, with spaces in the place of each line end that a line goes on after (RFC 9112 §5.2).
fn unfolded(octets: &[u8]) -> Bytes {
    let mut octets = BytesMut::from(octets);
    let folds: Vec<usize> = octets
        .windows(3)
        .enumerate()
        .filter(|(at, three)| *at > 0 && matches!(three, [b'\r', b'\n', b' ' | b'\t']))
        .map(|(at, _)| at)
        .collect();
    for at in folds {
        if let Some(end) = octets.get_mut(at..at + 2) {
            end.fill(b' ');
        }
    }
    octets.freeze()
}

/// What a scanner is asked.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// What to look at.
    pub direction: Direction,
    /// The address of the service.
    pub address: &'a str,
    /// Its host and port.
    pub authority: &'a str,
    /// Whether it may answer 204 after the preview, too, because we keep the message (RFC 3507 §4.6).
    pub may_be_unmodified: bool,
    /// How many octets of the body are shown first.
    pub preview: Option<usize>,
    /// What it is told besides: names and values.
    pub told: &'a [(&'static str, String)],
    /// The head of the HTTP request.
    pub request: &'a [u8],
    /// The head of the answer.
    pub response: Option<&'a [u8]>,
    /// Whether there is a body.
    pub has_body: bool,
}

impl Envelope<'_> {
    /// The head of the ICAP request, and the heads that it encapsulates.
    pub fn encode(&self) -> Vec<u8> {
        let response = self.response.unwrap_or_default();
        let mut octets = Vec::with_capacity(512 + self.request.len() + response.len());
        // Writing into memory does not fail.
        put_start(&mut octets, self.direction.as_str(), self.address, self.authority);
        for (name, value) in self.told {
            drop(write!(octets, "{name}: {value}\r\n"));
        }
        if self.may_be_unmodified {
            octets.extend_from_slice(b"Allow: 204\r\n");
        }
        if let Some(preview) = self.preview.filter(|_| self.has_body) {
            drop(write!(octets, "Preview: {preview}\r\n"));
        }
        octets.extend_from_slice(b"Encapsulated: req-hdr=0");
        if self.response.is_some() {
            drop(write!(octets, ", res-hdr={}", self.request.len()));
        }
        let body = match (self.has_body, self.direction) {
            (false, _) => "null-body",
            (true, Direction::Reqmod) => "req-body",
            (true, Direction::Respmod) => "res-body",
        };
        drop(write!(octets, ", {body}={}\r\n\r\n", self.request.len() + response.len()));
        octets.extend_from_slice(self.request);
        octets.extend_from_slice(response);
        octets
    }
}

/// A request for what a service can do (RFC 3507 §4.10).
pub fn options(address: &str, authority: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(256);
    put_start(&mut octets, "OPTIONS", address, authority);
    octets.extend_from_slice(b"Connection: close\r\nEncapsulated: null-body=0\r\n\r\n");
    octets
}

fn put_start(octets: &mut Vec<u8>, method: &str, address: &str, authority: &str) {
    let agent = concat!("vestibule/", env!("CARGO_PKG_VERSION"));
    drop(write!(octets, "{method} {address} ICAP/1.0\r\nHost: {authority}\r\nUser-Agent: {agent}\r\n"));
}

/// Frames a part of a body as a chunk.
pub fn put_chunk(octets: &mut BytesMut, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    octets.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    octets.extend_from_slice(data);
    octets.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encapsulated_is_read_in_every_form_and_refused_in_all_others() {
        use HeadKind::{Request, Response};
        let good = |head, has_body| Ok(Encapsulated { head, has_body });
        let bad = Err(Malformed::Encapsulated);
        for (value, read) in [
            ("res-hdr=0, res-body=161", good(Some((Response, 161)), true)),
            ("res-hdr=0,null-body=70", good(Some((Response, 70)), false)),
            ("req-hdr=0, req-body=412", good(Some((Request, 412)), true)),
            ("req-hdr=0, null-body=170", good(Some((Request, 170)), false)),
            ("null-body=0", good(None, false)),
            ("res-body=0", good(None, true)),
            ("req-body=0", good(None, true)),
            ("opt-body=0", good(None, true)),
            ("", bad),
            ("res-hdr=0", bad),
            ("null-body=1", bad),
            ("res-hdr=1, res-body=161", bad),
            ("res-hdr=0, res-body=0", bad),
            ("res-hdr=0, req-body=10", bad),
            ("req-hdr=0, res-body=10", bad),
            ("req-hdr=0, res-hdr=10, res-body=20", bad),
            ("res-body=0, res-hdr=10", bad),
            ("res-hdr=0, res-hdr=10", bad),
            ("res-hdr=0, opt-body=10", bad),
            ("res-hdr=-1, res-body=10", bad),
            ("res-hdr=0, res-body=+10", bad),
            ("res-hdr=0, res-body=0x10", bad),
            ("res-hdr=0, res-body=", bad),
            ("res-hdr=0 res-body=10", bad),
            ("res-hdr=0, res-body=262145", bad),
            ("res-hdr=0, res-body=99999999999999999999", bad),
            ("other=0, res-body=10", bad),
            ("res-hdr = 0, res-body=10", bad),
            ("RES-HDR=0, res-body=10", bad),
        ] {
            assert_eq!(Encapsulated::parse(value.as_bytes()), read, "{value}");
        }
    }

    #[test]
    fn a_head_is_read_with_its_folded_lines_and_refused_where_it_is_none() {
        let head = "ICAP/1.0 200 OK\r\nISTag: \"a\"\r\nX-Violations-Found: 1\r\n\t-\r\n\tEicar\r\n\t0\r\n\t2\r\n\
            Connection: close\r\nEncapsulated: res-hdr=0, res-body=161\r\n\r\n";
        let read = AnswerHead::parse(head.as_bytes(), 20).unwrap();
        let found = read.fields.text("x-violations-found").unwrap();
        assert_eq!(found.split_whitespace().collect::<Vec<_>>(), ["1", "-", "Eicar", "0", "2"]);
        assert!(read.status == 200 && !read.is_persistent() && read.encapsulated.is_some());
        let bare = AnswerHead::parse(b"ICAP/1.0 204\r\n\r\n", 20).unwrap();
        assert!(bare.status == 204 && bare.is_persistent() && bare.encapsulated.is_none());
        for (head, why) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Malformed::StatusLine),
            ("ICAP/2.0 200 OK\r\n\r\n", Malformed::StatusLine),
            ("ICAP/1.0 20 OK\r\n\r\n", Malformed::StatusLine),
            ("ICAP/1.0 2000 OK\r\n\r\n", Malformed::StatusLine),
            ("ICAP/1.0 099 OK\r\n\r\n", Malformed::StatusLine),
            ("ICAP/1.0 +99 OK\r\n\r\n", Malformed::StatusLine),
            ("ICAP/1.0  200 OK\r\n\r\n", Malformed::StatusLine),
            ("ICAP/1.0 200 OK\n\r\n", Malformed::StatusLine),
            ("", Malformed::StatusLine),
            ("ICAP/1.0 200 OK\r\n", Malformed::Fields),
            ("ICAP/1.0 200 OK\r\nA b\r\n\r\n", Malformed::Fields),
            ("ICAP/1.0 200 OK\r\nA: b\nB: c\r\n\r\n", Malformed::Fields),
            ("ICAP/1.0 200 OK\r\nA: \0\r\n\r\n", Malformed::Fields),
            (
                "ICAP/1.0 200 OK\r\nEncapsulated: null-body=0\r\nEncapsulated: null-body=0\r\n\r\n",
                Malformed::Encapsulated,
            ),
            ("ICAP/1.0 200 OK\r\nEncapsulated: x\r\n\r\n", Malformed::Encapsulated),
        ] {
            assert_eq!(AnswerHead::parse(head.as_bytes(), 20).unwrap_err(), why, "{head:?}");
        }
        let many = format!("ICAP/1.0 200 OK\r\n{}\r\n", "A: b\r\n".repeat(21));
        assert_eq!(AnswerHead::parse(many.as_bytes(), 20).unwrap_err(), Malformed::Fields);
    }

    #[test]
    fn what_is_asked_says_where_each_part_begins() {
        let (request, response) = (b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n");
        let told = [("X-Client-IP", "192.0.2.7".to_owned())];
        let asking = Envelope {
            direction: Direction::Respmod,
            address: "icap://scan.test/av",
            authority: "scan.test:1344",
            may_be_unmodified: true,
            preview: Some(1024),
            told: &told,
            request,
            response: Some(response),
            has_body: true,
        };
        let agent = concat!("vestibule/", env!("CARGO_PKG_VERSION"));
        let head = |more: &str| {
            format!(
                "RESPMOD icap://scan.test/av ICAP/1.0\r\nHost: scan.test:1344\r\nUser-Agent: {agent}\r\n{more}\r\n\r\n"
            )
        };
        let text = |asking: Envelope<'_>| String::from_utf8(asking.encode()).unwrap();
        assert_eq!(
            text(asking),
            head(
                "X-Client-IP: 192.0.2.7\r\nAllow: 204\r\nPreview: 1024\r\nEncapsulated: req-hdr=0, res-hdr=45, res-body=64"
            ) + std::str::from_utf8(request).unwrap()
                + std::str::from_utf8(response).unwrap()
        );
        let none = Envelope { told: &[], has_body: false, may_be_unmodified: false, ..asking };
        assert!(text(none).starts_with(&head("Encapsulated: req-hdr=0, res-hdr=45, null-body=64")));
        let upload = Envelope { told: &[], direction: Direction::Reqmod, response: None, preview: None, ..asking };
        assert!(text(upload).contains("\r\nAllow: 204\r\nEncapsulated: req-hdr=0, req-body=45\r\n\r\nGET"));
    }
}
