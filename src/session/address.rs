//! Which session a client address stands for, and whether it may stand for one at all.
//!
//! An address on which too many people sign in is shared, whatever the configuration says of its network: for a time it
//! stands for nobody.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use serde::{Deserialize, Serialize};

use super::SessionId;
use super::near::{Near, Table};
use super::store::Key;
use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::network::Lapse;
use crate::seal::fingerprint;

/// People a minute on one address before it counts as shared.
const MAX_PEOPLE: usize = 3;

/// The minute in which [`MAX_PEOPLE`] are counted.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// How long an address with too many people stands for nobody.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// How long this node remembers that the store knows nothing of an address.
const UNKNOWN: Duration = Duration::from_secs(1);

/// How far the last use that the store knows of may be behind the real one. After a restart, or on a node that has not
/// seen its traffic, an address lapses earlier by that much, which costs its person one redirect through the portal.
const TOUCH: SignedDuration = SignedDuration::from_mins(5);

/// What a client address stands for. What each request asks of it comes first, and stays there (`repr(C)`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C)]
pub(super) struct Binding {
    pub(super) session: Option<SessionId>,
    /// When it stops standing for the session, however much it is used.
    #[serde(default = "long_ago")]
    until: Timestamp,
    /// Seconds without a use after which it stands for nobody.
    #[serde(default)]
    idle: i64,
    /// Who was bound lately, and when.
    people: Vec<(Key, Timestamp)>,
    paused_until: Timestamp,
    /// Its last use, as far as the store knows.
    #[serde(default = "long_ago")]
    used: Timestamp,
}

fn long_ago() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

impl Default for Binding {
    fn default() -> Self {
        let (paused_until, until, used) = (long_ago(), long_ago(), long_ago());
        Self { session: None, people: Vec::new(), paused_until, until, used, idle: 0 }
    }
}

impl Binding {
    /// Lets the address stand for a person's session from now on. False while too many people share it.
    pub(super) fn bind(&mut self, session: SessionId, person: Key, now: Timestamp, lapse: Lapse) -> bool {
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
        (self.until, self.used, self.idle) = (after(now, lapse.lifetime), now, lapse.idle.as_secs());
        true
    }

    /// Lets the address stand for nobody, if it still stands for this session.
    pub(super) fn release(&mut self, session: SessionId) -> bool {
        let stands = self.session == Some(session);
        if stands {
            self.session = None;
        }
        stands
    }

    /// Notes that its person is at another address of the network by now. `used` is when this address was last used, as
    /// far as anybody knows. Once it has had no traffic for a `pause`, the person has left it, and it stands for
    /// nobody: from now on, or from the end of that pause. False if it stands for another session.
    pub(super) fn leave(&mut self, session: SessionId, used: Timestamp, pause: SignedDuration, now: Timestamp) -> bool {
        if pause.is_zero() || after(used.max(self.used), pause) <= now {
            return self.release(session);
        }
        let stands = self.session == Some(session);
        if stands {
            // The pause is counted anew: nodes that have it in use may not have said so yet.
            self.use_at(now);
            self.idle = self.idle.min(pause.as_secs());
        }
        stands
    }

    /// The latest time at which another node may have used it without having told the store yet.
    pub(super) fn used_on_others(&self) -> Timestamp {
        after(self.used, TOUCH)
    }

    /// Notes its last use.
    pub(super) fn use_at(&mut self, used: Timestamp) {
        self.used = self.used.max(used);
    }

    /// Until when the store keeps it, if it keeps its session until `expires`.
    pub(super) fn expires(&self, expires: Timestamp, now: Timestamp) -> Timestamp {
        expires.min(self.until).max(self.paused_until).max(after(now, WINDOW))
    }
}

/// Held by something that began at a client address, such as a tunnel: the address is in use for as long.
#[derive(Clone, Debug)]
pub struct InUse(#[expect(dead_code, reason = "that it is held is what counts")] Arc<()>);

/// A binding in memory. Its last use is in it, and not behind a pointer, because every request looks at it.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Known {
    /// When the address was last used, in seconds since the epoch.
    used: AtomicI64,
    binding: Binding,
    /// The last use that the store knows of.
    told: AtomicI64,
    /// While anybody else holds a reference to it, the address counts as in use.
    holders: Arc<()>,
}

impl Known {
    fn new(binding: Binding) -> Self {
        let used = binding.used.as_second();
        Self { used: AtomicI64::new(used), binding, told: AtomicI64::new(used), holders: Arc::default() }
    }

    /// What is known once the store has this to say.
    fn renew(&mut self, binding: Binding) {
        // Tunnels that are open hold on to the use of the address, whatever the store says of it.
        if self.binding.session == binding.session {
            let used = binding.used.as_second();
            self.used.fetch_max(used, Ordering::Relaxed);
            self.told.fetch_max(used, Ordering::Relaxed);
            self.binding = binding;
        } else {
            *self = Self::new(binding);
        }
    }

    fn is_held(&self) -> bool {
        Arc::strong_count(&self.holders) > 1
    }

    /// Whether it still stands for its session: its time is not over, and it has not gone unused for too long.
    fn stands(&self, now: Timestamp) -> bool {
        let quiet = || now.as_second().saturating_sub(self.used.load(Ordering::Relaxed));
        // Whether it is held is asked last: that takes another look at memory.
        self.binding.session.is_some() && self.binding.until > now && (quiet() < self.binding.idle || self.is_held())
    }

    fn touch(&self, now: Timestamp) {
        // Written only when it changes, so that the cache line stays shared between cores.
        if self.used.load(Ordering::Relaxed) < now.as_second() {
            self.used.fetch_max(now.as_second(), Ordering::Relaxed);
        }
    }
}

/// What is known here of client addresses.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) near: Near<IpAddr, DashMap<IpAddr, Known>>,
}

impl Default for Addresses {
    fn default() -> Self {
        Self { near: Near::new(DashMap::new(), UNKNOWN) }
    }
}

impl Table<IpAddr> for DashMap<IpAddr, Known> {
    type Record = Binding;
    type Held = ();

    fn note(&self, client: IpAddr, binding: Binding) -> Option<()> {
        match self.entry(client) {
            Entry::Occupied(mut held) => held.get_mut().renew(binding),
            Entry::Vacant(free) => drop(free.insert(Known::new(binding))),
        }
        Some(())
    }

    fn forget(&self, client: IpAddr) {
        self.remove(&client);
    }

    fn forget_all(&self) {
        self.clear();
    }
}

impl Addresses {
    /// The session that `client` stands for; finding it counts as using it.
    pub(super) fn find(&self, client: IpAddr, now: Timestamp) -> Option<SessionId> {
        let known = self.near.known().get(&client)?;
        if !known.stands(now) {
            return None;
        }
        known.touch(now);
        known.binding.session
    }

    /// Whether `client` stands for this session, and does so until `until` or longer.
    pub(super) fn stands_since(&self, client: IpAddr, session: SessionId, until: Timestamp, now: Timestamp) -> bool {
        let known = self.near.known().get(&client);
        known.is_some_and(|it| it.stands(now) && it.binding.session == Some(session) && it.binding.until >= until)
    }

    /// Keeps `client` in use until what is given is dropped.
    pub(super) fn hold(&self, client: IpAddr) -> Option<InUse> {
        Some(InUse(Arc::clone(&self.near.known().get(&client)?.holders)))
    }

    /// When `client` was last used here.
    pub(super) fn last_use(&self, client: IpAddr, now: Timestamp) -> Timestamp {
        let used = |known: &Known| Timestamp::from_second(known.used.load(Ordering::Relaxed)).unwrap_or(now);
        self.near.known().get(&client).map_or_else(long_ago, |known| if known.is_held() { now } else { used(&known) })
    }

    /// What is known of `client`.
    pub(super) fn binding(&self, client: IpAddr) -> Option<Binding> {
        Some(self.near.known().get(&client)?.binding.clone())
    }

    /// Whether the store need not be asked about `client`. It must be asked about one that has lapsed here: it may know
    /// of a later use, on another node.
    pub(super) fn is_settled(&self, client: IpAddr, now: Timestamp) -> bool {
        let known = self.near.known().get(&client);
        known.is_some_and(|known| known.binding.session.is_none() || known.stands(now))
    }

    /// Undoes a binding, if it is still to this session.
    pub(super) fn unbind(&self, client: IpAddr, session: SessionId) {
        if let Some(mut known) = self.near.known().get_mut(&client) {
            known.binding.release(session);
        }
    }

    /// The addresses of whose last use the store must be told, each with its session and that use. They count as told
    /// from then on, so the caller must tell the store.
    pub(super) fn untold(&self, now: Timestamp) -> Vec<(IpAddr, SessionId, Timestamp)> {
        let mut untold = Vec::new();
        for known in self.near.known() {
            if known.is_held() {
                known.touch(now);
            }
            let used = known.used.load(Ordering::Relaxed);
            if let (Some(session), Ok(at)) = (known.binding.session, Timestamp::from_second(used))
                && used.saturating_sub(known.told.load(Ordering::Relaxed))
                    >= TOUCH.as_secs().min(known.binding.idle / 2)
            {
                known.told.store(used, Ordering::Relaxed);
                untold.push((*known.key(), session, at));
            }
        }
        untold
    }

    /// Forgets addresses of which nothing needs to be remembered. `is_at_hand` says whether a session is.
    pub(super) fn sweep(&self, now: Timestamp, is_at_hand: impl Fn(SessionId) -> bool) {
        self.near.known().retain(|_, known| {
            let stands = known.stands(now);
            let binding = &mut known.binding;
            binding.people.retain(|(_, when)| after(*when, WINDOW) > now);
            stands && binding.session.is_some_and(&is_at_hand)
                || binding.paused_until > now
                || !binding.people.is_empty()
        });
    }
}

/// The key under which the store keeps what a client address stands for.
pub(super) fn key(client: IpAddr) -> Key {
    fingerprint(&format!("address {client}"))
}

/// The key under which the store keeps where a person was last seen on a network. IPv4 and IPv6 have one each: a device
/// may use both by turns.
pub(super) fn key_of_person(person: Key, network: &str, client: IpAddr) -> Key {
    let family = if client.is_ipv4() { 4 } else { 6 };
    fingerprint(&format!("address of {:032x} {family} {network}", u128::from_be_bytes(person)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_request_looks_at_stands_together() {
        let known = std::mem::offset_of!(Known, binding);
        assert!(known + std::mem::offset_of!(Binding, people) <= 64);
    }

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    const LAPSE: Lapse = Lapse {
        idle: SignedDuration::from_mins(30),
        lifetime: SignedDuration::from_hours(10),
        one_address: true,
        pause: SignedDuration::ZERO,
    };

    fn session(number: u8) -> SessionId {
        SessionId([number; 16])
    }

    #[test]
    fn an_address_with_too_many_people_stands_for_nobody_for_a_while() {
        let mut binding = Binding::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        for (number, id) in [(1, "a"), (2, "b"), (3, "c"), (4, "a")] {
            assert!(binding.bind(session(number), fingerprint(id), at(number.into()), LAPSE), "{id}");
            assert_eq!(binding.session, Some(session(number)));
        }
        assert!(!binding.bind(session(5), fingerprint("d"), at(10), LAPSE), "the fourth person in a minute");
        assert_eq!(binding.session, None);
        assert!(!binding.bind(session(6), fingerprint("a"), at(309), LAPSE));
        assert!(binding.bind(session(6), fingerprint("a"), at(310), LAPSE));
    }

    #[test]
    fn people_who_come_one_after_another_in_the_course_of_a_day_are_no_crowd() {
        let mut binding = Binding::default();
        for number in 0..20_u8 {
            let now = Timestamp::from_second(i64::from(number) * 30).unwrap();
            assert!(binding.bind(session(number), fingerprint(&number.to_string()), now, LAPSE), "{number}");
        }
    }

    #[test]
    fn what_nobody_needs_is_swept() {
        let addresses = Addresses::default();
        let mut binding = Binding::default();
        binding.bind(session(1), fingerprint("a"), Timestamp::UNIX_EPOCH, LAPSE);
        addresses.near.known().note(HOME, binding);
        let later = Timestamp::from_second(61).unwrap();
        addresses.sweep(later, |_| true);
        assert_eq!(addresses.find(HOME, later), Some(session(1)));
        addresses.unbind(HOME, session(2));
        assert_eq!(addresses.find(HOME, later), Some(session(1)), "another session's binding is left alone");
        addresses.sweep(later, |_| false);
        assert!(addresses.near.known().is_empty());
    }

    #[test]
    fn an_address_stands_for_a_person_while_they_use_it_and_for_a_working_day_at_most() {
        let addresses = Addresses::default();
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).unwrap();
        let mut binding = Binding::default();
        binding.bind(session(1), fingerprint("a"), at(0), LAPSE);
        addresses.near.known().note(HOME, binding.clone());
        for minutes in (0..600).step_by(29) {
            assert_eq!(addresses.find(HOME, at(minutes)), Some(session(1)), "{minutes}");
        }
        assert_eq!(addresses.find(HOME, at(600)), None, "a working day");
        assert!(!addresses.is_settled(HOME, at(600)), "the store may know better");
        addresses.near.known().note(HOME, binding);
        binding = Binding::default();
        binding.bind(session(2), fingerprint("b"), at(600), LAPSE);
        addresses.near.known().note(HOME, binding);
        assert_eq!(addresses.find(HOME, at(629)), Some(session(2)));
        assert_eq!(addresses.find(HOME, at(659)), None, "half an hour");
        assert_eq!(addresses.find(HOME, at(658)), Some(session(2)));
        // A tunnel that is open is a use.
        let held = addresses.hold(HOME).unwrap();
        assert_eq!(addresses.find(HOME, at(900)), Some(session(2)));
        assert_eq!(addresses.untold(at(905)), [(HOME, session(2), at(905))]);
        assert!(addresses.untold(at(909)).is_empty(), "the store knows enough");
        drop(held);
        addresses.sweep(at(934), |_| true);
        assert_eq!(addresses.find(HOME, at(938)), Some(session(2)));
        assert_eq!(addresses.find(HOME, at(968)), None);
    }

    #[test]
    fn what_was_kept_before_addresses_lapsed_stands_for_nobody() {
        let kept = r#"{"session":1,"people":[],"paused_until":"1970-01-01T00:00:00Z"}"#;
        let addresses = Addresses::default();
        addresses.near.known().note(HOME, serde_json::from_str(kept).unwrap());
        assert_eq!(addresses.find(HOME, Timestamp::UNIX_EPOCH), None);
    }
}
