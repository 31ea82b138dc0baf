//! What stands on the wire: addresses, targets, fields and bodies.

pub mod peer;

pub use peer::Peer;
