#![doc = include_str!("ARCHITECTURE.md")]

// Layer 1: values, and what reads the clock or keeps a key.
pub mod clock;
pub mod identity;
pub mod seal;
pub mod secret;
pub mod units;
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
pub mod listener;
pub mod portal;
pub mod proxy;

// Layer 5: the one file.
pub mod config;

// Layer 6: puts the parts together.
pub mod app;

// Layer 7: what is typed.
pub mod cli;
