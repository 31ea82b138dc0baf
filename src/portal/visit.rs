//! One request to the portal: from which client, in which browser, in which language.

use std::sync::Arc;

use axum::body::Body;
use http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use url::form_urlencoded;

use crate::observe::audit::Entry;
use crate::observe::record::RequestId;
use crate::page::{Locale, SignInFailure, Trouble};
use crate::portal::{Shared, cookie, redirect};
use crate::session::returning::Return;
use crate::session::{Ending, Session, SessionId};
use crate::wire::{self, Peer};

/// What handlers know of a request besides its body.
#[derive(Clone)]
pub(super) struct Visit {
    /// The client.
    pub(super) peer: Arc<Peer>,
    /// The request's identifier in logs and on pages.
    pub(super) request_id: String,
    /// The request's header section.
    pub(super) fields: HeaderMap,
    /// The path and the query, so that the ACS knows which of its addresses was used.
    pub(super) address: String,
    query: Vec<(String, String)>,
}

impl Visit {
    pub(super) fn new(request: &Request<Body>, peer: Arc<Peer>) -> Self {
        let query = request.uri().query().unwrap_or_default();
        Self {
            peer,
            // Whoever records the request has given it its name.
            request_id: request.extensions().get().copied().unwrap_or_else(RequestId::random).to_string(),
            fields: request.headers().clone(),
            address: request.uri().path_and_query().map_or_else(String::new, ToString::to_string),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().take(16).collect(),
        }
    }

    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter.
    pub(super) fn parameters(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The value of a cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        wire::cookie::value(&self.fields, name)
    }

    /// The value of a field, if it is text.
    pub(super) fn field(&self, name: &HeaderName) -> Option<&str> {
        self.fields.get(name).and_then(|value| value.to_str().ok())
    }

    /// The browser's `User-Agent`.
    pub(super) fn user_agent(&self) -> &str {
        self.field(&USER_AGENT).unwrap_or_default()
    }

    /// The person's language.
    pub(super) fn locale<'a>(&self, portal: &'a Shared) -> &'a Locale {
        portal.locales.negotiate(self.field(&ACCEPT_LANGUAGE))
    }

    /// The browser's session, by its cookie; a tool's token does not count as one. Because the cookie has come over
    /// this very connection and from this very address, these stand for the session from now on, as far as they may.
    pub(super) async fn session(&self, portal: &Shared) -> Option<Arc<Session>> {
        let session = portal.parts.sessions.recall(SessionId::of_secret(self.cookie(cookie::SESSION)?)).await?;
        // A guest's session counts only where guests are let in.
        if session.tool.is_some() || (session.user.is_guest() && !self.peer.admits_guests()) {
            return None;
        }
        portal.parts.sessions.prove_connection(&self.peer, &session).await;
        portal.parts.bindings.bind_new(&self.peer, &session).await;
        portal.parts.sessions.bind_new_client(&self.peer, &session).await;
        Some(session)
    }

    /// The browser's session, if it is of a person with an account: guests can make no devices, tokens and the like.
    pub(super) async fn person(&self, portal: &Shared) -> Option<Arc<Session>> {
        self.session(portal).await.filter(|session| !session.user.is_guest())
    }

    /// Sends a person to sign in, and then back to this path of the portal. A guest is sent to their own page instead.
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
            halt: None,
            ways: Vec::new(),
            evidence: None,
            shown: Vec::new(),
            planted: false,
            kept: None,
            node: 0,
        };
        let token = returning.seal(&portal.parts.sealer, portal.parts.clock.now());
        redirect(StatusCode::SEE_OTHER, &entrance(Some(&token)))
    }

    /// Lets the connection, what was shown in its handshake, and the client address stand for `session`, as far as they
    /// may, because a sign-in has just come over that connection and from that address. Programs and https sites then
    /// need nothing else. `before` is the session that this browser has held until now.
    pub(super) async fn bind(&self, portal: &Shared, session: &Session, before: Option<SessionId>) {
        portal.parts.sessions.prove_connection(&self.peer, session).await;
        portal.parts.bindings.bind_after(before, &self.peer, session).await;
        portal.parts.sessions.bind_client(&self.peer, session).await;
    }

    /// Ends the session that this browser has held until now, and lets everything that stood for it here stand for the
    /// new one.
    pub(super) async fn replace(&self, portal: &Shared, previous: Option<SessionId>, session: &Session) {
        let Shared { parts, .. } = portal;
        if let Some(previous) = previous {
            // Only if the old session is live: devices of one that was signed out must stay signed out.
            let carried = match parts.sessions.recall(previous).await {
                Some(_) => parts.bindings.carry_over(previous, session).await,
                None => Ok(()),
            };
            if let Err(error) = carried {
                tracing::warn!(%error, request_id = self.request_id, "a person's devices could not be carried over to the new session: they must sign in on each again");
            }
            parts.sessions.end(previous, Ending::Replaced).await;
        }
        // After the old session has ended: before that, the connection would seem to carry two people, and would be
        // spoilt.
        self.bind(portal, session, previous).await;
    }

    /// The fields of an audit record that are about the client.
    pub(super) fn audit_entry(&self) -> Entry<'_> {
        Entry {
            client: Some(self.peer.client.ip().to_canonical()),
            network: Some(&self.peer.network.name),
            request_id: Some(&self.request_id),
            ..Entry::default()
        }
    }

    /// The page that says what did not work, with a link to start again.
    pub(super) fn trouble(&self, trouble: Trouble, returning: Option<&str>) -> SignInFailure {
        SignInFailure { trouble, said: None, again: entrance(returning), request_id: self.request_id.clone() }
    }
}

/// The address of the portal's entrance, with the token of where the person was going.
pub(super) fn entrance(returning: Option<&str>) -> String {
    returning.map_or_else(|| "/".to_owned(), |token| with_parameters("/", &[("r", token)]))
}

/// A path with parameters.
pub(super) fn with_parameters(path: &str, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{path}?{query}")
}
