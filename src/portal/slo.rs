//! Where messages of Single Logout arrive: somebody has signed out at the identity provider, or has tried to.
//!
//! A LogoutRequest that the identity provider signed ends the sessions that it names. One that nobody signed could come
//! from anywhere, so it ends the session of the browser that brings it, if that is the one it names, and no other.

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
use crate::portal::{RealmParts, Shared, Visit, acs, redirect, show};
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

/// How many sessions are looked at in one go.
const PAGE: usize = 1000;

/// The longest RelayState that is given back (SAML Bindings §3.4.3).
const MAX_RELAY_STATE: usize = 80;

/// Why a message was not taken. The person is told less.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// It cannot be read, or does not hold.
    #[error(transparent)]
    Message(#[from] crate::saml::Error),
    /// The form has no message, or several.
    #[error("the form does not hold exactly one message")]
    NoMessage,
    /// It is from nobody that we know.
    #[error("no realm has an identity provider of that name")]
    UnknownIssuer,
    /// Nobody signed it, and it does not name the session of the browser that brought it.
    #[error("it is not signed, and does not name this browser's session")]
    NotOwnSession,
    /// There is no time for it.
    #[error("there are too many of them")]
    Busy,
}

/// A message as it came, and what goes back with the answer to it.
struct Incoming {
    arrived: Arrived,
    relay_state: Option<String>,
}

/// `GET` and `POST /saml/slo`.
pub(super) async fn take(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    match receive(&portal, &visit, request).await {
        Ok(response) => response,
        Err(refusal) => {
            let client = visit.peer.client.ip();
            tracing::warn!(reason = %refusal, %client, request_id = visit.request_id, "logout message refused");
            let (status, trouble) = match refusal {
                Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, Trouble::Busy),
                _ => (StatusCode::FORBIDDEN, Trouble::SignOutRefused),
            };
            show(status, visit.trouble(trouble, None).render(&portal.parts.brand, visit.locale(&portal)))
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
                    "the identity provider is told that a sign-out failed: what keeps sessions does not take it"
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
            tracing::info!(%status, expected = leaving.is_some(), request_id = visit.request_id, "logout answered");
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

/// Verifies a message on a thread of its own, one at a time: sign-ins don't wait for it. Several realms may have one
/// identity provider, with other keys each.
async fn open(portal: &Shared, arrived: Arrived) -> Result<(Vec<Known>, Opened), Refusal> {
    let realms = portal.parts.realms.iter().filter_map(|parts| {
        let idp = parts.identity_provider.current().filter(|idp| arrived.claims_to_be_from(idp))?;
        Some(Known { parts: parts.clone(), idp })
    });
    let realms: Vec<_> = realms.collect();
    if realms.is_empty() {
        return Err(Refusal::UnknownIssuer);
    }
    let turn = Arc::clone(&portal.logouts).acquire_owned();
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

/// A realm, and the identity provider that it has at the moment.
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
    /// Whether it names this session. One that began after the message was written is another one: so a message that
    /// comes twice ends nothing more.
    fn names(&self, session: &Session) -> bool {
        let index = session.assertion.session_index.as_ref();
        // A token that a person made belongs to no session at the identity provider more than to another.
        let is_token = session.tool.as_ref().is_some_and(|tool| tool.kind == ToolKind::Personal);
        self.realms.iter().any(|realm| realm.parts.realm.name == session.user.realm)
            && session.assertion.name_id.as_ref().is_some_and(|own| own.matches(self.name_id))
            && (self.session_indexes.is_empty()
                || is_token
                || index.is_some_and(|own| self.session_indexes.contains(own)))
            && session.started <= after(self.issued, CLOCK_SKEW)
    }
}

/// What was ended.
struct Ended {
    any: bool,
    /// At least one for good.
    held_some: bool,
    /// How far the least of them holds.
    held: Held,
    /// All that were named could be looked for.
    is_whole: bool,
    /// The session of the browser that brought the message.
    own: bool,
}

impl Ended {
    /// Whether what was asked for is done, and stays so.
    fn holds(&self) -> bool {
        self.is_whole && self.held != Held::Fleeting
    }

    fn reach(&self) -> Reach {
        sign_out::reach(if self.is_whole { self.held } else { self.held.max(Held::Here) })
    }
}

async fn end(portal: &Shared, visit: &Visit, wanted: &Wanted<'_>, signed: bool) -> Ended {
    // A cross-site POST brings only the cookie that a new sign-in replaces a session by.
    let own = match visit.session(portal).await {
        Some(own) => Some(own),
        None => match acs::previous(portal, visit) {
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

/// Every session that is named, on whatever node, and whether all could be looked at, which only who can sign for the
/// identity provider may ask for. Without the store, those that are known here.
async fn named(portal: &Shared, wanted: &Wanted<'_>) -> (Vec<Arc<Session>>, bool) {
    let (mut found, mut last) = (Vec::new(), None);
    let sessions = &portal.parts.sessions;
    loop {
        let Ok(some) = sessions.list(last, PAGE).await else {
            let known = sessions.known(|session| wanted.names(session));
            found.extend(known);
            return (found, false);
        };
        let now = portal.parts.clock.now();
        last = some.last().map(|session| session.id);
        found.extend(some.into_iter().filter(|session| !session.is_over(now) && wanted.names(session)));
        if last.is_none() {
            return (found, true);
        }
    }
}

/// Tells the identity provider how it went, if it wants to know.
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
