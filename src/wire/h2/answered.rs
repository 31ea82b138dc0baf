//! What is asked of an origin over HTTP/2, and what it answers: the heads, translated from and to HTTP/1.1 (RFC 9113 §8.3).

use std::io;

use bytes::Bytes;
use h2::ext::Protocol;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, SEC_WEBSOCKET_KEY, TRAILER};
use http::response::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};

use super::request::{accept_of, is_spaced};
use super::rest::{Rest, fields};
use crate::wire::h1::{Chunks, Length, RequestHead};

/// The only protocol to which a stream may change.
const WEBSOCKET: &[u8] = b"websocket";

/// What kind of answer a request wants.
pub(super) enum Awaited {
    /// A message, in answer to this method.
    Message(Method),
    /// A WebSocket, which HTTP/2 opens by CONNECT and HTTP/1.1 by Upgrade. Holds what proves in HTTP/1.1 that the key was seen.
    WebSocket(String),
}

/// How the body of an answer is framed for HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    None,
    /// As many octets as Content-Length says, which the library checks.
    Exact,
    /// In chunks.
    Chunks,
    /// Plain octets in both directions.
    Octets,
}

/// Whether a client that asks for these protocols asks for what can be had over HTTP/2 (RFC 8441 §5).
pub fn is_web_socket(protocol: &[u8]) -> bool {
    protocol.eq_ignore_ascii_case(WEBSOCKET)
}

/// The request for HTTP/2, what follows its head, and what answer it wants; none if HTTP/2 has no words for it.
pub(super) fn request(head: &RequestHead, authority: &Authority) -> Option<(Request<()>, Rest, Awaited)> {
    let path = PathAndQuery::try_from(head.target.path_and_query()).ok()?;
    // What the library would write in another way.
    if path.as_str() != head.target.path_and_query() {
        return None;
    }
    let uri = Uri::builder().scheme(Scheme::HTTPS).authority(authority.clone()).path_and_query(path);
    let mut request = Request::new(());
    *request.uri_mut() = uri.build().ok()?;
    let mut fields = fields(&head.fields).ok()?;
    fields.remove(HOST);
    let key = head.fields.get("upgrade").filter(|protocol| is_web_socket(protocol)).and_then(|_| {
        let key = fields.remove(SEC_WEBSOCKET_KEY)?;
        key.to_str().ok().map(str::to_owned)
    });
    for (name, value) in &mut fields {
        // RFC 7541 §7.1: other people's requests are on the same connection, and share what is compressed there.
        value.set_sensitive(*name == AUTHORIZATION || *name == COOKIE);
    }
    *request.headers_mut() = fields;
    if let Some(key) = key {
        *request.method_mut() = Method::CONNECT;
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        return Some((request, Rest::Octets, Awaited::WebSocket(accept_of(&key))));
    }
    request.method_mut().clone_from(&head.method);
    let rest = match head.body {
        Length::Exact(0) => Rest::Nothing,
        Length::Exact(length) => Rest::Exact(length),
        Length::Chunked | Length::UntilClose => Rest::Chunks(Chunks::default()),
    };
    Some((request, rest, Awaited::Message(head.method.clone())))
}

/// An interim answer as HTTP/1.1 has it.
pub(super) fn interim(response: &Response<()>) -> io::Result<Bytes> {
    // RFC 9113 §8.6: HTTP/2 has no such answer.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut octets = start(response.status(), response.headers().iter())?;
    octets.extend_from_slice(b"\r\n");
    Ok(octets.into())
}

/// The head of a final answer as HTTP/1.1 has it, and how its body is framed. `is_bare` says that no body follows.
pub(super) fn head(response: &Parts, awaited: &Awaited, is_bare: bool) -> io::Result<(Bytes, Framing)> {
    let (status, fields) = (response.status, &response.headers);
    let method = match awaited {
        Awaited::WebSocket(accept) if status.is_success() => {
            let mut octets = start(StatusCode::SWITCHING_PROTOCOLS, fields.iter())?;
            octets.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ");
            octets.extend_from_slice(accept.as_bytes());
            octets.extend_from_slice(b"\r\n\r\n");
            return Ok((octets.into(), Framing::Octets));
        }
        Awaited::WebSocket(_) => &Method::GET,
        Awaited::Message(method) => method,
    };
    let has_none = *method == Method::HEAD || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    // HTTP/1.1 has trailers only after chunks.
    let may_have_trailers = fields.contains_key(TRAILER) || is_grpc(fields);
    let framing = if has_none || is_bare {
        Framing::None
    } else if fields.contains_key(CONTENT_LENGTH) && !may_have_trailers {
        Framing::Exact
    } else {
        Framing::Chunks
    };
    let in_chunks = framing == Framing::Chunks;
    let mut octets = start(status, fields.iter().filter(|(name, _)| !in_chunks || **name != CONTENT_LENGTH))?;
    if in_chunks {
        octets.extend_from_slice(b"transfer-encoding: chunked\r\n");
    } else if is_bare && !has_none && !fields.contains_key(CONTENT_LENGTH) {
        octets.extend_from_slice(b"content-length: 0\r\n");
    }
    octets.extend_from_slice(b"\r\n");
    Ok((octets.into(), framing))
}

/// The status line and the fields, without the empty line.
fn start<'a>(
    status: StatusCode,
    fields: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
) -> io::Result<Vec<u8>> {
    let mut octets = Vec::with_capacity(1024);
    let reason = status.canonical_reason().unwrap_or_default();
    for part in ["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"] {
        octets.extend_from_slice(part.as_bytes());
    }
    for (name, value) in fields {
        // A reader of HTTP/1.1 would strip the spaces (RFC 9113 §8.2.1).
        if is_spaced(value) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            octets.extend_from_slice(part);
        }
    }
    Ok(octets)
}

/// Whether it is an answer of gRPC, which has its status in trailers.
fn is_grpc(fields: &HeaderMap) -> bool {
    fields.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}
