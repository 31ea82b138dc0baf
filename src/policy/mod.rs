//! Decides what happens to a request. A [`Permit`] is made here and nowhere else, and nothing is dialled without one.
//!
//! Order: blocked list, walled garden, sign-in, approved list, rules (the first that matches), default.

mod look;
mod matcher;
pub mod people;
mod route;

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use serde::Deserialize;

use crate::clock::SignedDuration;
use crate::identity::network::{SignIn, Unidentified};
use crate::identity::{Groups, Network, Realm, User};
use crate::wire::Destination;
pub use matcher::{Hosts, Pattern};
use people::Name;
pub use route::{Hop, Lane, Route};

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
    /// What happens when no rule matches.
    pub default: Effect,
    /// The rules, in order.
    #[serde(rename = "rule")]
    pub rules: Vec<RuleConfig>,
}

/// One `[[policy.rule]]`, as written. A condition that is left out matches everything.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// The name that records and the denied page show.
    pub name: String,
    /// Names of realms: of the people whom these vouch for.
    #[serde(default)]
    pub realms: Vec<String>,
    /// People, by the configured identity claim or their object ID; `realm/name` where a name could mean two.
    #[serde(default)]
    pub users: Vec<String>,
    /// Groups, named as the assertion names them; `realm/group` where there are several realms.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Names of networks.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Destinations.
    #[serde(default)]
    pub destinations: Vec<Pattern>,
    /// What happens to a request that meets all conditions.
    pub effect: Effect,
    /// False: nobody is asked to sign in for these destinations. Such a rule cannot name users or groups.
    #[serde(default = "yes")]
    pub authenticate: bool,
    /// How long ago people may have proven who they are. Whoever did so earlier is asked once more.
    #[serde(default, deserialize_with = "crate::units::optional_signed_duration")]
    pub reauthenticate: Option<SignedDuration>,
    /// True: the destinations may resolve to private addresses.
    #[serde(default)]
    pub private: bool,
    /// The way to the destinations. Default: what `[egress]` says.
    pub route: Option<Route>,
}

fn yes() -> bool {
    true
}

/// What a rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The request is forwarded.
    #[default]
    Allow,
    /// The request is refused.
    Block,
}

/// What is to be decided.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Who asks, when it is known.
    pub user: Option<&'a User>,
    /// How long ago they proved who they are.
    pub proven: Option<SignedDuration>,
    /// Where they ask from.
    pub network: &'a Network,
    /// What they ask for.
    pub destination: &'a Destination,
}

/// What was decided.
#[derive(Debug)]
pub enum Decision {
    /// Nobody is known, and somebody must be.
    Authenticate,
    /// Somebody is known, and proved who they are too long ago for this.
    Reauthenticate(Stale),
    /// The request is refused.
    Deny(Denial),
    /// The request may be forwarded.
    Permit(Permit),
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The rule that refused.
    pub rule: Arc<str>,
}

/// A proof that is too old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// The rule that wants a younger one.
    pub rule: Arc<str>,
    /// How old it may be.
    pub within: SignedDuration,
}

/// Leave to forward one request. Whoever dials takes one by value.
#[derive(Debug)]
pub struct Permit {
    rule: Arc<str>,
    lane: Lane,
}

impl Permit {
    /// Leave for a request of our own, to an address that the operator wrote down. It may be private: they know.
    pub fn for_operator(purpose: &str) -> Self {
        Self { rule: purpose.into(), lane: Lane { private: true, route: None } }
    }

    /// The rule that allowed the request.
    pub fn rule(&self) -> &Arc<str> {
        &self.rule
    }

    /// Whether the destination may resolve to a private address.
    pub fn opens_private(&self) -> bool {
        self.lane.private
    }

    /// The way to the destination, if the rule names one.
    pub fn route(&self) -> Option<&Route> {
        self.lane.route.as_ref()
    }

    /// Which connections to the origin may serve the request: those that were opened in the same lane.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }
}

/// The hosts that sign-in itself needs: part of the walled garden, whatever the configuration says. They change when an
/// identity provider does.
#[derive(Debug, Default)]
pub struct Garden(ArcSwap<Hosts>);

impl Garden {
    /// Puts these hosts in the place of those that were there.
    pub fn plant(&self, hosts: impl IntoIterator<Item = Pattern>) {
        self.0.store(Arc::new(hosts.into_iter().collect()));
    }
}

/// The policy, as used.
#[derive(Debug)]
pub struct Policy {
    walled_garden: Hosts,
    garden: Arc<Garden>,
    approved: Hosts,
    blocked: Hosts,
    rules: Vec<Rule>,
    default: Effect,
    names: Names,
}

#[derive(Debug)]
struct Rule {
    name: Arc<str>,
    realms: Vec<String>,
    users: Vec<Name>,
    groups: Vec<Name>,
    /// Whether it is about some people only.
    names_somebody: bool,
    networks: Vec<String>,
    destinations: Option<Hosts>,
    effect: Effect,
    authenticate: bool,
    reauthenticate: Option<SignedDuration>,
    lane: Lane,
}

/// The names of what decides without being a rule; shared, so that a decision allocates nothing.
#[derive(Debug)]
struct Names {
    walled_garden: Arc<str>,
    approved: Arc<str>,
    blocked: Arc<str>,
    default: Arc<str>,
    unidentified: Arc<str>,
    offline: Arc<str>,
}

impl Policy {
    /// Compiles the policy for the people of these realms. `garden` are the hosts that sign-in itself needs.
    pub fn new(config: &Config, realms: &[Realm], garden: Arc<Garden>) -> Self {
        Self {
            walled_garden: config.walled_garden.iter().cloned().collect(),
            garden,
            approved: config.approved.iter().cloned().collect(),
            blocked: config.blocked.iter().cloned().collect(),
            rules: config.rules.iter().map(|rule| Rule::new(rule, realms)).collect(),
            default: config.default,
            names: Names {
                walled_garden: "walled-garden".into(),
                approved: "approved-list".into(),
                blocked: "blocked-list".into(),
                default: "default".into(),
                unidentified: "unidentified".into(),
                offline: "offline".into(),
            },
        }
    }

    /// Decides one request.
    pub fn evaluate(&self, query: Query<'_>) -> Decision {
        let host = &query.destination.host;
        // What an identity provider says of itself opens nothing that the operator has closed.
        if self.blocked.contains(host) {
            return deny(&self.names.blocked);
        }
        if self.is_walled_garden(query.destination) {
            return permit(&self.names.walled_garden, &Lane::default());
        }
        let open = self.rules.iter().find(|rule| !rule.authenticate && rule.matches(&query));
        if let Some(rule) = open {
            return rule.decide(&query);
        }
        if query.user.is_none() && query.network.sign_in == SignIn::Required {
            return Decision::Authenticate;
        }
        match self.decide_identified(&query) {
            Decision::Reauthenticate(stale) if query.user.is_none() => match query.network.sign_in {
                SignIn::None => deny(&stale.rule),
                SignIn::Required | SignIn::Optional => Decision::Authenticate,
            },
            decision => decision,
        }
    }

    /// Decides a request of somebody who must sign in and cannot be asked to: a tool, a sub-resource.
    pub fn evaluate_unidentified(&self, query: Query<'_>) -> Decision {
        if query.network.unidentified == Unidentified::Refuse {
            return deny(&self.names.unidentified);
        }
        match self.decide_identified(&query) {
            Decision::Reauthenticate(stale) => deny(&stale.rule),
            decision => decision,
        }
    }

    /// Decides a request of somebody who must sign in, while nobody can: by the default rule, or `open` to all.
    pub fn evaluate_offline(&self, open: bool) -> Decision {
        if open || self.default == Effect::Allow {
            return permit(&self.names.offline, &Lane::default());
        }
        deny(&self.names.offline)
    }

    fn decide_identified(&self, query: &Query<'_>) -> Decision {
        if self.approved.contains(&query.destination.host) {
            return permit(&self.names.approved, &Lane::default());
        }
        match self.rules.iter().find(|rule| rule.matches(query)) {
            Some(rule) => rule.decide(query),
            None if self.default == Effect::Allow => permit(&self.names.default, &Lane::default()),
            None => deny(&self.names.default),
        }
    }

    /// Decides a CORS preflight of somebody unknown: it never carries who asks, so it is passed where anybody at all
    /// could be allowed.
    pub fn evaluate_preflight(&self, query: Query<'_>) -> Decision {
        self.decide_identified(&Query { proven: Some(SignedDuration::ZERO), ..query })
    }

    /// Whether a rule may let somebody reach this destination on a private address, or by a way on which its name means
    /// another address.
    pub fn may_open_private(&self, destination: &Destination) -> bool {
        let names = |rule: &Rule| rule.destinations.as_ref().is_none_or(|hosts| hosts.contains(&destination.host));
        self.rules.iter().any(|rule| (rule.lane.private || rule.lane.route.is_some()) && names(rule))
    }

    /// Whether nobody may reach this host.
    pub fn is_blocked(&self, host: &url::Host<String>) -> bool {
        self.blocked.contains(host)
    }

    /// Whether requests for this destination need no sign-in at all, unless they are blocked.
    pub fn is_walled_garden(&self, destination: &Destination) -> bool {
        self.walled_garden.contains(&destination.host) || self.garden.0.load().contains(&destination.host)
    }
}

fn permit(rule: &Arc<str>, lane: &Lane) -> Decision {
    Decision::Permit(Permit { rule: Arc::clone(rule), lane: lane.clone() })
}

fn deny(rule: &Arc<str>) -> Decision {
    Decision::Deny(Denial { rule: Arc::clone(rule) })
}

impl Rule {
    fn new(config: &RuleConfig, realms: &[Realm]) -> Self {
        let destinations = &config.destinations;
        // The check of the configuration finds what can mean two. Nobody is let through by such a name, and nobody
        // passes a rule that blocks it.
        let certain = |found: Vec<Name>| if found.len() > 1 && config.effect == Effect::Allow { vec![] } else { found };
        let users = config.users.iter().flat_map(|name| certain(people::people(name, realms, &config.realms)));
        let groups = config.groups.iter().flat_map(|name| certain(people::groups(name, realms, &config.realms)));
        Self {
            name: config.name.as_str().into(),
            realms: config.realms.clone(),
            users: users.collect(),
            groups: groups.collect(),
            names_somebody: !config.users.is_empty() || !config.groups.is_empty(),
            networks: config.networks.clone(),
            destinations: (!destinations.is_empty()).then(|| destinations.iter().cloned().collect()),
            effect: config.effect,
            authenticate: config.authenticate,
            // Whoever is not asked for a name has proven nothing.
            reauthenticate: config.reauthenticate.filter(|_| config.authenticate),
            lane: Lane { private: config.private, route: config.route.clone() },
        }
    }

    fn matches(&self, query: &Query<'_>) -> bool {
        self.matches_place(query) && self.matches_user(query.user)
    }

    /// Whether it is about what is asked for, and where from.
    fn matches_place(&self, query: &Query<'_>) -> bool {
        self.destinations.as_ref().is_none_or(|hosts| hosts.contains(&query.destination.host))
            && (self.networks.is_empty() || self.networks.iter().any(|name| **name == *query.network.name))
    }

    /// A person is meant when they are named, or when one of their groups is; by their own realm in any case.
    fn matches_user(&self, user: Option<&User>) -> bool {
        if self.realms.is_empty() && !self.names_somebody {
            return true;
        }
        let Some(user) = user else { return false };
        let of_realm = self.realms.is_empty() || self.realms.contains(&user.realm);
        of_realm && (!self.names_somebody || self.names(user))
    }

    fn names(&self, user: &User) -> bool {
        self.users.iter().any(|name| name.is_of(user))
            || match &user.groups {
                Groups::Known(groups) => self.groups.iter().any(|name| name.is_among(groups, user)),
                // Whether the person is in the group is not known: a rule that blocks it applies, one that allows it
                // does not.
                Groups::Unknown => {
                    self.effect == Effect::Block && self.groups.iter().any(|name| name.realm() == user.realm)
                }
            }
    }

    fn decide(&self, query: &Query<'_>) -> Decision {
        match (self.effect, self.reauthenticate) {
            (Effect::Block, _) => deny(&self.name),
            (Effect::Allow, Some(within)) if query.proven.is_none_or(|proven| proven > within) => {
                Decision::Reauthenticate(Stale { rule: Arc::clone(&self.name), within })
            }
            (Effect::Allow, _) => permit(&self.name, &self.lane),
        }
    }
}

/// The address that a host is, when it is one.
fn literal(host: &url::Host<String>) -> Option<IpAddr> {
    match host {
        url::Host::Domain(_) => None,
        url::Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        url::Host::Ipv6(address) => Some(IpAddr::V6(*address).to_canonical()),
    }
}

#[cfg(test)]
mod tests;
