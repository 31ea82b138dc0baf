//! Us, as identity providers know us.

use std::sync::Arc;

use crate::saml::Key;
use crate::saml::request::Options;

/// The service provider of one realm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceProvider {
    /// Our entity ID: Entra's *Identifier*.
    pub entity_id: String,
    /// Where Responses are to be posted: Entra's *Reply URL*.
    pub acs_url: String,
    /// Other addresses at which Responses are taken.
    pub acs_aliases: Vec<String>,
    /// Where logout messages are taken, if anywhere.
    pub slo_url: Option<String>,
    /// Our keys: the first one signs, each of them decrypts.
    pub keys: Vec<Arc<Key>>,
    /// What our AuthnRequests ask for, and how they travel.
    pub requests: Options,
    /// The attributes that we would like to know of people.
    pub attributes: Vec<String>,
    /// Whether our metadata are signed, with the first key.
    pub sign_metadata: bool,
}

impl ServiceProvider {
    /// Whether Responses are taken at this address.
    pub fn takes_responses_at(&self, url: &str) -> bool {
        self.acs_url == url || self.acs_aliases.iter().any(|alias| alias == url)
    }
}
