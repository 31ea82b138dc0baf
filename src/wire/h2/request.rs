//! Writes the request of a stream as an HTTP/1.1 head (RFC 9113 §8.3.1, RFC 8441 §4).

use std::net::IpAddr;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use h2::ext::Protocol;
use http::header::{CONTENT_LENGTH, COOKIE, HOST, SEC_WEBSOCKET_KEY, TE};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};

/// How the body of a request is framed for HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// There is none.
    None,
    /// As many octets as Content-Length says, which the library checks.
    Exact,
    /// In chunks.
    Chunks,
    /// Plain octets in both directions: a tunnel.
    Octets,
}

/// The only protocol to which a stream may change.
const WEBSOCKET: &str = "websocket";

/// What kind of answer the request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A message, in answer to this method.
    Message(Method),
    /// A tunnel.
    Tunnel,
    /// A change of protocol, which HTTP/2 asks for by CONNECT and HTTP/1.1 by Upgrade. Holds the key that the origin
    /// must answer (RFC 6455 §4.1).
    Upgrade {
        /// Sec-WebSocket-Key.
        key: String,
    },
    /// A change to a protocol that is not supported.
    Unknown,
}

/// A request translated to HTTP/1.1.
pub(super) struct Translated {
    pub(super) octets: Bytes,
    pub(super) body: Body,
    pub(super) asked: Asked,
}

/// Whether a request is malformed in a way that the library does not check (RFC 9113 §8.2.1, §8.3.1).
pub(super) fn is_malformed<B>(request: &Request<B>) -> bool {
    let path = request.uri().path_and_query().map(PathAndQuery::as_str);
    let is_path = match path {
        Some("*") => *request.method() == Method::OPTIONS,
        Some(path) => path.starts_with('/'),
        None => true,
    };
    !is_path || has_spaces(request.headers())
}

/// Whether a value begins or ends with white space, which a reader of HTTP/1.1 would strip.
pub(super) fn is_spaced(value: &HeaderValue) -> bool {
    let is_space = |octet: Option<&u8>| octet.is_some_and(|octet| matches!(octet, b' ' | b'\t'));
    is_space(value.as_bytes().first()) || is_space(value.as_bytes().last())
}

/// Whether that is so of a value of these fields.
pub(super) fn has_spaces(fields: &HeaderMap) -> bool {
    fields.values().any(is_spaced)
}

/// Translates a request to HTTP/1.1. `is_bare` says that no body follows. The reader of the result finds what is not
/// valid.
pub(super) fn translate(parts: &Parts, is_bare: bool, own: Option<&str>) -> Translated {
    // The client can write anything there. Of all protocols only this one can also be changed to by Upgrade (RFC 8441
    // §5).
    let protocol = parts.extensions.get::<Protocol>();
    let asked = match (&parts.method, protocol.map(Protocol::as_str)) {
        (&Method::CONNECT, None) => Asked::Tunnel,
        (&Method::CONNECT, Some(WEBSOCKET)) => Asked::Upgrade { key: nonce() },
        // RFC 8441 §4, RFC 9220 §3
        (_, Some(_)) => return Translated { octets: Bytes::new(), body: Body::Octets, asked: Asked::Unknown },
        (method, None) => Asked::Message(method.clone()),
    };
    let mut octets = Vec::with_capacity(1024);
    let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| octets.extend_from_slice(part));
    let method = if protocol.is_some() { &Method::GET } else { &parts.method };
    put(&[method.as_str().as_bytes(), b" "]);
    put_target(&mut put, &parts.uri, &asked, own);
    put(&[b" HTTP/1.1\r\n"]);
    let host = parts.headers.get(HOST);
    if let Some(authority) = parts.uri.authority()
        && host.is_none_or(|host| host.as_bytes() == authority.as_str().as_bytes())
    {
        put(&[b"host: ", authority.as_str().as_bytes(), b"\r\n"]);
    } else if let Some(authority) = parts.uri.authority() {
        // They name different origins. Both are written, and the reader refuses two Host fields.
        put(&[
            b"host: ",
            authority.as_str().as_bytes(),
            b"\r\nhost: ",
            host.map_or(b"", |host| host.as_bytes()),
            b"\r\n",
        ]);
    } else if let Some(host) = host {
        put(&[b"host: ", host.as_bytes(), b"\r\n"]);
    }
    for (name, value) in &parts.headers {
        // RFC 8441 §5: the client's key has no meaning here, and there would be two with ours.
        let is_key = *name == SEC_WEBSOCKET_KEY && matches!(asked, Asked::Upgrade { .. });
        if *name != HOST && *name != COOKIE && *name != TE && !is_key {
            put(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        }
    }
    // RFC 9113 §8.2.3: a cookie field that was split is joined again.
    for (number, crumb) in parts.headers.get_all(COOKIE).iter().enumerate() {
        put(&[if number == 0 { b"cookie: " } else { b"; " }, crumb.as_bytes()]);
    }
    if parts.headers.contains_key(COOKIE) {
        put(&[b"\r\n"]);
    }
    if parts.headers.contains_key(TE) {
        put(&[b"te: trailers\r\nconnection: te\r\n"]);
    }
    let body = match &asked {
        Asked::Tunnel => Body::Octets,
        Asked::Upgrade { key } => {
            let upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ";
            put(&[upgrade, key.as_bytes(), b"\r\n"]);
            Body::Octets
        }
        Asked::Unknown => Body::Octets,
        Asked::Message(_) if is_bare => Body::None,
        Asked::Message(_) if parts.headers.contains_key(CONTENT_LENGTH) => Body::Exact,
        Asked::Message(_) => {
            put(&[b"transfer-encoding: chunked\r\n"]);
            Body::Chunks
        }
    };
    put(&[b"\r\n"]);
    Translated { octets: octets.into(), body, asked }
}

/// The answer that an origin must give to a key (RFC 6455 §4.2.2).
pub fn accept_of(key: &str) -> String {
    let whole = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, whole.as_bytes()))
}

/// A nonce, by which the origin shows that it answers this very request; it is not a secret (RFC 6455 §4.1).
fn nonce() -> String {
    STANDARD.encode(crate::seal::random::<16>())
}

fn is_address(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

fn put_target(put: &mut impl FnMut(&[&[u8]]), uri: &Uri, asked: &Asked, own: Option<&str>) {
    let authority = uri.authority().map(Authority::as_str).unwrap_or_default();
    if *asked == Asked::Tunnel {
        return put(&[authority.as_bytes()]);
    }
    let target = uri.path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
    // Whoever connects by an address sends no server name. No proxy is asked for an https page in this way, so it means us.
    let is_ours = |host: &str| own.map_or_else(|| is_address(host), |own| host == own);
    let is_own = uri.scheme_str() == Some("https") && uri.host().is_some_and(is_ours);
    if let Some(scheme) = uri.scheme_str().filter(|_| !authority.is_empty() && !is_own) {
        put(&[scheme.as_bytes(), b"://", authority.as_bytes()]);
    }
    // RFC 9112 §3.2.4: only the last proxy on the way makes an asterisk of a target without a path.
    if target != "*" || authority.is_empty() || is_own {
        put(&[target.as_bytes()]);
    }
}
