//! Who is signed in, on which browser, until when; and the short-lived records that a sign-in needs.

mod address;
pub mod appeal;
mod binding;
pub mod bindings;
mod cache;
mod config;
pub mod ends;
mod evidence;
mod index;
pub mod keys;
mod life;
pub mod limit;
pub mod names;
mod near;
mod neighbours;
pub mod pending;
mod record;
pub mod returning;
mod sessions;
pub mod store;
pub mod terminal;
pub mod ticket;
pub mod tool;
mod wanted;
mod witness;

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::User;
use crate::policy::Pass;
use crate::saml::NameId;
use crate::seal::{fingerprint, random_text};

pub use address::InUse;
pub use binding::{Place, Unbound};
pub use bindings::Bindings;
pub use config::{Backend, Config, Crowded, Tokens, never_idle};
pub use evidence::{Evidence, Sight};
use life::Life;
pub use neighbours::{Neighbours, follow};
pub use sessions::{Begun, Ended, Fate, Known, NewTool, Sessions};
pub use tool::Tool;
pub use witness::Witness;

/// The identifier of a session inside Vestibule: the fingerprint of its secret. Knowing it lets nobody act as the
/// session.
///
/// It is serialised as one number: reading sixteen took longer than opening the seal around them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u128", into = "u128")]
pub struct SessionId([u8; 16]);

impl From<u128> for SessionId {
    fn from(number: u128) -> Self {
        Self(number.to_be_bytes())
    }
}

impl From<SessionId> for u128 {
    fn from(id: SessionId) -> Self {
        Self::from_be_bytes(id.0)
    }
}

impl SessionId {
    /// The session that this secret stands for.
    pub fn of_secret(secret: &str) -> Self {
        Self(crate::seal::fingerprint(secret))
    }

    /// The identifier as bytes, for sealing into a surrogate.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The whole identifier, for operators.
    pub fn hex(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    /// The first and the last identifier that begin with these hexadecimal digits; `None` if they are no such digits,
    /// or more than 32.
    pub fn range(start: &str) -> Option<(Self, Self)> {
        let digits = start.len().min(32);
        let number = u128::from_str_radix(start.get(..digits)?, 16).ok().filter(|_| start.len() <= 32)?;
        let shift = u32::try_from(32 - digits).ok()? * 4;
        let first = number.checked_shl(shift).unwrap_or(0);
        let rest = 1_u128.checked_shl(shift).map_or(u128::MAX, |end| end - 1);
        Some((Self(first.to_be_bytes()), Self((first | rest).to_be_bytes())))
    }

    /// The first eight digits: enough to tell sessions apart in records, and too little to address one.
    pub fn short(&self) -> String {
        let [a, b, c, d, ..] = self.0;
        let number = u32::from_be_bytes([a, b, c, d]);
        let mut short = String::with_capacity(8);
        short.extend((0..8).rev().filter_map(|place| char::from_digit((number >> (4 * place)) & 0xf, 16)));
        short
    }
}

impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionId({}…)", self.short())
    }
}

/// One signed-in person on one browser or tool: facts that stay the same, and a life that moves. It dereferences to its
/// facts.
///
/// Every request looks at some of it. Those fields stand together at its beginning, and in this order (`repr(C)`): what is
/// asked to find it in one cache line, and the rest in the next.
#[derive(Debug)]
#[repr(C)]
pub struct Session {
    life: Life,
    facts: Facts,
}

/// What is known of a session. None of it changes: when a person proves anew who they are, a new `Session` with the
/// same identifier takes the place of the old one.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Facts {
    /// The session's identifier.
    pub id: SessionId,
    /// When they must sign in again, whatever happens.
    pub expires: Timestamp,
    /// How long the session may go unused before it is over; `None` for as long as it lasts.
    pub idle: Option<SignedDuration>,
    /// The person.
    pub user: Arc<User>,
    /// What a tool's session has besides; `None` for a browser's.
    pub tool: Option<Arc<Tool>>,
    /// When they last proved to the identity provider who they are. With single sign-on that may have been before
    /// `started`.
    pub authenticated: Timestamp,
    /// The warnings that the person has read, and the blocks that they have overridden.
    pub passes: Vec<Pass>,
    /// When the person signed in.
    pub started: Timestamp,
    /// What the identity provider said about its assertion, which Single Logout needs.
    pub assertion: AssertionFacts,
    /// The browser's `User-Agent`, shortened, for the person to recognise it by.
    pub user_agent: String,
    /// The client address from which the person signed in.
    pub client: IpAddr,
}

/// How many barriers a session remembers as passed. Beyond that it forgets the one that would be over first.
const MAX_PASSES: usize = 64;

impl std::ops::Deref for Session {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

impl Session {
    /// A session that nobody begins or ends and that no store knows: that of all who are let in without being asked to
    /// sign in.
    pub fn standing(user: User, now: Timestamp) -> Self {
        Self::begun(Facts {
            id: SessionId::of_secret(&random_text()),
            user: Arc::new(user),
            assertion: AssertionFacts::default(),
            client: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            user_agent: String::new(),
            started: now,
            authenticated: Timestamp::UNIX_EPOCH,
            expires: Timestamp::MAX,
            idle: None,
            tool: None,
            passes: Vec::new(),
        })
    }

    /// A session that begins now, which counts as its first use.
    fn begun(facts: Facts) -> Self {
        let life = Life::since(facts.started, facts.user.is_guest());
        Self { facts, life }
    }

    /// A session that was read from a store, and was last used at `last_used`.
    fn kept(facts: Facts, last_used: Timestamp) -> Self {
        let life = Life::since(last_used, facts.user.is_guest());
        Self { facts, life }
    }

    /// The same session after its person has proven once more who they are: the facts of the new assertion replace all
    /// those of the old one. Whoever waits for the session's end still does.
    fn proven(&self, assertion: AssertionFacts, authenticated: Timestamp) -> Self {
        let expires = assertion.not_on_or_after.map_or(self.expires, |until| until.min(self.expires));
        let facts = Facts { assertion, authenticated, expires, ..self.facts.clone() };
        Self { facts, life: self.life.goes_on() }
    }

    /// The same session after its person has passed a barrier.
    fn passing(&self, pass: Pass, now: Timestamp) -> Self {
        let passes = with_pass(self.passes.clone(), pass, now);
        Self { facts: Facts { passes, ..self.facts.clone() }, life: self.life.goes_on() }
    }

    /// The same session with what another node knows of it: the younger proof, and all that its person has passed.
    fn caught_up(&self, other: &Self, now: Timestamp) -> Self {
        let passes = other.passes.iter().fold(self.passes.clone(), |passes, pass| with_pass(passes, *pass, now));
        let passed = Self { facts: Facts { passes, ..self.facts.clone() }, life: self.life.goes_on() };
        match other.authenticated > self.authenticated {
            true => passed.proven(other.assertion.clone(), other.authenticated),
            false => passed,
        }
    }

    /// Whether it has a younger proof than `other`, or has passed something that `other` has not.
    fn is_ahead_of(&self, other: &Self) -> bool {
        self.authenticated > other.authenticated || self.passes.iter().any(|pass| !other.passes.contains(pass))
    }

    /// The same session, after more has become known of its person. Whoever waits for the session's end still does.
    fn regarded(&self, user: User) -> Self {
        let facts = Facts { user: Arc::new(user), ..self.facts.clone() };
        Self { facts, life: self.life.goes_on() }
    }

    /// Whether the session has been ended or is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.has_ended(now) || self.is_idle(now)
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.expires <= now || self.life.has_ended()
    }

    /// Whether it has gone unused on this node for too long. It may have been used on another.
    fn is_idle(&self, now: Timestamp) -> bool {
        self.idle.is_some_and(|idle| after(self.last_used(), idle) <= now)
    }

    /// Fires when somebody ends the session: whatever runs on its behalf stops then.
    pub fn ended(&self) -> &CancellationToken {
        self.life.watch()
    }

    /// Whether it is the session of a guest, for whom nobody vouches.
    pub fn is_guest(&self) -> bool {
        self.life.is_guest()
    }

    /// Whether both sessions are of the same person.
    pub fn is_of_same_person(&self, other: &Self) -> bool {
        (&self.user.realm, &self.user.id) == (&other.user.realm, &other.user.id)
    }

    /// When the session was last used, to the second.
    pub fn last_used(&self) -> Timestamp {
        Timestamp::from_second(self.life.used()).unwrap_or(self.started)
    }
}

/// What has been passed, with one more; without what is over.
fn with_pass(mut passes: Vec<Pass>, pass: Pass, now: Timestamp) -> Vec<Pass> {
    let held = passes.iter().filter(|held| held.barrier == pass.barrier).map(|held| held.until).max();
    passes.retain(|held| held.until > now && held.barrier != pass.barrier);
    if passes.len() >= MAX_PASSES {
        let first = passes.iter().map(|held| held.until).min();
        passes.retain(|held| Some(held.until) != first);
    }
    passes.push(Pass { until: held.map_or(pass.until, |held| held.max(pass.until)), ..pass });
    passes
}

/// A `User-Agent`, shortened and without control characters, fit for a page.
fn shortened(user_agent: &str) -> String {
    user_agent.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The key of a person in stores.
fn person(user: &User) -> store::Key {
    fingerprint(&format!("{}\n{}", user.realm, user.id))
}

/// What an assertion said about itself, kept for Single Logout and for rules that want a fresh sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionFacts {
    /// The name identifier, as the assertion has it.
    pub name_id: Option<NameId>,
    /// The identity provider's own name for its session.
    pub session_index: Option<String>,
    /// When the identity provider wants the session to end (`SessionNotOnOrAfter`).
    pub not_on_or_after: Option<Timestamp>,
    /// When the person proved who they are (`AuthnInstant`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated: Option<Timestamp>,
    /// In which way (`AuthnContextClassRef`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
}

/// Why a session ended, for the audit record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The person signed out.
    SignedOut,
    /// Somebody signed in again in the same browser, and the new session took its place.
    Replaced,
    /// The person began more sessions than one may have, and the oldest had to go.
    TooMany,
    /// It expired, or went unused for too long.
    Expired,
    /// An operator ended it.
    Operator,
    /// The identity provider ended it: Single Logout.
    IdentityProvider,
    /// The directory says that the person may not stay signed in.
    Directory,
}

impl Ending {
    /// The word that records show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed-out",
            Self::Replaced => "replaced",
            Self::TooMany => "too-many",
            Self::Expired => "expired",
            Self::Operator => "operator",
            Self::IdentityProvider => "identity-provider",
            Self::Directory => "directory",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn what_each_request_looks_at_stands_in_the_first_two_cache_lines() {
        // The two counts of references stand before a session.
        let begin = 2 * size_of::<usize>();
        let facts = begin + offset_of!(Session, facts);
        assert!(facts + offset_of!(Facts, expires) <= 64, "its life and its identifier");
        assert!(facts + offset_of!(Facts, authenticated) <= 128, "its end, and the pointers to whose it is");
    }
}
