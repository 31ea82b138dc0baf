//! A session as it is kept: in a store, on whatever node, after whatever restart.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::store::Row;
use super::tool::{self, Tool};
use super::{AssertionFacts, Session, SessionId, person};
use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::User;
use crate::saml::NameId;

/// How far the last use that a store knows of may be behind the last use.
pub(super) const TOUCH: SignedDuration = SignedDuration::from_secs(60);

/// What is kept of a session besides its identifier. Fields may be added, with a default; none may change its meaning.
#[derive(Serialize, Deserialize)]
struct Saved {
    user: User,
    assertion: AssertionFacts,
    client: IpAddr,
    user_agent: String,
    started: Timestamp,
    expires: Timestamp,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idle: Option<i64>,
    last_used: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool: Option<tool::Saved>,
}

impl Session {
    /// The session as a row, with its last use.
    pub(super) fn row(&self) -> Row {
        let saved = Saved {
            user: (*self.user).clone(),
            assertion: self.assertion.clone(),
            client: self.client,
            user_agent: self.user_agent.clone(),
            started: self.started,
            expires: self.expires,
            idle: self.idle.map(|idle| i64::try_from(idle.as_millis()).unwrap_or(i64::MAX)),
            last_used: self.last_used(),
            tool: self.tool.as_ref().map(Tool::saved),
        };
        // The store's copy may be behind by so much, and must not go before the session does.
        let unused = self.idle.map_or(Timestamp::MAX, |idle| after(after(self.last_used(), idle), TOUCH + TOUCH));
        Row {
            id: self.id.0,
            person: person(&self.user),
            expires: match self.tool {
                Some(_) => after(self.expires, tool::REMEMBERED),
                None => self.expires.min(unused),
            },
            content: serde_json::to_vec(&saved).unwrap_or_default(),
        }
    }

    /// The session that a row holds, if it can be read.
    pub(super) fn of_row(row: &Row) -> Option<Self> {
        let saved: Saved = match serde_json::from_slice(&row.content) {
            Ok(saved) => saved,
            Err(error) => {
                tracing::warn!(session = %SessionId(row.id).short(), %error, "a kept session can't be read");
                return None;
            }
        };
        let last_used = saved.last_used.as_second();
        let authenticated = saved.assertion.authenticated.unwrap_or(saved.started);
        Some(Self {
            id: SessionId(row.id),
            user: Arc::new(saved.user),
            assertion: saved.assertion,
            client: saved.client,
            user_agent: saved.user_agent,
            started: saved.started,
            authenticated,
            expires: saved.expires,
            idle: saved.idle.map(SignedDuration::from_millis),
            tool: saved.tool.map(Tool::from),
            last_used: AtomicI64::new(last_used),
            stored_use: AtomicI64::new(last_used),
            confirmed: AtomicU32::new(0),
            is_watched: AtomicBool::new(false),
            ended: CancellationToken::new(),
        })
    }

    /// The row to be kept, if the store's last use is too far behind. Who asks is taken to keep it.
    pub(super) fn stale_row(&self) -> Option<Row> {
        let used = self.last_used.load(Ordering::Relaxed);
        let is_untold = self.tool.as_ref().is_some_and(Tool::take_untold);
        if !is_untold && used.saturating_sub(self.stored_use.load(Ordering::Relaxed)) < TOUCH.as_secs() {
            return None;
        }
        self.stored_use.store(used, Ordering::Relaxed);
        Some(self.row())
    }

    /// Bytes that the session takes in memory, more or less.
    pub(super) fn weight(&self) -> usize {
        let user = &self.user;
        let optional = [&user.display_name, &user.sam_account_name, &user.upn, &user.email];
        let optional = optional.into_iter().chain([&self.assertion.session_index]);
        let named = self.assertion.name_id.as_ref().map_or(0, NameId::len);
        let texts = named + optional.flatten().map(String::len).sum::<usize>();
        let groups = match &user.groups {
            crate::identity::Groups::Known(groups) => groups.iter().map(|group| group.len() + 24).sum(),
            crate::identity::Groups::Unknown => 0,
        };
        let fixed = size_of::<Self>() + size_of::<User>() + 200;
        let tool = self.tool.as_ref().map_or(0, Tool::weight);
        fixed + texts + groups + tool + user.realm.len() + user.id.len() + user.name.len() + self.user_agent.len()
    }
}
