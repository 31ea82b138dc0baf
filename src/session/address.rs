//! Which session a client address stands for, and whether it may stand for one at all.
//!
//! An address with too many people behind it is shared, whatever the operator thinks: it stops standing for anybody.

use std::net::IpAddr;

use dashmap::DashMap;

use super::SessionId;
use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::User;
use crate::seal::fingerprint;

/// People a minute on one address before it counts as shared.
const MAX_PEOPLE: usize = 3;

/// The minute.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// How long an address with too many people stands for nobody.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// The sessions of client addresses.
#[derive(Debug, Default)]
pub(super) struct Addresses(DashMap<IpAddr, Binding>);

#[derive(Debug)]
struct Binding {
    session: Option<SessionId>,
    /// Who was bound lately, and when.
    people: Vec<([u8; 16], Timestamp)>,
    paused_until: Timestamp,
}

impl Default for Binding {
    fn default() -> Self {
        Self { session: None, people: Vec::new(), paused_until: Timestamp::MIN }
    }
}

impl Addresses {
    /// The session that `client` stands for.
    pub(super) fn find(&self, client: IpAddr) -> Option<SessionId> {
        self.0.get(&client)?.session
    }

    /// Lets `client` stand for a session from now on. False while too many people share the address.
    pub(super) fn bind(&self, client: IpAddr, session: SessionId, user: &User, now: Timestamp) -> bool {
        let mut binding = self.0.entry(client).or_default();
        if binding.paused_until > now {
            return false;
        }
        let person = fingerprint(&format!("{}\n{}", user.realm, user.id));
        binding.people.retain(|(other, when)| *other != person && after(*when, WINDOW) > now);
        binding.people.push((person, now));
        if binding.people.len() > MAX_PEOPLE {
            *binding = Binding { paused_until: after(now, PAUSE), ..Binding::default() };
            tracing::warn!(%client, "address stands for nobody: too many people sign in on it");
            return false;
        }
        binding.session = Some(session);
        true
    }

    /// Undoes a binding, if it is still to this session.
    pub(super) fn unbind(&self, client: IpAddr, session: SessionId) {
        if let Some(mut binding) = self.0.get_mut(&client)
            && binding.session == Some(session)
        {
            binding.session = None;
        }
    }

    /// Forgets addresses that nobody needs remembered. `is_live` says whether a session is.
    pub(super) fn sweep(&self, now: Timestamp, is_live: impl Fn(SessionId) -> bool) {
        self.0.retain(|_, binding| {
            binding.people.retain(|(_, when)| after(*when, WINDOW) > now);
            binding.session.is_some_and(&is_live) || binding.paused_until > now || !binding.people.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Groups;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn user(id: &str) -> User {
        User {
            realm: "contoso".into(),
            id: id.into(),
            name: id.into(),
            display_name: None,
            sam_account_name: None,
            upn: None,
            email: None,
            groups: Groups::Unknown,
        }
    }

    fn session(number: u8) -> SessionId {
        SessionId([number; 16])
    }

    #[test]
    fn an_address_with_too_many_people_stands_for_nobody_for_a_while() {
        let addresses = Addresses::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        for (number, id) in [(1, "a"), (2, "b"), (3, "c"), (4, "a")] {
            assert!(addresses.bind(HOME, session(number), &user(id), at(number.into())), "{id}");
            assert_eq!(addresses.find(HOME), Some(session(number)));
        }
        assert!(!addresses.bind(HOME, session(5), &user("d"), at(10)), "the fourth person in a minute");
        assert_eq!(addresses.find(HOME), None);
        assert!(!addresses.bind(HOME, session(6), &user("a"), at(309)));
        assert!(addresses.bind(HOME, session(6), &user("a"), at(310)));
    }

    #[test]
    fn people_who_come_one_after_another_in_the_course_of_a_day_are_no_crowd() {
        let addresses = Addresses::default();
        for number in 0..20_u8 {
            let now = Timestamp::from_second(i64::from(number) * 30).unwrap();
            assert!(addresses.bind(HOME, session(number), &user(&number.to_string()), now), "{number}");
        }
    }

    #[test]
    fn what_nobody_needs_is_swept() {
        let addresses = Addresses::default();
        addresses.bind(HOME, session(1), &user("a"), Timestamp::UNIX_EPOCH);
        let later = Timestamp::from_second(61).unwrap();
        addresses.sweep(later, |_| true);
        assert_eq!(addresses.find(HOME), Some(session(1)));
        addresses.unbind(HOME, session(2));
        assert_eq!(addresses.find(HOME), Some(session(1)), "another session's binding is left alone");
        addresses.sweep(later, |_| false);
        assert!(addresses.0.is_empty());
    }
}
