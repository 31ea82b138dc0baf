//! What is kept of a proxy host name or a client certificate: whose it is, which session it stands for, and where.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::store::Key;
use super::{Session, SessionId, person};
use crate::clock::{SignedDuration, Timestamp, after};
use crate::identity::network::ELSEWHERE;
use crate::wire::Peer;

/// The most networks on which one binding counts. Beyond that, the one that was added first makes room for the next.
const MAX_PLACES: usize = 8;

/// How long a label of the shared PAC file stays valid without being used: browsers fetch that file twice a day, and
/// get another label each time.
const UNUSED: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Where a client is: its network, or the neighbourhood of its address, if it is on none that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// A configured network.
    Network(String),
    /// An address and those beside it: 256 of IPv4, the network of one site of IPv6.
    Near(IpNet),
}

impl Place {
    /// Where `peer` is.
    pub fn of(peer: &Peer) -> Self {
        if &*peer.network.name != ELSEWHERE {
            return Self::Network(peer.network.name.to_string());
        }
        let address = peer.client.ip().to_canonical();
        let net = IpNet::new(address, if address.is_ipv4() { 24 } else { 48 });
        Self::Near(net.map_or_else(|_| address.into(), |net| net.trunc()))
    }

    /// Whether `peer` is there.
    fn holds(&self, peer: &Peer) -> bool {
        match self {
            Self::Network(name) => **name == *peer.network.name,
            Self::Near(net) => &*peer.network.name == ELSEWHERE && net.contains(&peer.client.ip().to_canonical()),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Network(name) => f.write_str(name),
            Self::Near(net) => write!(f, "{net}"),
        }
    }
}

/// What is kept. Fields may be added, with a default; none may change its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Binding {
    /// The person. It never changes.
    pub(super) owner: Key,
    /// The session that it stands for, until that session ends.
    pub(super) session: SessionId,
    /// Where it counts. Empty until the first use.
    pub(super) places: Vec<Place>,
    pub(super) made: Timestamp,
    pub(super) expires: Timestamp,
    /// If set, each use renews it, up to this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    renewed_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_used: Option<Timestamp>,
    /// What the person calls the device.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) title: String,
    /// Whether it has been revoked: it stands for nobody any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) revoked: bool,
    /// What records show to name it.
    pub(super) shown: String,
}

/// Whom a binding stands for on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The person of this session.
    For(SessionId),
    /// The same, once the place of its first use has been noted, which has not been done yet.
    Placeless,
    /// Nobody on this network: it counts on others.
    Elsewhere,
    /// Nobody.
    Nobody,
}

/// Why somebody's session is not what a name or certificate stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbound {
    /// It is another person's.
    OtherPerson,
    /// Its person has revoked it.
    Revoked,
    /// Nobody has made it, or it has expired.
    Unknown,
    /// Others kept changing it at the same time.
    Contended,
}

impl Unbound {
    /// The word that records show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OtherPerson => "other-person",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
            Self::Contended => "contended",
        }
    }
}

impl Binding {
    /// A device of the person of `session`.
    pub(super) fn of_device(
        session: &Session,
        title: String,
        shown: String,
        now: Timestamp,
        expires: Timestamp,
    ) -> Self {
        Self {
            owner: person(&session.user),
            session: session.id,
            places: Vec::new(),
            made: now,
            expires,
            renewed_until: None,
            last_used: None,
            title,
            revoked: false,
            shown,
        }
    }

    /// A name or certificate that stood for nobody until the person of `session` signed in over it.
    pub(super) fn of_sign_in(
        session: &Session,
        peer: &Peer,
        shown: String,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Self {
        let mut binding = Self::of_device(session, String::new(), shown, now, after(now, lifetime));
        binding.go_to(peer);
        binding
    }

    /// Lets it expire [`UNUSED`] after its last use, and at the latest with the session.
    pub(super) fn renewed_by_use(mut self, session: &Session, now: Timestamp) -> Self {
        self.renewed_until = Some(session.expires);
        self.expires = after(now, UNUSED).min(session.expires);
        self
    }

    /// Whom it stands for when `peer` shows it.
    pub(super) fn stands(&self, peer: &Peer, now: Timestamp, by_place: bool) -> Standing {
        if self.revoked || self.expires <= now {
            Standing::Nobody
        } else if !by_place || self.places.iter().any(|place| place.holds(peer)) {
            Standing::For(self.session)
        } else if self.places.is_empty() {
            Standing::Placeless
        } else {
            Standing::Elsewhere
        }
    }

    /// Lets it stand for `session` from now on, also where `peer` is.
    pub(super) fn bind(
        &mut self,
        session: &Session,
        peer: &Peer,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Result<(), Unbound> {
        if self.revoked {
            return Err(Unbound::Revoked);
        }
        if self.owner != person(&session.user) {
            return Err(Unbound::OtherPerson);
        }
        self.session = session.id;
        self.go_to(peer);
        match &mut self.renewed_until {
            Some(until) => {
                *until = session.expires;
                self.expires = after(now, UNUSED).min(session.expires);
            }
            None => self.expires = after(now, lifetime),
        }
        Ok(())
    }

    /// Notes where it is used. Of places outside the configured networks, it counts at the latest one only: whoever has
    /// overheard a name there cannot use it any more once its person has gone on.
    pub(super) fn go_to(&mut self, peer: &Peer) {
        if self.places.iter().any(|place| place.holds(peer)) {
            return;
        }
        let place = Place::of(peer);
        if matches!(place, Place::Near(_)) {
            self.places.retain(|other| matches!(other, Place::Network(_)));
        }
        if self.places.len() >= MAX_PLACES {
            self.places.remove(0);
        }
        self.places.push(place);
    }

    /// Notes its last use.
    pub(super) fn use_at(&mut self, used: Timestamp) {
        self.last_used = self.last_used.max(Some(used));
        if let Some(until) = self.renewed_until {
            self.expires = self.expires.max(after(used, UNUSED).min(until));
        }
    }
}
