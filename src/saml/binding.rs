//! How a message leaves with a browser: by HTTP-Redirect or by HTTP-POST (SAML Bindings §3.4 and §3.5).

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::saml::Key;
use crate::saml::key;

/// The names of the bindings.
pub(super) const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
pub(super) const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";

/// The Signature follows this in each message of ours (SAML Core §3.2.1).
const PLACE: &str = "</saml:Issuer>";

/// The longest RelayState that the standard allows, in bytes (SAML Bindings §3.4.3).
const MAX_RELAY_STATE: usize = 80;

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// In an address.
    Redirect,
    /// In a form.
    Post,
}

impl Binding {
    /// Its name in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redirect => REDIRECT,
            Self::Post => POST,
        }
    }
}

/// Whether something is asked or answered: what the parameter or field is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SAMLRequest`.
    Request,
    /// `SAMLResponse`.
    Response,
}

impl Kind {
    /// The name of the parameter or field.
    pub fn field(self) -> &'static str {
        match self {
            Self::Request => "SAMLRequest",
            Self::Response => "SAMLResponse",
        }
    }
}

/// A message that is ready to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Request or response.
    pub kind: Kind,
    /// Its text, unsigned. Its Issuer ends with `</saml:Issuer>`.
    pub xml: &'a str,
    /// Its `ID`.
    pub id: &'a str,
    /// What the answer brings back, at most 80 bytes (SAML Bindings §3.4.3).
    pub relay_state: Option<&'a str>,
}

/// What the browser is to be made to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// Go to this address.
    Go(Url),
    /// Submit this form.
    Submit(Form),
}

/// A form that a browser submits by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Where to.
    pub action: Url,
    /// Its fields, to be escaped like any other text.
    pub fields: Vec<(&'static str, String)>,
}

impl Outgoing {
    /// Where the browser goes.
    pub fn url(&self) -> &Url {
        let (Self::Go(url) | Self::Submit(Form { action: url, .. })) = self;
        url
    }

    /// Adds a parameter to the address, outside of what is signed: such as Entra's `login_hint`.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: &str) -> Self {
        let (Self::Go(url) | Self::Submit(Form { action: url, .. })) = &mut self;
        url.query_pairs_mut().append_pair(name, value);
        self
    }
}

/// Why a message cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Identity providers may refuse it.
    #[error("the RelayState is longer than 80 bytes")]
    LongRelayState,
    /// It could not be signed.
    #[error(transparent)]
    Key(#[from] key::Error),
}

/// Makes a message ready for its way to `to`, signed if there is a `key`.
pub fn send(binding: Binding, to: &Url, message: Message<'_>, key: Option<&Key>) -> Result<Outgoing, Error> {
    if message.relay_state.is_some_and(|state| state.len() > MAX_RELAY_STATE) {
        return Err(Error::LongRelayState);
    }
    match binding {
        Binding::Redirect => redirect(to, message, key).map(Outgoing::Go),
        Binding::Post => post(to, message, key).map(Outgoing::Submit),
    }
}

/// SAML Bindings §3.4.4.1: the octets that are signed are those of the query itself, from the message to `SigAlg`.
fn redirect(to: &Url, message: Message<'_>, key: Option<&Key>) -> Result<Url, Error> {
    let mut query = Serializer::new(String::new());
    query.append_pair(message.kind.field(), &deflated(message.xml));
    if let Some(relay_state) = message.relay_state {
        query.append_pair("RelayState", relay_state);
    }
    if let Some(key) = key {
        query.append_pair("SigAlg", key.algorithm());
    }
    let mut query = query.finish();
    if let Some(key) = key {
        let signature = STANDARD.encode(key.sign(query.as_bytes())?);
        query = Serializer::new(query).append_pair("Signature", &signature).finish();
    }
    let mut url = to.clone();
    // The address may have a query of its own, which is none of ours to change.
    let whole = match to.query().filter(|own| !own.is_empty()) {
        Some(own) => format!("{own}&{query}"),
        None => query,
    };
    url.set_query(Some(&whole));
    Ok(url)
}

fn post(to: &Url, message: Message<'_>, key: Option<&Key>) -> Result<Form, Error> {
    let field = match key {
        Some(key) => STANDARD.encode(key.sign_document(message.xml, message.id, PLACE)?),
        None => STANDARD.encode(message.xml),
    };
    let mut fields = vec![(message.kind.field(), field)];
    fields.extend(message.relay_state.map(|relay_state| ("RelayState", relay_state.to_owned())));
    Ok(Form { action: to.clone(), fields })
}

fn deflated(xml: &str) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail.
    let deflated = encoder.write_all(xml.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
    STANDARD.encode(deflated)
}

#[cfg(test)]
#[path = "tests/binding_tests.rs"]
mod tests;
