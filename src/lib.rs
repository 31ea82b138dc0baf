#![doc = include_str!("ARCHITECTURE.md")]

// Layer 0: values that stand alone, and what reads the clock.
pub mod clock;
pub mod identity;
pub mod secret;
pub mod units;

// Layer 1: what is sealed, what stands on the wire, and what devices are given.
pub mod seal;
pub mod setup;
pub mod wire;

// Layer 2: rules and formats; pure, given the time.
pub mod pac;
pub mod page;
pub mod policy;
pub mod saml;

// Layer 3: what is remembered between requests.
pub mod authority;
pub mod observe;
pub mod session;

// Layer 4: what talks to people and origins.
pub mod admin;
pub mod listener;
pub mod portal;
pub mod proxy;

// Layer 5: the one file.
pub mod config;

// Layer 6: puts the parts together.
pub mod app;

// Layer 7: what is typed.
pub mod cli;
