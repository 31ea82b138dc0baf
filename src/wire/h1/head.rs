//! The head of a message: the start line and the fields.

use bytes::Bytes;
use http::{Method, StatusCode, Version};
use memchr::memchr;

use super::error::HeadError;
use super::fields::{Fields, is_field_octet};
use super::framing::{Length, has_no_length};
use super::target::RequestTarget;

/// The most octets of a method: longer than any registered one.
const MAX_METHOD: usize = 32;

/// The head of a request.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The request target.
    pub target: RequestTarget,
    /// The version that the client speaks.
    pub version: Version,
    /// The version in which it was received; a request over HTTP/2 has HTTP/1.1 as its `version`.
    pub received: Version,
    /// The fields.
    pub fields: Fields,
    /// The length of the body.
    pub body: Length,
    /// Whether it is the last request that we answer on its connection, because we are stopping.
    pub is_last: bool,
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase.
    pub reason: Bytes,
    /// The version that the origin speaks.
    pub version: Version,
    /// The fields.
    pub fields: Fields,
    /// The length of the body.
    pub body: Length,
}

impl RequestHead {
    /// Reads a head, including its empty line.
    pub fn parse(octets: &Bytes, max_fields: usize) -> Result<Self, HeadError> {
        let (line, after) = first_line(octets)?;
        let mut words = line.split(|b| *b == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(HeadError::RequestLine);
        };
        if method.len() > MAX_METHOD {
            return Err(HeadError::RequestLine);
        }
        let method = Method::from_bytes(method).map_err(|_| HeadError::RequestLine)?;
        let version = version_of(version, HeadError::RequestLine)?;
        let target = RequestTarget::parse(target, &method)?;
        let fields = Fields::parse(octets.clone(), after, max_fields)?;
        let body = Length::of_request(&method, version, &fields)?;
        Ok(Self { method, target, version, received: version, fields, body, is_last: false })
    }

    /// Whether another request may follow on the connection (RFC 9112 §9.3). A proxy must not keep the connection of an
    /// HTTP/1.0 client open (§C.2.2).
    pub fn is_persistent(&self) -> bool {
        self.version == Version::HTTP_11 && !self.is_last && !closes(&self.fields)
    }

    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1). HTTP/1.0 does not have
    /// that.
    pub fn expects_continue(&self) -> bool {
        self.version == Version::HTTP_11
            && self.fields.items("expect").any(|item| item.eq_ignore_ascii_case(b"100-continue"))
    }
}

impl ResponseHead {
    /// Reads the head of an answer to a request with this method, including its empty line.
    pub fn parse(octets: &Bytes, max_fields: usize, asked: &Method) -> Result<Self, HeadError> {
        let (line, after) = first_line(octets)?;
        let (version, rest) = line.split_at_checked(8).ok_or(HeadError::StatusLine)?;
        let version = version_of(version, HeadError::StatusLine)?;
        let (status, reason) = match rest {
            [b' ', a, b, c] => ([*a, *b, *c], &[][..]),
            [b' ', a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
            _ => return Err(HeadError::StatusLine),
        };
        let status = StatusCode::from_bytes(&status).map_err(|_| HeadError::StatusLine)?;
        if status.as_u16() >= 600 || !reason.iter().all(|b| is_field_octet(*b)) {
            return Err(HeadError::StatusLine);
        }
        let reason = if reason.is_empty() { Bytes::new() } else { octets.slice_ref(reason) };
        let fields = Fields::parse(octets.clone(), after, max_fields)?;
        let body = Length::of_response(status, version, &fields, asked)?;
        Ok(Self { status, reason, version, fields, body })
    }

    /// Whether the origin keeps the connection open (RFC 9112 §9.3).
    pub fn is_persistent(&self) -> bool {
        let keeps = self.version == Version::HTTP_11
            || self.fields.items("connection").any(|item| item.eq_ignore_ascii_case(b"keep-alive"));
        keeps && !closes(&self.fields) && self.body != Length::UntilClose && !self.declares_more()
    }

    /// Whether it declares a body where there must be none: the origin may send one all the same, which could be taken
    /// for the next answer.
    fn declares_more(&self) -> bool {
        let length = || self.fields.all("content-length").any(|length| length != b"0");
        has_no_length(self.status) && (self.fields.contains("transfer-encoding") || length())
    }
}

fn closes(fields: &Fields) -> bool {
    fields.items("connection").any(|item| item.eq_ignore_ascii_case(b"close"))
}

/// The start line, and where the fields begin.
fn first_line(octets: &Bytes) -> Result<(&[u8], usize), HeadError> {
    let length = memchr(b'\n', octets).ok_or(HeadError::RequestLine)?;
    let line = octets.get(..length).unwrap_or_default().strip_suffix(b"\r").ok_or(HeadError::BareLineFeed)?;
    if line.contains(&b'\r') { Err(HeadError::BareCarriageReturn) } else { Ok((line, length + 1)) }
}

fn version_of(octets: &[u8], malformed: HeadError) -> Result<Version, HeadError> {
    match octets {
        b"HTTP/1.1" => Ok(Version::HTTP_11),
        b"HTTP/1.0" => Ok(Version::HTTP_10),
        // RFC 9110 §2.5: a sender of a higher minor version understands HTTP/1.1.
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Ok(Version::HTTP_11),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(HeadError::Version),
        _ => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(octets: &'static str) -> Result<RequestHead, HeadError> {
        RequestHead::parse(&Bytes::from_static(octets.as_bytes()), 9)
    }

    fn response(octets: &'static [u8]) -> Result<ResponseHead, HeadError> {
        ResponseHead::parse(&Bytes::from_static(octets), 9, &Method::GET)
    }

    #[test]
    fn a_request_line_is_three_words() {
        let head = request("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
        assert_eq!((head.method, head.target.path(), head.body), (Method::GET, "/", Length::NONE));
        for (line, error) in [
            ("GET /\r\n\r\n", HeadError::RequestLine),
            ("GET  / HTTP/1.1\r\n\r\n", HeadError::RequestLine),
            ("GET / HTTP/1.1 \r\n\r\n", HeadError::RequestLine),
            (" GET / HTTP/1.1\r\n\r\n", HeadError::RequestLine),
            ("GET\t/\tHTTP/1.1\r\n\r\n", HeadError::RequestLine),
            ("G(T / HTTP/1.1\r\n\r\n", HeadError::RequestLine),
            ("GET / http/1.1\r\n\r\n", HeadError::RequestLine),
            ("GET / HTTP/1.10\r\n\r\n", HeadError::RequestLine),
            ("GET / HTTP/2.0\r\n\r\n", HeadError::Version),
            ("GET / HTTP/0.9\r\n\r\n", HeadError::Version),
            ("GET / HTTP/1.1\n\r\n", HeadError::BareLineFeed),
            ("GET /\rx HTTP/1.1\r\n\r\n", HeadError::BareCarriageReturn),
        ] {
            assert_eq!(request(line).unwrap_err(), error, "{line:?}");
        }
        assert_eq!(request("GET / HTTP/1.9\r\n\r\n").unwrap().version, Version::HTTP_11);
    }

    #[test]
    fn a_status_line_has_three_digits_and_may_lack_a_reason() {
        let head = response(b"HTTP/1.1 404 Not \xe9 Found\r\n\r\n").unwrap();
        assert_eq!((head.status.as_u16(), &*head.reason), (404, &b"Not \xe9 Found"[..]));
        assert_eq!(response(b"HTTP/1.0 200\r\n\r\n").unwrap().status, StatusCode::OK);
        assert_eq!(response(b"HTTP/1.1 200 \r\n\r\n").unwrap().reason, "");
        for line in [
            &b"HTTP/1.1 20\r\n\r\n"[..],
            b"HTTP/1.1 2000\r\n\r\n",
            b"HTTP/1.1  200 OK\r\n\r\n",
            b"HTTP/1.1 099 OK\r\n\r\n",
            b"HTTP/1.1 600 OK\r\n\r\n",
            b"HTTP/1.1 200 \x00\r\n\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"ICY 200 OK\r\n\r\n",
        ] {
            assert_eq!(response(line).unwrap_err(), HeadError::StatusLine, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn connections_persist_as_both_sides_say() {
        // RFC 9112 §9.3
        for (octets, persistent) in [
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: a, Close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
        ] {
            assert_eq!(request(octets).unwrap().is_persistent(), persistent, "{octets}");
        }
        for (octets, persistent) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..], true),
            (b"HTTP/1.1 200 OK\r\n\r\n", false),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", true),
            (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", true),
            (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false),
            (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", true),
        ] {
            assert_eq!(response(octets).unwrap().is_persistent(), persistent, "{}", octets.escape_ascii());
        }
    }
}
