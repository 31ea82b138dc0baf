//! Decides whether a request is for us or for elsewhere, and answers those that are for the proxy itself.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Collected, Empty};
use hyper::body::Incoming;
use rustls::ServerConfig;

use super::edges::Edges;
use super::realms::PortalCertificate;
use super::recorded::Recorded;
use crate::authority;
use crate::observe::Outcome;
use crate::observe::record::{HttpVersion, RequestId};
use crate::pac;
use crate::page::{ProxyHome, TerminalPointer};
use crate::portal::TERMINAL_PATH;
use crate::proxy::Client;
use crate::session::names;
use crate::session::store::Health;
use crate::wire::Peer;
use crate::wire::h1::{Connection, Form, HeadError, RequestHead};

/// The path of the health check, on the proxy's own port.
pub const HEALTH_PATH: &str = "/healthz";

/// The PAC file from which those for people's own devices are made.
const STANDARD_PAC: &str = "/proxy.pac";

/// The path of the readiness check. A node whose shared store is away is ready, because the other nodes are no better
/// off. A node that is stopping is not.
const READY_PATH: &str = "/readyz";

impl Edges {
    /// Answers a request that was sent to a proxy listener. Origin-form and asterisk-form (RFC 9112 §3.2) are for us.
    pub(super) async fn answer(
        &self,
        client: &Arc<Client>,
        connection: Box<Connection>,
        head: Result<RequestHead, HeadError>,
    ) -> Option<Box<Connection>> {
        let client = &self.proxy.judge(client);
        let speaker = match &head {
            Ok(head) => client.on_behalf(&head.fields),
            Err(_) => Ok(None),
        };
        let client = match (speaker, &head) {
            (Ok(named), _) => named.unwrap_or_else(|| Arc::clone(client)),
            (Err(error), Ok(head)) => {
                return Box::pin(self.proxy.refuse_unnamed(client, connection, head, error)).await;
            }
            (Err(_), Err(_)) => return None,
        };
        let client = &client;
        match head {
            Ok(head) if matches!(head.target.form(), Form::Origin | Form::Asterisk) => {
                // Boxed, so that it costs what is forwarded no memory.
                Box::pin(self.answer_here(client, connection, &head)).await
            }
            head => self.proxy.handle(client, connection, head).await,
        }
    }

    /// Answers a request that is for the proxy itself.
    async fn answer_here(
        &self,
        client: &Client,
        connection: Box<Connection>,
        head: &RequestHead,
    ) -> Option<Box<Connection>> {
        let mut recorder = self.log.begin(&client.peer, Some(&head.method));
        recorder.protocol = HttpVersion::of(head.received);
        recorder.path = Some(recorded(head.target.path()));
        recorder.decision = Outcome::Local;
        let response = match head.target.path() {
            path if is_terminal(path) => self.answer_terminal(&client.peer, head, recorder.id()).await,
            _ => self.answer_own(&client.peer, head).await,
        };
        self.proxy.reply(connection, Some(head), response, recorder).await
    }

    /// Answers a request that was sent to the portal.
    pub(super) async fn answer_portal(&self, peer: Arc<Peer>, mut request: Request<Incoming>) -> Response<Recorded> {
        let mut recorder = self.log.begin(&peer, Some(request.method()));
        recorder.protocol = HttpVersion::of(request.version());
        request.extensions_mut().insert(recorder.id());
        recorder.destination(&self.portal_destination);
        recorder.path = Some(recorded(request.uri().path()));
        recorder.decision = Outcome::Local;
        let response = self.portal.handle(request, peer).await;
        recorder.status = response.status().as_u16();
        response.map(|body| Recorded::new(body, recorder))
    }

    /// Answers a terminal that asks to be signed in at the proxy's own address, so that it need not know the portal's.
    async fn answer_terminal(&self, peer: &Peer, head: &RequestHead, id: RequestId) -> Response<Bytes> {
        // The request has not come by the portal's own TLS, so it must not bind the connection to a person.
        let peer = Peer { proof: None, ..peer.clone() };
        if head.method != Method::GET {
            return text(StatusCode::METHOD_NOT_ALLOWED, "Only GET is answered here.\n");
        }
        // On a plain listener somebody on the way could change the script, and read the token that it collects: the
        // answer only points to the portal.
        if let (None, Some(curl)) = (&peer.tls, &self.curl) {
            let locale = self.locales.negotiate(head.fields.text("accept-language"));
            let mut response = text(StatusCode::FORBIDDEN, "");
            *response.body_mut() = Bytes::from(TerminalPointer { curl }.render(locale));
            return response;
        }
        let mut request = Request::builder().uri(head.target.path()).extension(id);
        for name in ["host", "user-agent", "accept-language"] {
            if let Some(value) = head.fields.text(name) {
                request = request.header(name, value);
            }
        }
        let Ok(request) = request.body(Empty::new()) else { return text(StatusCode::BAD_REQUEST, "") };
        let (parts, body) = self.portal.handle(request, Arc::new(peer)).await.into_parts();
        // The portal's answers are complete in memory, so this does not wait.
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        Response::from_parts(parts, body)
    }

    /// Answers requests to the proxy itself: PAC files, health, and the page that says what this is.
    async fn answer_own(&self, peer: &Peer, head: &RequestHead) -> Response<Bytes> {
        let methods = [Method::GET, Method::HEAD, Method::OPTIONS];
        if !methods.contains(&head.method) || head.method == Method::OPTIONS {
            let is_asked = head.method == Method::OPTIONS;
            let status = if is_asked { StatusCode::NO_CONTENT } else { StatusCode::METHOD_NOT_ALLOWED };
            let mut response = text(status, if is_asked { "" } else { "Only GET is answered here.\n" });
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
            return response;
        }
        match head.target.path() {
            READY_PATH if self.finish.is_cancelled() => text(StatusCode::SERVICE_UNAVAILABLE, STOPPING),
            READY_PATH => text(StatusCode::OK, self.readiness()),
            HEALTH_PATH => text(StatusCode::OK, "ok\n"),
            "/" => self.home(head),
            _ => self.pac(peer, head).await.unwrap_or_else(|| text(StatusCode::NOT_FOUND, NOT_FOUND)),
        }
    }

    async fn pac(&self, peer: &Peer, head: &RequestHead) -> Option<Response<Bytes>> {
        let document = match self.own_pac(peer, head.target.path()).await {
            Some(own) => own,
            None => self.pac.serve(head.target.path(), &peer.network.name, head.fields.text("host"))?,
        };
        let fresh = document.etag.is_some() && head.fields.text("if-none-match") == document.etag.as_deref();
        let mut response = Response::new(if fresh { Bytes::new() } else { document.body });
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let fields = response.headers_mut();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(pac::MEDIA_TYPE));
        let keeping = match &document.etag {
            Some(_) => format!("max-age={}", document.max_age),
            None => "private, no-store".to_owned(),
        };
        for (name, value) in [(ETAG, document.etag), (CACHE_CONTROL, Some(keeping))] {
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                fields.insert(name, value);
            }
        }
        Some(response)
    }

    /// The PAC file for this one client at `path`, if such a file is served there: in it, the proxy has a host name of
    /// its own. An address that is not valid any more gets a file, too, with a name that stands for nobody: a browser
    /// without a file would go direct.
    async fn own_pac(&self, peer: &Peer, path: &str) -> Option<pac::Document> {
        let addresses = self.names.as_ref()?;
        let (path, label) = match names::secret_in(path) {
            Some(secret) => (STANDARD_PAC, self.bindings.label_of(secret).await.unwrap_or_else(names::unbound)),
            None if self.pac.hands_out_names(path, &peer.network) => (path, names::unbound()),
            None => return None,
        };
        let proxy = pac::Proxy { secure: true, host: addresses.host(&label), port: addresses.port };
        self.pac.serve_own(path, &proxy)
    }

    fn readiness(&self) -> &'static str {
        match self.sessions.health() {
            Health::Well => "ready\n",
            Health::Forgetful => "degraded: sessions are kept in memory, because the disk does not take them\n",
            Health::Away { .. } => "degraded: the shared session store is away; nobody can sign in\n",
        }
    }

    fn home(&self, head: &RequestHead) -> Response<Bytes> {
        let host = head.fields.text("host").unwrap_or_default();
        let locale = self.locales.negotiate(head.fields.text("accept-language"));
        let page = ProxyHome { pac: format!("http://{host}/proxy.pac"), portal: self.portal.origin().to_string() };
        page.render(&self.brand, locale).into_response(StatusCode::OK)
    }

    /// The TLS server that answers as the portal.
    pub(super) fn portal_tls(&self) -> Result<Arc<ServerConfig>, authority::Error> {
        match &self.portal_certificate {
            PortalCertificate::Given(server) => Ok(Arc::clone(server)),
            PortalCertificate::Issued(authority) => authority.server(self.portal.origin().host()),
        }
    }
}

/// Whether the path is one at which terminals are signed in.
fn is_terminal(path: &str) -> bool {
    path.strip_prefix(TERMINAL_PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path as records show it: without the codes of terminals and other secrets.
fn recorded(path: &str) -> Box<str> {
    let secret = [TERMINAL_PATH, "/t"]
        .into_iter()
        .find(|start| path.strip_prefix(start).is_some_and(|rest| rest.starts_with('/')));
    names::recordable(secret.unwrap_or(path)).into()
}

/// The answer of the readiness check while the program is stopping.
const STOPPING: &str = "stopping: what comes is still served, and should go to another node\n";

const NOT_FOUND: &str = "This is a proxy. It has a PAC file at /proxy.pac, and nothing at this address.\n";

fn text(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
