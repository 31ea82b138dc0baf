//! What stands on the wire: connections, targets, fields and bodies.

pub mod cookie;
pub mod count;
pub mod field;
pub mod form;
pub mod forwarded;
pub mod h1;
pub mod h2;
pub mod limits;
pub mod peer;
pub mod pipe;
pub mod probe;
pub mod proxy_protocol;
pub mod rewind;
pub mod scratch;
pub mod serve;
pub mod splice;
pub mod target;
pub mod tcp;

pub use count::Connections;
pub use limits::Limits;
pub use peer::{Handshake, Peer, Proof};
pub use pipe::Pipes;
pub use probe::Probe;
pub use serve::serve;
pub use target::{Destination, Scheme};
pub use tcp::Tcp;
