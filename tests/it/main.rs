//! What the program does, seen from outside.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that fails this way says enough"
)]

mod attacks;
mod bad_origins;
mod bad_requests;
mod balancers;
mod browser;
mod browsers;
mod chromium;
mod classes;
mod clients;
mod closing;
mod conformance;
mod coverage;
mod crowd;
mod drain;
mod evidence;
mod flow;
mod foreign;
mod forwarders;
mod fresh;
mod guests;
mod interception;
mod matrix;
mod namespaces;
mod node;
mod nodes;
mod operator;
mod origin;
mod own_addresses;
mod pages;
mod parents;
mod peers;
mod portal;
mod program;
mod raw;
mod realms;
mod records;
mod redis;
mod restart;
mod schema;
mod secure;
mod tickets;
mod tools;
mod tunnels;
mod visitor;
mod volume;
mod watched;
mod world;
