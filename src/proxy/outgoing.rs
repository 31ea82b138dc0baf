//! Writes heads as they leave: what an origin may see of a request, and what a client may see of an answer.

use std::io::Write as _;

use http::{Method, StatusCode, Version};

use super::{alternatives, preflight};
use crate::clock::{Clock, http_date};
use crate::egress::Through;
use crate::policy::FieldChanges;
use crate::wire::cookie;
use crate::wire::field::{Hop, Via};
use crate::wire::forwarded::ForwardedFor;
use crate::wire::h1::{FieldNames, Fields, Length, Passed, RequestHead, ResponseHead};
use crate::wire::target::Host;
use crate::wire::{Destination, Peer};

/// Fields of a request that are not passed on, because we write them ourselves or because they would tell the origin
/// about the client's network.
const NOT_SENT: FieldNames<'_> =
    FieldNames::of(&["host", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"]);

/// Fields of a request, and of an answer, that are not passed on as they are, or not always.
const LOOKED_AT: FieldNames<'_> = FieldNames::of(&["cookie", "max-forwards", "expect", "set-cookie", "alt-svc"]);

/// A request on its way to an origin. It is a description, and is encoded only when the next hop is known, and anew if
/// it has to be sent again.
pub(super) struct Outgoing<'a> {
    pub(super) head: &'a RequestHead,
    /// The fields that end here, because they are about the hop from the client to us.
    pub(super) hop: &'a Hop<'a>,
    /// The protocol to which the client asks to change, if it may.
    pub(super) upgrade: Option<&'a [u8]>,
    /// Whether it is a preflight that passes without sign-in: then only its question is sent.
    pub(super) only_asks: bool,
    /// The new value of Max-Forwards, if there is one.
    pub(super) max_forwards: Option<u32>,
    /// The client, and what the origin is told of its address.
    pub(super) client: (&'a Peer, ForwardedFor),
    /// What its rules set and remove.
    pub(super) changes: FieldChanges<'a>,
}

impl Outgoing<'_> {
    /// The request's head in HTTP/1.1 for the next hop: for `destination`, or for a parent on the way there, which may
    /// want the whole URL and our credentials (RFC 9112 §3.2.2).
    pub(super) fn encode(&self, via: &Via, destination: &Destination, through: Option<&Through>) -> Vec<u8> {
        let mut octets = Vec::with_capacity(1024);
        self.put_start(&mut octets, destination, through.filter(|through| through.absolute_form));
        self.put_fields(&mut octets);
        put(&mut octets, &[via.line(self.head.received)]);
        if !self.only_asks {
            let (peer, forwarded_for) = self.client;
            forwarded_for.write(&mut octets, &self.head.fields, peer);
        }
        for (name, value) in self.changes.set() {
            put(&mut octets, &[name.as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        }
        if let Some(left) = self.max_forwards {
            drop(write!(octets, "Max-Forwards: {left}\r\n"));
        }
        self.put_framing(&mut octets);
        put(&mut octets, &[b"\r\n"]);
        octets
    }

    /// The request line and Host, and our credentials for a parent that reads them.
    fn put_start(&self, octets: &mut Vec<u8>, destination: &Destination, parent: Option<&Through>) {
        let target = self.target();
        put(octets, &[self.head.method.as_str().as_bytes(), b" "]);
        if parent.is_some() {
            put(octets, &[b"http://"]);
            put_authority(octets, destination);
            // RFC 9112 §3.2.4: only the last proxy on the way makes an asterisk of a target without a path.
            put(octets, &[target.strip_prefix('*').unwrap_or(&target).as_bytes()]);
        } else {
            put(octets, &[target.as_bytes()]);
        }
        // RFC 9112 §3.2.2: the Host field is made from the target. RFC 9110 §7.2: it should come first.
        put(octets, &[b" HTTP/1.1\r\nHost: "]);
        put_authority(octets, destination);
        put(octets, &[b"\r\n"]);
        if let Some(value) = parent.and_then(|parent| parent.authorization.as_ref()) {
            put(octets, &[b"Proxy-Authorization: ", value.as_bytes(), b"\r\n"]);
        }
    }

    /// The fields that go on as they came.
    fn put_fields(&self, octets: &mut Vec<u8>) {
        self.head.fields.pass(octets, |name, value| {
            let is_left_out = self.hop.has(name)
                || NOT_SENT.has(name)
                || self.changes.names(name)
                || (self.only_asks && !preflight::is_question(name, value));
            if is_left_out {
                Passed::Not
            } else if !LOOKED_AT.has(name) {
                Passed::Whole
            } else if name.eq_ignore_ascii_case(b"cookie") {
                cookie::without_reserved(value).map_or(Passed::Not, Passed::of)
            } else {
                let is_counted_down = name.eq_ignore_ascii_case(b"max-forwards") && self.max_forwards.is_some();
                // HTTP/1.0 knows no expectations (RFC 9110 §10.1.1).
                let is_unknown = name.eq_ignore_ascii_case(b"expect") && self.head.version == Version::HTTP_10;
                if is_counted_down || is_unknown { Passed::Not } else { Passed::Whole }
            }
        });
    }

    /// The framing of the body, and the fields that are for the next hop alone.
    fn put_framing(&self, octets: &mut Vec<u8>) {
        let Self { head, only_asks, .. } = self;
        match head.body {
            // A request without a body says so only if the client's did (RFC 9110 §8.6).
            Length::Exact(0) if !head.fields.contains("content-length") => {}
            _ if *only_asks => {}
            Length::Exact(length) => drop(write!(octets, "Content-Length: {length}\r\n")),
            Length::Chunked | Length::UntilClose => {
                put(octets, &[b"Transfer-Encoding: chunked\r\n"]);
                // What a rule sets in the head does not come once more behind the body.
                if self.changes.is_empty() {
                    put_trailer_names(octets, &head.fields);
                }
            }
        }
        match self.upgrade {
            Some(protocol) => put(octets, &[b"Connection: Upgrade\r\nUpgrade: ", protocol, b"\r\n"]),
            None if self.hop.takes_trailers() && !only_asks => {
                put(octets, &[b"Connection: TE\r\nTE: trailers\r\n"]);
            }
            None => {}
        }
    }

    /// The target in origin-form (RFC 9112 §3.2.1), or in asterisk-form for an OPTIONS about the whole server (§3.2.4).
    fn target(&self) -> std::borrow::Cow<'_, str> {
        let wanted = self.head.target.path_and_query();
        if wanted.is_empty() {
            return if self.head.method == Method::OPTIONS { "*".into() } else { "/".into() };
        }
        if wanted.starts_with('/') || wanted == "*" { wanted.into() } else { format!("/{wanted}").into() }
    }
}

/// An answer on its way to a client.
pub(super) struct Incoming<'a> {
    pub(super) head: &'a ResponseHead,
    /// The version that the client speaks.
    pub(super) client: Version,
    pub(super) only_asks: bool,
    /// Whether another request may follow.
    pub(super) keeps: bool,
    /// The clock, for an answer without a Date.
    pub(super) clock: &'a Clock,
}

impl Incoming<'_> {
    /// Whether the body is sent in chunks.
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
        head.fields.pass(&mut octets, |name, value| {
            if hop.has(name) || (self.only_asks && !answer.takes(name, value)) {
                Passed::Not
            } else if !LOOKED_AT.has(name) {
                Passed::Whole
            } else if name.eq_ignore_ascii_case(b"set-cookie") {
                if cookie::sets_reserved(value) { Passed::Not } else { Passed::Whole }
            } else {
                alternatives::without_quic(name, value).map_or(Passed::Not, Passed::of)
            }
        });
        put(&mut octets, &[via.line(head.version)]);
        // RFC 9110 §6.6.1: a recipient with a clock adds a Date that the origin has left out.
        if !head.status.is_informational() && !head.fields.contains("date") {
            put(&mut octets, &[b"Date: ", http_date(self.clock.now()).as_bytes(), b"\r\n"]);
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
        // RFC 9110 §8.6: answers with these statuses have no Content-Length.
        if head.status.is_informational() || head.status == StatusCode::NO_CONTENT {
            return;
        }
        if self.only_asks {
            return put(octets, &[b"Content-Length: 0\r\n"]);
        }
        match head.body {
            // There is no body, but an answer to HEAD and a 304 say how long it would have been.
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

/// The Trailer field (RFC 9110 §6.6.2) belongs to the framing, and is written anew with it.
fn put_trailer_names(octets: &mut Vec<u8>, fields: &Fields) {
    for names in fields.all("trailer") {
        put(octets, &[b"Trailer: ", names, b"\r\n"]);
    }
}

/// `host[:port]`, the port left out when it is the scheme's own. Writing into memory does not fail.
fn put_authority(octets: &mut Vec<u8>, Destination { scheme, host, port }: &Destination) {
    match host {
        Host::Domain(name) => put(octets, &[name.as_bytes()]),
        address => drop(write!(octets, "{address}")),
    }
    if *port != scheme.default_port() {
        put(octets, &[b":", itoa::Buffer::new().format(*port).as_bytes()]);
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
    use crate::identity::Networks;
    use crate::policy::Terms;
    use crate::wire::Scheme;
    use std::sync::Arc;

    /// The head of this request, on its way to far.test:81.
    fn sent(request: &str, through: Option<&Through>) -> String {
        sent_with(request, through, FieldChanges::NONE)
    }

    fn sent_with(request: &str, through: Option<&Through>, changes: FieldChanges<'_>) -> String {
        let head = RequestHead::parse(&bytes::Bytes::copy_from_slice(request.as_bytes()), 100).unwrap();
        let network = Arc::clone(Networks::new(&[]).of("192.0.2.7".parse().unwrap()));
        let peer = Peer::new("192.0.2.7:5000".parse().unwrap(), "proxy", network);
        let hop = Hop::of(&head.fields);
        let client = (&peer, ForwardedFor::default());
        let outgoing =
            Outgoing { head: &head, hop: &hop, upgrade: None, only_asks: false, max_forwards: None, client, changes };
        let destination = Destination::of_authority(Scheme::Http, "far.test:81").unwrap();
        let octets = outgoing.encode(&Via::new([0; 6]), &destination, through);
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn what_a_rule_sets_takes_the_place_of_the_clients_own_and_stands_there_once() {
        let terms = |text: &str| {
            let headers = toml::from_str(text).unwrap();
            Arc::new(Terms {
                rule: "it".into(),
                headers,
                limit: None,
                inspection: crate::policy::Inspection::default(),
                scan: None,
            })
        };
        let terms =
            [terms("set = { X-Team = 'ours' }\nremove = ['X-Own']"), terms("set = { x-team = 'late', X-B = 'b' }")];
        let request = "POST http://far.test:81/ HTTP/1.1\r\nHost: far.test:81\r\nx-team: mine\r\nX-OWN: 1\r\nX-TEAM: again\r\n\
            Connection: X-Team, X-B\r\nTransfer-Encoding: chunked\r\nTrailer: X-Team\r\nAccept: */*\r\n\r\n";
        assert_eq!(
            sent_with(request, None, FieldChanges::of(&terms)),
            "POST / HTTP/1.1\r\nHost: far.test:81\r\nAccept: */*\r\nVia: 1.1 vestibule-000000000000\r\n\
             X-Team: ours\r\nX-B: b\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
    }

    #[test]
    fn a_parent_is_told_the_whole_url_and_who_we_are() {
        let through = |absolute_form, value: Option<&'static str>| Through {
            parent: "hq".into(),
            absolute_form,
            authorization: value.map(http::HeaderValue::from_static),
            for_one_client: false,
        };
        let get = "GET http://far.test:81/a?b HTTP/1.1\r\nHost: far.test:81\r\nAccept: */*\r\n\r\n";
        let options = "OPTIONS http://far.test:81 HTTP/1.1\r\nHost: far.test:81\r\n\r\n";
        let named = through(true, Some("Basic eA=="));
        for (request, through, written) in [
            (
                get,
                Some(&named),
                "GET http://far.test:81/a?b HTTP/1.1\r\nHost: far.test:81\r\nProxy-Authorization: Basic eA==\r\nAccept: */*\r\nVia: 1.1 vestibule-000000000000\r\n\r\n",
            ),
            (
                options,
                Some(&through(true, None)),
                "OPTIONS http://far.test:81 HTTP/1.1\r\nHost: far.test:81\r\nVia: 1.1 vestibule-000000000000\r\n\r\n",
            ),
            // The parent has opened a way to the origin, and knows us from that.
            (
                get,
                Some(&through(false, Some("Basic eA=="))),
                "GET /a?b HTTP/1.1\r\nHost: far.test:81\r\nAccept: */*\r\nVia: 1.1 vestibule-000000000000\r\n\r\n",
            ),
            (
                get,
                None,
                "GET /a?b HTTP/1.1\r\nHost: far.test:81\r\nAccept: */*\r\nVia: 1.1 vestibule-000000000000\r\n\r\n",
            ),
            (options, None, "OPTIONS * HTTP/1.1\r\nHost: far.test:81\r\nVia: 1.1 vestibule-000000000000\r\n\r\n"),
        ] {
            assert_eq!(sent(request, through), written);
        }
    }
}
