//! Takes signals: each is checked, done once, and recorded.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Serialize;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::addresses::AddressSearch;
use super::config::{Config, Delivery};
use super::event::{Effect, SecurityEvent};
use super::keys::Keys;
use super::people::{Meant, Register};
use super::set::{self, Set, SetError};
use super::subject::{SubjectId, Unreadable};
use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::directory::Directories;
use crate::egress::client::Client;
use crate::observe::Audit;
use crate::observe::audit::{Entry, What};
use crate::seal::{random, sha256};
use crate::session::ends::Held;
use crate::session::store::{Key, Kind, Store};
use crate::session::{Ending, Session, Sessions};

/// How many tokens of one transmitter are checked at the same time. Others wait with the transmitter.
const AT_ONCE: usize = 16;

/// How much longer than `max_age` it is remembered that a token was taken.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// Something that is being done about a signal.
type Doing<'a> = Pin<Box<dyn Future<Output = Result<(), Untaken>> + Send + 'a>>;

/// Tells that a directory may have changed.
type Ring = Arc<dyn Fn(&str) + Send + Sync>;

/// What a receiver works with.
#[derive(Clone)]
pub struct Surroundings {
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// Where it is remembered which tokens were taken.
    pub store: Arc<dyn Store>,
    /// Who there is, at this moment.
    pub directories: Arc<dyn Fn() -> Arc<Directories> + Send + Sync>,
    /// Where it is recorded.
    pub audit: Arc<Audit>,
    /// The time.
    pub clock: Clock,
    /// Has a directory, by its name, asked what has changed.
    pub ring: Ring,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surroundings")
    }
}

/// What takes the signals of one transmitter.
#[derive(Debug)]
pub struct Receiver {
    /// What the configuration says.
    pub config: Config,
    pub(super) around: Surroundings,
    pub(super) keys: Keys,
    addresses: AddressSearch,
    turns: Semaphore,
    /// By what other nodes know that this one asks for signals.
    pub(super) node: [u8; 16],
    status: Mutex<ReceiverStatus>,
}

/// Those of a person's sessions that an event of this time means.
fn meant_of(event: &SecurityEvent, at: Timestamp, subject: &SubjectId, found: Vec<Arc<Session>>) -> Vec<Arc<Session>> {
    // Whoever has signed in since could: a signal that comes late, or once more, says nothing of that.
    let is_earlier = |session: &Session| session.authenticated <= at;
    if event.effect == Effect::EndAll {
        return found.into_iter().filter(|session| is_earlier(session)).collect();
    }
    let is_the_one =
        |session: &Session| subject.session.is_some() && session.assertion.session_index == subject.session;
    // A session at the identity provider that is known as such is the only one that is meant. If it is not known, any of the
    // person's may have come of it.
    let is_known = found.iter().any(|session| is_the_one(session));
    let is_meant = |session: &Arc<Session>| is_earlier(session) && (!is_known || is_the_one(session));
    found.into_iter().filter(is_meant).collect()
}

/// How it stands, for operators.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct ReceiverStatus {
    /// Tokens that were taken, those that came again, and those that were refused.
    pub(super) taken: u64,
    pub(super) repeated: u64,
    pub(super) refused: u64,
    /// Sessions that ended.
    pub(super) sessions_ended: u64,
    /// When the last one was taken, and what it was.
    pub(super) last: Option<Timestamp>,
    pub(super) last_event: Option<String>,
    /// Why the last one that was refused was.
    pub(super) last_refusal: Option<String>,
    /// When the transmitter last answered a question whether the stream works.
    pub(super) verified: Option<Timestamp>,
    /// What the transmitter last said of the stream: `enabled`, `paused` or `disabled`.
    pub(super) stream_status: Option<String>,
    /// Why the transmitter itself cannot be asked.
    pub(super) fault: Option<String>,
    /// When it was last asked for signals.
    pub(super) polled: Option<Timestamp>,
}

/// Why a signal was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Untaken {
    /// It is not good, and will not be.
    #[error(transparent)]
    Refused(#[from] SetError),
    /// It may be good, and could not be carried out now: it is to be sent again.
    #[error("it cannot be taken at the moment")]
    Later,
}

impl Receiver {
    /// Takes the signals of the transmitter that `config` says.
    pub fn new(config: Config, around: Surroundings) -> Self {
        let (keys, addresses, turns) = (Keys::default(), AddressSearch::default(), Semaphore::new(AT_ONCE));
        Self { config, around, keys, addresses, turns, node: random(), status: Mutex::default() }
    }

    pub(super) fn status(&self) -> MutexGuard<'_, ReceiverStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands, for operators.
    pub fn report(&self) -> serde_json::Value {
        let (status, keys) = (self.status().clone(), self.keys.count());
        let delivery = if self.config.delivery == Delivery::Push { "push" } else { "poll" };
        let mut report = serde_json::json!({
            "signals": self.config.name, "issuer": self.config.issuer.as_str(), "delivery": delivery, "keys": keys,
        });
        if let (Some(report), Ok(serde_json::Value::Object(status))) =
            (report.as_object_mut(), serde_json::to_value(status))
        {
            report.extend(status);
        }
        report
    }

    /// Whether whoever pushes is the transmitter: its bearer token is compared in constant time.
    pub fn admits(&self, head: &HeaderMap) -> bool {
        let mut fields = head.get_all(AUTHORIZATION).iter();
        let Some((scheme, token)) = fields.next().and_then(|field| field.to_str().ok()?.split_once(' ')) else {
            return false;
        };
        let shown = sha256(token.trim().as_bytes());
        let is_it = |own: &crate::secret::Secret| bool::from(sha256(own.expose().as_bytes()).ct_eq(&shown));
        let is_known = self.config.push_tokens.iter().fold(false, |known, own| is_it(own) | known);
        fields.next().is_none() && scheme.eq_ignore_ascii_case("bearer") && is_known
    }

    /// Takes one token. `client` asks for keys, if they are not known. If this is `Ok`, it counts as delivered.
    pub async fn take(&self, token: &str, client: Option<&Client>) -> Result<(), Untaken> {
        let _turn = self.turns.acquire().await.map_err(|_| Untaken::Later)?;
        let taken = match self.check(token, client).await {
            Ok(set) => self.carry_out(&set).await,
            Err(error) => Err(error),
        };
        if let Err(Untaken::Refused(refusal)) = &taken {
            let mut status = self.status();
            status.refused += 1;
            status.last_refusal = Some(refusal.to_string());
            drop(status);
            tracing::warn!(
                signals = self.config.name,
                code = refusal.code(),
                reason = %refusal,
                "a security event token was refused: see that issuer, audience and keys are those of the stream"
            );
        }
        taken
    }

    async fn check(&self, token: &str, client: Option<&Client>) -> Result<Set, Untaken> {
        let header = set::header(token)?;
        let (mut key, mut has_asked) = (self.keys.of(&header), false);
        if key.is_none()
            && let Some(client) = client
            && self.keys.may_ask()
        {
            if let Err(error) = self.fetch_keys(client).await {
                tracing::warn!(signals = self.config.name, %error, "the keys of a transmitter of signals cannot be fetched");
                self.status().fault = Some(error.to_string());
                return Err(Untaken::Later);
            }
            (key, has_asked) = (self.keys.of(&header), true);
        }
        // Whether there is such a key is not known while keys may not be asked for.
        if key.is_none() && !has_asked {
            return Err(Untaken::Later);
        }
        let key = key.ok_or(SetError::Key("no key of its issuer has its `kid` and its algorithm"))?;
        Ok(set::verify(token, &header, &key, &self.config, self.around.clock.now())?)
    }

    /// Does what a genuine token says, unless that was done.
    async fn carry_out(&self, set: &Set) -> Result<(), Untaken> {
        let (key, store) = (self.key(&set.jti), &self.around.store);
        match store.peek(Kind::Signal, key).await {
            Ok(None) => {}
            Ok(Some(_)) => {
                self.status().repeated += 1;
                return Ok(());
            }
            Err(_) => {
                // Whatever ends here ends now; that it is remembered must wait.
                for event in &set.events {
                    drop(self.follow(set, event).await);
                }
                return Err(Untaken::Later);
            }
        }
        for event in &set.events {
            self.follow(set, event).await?;
        }
        let expires = after(after(self.around.clock.now(), self.config.max_age.signed()), MARGIN);
        // If it cannot be remembered, it is done once more when it comes again, and changes nothing.
        store.put(Kind::Signal, key, b"1".to_vec(), expires).await.ok();
        let mut status = self.status();
        status.taken += 1;
        status.last = Some(self.around.clock.now());
        status.last_event = set.events.first().map(|event| event.kind.clone());
        Ok(())
    }

    fn key(&self, jti: &str) -> Key {
        let octets = format!("{}\0{jti}", self.config.issuer.as_str());
        sha256(octets.as_bytes()).first_chunk().copied().unwrap_or_default()
    }

    async fn follow(&self, set: &Set, event: &SecurityEvent) -> Result<(), Untaken> {
        match event.effect {
            Effect::Verify => self.verified(event).await,
            Effect::StreamUpdated => self.stream_updated(event),
            Effect::Unknown => self.record(set, event, None, "of a kind that is not known here: ignored"),
            _ if set.is_stale => self.record(set, event, None, "older than `max_age`: ignored"),
            _ => return self.about_somebody(set, event).await,
        }
        Ok(())
    }

    /// Boxed, because the compiler cannot otherwise see that it may move between threads, whatever lives how long.
    fn about_somebody<'a>(&'a self, set: &'a Set, event: &'a SecurityEvent) -> Doing<'a> {
        Box::pin(async move {
            let named = set.subject.as_ref().or_else(|| event.says.get("subject")).ok_or(Unreadable::Missing);
            let subject = match named.and_then(SubjectId::read) {
                Ok(subject) => subject,
                Err(error) => {
                    self.record(set, event, None, &format!("{error}: ignored"));
                    return Ok(());
                }
            };
            let directories = (self.around.directories)();
            let register = Register {
                config: &self.config,
                sessions: &self.around.sessions,
                directories: &directories,
                addresses: &self.addresses,
            };
            let meant = register.find(&subject).await.map_err(|_| Untaken::Later)?;
            let (called, found, is_whole) = match meant {
                Meant::One(called, found, is_whole) => (called, found, is_whole),
                Meant::Nobody => {
                    self.record(set, event, None, "nobody is known by its subject: ignored");
                    return Ok(());
                }
                Meant::Unsought => {
                    self.record(
                        set,
                        event,
                        None,
                        "nobody was found by its subject, and not all sessions were looked through: ignored",
                    );
                    return Ok(());
                }
                Meant::Ambiguous => {
                    self.record(set, event, None, "its subject could be any of several people: ignored");
                    return Ok(());
                }
                Meant::Foreign => {
                    self.record(set, event, None, "its subject is of another tenant or issuer: ignored");
                    return Ok(());
                }
            };
            let outcome = match event.effect {
                Effect::EndAll | Effect::EndEarlier => {
                    let ended = self.end(set, event, &subject, found).await?;
                    format!("{ended} sessions ended")
                }
                _ => "recorded".to_owned(),
            };
            if event.effect != Effect::Record {
                self.ring();
            }
            self.record(set, event, Some(&called), &outcome);
            // Those that the store alone knows end when it comes again.
            if is_whole { Ok(()) } else { Err(Untaken::Later) }
        })
    }

    /// Ends those sessions of a person that the event means. Returns how many there were.
    async fn end(
        &self,
        set: &Set,
        event: &SecurityEvent,
        subject: &SubjectId,
        found: Vec<Arc<Session>>,
    ) -> Result<u64, Untaken> {
        let meant = meant_of(event, event.at().unwrap_or(set.issued), subject, found);
        let by = format!("signal of {}: {}", self.config.name, event.kind);
        let (mut count, mut held) = (0, Held::Everywhere);
        for session in meant {
            let ended = self.around.sessions.end_by(session.id, Ending::IdentityProvider, &by).await;
            count += u64::from(ended.was_there);
            held = held.max(ended.held);
        }
        self.status().sessions_ended += count;
        // What may not survive this node is to be sent again.
        if held == Held::Fleeting { Err(Untaken::Later) } else { Ok(count) }
    }

    /// Has the directories of its realms asked what has changed.
    fn ring(&self) {
        let directories = (self.around.directories)();
        for tenant in self.config.realms.iter().filter_map(|realm| directories.of_realm(realm)) {
            (self.around.ring)(&tenant.config.name);
        }
    }

    /// The stream works. Another node may have asked: it finds the state in the store.
    async fn verified(&self, event: &SecurityEvent) {
        let now = self.around.clock.now();
        self.status().verified = Some(now);
        // One that nobody has asked for comes of the transmitter's own accord, and has no state (SSF 1.0 §7.1.4).
        if let Some(state) = event.says.get("state").and_then(serde_json::Value::as_str) {
            let (key, expires) = (self.state_key(state), after(now, MARGIN));
            self.around.store.put(Kind::Signal, key, b"1".to_vec(), expires).await.ok();
        }
    }

    fn state_key(&self, state: &str) -> Key {
        self.key(&format!("state\0{state}"))
    }

    /// Whether the question with this state was answered, to whichever node.
    pub async fn is_verified(&self, state: &str) -> bool {
        matches!(self.around.store.peek(Kind::Signal, self.state_key(state)).await, Ok(Some(_)))
    }

    fn stream_updated(&self, event: &SecurityEvent) {
        let said: Option<String> = event.says.get("status").and_then(serde_json::Value::as_str).map(str::to_owned);
        let said = said.map(|status| status.chars().filter(char::is_ascii_alphabetic).take(20).collect::<String>());
        let (status, why) = (said.clone().unwrap_or_default(), event.summary());
        if status == "enabled" {
            tracing::info!(signals = self.config.name, "the transmitter has enabled the stream of signals");
        } else {
            tracing::error!(
                signals = self.config.name,
                status,
                why,
                "the transmitter has paused or disabled the stream of signals: revocations are learnt from the directory and from assertions alone, until the stream is enabled there"
            );
        }
        self.status().stream_status = said;
    }

    fn record(&self, set: &Set, event: &SecurityEvent, user: Option<&str>, outcome: &str) {
        let (by, says) = (format!("signals of {}", self.config.name), event.summary());
        tracing::info!(
            signals = self.config.name,
            event = event.kind,
            user,
            says,
            outcome,
            "a security event token was taken"
        );
        let entry = Entry {
            user,
            realm: self.config.realms.first().map(String::as_str),
            by: Some(&by),
            command: Some(&event.kind),
            subject: Some(&set.jti),
            reason: Some(says.as_str()).filter(|says| !says.is_empty()),
            outcome: Some(outcome),
            ..Entry::default()
        };
        self.around.audit.record(What::SignalTaken, entry);
    }
}
