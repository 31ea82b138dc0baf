//! What came of the consent of an administrator of a tenant: Microsoft Entra ID leads back here.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, Timestamp, after};
use crate::observe::audit::{Entry, What};
use crate::page::{ConsentOutcome, Consented, Trouble};
use crate::portal::{Shared, Visit, fail, show};
use crate::seal::{Sealer, random_text};

/// The path, which the registration of the application must name as a redirect URI.
pub const PATH: &str = "/consent";

/// How long an administrator has.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(1);

const PURPOSE: &str = "admin consent";

/// The longest text of Entra ID that is shown, in characters.
const LONGEST: usize = 300;

/// What a link is for.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    directory: String,
    /// What no other link has, so that each counts once.
    once: String,
}

/// The state of a link for a directory: only this program, and nodes that share its keys, can make it.
pub fn state(sealer: &Sealer, directory: &str, now: Timestamp) -> String {
    sealer.seal(PURPOSE, &Asked { directory: directory.to_owned(), once: random_text() }, after(now, LIFETIME))
}

/// `GET /consent`.
pub(in crate::portal) async fn show_page(
    State(portal): State<Arc<Shared>>,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    let now = portal.parts.clock.now();
    let asked = visit.parameter("state").and_then(|state| portal.parts.sealer.open::<Asked>(PURPOSE, state, now).ok());
    let asked = match asked {
        // Once: whoever finds the address in a history or a log must not have it count again.
        Some(asked) => match portal.parts.pending.use_assertion(PURPOSE, &asked.once, after(now, LIFETIME)).await {
            Ok(is_first) => is_first.then_some(asked),
            Err(_) => return fail(&portal, &visit, StatusCode::SERVICE_UNAVAILABLE, Trouble::Busy),
        },
        None => None,
    };
    let known = portal.parts.directories.all();
    let tenant = asked.and_then(|asked| known.iter().find(|tenant| tenant.config.name == asked.directory));
    let Some(tenant) = tenant else {
        let page = Consented { outcome: ConsentOutcome::Stale, directory: String::new() };
        return show(StatusCode::BAD_REQUEST, page.render(&portal.parts.brand, visit.locale(&portal)));
    };
    let outcome = outcome(&visit, tenant.config.graph.as_ref().map(|graph| graph.tenant.as_str()));
    let (said, status) = match &outcome {
        ConsentOutcome::Refused(why) => (why.as_str(), StatusCode::FORBIDDEN),
        _ => ("granted", StatusCode::OK),
    };
    let entry = Entry { subject: Some(&tenant.config.name), outcome: Some(said), ..Entry::default() };
    portal.parts.audit.record(What::ConsentAnswered, entry);
    tracing::info!(
        directory = tenant.config.name,
        outcome = said,
        "an administrator of the tenant has answered whether the application may do what it asks for"
    );
    if outcome == ConsentOutcome::Granted
        && let Some(ring) = &portal.parts.ring
    {
        // What it may do is not believed: the next round shows it.
        ring(&tenant.config.name);
    }
    let page = Consented { outcome, directory: tenant.config.name.clone() };
    show(status, page.render(&portal.parts.brand, visit.locale(&portal)))
}

/// What Entra ID says: `admin_consent=True&tenant=…`, or `error` and `error_description`.
fn outcome(visit: &Visit, own: Option<&str>) -> ConsentOutcome {
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).take(LONGEST).collect::<String>();
    if visit.parameter("admin_consent").is_some_and(|consent| consent.eq_ignore_ascii_case("true")) {
        let tenant = visit.parameter("tenant").unwrap_or_default();
        let is_id = |text: &str| text.len() == 36 && text.split('-').count() == 5;
        return match own {
            Some(own) if is_id(own) && is_id(tenant) && !own.eq_ignore_ascii_case(tenant) => {
                ConsentOutcome::Refused(format!("tenant {tenant} ≠ {own}"))
            }
            _ => ConsentOutcome::Granted,
        };
    }
    let said = ["error_description", "error"].into_iter().find_map(|name| visit.parameter(name));
    ConsentOutcome::Refused(clean(said.unwrap_or_default()))
}
