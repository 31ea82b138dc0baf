//! What is written down, and what is counted: one access record a request, one audit record for whatever changes who is
//! who, and figures.

pub mod access;
pub mod audit;
mod burst;
pub mod exposition;
pub mod identity_loss;
mod lines;
pub mod metrics;
pub mod rotate;
pub mod shed;

pub use access::{AccessLog, Outcome, Recorder, Surrogate, Unidentified};
pub use audit::Audit;
pub use exposition::Exposition;
pub use metrics::Metrics;
