//! The entrance: on to the wanted address for those who are signed in, the logon page for everybody else.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use url::Url;

use crate::identity::{LogonName, Realm};
use crate::page::{LandingNote, Logon, Mistake, Note, Purpose, Trouble, Unsent};
use crate::portal::cookie::{self, SameSite};
use crate::portal::form::{self, Form, Token};
use crate::portal::identity_provider::Manner;
use crate::portal::visit::{entrance, with_parameters};
use crate::portal::{
    RealmParts, Shared, Visit, guest, identity_provider, landing, proof, redirect, renewal, send, show,
};
use crate::seal::{self, fingerprint, random_text};
use crate::session::pending::{Pending, PendingSignIns};
use crate::session::returning::Return;
use crate::session::store::{self, Health};
use crate::session::{Session, SessionId};

type Portal = State<Arc<Shared>>;

/// `GET /`: a challenge arrives (`?r=`), or somebody opens the portal.
pub(super) async fn enter(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    admit(&portal, &visit, false).await
}

/// `GET /go`: somebody has read that their form was not sent, and goes on.
pub(super) async fn go(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    admit(&portal, &visit, true).await
}

/// `GET /again`: a Response came for a sign-in that is over. Here the browser sends its session cookie.
pub(super) async fn again(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let token = visit.cookie(cookie::DESTINATION);
    if visit.session(&portal).await.is_some() {
        return redirect(StatusCode::FOUND, &landing::path(&portal, Some(&LandingNote::WelcomeBack), token));
    }
    logon(&portal, &visit, Draft { note: Some(Note::Used), ..Draft::returning(&portal, token) })
}

/// `POST /logon`: somebody has typed their name.
pub(super) async fn submit(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let fail =
        |status, trouble| show(status, visit.trouble(trouble, None).render(&portal.parts.brand, visit.locale(&portal)));
    let form = match Form::read(request, form::MAX_FORM).await {
        Ok(form) => form,
        Err(Trouble::TooLarge) => return fail(StatusCode::PAYLOAD_TOO_LARGE, Trouble::TooLarge),
        Err(trouble) => return fail(StatusCode::BAD_REQUEST, trouble),
    };
    let mut draft = Draft {
        account: form.value("account").unwrap_or_default().chars().take(400).collect(),
        ..Draft::returning(&portal, form.value("r"))
    };
    if let Err(error) = form::check(&portal, &visit, &form) {
        tracing::info!(reason = %error, client = %visit.peer.client.ip(), request_id = visit.request_id, "form refused");
        draft.note = Some(match error {
            form::Error::NoCookie => Note::NoCookie,
            form::Error::Expired => Note::FormExpired,
            form::Error::OtherOrigin | form::Error::BadToken => Note::FormForeign,
        });
        return logon_as(StatusCode::FORBIDDEN, &portal, &visit, draft);
    }
    let (realm, name) = match choose(&portal, &draft.account) {
        Ok(chosen) => chosen,
        Err(mistake) => {
            draft.mistake = Some(mistake);
            return logon_as(StatusCode::UNPROCESSABLE_ENTITY, &portal, &visit, draft);
        }
    };
    // Only what begins is counted: a form that leads to nothing takes nothing from the neighbours behind one address.
    if !portal.limiter.admit(visit.peer.client.ip(), &portal.parts.pending).await {
        tracing::warn!(client = %visit.peer.client.ip(), request_id = visit.request_id, "too many sign-ins");
        return fail(StatusCode::TOO_MANY_REQUESTS, Trouble::Busy);
    }
    begin(&portal, &visit, realm, &name, draft).await
}

/// Asks the identity provider, without a page, whether it still knows somebody whose session is about to end.
pub(super) async fn renew(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    name: &LogonName,
    typed: &str,
    returning: Option<&str>,
) -> Response<Body> {
    let returning = returning.map(str::to_owned);
    begin(portal, visit, realm, name, Draft { account: typed.to_owned(), returning, renews: true, ..Draft::default() })
        .await
}

/// Asks the identity provider to have the person of a session prove once more who they are.
pub(super) async fn prove(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    (name, typed): (&LogonName, &str),
    session: SessionId,
    returning: Option<&str>,
) -> Response<Body> {
    if !portal.limiter.admit(visit.peer.client.ip(), &portal.parts.pending).await {
        tracing::warn!(client = %visit.peer.client.ip(), request_id = visit.request_id, "too many sign-ins");
        let page = visit.trouble(Trouble::Busy, returning);
        return show(StatusCode::TOO_MANY_REQUESTS, page.render(&portal.parts.brand, visit.locale(portal)));
    }
    let returning = returning.map(str::to_owned);
    let draft = Draft { account: typed.to_owned(), returning, proves: Some(session), ..Draft::default() };
    begin(portal, visit, realm, name, draft).await
}

/// Sends somebody to the identity provider who wants to begin another session under the same name.
pub(super) async fn sign_in_again(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    name: &LogonName,
    typed: &str,
) -> Response<Body> {
    begin(portal, visit, realm, name, Draft { account: typed.to_owned(), ..Draft::default() }).await
}

/// The realm that answers for a typed name.
fn choose<'a>(portal: &'a Shared, typed: &str) -> Result<(&'a RealmParts, LogonName), Mistake> {
    let name = LogonName::parse(typed).map_err(Mistake::Name)?;
    let realms = &portal.parts.realms;
    let found = Realm::of(realms.iter().map(|parts| &parts.realm), &name);
    let parts = found.and_then(|realm| realms.iter().find(|parts| parts.realm == *realm));
    // One realm that names no domains answers for all of them.
    let only = match realms.as_slice() {
        [only] if only.realm.domains.is_empty() => Some(only),
        _ => None,
    };
    match parts.or(only) {
        None => Err(Mistake::UnknownDomain),
        Some(parts) if !parts.is_on() => Err(Mistake::NotEnabled),
        Some(parts) => Ok((parts, name)),
    }
}

/// Remembers the sign-in and sends the browser to the identity provider.
async fn begin(portal: &Shared, visit: &Visit, realm: &RealmParts, name: &LogonName, draft: Draft) -> Response<Body> {
    let (id, secret, now) = (PendingSignIns::fresh_id(), random_text(), portal.parts.clock.now());
    let request = match identity_provider::ask(realm, &id, name, draft.manner(), now) {
        Ok(request) => request,
        Err(error) => {
            tracing::error!(realm = realm.realm.name, %error, request_id = visit.request_id, "no request can be made");
            let page = visit.trouble(Trouble::ProviderFailed, draft.returning.as_deref());
            return show(StatusCode::SERVICE_UNAVAILABLE, page.render(&portal.parts.brand, visit.locale(portal)));
        }
    };
    let pending = Pending {
        realm: realm.realm.name.clone(),
        request_id: request.id,
        issued: now,
        typed: draft.account,
        returning: draft.returning,
        browser: fingerprint(&secret),
        test: None,
        renews: draft.renews,
        proves: draft.proves,
    };
    if let Err(error) = portal.parts.pending.remember(&id, &pending).await {
        tracing::warn!(client = %visit.peer.client.ip(), request_id = visit.request_id, %error, "no room for a sign-in");
        let trouble = if error == store::Error::Away { Trouble::Away } else { Trouble::Busy };
        let page = visit.trouble(trouble, pending.returning.as_deref());
        return show(StatusCode::SERVICE_UNAVAILABLE, page.render(&portal.parts.brand, visit.locale(portal)));
    }
    tracing::info!(
        realm = pending.realm,
        client = %visit.peer.client.ip(),
        request_id = visit.request_id,
        "sign-in started"
    );
    let mut response = send(portal, visit, request.outgoing, Purpose::SignIn);
    cookie::set(&mut response, &cookie::pending(&id), &secret, SameSite::None, Some(portal.parts.pending.lifetime()));
    for old in surplus(portal, visit).await {
        cookie::remove(&mut response, &cookie::pending(&old));
    }
    response
}

/// Pending sign-ins of this browser whose cookies can go: those that are over, and the first ones of very many.
async fn surplus(portal: &Shared, visit: &Visit) -> Vec<String> {
    let (mut over, mut live) = (Vec::new(), Vec::new());
    for id in cookie::pending_ids(&visit.fields) {
        // What a store that is away has may be live.
        if let Ok(None) = portal.parts.pending.find(&id).await { over.push(id) } else { live.push(id) }
    }
    let too_many = (live.len() + 1).saturating_sub(cookie::MAX_PENDING);
    over.extend(live.into_iter().take(too_many));
    over
}

async fn admit(portal: &Shared, visit: &Visit, unsent_is_known: bool) -> Response<Body> {
    let token = visit.parameter("r");
    let session = visit.session(portal).await;
    // A guest may have an account, too.
    let wants_account = visit.parameter("account").is_some();
    let Some(session) = session.filter(|session| !(wants_account && session.user.is_guest())) else {
        // At a listener for guests there is nothing to choose.
        if visit.peer.guest && !wants_account && portal.parts.guest_terms.is_some() {
            return guest::terms(portal, visit);
        }
        // Nobody types a name and a password for nothing.
        if let Health::Away { .. } = portal.parts.sessions.health() {
            let page = visit.trouble(Trouble::Away, token);
            return show(StatusCode::SERVICE_UNAVAILABLE, page.render(&portal.parts.brand, visit.locale(portal)));
        }
        let note = visit.parameter("tile").map(|_| Note::Tile);
        let draft = Draft::returning(portal, token);
        return logon(portal, visit, Draft { note: draft.note.or(note), ..draft });
    };
    if let Some(asking) = proof::ask_for(portal, visit, &session, token).await {
        return asking;
    }
    if let Some(asking) = renewal::renew(portal, visit, &session, token).await {
        return asking;
    }
    let Some(token) = token else { return redirect(StatusCode::FOUND, "/me") };
    match Return::open(&portal.parts.sealer, token, portal.parts.clock.now()) {
        Ok(challenge) => onward(portal, visit, &session, challenge, unsent_is_known).await,
        Err(_) => redirect(StatusCode::FOUND, &landing::path(portal, Some(&LandingNote::Expired), None)),
    }
}

/// Takes a signed-in person to where they were going.
async fn onward(
    portal: &Shared,
    visit: &Visit,
    session: &Session,
    challenge: Return,
    unsent_is_known: bool,
) -> Response<Body> {
    // One of our own pages, which knows people by their session.
    let own = portal.config.url.to_string();
    if challenge.origin == own {
        let path = challenge.destination.strip_prefix(&own).filter(|path| path.len() > 1 && path.starts_with('/'));
        return redirect(StatusCode::FOUND, path.map_or("/me", |_| &challenge.destination));
    }
    // Whoever was challenged holds the cookie that redeems the ticket. From another address it may be somebody else, who
    // passed the link on and waits for the ticket at an origin that this browser reaches without us.
    if challenge.client.to_canonical() != visit.peer.client.ip().to_canonical() {
        tracing::warn!(
            client = %visit.peer.client.ip(),
            challenged = %challenge.client,
            host = place(&challenge),
            request_id = visit.request_id,
            "no ticket for a challenge of another client"
        );
        return redirect(StatusCode::FOUND, &landing::path(portal, Some(&LandingNote::OtherClient), None));
    }
    let locale = visit.locale(portal);
    if let (Some(method), false) = (&challenge.unsent, unsent_is_known) {
        let page = Unsent {
            method: method.clone(),
            place: place(&challenge),
            destination: challenge.destination.clone(),
            onward: with_parameters("/go", &[("r", visit.parameter("r").unwrap_or_default())]),
        };
        return show(StatusCode::OK, page.render(&portal.parts.brand, locale));
    }
    if portal.straight.admits(portal, visit, session, &challenge).await {
        return redirect(StatusCode::FOUND, &challenge.destination);
    }
    // The browser gives its challenge cookie away with the ticket. Who comes Back needs another challenge, if any.
    let challenge_id = fingerprint(visit.parameter("r").unwrap_or_default());
    if !portal.answer(challenge_id).await {
        return redirect(StatusCode::FOUND, &challenge.destination);
    }
    match portal.parts.tickets.issue(session.id, challenge).await {
        Ok(address) => redirect(StatusCode::FOUND, &address),
        Err(_) => {
            tracing::warn!(client = %visit.peer.client.ip(), request_id = visit.request_id, "no room for a ticket");
            let page = visit.trouble(Trouble::Busy, visit.parameter("r"));
            show(StatusCode::SERVICE_UNAVAILABLE, page.render(&portal.parts.brand, locale))
        }
    }
}

/// The host that people know a destination by.
pub(super) fn place(challenge: &Return) -> String {
    let host = Url::parse(&challenge.destination).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| challenge.origin.clone())
}

/// What a logon page is filled with.
#[derive(Default)]
struct Draft {
    account: String,
    mistake: Option<Mistake>,
    note: Option<Note>,
    place: Option<String>,
    returning: Option<String>,
    /// Whether it is for a session that goes on without it.
    renews: bool,
    /// The session whose person proves once more who they are.
    proves: Option<SessionId>,
}

impl Draft {
    fn manner(&self) -> Manner {
        match self.proves {
            Some(_) => Manner::Anew,
            None if self.renews => Manner::Passive,
            None => Manner::Usual,
        }
    }

    /// For somebody on the way to somewhere, if the token can still say where.
    fn returning(portal: &Shared, token: Option<&str>) -> Self {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Self::default() };
        match Return::open(&portal.parts.sealer, token, portal.parts.clock.now()) {
            Ok(challenge) => Self {
                note: challenge.unsent.is_some().then_some(Note::Unsent),
                // Whoever looks for a portal has arrived.
                place: (!challenge.destination.starts_with(&portal.config.url.to_string())).then(|| place(&challenge)),
                returning: Some(token.to_owned()),
                ..Self::default()
            },
            Err(seal::Error::Expired) => Self { note: Some(Note::Expired), ..Self::default() },
            Err(seal::Error::Forged) => Self { note: Some(Note::Broken), ..Self::default() },
        }
    }
}

fn logon(portal: &Shared, visit: &Visit, draft: Draft) -> Response<Body> {
    logon_as(StatusCode::OK, portal, visit, draft)
}

fn logon_as(status: StatusCode, portal: &Shared, visit: &Visit, draft: Draft) -> Response<Body> {
    let token = Token::issue(portal, visit);
    let realm = portal.parts.realms.first().map(|parts| &parts.realm);
    let domain = realm.and_then(|realm| realm.domains.first()).map_or("example.com", String::as_str);
    let page = Logon {
        account: draft.account,
        mistake: draft.mistake,
        note: draft.note,
        place: draft.place,
        returning: draft.returning,
        csrf: token.text.clone(),
        example: format!("b.simon@{domain}"),
        netbios: realm.and_then(|realm| realm.netbios.first()).map(|(netbios, _)| netbios.clone()),
        guest: visit.peer.admits_guests(),
        identity_providers: portal.sign_in_origins(),
    };
    let mut response = show(status, page.render(&portal.parts.brand, visit.locale(portal)));
    token.set_cookie(&mut response);
    response
}

/// Where a person goes who has just signed in.
pub(super) fn after_sign_in(portal: &Shared, note: Option<&LandingNote>, returning: Option<&str>) -> String {
    match (note, returning) {
        (None, Some(token)) => entrance(Some(token)),
        _ => landing::path(portal, note, returning),
    }
}
