//! Serves the listener to which identity providers push people and groups by SCIM, and carries out operators' commands
//! about their tokens.

use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::directory::tell_tokens;
use super::edges::Edges;
use super::live::Live;
use super::recorded::Recorded;
use crate::admin::{Admin, Asker, Done};
use crate::clock::SignedDuration;
use crate::directory::Directories;
use crate::observe::Outcome;
use crate::observe::record::HttpVersion;
use crate::scim::BearerTokens;
use crate::wire::h1::ByteStream;
use crate::wire::{Peer, serve};

/// The longest lifetime of a token, in days.
const LONGEST: i64 = 3650;

impl Live {
    /// Serves a client of the listener for SCIM.
    pub(super) async fn serve_scim(self: Arc<Self>, stream: TcpStream, peer: Peer) {
        let edges = self.edges();
        let (desk, head_time) = (edges.scim.clone(), edges.limits.head_time);
        drop(edges);
        let stream: Box<dyn ByteStream> = match desk.map(|desk| desk.tls) {
            None => return,
            Some(None) => Box::new(stream),
            Some(Some(server)) => match timeout(head_time, TlsAcceptor::from(server).accept(stream)).await {
                Ok(Ok(stream)) => Box::new(stream),
                _ => {
                    tracing::debug!(client = %peer.client, "a TLS handshake for SCIM failed or took too long: the connection is closed");
                    return;
                }
            },
        };
        let (peer, edges) = (Arc::new(peer), self.edges());
        let (limits, finish) = (edges.limits, edges.finish.clone());
        drop(edges);
        serve(stream, peer.place.clone(), &limits, &finish, |request| {
            let (edges, peer) = (self.edges(), Arc::clone(&peer));
            async move { edges.answer_scim(&peer, request).await }
        })
        .await;
    }
}

impl Edges {
    /// Answers a request of SCIM, and records it.
    async fn answer_scim(&self, peer: &Peer, mut request: Request<Incoming>) -> Response<Recorded> {
        let mut recorder = self.log.begin(peer, Some(request.method()));
        recorder.protocol = HttpVersion::of(request.version());
        request.extensions_mut().insert(recorder.id());
        recorder.path = Some(request.uri().path().into());
        recorder.decision = Outcome::Local;
        let response = match &self.scim {
            Some(desk) => desk.scim.handle(request, peer.client.ip()).await,
            None => {
                let mut gone = Response::default();
                *gone.status_mut() = http::StatusCode::NOT_FOUND;
                gone
            }
        };
        recorder.status = response.status().as_u16();
        response.map(|body| Recorded::new(body, recorder))
    }
}

/// What is commanded.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// A directory, or a token.
    #[serde(default)]
    name: String,
    /// How long the token is valid.
    #[serde(default)]
    days: i64,
}

/// Adds `scim token new`, `scim token list` and `scim token revoke`.
#[must_use]
pub(super) fn commands(admin: Admin, live: &Arc<Live>) -> Admin {
    let [making, listing, revoking] = [(); 3].map(|()| Arc::clone(&live.memory.scim.tokens));
    let (here, there) = (Arc::downgrade(live), Arc::downgrade(live));
    admin
        .on("scim token new", move |arguments, asker| {
            let directories = here.upgrade().map(|live| Arc::clone(&live.edges().directories));
            make(Arc::clone(&making), directories, arguments, asker)
        })
        .on("scim token list", move |_, asker| list(Arc::clone(&listing), asker))
        .on("scim token revoke", move |arguments, asker| {
            let directories = there.upgrade().map(|live| Arc::clone(&live.edges().directories));
            revoke(Arc::clone(&revoking), directories, arguments, asker)
        })
}

async fn make(
    tokens: Arc<BearerTokens>,
    directories: Option<Arc<Directories>>,
    arguments: Value,
    asker: Asker,
) -> Done {
    let Asked { name, days } = serde_json::from_value(arguments).map_err(|error| error.to_string())?;
    let directories = directories.unwrap_or_default();
    let known = directories.all().iter().filter(|tenant| tenant.config.scim).map(|tenant| tenant.config.name.as_str());
    let known: Vec<_> = known.collect();
    if !known.contains(&name.as_str()) {
        let known = if known.is_empty() { "none is".to_owned() } else { format!("these are: {}", known.join(", ")) };
        return Err(format!("no directory `{name}` is pushed by SCIM (`scim = true`); {known}"));
    }
    if !(1..=LONGEST).contains(&days) {
        return Err(format!("a token is valid for 1 to {LONGEST} days"));
    }
    let lifetime = SignedDuration::from_hours(days.saturating_mul(24));
    let shared =
        directories.all().iter().find(|tenant| tenant.config.name == name && tenant.directory.nodes().is_some());
    let shared = shared.map(|tenant| Arc::clone(&tenant.directory));
    let making = Arc::clone(&tokens);
    let made =
        tokio::task::spawn_blocking(move || making.make(&name, lifetime)).await.map_err(|error| error.to_string())?;
    let (text, token) = made.map_err(|error| error.to_string())?;
    if let Some(directory) = shared {
        let told = tokens.told_of(&token.directory, "");
        if let Err(error) = tell_tokens(&directory, told, &token.id, true).await {
            let id = token.id.clone();
            drop(tokio::task::spawn_blocking(move || tokens.revoke(&id)).await);
            return Err(format!("no token was made, because the other nodes cannot be told of it: {error}"));
        }
    }
    asker
        .tell(json!({ "token": text.expose(), "id": token.id, "directory": token.directory, "expires": token.expires }))
        .await;
    Ok(())
}

async fn list(tokens: Arc<BearerTokens>, asker: Asker) -> Done {
    for token in tokens.list() {
        if !asker.tell(json!(token)).await {
            break;
        }
    }
    Ok(())
}

async fn revoke(
    tokens: Arc<BearerTokens>,
    directories: Option<Arc<Directories>>,
    arguments: Value,
    asker: Asker,
) -> Done {
    let Asked { name, .. } = serde_json::from_value(arguments).map_err(|error| error.to_string())?;
    let directories = directories.unwrap_or_default();
    if let Some(own) = tokens.directory_of(&name)
        && let Some(tenant) = directories.all().iter().find(|tenant| tenant.config.name == own)
        && tenant.directory.nodes().is_some()
    {
        let told = tell_tokens(&tenant.directory, tokens.told_of(&own, &name), &name, false).await;
        told.map_err(|error| format!("the token still opens, because the other nodes cannot be told: {error}"))?;
    }
    let revoked = tokio::task::spawn_blocking(move || tokens.revoke(&name)).await.map_err(|error| error.to_string())?;
    asker.tell(json!(revoked.map_err(|error| error.to_string())?)).await;
    Ok(())
}
