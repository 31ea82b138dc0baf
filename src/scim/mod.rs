//! The SCIM 2.0 service provider (RFC 7643, RFC 7644): identity providers push people and groups to us.
//!
//! What they push goes into a directory, as one of its feeds. `schema` is one table of all attributes, by which `resource`
//! reads what clients write, `filter` and `patch` look names up, and `discovery` describes what there is. These are pure.
//! `tenant` writes and `listing` reads a directory; `service` takes requests and `calls` carries them out.

mod bulk;
mod calls;
mod config;
mod discovery;
mod error;
mod filter;
mod kept;
mod listing;
mod members;
mod patch;
mod path;
mod places;
mod precondition;
pub mod rehearsal;
mod resource;
mod route;
mod schema;
mod service;
mod shown;
mod tenant;
pub mod tokens;
mod wishes;

pub use config::{Base, Config};
pub use route::ROOT;
pub use service::{Memory, Scim, Surroundings};
pub use tokens::BearerTokens;
pub use tokens::shared::{STATE as TOKENS_STATE, merged as merged_tokens};

#[cfg(test)]
mod tests;
