//! What a rule puts before a site: shown by `GET`, passed by `POST` alone, with the token of a form of ours in this browser.
//!
//! So no other site passes it for a person: the page is on the portal's origin, no page frames it, and an address that is
//! opened changes nothing.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use http::{Request, Response, StatusCode};

use crate::clock::after;
use crate::identity::User;
use crate::observe::audit::{Entry, What};
use crate::page::{self, Denied, OverrideKey, OverrideMistake, Trouble};
use crate::policy::{Barrier, BarrierKey, Overriding, Pass, Takes};
use crate::portal::form::{self, Form, Token};
use crate::portal::onward::{is_guest_without_asking, place, seems_passed};
use crate::portal::visit::{entrance, with_parameters};
use crate::portal::{Shared, Visit, fail, files, opening, redirect, show};
use crate::session::appeal::Appeal;
use crate::session::returning::{BARRIER_PATH, Return};
use crate::session::{Begun, Session, store};

type Portal = State<Arc<Shared>>;

/// How many characters of a reason are kept.
const MAX_REASON: usize = 300;

/// What somebody has done about a barrier, and what with.
struct Attempt<'a> {
    portal: &'a Shared,
    visit: &'a Visit,
    session: &'a Session,
    barrier: &'a Barrier,
    /// The token of where they were going.
    returning: Option<&'a str>,
    /// The reason that they have given.
    reason: String,
}

/// `GET /rule/{key}`: what the rule wants.
pub(in crate::portal) async fn show_page(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    Path(key): Path<String>,
) -> Response<Body> {
    let Some(barrier) = find(&portal, &key) else { return files::missing(&portal, &visit) };
    let returning = visit.parameter("r").filter(|token| !token.is_empty());
    let session = match visit.session(&portal).await {
        Some(session) => session,
        None if is_guest_without_asking(&portal, &visit) => {
            // Whoever only looks begins nothing.
            Arc::new(Session::standing(User::guest(String::new()), portal.parts.clock.now()))
        }
        None => return sign_in_first(&portal, &visit, &barrier, returning).await,
    };
    let attempt = Attempt::new(&portal, &visit, &session, &barrier, returning);
    if seems_passed(&portal, &session, barrier.key) {
        return redirect(StatusCode::FOUND, &returning.map_or_else(|| "/me".to_owned(), |token| entrance(Some(token))));
    }
    attempt.page(None)
}

/// `POST /rule/{key}`: the person has read the warning, or wants to override the block.
pub(in crate::portal) async fn pass(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    Path(key): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let Some(barrier) = find(&portal, &key) else { return files::missing(&portal, &visit) };
    let form = match form::take(&portal, &visit, request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let returning = form.value("r").filter(|token| !token.is_empty());
    let (session, begun) = match visit.session(&portal).await {
        Some(session) => (session, None),
        // What a guest passes needs a session of their own: all guests of a listener have one together.
        None if is_guest_without_asking(&portal, &visit) => match begin_guest(&portal, &visit).await {
            Ok(begun) => (Arc::clone(&begun.session), Some(begun)),
            Err(response) => return *response,
        },
        None => return sign_in_first(&portal, &visit, &barrier, returning).await,
    };
    let attempt = Attempt { reason: reason_of(&form), ..Attempt::new(&portal, &visit, &session, &barrier, returning) };
    let mut response = match &barrier.takes {
        // It was sent twice, or another window was quicker: it counts for its time, and is not written again.
        _ if seems_passed(&portal, &session, barrier.key) => attempt.lead_on(),
        Takes::Reading => attempt.grant("read").await,
        Takes::Override(overriding) => attempt.override_by(overriding, &form).await,
    };
    if let Some(begun) = &begun {
        opening::keep(&portal, &mut response, begun, returning);
    }
    response
}

/// Begins the session of a guest whom nobody has asked anything.
async fn begin_guest(portal: &Shared, visit: &Visit) -> Result<Begun, Box<Response<Body>>> {
    let refuse = |status, trouble| Box::new(fail(portal, visit, status, trouble));
    if !portal.memory.limiter.admit(visit.peer.client.ip(), &portal.parts.pending).await {
        return Err(refuse(StatusCode::TOO_MANY_REQUESTS, Trouble::Busy));
    }
    opening::begin_guest(portal, visit).await.map_err(|error| match error {
        store::Error::Full => refuse(StatusCode::SERVICE_UNAVAILABLE, Trouble::Busy),
        store::Error::Away => refuse(StatusCode::SERVICE_UNAVAILABLE, Trouble::Away),
    })
}

fn find(portal: &Shared, key: &str) -> Option<Arc<Barrier>> {
    portal.parts.policy.barrier(BarrierKey::parse(key)?).cloned()
}

/// Sends a person to sign in, and then back to what the rule wants.
async fn sign_in_first(portal: &Shared, visit: &Visit, barrier: &Barrier, returning: Option<&str>) -> Response<Body> {
    match returning {
        Some(token) => redirect(StatusCode::SEE_OTHER, &entrance(Some(token))),
        None => visit.sign_in_first(portal, &path_of(barrier)).await,
    }
}

fn path_of(barrier: &Barrier) -> String {
    format!("{BARRIER_PATH}{}", barrier.key)
}

/// What somebody has typed as their reason, fit for a record.
fn reason_of(form: &Form) -> String {
    let typed = form.value("reason").unwrap_or_default();
    let plain: String = typed.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
    plain.trim().to_owned()
}

impl<'a> Attempt<'a> {
    fn new(
        portal: &'a Shared,
        visit: &'a Visit,
        session: &'a Session,
        barrier: &'a Barrier,
        returning: Option<&'a str>,
    ) -> Self {
        Self { portal, visit, session, barrier, returning, reason: String::new() }
    }

    /// Opens what is blocked for whoever may, by their group or by the password.
    async fn override_by(&self, overriding: &Overriding, form: &Form) -> Response<Body> {
        let Self { portal, visit, session, barrier, .. } = self;
        if overriding.reason && self.reason.is_empty() {
            return self.page(Some(OverrideMistake::Reason));
        }
        if portal.parts.policy.opens_as_member(barrier, &session.user) {
            return self.grant("member").await;
        }
        let Some(hash) = &overriding.password else { return self.page(None) };
        let guesses = &portal.memory.guesses;
        if !guesses.admit(&session.user, visit.peer.client.ip(), &portal.parts.pending).await {
            self.note_refusal("too-many");
            return self.page(Some(OverrideMistake::TooMany));
        }
        let typed = form.only("password").unwrap_or_default().to_owned();
        match guesses.verify(hash, typed).await {
            Some(true) => self.grant("password").await,
            Some(false) => {
                self.note_refusal("wrong-password");
                self.page(Some(OverrideMistake::Password))
            }
            None => fail(portal, visit, StatusCode::SERVICE_UNAVAILABLE, Trouble::Busy),
        }
    }

    /// Lets the person pass, notes it, and leads them on. `how` is one of a few words.
    async fn grant(&self, how: &'static str) -> Response<Body> {
        let Self { portal, visit, session, barrier, .. } = self;
        if !portal.memory.clicks.admit(session.id, visit.peer.client.ip()) {
            tracing::info!(user = session.user.name, realm = session.user.realm, client = %visit.peer.client.ip(), rule = %barrier.rule, request_id = visit.request_id, "a person has passed so much in a short time that they have to wait");
            portal.parts.metrics.barrier(barrier.is_override(), "too-many");
            return self.page(Some(OverrideMistake::TooMany));
        }
        let until = after(portal.parts.clock.now(), barrier.lasts);
        let pass = Pass { barrier: barrier.key, until };
        if let Err(error) = portal.parts.sessions.pass(session, pass).await {
            tracing::warn!(%error, rule = %barrier.rule, request_id = self.visit.request_id, "what a person has passed is known on this node alone, because the store does not answer");
        }
        let what = if barrier.is_override() { What::BlockOverridden } else { What::WarningRead };
        self.record(what, how);
        self.lead_on()
    }

    /// Leads the person on.
    fn lead_on(&self) -> Response<Body> {
        // Chromium follows a form's redirects only to origins that the page names, and the person may be on the way to
        // any: the page of the signed-in person goes on by itself.
        let onward = self.returning.map(|token| with_parameters("/me", &[("r", token), ("on", "1")]));
        redirect(StatusCode::SEE_OTHER, onward.as_deref().unwrap_or("/me"))
    }

    fn note_refusal(&self, why: &'static str) {
        tracing::warn!(
            user = self.session.user.name,
            realm = self.session.user.realm,
            client = %self.visit.peer.client.ip(),
            rule = %self.barrier.rule,
            why,
            request_id = self.visit.request_id,
            "a person was not allowed to override a block, and stays before it"
        );
        self.record(What::OverrideRefused, why);
    }

    fn record(&self, what: What, outcome: &'static str) {
        let Self { portal, visit, session, barrier, .. } = self;
        let (short, going) = (session.id.short(), self.challenge());
        let host = going.as_ref().map(place);
        portal.parts.audit.record(
            what,
            Entry {
                user: Some(&session.user.name),
                realm: Some(&session.user.realm).filter(|realm| !realm.is_empty()).map(String::as_str),
                session: Some(&short),
                rule: Some(&barrier.rule),
                destination: host.as_deref(),
                reason: Some(self.reason.as_str()).filter(|reason| !reason.is_empty()),
                outcome: Some(outcome),
                ..visit.audit_entry()
            },
        );
        portal.parts.metrics.barrier(barrier.is_override(), outcome);
    }

    /// Where the person was going, if that is what this barrier stands before.
    fn challenge(&self) -> Option<Return> {
        let (sealer, now) = (&self.portal.parts.sealer, self.portal.parts.clock.now());
        let challenge = Return::open(sealer, self.returning?, now).ok()?;
        challenge.halt.as_ref().is_some_and(|halt| halt.barrier == self.barrier.key).then_some(challenge)
    }

    /// The page of the barrier.
    fn page(&self, mistake: Option<OverrideMistake>) -> Response<Body> {
        let Self { portal, visit, barrier, .. } = self;
        let token = Token::issue(portal, visit);
        let going = self.challenge();
        let halt = going.as_ref().and_then(|going| going.halt.as_ref());
        let request_id = halt.map_or(&visit.request_id, |halt| &halt.request_id).clone();
        let place = going.as_ref().map(place);
        let (brand, locale) = (&portal.parts.brand, visit.locale(portal));
        let is_late = mistake == Some(OverrideMistake::TooMany);
        let mut response = match &barrier.takes {
            Takes::Reading => {
                let page = page::Warning {
                    place,
                    rule: barrier.rule.to_string(),
                    message: barrier.message.as_deref().map(str::to_owned),
                    lasts: barrier.lasts,
                    action: path_of(barrier),
                    returning: self.returning.map(str::to_owned),
                    request_id,
                    is_late,
                    csrf: token.text.clone(),
                };
                show(if is_late { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::OK }, page.render(brand, locale))
            }
            Takes::Override(overriding) => {
                let page = page::Override {
                    denied: self.denied(place, request_id),
                    key: self.key(overriding),
                    reason: overriding.reason,
                    written: self.reason.clone(),
                    mistake,
                    lasts: barrier.lasts,
                    action: path_of(barrier),
                    returning: self.returning.map(str::to_owned),
                    csrf: token.text.clone(),
                };
                let status = if is_late { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::FORBIDDEN };
                show(status, page.render(brand, locale))
            }
        };
        token.set_cookie(&mut response);
        response
    }

    /// How the person can open it.
    fn key(&self, overriding: &Overriding) -> Option<OverrideKey> {
        if self.portal.parts.policy.opens_as_member(self.barrier, &self.session.user) {
            return Some(OverrideKey::Member);
        }
        overriding.password.as_ref().map(|_| OverrideKey::Password)
    }

    fn denied(&self, place: Option<String>, request_id: String) -> Denied {
        let Self { portal, session, barrier, .. } = self;
        let rule = barrier.rule.to_string();
        let appeal = place.as_ref().filter(|_| portal.parts.hook.is_some()).map(|site| {
            let (site, rule, request_id) = (site.clone(), rule.clone(), request_id.clone());
            Appeal { site, rule, request_id }.address(&portal.parts.sealer, portal.parts.clock.now())
        });
        Denied {
            place: place.unwrap_or_default(),
            rule,
            message: barrier.message.as_deref().map(str::to_owned),
            user: Some(session.user.name.clone()),
            guest: session.user.is_guest(),
            pass: None,
            review: appeal,
            portal: portal.config.url.to_string(),
            request_id,
        }
    }
}
