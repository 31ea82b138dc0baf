//! What is recorded and what is counted: one access record for each request, one audit record for each event that
//! changes who is signed in, and metrics.

pub mod access;
pub mod audit;
mod burst;
pub mod exposition;
pub mod identity_loss;
mod left_out;
mod line;
pub mod lines;
pub mod metrics;
pub mod packed;
#[cfg(test)]
mod page;
pub mod reason;
pub mod record;
pub mod rotate;
pub mod shed;
pub mod sink;
pub mod unidentified;
pub mod usage;

pub use access::{AccessLog, Recorder};
pub use audit::Audit;
pub use exposition::Exposition;
pub use metrics::Metrics;
pub use reason::Reason;
pub use record::Outcome;
pub use rotate::logs_of;
pub use sink::Sink;
pub use unidentified::WhyUnidentified;
