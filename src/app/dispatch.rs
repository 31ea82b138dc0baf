//! Is a request for us or for elsewhere?

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::authority::{self, Authority};
use crate::observe::{AccessLog, Outcome};
use crate::pac::{self, Pac};
use crate::page::{Brand, Locales, ProxyHome};
use crate::portal::Portal;
use crate::proxy::{Client, Download, Proxy};
use crate::wire::{Body, Destination, Limits, Peer, field};

/// Where health is asked for, on the proxy's own port.
pub const HEALTH_PATH: &str = "/healthz";

/// Everything that a request may be for.
pub(super) struct Dispatch {
    pub(super) proxy: Arc<Proxy>,
    pub(super) portal: Portal,
    pub(super) portal_destination: Destination,
    pub(super) portal_certificate: PortalCertificate,
    pub(super) pac: Pac,
    pub(super) brand: Brand,
    pub(super) locales: Locales,
    pub(super) log: Arc<AccessLog>,
    pub(super) limits: Limits,
    pub(super) finish: CancellationToken,
}

/// Where the portal's certificate comes from.
pub(super) enum PortalCertificate {
    /// Files that the operator names.
    Given(Arc<ServerConfig>),
    /// Our own authority, which issues a new one before the old one runs out.
    Issued(Arc<Authority>),
}

impl Dispatch {
    /// Answers a request that was sent to a proxy listener. Origin-form (RFC 9112 §3.2.1) is for us.
    pub(super) async fn answer(&self, client: &Arc<Client>, request: Request<Incoming>) -> Response<Download> {
        if *request.method() != Method::CONNECT && request.uri().authority().is_none() {
            return self.answer_own(&client.peer, &request);
        }
        self.proxy.handle(client, request).await
    }

    /// Answers a request that was sent to the portal.
    pub(super) async fn answer_portal(&self, peer: Arc<Peer>, request: Request<Incoming>) -> Response<Download> {
        let mut recorder = self.log.begin(&peer, request.method());
        recorder.destination(&self.portal_destination);
        recorder.path = Some(request.uri().path().to_owned());
        recorder.decision = Outcome::Local;
        let response = self.portal.handle(request, peer).await;
        recorder.status = response.status().as_u16();
        response.map(|body| Download::own(Body::Page(body), recorder))
    }

    /// Answers what is asked of the proxy itself: PAC files, health, and the page that says what this is.
    fn answer_own(&self, peer: &Peer, request: &Request<Incoming>) -> Response<Download> {
        let mut recorder = self.log.begin(peer, request.method());
        let path = request.uri().path();
        recorder.path = Some(path.to_owned());
        recorder.decision = Outcome::Local;
        let response = match path {
            _ if *request.method() != Method::GET && *request.method() != Method::HEAD => {
                let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Only GET is answered here.\n");
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                response
            }
            HEALTH_PATH => text(StatusCode::OK, "ok\n"),
            "/" => self.home(request),
            _ => self.pac(peer, request).unwrap_or_else(|| text(StatusCode::NOT_FOUND, NOT_FOUND)),
        };
        recorder.status = response.status().as_u16();
        response.map(|body| Download::own(body, recorder))
    }

    fn pac(&self, peer: &Peer, request: &Request<Incoming>) -> Option<Response<Body>> {
        let host = field::text(request.headers(), HOST);
        let document = self.pac.serve(request.uri().path(), &peer.network.name, host)?;
        let fresh = field::text(request.headers(), IF_NONE_MATCH).is_some_and(|held| held == document.etag);
        let mut response = Response::new(if fresh { Body::Empty } else { document.body.into() });
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(pac::MEDIA_TYPE));
        for (name, value) in [(ETAG, document.etag), (CACHE_CONTROL, format!("max-age={}", document.max_age))] {
            if let Ok(value) = HeaderValue::try_from(value) {
                fields.insert(name, value);
            }
        }
        Some(response)
    }

    fn home(&self, request: &Request<Incoming>) -> Response<Body> {
        let host = field::text(request.headers(), HOST).unwrap_or_default();
        let locale = self.locales.negotiate(field::text(request.headers(), ACCEPT_LANGUAGE));
        let page = ProxyHome { pac: format!("http://{host}/proxy.pac"), portal: self.portal.origin().to_string() };
        page.render(&self.brand, locale).into_response(StatusCode::OK).map(Body::from)
    }

    /// The TLS server that answers as the portal.
    pub(super) fn portal_tls(&self) -> Result<Arc<ServerConfig>, authority::Error> {
        match &self.portal_certificate {
            PortalCertificate::Given(server) => Ok(Arc::clone(server)),
            PortalCertificate::Issued(authority) => authority.server(self.portal.origin().host()),
        }
    }
}

const NOT_FOUND: &str = "This is a proxy. It has a PAC file at /proxy.pac, and nothing at this address.\n";

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
