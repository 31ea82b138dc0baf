//! The assertion consumer service: takes a Response, which arrives by a cross-site POST, and signs the person in or
//! refuses it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use url::Url;

use super::refusal::{self, Failure};
use super::{proof, unsolicited};
use crate::directory::Resolved;
use crate::identity::fold::is_same;
use crate::identity::{LogonName, User};
use crate::page::{LandingNote, Trouble};
use crate::portal::cookie;
use crate::portal::form::Form;
use crate::portal::operator::test_sso;
use crate::portal::verify::{self, Refusal};
use crate::portal::{RealmParts, Shared, Visit, fail, is_own_path, opening};
use crate::saml::Mismatch;
use crate::saml::config::{ACS_PATH, acs_path};
use crate::saml::guard::{self, MAX_FORM};
use crate::seal::fingerprint;
use crate::session::pending::Pending;

/// The longest RelayState that is looked up: the standard allows 80 octets (SAML Bindings §3.4.3), and ours have 22.
const MAX_RELAY_STATE: usize = 80;

/// How many Responses are verified for one sign-in: verifying costs work, and a browser needs one.
const MAX_ANSWERS: u32 = 5;

/// The paths at which Responses are accepted. The configuration was checked; one that could not be served is left out.
pub(in crate::portal) fn paths(realms: &[RealmParts]) -> BTreeSet<String> {
    let urls = realms
        .iter()
        .flat_map(|parts| std::iter::once(&parts.service_provider.acs_url).chain(&parts.service_provider.acs_aliases));
    let mut paths: BTreeSet<_> = urls.filter_map(|url| Some(Url::parse(url).ok()?.path().to_owned())).collect();
    paths.retain(|path| acs_path(path).is_ok() && !is_own_path(path));
    paths.insert(ACS_PATH.to_owned());
    paths
}

/// `POST /saml/acs` and its aliases.
pub(in crate::portal) async fn accept(
    State(portal): State<Arc<Shared>>,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let trouble = |status, trouble| fail(&portal, &visit, status, trouble);
    // Nothing is counted by address here. The beginning of each sign-in was counted, and a few answers to each are
    // verified. Somebody who posts without having begun one costs no work, and uses up nothing of other people at the
    // same address.
    let form = match Form::read(request, MAX_FORM).await {
        Ok(form) => form,
        Err(Trouble::TooLarge) => return trouble(StatusCode::PAYLOAD_TOO_LARGE, Trouble::TooLarge),
        Err(_) => return trouble(StatusCode::BAD_REQUEST, Trouble::Refused),
    };
    match sign_in(&portal, &visit, &form).await {
        Ok(response) => response,
        Err(failure) => refusal::refuse(&portal, &visit, &failure),
    }
}

async fn sign_in(portal: &Arc<Shared>, visit: &Visit, form: &Form) -> Result<Response<Body>, Failure> {
    let message = form.only("SAMLResponse").ok_or_else(|| Failure::early(Refusal::NoResponse))?;
    if !guard::is_base64(message) {
        return Err(Failure::early(Refusal::NotBase64));
    }
    let id = form.only("RelayState").filter(|id| id.len() <= MAX_RELAY_STATE).unwrap_or_default();
    let pending = portal.parts.pending.find(id).await.map_err(|error| Failure::early(error.into()))?;
    let Some(pending) = pending else { return unsolicited::take(portal, visit, message).await };
    let fail = |refusal| Failure {
        refusal,
        realm: Some(pending.realm.clone()),
        returning: pending.returning.clone(),
        renews: pending.renews,
    };
    // Checked before anything is used up, so that somebody who only knows an identifier cannot end another person's
    // sign-in.
    if visit.cookie(&cookie::pending(id)).map(fingerprint) != Some(pending.browser) {
        return Err(Failure { returning: None, renews: false, ..fail(Refusal::OtherBrowser) });
    }
    let realm = portal.parts.realms.iter().find(|parts| parts.realm.name == pending.realm);
    let realm = realm.ok_or_else(|| fail(Refusal::UnknownRealm))?;
    if portal.memory.answers.get_with(fingerprint(id), Arc::default).fetch_add(1, Ordering::Relaxed) >= MAX_ANSWERS {
        return Err(fail(Refusal::Spent));
    }
    if pending.test.is_some() {
        return test_sso::finish(portal, visit, realm, (id, &pending), message).await.map_err(fail);
    }
    let (accepted, idp) = match verify::verified(portal, visit, realm, &pending, message).await {
        Ok(accepted) => accepted,
        Err(refusal) => {
            if is_final(realm, &refusal) {
                // If the store does not take this, the same person has one more attempt.
                portal.parts.pending.consume(id).await.ok();
            }
            return Err(fail(match refusal {
                Refusal::Response(crate::saml::Error::NotAnew) if pending.proves.is_some() => Refusal::NotAnew,
                refusal => refusal,
            }));
        }
    };
    let user = verify::named(visit, realm, &accepted).map_err(&fail)?;
    verify::admitted(portal, visit, &user, accepted.authenticated).map_err(&fail)?;
    let consumed = portal.parts.pending.consume(id).await.map_err(|error| fail(error.into()))?;
    consumed.ok_or_else(|| fail(Refusal::Spent))?;
    verify::use_up(portal, &idp, &accepted).await.map_err(fail)?;
    // A silent renewal must not turn the browser's session into another person's, even if their names are alike.
    if pending.renews && !is_person_here(portal, visit, &user).await {
        return Err(fail(Refusal::OtherPerson));
    }
    if let Some(session) = pending.proves {
        let taken = proof::take(portal, visit, (session, &pending), &user, accepted).await;
        let mut response = taken.map_err(fail)?;
        cookie::remove(&mut response, &cookie::pending(id));
        return Ok(response);
    }
    let note = compare(portal, visit, realm, &pending, &user).map_err(fail)?;
    let begun = opening::begin(portal, visit, user, accepted, note.as_ref(), pending.returning.as_deref()).await;
    let mut response = begun.map_err(fail)?;
    cookie::remove(&mut response, &cookie::pending(id));
    Ok(response)
}

/// Whether this browser's session is of this person.
async fn is_person_here(portal: &Shared, visit: &Visit, user: &User) -> bool {
    let Some(previous) = opening::previous(portal, visit) else { return false };
    let session = portal.parts.sessions.recall(previous).await;
    session.is_some_and(|session| (&session.user.realm, &session.user.id) == (&user.realm, &user.id))
}

/// Whether a refusal uses the sign-in up. If we decrypt assertions, every refusal does, whatever was wrong: somebody
/// who sends altered ciphertexts to learn from our refusals must begin a new sign-in for each.
fn is_final(realm: &RealmParts, refusal: &Refusal) -> bool {
    let decrypts = realm.service_provider.keys.iter().any(|key| key.decrypts());
    matches!(refusal, Refusal::Response(error) if decrypts || matches!(error, crate::saml::Error::Status(_)))
}

/// Compares the person who signed in with the name that was typed. The person who signed in counts; a realm may require
/// that the two are the same.
fn compare(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    pending: &Pending,
    user: &User,
) -> Result<Option<LandingNote>, Refusal> {
    if realm.realm.is_name_of(&pending.typed, user) || is_known_as(portal, user, &pending.typed) {
        return Ok(None);
    }
    tracing::info!(
        realm = pending.realm,
        user = user.name,
        typed = pending.typed,
        request_id = visit.request_id,
        "another person signed in than the one whose name was typed"
    );
    match realm.mismatch {
        Mismatch::Accept => Ok(None),
        Mismatch::Warn => {
            Ok(Some(LandingNote::OtherPerson { typed: pending.typed.clone(), asserted: user.name.clone() }))
        }
        Mismatch::Refuse => Err(Refusal::OtherPerson),
    }
}

/// Whether the directory knows `typed` as a name of this person, and of nobody else.
fn is_known_as(portal: &Shared, user: &User, typed: &str) -> bool {
    let resolved = LogonName::parse(typed).ok().and_then(|name| portal.parts.directories.resolve(&user.realm, &name));
    matches!(resolved, Some(Resolved::One(person)) if is_same(&person.object_id, &user.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::Error;

    #[test]
    fn where_we_decrypt_every_refused_answer_is_the_last_and_elsewhere_only_what_the_identity_provider_refused() {
        let refused = || Error::Status(crate::saml::guard::Status { code: "x".into(), subcode: None, message: None });
        let realm = |keys: Vec<Arc<crate::saml::Key>>| {
            let text = "name = 'a'\ndomains = ['a.test']\nentity_id = 'urn:us'\nmetadata_url = 'https://meta.test/'";
            let realm: crate::saml::Config = toml::from_str(text).unwrap();
            RealmParts {
                realm: realm.realm(),
                service_provider: Arc::new(crate::saml::ServiceProvider { keys, ..Default::default() }),
                identity_provider: Arc::new(crate::portal::Trust::renewable(
                    &"https://meta.test/".parse().unwrap(),
                    None,
                    crate::clock::Clock::system(),
                )),
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
