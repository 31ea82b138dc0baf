//! The assertion consumer service: a Response arrives by cross-site POST, and somebody is signed in, or not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use url::Url;

use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::User;
use crate::observe::audit::{Entry, What};
use crate::page::{LandingNote, Trouble};
use crate::portal::cookie::{self, SameSite};
use crate::portal::form::Form;
use crate::portal::{
    RealmParts, Shared, Visit, identity_provider, logon, proof, redirect, show, test_sso, unsolicited,
};
use crate::saml::config::ACS_PATH;
use crate::saml::guard::MAX_FORM;
use crate::saml::response::{Accepted, CLOCK_SKEW, Expected};
use crate::saml::{IdentityProvider, Mismatch, response};
use crate::seal::fingerprint;
use crate::session::pending::Pending;
use crate::session::store;
use crate::session::{AssertionFacts, Begun, SessionId};

/// The longest RelayState of ours has 22 characters; the standard allows 80 (SAML Bindings §3.4.3).
const MAX_RELAY_STATE: usize = 80;

/// Responses that are verified for one sign-in: it is work, and a browser needs one.
const MAX_ANSWERS: u32 = 5;

/// How long a Response waits for its turn to be verified.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the portal can still say where a sign-in led to somebody who goes back to it.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

const PREVIOUS: &str = "previous session";

/// Why a Response signed nobody in. The person is told less.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The form has no Response, or more than one.
    #[error("the form has no SAMLResponse, or several")]
    NoResponse,
    /// There is no such pending sign-in: used, too old, or never begun.
    #[error("there is no such pending sign-in")]
    Spent,
    /// The browser is another one than began the sign-in.
    #[error("the sign-in was begun in another browser")]
    OtherBrowser,
    /// The realm is not configured any more.
    #[error("the realm is not known")]
    UnknownRealm,
    /// It is not acceptable.
    #[error(transparent)]
    Response(#[from] crate::saml::Error),
    /// It names nobody.
    #[error(transparent)]
    Claims(#[from] crate::saml::claims::Error),
    /// The Assertion was used before.
    #[error("the assertion was used before")]
    Replayed,
    /// Somebody else signed in than was typed.
    #[error("somebody else signed in than was typed")]
    OtherPerson,
    /// Somebody else than the person of the session proved who they are.
    #[error("somebody else proved who they are")]
    OtherProof,
    /// The identity provider vouches by what the person did before they were asked.
    #[error("the identity provider did not ask the person anew")]
    NotAnew,
    /// Nobody asked for it, and somebody else is signed in in this browser.
    #[error("somebody else is signed in in this browser")]
    Occupied,
    /// There is no room, or no time.
    #[error("there are too many sign-ins")]
    Busy,
    /// What keeps sessions does not answer.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Verification did not come to an end.
    #[error("verification failed")]
    Broken,
}

impl Refusal {
    /// The word that figures show.
    fn as_str(&self) -> &'static str {
        use crate::saml::Error;
        match self {
            Self::Response(Error::Status(_)) => "identity-provider",
            Self::Response(Error::Disagreement) | Self::Broken => "disagreement",
            Self::Response(Error::BadSignature) => "bad-signature",
            Self::Response(Error::Expired | Error::RequestTooOld | Error::SessionEnded) => "too-late",
            Self::Response(Error::IssuedInFuture | Error::NotYetValid) => "clock",
            Self::Response(Error::NotAnew) | Self::NotAnew => "not-anew",
            Self::Response(Error::OtherContext) => "other-context",
            Self::Response(_) | Self::NoResponse | Self::UnknownRealm => "refused",
            Self::Claims(crate::saml::claims::Error::Foreign(_)) => "foreign-name",
            Self::Claims(_) => "claims",
            Self::Spent => "spent",
            Self::OtherBrowser => "other-browser",
            Self::OtherPerson | Self::Occupied | Self::OtherProof => "other-person",
            Self::Replayed => "replayed",
            Self::Busy => "busy",
            Self::Store(_) => "store",
        }
    }
}

/// A refusal, and what is known of the sign-in that it ends.
pub(super) struct Failure {
    pub(super) refusal: Refusal,
    pub(super) realm: Option<String>,
    pub(super) returning: Option<String>,
    /// Whether a session goes on all the same: its renewal has failed.
    pub(super) renews: bool,
}

impl Failure {
    /// One before it is known what the sign-in was for.
    pub(super) fn early(refusal: Refusal) -> Self {
        Self { refusal, realm: None, returning: None, renews: false }
    }
}

/// The paths at which Responses are taken.
pub(super) fn paths(realms: &[RealmParts]) -> BTreeSet<String> {
    let urls = realms
        .iter()
        .flat_map(|parts| std::iter::once(&parts.service_provider.acs_url).chain(&parts.service_provider.acs_aliases));
    let mut paths: BTreeSet<_> = urls.filter_map(|url| Some(Url::parse(url).ok()?.path().to_owned())).collect();
    paths.insert(ACS_PATH.to_owned());
    paths
}

/// `POST /saml/acs` and its aliases.
pub(super) async fn accept(
    State(portal): State<Arc<Shared>>,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let trouble =
        |status, trouble| show(status, visit.trouble(trouble, None).render(&portal.parts.brand, visit.locale(&portal)));
    // Nothing is counted by address here. Each sign-in that was begun gets a few answers verified, and the beginning was
    // counted: whoever posts without one costs nothing, and takes nothing from the neighbours behind the same address.
    let form = match Form::read(request, MAX_FORM).await {
        Ok(form) => form,
        Err(Trouble::TooLarge) => return trouble(StatusCode::PAYLOAD_TOO_LARGE, Trouble::TooLarge),
        Err(_) => return trouble(StatusCode::BAD_REQUEST, Trouble::Refused),
    };
    match sign_in(&portal, &visit, &form).await {
        Ok(response) => response,
        Err(failure) => refuse(&portal, &visit, &failure),
    }
}

async fn sign_in(portal: &Arc<Shared>, visit: &Visit, form: &Form) -> Result<Response<Body>, Failure> {
    let message = form.only("SAMLResponse").ok_or_else(|| Failure::early(Refusal::NoResponse))?;
    let id = form.only("RelayState").filter(|id| id.len() <= MAX_RELAY_STATE).unwrap_or_default();
    let pending = portal.parts.pending.find(id).await.map_err(|error| Failure::early(error.into()))?;
    let Some(pending) = pending else { return unsolicited::take(portal, visit, message).await };
    let fail = |refusal| Failure {
        refusal,
        realm: Some(pending.realm.clone()),
        returning: pending.returning.clone(),
        renews: pending.renews,
    };
    // Checked before anything is used up: who knows an identifier alone can end nobody's sign-in.
    if visit.cookie(&cookie::pending(id)).map(fingerprint) != Some(pending.browser) {
        return Err(Failure { returning: None, renews: false, ..fail(Refusal::OtherBrowser) });
    }
    let realm = portal.parts.realms.iter().find(|parts| parts.realm.name == pending.realm);
    let realm = realm.ok_or_else(|| fail(Refusal::UnknownRealm))?;
    if portal.answers.get_with(fingerprint(id), Arc::default).fetch_add(1, Ordering::Relaxed) >= MAX_ANSWERS {
        return Err(fail(Refusal::Spent));
    }
    if pending.test.is_some() {
        return test_sso::finish(portal, visit, realm, (id, &pending), message).await.map_err(fail);
    }
    let (accepted, idp) = match verified(portal, visit, realm, &pending, message).await {
        Ok(accepted) => accepted,
        Err(refusal) => {
            if is_final(realm, &refusal) {
                // If it stays, it is good for one more attempt of the same person.
                let _ = portal.parts.pending.consume(id).await;
            }
            return Err(fail(match refusal {
                Refusal::Response(crate::saml::Error::NotAnew) if pending.proves.is_some() => Refusal::NotAnew,
                refusal => refusal,
            }));
        }
    };
    let user = realm.claims.user(&accepted).map_err(|error| fail(error.into()))?;
    let consumed = portal.parts.pending.consume(id).await.map_err(|error| fail(error.into()))?;
    consumed.ok_or_else(|| fail(Refusal::Spent))?;
    use_up(portal, &idp, &accepted).await.map_err(fail)?;
    // Whoever was asked about without a page is not made somebody else without one, however alike they are called.
    if pending.renews && !is_person_here(portal, visit, &user).await {
        return Err(fail(Refusal::OtherPerson));
    }
    if let Some(session) = pending.proves {
        let taken = proof::take(portal, visit, (session, &pending), &user, accepted).await;
        let mut response = taken.map_err(fail)?;
        cookie::remove(&mut response, &cookie::pending(id));
        return Ok(response);
    }
    let note = compare(visit, realm, &pending, &user).map_err(fail)?;
    let mut response =
        begin(portal, visit, user, accepted, note.as_ref(), pending.returning.as_deref()).await.map_err(fail)?;
    cookie::remove(&mut response, &cookie::pending(id));
    Ok(response)
}

/// Whether the session that this browser has is this person's.
async fn is_person_here(portal: &Shared, visit: &Visit, user: &User) -> bool {
    let Some(previous) = previous(portal, visit) else { return false };
    let session = portal.parts.sessions.recall(previous).await;
    session.is_some_and(|session| (&session.user.realm, &session.user.id) == (&user.realm, &user.id))
}

/// Whether a refusal uses the sign-in up. What only a key of ours can read is asked for once: whoever sends changed
/// ciphertexts to learn from the refusals must begin anew each time, whatever was wrong.
fn is_final(realm: &RealmParts, refusal: &Refusal) -> bool {
    let decrypts = realm.service_provider.keys.iter().any(|key| key.decrypts());
    matches!(refusal, Refusal::Response(error) if decrypts || matches!(error, crate::saml::Error::Status(_)))
}

/// What a person is told of an answer that is not accepted. Only times, and what was asked for, are told apart: everything
/// else would help nobody but an attacker.
fn trouble_of(error: &crate::saml::Error) -> Trouble {
    use crate::saml::Error;
    match error {
        Error::IssuedInFuture | Error::NotYetValid => Trouble::Clock,
        Error::Expired | Error::RequestTooOld | Error::SessionEnded => Trouble::TooLate,
        Error::NotAnew => Trouble::NotAsked,
        Error::OtherContext => Trouble::OtherWay,
        _ => Trouble::Refused,
    }
}

/// Verifies a Response; once more if no key fits and the identity provider turns out to have other ones by now.
async fn verified(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    pending: &Pending,
    message: &str,
) -> Result<(Accepted, Arc<IdentityProvider>), Refusal> {
    let idp = realm.identity_provider.current().ok_or(Refusal::UnknownRealm)?;
    match verify(portal, visit, realm, &idp, pending, message).await {
        Err(Refusal::Response(crate::saml::Error::BadSignature)) => {}
        result => return Ok((result?, idp)),
    }
    let Some(idp) = realm.identity_provider.renewed(&idp).await else {
        return Err(crate::saml::Error::BadSignature.into());
    };
    Ok((verify(portal, visit, realm, &idp, pending, message).await?, idp))
}

async fn verify(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    idp: &Arc<IdentityProvider>,
    pending: &Pending,
    message: &str,
) -> Result<Accepted, Refusal> {
    let message = message.to_owned();
    let accept = move |expected: &Expected<'_>, now| response::accept(&message, expected, now);
    Ok(in_turn(portal, visit, realm, Arc::clone(idp), Some(pending), accept).await??)
}

/// Does `work` with a Response on a thread of its own, a few at a time. What is expected is the answer to `pending`, or,
/// without one, to nothing.
pub(super) async fn in_turn<T: Send + 'static>(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    idp: Arc<IdentityProvider>,
    pending: Option<&Pending>,
    work: impl FnOnce(&Expected<'_>, Timestamp) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let turn = Arc::clone(&portal.verifications).acquire_owned();
    let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, turn).await else { return Err(Refusal::Busy) };
    let (sp, now) = (Arc::clone(&realm.service_provider), portal.parts.clock.now());
    let request_id = pending.map(|pending| pending.request_id.clone());
    let requested = pending.map_or(now, |pending| pending.issued);
    let anew = pending.is_some_and(|pending| pending.proves.is_some());
    let endpoint = format!("{}{}", portal.config.url, visit.address);
    let max_age = portal.parts.pending.lifetime();
    let worked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let expected = Expected {
            service_provider: &sp,
            identity_provider: &idp,
            endpoint: &endpoint,
            request_id: request_id.as_deref(),
            requested,
            anew,
            max_age,
            clock_skew: CLOCK_SKEW,
        };
        work(&expected, now)
    });
    worked.await.map_err(|_| Refusal::Broken)
}

/// Marks an Assertion as used.
pub(super) async fn use_up(portal: &Shared, idp: &IdentityProvider, accepted: &Accepted) -> Result<(), Refusal> {
    match portal.parts.pending.use_assertion(idp.entity_id(), &accepted.assertion_id, accepted.reusable_until).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::Replayed),
        Err(error) => Err(error.into()),
    }
}

/// Who signed in counts, not who was typed; a realm may want them to be the same.
fn compare(visit: &Visit, realm: &RealmParts, pending: &Pending, user: &User) -> Result<Option<LandingNote>, Refusal> {
    if realm.realm.is_name_of(&pending.typed, user) {
        return Ok(None);
    }
    tracing::info!(
        realm = pending.realm,
        user = user.name,
        typed = pending.typed,
        request_id = visit.request_id,
        "somebody else signed in than was typed"
    );
    match realm.mismatch {
        Mismatch::Accept => Ok(None),
        Mismatch::Warn => {
            Ok(Some(LandingNote::OtherPerson { typed: pending.typed.clone(), asserted: user.name.clone() }))
        }
        Mismatch::Refuse => Err(Refusal::OtherPerson),
    }
}

/// Begins the session, ends the one that this browser had, and sends the person on.
pub(super) async fn begin(
    portal: &Shared,
    visit: &Visit,
    user: User,
    accepted: Accepted,
    note: Option<&LandingNote>,
    returning: Option<&str>,
) -> Result<Response<Body>, Refusal> {
    let sessions = &portal.parts.sessions;
    let facts = AssertionFacts {
        name_id: accepted.name_id,
        session_index: accepted.session_index,
        not_on_or_after: accepted.session_ends,
        authenticated: Some(accepted.authenticated),
    };
    let client = visit.peer.client.ip().to_canonical();
    let begun = sessions.begin(user, client, visit.user_agent(), facts, visit.peer.network.spans).await;
    let begun = begun?;
    let session = &begun.session;
    // The session cookie itself is not sent along with a POST from another site.
    visit.replace(portal, previous(portal, visit), session).await;
    tracing::info!(
        realm = session.user.realm,
        user = session.user.name,
        session = session.id.short(),
        client = %client,
        request_id = visit.request_id,
        "signed in"
    );
    portal.parts.metrics.sign_in(Some(&session.user.realm), "accepted");
    let entry = Entry {
        user: Some(&session.user.name),
        realm: Some(&session.user.realm),
        session: Some(&session.id.short()),
        ..entry_of(visit)
    };
    portal.parts.audit.record(What::SignIn, entry);
    let location = logon::after_sign_in(portal, note, returning);
    let mut response = redirect(StatusCode::SEE_OTHER, &location);
    keep(portal, &mut response, &begun, returning);
    Ok(response)
}

/// Lets the browser keep a session that has begun.
pub(super) fn keep(portal: &Shared, response: &mut Response<Body>, begun: &Begun, returning: Option<&str>) {
    let session = &begun.session;
    let lifetime = Some(session.expires.duration_since(portal.parts.clock.now()));
    cookie::set(response, cookie::SESSION, &begun.secret, SameSite::Lax, lifetime);
    let previous = portal.parts.sealer.seal(PREVIOUS, &session.id, after(session.expires, CLOCK_SKEW));
    cookie::set(response, cookie::PREVIOUS, &previous, SameSite::None, lifetime);
    match returning.filter(|token| token.len() <= cookie::MAX_VALUE) {
        Some(token) => cookie::set(response, cookie::DESTINATION, token, SameSite::Lax, Some(REMEMBERED)),
        None => cookie::remove(response, cookie::DESTINATION),
    }
}

/// The session that a new sign-in in this browser replaces.
pub(super) fn previous(portal: &Shared, visit: &Visit) -> Option<SessionId> {
    portal.parts.sealer.open(PREVIOUS, visit.cookie(cookie::PREVIOUS)?, portal.parts.clock.now()).ok()
}

/// What an audit record says of whoever asks.
pub(super) fn entry_of(visit: &Visit) -> Entry<'_> {
    Entry {
        client: Some(visit.peer.client.ip().to_canonical()),
        network: Some(&visit.peer.network.name),
        request_id: Some(&visit.request_id),
        ..Entry::default()
    }
}

/// Records that nobody was signed in.
fn record(portal: &Shared, visit: &Visit, failure: &Failure) {
    let (realm, reason) = (failure.realm.as_deref(), failure.refusal.to_string());
    portal.parts.metrics.sign_in(realm, failure.refusal.as_str());
    portal.parts.audit.record(What::SignInRefused, Entry { realm, reason: Some(&reason), ..entry_of(visit) });
}

/// Says that it did not work. To people all bad Responses look the same; the reason is for the log.
fn refuse(portal: &Shared, visit: &Visit, failure: &Failure) -> Response<Body> {
    record(portal, visit, failure);
    if failure.renews {
        tracing::info!(realm = failure.realm, reason = %failure.refusal, request_id = visit.request_id, "not renewed");
        return redirect(StatusCode::SEE_OTHER, &logon::after_sign_in(portal, None, failure.returning.as_deref()));
    }
    let (status, trouble, said) = match &failure.refusal {
        Refusal::Spent => {
            tracing::info!(client = %visit.peer.client.ip(), request_id = visit.request_id, "sign-in is over");
            return redirect(StatusCode::SEE_OTHER, "/again");
        }
        Refusal::Response(crate::saml::Error::Status(status)) => {
            let (trouble, said) = identity_provider::explain(status);
            (StatusCode::FORBIDDEN, trouble, said)
        }
        Refusal::OtherBrowser => (StatusCode::FORBIDDEN, Trouble::Foreign, None),
        Refusal::OtherPerson => (StatusCode::FORBIDDEN, Trouble::OtherPerson, None),
        Refusal::OtherProof => (StatusCode::FORBIDDEN, Trouble::OtherProof, None),
        Refusal::NotAnew => (StatusCode::FORBIDDEN, Trouble::NotAnew, None),
        Refusal::Occupied => (StatusCode::FORBIDDEN, Trouble::Occupied, None),
        Refusal::Busy | Refusal::Store(store::Error::Full) => (StatusCode::SERVICE_UNAVAILABLE, Trouble::Busy, None),
        Refusal::Store(store::Error::Away) => (StatusCode::SERVICE_UNAVAILABLE, Trouble::Away, None),
        Refusal::Response(error) => (StatusCode::FORBIDDEN, trouble_of(error), None),
        Refusal::Claims(crate::saml::claims::Error::Foreign(_)) => (StatusCode::FORBIDDEN, Trouble::ForeignName, None),
        Refusal::NoResponse | Refusal::UnknownRealm | Refusal::Broken | Refusal::Claims(_) | Refusal::Replayed => {
            (StatusCode::FORBIDDEN, Trouble::Refused, None)
        }
    };
    if matches!(&failure.refusal, Refusal::Response(crate::saml::Error::Disagreement) | Refusal::Broken) {
        portal.parts.metrics.disagreement();
        tracing::error!(
            realm = failure.realm,
            client = %visit.peer.client.ip(),
            request_id = visit.request_id,
            "two verifiers disagree, or one of them failed: an attack, or a fault in one of them"
        );
    }
    tracing::warn!(
        realm = failure.realm,
        reason = %failure.refusal,
        client = %visit.peer.client.ip(),
        request_id = visit.request_id,
        "sign-in refused"
    );
    let mut page = visit.trouble(trouble, failure.returning.as_deref());
    page.said = said;
    show(status, page.render(&portal.parts.brand, visit.locale(portal)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::Error;

    #[test]
    fn times_and_wishes_are_told_to_people_and_nothing_else_is() {
        for (error, trouble) in [
            (Error::IssuedInFuture, Trouble::Clock),
            (Error::NotYetValid, Trouble::Clock),
            (Error::Expired, Trouble::TooLate),
            (Error::RequestTooOld, Trouble::TooLate),
            (Error::SessionEnded, Trouble::TooLate),
            (Error::NotAnew, Trouble::NotAsked),
            (Error::OtherContext, Trouble::OtherWay),
            (Error::BadSignature, Trouble::Refused),
            (Error::NotDecrypted, Trouble::Refused),
            (Error::WrongAudience, Trouble::Refused),
        ] {
            assert_eq!(trouble_of(&error), trouble, "{error}");
        }
    }

    #[test]
    fn where_we_decrypt_every_refused_answer_is_the_last_and_elsewhere_only_what_the_identity_provider_refused() {
        let refused = || Error::Status(crate::saml::guard::Status { code: "x".into(), subcode: None, message: None });
        let realm = |keys: Vec<Arc<crate::saml::Key>>| {
            let text = "name = 'a'\ndomains = ['a.test']\nentity_id = 'urn:us'\nmetadata_url = 'https://meta.test/'";
            let realm: crate::saml::Config = toml::from_str(text).unwrap();
            RealmParts {
                realm: realm.realm(),
                service_provider: Arc::new(crate::saml::ServiceProvider { keys, ..Default::default() }),
                identity_provider: Arc::new(crate::portal::Trust::renewable(None, crate::clock::Clock::system())),
                claims: Arc::new(realm.claim_map(&[])),
                mismatch: realm.mismatch,
                idp_initiated: false,
                switch: Arc::new(crate::portal::Switch::on()),
            }
        };
        let key = |pair: rcgen::KeyPair| {
            let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&pair).unwrap().pem();
            let secret = crate::secret::Secret::new(pair.serialize_pem());
            Arc::new(crate::saml::Key::read(certificate.as_bytes(), &secret).unwrap())
        };
        let rsa = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let elliptic = rcgen::KeyPair::generate().unwrap();
        for (realm, of_signature) in
            [(realm(vec![]), false), (realm(vec![key(elliptic)]), false), (realm(vec![key(rsa)]), true)]
        {
            assert!(is_final(&realm, &Refusal::Response(refused())));
            assert_eq!(is_final(&realm, &Refusal::Response(Error::BadSignature)), of_signature);
            assert!(!is_final(&realm, &Refusal::Busy));
        }
    }
}
