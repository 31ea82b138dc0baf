//! Holds people, clients and networks to the limits of what they are permitted: each has a share, which all their requests
//! and tunnels on this node take from.
//!
//! A share is found once for each request that is limited, in one shard of a concurrent map; what is taken from it is a
//! number that is changed atomically. Requests without a limit do not come here.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dashmap::{DashMap, Entry};

use crate::identity::block::SITE_TIMES;
use crate::identity::{ClientBlock, User};
use crate::net::paced::Pace;
use crate::net::{Bucket, Paced};
use crate::observe::Reason;
use crate::policy::limit::Limit;
use crate::policy::{Per, Permit};
use crate::wire::h1::Stream;

/// How many shares there are at most. Whoever would be one more has a share together with all others of whom that is so.
const MOST: usize = 100_000;

/// How many shares somebody looks at who finds no room for their own, so that no request pays for all of them.
const LOOKED_AT: usize = 16;

/// The shares of this node. They outlive configurations: a limit goes on under its rule's name.
#[derive(Debug)]
pub(super) struct Shares {
    all: DashMap<Key, Arc<Share>>,
    /// Whose they are, those first that were looked at longest ago: whoever finds no room looks at a few of them.
    turns: Mutex<VecDeque<Key>>,
    since: Instant,
    /// Counts the waits of whatever goes too fast.
    waits: Arc<AtomicU64>,
    most: usize,
}

/// Whose share it is, by the limit of which rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    rule: Arc<str>,
    whose: Whose,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    /// A realm, and the immutable ID of a person there.
    Person(String, String),
    Client(ClientBlock),
    /// All clients of one site together, which has several times as much as one of them.
    Site(ClientBlock),
    Network(Arc<str>),
    Everybody,
    /// Those for whom there is no share of their own.
    Crowd,
}

/// What one of those has.
#[derive(Debug, Default)]
struct Share {
    requests: Bucket,
    bytes: Arc<Bucket>,
    open: AtomicU32,
}

impl Share {
    /// Whether a new one would do as well. Whoever is about to take from it holds it, and only the map can give it to others,
    /// of which a shard is locked while this is asked.
    fn is_as_new(self: &Arc<Self>, now: u64) -> bool {
        let is_in_use = Arc::strong_count(self) > 1 || Arc::strong_count(&self.bytes) > 1;
        !is_in_use && self.requests.is_full(now) && self.bytes.is_full(now)
    }
}

/// Who takes from a share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taker<'a> {
    pub(super) user: Option<&'a User>,
    pub(super) client: IpAddr,
    pub(super) network: &'a Arc<str>,
    /// What the intercepted CONNECT around it has taken and still holds: nothing inside takes the same place once more.
    pub(super) held: Option<&'a Arc<[Open]>>,
}

/// What a request or tunnel has taken. What it counts as open is given back when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Taken {
    open: Vec<Open>,
    paces: Vec<Pace>,
    /// What is open around it, which lasts as long as this.
    held: Option<Arc<[Open]>>,
}

/// Whatever counts as open until it is dropped, and what is open around it.
pub(super) type Held = (Vec<Open>, Option<Arc<[Open]>>);

/// One place among those that may be open.
#[derive(Debug)]
pub(super) struct Open(Arc<Share>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Somebody has as much as they may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: the rule \"{rule}\" limits them")]
pub(super) struct Exhausted {
    /// The rule whose limit that is.
    pub(super) rule: Arc<str>,
    /// What there is too much of.
    pub(super) what: Excess,
    /// When to try again.
    pub(super) again: Duration,
}

impl Exhausted {
    /// When to try again, in whole seconds, at least one: what Retry-After says (RFC 9110 §10.2.3).
    pub(super) fn seconds(&self) -> u64 {
        self.again.as_secs() + 1
    }

    /// The word for the access record.
    pub(super) fn reason(&self) -> Reason {
        match self.what {
            Excess::Requests => Reason::TooManyRequests,
            Excess::Connections => Reason::TooManyConnections,
        }
    }
}

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Excess {
    #[error("too many requests in a short time")]
    Requests,
    #[error("too many connections at the same time")]
    Connections,
}

/// When whoever has too many open connections may try again: nobody knows when one ends.
const SOON: Duration = Duration::from_secs(5);

impl Default for Shares {
    fn default() -> Self {
        Self { all: DashMap::new(), turns: Mutex::default(), since: Instant::now(), waits: Arc::default(), most: MOST }
    }
}

impl Taken {
    /// The stream, held to the paces, if there are any.
    pub(super) fn pace(&mut self, stream: Stream) -> Stream {
        match std::mem::take(&mut self.paces) {
            none if none.is_empty() => stream,
            paces => Stream::Paced(Box::new(Paced::new(stream, paces))),
        }
    }

    /// Whatever counts as open until it is dropped.
    pub(super) fn into_open(self) -> Option<Held> {
        (!self.open.is_empty() || self.held.is_some()).then_some((self.open, self.held))
    }

    /// The same for an intercepted CONNECT, whose requests are inside of it. Each is held to its pace by itself.
    pub(super) fn into_held(self) -> Option<Arc<[Open]>> {
        (!self.open.is_empty()).then(|| self.open.into())
    }
}

impl Shares {
    /// Takes what one request or tunnel needs, from each share that it is to be taken from; if one has not as much, from
    /// none.
    pub(super) fn take(&self, permit: &Permit, taker: Taker<'_>) -> Result<Taken, Exhausted> {
        self.take_at(permit, taker, self.now())
    }

    fn take_at(&self, permit: &Permit, taker: Taker<'_>, now: u64) -> Result<Taken, Exhausted> {
        let mut taken = Taken { held: taker.held.cloned(), ..Taken::default() };
        let mut counted: Vec<(Arc<Share>, u64)> = Vec::new();
        let limits = permit.terms().iter().filter_map(|terms| Some((&terms.rule, terms.limit.as_ref()?)));
        let shares = limits.flat_map(|(rule, limit)| {
            let own = whose(limit.per, taker);
            let site = if let Whose::Client(_) = own { ClientBlock::site(taker.client) } else { None };
            let site = site.map(|site| (rule, limit, Whose::Site(site), SITE_TIMES));
            std::iter::once((rule, limit, own, 1)).chain(site)
        });
        for (rule, limit, whose, times) in shares {
            let share = self.share(rule, whose, now);
            let is_held = taker.held.is_some_and(|held| held.iter().any(|open| Arc::ptr_eq(&open.0, &share)));
            if let Err((what, again)) = self.take_from(&share, (limit, times, is_held), now, &mut taken, &mut counted) {
                // Nobody pays for what they do not get.
                counted.iter().for_each(|(share, cost)| share.requests.give_back(*cost));
                return Err(Exhausted { rule: Arc::clone(rule), what, again });
            }
        }
        Ok(taken)
    }

    /// Takes from one share, which has so many times as much as the limit says, and of which a place may be held already.
    fn take_from(
        &self,
        share: &Arc<Share>,
        (limit, times, is_held): (&Limit, u32, bool),
        now: u64,
        taken: &mut Taken,
        counted: &mut Vec<(Arc<Share>, u64)>,
    ) -> Result<(), (Excess, Duration)> {
        if let Some(most) = limit.connections.filter(|_| !is_held) {
            let most = most.saturating_mul(times);
            let one_more = |open: u32| (open < most).then_some(open + 1);
            let entered = share.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
            entered.map_err(|_| (Excess::Connections, SOON))?;
            taken.open.push(Open(Arc::clone(share)));
        }
        if let Some((each, burst)) = limit.pace_of_requests() {
            // The same time holds as many times as much, because each costs so much less of it.
            let (each, depth) = ((each / u64::from(times)).max(1), each.saturating_mul(burst));
            let took = share.requests.take(now, each, depth);
            took.map_err(|again| (Excess::Requests, again))?;
            counted.push((Arc::clone(share), each));
        }
        if let Some(rate) = limit.bytes_per_second() {
            let (bucket, rate) = (Arc::clone(&share.bytes), rate.saturating_mul(u64::from(times)));
            taken.paces.push(Pace { bucket, rate, since: self.since, waits: Arc::clone(&self.waits) });
        }
        Ok(())
    }

    fn share(&self, rule: &Arc<str>, whose: Whose, now: u64) -> Arc<Share> {
        let key = Key { rule: Arc::clone(rule), whose };
        if let Some(known) = self.all.get(&key) {
            return Arc::clone(&known);
        }
        if self.all.len() >= self.most {
            self.make_room(now);
        }
        let is_full = self.all.len() >= self.most && !matches!(key.whose, Whose::Network(_) | Whose::Everybody);
        let key = if is_full { Key { whose: Whose::Crowd, ..key } } else { key };
        match self.all.entry(key) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(free) => {
                let key = free.key().clone();
                let share = Arc::clone(&free.insert(Arc::default()));
                self.turns().push_back(key);
                share
            }
        }
    }

    /// Forgets shares of which all is there, among those few whose turn it is to be looked at.
    fn make_room(&self, now: u64) {
        for _ in 0..LOOKED_AT {
            let Some(key) = self.turns().pop_front() else { return };
            let forgotten = self.all.remove_if(&key, |_, share| share.is_as_new(now));
            if forgotten.is_none() && self.all.contains_key(&key) {
                self.turns().push_back(key);
            }
        }
    }

    /// Forgets shares of which all is there: a new one would be the same. Of others, the map is gone through: what does so
    /// is no request.
    pub(super) fn sweep(&self) {
        let now = self.now();
        self.all.retain(|_, share| !share.is_as_new(now));
        self.turns().retain(|key| self.all.contains_key(key));
    }

    fn turns(&self) -> MutexGuard<'_, VecDeque<Key>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often something has had to wait, because it went too fast.
    pub(super) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    /// How many shares there are.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn whose(per: Per, taker: Taker<'_>) -> Whose {
    // All guests have one name.
    match (per, taker.user.filter(|user| !user.is_guest())) {
        (Per::Person, Some(user)) => Whose::Person(user.realm.clone(), user.id.clone()),
        (Per::Person, None) | (Per::Client, _) => Whose::Client(ClientBlock::of(taker.client)),
        (Per::Network, _) => Whose::Network(Arc::clone(taker.network)),
        (Per::Everybody, _) => Whose::Everybody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Groups, Networks};
    use crate::policy::{Access, Policy, Question, Store, Subject, Verdict};
    use crate::wire::{Destination, RequestKind, Scheme};

    const SECOND: u64 = 1_000_000_000;

    fn permit(limits: &[&str]) -> Permit {
        let rules = limits.iter().enumerate();
        let rules = rules.map(|(at, limit)| format!("[[standing]]\nname = 'limit {at}'\nlimit = {{ {limit} }}\n"));
        let policy = Policy::new(&toml::from_str(&rules.collect::<String>()).unwrap(), &[], []);
        let network = toml::from_str("name = 'open'\naddresses = ['192.0.2.0/24']\nsign_in = 'none'").unwrap();
        let networks = Networks::new(&[network]);
        let destination = Arc::new(Destination::of_authority(Scheme::Http, "a.test").unwrap());
        let access = Access::Request(RequestKind::Tool);
        let network = networks.of([192, 0, 2, 7].into());
        match policy.decide(&Question::plain(Subject::Nobody, network, &destination, access, Store::Known)) {
            Verdict::Permit(permit) => permit,
            other => panic!("{other:?}"),
        }
    }

    fn user(name: &str) -> User {
        User { groups: Groups::Known(vec![]), ..User::named("contoso", name) }
    }

    fn taker<'a>(user: Option<&'a User>, client: &str, network: &'a Arc<str>) -> Taker<'a> {
        Taker { user, client: client.parse().unwrap(), network, held: None }
    }

    /// How many of 100 requests at one moment get through.
    fn through(shares: &Shares, permit: &Permit, taker: Taker<'_>, now: u64) -> usize {
        (0..100).filter(|_| shares.take_at(permit, taker, now).is_ok()).count()
    }

    #[test]
    fn each_person_client_or_network_has_a_share_and_nobody_takes_from_anothers() {
        let (office, lobby): (Arc<str>, Arc<str>) = ("office".into(), "lobby".into());
        let (eve, bob, guest) = (user("eve"), user("bob"), User::guest(String::new()));
        let eves = taker(Some(&eve), "10.0.0.1", &office);
        let others = [
            // Another person at the same address; the same person elsewhere; another guest; nobody known.
            (taker(Some(&bob), "10.0.0.1", &office), [5, 0, 0, 0]),
            (taker(Some(&eve), "10.0.0.2", &lobby), [0, 5, 5, 0]),
            (taker(Some(&guest), "10.0.0.3", &lobby), [5, 5, 0, 0]),
            (taker(Some(&guest), "10.0.0.4", &lobby), [5, 5, 0, 0]),
            (taker(None, "10.0.0.3", &lobby), [0, 0, 0, 0]),
        ];
        for (column, per) in ["person", "client", "network", "everybody"].into_iter().enumerate() {
            let shares = Shares::default();
            let permit = permit(&[&format!("requests = '1/s', burst = 5, per = '{per}'")]);
            assert_eq!(through(&shares, &permit, eves, 0), 5, "{per}");
            for (number, (other, wanted)) in others.iter().enumerate() {
                assert_eq!(through(&shares, &permit, *other, 0), wanted[column], "{per}: {number}");
            }
            assert_eq!(through(&shares, &permit, eves, 2 * SECOND), 2, "{per}");
        }
    }

    #[test]
    fn who_is_refused_by_one_limit_pays_nothing_to_another() {
        let network = "office".into();
        let (shares, eve, bob) = (Shares::default(), user("eve"), user("bob"));
        let permit = permit(&["requests = '1/s', burst = 10, per = 'network'", "requests = '1/s', burst = 3"]);
        assert_eq!(through(&shares, &permit, taker(Some(&eve), "10.0.0.1", &network), 0), 3);
        let exhausted = shares.take_at(&permit, taker(Some(&eve), "10.0.0.1", &network), 0).unwrap_err();
        assert_eq!((&*exhausted.rule, exhausted.what), ("limit 1", Excess::Requests));
        assert_eq!(exhausted.again, Duration::from_secs(1));
        // Seven are left for the others on the network.
        let left: usize = ["a", "b", "c"]
            .map(user)
            .iter()
            .map(|one| through(&shares, &permit, taker(Some(one), "10.0.0.1", &network), 0))
            .sum();
        assert_eq!(left, 7);
        assert_eq!(through(&shares, &permit, taker(Some(&bob), "10.0.0.1", &network), 0), 0);
    }

    #[test]
    fn what_is_open_counts_until_it_is_closed_however_many_ask_at_once() {
        let network: Arc<str> = "office".into();
        let (shares, eve) = (Shares::default(), user("eve"));
        let permit = permit(&["connections = 10"]);
        let held: Vec<Taken> = std::thread::scope(|scope| {
            let ask =
                || (0..50).filter_map(|_| shares.take(&permit, taker(Some(&eve), "10.0.0.1", &network)).ok()).collect();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().flat_map(|thread| -> Vec<Taken> { thread.join().unwrap() }).collect()
        });
        assert_eq!(held.len(), 10);
        let ask = || shares.take(&permit, taker(Some(&eve), "10.0.0.1", &network));
        assert_eq!(ask().unwrap_err().what, Excess::Connections);
        shares.sweep();
        assert!(ask().is_err(), "what is in use is not forgotten");
        let mut held = held.into_iter().filter_map(Taken::into_open);
        drop(held.next());
        let one = ask().unwrap();
        assert!(ask().is_err());
        drop((held, one));
        shares.sweep();
        assert_eq!(shares.count(), 0, "what is as new is forgotten");
    }

    #[test]
    fn there_are_no_more_shares_than_may_be_and_those_without_one_share_one() {
        let network: Arc<str> = "office".into();
        let shares = Shares { most: 50, ..Shares::default() };
        let permit = permit(&["requests = '1/s', burst = 2"]);
        let people: Vec<User> = (0..200).map(|number| user(&format!("p{number}"))).collect();
        let ask = |one: &User, now| shares.take_at(&permit, taker(Some(one), "10.0.0.1", &network), now).is_ok();
        let through = people.iter().flat_map(|one| [one, one, one]).filter(|one| ask(one, 0)).count();
        assert_eq!((shares.count(), through), (51, 50 * 2 + 2));
        // When the first ones have all that they may have again, there is room; whoever comes looks at a few of them only.
        let before = shares.count();
        assert!(ask(people.last().unwrap(), 10 * SECOND));
        assert_eq!(shares.count(), before - LOOKED_AT + 1);
        for one in &people[100..] {
            ask(one, 10 * SECOND);
        }
        let own = |shares: &Shares| shares.all.iter().filter(|share| share.key().whose != Whose::Crowd).count();
        assert_eq!((own(&shares), shares.turns().len() >= own(&shares)), (50, true), "there are no more than may be");
        shares.sweep();
        assert!(shares.turns().len() <= shares.count(), "what is gone is not looked at any more");
    }

    #[test]
    fn a_site_of_ipv6_has_as_much_as_a_few_of_its_networks() {
        let network: Arc<str> = "office".into();
        let times = usize::try_from(SITE_TIMES).unwrap();
        let at = |number: usize, site: u16| format!("2001:db8:{site:x}:{number:x}::1");
        for (limit, each) in [("requests = '1/h', burst = 5, per = 'client'", 5), ("connections = 2", 2)] {
            let (shares, permit) = (Shares::default(), permit(&[limit]));
            let mut held = Vec::new();
            let mut through = |site: u16, number: usize, now: u64| {
                let taken =
                    (0..10).filter_map(|_| shares.take_at(&permit, taker(None, &at(number, site), &network), now).ok());
                let before = held.len();
                held.extend(taken);
                held.len() - before
            };
            assert_eq!(through(1, 0, 0), each, "{limit}");
            let all: usize = (1..100).map(|number| through(1, number, 0)).sum();
            assert_eq!(all + each, times * each, "{limit}");
            assert_eq!(through(2, 0, 0), each, "another site: {limit}");
        }
    }
}
