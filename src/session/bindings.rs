//! Which session a proxy host name or a client certificate stands for.
//!
//! What is in memory is found without waiting; the store is asked about the rest, once. A binding is changed by compare
//! and swap, and other nodes are told, so that no two nodes let one name stand for two people.

mod devices;
mod list;
mod over;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use moka::sync::Cache;

use super::binding::{Binding, Standing, Unbound};
use super::ends::Ends;
use super::evidence::{Evidence, Sight};
use super::names::Config;
use super::near::{Near, Table};
use super::neighbours::{Neighbours, Word};
use super::store::{Error, Key, Kind, Store};
use super::{Session, SessionId, Sessions};
use crate::clock::{Clock, SignedDuration, Timestamp};
use crate::net::LateCache;
use crate::wire::{Handshake, Peer};
pub use devices::{Device, DeviceId, Issued};

/// Bindings in memory.
const AT_HAND: u64 = 500_000;

/// How long this node remembers that the store knows nothing of a name.
const UNKNOWN: Duration = Duration::from_secs(1);

/// How long there is no second event about the same evidence from the same client where it is not good.
const WARNED: Duration = Duration::from_secs(600);

/// Attempts to change a record that others are changing at the same time.
const ATTEMPTS: usize = 6;

/// How far the last use that the store knows of may be behind the real one.
const TOUCH: SignedDuration = SignedDuration::from_mins(5);

/// How long a list of devices is kept. It must outlast all of them, because using a device renews the device, and not
/// the list.
const LIST: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

/// A binding in memory.
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

/// The bindings in memory.
type AtHand = Cache<(Kind, Key), Arc<Known>>;

impl Table<(Kind, Key)> for AtHand {
    type Record = Binding;
    type Held = Arc<Known>;

    fn note(&self, place: (Kind, Key), binding: Binding) -> Option<Arc<Known>> {
        let known = Known::new(binding);
        self.insert(place, Arc::clone(&known));
        Some(known)
    }

    fn forget(&self, place: (Kind, Key)) {
        self.invalidate(&place);
    }

    fn forget_all(&self) {
        self.invalidate_all();
    }
}

/// The bindings. Cheap to share.
#[derive(Debug)]
pub struct Bindings {
    config: ArcSwap<Config>,
    sessions: Arc<Sessions>,
    store: Arc<dyn Store>,
    clock: Clock,
    near: Near<(Kind, Key), AtHand>,
    /// Evidence that was shown where it is not good, and by which client: each pair is said once in a while.
    warned: LateCache<(Key, IpAddr), ()>,
    neighbours: Arc<Neighbours>,
    ends: Arc<Ends>,
}

impl Bindings {
    /// The bindings that `store` has, to sessions of `sessions`.
    pub fn new(config: Config, sessions: Arc<Sessions>, store: Arc<dyn Store>, clock: Clock) -> Self {
        Self {
            config: ArcSwap::from_pointee(config),
            neighbours: Arc::clone(sessions.neighbours()),
            sessions,
            store,
            ends: Arc::new(Ends::fleeting(clock.clone())),
            clock,
            near: Near::new(Cache::new(AT_HAND), UNKNOWN),
            warned: LateCache::new(|| Cache::builder().max_capacity(10_000).time_to_live(WARNED).build()),
        }
    }

    /// Goes by other settings from now on. Bindings that exist already keep the end they have.
    pub fn hold_to(&self, config: Config) {
        self.config.store(Arc::new(config));
    }

    /// The same bindings, with a journal that keeps revocations through a restart even when the store's disk is full.
    #[must_use]
    pub fn keeping(self, ends: Arc<Ends>) -> Self {
        Self { ends, ..self }
    }

    /// What a handshake has shown that may stand for a session, the stronger evidence first.
    pub fn evidence<'a>(&self, handshake: &'a Handshake) -> impl Iterator<Item = Evidence<'a>> + use<'a> {
        let certificate = handshake.certificate.as_ref().map(Evidence::Certificate);
        let label = handshake.server_name.as_deref().and_then(|name| self.config.load().label_in(name));
        certificate.into_iter().chain(label.map(Evidence::Name))
    }

    /// Whether a name counts only where its person has used it.
    pub fn bind_network(&self) -> bool {
        self.config.load().bind_network
    }

    /// Whom `evidence` stands for when `peer` shows it, as far as can be told without waiting. Finding a session counts
    /// as using the evidence.
    pub fn find(&self, evidence: Evidence<'_>, peer: &Peer) -> Sight {
        let place = evidence.place();
        let Some(known) = self.near.known().get(&place) else {
            return if self.near.is_absent(place) { Sight::Nobody } else { Sight::Unclear };
        };
        let now = self.clock.now();
        match known.binding.stands(peer, now, self.config.load().bind_network) {
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

    /// Whom `evidence` stands for when `peer` shows it; asks the store where it has to. The first use of a device
    /// decides where it counts.
    pub async fn recall(&self, evidence: Evidence<'_>, peer: &Peer) -> Option<(Arc<Session>, Arc<str>)> {
        let place = evidence.place();
        let known = self.look_up(place).await.ok()??;
        let now = self.clock.now();
        let id = match known.binding.stands(peer, now, self.config.load().bind_network) {
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

    /// Writes an event that evidence that counts elsewhere was shown here: its person has moved, or somebody has
    /// overheard it.
    fn warn(&self, place: &(Kind, Key), known: &Known, peer: &Peer) {
        let client = peer.client.ip();
        if self.warned.entry((place.1, client)).or_insert(()).is_fresh() {
            let (evidence, network) = (&known.shown, &peer.network.name);
            tracing::info!(%evidence, %client, %network, "a proxy name or certificate was shown on a network where it is not good, and stands for nobody there: its person has moved, or somebody has copied it");
        }
    }

    /// Notes where a device is used first. If it is used at two places at the same time, one of them counts as the
    /// first.
    async fn settle(&self, place: (Kind, Key), peer: &Peer) -> Option<SessionId> {
        let edit = |held: Option<Binding>| {
            let mut binding = held.ok_or(Unbound::Unknown)?;
            if binding.places.is_empty() {
                binding.go_to(peer);
            }
            Ok(binding)
        };
        let binding = self.change(place, edit).await.ok()?.ok()?;
        match binding.stands(peer, self.clock.now(), self.config.load().bind_network) {
            Standing::For(id) => Some(id),
            _ => None,
        }
    }

    /// Tells the store which bindings have been used. To be called every minute or so.
    pub async fn upkeep(&self) {
        let behind = |known: &Known| {
            known.used.load(Ordering::Relaxed).saturating_sub(known.stored_use.load(Ordering::Relaxed))
                >= TOUCH.as_secs()
        };
        let used: Vec<_> = self.near.known().iter().filter(|(_, known)| behind(known)).collect();
        for (place, known) in used {
            let Some(last_used) = known.last_used() else { continue };
            known.stored_use.store(last_used.as_second(), Ordering::Relaxed);
            let mark = self.near.mark(*place);
            let Ok((seen, Some(mut binding))) = self.peek(*place).await else { continue };
            binding.use_at(last_used);
            let (record, expires) = (serde_json::to_vec(&binding).unwrap_or_default(), binding.expires);
            // Whoever has changed the binding meanwhile has noted a use of it, too.
            if self.store.swap(place.0, place.1, seen, record, expires).await == Ok(true) {
                self.near.note(*place, binding, mark);
            }
        }
    }

    /// Forgets what is known of this binding: another node has changed it in the store.
    pub(super) fn forget(&self, kind: Kind, key: Key) {
        self.near.forget((kind, key));
    }

    /// Forgets all bindings in memory: the store is there again, and other nodes may have changed any of them
    /// meanwhile.
    pub(super) fn forget_all(&self) {
        self.near.forget_all();
    }

    /// The binding in this place, from what is in memory or from the store.
    async fn look_up(&self, place: (Kind, Key)) -> Result<Option<Arc<Known>>, Error> {
        let ask = || async move { Ok::<_, Error>(self.peek(place).await?.1) };
        self.near.read(place, |known| known.get(&place), ask).await
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

    /// Changes a binding in the store as `edit` says, and tells the other nodes. `edit` may be called several times.
    async fn change(
        &self,
        place: (Kind, Key),
        edit: impl Fn(Option<Binding>) -> Result<Binding, Unbound>,
    ) -> Result<Result<Binding, Unbound>, Error> {
        let now = self.clock.now();
        for _ in 0..ATTEMPTS {
            let mark = self.near.mark(place);
            let (seen, held) = self.peek(place).await?;
            let held = held.filter(|held| held.expires > now);
            let binding = match edit(held.clone()) {
                Ok(binding) => binding,
                Err(unbound) => return Ok(Err(unbound)),
            };
            if held.as_ref() == Some(&binding) {
                self.near.note(place, binding.clone(), mark);
                return Ok(Ok(binding));
            }
            let record = serde_json::to_vec(&binding).unwrap_or_default();
            if self.store.swap(place.0, place.1, seen, record, binding.expires).await? {
                self.near.change(place, binding.clone(), mark);
                self.neighbours.tell(&Word::Binding(place.0.letter(), place.1)).await;
                return Ok(Ok(binding));
            }
        }
        Ok(Err(Unbound::Contended))
    }
}

#[cfg(test)]
mod tests;
