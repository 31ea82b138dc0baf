//! One rule: when it applies, and what it does then.

use std::sync::Arc;

use ipnet::IpNet;
use jiff::tz::TimeZone;

use super::barrier::Barrier;
use super::condition::{Asked, Condition, Stand, about};
use super::config::{Conditions, Effect, RuleConfig};
use super::index::About;
use super::listed::Listed;
use super::names::{NameTable, People};
use super::people::{self, Name};
use super::permit::Grant;
use super::route::Lane;
use super::schedule::{Holiday, Schedule};
use super::terms::Terms;
use super::trace::{Silent, Trace};
use super::wanted::Wanted;
use crate::identity::Realm;
use crate::wire::Destination;

/// A rule, as used.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    /// All of them must be met.
    when: Vec<Condition>,
    /// None of them may be met.
    unless: Vec<Condition>,
    pub(super) effect: Effect,
    pub(super) authenticate: bool,
    /// What proof it wants of who somebody is.
    pub(super) wanted: Option<Wanted>,
    pub(super) grant: Grant,
    /// What it puts before its destinations, where a person can pass that.
    pub(super) barrier: Option<Arc<Barrier>>,
    /// What its pages say, in the operator's words.
    pub(super) message: Option<Arc<str>>,
}

/// What rules are compiled with.
pub(super) struct Compiler<'a> {
    pub(super) realms: &'a [Realm],
    pub(super) holidays: Arc<[Holiday]>,
    pub(super) zone: TimeZone,
    pub(super) named: NameTable,
    pub(super) listed: Listed,
    /// The schedules that differ.
    pub(super) schedules: Vec<Arc<Schedule>>,
}

impl Compiler<'_> {
    pub(super) fn rule(&mut self, config: &RuleConfig) -> Rule {
        let lets_through = config.effect.lets_through();
        let name: Arc<str> = config.name.as_str().into();
        Rule {
            name: Arc::clone(&name),
            when: self.conditions(&config.conditions(), &config.realms, lets_through),
            // What is left out of a rule that blocks is let through by it, as far as it goes.
            unless: self.conditions(&config.not, &config.realms, !lets_through),
            effect: config.effect,
            authenticate: config.authenticate,
            wanted: Wanted::of(config),
            grant: Grant {
                lane: Lane { private: config.private, route: config.route.clone(), ..Lane::default() },
                is_monitored: config.effect == Effect::Monitor,
                is_overridden: config.effect == Effect::Block,
                finishes: config.finish,
                terms: Terms::of(
                    &name,
                    &config.headers,
                    config.limit.as_ref(),
                    config.inspection(),
                    config.scan.as_deref(),
                ),
            },
            barrier: Barrier::of(config, |groups| self.members(groups, &config.realms)).map(Arc::new),
            message: config.message.as_deref().map(Arc::from),
        }
    }

    /// The conditions, those first that cost least. `opens`: whether somebody gets further by being named in them.
    pub(super) fn conditions(&mut self, written: &Conditions, within: &[String], opens: bool) -> Vec<Condition> {
        let names_people = !written.users.is_empty() || !written.groups.is_empty();
        let methods: Vec<_> = written.methods.iter().map(|method| method.0.clone()).collect();
        let clients: Vec<_> = written.clients.iter().map(IpNet::trunc).collect();
        let schedule = written.schedule.as_ref().map(|written| Schedule::new(written, &self.holidays, &self.zone));
        let hosts = || Condition::Destinations(written.destinations.iter().cloned().collect());
        let found = [
            some(&written.kinds).map(Condition::Kinds),
            some(&methods).map(Condition::Methods),
            some(&written.networks).map(Condition::Networks),
            some(&written.listeners).map(Condition::Listeners),
            some(&written.ports).map(Condition::Ports),
            written.evidence.map(|least| Condition::Evidence(least.strength())),
            written.proven.map(Condition::Proven),
            written.risk.map(Condition::Risk),
            some(&written.realms).map(Condition::Realms),
            (!written.destinations.is_empty()).then(hosts),
            some(&clients).map(Condition::Clients),
            some(&written.lists).map(|names| Condition::Lists(self.listed.numbers(&names))),
            schedule.map(|schedule| Condition::Schedule(self.schedule(schedule))),
            some(&written.paths).map(Condition::Paths),
            some(&written.keywords).map(Condition::Keywords),
            names_people.then(|| Condition::People(self.people(written, within, opens))),
        ];
        found.into_iter().flatten().collect()
    }

    fn schedule(&mut self, schedule: Schedule) -> Arc<Schedule> {
        if let Some(same) = self.schedules.iter().find(|same| ***same == schedule) {
            return Arc::clone(same);
        }
        let schedule = Arc::new(schedule);
        self.schedules.push(Arc::clone(&schedule));
        schedule
    }

    /// Those who are let through by being in these groups.
    fn members(&mut self, groups: &[String], within: &[String]) -> People {
        self.people(&Conditions { groups: groups.to_vec(), ..Conditions::default() }, within, true)
    }

    fn people(&mut self, written: &Conditions, within: &[String], opens: bool) -> People {
        // The check of the configuration finds what can mean two. Nobody gets any further by such a name, and nobody
        // passes a rule that blocks it.
        let certain = |found: Vec<Name>| if found.len() > 1 && opens { vec![] } else { found };
        let users = written.users.iter().flat_map(|name| certain(people::people(name, self.realms, within)));
        let groups = written.groups.iter().flat_map(|name| certain(people::groups(name, self.realms, within)));
        let (users, groups) = (users.collect(), groups.collect());
        People::new(users, groups, &mut self.named)
    }
}

/// A list, unless it is empty.
fn some<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

impl Rule {
    /// Whether it applies. What cannot be known counts against whoever asks: nobody is let through by it, and nobody is
    /// spared by being left out; and whoever is not known at all gets no further by a rule that leaves some people out.
    /// The inside of a tunnel is another matter, because a rule about paths or methods is no rule about all that a host
    /// has.
    pub(super) fn matches<T: Trace>(&self, asked: &Asked<'_>, trace: &mut T) -> bool {
        self.matches_as(self.effect.lets_through(), asked, trace)
    }

    /// Whether it is a warning that may be meant here, although it does not apply. A warning lets through and takes away: in
    /// doubt it lets nobody through, and spares nobody whom something else lets through.
    pub(super) fn may_warn(&self, asked: &Asked<'_>) -> bool {
        self.effect == Effect::Warn && self.matches_as(false, asked, &mut Silent)
    }

    fn matches_as<T: Trace>(&self, lets_through: bool, asked: &Asked<'_>, trace: &mut T) -> bool {
        let mut matches = true;
        for condition in &self.when {
            let holds = condition.holds(asked, Stand { excludes: false, lets_through });
            trace.condition(condition, false, holds, asked.question);
            // Of somebody who may be meant, a rule that blocks takes it that they are.
            matches &= holds.unwrap_or(!lets_through && matches!(condition, Condition::People(_) | Condition::Risk(_)));
            if !matches && !T::WHOLE {
                return false;
            }
        }
        for condition in &self.unless {
            let holds = condition.holds(asked, Stand { excludes: true, lets_through });
            trace.condition(condition, true, holds, asked.question);
            matches &= !holds.unwrap_or(lets_through);
            if !matches && !T::WHOLE {
                return false;
            }
        }
        trace.rule(&self.name, self.effect, matches);
        matches
    }

    /// Whether it is about what is asked for, where from and when, whoever asks.
    pub(super) fn matches_place(&self, asked: &Asked<'_>) -> bool {
        let mut when = self.when.iter().filter(|condition| condition.is_of_place());
        let mut unless = self.unless.iter().filter(|condition| condition.is_of_place());
        // What cannot be known (a list that was never read) opens nothing, neither by being wanted nor by being left out.
        let lets_through = self.effect.lets_through();
        when.all(|condition| condition.holds(asked, self.stand(false)) == Some(true))
            && !unless.any(|condition| condition.holds(asked, self.stand(true)).unwrap_or(lets_through))
    }

    fn stand(&self, excludes: bool) -> Stand {
        Stand { excludes, lets_through: self.effect.lets_through() }
    }

    /// Whether it makes no difference to it who asks, and for what in particular.
    pub(super) fn is_for_anybody(&self) -> bool {
        self.when.iter().chain(&self.unless).all(Condition::is_of_place)
    }

    /// What it is about.
    pub(super) fn about(&self) -> About<'_> {
        about(&self.when)
    }

    /// All its conditions, those that leave out, too.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.when.iter().chain(&self.unless)
    }

    /// Whether it can be about this destination.
    pub(super) fn is_about(&self, destination: &Destination) -> bool {
        let may_hold = |condition: &Condition| match condition {
            Condition::Destinations(hosts) => hosts.contains(&destination.host),
            Condition::Ports(ports) => ports.iter().any(|ports| ports.have(destination.port)),
            _ => true,
        };
        self.when.iter().all(may_hold)
    }
}
