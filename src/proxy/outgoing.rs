//! Heads as they leave: what an origin may see of a request, and what a client may see of an answer.

use std::io::Write as _;

use http::{Method, StatusCode, Version};
use memchr::memchr;

use super::dial::Through;
use super::preflight;
use crate::clock::{Timestamp, http_date};
use crate::wire::cookie;
use crate::wire::field::{Hop, Via, is_one_of};
use crate::wire::forwarded::ForwardedFor;
use crate::wire::h1::{Fields, Length, RequestHead, ResponseHead};
use crate::wire::{Destination, Peer};

/// Fields of a request that are made here, or that would tell the origin about the client's network.
const NOT_SENT: [&str; 6] =
    ["host", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];

/// A request on its way to an origin.
pub(super) struct Outgoing<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) destination: &'a Destination,
    /// What of the request ended here.
    pub(super) hop: &'a Hop<'a>,
    /// The protocol that the client may change to.
    pub(super) upgrade: Option<&'a [u8]>,
    /// Whether it is a preflight that only asks.
    pub(super) only_asks: bool,
    /// What goes on of Max-Forwards.
    pub(super) max_forwards: Option<u32>,
    /// Who asks, and what the origin is told of it.
    pub(super) client: (&'a Peer, ForwardedFor),
}

impl Outgoing<'_> {
    /// The request's head, as octets.
    pub(super) fn encode(&self, via: &Via) -> Vec<u8> {
        let head = self.head;
        let mut octets = Vec::with_capacity(1024);
        put(&mut octets, &[head.method.as_str().as_bytes(), b" ", self.target().as_bytes(), b" HTTP/1.1\r\nHost: "]);
        let Destination { scheme, host, port } = self.destination;
        // RFC 9112 §3.2.2: the Host field is made from the target. Writing into memory does not fail.
        drop(if *port == scheme.default_port() {
            write!(octets, "{host}\r\n")
        } else {
            write!(octets, "{host}:{port}\r\n")
        });
        for (name, value) in head.fields.iter() {
            if self.hop.has(name)
                || is_one_of(name, &NOT_SENT)
                || (self.only_asks && !preflight::is_question(name, value))
            {
                continue;
            }
            if name.eq_ignore_ascii_case(b"cookie") {
                if let Some(kept) = cookie::without_reserved(value) {
                    put(&mut octets, &[name, b": ", &kept, b"\r\n"]);
                }
                continue;
            }
            if name.eq_ignore_ascii_case(b"max-forwards") && self.max_forwards.is_some() {
                continue;
            }
            // HTTP/1.0 knows no expectations (RFC 9110 §10.1.1).
            if name.eq_ignore_ascii_case(b"expect") && head.version == Version::HTTP_10 {
                continue;
            }
            put(&mut octets, &[name, b": ", value, b"\r\n"]);
        }
        put(&mut octets, &[via.line(head.received)]);
        if !self.only_asks {
            let (peer, forwarded_for) = self.client;
            forwarded_for.write(&mut octets, &head.fields, peer);
        }
        if let Some(left) = self.max_forwards {
            drop(write!(octets, "Max-Forwards: {left}\r\n"));
        }
        if !self.only_asks {
            match head.body {
                // Only a method that has a meaning for a body says that there is none (RFC 9110 §8.6).
                Length::Exact(0) if !head.fields.contains("content-length") => {}
                Length::Exact(length) => drop(write!(octets, "Content-Length: {length}\r\n")),
                Length::Chunked | Length::UntilClose => {
                    put(&mut octets, &[b"Transfer-Encoding: chunked\r\n"]);
                    put_trailer_names(&mut octets, &head.fields);
                }
            }
        }
        match self.upgrade {
            Some(protocol) => put(&mut octets, &[b"Connection: Upgrade\r\nUpgrade: ", protocol, b"\r\n"]),
            None if self.hop.takes_trailers() && !self.only_asks => {
                put(&mut octets, &[b"Connection: TE\r\nTE: trailers\r\n"]);
            }
            None => {}
        }
        put(&mut octets, &[b"\r\n"]);
        octets
    }

    /// Origin-form (RFC 9112 §3.2.1); asterisk-form where only the origin is asked about (§3.2.4).
    fn target(&self) -> std::borrow::Cow<'_, str> {
        let wanted = self.head.target.path_and_query();
        if wanted.is_empty() {
            return if self.head.method == Method::OPTIONS { "*".into() } else { "/".into() };
        }
        if wanted.starts_with('/') || wanted == "*" { wanted.into() } else { format!("/{wanted}").into() }
    }
}

/// A head in absolute-form (RFC 9112 §3.2.2), with the credentials that the parent knows us by. `octets` are in
/// origin-form or asterisk-form, as [`Outgoing`] writes them.
pub(super) fn to_absolute_form(octets: &[u8], destination: &Destination, through: &Through) -> Vec<u8> {
    let line = memchr(b'\n', octets).map_or(0, |end| end + 1);
    let (line, fields) = octets.split_at_checked(line).unwrap_or_default();
    let method = memchr(b' ', line).map_or(0, |end| end + 1);
    let (method, target) = line.split_at_checked(method).unwrap_or_default();
    let mut written = Vec::with_capacity(octets.len() + 256);
    // RFC 9112 §3.2.4: the asterisk is what the last proxy makes of a target without a path.
    let target = target.strip_prefix(b"*").unwrap_or(target);
    put(&mut written, &[method, b"http://", destination.authority().as_bytes(), target]);
    // RFC 9110 §7.2: Host should come first.
    let host = memchr(b'\n', fields).map_or(0, |end| end + 1);
    let (host, fields) = fields.split_at_checked(host).unwrap_or_default();
    put(&mut written, &[host]);
    if let Some(value) = &through.authorization {
        put(&mut written, &[b"Proxy-Authorization: ", value.as_bytes(), b"\r\n"]);
    }
    put(&mut written, &[fields]);
    written
}

/// An answer on its way to a client.
pub(super) struct Incoming<'a> {
    pub(super) head: &'a ResponseHead,
    /// The version that the client speaks.
    pub(super) client: Version,
    pub(super) only_asks: bool,
    /// Whether another request may follow.
    pub(super) keeps: bool,
    /// The time, for an answer that does not tell it.
    pub(super) now: Timestamp,
}

impl Incoming<'_> {
    /// Whether the body leaves in chunks.
    pub(super) fn in_chunks(&self) -> bool {
        self.client == Version::HTTP_11 && matches!(self.head.body, Length::Chunked | Length::UntilClose)
    }

    /// The answer's head, as octets.
    pub(super) fn encode(&self, via: &Via) -> Vec<u8> {
        let head = self.head;
        let hop = Hop::of(&head.fields);
        let mut octets = Vec::with_capacity(1024);
        let mut answer = preflight::Answer::default();
        let reason =
            if self.only_asks { head.status.canonical_reason().unwrap_or_default().as_bytes() } else { &head.reason };
        put(&mut octets, &[b"HTTP/1.1 ", head.status.as_str().as_bytes(), b" ", reason, b"\r\n"]);
        for (name, value) in head.fields.iter() {
            let is_dropped = hop.has(name)
                || (self.only_asks && !answer.takes(name, value))
                || (name.eq_ignore_ascii_case(b"set-cookie") && cookie::sets_reserved(value));
            if !is_dropped {
                put(&mut octets, &[name, b": ", value, b"\r\n"]);
            }
        }
        put(&mut octets, &[via.line(head.version)]);
        // RFC 9110 §6.6.1: whoever has a clock tells the time where the origin did not.
        if !head.status.is_informational() && !head.fields.contains("date") {
            put(&mut octets, &[b"Date: ", http_date(self.now).as_bytes(), b"\r\n"]);
        }
        self.put_length(&mut octets);
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            for protocol in head.fields.all("upgrade") {
                put(&mut octets, &[b"Connection: Upgrade\r\nUpgrade: ", protocol, b"\r\n"]);
            }
        } else if !self.keeps {
            put(&mut octets, &[b"Connection: close\r\n"]);
        }
        put(&mut octets, &[b"\r\n"]);
        octets
    }

    fn put_length(&self, octets: &mut Vec<u8>) {
        let head = self.head;
        // RFC 9110 §8.6: neither of these has a length.
        if head.status.is_informational() || head.status == StatusCode::NO_CONTENT {
            return;
        }
        if self.only_asks {
            return put(octets, &[b"Content-Length: 0\r\n"]);
        }
        match head.body {
            // What a body would have been like is told by HEAD and 304.
            Length::Exact(0) => {
                if let Some(length) = head.fields.get("content-length") {
                    put(octets, &[b"Content-Length: ", length, b"\r\n"]);
                } else if head.fields.contains("transfer-encoding") && self.client == Version::HTTP_11 {
                    put(octets, &[b"Transfer-Encoding: chunked\r\n"]);
                }
            }
            Length::Exact(length) => drop(write!(octets, "Content-Length: {length}\r\n")),
            Length::Chunked | Length::UntilClose if self.in_chunks() => {
                put(octets, &[b"Transfer-Encoding: chunked\r\n"]);
                put_trailer_names(octets, &head.fields);
            }
            Length::Chunked | Length::UntilClose => {}
        }
    }
}

/// Trailer (RFC 9110 §6.6.2) is made anew with the framing that it belongs to.
fn put_trailer_names(octets: &mut Vec<u8>, fields: &Fields) {
    for names in fields.all("trailer") {
        put(octets, &[b"Trailer: ", names, b"\r\n"]);
    }
}

fn put(octets: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        octets.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Scheme;

    #[test]
    fn a_parent_is_told_the_whole_url_and_who_we_are() {
        let through = |value: Option<&'static str>| Through {
            parent: "hq".into(),
            absolute_form: true,
            authorization: value.map(http::HeaderValue::from_static),
            for_one_client: false,
        };
        for (head, authorization, written) in [
            (
                "GET /a?b HTTP/1.1\r\nHost: far.test:81\r\nAccept: */*\r\n\r\n",
                Some("Basic eA=="),
                "GET http://far.test:81/a?b HTTP/1.1\r\nHost: far.test:81\r\nProxy-Authorization: Basic eA==\r\nAccept: */*\r\n\r\n",
            ),
            (
                "OPTIONS * HTTP/1.1\r\nHost: far.test:81\r\n\r\n",
                None,
                "OPTIONS http://far.test:81 HTTP/1.1\r\nHost: far.test:81\r\n\r\n",
            ),
        ] {
            let destination = Destination::of_authority(Scheme::Http, "far.test:81").unwrap();
            let found = to_absolute_form(head.as_bytes(), &destination, &through(authorization));
            assert_eq!(String::from_utf8(found).unwrap(), written);
        }
    }
}
