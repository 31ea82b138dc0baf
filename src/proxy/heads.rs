//! Heads of requests and answers as scanners see them: without what is for one hop alone, and without our own cookies.

use std::io::Write as _;

use crate::wire::Destination;
use crate::wire::cookie;
use crate::wire::field::Hop;
use crate::wire::h1::{FieldNames, Fields, Length, RequestHead, ResponseHead};

/// What a scanner of answers is not told of a request: who asks is nothing to it.
const SECRETS: FieldNames<'_> = FieldNames::of(&["cookie", "authorization"]);

/// What is written anew, or was for us.
const OURS: FieldNames<'_> = FieldNames::of(&["host", "expect"]);

/// The head of a request, with its whole address. `is_told_all`: whether the scanner may give it back changed, so that it must
/// see all that is to be sent.
pub(super) fn of_request(head: &RequestHead, destination: &Destination, is_told_all: bool) -> Vec<u8> {
    let mut octets = Vec::with_capacity(1024);
    let target = destination.url(head.target.path_and_query());
    // Writing into memory does not fail.
    drop(write!(octets, "{} {target} HTTP/1.1\r\nHost: {}\r\n", head.method, destination.authority()));
    let hop = Hop::of(&head.fields);
    for (name, value) in head.fields.iter() {
        let is_left_out = hop.has(name) || OURS.has(name) || (!is_told_all && SECRETS.has(name));
        if is_left_out {
            continue;
        }
        if name.eq_ignore_ascii_case(b"cookie") {
            if let Some(kept) = cookie::without_reserved(value) {
                put(&mut octets, name, &kept);
            }
            continue;
        }
        put(&mut octets, name, value);
    }
    put_length(&mut octets, if is_told_all { head.body } else { Length::NONE });
    octets.extend_from_slice(b"\r\n");
    octets
}

/// The head of an answer.
pub(super) fn of_response(head: &ResponseHead) -> Vec<u8> {
    let mut octets = Vec::with_capacity(1024);
    drop(write!(octets, "HTTP/1.1 {} ", head.status.as_str()));
    octets.extend_from_slice(&head.reason);
    octets.extend_from_slice(b"\r\n");
    let hop = Hop::of(&head.fields);
    for (name, value) in head.fields.iter().filter(|(name, _)| !hop.has(name)) {
        put(&mut octets, name, value);
    }
    put_length(&mut octets, head.body);
    octets.extend_from_slice(b"\r\n");
    octets
}

/// Leaves in Accept-Encoding what `may` says of each content coding. Where none is left, the origin is to send what is plain.
pub(super) fn cut_codings(fields: &mut Fields, may: impl Fn(&[u8]) -> bool) {
    let is_coding = |item: &&[u8]| may(item.split(|b| *b == b';').next().unwrap_or_default().trim_ascii());
    let left: Vec<&[u8]> = fields.items("accept-encoding").filter(is_coding).collect();
    if left.len() == fields.items("accept-encoding").count() {
        return;
    }
    let left = if left.is_empty() { b"identity".to_vec() } else { left.join(&b", "[..]) };
    let mut octets = Vec::with_capacity(1024);
    for (name, value) in fields.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(b"accept-encoding")) {
        put(&mut octets, name, value);
    }
    put(&mut octets, b"Accept-Encoding", &left);
    octets.extend_from_slice(b"\r\n");
    // They were read before, so they can be read again.
    if let Ok(cut) = Fields::parse(octets.into(), 0, fields.len()) {
        *fields = cut;
    }
}

/// Only content has a length here: the body is framed by ICAP.
fn put_length(octets: &mut Vec<u8>, body: Length) {
    if let Length::Exact(length @ 1..) = body {
        drop(write!(octets, "Content-Length: {length}\r\n"));
    }
}

fn put(octets: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        octets.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Method;

    use super::*;
    use crate::wire::Scheme;

    #[test]
    fn codings_are_left_out_that_cannot_be_undone() {
        for (asked, left) in [
            ("A: b\r\n", "A: b\r\n"),
            ("Accept-Encoding: gzip\r\nA: b\r\n", "Accept-Encoding: gzip\r\nA: b\r\n"),
            (
                "Accept-Encoding: gzip;q=0.5, br\r\nA: b\r\naccept-encoding: zstd\r\n",
                "A: b\r\nAccept-Encoding: gzip;q=0.5\r\n",
            ),
            ("Accept-Encoding: br, *\r\n", "Accept-Encoding: identity\r\n"),
        ] {
            let mut fields = Fields::parse(Bytes::from(format!("{asked}\r\n")), 0, 9).unwrap();
            cut_codings(&mut fields, |coding| coding == b"gzip");
            let mut octets = Vec::new();
            fields.iter().for_each(|(name, value)| put(&mut octets, name, value));
            assert_eq!(String::from_utf8(octets).unwrap(), left, "{asked}");
        }
    }

    #[test]
    fn a_scanner_sees_the_whole_address_and_nobodys_secrets() {
        let octets = "POST /a?b HTTP/1.1\r\nHost: a.test\r\nCookie: a=b\r\nAuthorization: Basic eA==\r\n\
            Proxy-Authorization: Basic eQ==\r\nConnection: X-A\r\nX-A: 1\r\nX-B: 2\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
        let head = RequestHead::parse(&octets.into(), 20).unwrap();
        let destination = Destination::of_authority(Scheme::Https, "a.test:8443").unwrap();
        let seen = |told| String::from_utf8(of_request(&head, &destination, told)).unwrap();
        let start = "POST https://a.test:8443/a?b HTTP/1.1\r\nHost: a.test:8443\r\n";
        assert_eq!(seen(false), format!("{start}X-B: 2\r\n\r\n"));
        assert_eq!(
            seen(true),
            format!("{start}Cookie: a=b\r\nAuthorization: Basic eA==\r\nX-B: 2\r\nContent-Length: 5\r\n\r\n")
        );
        let octets = "HTTP/1.1 200 Fine\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\nKeep-Alive: 5\r\n\r\n";
        let head = ResponseHead::parse(&octets.into(), 20, &Method::GET).unwrap();
        assert_eq!(of_response(&head), b"HTTP/1.1 200 Fine\r\nContent-Type: a/b\r\n\r\n");
    }
}
