//! The client at the other end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use super::count::Place;
use crate::identity::Network;

/// A client, as the listener that accepted it sees it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The client's address and port.
    pub client: SocketAddr,
    /// The name of the listener.
    pub listener: Arc<str>,
    /// The network that the client's address belongs to.
    pub network: Arc<Network>,
    /// The connection's place among those that are open, given back when nobody holds it any more.
    pub place: Option<Arc<Place>>,
}
