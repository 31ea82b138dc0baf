//! The logon page, and the name that somebody types there.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};

use super::asking::{self, Asking};
use crate::directory::Resolved;
use crate::identity::{LogonName, Realm};
use crate::page::{Logon, Mistake, Note, Trouble};
use crate::portal::form::{self, Token};
use crate::portal::onward::place;
use crate::portal::{RealmParts, Shared, Visit, fail};
use crate::seal;
use crate::session::returning::Return;

type Portal = State<Arc<Shared>>;

/// `POST /logon`: a person has typed their name.
pub(in crate::portal) async fn submit(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let form = match form::read(&portal, &visit, request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    let mut draft = Draft {
        account: form.value("account").unwrap_or_default().chars().take(400).collect(),
        ..Draft::returning(&portal, form.value("r"))
    };
    if let Err(error) = form::check(&portal, &visit, &form) {
        draft.note = Some(match error {
            form::Error::NoCookie => Note::NoCookie,
            form::Error::Expired => Note::FormExpired,
            form::Error::OtherOrigin | form::Error::BadToken => Note::FormForeign,
        });
        return page(StatusCode::FORBIDDEN, &portal, &visit, draft);
    }
    let (realm, name) = match choose(&portal, &draft.account) {
        Ok(chosen) => chosen,
        Err(mistake) => {
            draft.mistake = Some(mistake);
            return page(StatusCode::UNPROCESSABLE_ENTITY, &portal, &visit, draft);
        }
    };
    // Only sign-ins that begin are counted: a form with a mistake uses up nothing of other people at the same address.
    if !portal.memory.limiter.admit(visit.peer.client.ip(), &portal.parts.pending).await {
        tracing::warn!(client = %visit.peer.client.ip(), request_id = visit.request_id, "a sign-in was refused, because its client address has begun too many (`attempts_per_minute`)");
        return fail(&portal, &visit, StatusCode::TOO_MANY_REQUESTS, Trouble::Busy);
    }
    asking::ask(
        &portal,
        &visit,
        realm,
        &name,
        Asking { typed: draft.account, returning: draft.returning, ..Asking::default() },
    )
    .await
}

/// The realm that is responsible for a typed name.
fn choose<'a>(portal: &'a Shared, typed: &str) -> Result<(&'a RealmParts, LogonName), Mistake> {
    let name = LogonName::parse(typed).map_err(Mistake::Name)?;
    let realms = &portal.parts.realms;
    let found = Realm::of(realms.iter().map(|parts| &parts.realm), &name);
    let parts = found.and_then(|realm| realms.iter().find(|parts| parts.realm == *realm));
    // If there is only one realm, and it names no domains, it is responsible for all.
    let only = match realms.as_slice() {
        [only] if only.realm.domains.is_empty() => Some(only),
        _ => None,
    };
    match parts.or(only) {
        None => Err(Mistake::UnknownDomain),
        Some(parts) if !parts.is_on() => Err(Mistake::NotEnabled),
        Some(parts) if is_unclear(portal, parts, &name) => Err(Mistake::Unclear),
        Some(parts) => Ok((parts, name)),
    }
}

/// Whether the directory knows several people who could be meant. Whether it knows anybody at all must not be seen.
fn is_unclear(portal: &Shared, parts: &RealmParts, name: &LogonName) -> bool {
    let Some(Resolved::Ambiguous(candidates)) = portal.parts.directories.resolve(&parts.realm.name, name) else {
        return false;
    };
    let candidates: Vec<&str> = candidates.iter().map(|person| &*person.object_id).collect();
    tracing::warn!(
        realm = parts.realm.name,
        typed = format!("{} in {}", name.account(), name.domain()),
        candidates = candidates.join(" "),
        "a logon name could mean several people, or a domain of several, so nobody is sent on with it"
    );
    true
}

/// What a logon page shows, and what a sign-in is for.
#[derive(Default)]
struct Draft {
    account: String,
    mistake: Option<Mistake>,
    note: Option<Note>,
    place: Option<String>,
    returning: Option<String>,
}

impl Draft {
    /// A draft for a person on the way to the destination in `token`, if the token is still valid.
    fn returning(portal: &Shared, token: Option<&str>) -> Self {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Self::default() };
        match Return::open(&portal.parts.sealer, token, portal.parts.clock.now()) {
            Ok(challenge) => Self {
                note: challenge.unsent.is_some().then_some(Note::Unsent),
                // A probe's destination is the portal itself, where the person is already.
                place: (!challenge.destination.starts_with(&portal.config.url.to_string())).then(|| place(&challenge)),
                returning: Some(token.to_owned()),
                ..Self::default()
            },
            Err(seal::Error::Expired) => Self { note: Some(Note::Expired), ..Self::default() },
            Err(seal::Error::Forged) => Self { note: Some(Note::Broken), ..Self::default() },
        }
    }
}

/// The logon page for a person who was about to visit an address. A notice about that address takes precedence over
/// `note`.
pub(super) fn show_page(portal: &Shared, visit: &Visit, returning: Option<&str>, note: Option<Note>) -> Response<Body> {
    let draft = Draft::returning(portal, returning);
    page(StatusCode::OK, portal, visit, Draft { note: draft.note.or(note), ..draft })
}

fn page(status: StatusCode, portal: &Shared, visit: &Visit, draft: Draft) -> Response<Body> {
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
    token.show(status, page.render(&portal.parts.brand, visit.locale(portal)))
}
