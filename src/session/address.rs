//! Which session a client address stands for, and whether it may stand for one at all.
//!
//! An address with too many people behind it is shared, whatever the operator thinks: it stops standing for anybody.

use std::net::IpAddr;
use std::time::Duration;

use dashmap::DashMap;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

use super::SessionId;
use super::corrections::{Corrections, Mark};
use super::store::Key;
use crate::clock::{SignedDuration, Timestamp, after};
use crate::seal::fingerprint;

/// People a minute on one address before it counts as shared.
const MAX_PEOPLE: usize = 3;

/// The minute.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// How long an address with too many people stands for nobody.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// How long it is remembered that the store knows nothing of an address.
const UNKNOWN: Duration = Duration::from_secs(1);

/// What a client address stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Binding {
    pub(super) session: Option<SessionId>,
    /// Who was bound lately, and when.
    people: Vec<(Key, Timestamp)>,
    paused_until: Timestamp,
}

impl Default for Binding {
    fn default() -> Self {
        Self { session: None, people: Vec::new(), paused_until: Timestamp::UNIX_EPOCH }
    }
}

impl Binding {
    /// Lets the address stand for a person's session from now on. False while too many people share it.
    pub(super) fn bind(&mut self, session: SessionId, person: Key, now: Timestamp) -> bool {
        if self.paused_until > now {
            return false;
        }
        self.people.retain(|(other, when)| *other != person && after(*when, WINDOW) > now);
        self.people.push((person, now));
        if self.people.len() > MAX_PEOPLE {
            *self = Self { paused_until: after(now, PAUSE), ..Self::default() };
            return false;
        }
        self.session = Some(session);
        true
    }

    /// How long it is good for, if its session is until `expires`.
    pub(super) fn expires(&self, expires: Timestamp, now: Timestamp) -> Timestamp {
        expires.max(self.paused_until).max(after(now, WINDOW))
    }
}

/// What is known here of client addresses.
#[derive(Debug)]
pub(super) struct Addresses {
    known: DashMap<IpAddr, Binding>,
    unknown: Cache<IpAddr, ()>,
    corrections: Corrections,
}

impl Default for Addresses {
    fn default() -> Self {
        let unknown = Cache::builder().max_capacity(100_000).time_to_live(UNKNOWN).build();
        Self { known: DashMap::new(), unknown, corrections: Corrections::default() }
    }
}

impl Addresses {
    /// The session that `client` stands for.
    pub(super) fn find(&self, client: IpAddr) -> Option<SessionId> {
        self.known.get(&client)?.session
    }

    /// What is known of `client`.
    pub(super) fn binding(&self, client: IpAddr) -> Option<Binding> {
        Some(self.known.get(&client)?.clone())
    }

    /// Whether the store need not be asked about `client`.
    pub(super) fn is_settled(&self, client: IpAddr) -> bool {
        self.known.contains_key(&client) || self.unknown.contains_key(&client)
    }

    /// Notes what `client` stands for; nothing, if the store knows nothing of it.
    fn set(&self, client: IpAddr, binding: Option<Binding>) {
        match binding {
            Some(binding) => {
                self.unknown.invalidate(&client);
                self.known.insert(client, binding);
            }
            None => self.unknown.insert(client, ()),
        }
    }

    /// Notes what `client` stands for from now on, unless somebody has changed that again since `mark`. What is being
    /// read of it is out of date.
    pub(super) fn change(&self, client: IpAddr, binding: Binding, mark: Mark) {
        self.corrections.correct(client);
        self.note(client, Some(binding), mark.corrected());
    }

    /// To be taken before the store is asked about `client`.
    pub(super) fn mark(&self, client: IpAddr) -> Mark {
        self.corrections.mark(client)
    }

    /// Notes what the store was found to say of `client`. False if somebody has known better since `mark`: it is to be
    /// asked again.
    pub(super) fn note(&self, client: IpAddr, binding: Option<Binding>, mark: Mark) -> bool {
        self.set(client, binding);
        let overtaken = self.corrections.overtook(client, mark);
        if overtaken {
            self.drop_known(client);
        }
        !overtaken
    }

    /// Forgets what is known of `client`: another node knows better.
    pub(super) fn forget(&self, client: IpAddr) {
        self.corrections.correct(client);
        self.drop_known(client);
    }

    fn drop_known(&self, client: IpAddr) {
        self.known.remove(&client);
        self.unknown.invalidate(&client);
    }

    /// Forgets what is known of all clients, but who shares an address.
    pub(super) fn forget_all(&self) {
        self.corrections.correct_all();
        self.unknown.invalidate_all();
        self.known.clear();
    }

    /// Undoes a binding, if it is still to this session.
    pub(super) fn unbind(&self, client: IpAddr, session: SessionId) {
        if let Some(mut binding) = self.known.get_mut(&client)
            && binding.session == Some(session)
        {
            binding.session = None;
        }
    }

    /// Forgets addresses that nobody needs remembered. `is_at_hand` says whether a session is.
    pub(super) fn sweep(&self, now: Timestamp, is_at_hand: impl Fn(SessionId) -> bool) {
        self.known.retain(|_, binding| {
            binding.people.retain(|(_, when)| after(*when, WINDOW) > now);
            binding.session.is_some_and(&is_at_hand) || binding.paused_until > now || !binding.people.is_empty()
        });
    }
}

/// The name of what a client address stands for, in the store.
pub(super) fn key(client: IpAddr) -> Key {
    fingerprint(&format!("address {client}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn session(number: u8) -> SessionId {
        SessionId([number; 16])
    }

    #[test]
    fn an_address_with_too_many_people_stands_for_nobody_for_a_while() {
        let mut binding = Binding::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        for (number, id) in [(1, "a"), (2, "b"), (3, "c"), (4, "a")] {
            assert!(binding.bind(session(number), fingerprint(id), at(number.into())), "{id}");
            assert_eq!(binding.session, Some(session(number)));
        }
        assert!(!binding.bind(session(5), fingerprint("d"), at(10)), "the fourth person in a minute");
        assert_eq!(binding.session, None);
        assert!(!binding.bind(session(6), fingerprint("a"), at(309)));
        assert!(binding.bind(session(6), fingerprint("a"), at(310)));
    }

    #[test]
    fn people_who_come_one_after_another_in_the_course_of_a_day_are_no_crowd() {
        let mut binding = Binding::default();
        for number in 0..20_u8 {
            let now = Timestamp::from_second(i64::from(number) * 30).unwrap();
            assert!(binding.bind(session(number), fingerprint(&number.to_string()), now), "{number}");
        }
    }

    #[test]
    fn what_nobody_needs_is_swept() {
        let addresses = Addresses::default();
        let mut binding = Binding::default();
        binding.bind(session(1), fingerprint("a"), Timestamp::UNIX_EPOCH);
        addresses.change(HOME, binding, addresses.mark(HOME));
        let later = Timestamp::from_second(61).unwrap();
        addresses.sweep(later, |_| true);
        assert_eq!(addresses.find(HOME), Some(session(1)));
        addresses.unbind(HOME, session(2));
        assert_eq!(addresses.find(HOME), Some(session(1)), "another session's binding is left alone");
        addresses.sweep(later, |_| false);
        assert!(addresses.known.is_empty());
    }
}
