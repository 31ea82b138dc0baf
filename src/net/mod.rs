//! Connections and octets of any protocol: limits, counts, and ways to move octets from one socket to another.

pub mod accept;
pub mod bucket;
pub mod count;
pub mod deadline;
pub mod gather;
pub mod late_cache;
pub mod limits;
pub mod paced;
pub mod pipe;
pub mod ports;
pub mod proxy_protocol;
pub mod resumed;
pub mod rewind;
pub mod scratch;
pub mod splice;
pub mod tcp;
pub(crate) mod through;
pub mod timers;
pub mod tls_suites;
pub mod tls_tickets;

pub use bucket::Bucket;
pub use count::Connections;
pub use deadline::{Deadline, within};
pub use late_cache::LateCache;
pub use limits::Limits;
pub use paced::Paced;
pub use pipe::Pipes;
pub use ports::Ports;
pub use resumed::Resumed;
pub use tcp::Tcp;
pub use timers::Timer;
pub use tls_tickets::TlsTickets;
