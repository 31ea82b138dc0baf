//! Where a person goes after signing in: to their account page, or to the address that they were about to visit.

use url::Url;

use super::Shared;
use super::visit::{Visit, entrance, with_parameters};
use crate::clock::{SignedDuration, after};
use crate::page::LandingNote;
use crate::policy::BarrierKey;
use crate::session::Session;
use crate::session::returning::{BARRIER_PATH, Return};

/// How long a sealed note in an address is valid; a page that is reloaded later does not show it.
const NOTE_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

const PURPOSE: &str = "landing note";

/// The address of the page, with a note to show and a destination to go on to.
pub(super) fn landing(portal: &Shared, note: Option<&LandingNote>, returning: Option<&str>) -> String {
    let note = note.map(|note| portal.parts.sealer.seal(PURPOSE, note, after(portal.parts.clock.now(), NOTE_LIFETIME)));
    let parameters: Vec<_> = [("n", note.as_deref()), ("r", returning)]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect();
    if parameters.is_empty() { "/me".to_owned() } else { with_parameters("/me", &parameters) }
}

/// The address to which a person goes who has just signed in.
pub(super) fn after_sign_in(portal: &Shared, note: Option<&LandingNote>, returning: Option<&str>) -> String {
    match (note, returning) {
        (None, Some(token)) => entrance(Some(token)),
        _ => landing(portal, note, returning),
    }
}

/// The address of what a rule wants of a person first, if the challenge in `token` was made for that, and they have not done
/// so yet.
pub(super) async fn halt(portal: &Shared, visit: &Visit, session: &Session, token: &str) -> Option<String> {
    let challenge = Return::open(&portal.parts.sealer, token, portal.parts.clock.now()).ok()?;
    let key = challenge.halt?.barrier;
    let is_for_them = challenge.client.to_canonical() == visit.peer.client.ip().to_canonical();
    // Another configuration may have come into force meanwhile.
    portal.parts.policy.barrier(key).filter(|_| is_for_them)?;
    if seems_passed(portal, session, key) {
        return None;
    }
    let fresh = portal.parts.sessions.reread(session.id).await;
    let is_passed = fresh.is_some_and(|session| seems_passed(portal, &session, key));
    (!is_passed).then(|| with_parameters(&format!("{BARRIER_PATH}{key}"), &[("r", token)]))
}

/// The same of a guest who is not known here, where nobody is asked anything to be one.
pub(super) fn halt_of_guest(portal: &Shared, visit: &Visit, token: Option<&str>) -> Option<String> {
    if !is_guest_without_asking(portal, visit) {
        return None;
    }
    let (token, now) = (token?, portal.parts.clock.now());
    let challenge = Return::open(&portal.parts.sealer, token, now).ok()?;
    let key = challenge.halt?.barrier;
    let is_for_them = challenge.client.to_canonical() == visit.peer.client.ip().to_canonical();
    portal.parts.policy.barrier(key).filter(|_| is_for_them)?;
    Some(with_parameters(&format!("{BARRIER_PATH}{key}"), &[("r", token)]))
}

/// Whether whoever is not known here is a guest, and is asked nothing for that.
pub(super) fn is_guest_without_asking(portal: &Shared, visit: &Visit) -> bool {
    visit.peer.guest && portal.parts.guest_terms.is_none()
}

/// Whether a session has passed a barrier, as far as this node knows.
pub(super) fn seems_passed(portal: &Shared, session: &Session, key: BarrierKey) -> bool {
    let now = portal.parts.clock.now();
    session.passes.iter().any(|pass| pass.barrier == key && pass.until > now)
}

/// The host of a destination, as people know it.
pub(super) fn place(challenge: &Return) -> String {
    let host = Url::parse(&challenge.destination).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| challenge.origin.clone())
}

/// The note in such an address.
pub(super) fn note(portal: &Shared, visit: &Visit) -> Option<LandingNote> {
    portal.parts.sealer.open(PURPOSE, visit.parameter("n")?, portal.parts.clock.now()).ok()
}
