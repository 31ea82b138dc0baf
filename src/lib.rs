#![doc = include_str!("ARCHITECTURE.md")]

// Layer 0: values that need no other module, and the only reader of the clock.
pub mod clock;
pub mod config_path;
pub mod disk;
pub mod faults;
pub mod identity;
pub mod secret;
pub mod units;

// Layer 1: sealed tokens, hashed passwords, and connections of any protocol.
pub mod net;
pub mod password;
pub mod seal;

// Layer 2: HTTP on the wire, set-up files for devices, lists of destinations.
pub mod lists;
pub mod setup;
pub mod wire;

// Layer 3: rules and formats: pure functions, with the time as an argument.
pub mod pac;
pub mod page;
pub mod policy;
pub mod saml;

// Layer 4: the way out: connections to origins and parents, for people and for Vestibule itself.
pub mod egress;

// Layer 5: memory between requests.
pub mod authority;
pub mod directory;
pub mod icap;
pub mod observe;
pub mod session;

// Layer 6: the parts that talk to people and origins.
pub mod admin;
pub mod listener;
pub mod portal;
pub mod proxy;
pub mod scim;
pub mod signals;

// Layer 7: the configuration file.
pub mod config;

// Layer 8: puts the parts together.
pub mod app;

// Layer 9: the command line.
pub mod cli;
