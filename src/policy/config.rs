//! The `[policy]` section, as written.

use ipnet::IpNet;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::case::Case;
use super::headers::Headers;
use super::inspection::{Faults, Inspection, Otherwise};
use super::limit::Limit;
use super::matcher::Pattern;
use super::overriding::OverrideConfig;
use super::risk::RiskLevels;
use super::route::Route;
use super::schedule::{self, Holiday};
use super::visible::{Keyword, PathPrefix};
use super::words::{AccessKind, AtLeast, MethodName};
use crate::clock::SignedDuration;
use crate::net::Ports;

/// The `[policy]` section, as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Destinations that never need sign-in, besides the portal and the identity providers.
    pub walled_garden: Vec<Pattern>,
    /// Destinations that everybody who is signed in may reach, whatever the rules say.
    pub approved: Vec<Pattern>,
    /// Destinations that nobody may reach.
    pub blocked: Vec<Pattern>,
    /// Names of lists with such destinations.
    pub approved_lists: Vec<String>,
    /// Names of lists with destinations that nobody may reach.
    pub blocked_lists: Vec<String>,
    /// What happens when no rule matches: `allow` or `block`.
    pub default: Fallback,
    /// The time zone of schedules, on networks that have none of their own. Default: UTC.
    #[serde(deserialize_with = "crate::identity::network::time_zone")]
    pub time_zone: Option<TimeZone>,
    /// The days that schedules call `holiday`.
    pub holidays: Vec<Holiday>,
    /// The rules, in order.
    #[serde(rename = "rule")]
    pub rules: Vec<RuleConfig>,
    /// Rules that decide nothing, and hold for whatever is let through.
    pub standing: Vec<StandingConfig>,
    /// Cases that show how it decides.
    #[serde(rename = "test")]
    pub tests: Vec<Case>,
    /// Whether a policy counts as wrong that decides one of its cases otherwise. Default: false.
    pub must_pass: bool,
}

/// What the default does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// The request is forwarded.
    #[default]
    Allow,
    /// The request is refused.
    Block,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The request is forwarded.
    #[default]
    Allow,
    /// The request is forwarded, and its record says that it was to be watched for.
    Monitor,
    /// The request is forwarded once the person has read what the rule says.
    Warn,
    /// The request is refused.
    Block,
}

impl Effect {
    /// Whether anybody gets anywhere by it.
    pub fn lets_through(self) -> bool {
        self != Self::Block
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Monitor => "monitor",
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }
}

/// Makes the conditions of a rule, and those of what it leaves out, of one table, so that neither lacks what the other has.
macro_rules! conditions {
    ($($(#[$about:meta])+ $name:ident: $kind:ty,)+) => {
        /// What a rule leaves out (`not = { … }`): whatever meets any of these conditions.
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Conditions {
            $($(#[$about])+ pub $name: $kind,)+
        }

        /// One `[[policy.rule]]`, as written. A condition that is left out matches everything.
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct RuleConfig {
            /// The name that records and the denied page show.
            pub name: String,
            $($(#[$about])+ #[serde(default)] pub $name: $kind,)+
            /// What the rule leaves out: whatever meets any of these conditions.
            #[serde(default)]
            pub not: Conditions,
            /// What happens to a request that meets all conditions.
            pub effect: Effect,
            /// False: nobody is asked to sign in for these destinations. Such a rule cannot name users or groups.
            #[serde(default = "yes")]
            pub authenticate: bool,
            /// How long ago people may have proven who they are. Whoever did so earlier is asked once more.
            #[serde(default, deserialize_with = "crate::units::optional_signed_duration")]
            pub reauthenticate: Option<SignedDuration>,
            /// The ways of signing in that count for it, each by its exact AuthnContextClassRef. Whoever signed in in another
            /// one is asked to sign in in one of these. Default: any.
            #[serde(default)]
            pub authn_context: Vec<String>,
            /// True: the destinations may resolve to private addresses.
            #[serde(default)]
            pub private: bool,
            /// The way to the destinations. Default: what `[egress]` says.
            pub route: Option<Route>,
            /// What the rule's pages say besides its name, in the operator's words.
            pub message: Option<String>,
            /// How long a warning counts as read. Default: one hour.
            #[serde(default, deserialize_with = "crate::units::optional_signed_duration")]
            pub remember: Option<SignedDuration>,
            /// Who may open what the rule blocks, for a while. Default: nobody.
            #[serde(rename = "override")]
            pub overriding: Option<OverrideConfig>,
            /// Whether what is open when the hours of the rule end may finish. Default: false.
            #[serde(default)]
            pub finish: bool,
            /// Fields that are set and removed in requests that it lets through.
            #[serde(default)]
            pub headers: Headers,
            /// How much somebody may have of what it lets through.
            pub limit: Option<Limit>,
            /// Whether TLS is intercepted; left out, the rule does not say.
            pub intercept: Option<bool>,
            /// What may be wrong with an origin's certificate.
            #[serde(default)]
            pub accept: Faults,
            /// What becomes of a connection that is to be intercepted, and whose origin asks for a certificate of the
            /// client. Default: `refuse`.
            pub client_certificate: Option<Otherwise>,
            /// What becomes of a connection that is to be intercepted and cannot be read: no TLS, Encrypted Client Hello, no
            /// server name. Default: `refuse`.
            pub unreadable: Option<Otherwise>,
            /// The scanners (`[[icap]]`) that look at what passes; left out, the rule does not say, and an empty list spares it.
            pub scan: Option<Vec<String>>,
        }

        impl RuleConfig {
            /// The conditions that must all be met.
            pub fn conditions(&self) -> Conditions {
                Conditions { $($name: self.$name.clone(),)+ }
            }

            /// What it says of TLS.
            pub(super) fn inspection(&self) -> Inspection {
                Inspection {
                    intercept: self.intercept,
                    accept: self.accept,
                    client_certificate: self.client_certificate,
                    unreadable: self.unreadable,
                    names_hosts: !self.destinations.is_empty(),
                }
            }
        }

        /// One `[[policy.standing]]`, as written: it decides nothing, and holds for whatever is let through that meets all
        /// conditions. A condition that is left out matches everything.
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct StandingConfig {
            /// The name that records show.
            pub name: String,
            $($(#[$about])+ #[serde(default)] pub $name: $kind,)+
            /// What the rule leaves out: whatever meets any of these conditions.
            #[serde(default)]
            pub not: Conditions,
            /// Fields that are set and removed in requests.
            #[serde(default)]
            pub headers: Headers,
            /// How much somebody may have.
            pub limit: Option<Limit>,
            /// Whether TLS is intercepted; left out, the rule does not say.
            pub intercept: Option<bool>,
            /// What may be wrong with an origin's certificate.
            #[serde(default)]
            pub accept: Faults,
            /// What becomes of a connection that is to be intercepted, and whose origin asks for a certificate of the
            /// client. Default: `refuse`.
            pub client_certificate: Option<Otherwise>,
            /// What becomes of a connection that is to be intercepted and cannot be read: no TLS, Encrypted Client Hello, no
            /// server name. Default: `refuse`.
            pub unreadable: Option<Otherwise>,
            /// The scanners (`[[icap]]`) that look at what passes; left out, the rule does not say, and an empty list spares it.
            pub scan: Option<Vec<String>>,
        }

        impl StandingConfig {
            /// The conditions that must all be met.
            pub fn conditions(&self) -> Conditions {
                Conditions { $($name: self.$name.clone(),)+ }
            }

            /// What it says of TLS.
            pub(super) fn inspection(&self) -> Inspection {
                Inspection {
                    intercept: self.intercept,
                    accept: self.accept,
                    client_certificate: self.client_certificate,
                    unreadable: self.unreadable,
                    names_hosts: !self.destinations.is_empty(),
                }
            }
        }
    };
}

conditions! {
    /// Names of realms: of the people whom these vouch for.
    realms: Vec<String>,
    /// People, by the configured identity claim or their object ID; `realm/name` where a name could mean two.
    users: Vec<String>,
    /// Groups, named as the assertion names them; `realm/group` where there are several realms.
    groups: Vec<String>,
    /// Names of networks.
    networks: Vec<String>,
    /// Client addresses.
    #[serde(deserialize_with = "crate::identity::range::list")]
    clients: Vec<IpNet>,
    /// Names of listeners.
    listeners: Vec<String>,
    /// Destinations.
    destinations: Vec<Pattern>,
    /// Names of lists of destinations; `list/category` for a category of one.
    lists: Vec<String>,
    /// Ports of destinations.
    ports: Vec<Ports>,
    /// Beginnings of paths, where they are seen: not in tunnels.
    paths: Vec<PathPrefix>,
    /// What hosts hold, and paths and queries where they are seen.
    keywords: Vec<Keyword>,
    /// Methods. A tunnel is a CONNECT, whatever is asked in it.
    methods: Vec<MethodName>,
    /// Kinds of requests.
    kinds: Vec<AccessKind>,
    /// When.
    schedule: Option<schedule::Config>,
    /// How sure it must be, at least, who asks.
    evidence: Option<AtLeast>,
    /// How long ago, at most, they proved who they are.
    #[serde(deserialize_with = "crate::units::optional_signed_duration")]
    proven: Option<SignedDuration>,
    /// The risk of their account, as their directory has it.
    risk: Option<RiskLevels>,
}

fn yes() -> bool {
    true
}

impl StandingConfig {
    /// Whether all that it does is to spare somebody something.
    pub(super) fn only_gives(&self) -> bool {
        let (inspection, scan) = (self.inspection(), self.scan.as_ref());
        let spares = if inspection.is_empty() { scan.is_some() } else { inspection.only_gives() };
        self.headers.is_empty() && self.limit.is_none() && spares && scan.is_none_or(Vec::is_empty)
    }
}
