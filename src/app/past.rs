//! Requests of the past: what an access record says of one, as a question to a policy, and where its record is.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Method;
use serde::Deserialize;

use super::draft::Draft;
use crate::clock::{SignedDuration, Timestamp};
use crate::identity::{Surrogate, User};
use crate::observe::{lines, logs_of, packed};
use crate::policy::{Access, Decision, Explanation, Manner, Passes, Question, Store, Subject, Terms, Verdict, Way};
use crate::wire::{Destination, RequestKind, Scheme};

/// A text in a record, borrowed from the line wherever nothing in it is escaped. (serde borrows a `Cow` that stands alone in a
/// field, and copies one inside an `Option`.)
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// What is read of a record.
#[derive(Debug, Deserialize)]
pub(super) struct Seen<'a> {
    time: Timestamp,
    client: SocketAddr,
    #[serde(borrow)]
    listener: Cow<'a, str>,
    #[serde(borrow)]
    user: Option<Text<'a>>,
    #[serde(borrow)]
    realm: Option<Text<'a>>,
    surrogate: Surrogate,
    #[serde(borrow, default)]
    unidentified: Option<Text<'a>>,
    #[serde(borrow)]
    method: Option<Text<'a>>,
    #[serde(borrow)]
    scheme: Option<Text<'a>>,
    #[serde(borrow)]
    host: Option<Text<'a>>,
    port: Option<u16>,
    #[serde(borrow)]
    path: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) decision: Cow<'a, str>,
    #[serde(borrow, default)]
    rule: Option<Text<'a>>,
    #[serde(borrow, default)]
    reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    request_id: Option<Text<'a>>,
    #[serde(default)]
    pub(super) count: Option<u64>,
}

/// A question out of a record.
#[derive(Clone, Debug)]
pub struct Past {
    /// Who asked, as far as the record says: not in which groups they were.
    pub user: Option<User>,
    surrogate: Surrogate,
    /// From which address.
    pub client: IpAddr,
    /// By which listener.
    pub listener: String,
    /// What they wanted to reach.
    pub destination: Arc<Destination>,
    /// How.
    pub access: Access,
    /// The method of a request; none of a CONNECT.
    pub method: Option<Method>,
    /// Its path, without the query; none of a CONNECT.
    pub target: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What became of a request, by its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// What was decided, as the record says it.
    pub outcome: String,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why it ended as it did.
    pub reason: Option<String>,
}

/// Whether a policy decides as it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Same {
    /// It does, by the same rule.
    Yes,
    /// It does, by another rule.
    ByAnotherRule,
    /// It does not.
    No,
    /// No policy decided that: an address that is not dialled, a limit that was reached, something malformed.
    NotByPolicy,
}

/// What a policy decides of a request that was.
#[derive(Debug)]
pub(super) struct PastVerdict {
    /// The decision.
    pub(super) decision: Decision,
    /// The rule that made it.
    pub(super) rule: Option<Arc<str>>,
    /// To what the request is subject.
    pub(super) terms: Vec<Arc<Terms>>,
    /// Whether it is a connection that is intercepted.
    pub(super) is_intercepted: bool,
}

impl Past {
    pub(super) fn of(seen: &Seen<'_>) -> Option<Self> {
        let method = Method::from_bytes(seen.method.as_deref()?.as_bytes()).ok()?;
        let scheme = if seen.scheme.as_deref()? == Scheme::Http.as_str() { Scheme::Http } else { Scheme::Https };
        let destination = Arc::new(Destination::of_host(scheme, seen.host.as_deref()?, seen.port?).ok()?);
        let access = match (&method, seen.unidentified.as_deref()) {
            (&Method::CONNECT, _) => Access::Connect(RequestKind::SubResource),
            (_, Some("preflight")) => Access::Request(RequestKind::Preflight),
            (_, Some("probe")) => Access::Request(RequestKind::Probe),
            (_, Some("sub-resource")) => Access::Request(RequestKind::SubResource),
            (_, Some("tool")) => Access::Request(RequestKind::Tool),
            (&Method::POST, _) => Access::Request(RequestKind::FormNavigation),
            _ => Access::Request(RequestKind::Navigation),
        };
        let is_seen = matches!(access, Access::Request(_));
        let user = seen
            .user
            .as_deref()
            .zip(seen.realm.as_deref())
            .map(|(name, realm)| User { id: String::new(), ..User::named(realm, name) });
        Some(Self {
            user,
            surrogate: seen.surrogate,
            client: seen.client.ip(),
            listener: seen.listener.clone().into_owned(),
            destination,
            access,
            method: is_seen.then_some(method),
            target: seen.path.as_deref().filter(|_| is_seen).map(str::to_owned),
            at: seen.time,
        })
    }

    /// What the policy of a draft would decide.
    pub(super) fn decide(&self, draft: &Draft) -> PastVerdict {
        let verdict = draft.policy.decide(&self.question(draft));
        let (terms, is_intercepted) = match &verdict {
            Verdict::Permit(permit) => (permit.terms().to_vec(), permit.manner() == Manner::Intercept),
            _ => (Vec::new(), false),
        };
        PastVerdict { decision: Decision::of(&verdict), rule: verdict.rule().cloned(), terms, is_intercepted }
    }

    /// What the policy of a draft would decide, and each step on the way.
    pub fn explain(&self, draft: &Draft) -> Explanation {
        draft.policy.explain(&self.question(draft))
    }

    fn question<'a>(&'a self, draft: &'a Draft) -> Question<'a> {
        let subject = self.user.as_ref().map_or(Subject::Nobody, |user| Subject::Somebody {
            user,
            surrogate: self.surrogate,
            proven: SignedDuration::ZERO,
            // A log says of nobody what they had read before.
            passes: Passes::NONE,
            way: Way::AsWanted,
        });
        Question {
            subject,
            network: draft.ground().networks.of(self.client),
            listener: &self.listener,
            client: self.client,
            destination: &self.destination,
            access: self.access,
            method: self.method.as_ref(),
            target: self.target.as_deref(),
            at: self.at,
            store: Store::Known,
        }
    }
}

impl Recorded {
    fn of(seen: &Seen<'_>) -> Self {
        let owned = |text: &Option<Text<'_>>| text.as_deref().map(str::to_owned);
        Self { outcome: seen.decision.clone().into_owned(), rule: owned(&seen.rule), reason: owned(&seen.reason) }
    }

    /// Whether a policy that decides so decides as it was recorded.
    pub fn compare(&self, decision: Decision, rule: Option<&str>) -> Same {
        let is_same = match (self.outcome.as_str(), self.rule.as_deref(), self.reason.as_deref()) {
            (_, _, Some("too-many-requests" | "too-many-connections")) => return Same::NotByPolicy,
            // Whoever was let through there by a rule that warns had read it.
            ("permitted", by, _) => decision == Decision::Allow || decision == Decision::Warn && by == rule,
            ("overridden", by, _) => decision == Decision::Overridden || decision == Decision::Override && by == rule,
            ("warned", ..) => decision == Decision::Warn,
            // A tunnel that is barred is looked into, so that a page can say why.
            ("challenged", by, _) if matches!(decision, Decision::Warn | Decision::Override) => {
                by.is_none() || by == rule
            }
            ("monitored", ..) => decision == Decision::Monitor,
            ("challenged", ..) => matches!(decision, Decision::SignIn | Decision::SignInAgain),
            // Whoever could not be asked to sign in was refused, and the rule is that which would have had them asked.
            ("denied", _, Some("sign-in-too-old" | "sign-in-other-way" | "evidence-too-weak")) => {
                matches!(decision, Decision::Block | Decision::SignInAgain)
            }
            ("denied", Some(_), _) | ("denied", None, Some("http_request_denied")) => {
                matches!(decision, Decision::Block | Decision::Override)
            }
            _ => return Same::NotByPolicy,
        };
        match (is_same, self.rule.as_deref() == rule) {
            (false, _) => Same::No,
            (true, true) => Same::Yes,
            (true, false) => Same::ByAnotherRule,
        }
    }
}

/// The request with this identifier: where its record is, what it says of the request, and what became of that. It is looked
/// for in the log at `path`, and in those that were put aside, the newest first. `None` if there is no such record.
pub fn find(path: &Path, id: &str) -> io::Result<Option<(PathBuf, Past, Recorded)>> {
    let wanted = id.to_ascii_lowercase();
    for file in logs_of(path) {
        let opened = match std::fs::File::open(&file) {
            // It was deleted, or compressed, just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound && file != path => continue,
            opened => opened?,
        };
        let input = BufReader::with_capacity(256 * 1024, opened);
        let found = find_in(packed::unpacked(&file, input)?, &wanted)?;
        if let Some((past, recorded)) = found {
            return Ok(Some((file, past, recorded)));
        }
    }
    Ok(None)
}

fn find_in(mut input: impl BufRead, id: &str) -> io::Result<Option<(Past, Recorded)>> {
    let quoted = format!("\"{id}\"");
    let finder = memchr::memmem::Finder::new(quoted.as_bytes());
    let mut line = Vec::new();
    loop {
        line.clear();
        let is_whole = lines::read_line(&mut input, &mut line)?;
        if line.is_empty() && is_whole {
            return Ok(None);
        }
        if finder.find(&line).is_none() {
            continue;
        }
        let seen: Option<Seen<'_>> = serde_json::from_slice(line.trim_ascii()).ok();
        let Some(seen) = seen.filter(|seen| seen.request_id.as_deref() == Some(id)) else { continue };
        let past =
            Past::of(&seen).ok_or_else(|| io::Error::other(format!("request {id} was not one for any destination")))?;
        return Ok(Some((past, Recorded::of(&seen))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, host: &str) -> String {
        format!(
            "{{\"time\":\"2026-11-27T10:00:00Z\",\"request_id\":\"{id}\",\"client\":\"10.0.0.7:5000\",\"listener\":\"proxy\",\
             \"user\":\"eve\",\"realm\":\"contoso\",\"surrogate\":\"origin-cookie\",\"method\":\"GET\",\"scheme\":\"http\",\
             \"host\":\"{host}\",\"port\":80,\"path\":\"/a\",\"decision\":\"denied\",\"rule\":\"no\",\"reason\":\"http_request_denied\"}}\n"
        )
    }

    #[test]
    fn a_request_is_found_by_its_identifier_wherever_its_log_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("access.log");
        // Another record has the identifier in its path.
        let decoy = line("0000-0001", "decoy.test").replace("/a", "/7k2m-0qx4\\\"7k2m-0qx4\\\"");
        std::fs::write(&log, format!("{decoy}{}broken 7k2m-0qx4\n", line("0000-0002", "new.test"))).unwrap();
        let old = zstd::encode_all(line("7k2m-0qx4", "old.test").as_bytes(), 0).unwrap();
        std::fs::write(folder.path().join("access.log-20261126T080512Z-0000.zst"), old).unwrap();
        std::fs::write(folder.path().join("access.log-20261127T080512Z-0001"), line("0000-0003", "mid.test")).unwrap();
        std::fs::write(folder.path().join("access.log.other"), line("0000-0004", "other.test")).unwrap();
        for (id, host) in [
            ("7k2m-0qx4", Some("old.test")),
            ("7K2M-0QX4", Some("old.test")),
            ("0000-0002", Some("new.test")),
            ("0000-0003", Some("mid.test")),
            ("0000-0004", None),
            ("7k2m", None),
        ] {
            let found = find(&log, id).unwrap();
            assert_eq!(found.as_ref().map(|(_, past, _)| past.destination.host.to_string()).as_deref(), host, "{id}");
            if let Some((_, past, recorded)) = found {
                assert_eq!((past.target.as_deref(), recorded.rule.as_deref()), (Some("/a"), Some("no")));
            }
        }
        assert!(find(&folder.path().join("none.log"), "0000-0002").is_err());
    }

    #[test]
    fn what_is_recorded_is_held_against_what_is_decided() {
        let recorded = |outcome: &str, rule: Option<&str>, reason: Option<&str>| Recorded {
            outcome: outcome.into(),
            rule: rule.map(str::to_owned),
            reason: reason.map(str::to_owned),
        };
        for (recorded, decision, rule, same) in [
            (recorded("permitted", Some("a"), None), Decision::Allow, Some("a"), Same::Yes),
            (recorded("permitted", Some("a"), Some("client-left")), Decision::Allow, Some("b"), Same::ByAnotherRule),
            (recorded("permitted", Some("a"), None), Decision::Monitor, Some("a"), Same::No),
            (recorded("monitored", Some("a"), None), Decision::Monitor, Some("a"), Same::Yes),
            (recorded("denied", Some("a"), Some("http_request_denied")), Decision::Block, Some("a"), Same::Yes),
            (recorded("denied", Some("a"), Some("http_request_denied")), Decision::Allow, Some("a"), Same::No),
            (
                recorded("denied", None, Some("destination_ip_prohibited")),
                Decision::Allow,
                Some("a"),
                Same::NotByPolicy,
            ),
            (recorded("denied", Some("l"), Some("too-many-requests")), Decision::Allow, Some("a"), Same::NotByPolicy),
            (recorded("challenged", None, None), Decision::SignIn, None, Same::Yes),
            (recorded("challenged", Some("a"), Some("sign-in-too-old")), Decision::SignInAgain, Some("a"), Same::Yes),
            (recorded("rejected", None, Some("http_request_error")), Decision::Allow, Some("a"), Same::NotByPolicy),
        ] {
            assert_eq!(recorded.compare(decision, rule), same, "{recorded:?} {decision:?} {rule:?}");
        }
    }
}
