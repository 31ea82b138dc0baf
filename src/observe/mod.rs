//! What is written down: one access record a request.

pub mod access;
mod lines;

pub use access::{AccessLog, Outcome, Recorder, Surrogate};
