//! Interceptions that failed: counted by site, client software and reason, so that an operator sees which sites must be left
//! alone, and, where that is configured, so that software that trusts nobody's authority is tunnelled after some failures.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::identity::Identity;
use crate::clock::{SignedDuration, Timestamp, after};
use crate::egress::Flaw;
use crate::identity::{ClientBlock, User};
use crate::policy::Fault;
use crate::wire::Destination;
use crate::wire::h1::Fields;
use crate::wire::target::Host;

/// Kinds of failures that are told apart. Of more, the half that came last is kept.
const MAX_KINDS: usize = 5_000;

/// People or clients with their software and a site, whose failures are counted for `auto_tunnel`.
const MAX_CLIENTS: u64 = 20_000;

/// How much of what a client calls itself is kept.
const MAX_SOFTWARE: usize = 64;

/// The `[interception]` section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Lets software through that refuses our certificates. Default: never.
    pub auto_tunnel: Option<AutoTunnel>,
    /// What is looked at of a tunnel. Default: `nothing`.
    pub tunnels: Looked,
}

/// What is looked at of a tunnel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Looked {
    /// Nothing.
    #[default]
    Nothing,
    /// The host that the client names in its handshake: it must be that of the CONNECT.
    ServerName,
}

/// When software is let through that refuses our certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoTunnel {
    /// After so many handshakes that it has refused, within an hour.
    pub after: u32,
    /// For so long.
    #[serde(rename = "for", deserialize_with = "crate::units::signed_duration")]
    pub lasts: SignedDuration,
}

/// Why an interception failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailedBy {
    /// The client ended the handshake: its software or its device does not trust the authority.
    ClientRefused,
    /// The origin's certificate is not valid.
    OriginCertificate(Option<Fault>),
    /// The origin asks for a certificate of the client.
    ClientCertificate,
    /// It is no TLS that can be ended here.
    Protocol,
    /// The client named another host in the handshake than in the CONNECT.
    ServerName,
    /// The authority may not vouch for the host (name constraints).
    OutsideAuthority,
}

impl FailedBy {
    /// What a flaw of the origin's certificate counts as.
    pub(super) fn of(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Fault(fault) => Self::OriginCertificate(Some(fault)),
            Flaw::Revoked | Flaw::Other => Self::OriginCertificate(None),
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientRefused => "client-refused-certificate",
            Self::OriginCertificate(_) => "origin-certificate",
            Self::ClientCertificate => "client-certificate-wanted",
            Self::Protocol => "protocol",
            Self::ServerName => "server-name-differs",
            Self::OutsideAuthority => "outside-authority",
        }
    }

    /// What a rule says that spares the site this failure; none where no rule should.
    fn remedy(self) -> Option<String> {
        Some(match self {
            Self::ClientRefused | Self::OutsideAuthority => "intercept = false".to_owned(),
            Self::OriginCertificate(Some(fault)) => format!("accept = [\"{fault}\"]"),
            Self::OriginCertificate(None) | Self::ServerName => return None,
            Self::ClientCertificate => "client_certificate = \"tunnel\"".to_owned(),
            Self::Protocol => "unreadable = \"tunnel\"".to_owned(),
        })
    }
}

/// One kind of failure, and how often it came.
#[derive(Clone, Debug, Serialize)]
pub struct FailureCount {
    /// The site, `host:port`.
    pub site: String,
    /// What the client calls itself.
    pub software: String,
    /// Why it failed.
    pub reason: &'static str,
    /// What is wrong with the origin's certificate, if that is it.
    pub fault: Option<&'static str>,
    /// How often, since the start of the program.
    pub count: u64,
    /// When it came first, and last.
    pub first: Timestamp,
    /// The same.
    pub last: Timestamp,
    /// The rule that spares the site this failure: a table for a configuration file, to be put before every other
    /// `[[policy.standing]]`; none where no rule should.
    pub rule: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    site: Destination,
    software: Box<str>,
    by: FailedBy,
}

#[derive(Clone, Copy)]
struct Seen {
    count: u64,
    first: Timestamp,
    last: Timestamp,
}

/// Software of somebody, at a site.
type Pinned = (Refuser, Destination, Box<str>);

/// Whose software refuses our certificate: a person's where they are known, so that nobody else at their address, signed in
/// or not, decides what is looked into for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Refuser {
    /// A realm, and the immutable ID of a person there.
    Person(String, String),
    /// Nobody whom we know, at an address.
    Client(ClientBlock),
}

/// Within what time software has to refuse our certificate so often that it is let through.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How often software has refused our certificate, since it did so for the first time. That does not move: whoever refuses
/// now and then is never let through.
#[derive(Clone, Copy)]
struct Refused {
    count: u32,
    since: Timestamp,
}

/// What failed.
pub(super) struct Failures {
    all: Mutex<HashMap<Kind, Seen>>,
    /// How often each has refused our certificate lately.
    refused: Cache<Pinned, Refused>,
    /// Until when each is let through.
    open: Cache<Pinned, Timestamp>,
}

impl Default for Failures {
    fn default() -> Self {
        let hour = std::time::Duration::from_secs(3600);
        Self {
            all: Mutex::default(),
            refused: Cache::builder().max_capacity(MAX_CLIENTS).time_to_live(hour).build(),
            open: Cache::builder().max_capacity(MAX_CLIENTS).build(),
        }
    }
}

/// Who failed where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failing<'a> {
    user: Option<&'a User>,
    client: ClientBlock,
    pub(super) site: &'a Destination,
    pub(super) software: &'a str,
}

impl<'a> Failing<'a> {
    /// Software of this client, or of the person who is known there.
    pub(super) fn new(
        client: &Client,
        identity: Option<&'a Identity>,
        site: &'a Destination,
        software: &'a str,
    ) -> Self {
        // All guests have one name.
        let user = identity.map(|identity| &*identity.session.user).filter(|user| !user.is_guest());
        Self { user, client: ClientBlock::of(client.peer.client.ip()), site, software }
    }

    fn pinned(self) -> Pinned {
        let refuser = match self.user {
            Some(user) => Refuser::Person(user.realm.clone(), user.id.clone()),
            None => Refuser::Client(self.client),
        };
        (refuser, self.site.clone(), self.software.into())
    }
}

impl Failures {
    /// Counts a failure.
    pub(super) fn note(&self, failing: Failing<'_>, by: FailedBy, now: Timestamp, config: Config) {
        let Failing { client, site, software, .. } = failing;
        let kind = Kind { site: site.clone(), software: software.into(), by };
        let mut all = self.lock();
        if all.len() >= MAX_KINDS && !all.contains_key(&kind) {
            forget_half(&mut all);
        }
        let seen = all.entry(kind).or_insert(Seen { count: 0, first: now, last: now });
        (seen.count, seen.last) = (seen.count + 1, now);
        drop(all);
        if let (FailedBy::ClientRefused, Some(auto)) = (by, config.auto_tunnel) {
            let pinned = failing.pinned();
            // Handshakes that had begun before it was let through do not make that longer.
            if self.open.get(&pinned).is_some_and(|until| until > now) {
                return;
            }
            let refused = self.refused.entry_by_ref(&pinned).and_upsert_with(|before| {
                let before = before.map(moka::Entry::into_value);
                let fresh = before.filter(|before| now < after(before.since, WINDOW));
                fresh.map_or(Refused { count: 1, since: now }, |Refused { count, since }| Refused {
                    count: count.saturating_add(1),
                    since,
                })
            });
            if refused.into_value().count >= auto.after {
                tracing::warn!(client = %client.first(), %site, software, "software has refused our certificate several times: it is tunnelled for a while (`auto_tunnel`)");
                self.refused.invalidate(&pinned);
                self.open.insert(pinned, after(now, auto.lasts));
            }
        }
    }

    /// Forgets that this software has refused our certificate: it has taken it.
    pub(super) fn taken(&self, failing: Failing<'_>, config: Config) {
        if config.auto_tunnel.is_some() {
            self.refused.invalidate(&failing.pinned());
        }
    }

    /// Until when this software of this person or client is let through to this site; none if it is not.
    pub(super) fn lets_through(&self, failing: Failing<'_>, now: Timestamp, config: Config) -> Option<Timestamp> {
        config.auto_tunnel?;
        self.open.get(&failing.pinned()).filter(|until| *until > now)
    }

    /// All of them, the commonest first.
    pub(super) fn all(&self) -> Vec<FailureCount> {
        let mut found: Vec<_> = self.lock().iter().map(|(kind, seen)| counted(kind, *seen)).collect();
        found.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.site, &a.software).cmp(&(&b.site, &b.software))));
        found
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Kind, Seen>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_half(all: &mut HashMap<Kind, Seen>) {
    let mut times: Vec<Timestamp> = all.values().map(|seen| seen.last).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    all.retain(|_, seen| seen.last > median);
    // All at one moment.
    if all.is_empty() {
        tracing::warn!("failures of interception are counted anew: too many kinds of them came at one moment");
    }
}

fn counted(Kind { site, software, by }: &Kind, seen: Seen) -> FailureCount {
    let fault = if let FailedBy::OriginCertificate(fault) = by { fault.map(Fault::as_str) } else { None };
    let host = match &site.host {
        Host::Domain(name) => format!("={name}"),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    let rule = by.remedy().map(|says| {
        let name = format!("{}: {}", site.host, by.as_str());
        format!("[[policy.standing]]\nname = \"{name}\"\ndestinations = [\"{host}\"]\n{says}\n")
    });
    FailureCount {
        site: format!("{}:{}", site.host, site.port),
        software: software.to_string(),
        reason: by.as_str(),
        fault,
        count: seen.count,
        first: seen.first,
        last: seen.last,
        rule,
    }
}

/// What a client calls itself: the products of its User-Agent that tell it from others, cut to a bound.
pub(super) fn software(fields: &Fields) -> Box<str> {
    let Some(agent) = fields.text("user-agent") else { return "(unnamed)".into() };
    agent.chars().filter(|c| !c.is_control() && !is_unseen(*c)).take(MAX_SOFTWARE).collect::<String>().into()
}

/// Whether a character changes what stands around it on a terminal and is not seen itself: direction marks, zero width.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Scheme;

    const CLIENT: &str = "192.0.2.7";

    /// Software of a person, or of nobody whom we know at an address.
    fn failing<'a>(user: Option<&'a User>, client: &str, site: &'a Destination, software: &'a str) -> Failing<'a> {
        Failing { user, client: ClientBlock::of(client.parse().unwrap()), site, software }
    }

    fn site(text: &str) -> Destination {
        Destination::of_authority(Scheme::Https, text).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn failures_are_counted_by_site_software_and_reason_and_each_names_the_line_that_spares_it() {
        let (failures, bank) = (Failures::default(), site("bank.test:443"));
        for (second, software, by) in [
            (1, "App/1", FailedBy::ClientRefused),
            (2, "App/1", FailedBy::ClientRefused),
            (3, "curl/8", FailedBy::OriginCertificate(Some(Fault::Expired))),
            (4, "curl/8", FailedBy::OriginCertificate(None)),
        ] {
            failures.note(failing(None, CLIENT, &bank, software), by, at(second), Config::default());
        }
        let found = failures.all();
        let told: Vec<_> = found.iter().map(|one| (&*one.site, &*one.software, one.reason, one.count)).collect();
        assert_eq!(
            told,
            [
                ("bank.test:443", "App/1", "client-refused-certificate", 2),
                ("bank.test:443", "curl/8", "origin-certificate", 1),
                ("bank.test:443", "curl/8", "origin-certificate", 1),
            ]
        );
        assert_eq!((found[0].first, found[0].last), (at(1), at(2)));
        // Each line is one that a policy takes.
        for (one, says) in found.iter().zip([Some("intercept = false"), Some("accept = [\"expired\"]"), None]) {
            if let Some(rule) = &one.rule {
                #[derive(Deserialize)]
                struct File {
                    policy: crate::policy::Config,
                }
                let before = "[policy]\ndefault = 'allow'\n";
                let after = "[[policy.standing]]\nname = 'all'\nintercept = true\n";
                let text = format!("{before}{rule}{after}");
                let read: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
                assert_eq!(read.policy.standing.len(), 2);
            }
            let Some(says) = says else { continue };
            let found = found.iter().filter_map(|one| one.rule.as_deref()).any(|rule| rule.contains(says));
            assert!(found, "{says}");
        }
        assert_eq!(
            found.iter().filter(|one| one.rule.is_none()).count(),
            1,
            "what is revoked or broken is not accepted"
        );
    }

    #[test]
    fn software_that_refuses_our_certificate_is_let_through_only_where_that_is_configured_and_for_a_while() {
        let (failures, bank) = (Failures::default(), site("bank.test:443"));
        let failing = |software| failing(None, CLIENT, &bank, software);
        let auto = AutoTunnel { after: 3, lasts: SignedDuration::from_hours(24) };
        let config = Config { auto_tunnel: Some(auto), ..Config::default() };
        for second in 0..9 {
            failures.note(failing("App/1"), FailedBy::ClientRefused, at(second), Config::default());
        }
        assert!(failures.lets_through(failing("App/1"), at(10), config).is_none(), "it was off");
        for (second, is_through) in [(11, false), (12, false), (13, true)] {
            failures.note(failing("App/1"), FailedBy::ClientRefused, at(second), config);
            let until = failures.lets_through(failing("App/1"), at(second), config);
            assert_eq!(until, is_through.then(|| at(13 + 24 * 3600)), "{second}");
        }
        // Handshakes that had begun before.
        (14..20).for_each(|second| failures.note(failing("App/1"), FailedBy::ClientRefused, at(second), config));
        let is_through = |failing, second, config| failures.lets_through(failing, at(second), config).is_some();
        assert!(!is_through(failing("Mozilla/5.0"), 20, config), "other software");
        let other = Failing { client: ClientBlock::of("192.0.2.8".parse().unwrap()), ..failing("App/1") };
        assert!(!is_through(other, 20, config), "another client");
        assert!(!is_through(failing("App/1"), 20, Config::default()), "it is off again");
        assert!(is_through(failing("App/1"), 12 + 24 * 3600, config));
        assert!(!is_through(failing("App/1"), 13 + 24 * 3600, config), "its time is over, and has not grown");
    }

    #[test]
    fn software_that_refuses_now_and_then_is_never_let_through_and_nobodys_refusals_count_for_others() {
        let (failures, bank) = (Failures::default(), site("bank.test:443"));
        let auto = AutoTunnel { after: 3, lasts: SignedDuration::from_hours(24) };
        let config = Config { auto_tunnel: Some(auto), ..Config::default() };
        let refuse = |who, second| failures.note(who, FailedBy::ClientRefused, at(second), config);
        let is_through = |who, second| failures.lets_through(who, at(second), config).is_some();
        let stranger = failing(None, CLIENT, &bank, "App/1");
        // Twice an hour, for a day.
        for second in (0..24 * 3600).step_by(1801) {
            refuse(stranger, second);
            assert!(!is_through(stranger, second), "{second}");
        }
        let user = |id: &str| User {
            realm: "contoso".into(),
            id: id.into(),
            name: id.into(),
            display_name: None,
            sam_account_name: None,
            upn: None,
            email: None,
            groups: crate::identity::Groups::Unknown,
            risk: crate::identity::Risk::Unknown,
        };
        let (eve, adam) = (user("eve"), user("adam"));
        let of = |user, client| failing(Some(user), client, &bank, "App/1");
        let day = 2 * 24 * 3600;
        (0..3).for_each(|second| refuse(stranger, day + second));
        assert!(is_through(stranger, day + 3));
        assert!(!is_through(of(&eve, CLIENT), day + 3), "she is known, and has the address of a stranger");
        (0..3).for_each(|second| refuse(of(&eve, CLIENT), day + second));
        assert!(is_through(of(&eve, "198.51.100.9"), day + 3), "she is the same elsewhere");
        assert!(!is_through(of(&adam, CLIENT), day + 3), "somebody else at her address");
        assert!(!is_through(failing(None, "198.51.100.9", &bank, "App/1"), day + 3), "a stranger where she is");
    }

    #[test]
    fn what_software_calls_itself_turns_nothing_around_on_a_terminal() {
        let fields = Fields::from([("User-Agent", "App\u{202e}/1\u{2066} \u{200b}x\u{61c}")]);
        assert_eq!(&*software(&fields), "App/1 x");
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let failures = Failures::default();
        for number in 0..3 * MAX_KINDS {
            let site = site(&format!("host-{number}.test:443"));
            failures.note(
                failing(None, CLIENT, &site, "curl"),
                FailedBy::Protocol,
                at(i64::try_from(number).unwrap()),
                Config::default(),
            );
        }
        let found = failures.all();
        assert!((MAX_KINDS / 2..=MAX_KINDS).contains(&found.len()), "{}", found.len());
        assert!(found.iter().any(|one| one.site == format!("host-{}.test:443", 3 * MAX_KINDS - 1)));
    }
}
