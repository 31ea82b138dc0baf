//! Shared Signals (OpenID Shared Signals Framework 1.0, CAEP 1.0, RISC 1.0): identity providers say at once that a session, a
//! credential or an account is no longer good.
//!
//! A signal is a security event token (SET, RFC 8417). It comes by push (RFC 8935), at an address of the portal, or by poll
//! (RFC 8936). `set` checks it, `keys` holds the keys of its transmitter, `subject` reads about whom it is (RFC 9493), `people`
//! finds the one person who is meant, and `receiver` does what is to be done, once. `transmitter` asks the transmitter itself: for
//! its configuration, for signals, for a stream.

mod addresses;
pub mod config;
mod event;
mod keys;
mod people;
mod polling;
mod receiver;
mod set;
mod subject;
mod transmitter;

pub use config::{Config, Delivery};
pub use receiver::{Receiver, Surroundings, Untaken};
pub use transmitter::ApiError;

#[cfg(test)]
mod tests;
