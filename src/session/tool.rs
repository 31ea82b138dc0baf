//! What only a tool's session has: the name that the person gave it, where it may be used, and from where it was last
//! used.
//!
//! Its secret is a token, which stands for months in a configuration file or in the environment. So a token can be told
//! from any other text, its restrictions can be narrow, and its person can see when it was last used.

pub mod scope;
pub mod token;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Session, SessionId};
use crate::clock::{SignedDuration, Timestamp};
use scope::Scope;

/// The longest name of a tool, in characters.
pub const MAX_NAME: usize = 60;

/// How long a token that has expired is remembered, so that a tool that presents it is told that it has expired.
pub(super) const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How a token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A person made it on the portal and copied it.
    Personal,
    /// A person approved a terminal that asked for it. It ends with the session in which it was approved.
    Terminal,
}

impl Kind {
    /// The word that operators see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Terminal => "terminal",
        }
    }
}

/// What only a tool's session has.
#[derive(Debug)]
pub struct Tool {
    /// What the person called it.
    pub name: Arc<str>,
    /// How its token was made.
    pub kind: Kind,
    /// Where it may be used, and for what.
    pub scope: Scope,
    /// The session of the browser in which it was made or approved.
    pub maker: SessionId,
    last_client: Mutex<Option<IpAddr>>,
    /// The second, since the epoch, in which that was last noted.
    noted: AtomicI64,
    /// Whether the store does not know of that client yet.
    is_untold: AtomicBool,
}

/// A tool as it stands in a session's record.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    name: Arc<str>,
    kind: Kind,
    scope: Scope,
    maker: SessionId,
    #[serde(default)]
    last_client: Option<IpAddr>,
}

impl Tool {
    pub(super) fn new(name: &str, kind: Kind, scope: Scope, maker: SessionId) -> Self {
        let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
        Saved { name: name.into(), kind, scope, maker, last_client: None }.into()
    }

    /// Where the tool was when it was last used; `None` before the first time.
    pub fn last_client(&self) -> Option<IpAddr> {
        *self.last_client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn saved(&self) -> Saved {
        let (name, scope) = (Arc::clone(&self.name), self.scope.clone());
        Saved { name, kind: self.kind, scope, maker: self.maker, last_client: self.last_client() }
    }

    /// Whether the store has yet to hear from where the tool is used. It counts as told from then on, so the caller
    /// must tell the store.
    pub(super) fn take_untold(&self) -> bool {
        self.is_untold.load(Ordering::Relaxed) && self.is_untold.swap(false, Ordering::Relaxed)
    }

    /// Roughly how many bytes it takes in memory.
    pub(super) fn weight(&self) -> usize {
        self.name.len() + self.scope.weight()
    }

    /// Notes a use, once a second at most.
    fn note_use(&self, client: IpAddr, now: Timestamp) {
        let second = now.as_second();
        if self.noted.load(Ordering::Relaxed) >= second {
            return;
        }
        self.noted.store(second, Ordering::Relaxed);
        let mut last = self.last_client.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != Some(client) {
            *last = Some(client);
            self.is_untold.store(true, Ordering::Relaxed);
        }
    }
}

impl From<Saved> for Tool {
    fn from(saved: Saved) -> Self {
        Self {
            name: saved.name,
            kind: saved.kind,
            scope: saved.scope,
            maker: saved.maker,
            last_client: Mutex::new(saved.last_client),
            noted: AtomicI64::new(0),
            is_untold: AtomicBool::new(false),
        }
    }
}

impl Session {
    /// Notes that the session's tool was used from `client`. Does nothing for a browser's session.
    pub fn note_use(&self, client: IpAddr) {
        if let Some(tool) = &self.tool {
            tool.note_use(client.to_canonical(), self.last_used());
        }
    }
}
