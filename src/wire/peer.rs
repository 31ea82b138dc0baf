//! The client at the other end of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use super::count::Place;
use super::forwarded::Standing;
use crate::identity::Network;

/// What a client has shown in its TLS handshake with us. The connection then ends in one browser or tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// The name that it asked for (SNI, RFC 6066 §3), in lower case.
    pub server_name: Option<Arc<str>>,
    /// The SHA-256 fingerprint of the certificate that it has proven to own.
    pub certificate: Option<[u8; 32]>,
}

/// Whose a whole connection is. The portal alone writes it, when its own cookie or a sign-in has come over that very
/// connection; whatever an origin, a page or another session can bring about does not.
#[derive(Debug, Default)]
pub struct Proof(Mutex<Proven>);

#[derive(Clone, Copy, Debug, Default)]
enum Proven {
    #[default]
    Nobody,
    /// The person of this session.
    One(u128),
    /// Several people at the same time: it is no browser's own.
    Several,
}

impl Proof {
    /// The identifier of the session that it stands for.
    pub fn session(&self) -> Option<u128> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Proven::One(session) => Some(session),
            Proven::Nobody | Proven::Several => None,
        }
    }

    /// Lets it stand for this session from now on, unless it has carried several people.
    pub fn set(&self, session: u128) {
        let mut proven = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*proven, Proven::Several) {
            *proven = Proven::One(session);
        }
    }

    /// It carries several people at the same time, and stands for nobody for as long as it lasts.
    pub fn spoil(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Proven::Several;
    }
}

/// A client, as the listener that accepted it sees it, or as a trusted peer of ours names it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The client's address and port. Port 0: a forwarder did not tell.
    pub client: SocketAddr,
    /// The name of the listener.
    pub listener: Arc<str>,
    /// The network that the client's address belongs to.
    pub network: Arc<Network>,
    /// What the TLS handshake with a secure web proxy listener has shown; none on a plain one.
    pub tls: Option<Arc<Handshake>>,
    /// Whose the connection is, where it is one to a secure web proxy listener, and so ends in one browser.
    pub proof: Option<Arc<Proof>>,
    /// The connection's place among those that are open, given back when nobody holds it any more.
    pub place: Option<Arc<Place>>,
    /// Who is at the other end of the connection, and asks on behalf of the client.
    pub forwarder: Option<IpAddr>,
    /// Whether requests on this connection can be somebody else's.
    pub standing: Standing,
    /// Whether the listener is one for guests, on a network that we know.
    pub guest: bool,
}

impl Peer {
    /// A client at the other end of its own connection, which nobody counts.
    pub fn new(client: SocketAddr, listener: &str, network: Arc<Network>) -> Self {
        let listener = listener.into();
        let standing = Standing::Own;
        let (tls, proof, place, forwarder) = (None, None, None, None);
        Self { client, listener, network, tls, proof, place, forwarder, standing, guest: false }
    }

    /// The same at the end of a TLS connection in whose handshake this was shown.
    #[must_use]
    pub fn over_tls(self, handshake: Handshake) -> Self {
        Self { tls: Some(Arc::new(handshake)), proof: Some(Arc::default()), ..self }
    }

    /// Whether somebody there may go on as `guest`.
    pub fn admits_guests(&self) -> bool {
        self.guest || self.network.guest
    }
}
