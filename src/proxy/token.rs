//! The token that a tool presents (`Proxy-Authorization`): for whom it stands, or what is wrong with it.
//!
//! A token whose session is in memory is looked up by its fingerprint, in one shard of a map: that waits for nothing,
//! and the time it takes tells nothing about other tokens. Other tokens are looked for in the store, a few at a time,
//! and fewer for clients that have presented many invalid ones. That locks nobody out: a valid token only waits for its
//! turn.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::USER_AGENT;
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Proxy;
use super::client::Client;
use super::identity::Identity;
use crate::identity::Realm;
use crate::identity::Surrogate;
use crate::net::LateCache;
use crate::observe::Reason;
use crate::page::{Curl, WrongToken};
use crate::session::limit::Limiter;
use crate::session::terminal::{Codes, Occasion, Terminals};
use crate::session::tool::scope::Outside;
use crate::session::tool::token;
use crate::session::{Fate, Session, SessionId};
use crate::wire::Destination;
use crate::wire::h1::Fields;
use crate::wire::kind;

/// The most octets that decoded credentials may have.
const MAX_LEN: usize = 512;

/// How many tokens are looked for in the store at the same time.
const LOOKUPS: usize = 64;

/// The same, for all clients together that have presented too many invalid tokens.
const LATE_LOOKUPS: usize = 4;

/// How long a token may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long this node remembers what was wrong with a token.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Base64 with or without padding: some tools leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What the proxy needs for tokens.
pub struct Parts {
    /// Terminals that ask to be signed in.
    pub terminals: Arc<Terminals>,
    /// The realms: a person may be called by any of the names that their realm gives them.
    pub realms: Vec<Realm>,
    /// How curl reaches the portal from a terminal, and how tools reach the proxy.
    pub curl: Curl,
    /// How many invalid tokens a client may present in a minute.
    pub attempts_per_minute: u32,
}

/// What the proxy remembers about tokens between requests.
#[derive(Debug)]
pub(super) struct Memory {
    failures: Limiter,
    /// What was wrong with tokens about which the store was asked.
    known: LateCache<SessionId, Wrong>,
    lookups: Semaphore,
    late_lookups: Semaphore,
}

/// The configuration of tokens, and what is remembered about them.
pub(super) struct Tokens {
    pub(super) parts: Parts,
    memory: Arc<Memory>,
}

/// What a request presents in `Proxy-Authorization`.
pub(super) enum Presented {
    /// Nothing, or nothing that counts.
    Nothing,
    /// A valid token.
    Good(Identity),
    /// Credentials of another kind, or for another proxy. They do not matter if the client is known otherwise.
    Foreign,
    /// A token that is not valid.
    Wrong(Wrong),
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Unknown,
    Expired,
    Revoked,
    Person,
    Network,
    Destination,
    TooMany,
    Away,
}

/// What a tool is told that is not known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invitation {
    /// What is wrong with what it has presented.
    pub(super) wrong: Option<Wrong>,
    /// The codes with which its terminal can be signed in.
    pub(super) terminal: Option<Codes>,
}

/// A name and a token, as the client sent them.
#[derive(Clone, Copy)]
struct Credentials<'a> {
    user: &'a str,
    token: &'a str,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            failures: Limiter::new(0, Duration::from_secs(60)),
            known: LateCache::new(|| Cache::builder().max_capacity(100_000).time_to_live(REMEMBERED).build()),
            lookups: Semaphore::new(LOOKUPS),
            late_lookups: Semaphore::new(LATE_LOOKUPS),
        }
    }
}

impl Tokens {
    pub(super) fn new(parts: Parts, memory: &Arc<Memory>) -> Self {
        memory.failures.hold_to(parts.attempts_per_minute);
        Self { parts, memory: Arc::clone(memory) }
    }
}

impl Wrong {
    /// The word in access records.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::Unknown => Reason::TokenUnknown,
            Self::Expired => Reason::TokenExpired,
            Self::Revoked => Reason::TokenRevoked,
            Self::Person => Reason::TokenOfAnotherPerson,
            Self::Network => Reason::TokenNotForNetwork,
            Self::Destination => Reason::TokenNotForDestination,
            Self::TooMany => Reason::TokenTooManyAttempts,
            Self::Away => Reason::TokenStoreAway,
        }
    }

    /// What the tool is told.
    pub(super) fn said(self) -> WrongToken {
        match self {
            Self::Unknown => WrongToken::Unknown,
            Self::Expired => WrongToken::Expired,
            Self::Revoked => WrongToken::Revoked,
            Self::Person => WrongToken::Person,
            Self::Network => WrongToken::Network,
            Self::Destination => WrongToken::Destination,
            Self::TooMany => WrongToken::TooMany,
            Self::Away => WrongToken::Away,
        }
    }
}

impl Proxy {
    /// Judges the token that a request with these fields presents, or that came with the CONNECT around it.
    pub(super) async fn presented(&self, client: &Client, destination: &Destination, fields: &Fields) -> Presented {
        let Some(tokens) = self.tokens.as_ref().filter(|_| client.peer.network.tokens) else {
            return Presented::Nothing;
        };
        if let Some(id) = client.token() {
            return match Box::pin(self.sessions.recall(id)).await {
                Some(session) => self.good(tokens, session, "", client, destination),
                None => Presented::Wrong(Wrong::Revoked),
            };
        }
        let mut all = fields.all("proxy-authorization");
        let Some(value) = all.next() else { return Presented::Nothing };
        // Inside a CONNECT, such a field is meant for the origin that the client takes us for.
        if client.inside.is_some() || all.next().is_some() {
            return Presented::Nothing;
        }
        let mut buffer = [0; MAX_LEN];
        let Some(Credentials { user, token }) = read(value, &mut buffer) else { return Presented::Foreign };
        let presented = match self.sessions.find(SessionId::of_secret(token)) {
            Some(session) => self.good(tokens, session, user, client, destination),
            None => match Box::pin(self.look_for(tokens, token, client)).await {
                Ok(session) => self.good(tokens, session, user, client, destination),
                Err(wrong) => Presented::Wrong(wrong),
            },
        };
        match presented {
            Presented::Wrong(wrong) if kind::is_browser(fields) => {
                tracing::debug!(client = %client.peer.client, reason = %wrong.reason(), "a browser presents a token that is not valid here: it is ignored, because browsers are known by other means");
                Presented::Foreign
            }
            Presented::Wrong(Wrong::Unknown | Wrong::Expired | Wrong::Revoked | Wrong::Person)
                if !tokens.memory.failures.admit_here(client.peer.client.ip()) =>
            {
                Presented::Wrong(Wrong::TooMany)
            }
            presented => presented,
        }
    }

    /// Looks in the store for a token whose session is not in memory.
    async fn look_for(&self, tokens: &Tokens, text: &str, client: &Client) -> Result<Arc<Session>, Wrong> {
        if !token::is_well_formed(text) {
            return Err(Wrong::Unknown);
        }
        let id = SessionId::of_secret(text);
        if let Some(wrong) = tokens.memory.known.get(&id) {
            return Err(wrong);
        }
        let is_late = tokens.memory.failures.is_spent(client.peer.client.ip());
        let turns = if is_late { &tokens.memory.late_lookups } else { &tokens.memory.lookups };
        let Ok(Ok(_turn)) = timeout(PATIENCE, turns.acquire()).await else { return Err(Wrong::TooMany) };
        if let Some(session) = self.sessions.recall(id).await {
            return Ok(session);
        }
        let wrong = match self.sessions.fate(id).await {
            Ok(Fate::Unknown) => Wrong::Unknown,
            Ok(Fate::Expired) => Wrong::Expired,
            Ok(Fate::Ended) => Wrong::Revoked,
            Err(_) => return Err(Wrong::Away),
        };
        tokens.memory.known.insert(id, wrong);
        Err(wrong)
    }

    /// Whether the token of `session` is valid for this client and destination.
    fn good(
        &self,
        tokens: &Tokens,
        session: Arc<Session>,
        user: &str,
        client: &Client,
        destination: &Destination,
    ) -> Presented {
        // The secret of a browser's session is not a token.
        let Some(tool) = &session.tool else { return Presented::Wrong(Wrong::Unknown) };
        if !is_called(&tokens.parts.realms, &session, user) {
            return Presented::Wrong(Wrong::Person);
        }
        let address = client.peer.client.ip();
        match tool.scope.check(address, &client.peer.network.name, &destination.host) {
            Err(Outside::Network) => return Presented::Wrong(Wrong::Network),
            Err(Outside::Destination) => return Presented::Wrong(Wrong::Destination),
            Ok(()) => {}
        }
        session.note_use(address);
        let evidence = Some(Arc::clone(&tool.name));
        Presented::Good(Identity { session, surrogate: Surrogate::ProxyToken, evidence, in_use: None })
    }

    /// What to tell a tool that has no valid token. `None` where no tokens are offered.
    pub(super) async fn invite(&self, client: &Client, fields: &Fields, wrong: Option<Wrong>) -> Option<Invitation> {
        let tokens = self.tokens.as_ref()?;
        if !client.peer.network.tokens || client.inside.is_some() || kind::may_be_browser(fields) {
            return None;
        }
        let terminal = match wrong {
            None => {
                let user_agent = fields.text(USER_AGENT.as_str()).unwrap_or_default();
                tokens.parts.terminals.begin(client.peer.client.ip(), user_agent, Occasion::Offered).await
            }
            // A tool that has a token is told what is wrong with it, and is offered nothing else.
            Some(_) => None,
        };
        Some(Invitation { wrong, terminal })
    }
}

/// Whether `user` is one of the person's names, or is empty or `token`, which name nobody.
fn is_called(realms: &[Realm], session: &Session, user: &str) -> bool {
    let person = &session.user;
    user.is_empty()
        || user.eq_ignore_ascii_case("token")
        || user.eq_ignore_ascii_case(&person.name)
        || person.is_called(user)
        || realms.iter().any(|realm| realm.name == person.realm && realm.is_name_of(user, person))
}

/// Reads `Basic` (RFC 7617) and `Bearer` (RFC 6750) credentials. The token may be the password; or the user name, with
/// an empty password, because some tools have only that.
fn read<'a>(value: &'a [u8], buffer: &'a mut [u8; MAX_LEN]) -> Option<Credentials<'a>> {
    let (scheme, rest) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return is_token(rest).then_some(Credentials { user: "", token: rest });
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let length = BASE64.decode_slice(rest, buffer).ok()?;
    let (user, password) = std::str::from_utf8(buffer.get(..length)?).ok()?.split_once(':')?;
    match (user, password) {
        (token, "") if is_token(token) => Some(Credentials { user: "", token }),
        (user, token) if is_token(token) => Some(Credentials { user, token }),
        _ => None,
    }
}

/// Whether it begins as our tokens do.
fn is_token(text: &str) -> bool {
    text.starts_with(token::PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_in_every_form_that_tools_send() {
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text));
        for (value, wanted) in [
            (basic("token:vst_a"), Some(("token", "vst_a"))),
            (basic("B.Simon@contoso.com:vst_a"), Some(("B.Simon@contoso.com", "vst_a"))),
            (basic(":vst_a"), Some(("", "vst_a"))),
            (basic("vst_a:"), Some(("", "vst_a"))),
            (basic("token:vst_a").trim_end_matches('=').to_owned(), Some(("token", "vst_a"))),
            (basic("token:vst_a").replace("Basic", "bASIC  "), Some(("token", "vst_a"))),
            ("Bearer vst_a".into(), Some(("", "vst_a"))),
            (basic("alice:a password"), None),
            (basic("vst_a"), None),
            ("Bearer eyJhbGciOi".into(), None),
            ("Basic".into(), None),
            ("Basic !".into(), None),
            ("Negotiate YII=".into(), None),
            (format!("Basic {}", "A".repeat(4000)), None),
            ("Basic \u{e9}".into(), None),
            (String::new(), None),
        ] {
            let mut buffer = [0; MAX_LEN];
            let found = read(value.as_bytes(), &mut buffer).map(|found| (found.user, found.token));
            assert_eq!(found, wanted, "{value}");
        }
        assert!(read(b"Basic \xff", &mut [0; MAX_LEN]).is_none());
    }
}
