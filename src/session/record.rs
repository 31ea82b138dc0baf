//! A session as a store keeps it, for other nodes and later versions of this program.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::sessions::key_of;
use super::store::Row;
use super::tool::{self, Tool};
use super::{AssertionFacts, Facts, Session, SessionId, person};
use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::User;
use crate::policy::Pass;
use crate::saml::NameId;

/// How far the last use that a store knows of may be behind the real one.
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    passes: Vec<Pass>,
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
            tool: self.tool.as_deref().map(Tool::saved),
            passes: self.passes.clone(),
        };
        // The last use in the store's copy may be behind by TOUCH, and the store must not drop the session before it is
        // over: twice that, to be sure.
        let unused = self.idle.map_or(Timestamp::MAX, |idle| after(after(self.last_used(), idle), TOUCH + TOUCH));
        Row {
            id: self.id.0,
            person: person(&self.user),
            name: Some(key_of(&self.user.realm, self.assertion.name_id.as_ref())),
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
                tracing::warn!(session = %SessionId(row.id).short(), %error, "a session in the store cannot be read: it counts as ended");
                return None;
            }
        };
        let authenticated = saved.assertion.authenticated.unwrap_or(saved.started);
        let facts = Facts {
            id: SessionId(row.id),
            user: Arc::new(saved.user),
            assertion: saved.assertion,
            client: saved.client,
            user_agent: saved.user_agent,
            started: saved.started,
            authenticated,
            expires: saved.expires,
            idle: saved.idle.map(SignedDuration::from_millis),
            tool: saved.tool.map(|tool| Arc::new(tool.into())),
            passes: saved.passes,
        };
        Some(Self::kept(facts, saved.last_used))
    }

    /// The row to give to the store, if the last use that it knows of is too far behind. The store counts as told from
    /// then on, so the caller must give it the row.
    pub(super) fn stale_row(&self) -> Option<Row> {
        let is_untold = self.tool.as_deref().is_some_and(Tool::take_untold);
        if !is_untold && self.life.behind() < TOUCH.as_secs() {
            return None;
        }
        self.life.tell();
        Some(self.row())
    }

    /// Roughly how many bytes the session takes in memory.
    pub(super) fn weight(&self) -> usize {
        let user = &self.user;
        let optional = [&user.display_name, &user.sam_account_name, &user.upn, &user.email];
        let optional = optional.into_iter().chain([&self.assertion.session_index, &self.assertion.way]);
        let named = self.assertion.name_id.as_ref().map_or(0, NameId::len);
        let texts = named + optional.flatten().map(String::len).sum::<usize>();
        let groups = match &user.groups {
            crate::identity::Groups::Known(groups) => groups.iter().map(|group| group.len() + 24).sum(),
            crate::identity::Groups::Unknown => 0,
        };
        let fixed = size_of::<Self>() + size_of::<User>() + size_of_val(self.passes.as_slice()) + 200;
        let tool = self.tool.as_deref().map_or(0, Tool::weight);
        fixed + texts + groups + tool + user.realm.len() + user.id.len() + user.name.len() + self.user_agent.len()
    }
}
