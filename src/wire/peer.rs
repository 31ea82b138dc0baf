//! The client at the other end of a connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

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
        Self { client, listener, network, tls: None, place: None, forwarder: None, standing, guest: false }
    }

    /// Whether somebody there may go on as `guest`.
    pub fn admits_guests(&self) -> bool {
        self.guest || self.network.guest
    }
}
