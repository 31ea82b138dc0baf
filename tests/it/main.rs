//! What the program does, seen from outside.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test that fails this way says enough"
)]

mod attacks;
mod authority;
mod bad_origins;
mod bad_requests;
mod balancers;
mod barriers;
mod blocks;
mod browser;
mod browsers;
mod chromium;
mod classes;
mod clients;
mod closing;
mod conformance;
mod coverage;
mod crowd;
mod directory;
mod docs;
mod drain;
mod evidence;
mod flow;
mod foreign;
mod forwarders;
mod fresh;
mod guests;
mod hours;
mod inspection;
mod interception;
mod lists;
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
mod planted;
mod policy;
mod portal;
mod program;
mod raw;
mod realms;
mod records;
mod redis;
mod reload;
mod restart;
mod schema;
mod scim;
mod secure;
mod signals;
mod space;
mod surer;
mod terms;
mod tickets;
mod tools;
mod tunnels;
mod visitor;
mod volume;
mod watched;
mod world;
