//! Who is signed in, on which browser, until when; and the short-lived records that a sign-in needs.

mod address;
mod binding;
pub mod bindings;
mod cache;
mod config;
mod corrections;
pub mod ends;
mod evidence;
pub mod keys;
pub mod limit;
pub mod names;
mod neighbours;
pub mod pending;
mod record;
pub mod returning;
mod sessions;
pub mod store;
pub mod terminal;
pub mod ticket;
pub mod tool;
mod witness;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::User;
use crate::saml::NameId;
use crate::seal::{fingerprint, random_text};

pub use address::InUse;
pub use binding::{Place, Unbound};
pub use bindings::Bindings;
pub use config::{Backend, Config, Crowded, Offline, Tokens};
pub use evidence::{Evidence, Sight};
pub use neighbours::follow;
pub use sessions::{Begun, Ended, Fate, NewTool, Sessions};
pub use tool::Tool;
pub use witness::Witness;

/// What a session is known by inside Vestibule: the fingerprint of its secret. It opens nothing by itself.
///
/// It is written as one number: sixteen of them took longer to read than the seal around them to open.
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

    /// The first and the last identifier that begin with these hexadecimal digits.
    pub fn range(start: &str) -> Option<(Self, Self)> {
        let digits = start.len().min(32);
        let number = u128::from_str_radix(start.get(..digits)?, 16).ok().filter(|_| start.len() <= 32)?;
        let shift = u32::try_from(32 - digits).ok()? * 4;
        let first = number.checked_shl(shift).unwrap_or(0);
        let rest = 1_u128.checked_shl(shift).map_or(u128::MAX, |end| end - 1);
        Some((Self(first.to_be_bytes()), Self((first | rest).to_be_bytes())))
    }

    /// Enough to tell sessions apart in records, and too little to name one.
    pub fn short(&self) -> String {
        let [a, b, c, d, ..] = self.0;
        format!("{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionId({}…)", self.short())
    }
}

/// One signed-in person on one browser or tool.
#[derive(Debug)]
pub struct Session {
    /// What it is known by.
    pub id: SessionId,
    /// The person.
    pub user: Arc<User>,
    /// What the identity provider said that single logout needs.
    pub assertion: AssertionFacts,
    /// Where the person was when they signed in.
    pub client: IpAddr,
    /// The browser's `User-Agent`, shortened, for the person to recognise it by.
    pub user_agent: String,
    /// When the person signed in.
    pub started: Timestamp,
    /// When they last proved to the identity provider who they are: with single sign-on it may have been before that.
    pub authenticated: Timestamp,
    /// When they must sign in again, whatever happens.
    pub expires: Timestamp,
    /// How long the session may go unused.
    pub idle: Option<SignedDuration>,
    /// What a tool's session has besides; `None` for a browser's.
    pub tool: Option<Tool>,
    /// Seconds since the epoch at which the session was last used.
    last_used: AtomicI64,
    /// The last use that the store knows of.
    stored_use: AtomicI64,
    /// How often the store had come back when it was last asked about the session.
    confirmed: AtomicU32,
    /// Somebody may wait for the end.
    is_watched: AtomicBool,
    ended: CancellationToken,
}

impl Session {
    /// A session that nobody begins or ends and that no store knows: of everybody who is let in without being asked.
    pub fn standing(user: User, now: Timestamp) -> Self {
        Self {
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
            last_used: AtomicI64::new(now.as_second()),
            stored_use: AtomicI64::new(now.as_second()),
            confirmed: AtomicU32::new(0),
            is_watched: AtomicBool::new(false),
            ended: CancellationToken::new(),
        }
    }

    /// Whether the session has been ended or is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.has_ended(now) || self.is_idle(now)
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.expires <= now || self.ended.is_cancelled()
    }

    /// Whether it has not been used here for too long. It may have been on another node.
    fn is_idle(&self, now: Timestamp) -> bool {
        self.idle.is_some_and(|idle| after(self.last_used(), idle) <= now)
    }

    /// Fires when somebody ends the session: whatever runs on its behalf stops then.
    pub fn ended(&self) -> &CancellationToken {
        self.is_watched.store(true, Ordering::Relaxed);
        &self.ended
    }

    /// Whether both are of one person.
    pub fn is_of_same_person(&self, other: &Self) -> bool {
        (&self.user.realm, &self.user.id) == (&other.user.realm, &other.user.id)
    }

    /// When the session was last used, to the second.
    pub fn last_used(&self) -> Timestamp {
        Timestamp::from_second(self.last_used.load(Ordering::Relaxed)).unwrap_or(self.started)
    }

    /// The same session of a person who has proven once more who they are. Whoever waits for its end still does.
    fn proven(&self, assertion: AssertionFacts, authenticated: Timestamp) -> Self {
        let expires = assertion.not_on_or_after.map_or(self.expires, |until| until.min(self.expires));
        Self {
            id: self.id,
            user: Arc::clone(&self.user),
            assertion,
            client: self.client,
            user_agent: self.user_agent.clone(),
            started: self.started,
            authenticated,
            expires,
            idle: self.idle,
            tool: self.tool.as_ref().map(|tool| tool.saved().into()),
            last_used: AtomicI64::new(self.last_used.load(Ordering::Relaxed)),
            stored_use: AtomicI64::new(self.stored_use.load(Ordering::Relaxed)),
            confirmed: AtomicU32::new(self.confirmed.load(Ordering::Relaxed)),
            is_watched: AtomicBool::new(self.is_watched.load(Ordering::Relaxed)),
            ended: self.ended.clone(),
        }
    }

    fn touch(&self, now: Timestamp) {
        // Written only when it changes, so that the cache line stays shared between cores.
        if self.last_used.load(Ordering::Relaxed) < now.as_second() {
            self.last_used.fetch_max(now.as_second(), Ordering::Relaxed);
        }
    }
}

/// A person, as stores know them.
fn person(user: &User) -> store::Key {
    fingerprint(&format!("{}\n{}", user.realm, user.id))
}

/// What an assertion said about itself, kept for single logout and for rules that want a young one.
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
}

/// Why a session ended, for the audit record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The person signed out.
    SignedOut,
    /// Somebody signed in again in the same browser.
    Replaced,
    /// The person has begun more sessions than one may have.
    TooMany,
    /// Its time was over.
    Expired,
    /// An operator ended it.
    Operator,
    /// The identity provider ended it: Single Logout.
    IdentityProvider,
    /// The directory says that the person may not go on.
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
