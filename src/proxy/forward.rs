//! Sends a request to its origin and brings the head of the answer back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::header::{AUTHORIZATION, CONNECTION, EXPECT, FORWARDED, HOST, UPGRADE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::dial::{self, Dialler, OriginTls};
use super::pool::{Lease, OriginConnection, Pin, Pool};
use super::upload::Upload;
use crate::policy::Permit;
use crate::wire::field::{self, Via};
use crate::wire::{Destination, Limits, Scheme, cookie};

/// Why there is no answer to pass on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Dial(#[from] dial::Error),
    #[error("the origin did not answer in time")]
    AnswerTimedOut,
    #[error("the connection was lost before the answer: {0}")]
    ConnectionLost(String),
    #[error("the origin's answer is not HTTP: {0}")]
    BadAnswer(String),
    #[error("the client broke off its request")]
    ClientLeft,
}

/// Sends requests to origins.
#[derive(Debug)]
pub(super) struct Forwarder {
    pub(super) dialler: Arc<Dialler>,
    pub(super) tls: OriginTls,
    pub(super) pool: Arc<Pool>,
    pub(super) limits: Limits,
    pub(super) via: Via,
}

impl Forwarder {
    /// Sends `request` and waits for the head of the answer. A connection that was kept may turn out to be gone: the
    /// request is sent once more on a new one, when that cannot do a thing twice (RFC 9110 §9.2.2).
    pub(super) async fn forward(
        &self,
        permit: Permit,
        destination: &Destination,
        request: Request<Upload>,
        pin: &Arc<Pin>,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        let proves = proves_on_connection(request.headers());
        let (response, mut lease) = self.send(permit, destination, request, pin).await?;
        if proves || proves_on_connection(response.headers()) {
            lease.pin(pin);
        }
        Ok((response, lease))
    }

    async fn send(
        &self,
        permit: Permit,
        destination: &Destination,
        request: Request<Upload>,
        pin: &Arc<Pin>,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        let private = permit.opens_private();
        let upgrades = request.headers().contains_key(UPGRADE);
        let mut request = request;
        let kept = || pin.take(destination, private).or_else(|| self.pool.take(destination, private));
        if !upgrades && let Some(mut lease) = kept() {
            let spare = replay(&request);
            match self.exchange(&mut lease, request).await {
                Ok(response) => return Ok((response, lease)),
                Err((Failure::ConnectionLost(_), Some(unsent))) => request = unsent,
                Err((failure @ Failure::ConnectionLost(_), None)) => request = spare.ok_or(failure)?,
                Err((failure, _)) => return Err(failure),
            }
        }
        let connection = self.open(&permit, destination).await?;
        let mut lease = self.pool.lease(connection, destination.clone(), private);
        let response = self.exchange(&mut lease, request).await.map_err(|(failure, _)| failure)?;
        Ok((response, lease))
    }

    async fn open(&self, permit: &Permit, destination: &Destination) -> Result<OriginConnection, Failure> {
        let dialled = self.dialler.dial(destination, permit).await?;
        let (origin, egress) = (dialled.origin, dialled.egress);
        let sender = match destination.scheme {
            Scheme::Http => self.handshake(TokioIo::new(dialled.stream)).await?,
            Scheme::Https => {
                let stream = self.tls.connect(&destination.host, dialled.stream).await?;
                self.handshake(TokioIo::new(stream)).await?
            }
        };
        Ok(OriginConnection { sender, origin, egress })
    }

    async fn handshake<S>(&self, stream: S) -> Result<http1::SendRequest<Upload>, Failure>
    where
        S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let mut client = http1::Builder::new();
        client.max_headers(self.limits.head_fields).max_header_size(self.limits.head_bytes);
        let (sender, connection) =
            client.handshake(stream).await.map_err(|error| Failure::ConnectionLost(error.to_string()))?;
        // What goes wrong on the connection is told to whoever waits for an answer on it.
        tokio::spawn(async move { drop(connection.with_upgrades().await) });
        Ok(sender)
    }

    /// One request and the head of its answer. A request that was not sent at all comes back.
    async fn exchange(
        &self,
        lease: &mut Lease,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, (Failure, Option<Request<Upload>>)> {
        let uploaded = request.body().bytes();
        let upgrades = request.headers().contains_key(UPGRADE);
        let answer = lease.connection.sender.try_send_request(request);
        tokio::pin!(answer);
        let mut seen = uploaded.load(Ordering::Relaxed);
        let response = loop {
            match timeout(self.limits.answer_time, answer.as_mut()).await {
                Ok(Ok(response)) => break response,
                Ok(Err(mut error)) => {
                    let unsent = error.take_message();
                    return Err((failure_of(error.error()), unsent));
                }
                // The clock starts when the request has been sent: as long as it goes on, there is no answer to miss.
                Err(_) => {
                    let now = uploaded.load(Ordering::Relaxed);
                    if now == seen {
                        return Err((Failure::AnswerTimedOut, None));
                    }
                    seen = now;
                }
            }
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS && !upgrades {
            return Err((Failure::BadAnswer("it changes to a protocol that nobody asked for".into()), None));
        }
        Ok(response)
    }

    /// Makes a client's request one that an origin may see. Gives back the protocol that the client wants to change to.
    pub(super) fn prepare(&self, destination: &Destination, request: &mut http::request::Parts) -> Option<HeaderValue> {
        let fields = &mut request.headers;
        let upgrade = field::remove_hop_by_hop(fields).filter(may_change);
        // hyper has told the client to go on, so the origin must not be asked whether it may.
        fields.remove(EXPECT);
        for name in [FORWARDED, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REAL_IP] {
            fields.remove(name);
        }
        cookie::remove_reserved(fields);
        self.via.add(fields, request.version);
        // RFC 9112 §3.2.2: the Host field is made from the target.
        if let Ok(host) = HeaderValue::try_from(destination.authority()) {
            fields.insert(HOST, host);
        }
        if let Some(protocol) = &upgrade {
            fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            fields.insert(UPGRADE, protocol.clone());
        }
        request.uri = origin_form(&request.uri);
        request.version = Version::HTTP_11;
        upgrade
    }

    /// Makes an origin's answer one that a client may see.
    pub(super) fn finish(&self, response: &mut http::response::Parts) {
        let received = response.version;
        field::remove_hop_by_hop(&mut response.headers);
        cookie::refuse_reserved(&mut response.headers);
        self.via.add(&mut response.headers, received);
        response.version = Version::HTTP_11;
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Whether somebody proves with this message, or is asked to, who they are for all that follows on the connection.
fn proves_on_connection(fields: &HeaderMap) -> bool {
    let schemes: [&[u8]; 2] = [b"ntlm", b"negotiate"];
    let all = fields.get_all(AUTHORIZATION).iter().chain(fields.get_all(WWW_AUTHENTICATE));
    let items = all.flat_map(|value| value.as_bytes().split(|b| *b == b',')).map(<[u8]>::trim_ascii);
    let mut names = items.filter_map(|item| item.split(|b| *b == b' ').next());
    names.any(|name| schemes.iter().any(|scheme| name.eq_ignore_ascii_case(scheme)))
}

/// Whether a connection may change to this protocol. Over HTTP/2 (`h2c`) further requests would go by unseen, for any
/// host that the origin answers for; RFC 9113 §3.1 has given that up, and an origin may ignore an upgrade.
fn may_change(protocol: &HeaderValue) -> bool {
    let asked = protocol.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii);
    !asked.into_iter().any(|name| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"h2c")))
}

/// Origin-form (RFC 9112 §3.2.1).
fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().map_or(Uri::from_static("/"), Uri::from)
}

/// A copy of a request that can be sent twice: a safe or idempotent method, and no body.
fn replay(request: &Request<Upload>) -> Option<Request<Upload>> {
    let may = request.method().is_idempotent() && http_body::Body::is_end_stream(request.body());
    may.then(|| {
        let mut copy = Request::new(Upload::default());
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        copy
    })
}

fn failure_of(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        return Failure::BadAnswer(error.to_string());
    }
    if error.is_user() {
        // Only the body that we hand over is ours, and it fails when the client does.
        return Failure::ClientLeft;
    }
    Failure::ConnectionLost(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_proven_for_a_whole_connection_is_told_from_what_is_not() {
        for (name, value, proves) in [
            ("authorization", "NTLM TlRMTVNTUAAB", true),
            ("authorization", "negotiate YIIJ", true),
            ("www-authenticate", "Negotiate", true),
            ("www-authenticate", "Basic realm=\"a\", NTLM", true),
            ("authorization", "Basic YTpi", false),
            ("www-authenticate", "Bearer realm=\"ntlm\"", false),
            ("x-ntlm", "NTLM", false),
        ] {
            let fields = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            assert_eq!(proves_on_connection(&fields), proves, "{name}: {value}");
        }
    }

    #[test]
    fn connections_do_not_change_to_http_2() {
        for (protocol, may) in [
            ("websocket", true),
            ("SPDY/3.1", true),
            ("h2c", false),
            ("H2C", false),
            ("websocket, h2c", false),
            ("h2c/1", false),
        ] {
            assert_eq!(may_change(&HeaderValue::from_static(protocol)), may, "{protocol}");
        }
    }

    #[test]
    fn targets_are_sent_in_origin_form() {
        for (target, sent) in
            [("http://a.test/b?c", "/b?c"), ("http://a.test", "/"), ("http://a.test?c", "/?c"), ("/b", "/b")]
        {
            assert_eq!(origin_form(&target.parse().unwrap()).to_string(), sent, "{target}");
        }
    }
}
