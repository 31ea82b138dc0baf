//! A SAML 2.0 service provider for the Web Browser SSO profile: AuthnRequest out, Response in, a person out of that.
//!
//! A message passes four stations, in this order: [`guard`] decides whether a parser may see it, [`verify`] has two
//! verifiers agree on what was signed, [`response`] holds it against what was expected, [`claims`] makes a
//! [`User`](crate::identity::User) of it. Nothing here awaits, reads a clock, or logs.

mod armour;
mod assertion;
pub mod binding;
mod bundle;
pub mod claims;
pub mod config;
mod decrypt;
mod descriptor;
pub mod error;
pub mod guard;
pub mod identity_provider;
pub mod key;
pub mod logout;
mod metadata;
mod name_id;
mod pretty;
pub mod redirect;
mod remarks;
pub mod request;
pub mod response;
pub mod service_provider;
mod source;
mod text;
mod time;
pub mod trial;
mod unusable;
pub mod verify;
mod xml;

pub use binding::Binding;
pub use claims::ClaimMap;
pub use config::{Config, Mismatch};
pub use error::Error;
pub use identity_provider::{IdentityProvider, SignOut};
pub use key::Key;
pub use name_id::NameId;
pub use response::{Accepted, Expected, accept};
pub use service_provider::ServiceProvider;
pub use unusable::UnusablePart;
pub use xml::Construct;

/// The names of namespaces.
mod ns {
    pub(super) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
    pub(super) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
    pub(super) const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
    pub(super) const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
    pub(super) const SIGNATURE_11: &str = "http://www.w3.org/2009/xmldsig11#";
    pub(super) const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
    pub(super) const ENCRYPTION_11: &str = "http://www.w3.org/2009/xmlenc11#";
    pub(super) const EXCLUSIVE_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
    pub(super) const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
    /// All of them, the commonest first.
    pub(super) const ALL: [&str; 8] =
        [ASSERTION, SIGNATURE, PROTOCOL, SCHEMA_INSTANCE, EXCLUSIVE_C14N, METADATA, ENCRYPTION, ENCRYPTION_11];
}

#[cfg(test)]
mod tests;
