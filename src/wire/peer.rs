//! The client at the other end of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use super::forwarders::Standing;
use crate::identity::Network;
use crate::net::count::Place;

/// The number of a configuration, counted from the start of the program.
pub type Era = u64;

/// What a client has shown in its TLS handshake with us. The other end of such a connection is one browser or tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// The server name that it sent (SNI, RFC 6066 §3), in lower case.
    pub server_name: Option<Arc<str>>,
    /// The SHA-256 fingerprint of the certificate whose key it has proven to have.
    pub certificate: Option<[u8; 32]>,
}

/// For which session a whole connection stands. Only the portal sets it, when its own cookie or a sign-in has come over
/// that very connection. Nothing that an origin, a page or another session can cause sets it.
#[derive(Debug, Default)]
pub struct Proof(Mutex<Proven>);

#[derive(Clone, Copy, Debug, Default)]
enum Proven {
    #[default]
    Nobody,
    /// The person of this session.
    One(u128),
    /// Several people at the same time, so its other end is not one browser.
    Several,
}

impl Proof {
    /// The identifier of the session for which it stands.
    pub fn session(&self) -> Option<u128> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Proven::One(session) => Some(session),
            Proven::Nobody | Proven::Several => None,
        }
    }

    /// Lets it stand for this session from now on, unless it has been spoilt.
    pub fn set(&self, session: u128) {
        let mut proven = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*proven, Proven::Several) {
            *proven = Proven::One(session);
        }
    }

    /// Notes that it carries several people: it stands for nobody for as long as it lasts.
    pub fn spoil(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Proven::Several;
    }
}

/// A client, as the listener that has accepted it sees it, or as a trusted peer names it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The client's address and port. The port is 0 if a forwarder does not tell it.
    pub client: SocketAddr,
    /// The name of the listener.
    pub listener: Arc<str>,
    /// The network to which the client's address belongs.
    pub network: Arc<Network>,
    /// What the client has shown in its handshake with a secure web proxy listener; `None` on a plain one.
    pub tls: Option<Arc<Handshake>>,
    /// For which session the connection stands, if it is one to a secure web proxy listener, whose other end is one
    /// browser.
    pub proof: Option<Arc<Proof>>,
    /// The connection's place among those that are counted, which is free again when nobody holds it any more.
    pub place: Option<Arc<Place>>,
    /// The forwarder at the other end of the connection, if it sends requests on the client's behalf.
    pub forwarder: Option<IpAddr>,
    /// Whether the other end may name other clients.
    pub standing: Standing,
    /// Whether the listener is for guests, and the client is on a configured network.
    pub guest: bool,
    /// The era of the configuration by which it was judged.
    pub era: Era,
}

impl Peer {
    /// A client at the other end of its own connection, which is not counted.
    pub fn new(client: SocketAddr, listener: &str, network: Arc<Network>) -> Self {
        let listener = listener.into();
        let standing = Standing::Own;
        let (tls, proof, place, forwarder) = (None, None, None, None);
        Self { client, listener, network, tls, proof, place, forwarder, standing, guest: false, era: 0 }
    }

    /// The same client, at the other end of a TLS connection with this handshake.
    #[must_use]
    pub fn over_tls(self, handshake: Handshake) -> Self {
        Self { tls: Some(Arc::new(handshake)), proof: Some(Arc::default()), ..self }
    }

    /// Whether people there may go on as `guest`.
    pub fn admits_guests(&self) -> bool {
        self.guest || self.network.guest
    }
}
