//! Verifies Responses, a few at a time, and uses up their Assertions.

use std::sync::Arc;
use std::time::Duration;

use super::{Missing, RealmParts, Shared, Visit};
use crate::clock::Timestamp;
use crate::directory::Judgement;
use crate::identity::User;
use crate::saml::response::{self, Accepted, CLOCK_SKEW, Expected};
use crate::saml::{self, IdentityProvider};
use crate::session::pending::Pending;
use crate::session::store;

/// How long a Response waits for its turn to be verified.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a Response was refused. The person is told less than this.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The form has no Response, or more than one.
    #[error("the form has no SAMLResponse, or several")]
    NoResponse,
    /// What stands in the place of a Response is none, whoever asked for it.
    #[error("the SAMLResponse is not base64")]
    NotBase64,
    /// There is no such pending sign-in: it was used up, has expired, or never began.
    #[error("there is no such pending sign-in")]
    Spent,
    /// The browser is not the one that began the sign-in.
    #[error("the sign-in was begun in another browser")]
    OtherBrowser,
    /// The realm is not configured any more.
    #[error("the realm is not known")]
    UnknownRealm,
    /// Nothing is known of the identity provider at the moment.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The Response cannot be accepted.
    #[error(transparent)]
    Response(#[from] saml::Error),
    /// Its claims name nobody who may sign in.
    #[error(transparent)]
    Claims(#[from] saml::claims::Error),
    /// The directory has something against the person.
    #[error("{}", .0.as_str())]
    Directory(Judgement),
    /// The Assertion was used before.
    #[error("the assertion was used before")]
    Replayed,
    /// The person who signed in is not the one whose name was typed.
    #[error("another person signed in than the one whose name was typed")]
    OtherPerson,
    /// The person who proved who they are is not the person of the session.
    #[error("another person than that of the session proved who they are")]
    OtherProof,
    /// The identity provider has not asked the person anew: its assertion rests on an earlier proof.
    #[error("the identity provider did not ask the person anew")]
    NotAnew,
    /// The Response is unsolicited, and another person is signed in in this browser.
    #[error("another person is signed in in this browser")]
    Occupied,
    /// There is no room for it, or no time to verify it.
    #[error("there are too many sign-ins")]
    Busy,
    /// The session store is full or does not answer.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The verification itself failed.
    #[error("verification failed")]
    Broken,
}

impl Refusal {
    /// The word that metrics show.
    pub(super) fn as_str(&self) -> &'static str {
        use crate::saml::Error;
        match self {
            Self::Response(Error::Status(_)) => "identity-provider",
            Self::Response(Error::Disagreement) | Self::Broken => "disagreement",
            Self::Response(Error::BadSignature) => "bad-signature",
            Self::Response(Error::Expired | Error::RequestTooOld | Error::SessionEnded) => "too-late",
            Self::Response(Error::IssuedInFuture | Error::IssuedBeforeRequest | Error::NotYetValid) => "clock",
            Self::Response(Error::NotAnew) | Self::NotAnew => "not-anew",
            Self::Response(Error::OtherContext) => "other-context",
            Self::Response(_) | Self::NoResponse | Self::NotBase64 | Self::UnknownRealm => "refused",
            Self::Missing(_) => "unknown-identity-provider",
            Self::Claims(saml::claims::Error::Foreign(_)) => "foreign-name",
            Self::Claims(_) => "claims",
            Self::Directory(_) => "directory",
            Self::Spent => "spent",
            Self::OtherBrowser => "other-browser",
            Self::OtherPerson | Self::Occupied | Self::OtherProof => "other-person",
            Self::Replayed => "replayed",
            Self::Busy => "busy",
            Self::Store(_) => "store",
        }
    }
}

/// Verifies a Response. If no key fits, has the metadata fetched, and verifies it once more if the identity provider
/// has other keys by now.
pub(super) async fn verified(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    pending: &Pending,
    message: &str,
) -> Result<(Accepted, Arc<IdentityProvider>), Refusal> {
    let idp = realm.identity_provider.known()?;
    match verify(portal, visit, realm, &idp, pending, message).await {
        Err(Refusal::Response(saml::Error::BadSignature)) => {}
        result => return Ok((result?, idp)),
    }
    let Some(idp) = realm.identity_provider.renewed(&idp).await else {
        return Err(saml::Error::BadSignature.into());
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

/// Does `work` with a Response on a thread that may be busy, a few at a time. The Response is expected to answer
/// `pending`, or to be unsolicited if there is none.
pub(super) async fn in_turn<T: Send + 'static>(
    portal: &Shared,
    visit: &Visit,
    realm: &RealmParts,
    idp: Arc<IdentityProvider>,
    pending: Option<&Pending>,
    work: impl FnOnce(&Expected<'_>, Timestamp) -> T + Send + 'static,
) -> Result<T, Refusal> {
    let turn = Arc::clone(&portal.memory.verifications).acquire_owned();
    let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, turn).await else { return Err(Refusal::Busy) };
    let (sp, now) = (Arc::clone(&realm.service_provider), portal.parts.clock.now());
    let request_id = pending.map(|pending| pending.request_id.clone());
    let requested = pending.map_or(now, |pending| pending.issued);
    let anew = pending.is_some_and(|pending| pending.proves.is_some());
    let ways = pending.map(|pending| pending.ways.clone()).unwrap_or_default();
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
            ways: &ways,
            max_age,
            clock_skew: CLOCK_SKEW,
        };
        work(&expected, now)
    });
    worked.await.map_err(|_| Refusal::Broken)
}

/// The person that an Assertion names. What only decorates them and cannot be used is left out, and said.
pub(super) fn named(visit: &Visit, realm: &RealmParts, accepted: &Accepted) -> Result<User, Refusal> {
    let user = realm.claims.user(accepted)?;
    for reason in realm.claims.unused(accepted) {
        tracing::info!(
            realm = realm.realm.name,
            user = user.name,
            %reason,
            request_id = visit.request_id,
            "a claim cannot be used; it only decorates, so it is left out and the sign-in goes on"
        );
    }
    Ok(user)
}

/// Whether the directory lets this person be signed in.
pub(super) fn admitted(portal: &Shared, visit: &Visit, user: &User, authenticated: Timestamp) -> Result<(), Refusal> {
    let from_known = !visit.peer.network.is_elsewhere();
    match portal.parts.directories.judge(user, authenticated, from_known) {
        Judgement::Admitted => Ok(()),
        judgement => {
            tracing::warn!(
                realm = user.realm,
                user = user.name,
                id = user.id,
                reason = judgement.as_str(),
                request_id = visit.request_id,
                "a sign-in was refused, because the directory says that this person may not be signed in"
            );
            Err(Refusal::Directory(judgement))
        }
    }
}

/// Marks an Assertion as used; [`Refusal::Replayed`] if it was used before.
pub(super) async fn use_up(portal: &Shared, idp: &IdentityProvider, accepted: &Accepted) -> Result<(), Refusal> {
    match portal.parts.pending.use_assertion(idp.entity_id(), &accepted.assertion_id, accepted.reusable_until).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::Replayed),
        Err(error) => Err(error.into()),
    }
}
