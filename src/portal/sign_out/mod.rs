//! Signing out: the session ends here first, and then, by Single Logout, at the identity provider.

pub(in crate::portal) mod slo;

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, after};
use crate::page::{Elsewhere, Purpose, Reach, SignedOut, Trouble};
use crate::portal::cookie::{self, SameSite};
use crate::portal::form;
use crate::portal::visit::with_parameters;
use crate::portal::{RealmParts, Shared, Visit, fail, redirect, send, show};
use crate::saml::binding::{self, Kind, Message};
use crate::saml::{Binding, SignOut, logout};
use crate::session::ends::Held;
use crate::session::store::Health;
use crate::session::{Ending, Session, SessionId};

type Portal = State<Arc<Shared>>;

/// How long an identity provider's answer is waited for, and how long the page can show it.
pub(in crate::portal) const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// The page for a guest who has signed out.
const GUEST_PATH: &str = "/signed-out?guest=1";

/// The purpose for which the values of the buttons are sealed that sign another device out.
pub(in crate::portal) const DEVICE: &str = "device to sign out";

const PURPOSE: &str = "sign-out";
const NOTE: &str = "signed out";

/// A sign-out of which an identity provider was told, sealed in a cookie. The sessions here have ended by then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::portal) struct Leaving {
    /// The realm that was asked.
    pub(in crate::portal) realm: String,
    /// The ID of the LogoutRequest.
    pub(in crate::portal) request_id: String,
    everywhere: bool,
    #[serde(default)]
    reach: Reach,
}

impl Leaving {
    /// The sign-out of this browser that waits for an answer, if there is one.
    pub(in crate::portal) fn of(portal: &Shared, visit: &Visit) -> Option<Self> {
        portal.parts.sealer.open(PURPOSE, visit.cookie(cookie::LEAVING)?, portal.parts.clock.now()).ok()
    }

    /// The address of the page that says how it went.
    pub(in crate::portal) fn page(&self, portal: &Shared, elsewhere: Elsewhere) -> String {
        path(portal, self.everywhere, elsewhere, self.reach)
    }
}

/// `POST /sign-out`.
pub(in crate::portal) async fn sign_out(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let form = match form::take(&portal, &visit, request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let (sealer, now) = (&portal.parts.sealer, portal.parts.clock.now());
    if let Some(there) = form.value("where").and_then(|token| sealer.open(DEVICE, token, now).ok()) {
        return sign_out_there(&portal, &visit, there).await;
    }
    let session = visit.session(&portal).await;
    // If so, a proxy name that anybody may bind becomes free for the person who signs in next in this browser, and for
    // nobody else: the cookie PREVIOUS, which shows that it is this browser, stays.
    let frees = session.as_ref().is_some_and(|session| portal.parts.bindings.holds_openly(&visit.peer, session));
    let everywhere = session.is_some() && form.value("where") == Some("everywhere");
    let reach = match &session {
        Some(session) => end(&portal, session, everywhere).await,
        None => match end_unseen(&portal, &visit).await {
            Ok(reach) => reach,
            Err(Crowded) => {
                return fail(&portal, &visit, StatusCode::TOO_MANY_REQUESTS, Trouble::Busy);
            }
        },
    };
    let guest = session.as_ref().is_some_and(|session| session.user.is_guest()) && reach == Reach::Everywhere;
    let told = session.and_then(|session| tell(&portal, &visit, &session, everywhere, reach));
    let mut response = told.unwrap_or_else(|| {
        let path = if guest { GUEST_PATH.to_owned() } else { path(&portal, everywhere, Elsewhere::NotAsked, reach) };
        redirect(StatusCode::SEE_OTHER, &path)
    });
    forget(&mut response);
    if frees && let Some(before) = visit.cookie(cookie::PREVIOUS) {
        cookie::set(&mut response, cookie::PREVIOUS, before, SameSite::None, None);
    }
    response
}

async fn end(portal: &Shared, session: &Session, everywhere: bool) -> Reach {
    let sessions = &portal.parts.sessions;
    let mut held = sessions.end(session.id, Ending::SignedOut).await.held;
    if everywhere {
        held = held.max(sessions.end_all(&session.user, Ending::SignedOut).await);
    }
    reach(held)
}

/// The client has used up its share of ends that cannot be checked.
struct Crowded;

/// Ends the session of a browser while the store is away and cannot look the session up: its cookie must not work
/// again. The cookie may be invented, and each end takes a place in the journal, so the number for each client is
/// limited.
async fn end_unseen(portal: &Shared, visit: &Visit) -> Result<Reach, Crowded> {
    let sessions = &portal.parts.sessions;
    match visit.cookie(cookie::SESSION) {
        Some(secret) if matches!(sessions.health(), Health::Away { .. }) => {
            let client = visit.peer.client.ip();
            let ended = sessions.end_unseen(SessionId::of_secret(secret), client).await.ok_or_else(|| {
                tracing::warn!(%client, request_id = visit.request_id, "a sign-out was refused: the store is away, and this client has ended too many sessions that cannot be looked up");
                Crowded
            });
            ended.map(|ended| reach(ended.held))
        }
        _ => Ok(Reach::Everywhere),
    }
}

/// How far an end holds, in the words of pages.
pub(in crate::portal) fn reach(held: Held) -> Reach {
    match held {
        Held::Everywhere => Reach::Everywhere,
        Held::Here => Reach::Here,
        Held::Fleeting => Reach::Fleeting,
    }
}

/// The answer to a person who has ended something else than their own session: a redirect, or, if the end does not hold
/// everywhere, the page that says so.
pub(in crate::portal) fn go_on(portal: &Shared, visit: &Visit, held: Held, onward: &str) -> Response<Body> {
    let trouble = match held {
        Held::Everywhere => return redirect(StatusCode::SEE_OTHER, onward),
        Held::Here => Trouble::EndedHere,
        Held::Fleeting => Trouble::EndedFleetingly,
    };
    fail(portal, visit, StatusCode::OK, trouble)
}

/// Signs the person out on one of their other devices.
async fn sign_out_there(portal: &Shared, visit: &Visit, there: SessionId) -> Response<Body> {
    let mut held = Held::Everywhere;
    if let Some(here) = visit.session(portal).await {
        let own = portal.parts.sessions.of_user(&here.user).await;
        if own.iter().any(|session| session.id == there) {
            held = portal.parts.sessions.end(there, Ending::SignedOut).await.held;
        }
    }
    go_on(portal, visit, held, "/me")
}

/// `GET /signed-out`.
pub(in crate::portal) async fn signed_out(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let note = visit.parameter("n").and_then(|n| portal.parts.sealer.open(NOTE, n, portal.parts.clock.now()).ok());
    let (everywhere, elsewhere, reach) = note.unwrap_or((false, Elsewhere::NotAsked, Reach::Everywhere));
    let page = SignedOut { guest: visit.parameter("guest").is_some(), everywhere, elsewhere, reach };
    show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)))
}

/// Removes the cookies of the session from the browser.
pub(in crate::portal) fn forget(response: &mut Response<Body>) {
    cookie::remove(response, cookie::SESSION);
    cookie::remove(response, cookie::PREVIOUS);
    cookie::remove(response, cookie::DESTINATION);
}

/// The address of the page for a person who has signed out.
pub(in crate::portal) fn path(portal: &Shared, everywhere: bool, elsewhere: Elsewhere, reach: Reach) -> String {
    if !everywhere && elsewhere == Elsewhere::NotAsked && reach == Reach::Everywhere {
        return "/signed-out".to_owned();
    }
    let until = after(portal.parts.clock.now(), PATIENCE);
    with_parameters("/signed-out", &[("n", &portal.parts.sealer.seal(NOTE, &(everywhere, elsewhere, reach), until))])
}

/// Sends the browser to the identity provider to sign out there as well, if that is possible. The session here has
/// ended already.
fn tell(portal: &Shared, visit: &Visit, session: &Session, everywhere: bool, reach: Reach) -> Option<Response<Body>> {
    let realm = portal.parts.realms.iter().find(|parts| parts.realm.name == session.user.realm)?;
    let idp = realm.identity_provider.current()?;
    let (binding, request_url) = match idp.sign_out()? {
        SignOut::Plain(url) => return Some(redirect(StatusCode::SEE_OTHER, url.as_str())),
        SignOut::Saml { binding, request_url, .. } => (*binding, request_url),
    };
    let (now, issuer) = (portal.parts.clock.now(), &realm.service_provider.entity_id);
    let (name_id, index) = (session.assertion.name_id.as_ref()?, session.assertion.session_index.as_deref());
    let request = logout::request(issuer, request_url.as_str(), name_id, index, now);
    let message = Message { kind: Kind::Request, xml: &request.xml, id: &request.id, relay_state: None };
    let mut response = post(portal, visit, realm, binding, request_url, message)?;
    let leaving = Leaving { realm: realm.realm.name.clone(), request_id: request.id.clone(), everywhere, reach };
    let sealed = portal.parts.sealer.seal(PURPOSE, &leaving, after(now, PATIENCE));
    // The answer may be a POST from the identity provider's site.
    cookie::set(&mut response, cookie::LEAVING, &sealed, SameSite::None, Some(PATIENCE));
    Some(response)
}

/// Has the browser carry a message of Single Logout, signed if we have a key (SAML Profiles §4.4.3 requires that; Entra
/// does not).
pub(in crate::portal) fn post(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    binding: Binding,
    to: &url::Url,
    message: Message<'_>,
) -> Option<Response<Body>> {
    let key = realm.service_provider.keys.first().map(AsRef::as_ref);
    match binding::send(binding, to, message, key) {
        Ok(outgoing) => Some(send(portal, visit, outgoing, Purpose::SignOut)),
        Err(error) => {
            let realm = &realm.realm.name;
            tracing::error!(realm, %error, request_id = visit.request_id, "the identity provider cannot be told of a sign-out: the person may still be signed in there");
            None
        }
    }
}
