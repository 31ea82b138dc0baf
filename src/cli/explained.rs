//! Writes what was decided, and each step on the way there, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use http::Method;
use serde_json::json;

use crate::clock::Timestamp;
use crate::identity::User;
use crate::policy::{
    Access, Barrier, Decision, Explanation, Fault, FieldChanges, Looked, Manner, Permit, Step, Takes, Verdict,
};
use crate::session::returning::BARRIER_PATH;
use crate::wire::Destination;

/// Who asks for what.
pub(super) struct Inquiry<'a> {
    pub(super) user: Option<&'a User>,
    pub(super) client: IpAddr,
    pub(super) network: &'a str,
    pub(super) listener: &'a str,
    pub(super) destination: &'a Destination,
    pub(super) access: Access,
    pub(super) method: Option<&'a Method>,
    pub(super) target: Option<&'a str>,
    pub(super) at: Timestamp,
}

/// What is explained, as a JSON document.
pub(super) fn as_json(asking: &Inquiry<'_>, Explanation { verdict, steps }: &Explanation) -> serde_json::Value {
    let lane = match verdict {
        Verdict::Permit(permit) => Some(json!({
            "private": permit.lane().private,
            "route": permit.lane().route.as_ref().map(|route| route.hops().iter().map(ToString::to_string).collect::<Vec<_>>()),
            "without_sign_in": permit.is_exception(),
            "intercepted": permit.manner() == Manner::Intercept,
            "accepts": permit.lane().accept.iter().map(Fault::as_str).collect::<Vec<_>>(),
            "terms": permit.terms().iter().map(|terms| json!({
                "rule": terms.rule,
                "limit": terms.limit.map(|limit| limit.said()),
                "scan": terms.scan,
                "removes": terms.headers.removed().collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "sets": FieldChanges::of(permit.terms()).set().collect::<BTreeMap<_, _>>(),
        })),
        _ => None,
    };
    json!({
        "user": asking.user.map(|user| format!("{}/{}", user.realm, user.name)),
        "client": asking.client,
        "network": asking.network,
        "listener": asking.listener,
        "destination": asking.destination.to_string(),
        "tunnel": matches!(asking.access, Access::Connect(_)),
        "at": asking.at,
        "decision": Decision::of(verdict),
        "rule": verdict.rule(),
        "permit": lane,
        "barrier": verdict.barrier().map(|barrier| as_barrier(barrier)),
        "steps": steps,
    })
}

/// What stands before a destination, for whoever can pass it.
fn as_barrier(barrier: &Barrier) -> serde_json::Value {
    let by = match &barrier.takes {
        Takes::Reading => json!({ "reading": true }),
        Takes::Override(own) => json!({ "password": own.password.is_some(), "reason": own.reason }),
    };
    json!({ "path": path_of(barrier), "message": barrier.message, "for_s": barrier.lasts.as_secs(), "by": by })
}

/// Where the portal shows it.
fn path_of(barrier: &Barrier) -> String {
    format!("{BARRIER_PATH}{}", barrier.key)
}

/// What is explained, for people.
pub(super) fn as_text(asking: &Inquiry<'_>, Explanation { verdict, steps }: &Explanation) -> String {
    let who = asking.user.map_or("somebody unknown".to_owned(), |user| format!("{}/{}", user.realm, user.name));
    let what = match (asking.access, asking.method) {
        (Access::Connect(_), _) | (_, None) => format!("CONNECT {}", asking.destination),
        (_, Some(method)) => {
            format!("{method} {}{}", asking.destination.origin(), asking.target.unwrap_or_default())
        }
    };
    let Inquiry { client, network, listener, at, .. } = asking;
    let mut text = format!("{who}, at {client} (network `{network}`, listener `{listener}`), {at}: {what}\n\n");
    for step in steps {
        put_step(&mut text, step);
    }
    let by = verdict.rule().map(|rule| format!(", by `{rule}`")).unwrap_or_default();
    // Writing into a string does not fail.
    writeln!(text, "\n{}{by}", Decision::of(verdict).as_str()).ok();
    if let Some(barrier) = verdict.barrier() {
        put_barrier(&mut text, barrier, !matches!(verdict, Verdict::Deny(_)));
    }
    if let Verdict::Permit(permit) = verdict {
        if permit.is_exception() {
            text.push_str("although nobody has signed in, who would have had to\n");
        }
        if permit.manner() == Manner::Preflight {
            text.push_str("as a preflight: the question alone\n");
        }
        if permit.lane().private {
            text.push_str("at private addresses, too\n");
        }
        if let Some(route) = &permit.lane().route {
            let hops: Vec<String> = route.hops().iter().map(ToString::to_string).collect();
            writeln!(text, "by way of {}", hops.join(", or ")).ok();
        }
        put_terms(&mut text, permit);
    }
    text
}

/// What bars the way, and how it is passed.
fn put_barrier(text: &mut String, barrier: &Barrier, is_shown: bool) {
    let does =
        if barrier.is_override() { "unless somebody who may has overridden it" } else { "until they have read it" };
    let shown = if is_shown { "" } else { "; this cannot be shown a page, and is refused" };
    writeln!(text, "{does}, at {} of the portal, which counts for {:#}{shown}", path_of(barrier), barrier.lasts).ok();
}

/// To what somebody is subject who is let through.
fn put_terms(text: &mut String, permit: &Permit) {
    if permit.manner() == Manner::Intercept {
        text.push_str("intercepted: each request inside is decided for itself\n");
    }
    let is_seen = !matches!(permit.manner(), Manner::Tunnel | Manner::Intercept);
    if permit.manner() == Manner::Tunnel && !FieldChanges::of(permit.terms()).is_empty() {
        text.push_str("in a tunnel, where no field can be set or removed\n");
    }
    for (name, value) in FieldChanges::of(permit.terms()).set().filter(|_| is_seen) {
        writeln!(text, "with the field {name}: {value}").ok();
    }
    if !permit.lane().accept.is_empty() {
        let faults: Vec<_> = permit.lane().accept.iter().map(Fault::as_str).collect();
        writeln!(text, "with a certificate of its origin that is {}, too", faults.join(" or ")).ok();
    }
    for terms in permit.terms() {
        for name in terms.headers.removed().filter(|_| is_seen) {
            writeln!(text, "without the field {name}").ok();
        }
        if let Some(limit) = terms.limit {
            writeln!(text, "within the limit of `{}`: {limit}", terms.rule).ok();
        }
    }
    match permit.scan() {
        Some(_) if permit.manner() == Manner::Tunnel => {
            text.push_str("in a tunnel, where no scanner can look: have it intercepted\n");
        }
        Some(scanners) if is_seen => {
            writeln!(text, "looked at by {}", scanners.join(", and then by ")).ok();
        }
        _ => {}
    }
}

fn put_step(text: &mut String, step: &Step) {
    let mark = |holds: Option<bool>| match holds {
        Some(true) => "yes",
        Some(false) => "no ",
        None => "?  ",
    };
    match step {
        Step::List { name, holds } => writeln!(text, "{}  {name}", mark(Some(*holds))),
        Step::SignIn { holds } => writeln!(text, "{}  somebody must sign in first", mark(Some(*holds))),
        Step::Around => writeln!(text, "\nThis is not refused. The tunnel that it is in:\n"),
        Step::Exempt { name } => {
            writeln!(text, "yes  rule `{name}`: it is not intercepted, so nobody can be asked or shown anything")
        }
        Step::Default { name } => writeln!(text, "yes  {name}"),
        Step::InDoubt { name } => writeln!(text, "yes  rule `{name}` may be meant, so it warns"),
        Step::Lacking { name, evidence, within } => {
            let sure = evidence.map(|evidence| format!(" evidence that is {}", evidence.as_str()));
            let young = within.map(|within| format!(" a sign-in within {within} s"));
            let wanted: Vec<String> = sure.into_iter().chain(young).collect();
            writeln!(text, "no   rule `{name}` wants{}", wanted.join(" and"))
        }
        Step::Standing { name, holds, .. } => writeln!(text, "{}  standing rule `{name}`", mark(Some(*holds))),
        Step::Rule { name, effect, holds, .. } => writeln!(text, "{}  rule `{name}` ({effect})", mark(Some(*holds))),
    }
    .ok();
    let (Step::Rule { conditions, .. } | Step::Standing { conditions, .. }) = step else { return };
    for Looked { condition, not, asked, holds } in conditions {
        let not = if *not { "not " } else { "" };
        writeln!(text, "       {}  {not}{condition}: {asked}", mark(*holds)).ok();
    }
}
