//! One request to the portal: who asks, from where, in which language.

use std::sync::Arc;

use axum::body::Body;
use http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use url::form_urlencoded;

use crate::page::{Locale, SignInFailure, Trouble};
use crate::portal::{Shared, cookie, redirect};
use crate::seal::random_text;
use crate::session::returning::Return;
use crate::session::{Ending, Session, SessionId};
use crate::wire::{self, Peer};

/// What the handlers know of a request besides its body.
#[derive(Clone)]
pub(super) struct Visit {
    /// The client.
    pub(super) peer: Arc<Peer>,
    /// The request's name in logs and on pages.
    pub(super) request_id: String,
    /// The request's header section.
    pub(super) fields: HeaderMap,
    /// The path and the query, for the ACS to know which of its addresses was used.
    pub(super) address: String,
    query: Vec<(String, String)>,
}

impl Visit {
    pub(super) fn new(request: &Request<Body>, peer: Arc<Peer>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        Self {
            peer,
            request_id: random_text().chars().take(12).collect(),
            fields: request.headers().clone(),
            address: request.uri().path_and_query().map_or_else(String::new, ToString::to_string),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().take(16).collect(),
        }
    }

    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The value of a cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        wire::cookie::value(&self.fields, name)
    }

    /// The value of a field, when it is text.
    pub(super) fn field(&self, name: &HeaderName) -> Option<&str> {
        self.fields.get(name).and_then(|value| value.to_str().ok())
    }

    /// The browser.
    pub(super) fn user_agent(&self) -> &str {
        self.field(&USER_AGENT).unwrap_or_default()
    }

    /// The person's language.
    pub(super) fn locale<'a>(&self, portal: &'a Shared) -> &'a Locale {
        portal.locales.negotiate(self.field(&ACCEPT_LANGUAGE))
    }

    /// The browser's session. A tool's token is no cookie. Its cookie has come over this very connection and from this
    /// very address, which stand for it from now on, as far as they may.
    pub(super) async fn session(&self, portal: &Shared) -> Option<Arc<Session>> {
        let session = portal.parts.sessions.recall(SessionId::of_secret(self.cookie(cookie::SESSION)?)).await?;
        // A guest is one only where guests are let in.
        if session.tool.is_some() || (session.user.is_guest() && !self.peer.admits_guests()) {
            return None;
        }
        portal.parts.sessions.prove_connection(&self.peer, &session).await;
        portal.parts.bindings.bind_new(&self.peer, &session).await;
        portal.parts.sessions.bind_new_client(&self.peer, &session).await;
        Some(session)
    }

    /// The browser's session, if it is of somebody with an account: guests make nothing that outlives their visit.
    pub(super) async fn person(&self, portal: &Shared) -> Option<Arc<Session>> {
        self.session(portal).await.filter(|session| !session.user.is_guest())
    }

    /// Sends somebody to sign in, who comes back to this path of the portal then. A guest has nothing to come back to.
    pub(super) async fn sign_in_first(&self, portal: &Shared, path: &str) -> Response<Body> {
        if self.session(portal).await.is_some() {
            return redirect(StatusCode::SEE_OTHER, "/me");
        }
        let origin = portal.config.url.to_string();
        let returning = Return {
            destination: format!("{origin}{path}"),
            origin,
            client: self.peer.client.ip(),
            challenge: String::new(),
            browser: [0; 16],
            unsent: None,
            within: None,
            tunnels: false,
            shown: Vec::new(),
            node: 0,
        };
        let token = returning.seal(&portal.parts.sealer, portal.parts.clock.now());
        redirect(StatusCode::SEE_OTHER, &entrance(Some(&token)))
    }

    /// Lets the connection, what was shown in its handshake, and the client address stand for a session, as far as they
    /// may: a sign-in has just come over that connection, and from there. Programs and https sites need nothing more then.
    /// `before` is the session that this browser has held until now.
    pub(super) async fn bind(&self, portal: &Shared, session: &Session, before: Option<SessionId>) {
        portal.parts.sessions.prove_connection(&self.peer, session).await;
        portal.parts.bindings.bind_after(before, &self.peer, session).await;
        portal.parts.sessions.bind_client(&self.peer, session).await;
    }

    /// Ends the session that this browser has held until now, and lets what it stood for here stand for the new one.
    pub(super) async fn replace(&self, portal: &Shared, previous: Option<SessionId>, session: &Session) {
        let Shared { parts, .. } = portal;
        if let Some(previous) = previous {
            // What has been signed out of stays so on the devices, too.
            let carried = match parts.sessions.recall(previous).await {
                Some(_) => parts.bindings.carry_over(previous, session).await,
                None => Ok(()),
            };
            if let Err(error) = carried {
                tracing::warn!(%error, request_id = self.request_id, "devices must be signed in on again");
            }
            parts.sessions.end(previous, Ending::Replaced).await;
        }
        // Not before: a connection that stood for the one before is not taken for one that two people share.
        self.bind(portal, session, previous).await;
    }

    /// The page that says what did not work, with the way to start again.
    pub(super) fn trouble(&self, trouble: Trouble, returning: Option<&str>) -> SignInFailure {
        SignInFailure { trouble, said: None, again: entrance(returning), request_id: self.request_id.clone() }
    }
}

/// The portal's entrance, for somebody on the way to somewhere.
pub(super) fn entrance(returning: Option<&str>) -> String {
    returning.map_or_else(|| "/".to_owned(), |token| with_parameters("/", &[("r", token)]))
}

/// A path with parameters.
pub(super) fn with_parameters(path: &str, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{path}?{query}")
}
