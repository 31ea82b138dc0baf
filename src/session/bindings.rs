//! Which session a proxy host name or a client certificate stands for.
//!
//! What is at hand is found without waiting; the store is asked about the rest, once. A binding is changed by
//! comparing and swapping, and other nodes are told, so that no two of them let one name stand for two people.

mod list;
mod over;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

use super::binding::{Binding, Place, Standing, Unbound};
use super::corrections::{self, Corrections, Mark};
use super::ends::{Ends, Held};
use super::evidence::{Evidence, Sight};
use super::names::{self, Config};
use super::neighbours::Word;
use super::store::{Error, Health, Key, Kind, Store};
use super::{Session, SessionId, Sessions, person};
use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::identity::User;
use crate::seal::random_text;
use crate::wire::{Handshake, Peer};

/// Bindings at hand.
const AT_HAND: u64 = 500_000;

/// How long it is remembered that the store knows nothing of a name.
const UNKNOWN: Duration = Duration::from_secs(1);

/// How long nothing more is said of something that one client shows where it is not good.
const WARNED: Duration = Duration::from_secs(600);

/// Attempts to change what somebody else changes at the same time.
const ATTEMPTS: usize = 6;

/// The store's last use may be so far behind.
const TOUCH: SignedDuration = SignedDuration::from_mins(5);

/// How long a list of devices is kept: they are renewed, and it is not.
const LIST: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

/// The longest name of a device, in characters.
const MAX_TITLE: usize = 60;

/// A device that was made just now. Nothing here can give its secret out again.
#[derive(Debug)]
pub struct Issued {
    /// What it is known by.
    pub id: DeviceId,
    /// What the address of its PAC file holds.
    pub secret: String,
    /// What the person calls it.
    pub title: String,
    /// When it ends, if nobody signs in over it.
    pub expires: Timestamp,
}

/// What a device is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeviceId(Key);

/// A device of somebody's, as they see it.
#[derive(Clone, Debug)]
pub struct Device {
    /// What it is known by.
    pub id: DeviceId,
    /// What the person calls it.
    pub title: String,
    /// When it was made.
    pub made: Timestamp,
    /// When it ends, if nobody signs in over it.
    pub expires: Timestamp,
    /// When it was last used, to a few minutes.
    pub last_used: Option<Timestamp>,
    /// Where it is good. Empty until it is used.
    pub places: Vec<Place>,
    /// Whether its session goes on: if not, it stands for nobody until the person signs in on it.
    pub is_signed_in: bool,
}

/// A binding at hand.
#[derive(Debug)]
struct Known {
    binding: Binding,
    shown: Arc<str>,
    /// Seconds since the epoch.
    used: AtomicI64,
    stored_use: AtomicI64,
}

impl Known {
    fn new(binding: Binding) -> Arc<Self> {
        let used = binding.last_used.map_or(0, Timestamp::as_second);
        let shown = binding.shown.as_str().into();
        Arc::new(Self { binding, shown, used: AtomicI64::new(used), stored_use: AtomicI64::new(used) })
    }

    fn touch(&self, now: Timestamp) {
        // Written only when it changes, so that the cache line stays shared between cores.
        if self.used.load(Ordering::Relaxed) < now.as_second() {
            self.used.fetch_max(now.as_second(), Ordering::Relaxed);
        }
    }

    fn last_used(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.used.load(Ordering::Relaxed)).ok().filter(|used| *used > Timestamp::UNIX_EPOCH)
    }
}

/// The bindings. Cheap to share.
#[derive(Debug)]
pub struct Bindings {
    config: Config,
    sessions: Arc<Sessions>,
    store: Arc<dyn Store>,
    clock: Clock,
    known: Cache<(Kind, Key), Arc<Known>>,
    unknown: Cache<(Kind, Key), ()>,
    /// What was shown where it is not good, and by which client.
    warned: Cache<(Key, IpAddr), ()>,
    corrections: Corrections,
    ends: Arc<Ends>,
}

impl Bindings {
    /// The bindings that `store` has, to sessions of `sessions`.
    pub fn new(config: Config, sessions: Arc<Sessions>, store: Arc<dyn Store>, clock: Clock) -> Self {
        Self {
            config,
            sessions,
            store,
            ends: Arc::new(Ends::fleeting(clock.clone())),
            clock,
            known: Cache::new(AT_HAND),
            unknown: Cache::builder().max_capacity(100_000).time_to_live(UNKNOWN).build(),
            warned: Cache::builder().max_capacity(10_000).time_to_live(WARNED).build(),
            corrections: Corrections::default(),
        }
    }

    /// The same, with what is revoked kept through a restart although the disk is full.
    #[must_use]
    pub fn keeping(self, ends: Arc<Ends>) -> Self {
        Self { ends, ..self }
    }

    /// What a handshake has shown that may stand for a session, the stronger first.
    pub fn evidence<'a>(&self, handshake: &'a Handshake) -> impl Iterator<Item = Evidence<'a>> + use<'a> {
        let certificate = handshake.certificate.as_ref().map(Evidence::Certificate);
        let label = handshake.server_name.as_deref().and_then(|name| self.config.label_in(name));
        certificate.into_iter().chain(label.map(Evidence::Name))
    }

    /// Whether a name is good only where its person has used it.
    pub fn bind_network(&self) -> bool {
        self.config.bind_network
    }

    /// Whom `evidence` stands for when `peer` shows it, if that is at hand; finding it counts as using it.
    pub fn find(&self, evidence: Evidence<'_>, peer: &Peer) -> Sight {
        let place = evidence.place();
        let Some(known) = self.known.get(&place) else {
            return if self.unknown.contains_key(&place) { Sight::Nobody } else { Sight::Unclear };
        };
        let now = self.clock.now();
        match known.binding.stands(peer, now, self.config.bind_network) {
            Standing::Nobody => Sight::Nobody,
            Standing::Elsewhere => {
                self.warn(&place, &known, peer);
                Sight::Nobody
            }
            Standing::Placeless => Sight::Unclear,
            Standing::For(id) => match self.sessions.find(id) {
                Some(session) => {
                    known.touch(now);
                    Sight::Session(session, Arc::clone(&known.shown))
                }
                None => Sight::Unclear,
            },
        }
    }

    /// Whom `evidence` stands for when `peer` shows it, wherever that is kept. The first use of a device decides where it
    /// is good.
    pub async fn recall(&self, evidence: Evidence<'_>, peer: &Peer) -> Option<(Arc<Session>, Arc<str>)> {
        let place = evidence.place();
        let known = self.look_up(place).await.ok()??;
        let now = self.clock.now();
        let id = match known.binding.stands(peer, now, self.config.bind_network) {
            Standing::Nobody => return None,
            Standing::Elsewhere => {
                self.warn(&place, &known, peer);
                return None;
            }
            Standing::For(id) => id,
            Standing::Placeless => self.settle(place, peer).await?,
        };
        let session = self.sessions.recall(id).await?;
        known.touch(now);
        Some((session, Arc::clone(&known.shown)))
    }

    /// Says that what is good elsewhere was shown here: somebody has moved, or has overheard it.
    fn warn(&self, place: &(Kind, Key), known: &Known, peer: &Peer) {
        let client = peer.client.ip();
        if self.warned.entry((place.1, client)).or_insert(()).is_fresh() {
            let (evidence, network) = (&known.shown, &peer.network.name);
            tracing::info!(%evidence, %client, %network, "a name or certificate stands for nobody on this network");
        }
    }

    /// Notes where a device is used first. Of two places at the same time, one is the first.
    async fn settle(&self, place: (Kind, Key), peer: &Peer) -> Option<SessionId> {
        let edit = |held: Option<Binding>| {
            let mut binding = held.ok_or(Unbound::Unknown)?;
            if binding.places.is_empty() {
                binding.go_to(peer);
            }
            Ok(binding)
        };
        let binding = self.change(place, edit).await.ok()?.ok()?;
        match binding.stands(peer, self.clock.now(), self.config.bind_network) {
            Standing::For(id) => Some(id),
            _ => None,
        }
    }

    /// Makes a device of the person of `session`: it stands for that session until it ends.
    pub async fn issue(&self, session: &Session, title: &str) -> Result<Issued, Error> {
        let (now, secret) = (self.clock.now(), random_text());
        let label = names::of_secret(&secret);
        let (_, key) = Evidence::Name(&label).place();
        let expires = after(now, self.config.expires);
        let binding = Binding::of_device(session, tidy(title), Evidence::Name(&label).shown(), now, expires);
        let record = serde_json::to_vec(&binding).unwrap_or_default();
        self.store.put(Kind::Name, key, record, expires).await?;
        let listed = self.edit_list(&session.user, |list| {
            list.push(key);
            if list.len() > self.config.max_per_person { Err(Error::Full) } else { Ok(()) }
        });
        if let Err(error) = listed.await {
            self.store.take(Kind::Name, key).await?;
            return Err(error);
        }
        self.store.sync().await?;
        let title = binding.title.clone();
        self.known.insert((Kind::Name, key), Known::new(binding));
        Ok(Issued { id: DeviceId(key), secret, title, expires })
    }

    /// The label that the address with this secret leads to, if its device is still good. While the store is away, who
    /// knows an address is believed: a label that was not made here stands for nobody anyway.
    pub async fn label_of(&self, secret: &str) -> Option<String> {
        let label = names::of_secret(secret);
        let is_good = match self.look_up(Evidence::Name(&label).place()).await {
            Ok(found) => found.is_some_and(|known| !known.binding.revoked && known.binding.expires > self.clock.now()),
            Err(_) => true,
        };
        is_good.then_some(label)
    }

    /// The devices of a person, the newest first.
    pub async fn devices(&self, user: &User) -> Result<Vec<Device>, Error> {
        let mut devices = Vec::new();
        for key in self.list(user).await?.1 {
            let Some(binding) = self.peek((Kind::Name, key)).await?.1 else { continue };
            if binding.revoked {
                continue;
            }
            let at_hand = self.known.get(&(Kind::Name, key)).and_then(|known| known.last_used());
            devices.push(Device {
                id: DeviceId(key),
                is_signed_in: self.sessions.is_live(binding.session).await,
                last_used: binding.last_used.max(at_hand),
                title: binding.title,
                made: binding.made,
                expires: binding.expires,
                places: binding.places,
            });
        }
        devices.sort_by_key(|device| std::cmp::Reverse(device.made));
        Ok(devices)
    }

    /// Lets a device of this person stand for nobody any more. Gives what it was called; none if it is not theirs.
    pub async fn revoke(&self, user: &User, id: DeviceId) -> Result<Option<String>, Error> {
        let owner = person(user);
        let revoked = self
            .change((Kind::Name, id.0), |held| {
                let mut binding = held.filter(|held| held.owner == owner && !held.revoked).ok_or(Unbound::Unknown)?;
                binding.revoked = true;
                Ok(binding)
            })
            .await?;
        let Ok(binding) = revoked else { return Ok(None) };
        self.edit_list(user, |list| {
            list.retain(|key| *key != id.0);
            Ok(())
        })
        .await?;
        self.store.sync().await?;
        if self.store.health() == Health::Forgetful {
            // The disk has not taken it: if nothing else does, it is not done.
            let held = self.sessions.end_record(Kind::Name, id.0, owner).await;
            if held == Held::Fleeting {
                return Err(Error::Away);
            }
        }
        Ok(Some(binding.title))
    }

    /// Revokes a device and makes another one in its place, with an address and a name of its own.
    pub async fn reissue(&self, session: &Session, id: DeviceId) -> Result<Option<Issued>, Error> {
        let Some(title) = self.revoke(&session.user, id).await? else { return Ok(None) };
        self.issue(session, &title).await.map(Some)
    }

    /// Lets the devices of a person that stood for one session stand for the one that has replaced it.
    pub async fn carry_over(&self, from: SessionId, session: &Session) -> Result<(), Error> {
        let owner = person(&session.user);
        for key in self.list(&session.user).await?.1 {
            let place = (Kind::Name, key);
            let is_of = |held: &Binding| held.owner == owner && held.session == from && !held.revoked;
            if !self.peek(place).await?.1.as_ref().is_some_and(is_of) {
                continue;
            }
            let edit = |held: Option<Binding>| {
                let mut binding = held.filter(is_of).ok_or(Unbound::Unknown)?;
                binding.session = session.id;
                Ok(binding)
            };
            // One that somebody else has changed meanwhile is left as it is.
            let _ = self.change(place, edit).await?;
        }
        Ok(())
    }

    /// Tells the store which bindings have been used. To be called every minute or so.
    pub async fn upkeep(&self) {
        let behind = |known: &Known| {
            known.used.load(Ordering::Relaxed).saturating_sub(known.stored_use.load(Ordering::Relaxed))
                >= TOUCH.as_secs()
        };
        let used: Vec<_> = self.known.iter().filter(|(_, known)| behind(known)).collect();
        for (place, known) in used {
            let Some(last_used) = known.last_used() else { continue };
            known.stored_use.store(last_used.as_second(), Ordering::Relaxed);
            let mark = self.corrections.mark(*place);
            let Ok((seen, Some(mut binding))) = self.peek(*place).await else { continue };
            binding.use_at(last_used);
            let (record, expires) = (serde_json::to_vec(&binding).unwrap_or_default(), binding.expires);
            // Whoever has changed it meanwhile has used it, too.
            if self.store.swap(place.0, place.1, seen, record, expires).await == Ok(true) {
                self.known.insert(*place, Known::new(binding));
                self.stands(*place, mark);
            }
        }
    }

    /// Another node knows better what this stands for.
    pub(super) fn forget(&self, kind: Kind, key: Key) {
        self.corrections.correct((kind, key));
        self.drop_known((kind, key));
    }

    fn drop_known(&self, place: (Kind, Key)) {
        self.known.invalidate(&place);
        self.unknown.invalidate(&place);
    }

    /// The store is there again: others may have known better meanwhile.
    pub(super) fn forget_all(&self) {
        self.corrections.correct_all();
        self.known.invalidate_all();
        self.unknown.invalidate_all();
    }

    /// The binding in this place, from what is at hand or from the store.
    async fn look_up(&self, place: (Kind, Key)) -> Result<Option<Arc<Known>>, Error> {
        for _ in 0..corrections::ATTEMPTS {
            if let Some(known) = self.known.get(&place) {
                return Ok(Some(known));
            }
            if self.unknown.contains_key(&place) {
                return Ok(None);
            }
            let mark = self.corrections.mark(place);
            let known = self.peek(place).await?.1.map(Known::new);
            match &known {
                Some(known) => self.known.insert(place, Arc::clone(known)),
                None => self.unknown.insert(place, ()),
            }
            if self.stands(place, mark) {
                return Ok(known);
            }
        }
        // It changes hands faster than it can be read.
        Ok(None)
    }

    /// Whether nobody has known better since `mark` of what was noted here. If so, it is forgotten.
    fn stands(&self, place: (Kind, Key), mark: Mark) -> bool {
        let overtaken = self.corrections.overtook(place, mark);
        if overtaken {
            self.drop_known(place);
        }
        !overtaken
    }

    async fn peek(&self, (kind, key): (Kind, Key)) -> Result<(Option<Vec<u8>>, Option<Binding>), Error> {
        let seen = self.store.peek(kind, key).await?;
        let binding: Option<Binding> = seen.as_deref().and_then(|record| serde_json::from_slice(record).ok());
        let binding = binding.map(|mut binding| {
            binding.revoked |= self.ends.cover_record(kind, key);
            binding
        });
        Ok((seen, binding))
    }

    /// Changes a binding as `edit` says, on all nodes.
    async fn change(
        &self,
        place: (Kind, Key),
        edit: impl Fn(Option<Binding>) -> Result<Binding, Unbound>,
    ) -> Result<Result<Binding, Unbound>, Error> {
        let now = self.clock.now();
        for _ in 0..ATTEMPTS {
            let mut mark = self.corrections.mark(place);
            let (seen, held) = self.peek(place).await?;
            let held = held.filter(|held| held.expires > now);
            let binding = match edit(held.clone()) {
                Ok(binding) => binding,
                Err(unbound) => return Ok(Err(unbound)),
            };
            if held.as_ref() != Some(&binding) {
                let record = serde_json::to_vec(&binding).unwrap_or_default();
                if !self.store.swap(place.0, place.1, seen, record, binding.expires).await? {
                    continue;
                }
                // What is being read of it here is out of date, too.
                self.corrections.correct(place);
                mark = mark.corrected();
                self.sessions.neighbours.tell(&Word::Binding(place.0.letter(), place.1)).await;
            }
            self.unknown.invalidate(&place);
            self.known.insert(place, Known::new(binding.clone()));
            self.stands(place, mark);
            return Ok(Ok(binding));
        }
        Ok(Err(Unbound::Contended))
    }
}

/// What a person calls a device, fit for a page and a log.
fn tidy(title: &str) -> String {
    let title: String = title.chars().filter(|c| !c.is_control()).take(MAX_TITLE).collect();
    title.trim().to_owned()
}

#[cfg(test)]
mod tests;
