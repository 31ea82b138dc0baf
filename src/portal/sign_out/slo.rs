//! Takes messages of Single Logout: a person has signed out at the identity provider, or the identity provider answers
//! our own message.
//!
//! A LogoutRequest that the identity provider has signed ends the sessions that it names. One without a signature could
//! come from anybody, so it ends only the session of the browser that brings it, if it names that one.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Method, Request, Response, StatusCode};

use crate::clock::{Timestamp, after};
use crate::page::{Elsewhere, Reach, Trouble};
use crate::portal::cookie;
use crate::portal::form::Form;
use crate::portal::sign_out::{self, Leaving};
use crate::portal::{RealmParts, Shared, Visit, fail, opening, redirect};
use crate::saml::binding::{Kind, Message};
use crate::saml::config::SLO_PATH;
use crate::saml::logout::{self, Arrived, Content, Opened, Outcome};
use crate::saml::response::CLOCK_SKEW;
use crate::saml::{IdentityProvider, NameId, SignOut, redirect as query};
use crate::session::ends::Held;
use crate::session::tool::Kind as ToolKind;
use crate::session::{Ending, Session};

type Portal = State<Arc<Shared>>;

/// The largest form that brings a message of Single Logout, in bytes.
const MAX_BODY: usize = 128 * 1024;

/// How long a message waits for its turn to be verified.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest RelayState that is given back (SAML Bindings §3.4.3).
const MAX_RELAY_STATE: usize = 80;

/// Why a message was refused. The person is told less than this.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// It cannot be read, or is not valid.
    #[error(transparent)]
    Message(#[from] crate::saml::Error),
    /// The request has no message, or several.
    #[error("the form does not hold exactly one message")]
    NoMessage,
    /// No realm has an identity provider of its issuer's name.
    #[error("no realm has an identity provider of that name")]
    UnknownIssuer,
    /// It is not signed, and does not name the session of the browser that brought it.
    #[error("it is not signed, and does not name this browser's session")]
    NotOwnSession,
    /// There are too many messages to verify.
    #[error("there are too many logout messages")]
    Busy,
}

/// A message as it came, and the RelayState to send back with the answer.
struct Incoming {
    arrived: Arrived,
    relay_state: Option<String>,
}

/// `GET` and `POST /saml/slo`.
pub(in crate::portal) async fn take(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    match receive(&portal, &visit, request).await {
        Ok(response) => response,
        Err(refusal) => {
            let client = visit.peer.client.ip();
            tracing::warn!(reason = %refusal, %client, request_id = visit.request_id, "a message of Single Logout was refused, and ended no session");
            let (status, trouble) = match refusal {
                Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, Trouble::Busy),
                _ => (StatusCode::FORBIDDEN, Trouble::SignOutRefused),
            };
            fail(&portal, &visit, status, trouble)
        }
    }
}

async fn receive(portal: &Shared, visit: &Visit, request: Request<Body>) -> Result<Response<Body>, Refusal> {
    let Incoming { arrived, relay_state } = read(request).await?;
    let (realms, opened) = open(portal, arrived).await?;
    match &opened.content {
        Content::Request { name_id, session_indexes } => {
            let wanted = Wanted { realms: &realms, name_id, session_indexes, issued: opened.issued };
            let ended = end(portal, visit, &wanted, opened.signed).await;
            let outcome = match (opened.signed || ended.any, ended.holds()) {
                (true, false) => Outcome::Failed { partly: ended.held_some },
                (true, true) => Outcome::Success,
                (false, _) => Outcome::Denied,
            };
            if let Outcome::Failed { partly } = outcome {
                let request_id = &visit.request_id;
                tracing::error!(
                    partly,
                    request_id,
                    "the session store has not taken the end of a session: the identity provider is told that the sign-out failed"
                );
            }
            let mut response = match answer(portal, visit, &realms, &opened, outcome, relay_state.as_deref()) {
                Some(response) => response,
                None if outcome == Outcome::Denied => return Err(Refusal::NotOwnSession),
                None => {
                    redirect(StatusCode::SEE_OTHER, &sign_out::path(portal, false, Elsewhere::Confirmed, ended.reach()))
                }
            };
            if ended.own {
                sign_out::forget(&mut response);
            }
            Ok(response)
        }
        Content::Response { in_response_to, status } => {
            let leaving = Leaving::of(portal, visit).filter(|leaving| {
                Some(&leaving.request_id) == in_response_to.as_ref()
                    && realms.iter().any(|realm| realm.parts.realm.name == leaving.realm)
            });
            tracing::info!(%status, expected = leaving.is_some(), request_id = visit.request_id, "the identity provider has answered our message of Single Logout");
            let Some(leaving) = leaving else { return Ok(redirect(StatusCode::SEE_OTHER, "/signed-out")) };
            let elsewhere = if status.is_success() { Elsewhere::Confirmed } else { Elsewhere::Unconfirmed };
            let mut response = redirect(StatusCode::SEE_OTHER, &leaving.page(portal, elsewhere));
            cookie::remove(&mut response, cookie::LEAVING);
            Ok(response)
        }
    }
}

async fn read(request: Request<Body>) -> Result<Incoming, Refusal> {
    if request.method() != Method::POST {
        let read = query::read(request.uri().query().unwrap_or_default())?;
        let relay_state = read.relay_state.clone();
        return Ok(Incoming { arrived: Arrived::redirected(read)?, relay_state });
    }
    let form = Form::read(request, MAX_BODY).await.map_err(|_| Refusal::NoMessage)?;
    let (field, is_request) = match (form.value("SAMLRequest"), form.value("SAMLResponse")) {
        (Some(_), None) => (form.only("SAMLRequest"), true),
        (None, Some(_)) => (form.only("SAMLResponse"), false),
        _ => return Err(Refusal::NoMessage),
    };
    let arrived = Arrived::posted(field.ok_or(Refusal::NoMessage)?, is_request)?;
    Ok(Incoming { arrived, relay_state: form.only("RelayState").map(str::to_owned) })
}

/// Verifies a message on a thread that may be busy, one message at a time, and apart from sign-ins, so that these do
/// not wait for it. Several realms may have the same identity provider, each with other keys: gives those whose keys
/// fit.
async fn open(portal: &Shared, arrived: Arrived) -> Result<(Vec<Known>, Opened), Refusal> {
    let realms = portal.parts.realms.iter().filter_map(|parts| {
        let idp = parts.identity_provider.current().filter(|idp| arrived.claims_to_be_from(idp))?;
        Some(Known { parts: parts.clone(), idp })
    });
    let realms: Vec<_> = realms.collect();
    if realms.is_empty() {
        return Err(Refusal::UnknownIssuer);
    }
    let turn = Arc::clone(&portal.memory.logouts).acquire_owned();
    let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, turn).await else { return Err(Refusal::Busy) };
    let (endpoint, now) = (format!("{}{SLO_PATH}", portal.config.url), portal.parts.clock.now());
    let opened = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let mut result = Err(Refusal::UnknownIssuer);
        let mut own = Vec::new();
        for realm in realms {
            match (arrived.open(&realm.idp, &endpoint, now), &result) {
                (Ok(opened), _) => {
                    result = Ok(opened);
                    own.push(realm);
                }
                (Err(error), Err(_)) => result = Err(Refusal::Message(error)),
                (Err(_), Ok(_)) => {}
            }
        }
        result.map(|opened| (own, opened))
    });
    opened.await.map_err(|_| Refusal::Busy)?
}

/// A realm, and its present identity provider.
struct Known {
    parts: RealmParts,
    idp: Arc<IdentityProvider>,
}

/// What a LogoutRequest names.
struct Wanted<'a> {
    realms: &'a [Known],
    name_id: &'a NameId,
    session_indexes: &'a [String],
    issued: Timestamp,
}

impl Wanted<'_> {
    /// Whether it names this session. A session that began after the message was issued is not meant, so a message that
    /// comes a second time ends nothing new.
    fn names(&self, session: &Session) -> bool {
        let index = session.assertion.session_index.as_ref();
        // A token that a person has made does not belong to any single session at the identity provider, so the index
        // does not matter.
        let is_token = session.tool.as_ref().is_some_and(|tool| tool.kind == ToolKind::Personal);
        self.realms.iter().any(|realm| realm.parts.realm.name == session.user.realm)
            && session.assertion.name_id.as_ref().is_some_and(|own| own.matches(self.name_id))
            && (self.session_indexes.is_empty()
                || is_token
                || index.is_some_and(|own| self.session_indexes.contains(own)))
            && session.started <= after(self.issued, CLOCK_SKEW)
    }
}

/// The result of ending the sessions that a message names.
struct Ended {
    any: bool,
    /// Whether the end of at least one holds.
    held_some: bool,
    /// How far the end that holds least holds.
    held: Held,
    /// Whether all sessions that were named could be looked for.
    is_whole: bool,
    /// Whether the session of the browser that brought the message was among them.
    own: bool,
}

impl Ended {
    /// Whether everything that was asked for has been done, and holds.
    fn holds(&self) -> bool {
        self.is_whole && self.held != Held::Fleeting
    }

    fn reach(&self) -> Reach {
        sign_out::reach(if self.is_whole { self.held } else { self.held.max(Held::Here) })
    }
}

async fn end(portal: &Shared, visit: &Visit, wanted: &Wanted<'_>, signed: bool) -> Ended {
    // With a cross-site POST the browser sends PREVIOUS, and not the session cookie.
    let own = match visit.session(portal).await {
        Some(own) => Some(own),
        None => match opening::previous(portal, visit) {
            Some(previous) => portal.parts.sessions.recall(previous).await,
            None => None,
        },
    };
    let own = own.filter(|session| wanted.names(session));
    let (sessions, is_whole) = match (&own, signed) {
        (_, true) => named(portal, wanted).await,
        (Some(own), false) => (vec![Arc::clone(own)], true),
        (None, false) => (Vec::new(), true),
    };
    let (any, own) = (!sessions.is_empty(), own.is_some());
    let mut ended = Ended { any, own, held_some: false, held: Held::Everywhere, is_whole };
    for session in &sessions {
        let held = portal.parts.sessions.end(session.id, Ending::IdentityProvider).await.held;
        ended.held_some |= held != Held::Fleeting;
        ended.held = ended.held.max(held);
    }
    ended
}

/// All sessions that are named, on all nodes, and whether all could be looked for. Only for signed messages. If the
/// store does not answer, gives those that are in memory.
async fn named(portal: &Shared, wanted: &Wanted<'_>) -> (Vec<Arc<Session>>, bool) {
    let (sessions, mut found) = (&portal.parts.sessions, Vec::new());
    for realm in wanted.realms {
        let Ok(some) = sessions.named(&realm.parts.realm.name, wanted.name_id).await else {
            found.extend(sessions.known(|session| wanted.names(session)));
            return (found, false);
        };
        found.extend(some.into_iter().filter(|session| wanted.names(session)));
    }
    (found, true)
}

/// Answers the identity provider, if it has an address for that.
fn answer(
    portal: &Shared,
    visit: &Visit,
    realms: &[Known],
    opened: &Opened,
    outcome: Outcome,
    relay_state: Option<&str>,
) -> Option<Response<Body>> {
    let realm = realms.first()?;
    let SignOut::Saml { binding, response_url, .. } = realm.idp.sign_out()? else { return None };
    let issuer = &realm.parts.service_provider.entity_id;
    let draft = logout::response(issuer, response_url.as_str(), &opened.id, outcome, portal.parts.clock.now());
    let relay_state = relay_state.filter(|state| state.len() <= MAX_RELAY_STATE);
    let message = Message { kind: Kind::Response, xml: &draft.xml, id: &draft.id, relay_state };
    sign_out::post(portal, visit, &realm.parts, *binding, response_url, message)
}
