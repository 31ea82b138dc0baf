//! HTTP on the wire: heads, bodies, targets, fields, cookies, and who is at the other end of a connection.

pub mod client_hello;
pub mod cookie;
pub mod entry;
pub mod field;
pub mod form;
pub mod forwarded;
mod forwarders;
pub mod h1;
pub mod h2;
pub mod kind;
pub mod peer;
pub mod probe;
pub mod serve;
pub mod target;

pub use entry::{Entries, Entry};
pub use kind::RequestKind;
pub use peer::{Era, Handshake, Peer, Proof};
pub use probe::{Probe, Probes};
pub use serve::serve;
pub use target::{Destination, Scheme};
