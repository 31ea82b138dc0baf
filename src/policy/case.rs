//! Questions that people put by hand: who, for what, from where, when; and what should come of them.

use std::net::IpAddr;
use std::sync::Arc;

use http::Method;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use url::{Position, Url};

use super::pass::Passes;
use super::people;
use super::words::{AccessKind, MethodName};
use super::{Access, Ask, Explanation, Manner, Policy, Proof, Question, Store, Subject, Verdict, Way};
use crate::clock::{SignedDuration, Timestamp};
use crate::identity::{Groups, Network, Networks, Realm, Risk, Surrogate, User};
use crate::wire::{Destination, RequestKind, Scheme};

/// The time of a case that names none: a Monday at noon, by the clock on the wall where the client is.
const NOON: &str = "2026-01-12T12:00:00";

/// One `[[policy.test]]`: a question, and what must be decided.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Who asks, as in rules. Default: it is not known.
    pub user: Option<String>,
    /// Their groups, as in rules.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The risk of their account. Default: none.
    pub risk: Option<Risk>,
    /// What for: `http://…` is a request, `https://…` a CONNECT.
    pub url: String,
    /// From which address.
    pub from: IpAddr,
    /// By which listener. Default: the first one.
    pub listener: Option<String>,
    /// When: by the clock on the wall where the client is, or with an offset. Default: 12 January 2026, a Monday, at noon.
    pub at: Option<String>,
    /// The kind of request. Default: `navigation` for http, `tunnel` for https. `tool` for https is a tool's CONNECT; each
    /// other kind is a request inside.
    pub kind: Option<AccessKind>,
    /// The method. Default: the usual one of its kind.
    pub method: Option<MethodName>,
    /// By what it is known who asks. Default: `origin-cookie`, or `client-address` for a CONNECT.
    pub evidence: Option<Surrogate>,
    /// How long ago they proved who they are. Default: just now.
    #[serde(default, deserialize_with = "crate::units::signed_duration")]
    pub proven: SignedDuration,
    /// Whether they have read the warning, or overridden the block, of whichever rule is about it. Default: false.
    #[serde(default)]
    pub passed: bool,
    /// In which way they signed in (AuthnContextClassRef). Default: as a rule wants it.
    pub authn_context: Option<String>,
    /// What must be decided.
    pub decision: Option<Decision>,
    /// The rule that must have decided it: its name, or `blocked-list`, `walled-garden`, `approved-list`, `default`,
    /// `unidentified`.
    pub rule: Option<String>,
    /// Whether it must be intercepted.
    pub intercept: Option<bool>,
    /// Rules to whose terms (fields, limits) it must be subject.
    #[serde(default)]
    pub terms: Vec<String>,
}

/// What was decided, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It may be reached.
    Allow,
    /// It may be reached, and is watched for.
    Monitor,
    /// It may be reached although a rule blocks it, by whoever has overridden that.
    Overridden,
    /// Whoever asks has to read a warning first.
    Warn,
    /// It may not, unless whoever asks overrides that.
    Override,
    /// It may not.
    Block,
    /// Whoever asks has to sign in first.
    SignIn,
    /// Whoever asks has to sign in once more.
    SignInAgain,
}

impl Decision {
    /// What a verdict says.
    pub fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Permit(permit) if permit.is_monitored() => Self::Monitor,
            Verdict::Permit(permit) if permit.is_overridden() => Self::Overridden,
            Verdict::Permit(_) => Self::Allow,
            Verdict::Warn(_) => Self::Warn,
            Verdict::Override(_) => Self::Override,
            // The same for whoever cannot be shown a page.
            Verdict::Deny(_) => match verdict.barrier() {
                Some(barrier) if barrier.is_override() => Self::Override,
                Some(_) => Self::Warn,
                None => Self::Block,
            },
            Verdict::Ask(Ask { proof: Proof::SignIn, .. }) => Self::SignIn,
            Verdict::Ask(Ask { proof: Proof::Again(_), .. }) => Self::SignInAgain,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Monitor => "monitor",
            Self::Overridden => "overridden",
            Self::Warn => "warn",
            Self::Override => "override",
            Self::Block => "block",
            Self::SignIn => "sign-in",
            Self::SignInAgain => "sign-in-again",
        }
    }
}

/// What of a configuration a case is read with.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// Those who vouch for people.
    pub realms: &'a [Realm],
    /// Where clients are.
    pub networks: &'a Networks,
    /// The first listener.
    pub listener: &'a str,
    /// The time zone where a network has none.
    pub zone: &'a TimeZone,
}

/// Why a case cannot be put.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No address of http or https.
    #[error("`{0}` is no address: it begins with http:// or https://, and names a host")]
    NotAUrl(String),
    /// Nobody.
    #[error("no realm here speaks for `{0}`, so it means nobody")]
    Nobody(String),
    /// Several people.
    #[error("`{0}` could be of several realms: write realm/name")]
    Several(String),
    /// Groups of nobody.
    #[error("groups without a user are nobody's")]
    GroupsOfNobody,
    /// No time.
    #[error(
        "`{0}` is no time: write \"2026-11-27T10:00\" (by the clock on the wall there) or \"2026-11-27T10:00:00Z\""
    )]
    NotATime(String),
}

/// A question that owns what it is about.
#[derive(Clone, Debug)]
pub struct Situation {
    /// Who asks, if that is known.
    pub user: Option<User>,
    surrogate: Surrogate,
    proven: SignedDuration,
    passed: bool,
    way: Option<String>,
    /// Where they ask from.
    pub network: Arc<Network>,
    /// By which listener.
    pub listener: Arc<str>,
    /// From which address.
    pub client: IpAddr,
    /// What they want to reach.
    pub destination: Arc<Destination>,
    /// How.
    pub access: Access,
    /// The method of a request.
    pub method: Method,
    /// Its path and query.
    pub target: String,
    /// When.
    pub at: Timestamp,
}

impl Situation {
    /// What a case describes. `now` is its time, if it names none; with none, it is a Monday at noon.
    pub fn of(case: &Case, ground: &Ground<'_>, now: Option<Timestamp>) -> Result<Self, Error> {
        let network = Arc::clone(ground.networks.of(case.from));
        let (destination, target) = destination(&case.url)?;
        let access = access(destination.scheme, case.kind);
        let zone = network.time_zone.clone().unwrap_or_else(|| ground.zone.clone());
        let at = match (&case.at, now) {
            (Some(text), _) => moment(text, &zone)?,
            (None, Some(now)) => now,
            (None, None) => moment(NOON, &zone)?,
        };
        let usual =
            if matches!(access, Access::Connect(_)) { Surrogate::ClientAddress } else { Surrogate::OriginCookie };
        Ok(Self {
            user: user(case, ground.realms)?,
            surrogate: case.evidence.unwrap_or(usual),
            proven: case.proven,
            passed: case.passed,
            way: case.authn_context.clone(),
            network,
            listener: case.listener.as_deref().unwrap_or(ground.listener).into(),
            client: case.from,
            destination: Arc::new(destination),
            access,
            method: case.method.as_ref().map_or_else(|| method(access), |method| method.0.clone()),
            target,
            at,
        })
    }

    /// The question.
    pub fn question(&self) -> Question<'_> {
        let subject = self.user.as_ref().map_or(Subject::Nobody, |user| Subject::Somebody {
            user,
            surrogate: self.surrogate,
            proven: self.proven,
            passes: if self.passed { Passes::All } else { Passes::NONE },
            way: self.way.as_deref().map_or(Way::AsWanted, Way::Said),
        });
        let is_seen = matches!(self.access, Access::Request(_));
        Question {
            subject,
            network: &self.network,
            listener: &self.listener,
            client: self.client,
            destination: &self.destination,
            access: self.access,
            method: is_seen.then_some(&self.method),
            target: is_seen.then_some(&self.target),
            at: self.at,
            store: Store::Known,
        }
    }
}

impl Case {
    /// Puts it to a policy. What came of it instead, if it is not what must.
    pub fn run(&self, policy: &Policy, ground: &Ground<'_>) -> Result<(), String> {
        let situation = Situation::of(self, ground, None).map_err(|error| error.to_string())?;
        let Explanation { verdict, .. } = policy.explain(&situation.question());
        let (decision, rule) = (Decision::of(&verdict), verdict.rule());
        let is_decided = self.decision.is_none_or(|wanted| wanted == decision);
        let is_by_rule = self.rule.as_deref().is_none_or(|wanted| rule.is_some_and(|rule| **rule == *wanted));
        if is_decided && is_by_rule {
            return self.intercepted(&verdict).and_then(|()| self.subject_to(&verdict));
        }
        let say = |decision: Option<&str>, rule: Option<&str>| match (decision, rule) {
            (Some(decision), Some(rule)) => format!("{decision} by \"{rule}\""),
            (Some(decision), None) => decision.to_owned(),
            (None, rule) => format!("\"{}\"", rule.unwrap_or_default()),
        };
        let wanted = say(self.decision.map(Decision::as_str), self.rule.as_deref());
        Err(format!("{wanted} was wanted, and it is {}", say(Some(decision.as_str()), rule.map(|rule| &**rule))))
    }
}

impl Case {
    /// Whether it is intercepted as it must be.
    fn intercepted(&self, verdict: &Verdict) -> Result<(), String> {
        let is_intercepted = matches!(verdict, Verdict::Permit(permit) if permit.manner() == Manner::Intercept);
        match self.intercept {
            Some(true) if !is_intercepted => Err("to be intercepted was wanted, and it is not".to_owned()),
            Some(false) if is_intercepted => Err("not to be intercepted was wanted, and it is".to_owned()),
            _ => Ok(()),
        }
    }

    /// Whether whoever is let through is subject to the terms that it names.
    fn subject_to(&self, verdict: &Verdict) -> Result<(), String> {
        let terms = if let Verdict::Permit(permit) = verdict { permit.terms() } else { &[] };
        let holds = |wanted: &str| terms.iter().any(|terms| *terms.rule == *wanted);
        match self.terms.iter().find(|wanted| !holds(wanted)) {
            None => Ok(()),
            Some(lacking) => Err(format!("the terms of \"{lacking}\" were wanted, and they do not apply")),
        }
    }
}

fn destination(text: &str) -> Result<(Destination, String), Error> {
    let wrong = || Error::NotAUrl(text.to_owned());
    let url = Url::parse(text).map_err(|_| wrong())?;
    let scheme = match url.scheme() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err(wrong()),
    };
    let authority = &url[Position::BeforeUsername..Position::AfterPort];
    let destination = Destination::of_authority(scheme, authority).map_err(|_| wrong())?;
    Ok((destination, url[Position::BeforePath..Position::AfterQuery].to_owned()))
}

fn access(scheme: Scheme, kind: Option<AccessKind>) -> Access {
    match (kind, scheme) {
        (Some(AccessKind::Tunnel), _) | (None, Scheme::Https) => Access::Connect(RequestKind::SubResource),
        (Some(AccessKind::Tool), Scheme::Https) => Access::Connect(RequestKind::Tool),
        (Some(AccessKind::Navigation), _) | (None, Scheme::Http) => Access::Request(RequestKind::Navigation),
        (Some(AccessKind::Form), _) => Access::Request(RequestKind::FormNavigation),
        (Some(AccessKind::Preflight), _) => Access::Request(RequestKind::Preflight),
        (Some(AccessKind::Probe), _) => Access::Request(RequestKind::Probe),
        (Some(AccessKind::SubResource), _) => Access::Request(RequestKind::SubResource),
        (Some(AccessKind::Tool), Scheme::Http) => Access::Request(RequestKind::Tool),
    }
}

fn method(access: Access) -> Method {
    match access {
        Access::Request(RequestKind::FormNavigation) => Method::POST,
        Access::Request(RequestKind::Preflight) => Method::OPTIONS,
        _ => Method::GET,
    }
}

fn moment(text: &str, zone: &TimeZone) -> Result<Timestamp, Error> {
    let by_wall = || text.parse::<DateTime>().ok().and_then(|local| zone.to_timestamp(local).ok());
    text.parse::<Timestamp>().ok().or_else(by_wall).ok_or_else(|| Error::NotATime(text.to_owned()))
}

/// A person as rules name them. Nothing more is known of them than that.
fn user(case: &Case, realms: &[Realm]) -> Result<Option<User>, Error> {
    let (groups, risk) = (&case.groups, case.risk.unwrap_or(Risk::None));
    let Some(written) = case.user.as_deref() else {
        return if groups.is_empty() { Ok(None) } else { Err(Error::GroupsOfNobody) };
    };
    let name = match people::people(written, realms, &[]).as_slice() {
        [] => return Err(Error::Nobody(written.to_owned())),
        [name] => name.clone(),
        _ => return Err(Error::Several(written.to_owned())),
    };
    let prefix = format!("{}/", name.realm());
    let group = |group: &String| group.strip_prefix(&prefix).unwrap_or(group).to_owned();
    Ok(Some(User {
        realm: name.realm().to_owned(),
        id: String::new(),
        name: name.text().to_owned(),
        display_name: None,
        sam_account_name: None,
        upn: None,
        email: None,
        groups: Groups::Known(groups.iter().map(group).collect()),
        risk,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
        default = "block"
        approved = ["approved.test"]
        [[standing]]
        name = "ours alone"
        destinations = ["payroll.test"]
        headers = { set = { X-Team = "ours" } }
        [[standing]]
        name = "spared"
        destinations = ["private.payroll.test"]
        intercept = false
        [[standing]]
        name = "inside"
        destinations = ["approved.test", "private.payroll.test"]
        intercept = true
        [[rule]]
        name = "staff by day"
        groups = ["Staff"]
        schedule = { days = ["mon-fri"], hours = ["08:00-18:00"] }
        effect = "allow"
        [[rule]]
        name = "payroll"
        destinations = ["payroll.test"]
        methods = ["POST"]
        reauthenticate = "1h"
        effect = "monitor"
    "#;

    fn run(case: &str) -> Result<(), String> {
        let realm = |name: &str| Realm { name: name.into(), domains: vec![format!("{name}.com")], ..Realm::default() };
        let realms = [realm("contoso"), realm("fabrikam")];
        let network =
            "name = 'office'\naddresses = ['10.0.0.0/8']\nsign_in = 'optional'\ntime_zone = 'America/New_York'";
        let networks = Networks::new(&[toml::from_str(network).unwrap()]);
        let policy =
            Policy::new(&toml::from_str(&POLICY.replace("\"Staff\"", "\"contoso/Staff\"")).unwrap(), &realms, []);
        let ground = Ground { realms: &realms, networks: &networks, listener: "proxy", zone: &TimeZone::UTC };
        let from = if case.contains("from = ") { "" } else { "from = '10.0.0.1'\n" };
        let case: Case = toml::from_str(&format!("name = 'it'\n{from}{case}")).unwrap();
        case.run(&policy, &ground)
    }

    #[test]
    fn a_case_says_what_came_instead_of_what_it_wants() {
        let eve = "user = 'eve@contoso.com'\ngroups = ['staff']\nurl = 'https://a.test/'\n";
        for (case, wrong) in [
            (format!("{eve}decision = 'allow'\nrule = 'staff by day'"), None),
            (format!("{eve}rule = 'default'"), Some("\"default\" was wanted, and it is allow by \"staff by day\"")),
            (
                format!("{eve}decision = 'block'\nrule = 'default'"),
                Some("block by \"default\" was wanted, and it is allow by \"staff by day\""),
            ),
            // 07:59 in New York, and 08:00.
            (format!("{eve}at = '2026-11-27T12:59:00Z'\ndecision = 'block'"), None),
            (format!("{eve}at = '2026-11-27T08:00'\ndecision = 'allow'"), None),
            (format!("{eve}at = '2026-11-28T08:00'\ndecision = 'block'\nrule = 'default'"), None),
            ("url = 'https://a.test/'\ndecision = 'block'".to_owned(), None),
            ("url = 'https://a.test/'\nfrom = '192.0.2.1'\ndecision = 'sign-in'".to_owned(), None),
            ("url = 'http://approved.test/x?y'\nrule = 'approved-list'".to_owned(), None),
            (
                "user = 'contoso/eve'\nurl = 'https://payroll.test/'\nkind = 'form'\nproven = '2h'\ndecision = 'sign-in-again'"
                    .to_owned(),
                None,
            ),
            ("user = 'contoso/eve'\nurl = 'http://payroll.test/'\nmethod = 'POST'\ndecision = 'monitor'".to_owned(), None),
            ("user = 'contoso/eve'\nurl = 'http://payroll.test/'\ndecision = 'block'".to_owned(), None),
            ("user = 'contoso/eve'\nurl = 'http://payroll.test/'\nmethod = 'POST'\nterms = ['ours alone']".to_owned(), None),
            (
                format!("{eve}terms = ['ours alone']"),
                Some("the terms of \"ours alone\" were wanted, and they do not apply"),
            ),
            ("url = 'https://approved.test/'\nintercept = true\nterms = ['inside']".to_owned(), None),
            (
                "url = 'https://approved.test/'\nintercept = false".to_owned(),
                Some("not to be intercepted was wanted, and it is"),
            ),
            (
                "url = 'https://x.approved.test/'\nkind = 'navigation'\nintercept = true".to_owned(),
                Some("to be intercepted was wanted, and it is not"),
            ),
            (
                "user = 'contoso/eve'\nurl = 'https://private.payroll.test/'\nintercept = true\nproven = '2h'\nrule = 'default'"
                    .to_owned(),
                Some("to be intercepted was wanted, and it is not"),
            ),
            ("user = 'eve'\nurl = 'http://a.test/'".to_owned(), Some("`eve` could be of several realms: write realm/name")),
            (
                "user = 'eve@x.test'\nurl = 'http://a.test/'".to_owned(),
                Some("no realm here speaks for `eve@x.test`, so it means nobody"),
            ),
            ("groups = ['a']\nurl = 'http://a.test/'".to_owned(), Some("groups without a user are nobody's")),
            (
                "url = 'a.test'".to_owned(),
                Some("`a.test` is no address: it begins with http:// or https://, and names a host"),
            ),
            (
                "url = 'http://a.test/'\nat = 'noon'".to_owned(),
                Some(
                    "`noon` is no time: write \"2026-11-27T10:00\" (by the clock on the wall there) or \
                     \"2026-11-27T10:00:00Z\"",
                ),
            ),
        ] {
            assert_eq!(run(&case).err().as_deref(), wrong, "{case}");
        }
    }
}
