//! One condition of a rule, and whether it is met.

use std::net::IpAddr;
use std::sync::Arc;

use http::Method;
use ipnet::IpNet;

use super::index::About;
use super::listed::{Answers, Sought};
use super::matcher::Hosts;
use super::names::{People, Who};
use super::risk::RiskLevels;
use super::schedule::Schedule;
use super::visible::{Keyword, PathPrefix, Target};
use super::words::AccessKind;
use super::{Access, Question, Subject};
use crate::clock::SignedDuration;
use crate::identity::{Strength, Surrogate};
use crate::lists::path::Quorum;
use crate::net::Ports;
use crate::wire::RequestKind;

/// One condition. Those that cost less come first.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Kinds(Vec<AccessKind>),
    Methods(Vec<Method>),
    Networks(Vec<String>),
    Listeners(Vec<String>),
    Ports(Vec<Ports>),
    Evidence(Strength),
    /// How long ago, at most, whoever asks proved who they are.
    Proven(SignedDuration),
    /// The risk of their account.
    Risk(RiskLevels),
    Realms(Vec<String>),
    Destinations(Hosts),
    Clients(Vec<IpNet>),
    /// The numbers of lists.
    Lists(Vec<usize>),
    Schedule(Arc<Schedule>),
    Paths(Vec<PathPrefix>),
    Keywords(Vec<Keyword>),
    People(People),
}

/// A question, and what was found out about it on the way.
pub(super) struct Asked<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) who: Who<'a>,
    pub(super) lists: Answers<'a>,
    /// The path and query; none where nobody sees them.
    pub(super) target: Option<Target<'a>>,
    /// A proof that is not there, to find out what would be decided if it were.
    pub(super) supposed: Option<Supposed>,
}

/// A proof of who asks that somebody does not have, and could give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Supposed {
    /// How sure it would be who asks; none where that stays as it is.
    pub(super) strength: Option<Strength>,
    /// How long ago they would have proved it; none where that stays as it is.
    pub(super) proven: Option<SignedDuration>,
}

impl Asked<'_> {
    /// What lists are asked about.
    pub(super) fn place(&self) -> Sought<'_> {
        (&self.question.destination.host, self.target.as_ref().map(Target::path))
    }

    /// How sure it is who asks.
    fn strength(&self) -> Strength {
        let is = match self.question.subject {
            Subject::Somebody { surrogate, .. } => surrogate.strength(),
            Subject::Nobody | Subject::Untold => Surrogate::None.strength(),
        };
        self.supposed.and_then(|supposed| supposed.strength).unwrap_or(is)
    }

    /// How long ago whoever asks proved who they are; none of nobody.
    fn proven(&self) -> Option<SignedDuration> {
        let is = match self.question.subject {
            Subject::Somebody { proven, .. } => Some(proven),
            Subject::Nobody => None,
            Subject::Untold => Some(SignedDuration::MIN),
        };
        self.supposed.and_then(|supposed| supposed.proven).or(is)
    }
}

/// What a condition is to its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stand {
    /// Whether it is one of those that leave out.
    pub(super) excludes: bool,
    /// Whether the rule lets through.
    pub(super) lets_through: bool,
}

impl Stand {
    /// How many readings of a path must meet it: whoever gets further by it does so only by all of them.
    fn quorum(self) -> Quorum {
        if self.lets_through == self.excludes { Quorum::One } else { Quorum::All }
    }

    /// Whether it leaves somebody out of what a rule lets through.
    fn takes_away(self) -> bool {
        self.excludes && self.lets_through
    }
}

impl Condition {
    /// Whether it is met. None where that cannot be known: somebody's groups, what is inside a tunnel; and, where a rule lets
    /// through all but some people, whether somebody is one of them whom nobody knows.
    pub(super) fn holds(&self, asked: &Asked<'_>, stand: Stand) -> Option<bool> {
        let (question, quorum) = (asked.question, stand.quorum());
        if stand.takes_away() && self.is_unknown_of_nobody(asked) && matches!(question.subject, Subject::Nobody) {
            return None;
        }
        Some(match self {
            Self::Kinds(kinds) => kinds.iter().any(|kind| kind.is(question.access)),
            Self::Methods(methods) => return methods_hold(methods, question),
            Self::Networks(names) => names.iter().any(|name| **name == *question.network.name),
            Self::Listeners(names) => names.iter().any(|name| **name == *question.listener),
            Self::Ports(ports) => ports.iter().any(|ports| ports.have(question.destination.port)),
            Self::Evidence(least) => asked.strength() >= *least,
            Self::Proven(within) => asked.proven().is_some_and(|proven| proven <= *within),
            Self::Risk(levels) => return levels.hold(question.subject, stand.takes_away()),
            Self::Realms(realms) => asked.who.user().is_some_and(|user| realms.contains(&user.realm)),
            Self::Destinations(hosts) => hosts.contains(&question.destination.host),
            Self::Clients(clients) => hold(clients, question.client),
            Self::Lists(numbers) => return asked.lists.any(numbers, asked.place(), quorum),
            Self::Schedule(schedule) => schedule.is_on(question.at, question.network.time_zone.as_ref()),
            Self::Paths(paths) => {
                let target = asked.target.as_ref()?;
                paths.iter().any(|prefix| prefix.begins(target, quorum))
            }
            Self::Keywords(words) => return keywords_hold(words, asked, quorum),
            Self::People(people) => return people.have(&asked.who),
        })
    }

    /// Whether it is about where something is asked for, where from and when, and not about who asks or for what in
    /// particular.
    pub(super) fn is_of_place(&self) -> bool {
        match self {
            Self::Networks(_)
            | Self::Listeners(_)
            | Self::Ports(_)
            | Self::Destinations(_)
            | Self::Clients(_)
            | Self::Lists(_)
            | Self::Schedule(_) => true,
            Self::Kinds(_)
            | Self::Methods(_)
            | Self::Evidence(_)
            | Self::Proven(_)
            | Self::Risk(_)
            | Self::Realms(_)
            | Self::Paths(_)
            | Self::Keywords(_)
            | Self::People(_) => false,
        }
    }

    /// Whether nobody can say of somebody who is not known whether it is met.
    fn is_unknown_of_nobody(&self, asked: &Asked<'_>) -> bool {
        match self {
            Self::People(_) | Self::Realms(_) | Self::Risk(_) => true,
            Self::Evidence(_) | Self::Proven(_) => asked.supposed.is_none(),
            _ => false,
        }
    }

    /// The word for it.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Kinds(_) => "kinds",
            Self::Methods(_) => "methods",
            Self::Networks(_) => "networks",
            Self::Listeners(_) => "listeners",
            Self::Ports(_) => "ports",
            Self::Evidence(_) => "evidence",
            Self::Proven(_) => "proven",
            Self::Risk(_) => "risk",
            Self::Realms(_) => "realms",
            Self::Destinations(_) => "destinations",
            Self::Clients(_) => "clients",
            Self::Lists(_) => "lists",
            Self::Schedule(_) => "schedule",
            Self::Paths(_) => "paths",
            Self::Keywords(_) => "keywords",
            Self::People(_) => "users or groups",
        }
    }
}

fn hold(clients: &[IpNet], client: IpAddr) -> bool {
    let client = client.to_canonical();
    clients.iter().any(|prefix| prefix.contains(&client))
}

/// What asks for a tunnel is a CONNECT; what is asked for inside, nobody sees.
fn methods_hold(methods: &[Method], question: &Question<'_>) -> Option<bool> {
    match question.method {
        Some(method) => Some(methods.contains(method)),
        None => methods.contains(&Method::CONNECT).then_some(true),
    }
}

/// A host is always seen.
fn keywords_hold(words: &[Keyword], asked: &Asked<'_>, quorum: Quorum) -> Option<bool> {
    if words.iter().any(|word| word.is_in_host(&asked.question.destination.host)) {
        return Some(true);
    }
    let target = asked.target.as_ref()?;
    Some(words.iter().any(|word| word.is_in_target(target, quorum)))
}

/// What a rule with these conditions is about.
pub(super) fn about(when: &[Condition]) -> About<'_> {
    let mut found = About { hosts: None, networks: None };
    for condition in when {
        match condition {
            Condition::Destinations(hosts) => found.hosts = Some(hosts),
            Condition::Networks(names) => found.networks = Some(names),
            _ => {}
        }
    }
    found
}

impl AccessKind {
    fn is(self, access: Access) -> bool {
        match access {
            Access::Connect(_) => self == Self::Tunnel,
            Access::Request(kind) => {
                self == match kind {
                    RequestKind::Navigation => Self::Navigation,
                    RequestKind::FormNavigation => Self::Form,
                    RequestKind::Preflight => Self::Preflight,
                    RequestKind::Probe => Self::Probe,
                    RequestKind::SubResource => Self::SubResource,
                    RequestKind::Tool => Self::Tool,
                }
            }
            Access::Look => false,
        }
    }
}
