//! The sessions of tools: each is made in a browser's session, and some end with that.

use std::net::IpAddr;
use std::sync::Arc;

use super::Sessions;
use crate::clock::{SignedDuration, after};
use crate::secret::Secret;
use crate::session::ends::Held;
use crate::session::store::{Error, Kind as Records};
use crate::session::tool::scope::Scope;
use crate::session::tool::{Kind, token};
use crate::session::{AssertionFacts, Ending, Facts, Session, SessionId, Tool, shortened};

/// A tool that is to be signed in.
#[derive(Debug)]
pub struct NewTool<'a> {
    /// The session of the browser in which a person made the token, or approved the terminal.
    pub maker: &'a Session,
    /// What the person called it.
    pub name: &'a str,
    /// Whether a person made the token, or approved a terminal.
    pub kind: Kind,
    /// Where it may be used, and for what.
    pub scope: Scope,
    /// How long it lasts.
    pub lifetime: SignedDuration,
    /// The client address of the person, or of the terminal.
    pub client: IpAddr,
    /// The browser's `User-Agent`, or the terminal's.
    pub user_agent: &'a str,
}

/// Why a token stands for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// There was no such token, or nothing remembers it any more.
    Unknown,
    /// It has expired.
    Expired,
    /// Somebody has revoked it.
    Ended,
}

impl Sessions {
    /// Signs a tool in as the person of `maker`, and gives its token, which nothing here can give out again. Once this
    /// has returned, a restart does not sign the tool out.
    ///
    /// A person may have a bounded number of each kind. A token beyond that is [`Error::Full`]; a terminal beyond that
    /// ends the one that was approved first.
    pub async fn begin_tool(&self, new: NewTool<'_>) -> Result<(Arc<Session>, Secret), Error> {
        let (now, maker) = (self.clock.now(), new.maker);
        self.check_room(self.config.load().max).await?;
        let mut held = self.rows_of(&maker.user).await?;
        held.retain(|session| session.tool.as_ref().is_some_and(|tool| tool.kind == new.kind));
        let surplus = (held.len() + 1).saturating_sub(self.config.load().tokens.max_per_person);
        if surplus > 0 && new.kind == Kind::Personal {
            return Err(Error::Full);
        }
        for oldest in held.iter().rev().take(surplus) {
            self.end(oldest.id, Ending::TooMany).await;
        }
        let lifetime = after(now, new.lifetime);
        let secret = token::make();
        let session = Session::begun(Facts {
            id: SessionId::of_secret(secret.expose()),
            user: Arc::clone(&maker.user),
            expires: match new.kind {
                Kind::Personal => lifetime,
                Kind::Terminal => lifetime.min(maker.expires),
            },
            idle: None,
            tool: Some(Arc::new(Tool::new(new.name, new.kind, new.scope, maker.id))),
            passes: maker.passes.clone(),
            assertion: AssertionFacts { not_on_or_after: None, ..maker.assertion.clone() },
            client: new.client.to_canonical(),
            user_agent: shortened(new.user_agent),
            started: now,
            authenticated: maker.authenticated,
        });
        let session = self.keep(session).await?;
        // The person may have signed out meanwhile, when this session was not yet there to end with theirs.
        if maker.is_over(now) {
            self.end(session.id, Ending::SignedOut).await;
            return Err(Error::Full);
        }
        Ok((session, secret))
    }

    /// The tools of this session's person that are signed in, newest first.
    pub async fn tools_of(&self, session: &Session) -> Vec<Arc<Session>> {
        let mut held = self.of_user(&session.user).await;
        held.retain(|session| session.tool.is_some());
        held
    }

    /// Why the token of this session stands for nobody. Only meaningful if the session was not found.
    pub async fn fate(&self, id: SessionId) -> Result<Fate, Error> {
        if self.store.peek(Records::Ended, id.0).await?.is_some() {
            return Ok(Fate::Ended);
        }
        let found = self.store.find(id.0).await?;
        Ok(if found.is_some() { Fate::Expired } else { Fate::Unknown })
    }

    /// Ends the terminals that were approved in this browser's session.
    pub(super) async fn end_approved_by(&self, maker: &Session, ending: Ending, by: &str) -> Held {
        let mut held = Held::Everywhere;
        if maker.tool.is_some() {
            return held;
        }
        for tool in self.tools_of(maker).await {
            let is_its_own = |tool: &Tool| tool.kind == Kind::Terminal && tool.maker == maker.id;
            if tool.tool.as_deref().is_some_and(is_its_own) {
                held = held.max(self.end_one(tool.id, ending, by).await.0.held);
            }
        }
        held
    }
}
