//! The demo: the real program with a practice identity provider and practice origins, all on loopback.

pub mod idp;
pub mod origin;
pub mod world;

pub use world::{Demo, Error, Lines};
