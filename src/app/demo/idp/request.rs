//! Reads an AuthnRequest, and refuses what Entra refuses, in Entra's words.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use samael::schema::AuthnRequest;
use serde::Deserialize;

use super::App;

/// The longest request that is read, in bytes.
const MAX_LEN: u64 = 64 * 1024;

/// The way of signing in, if none is asked for. This identity provider knows nothing but passwords, and calls them whatever
/// it is asked for: it is for practice.
pub(super) const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";

/// What a browser brings.
#[derive(Deserialize)]
pub(super) struct Query {
    #[serde(rename = "SAMLRequest", default)]
    pub(super) request: String,
    #[serde(rename = "RelayState")]
    pub(super) relay_state: Option<String>,
    pub(super) login_hint: Option<String>,
}

/// An AuthnRequest that can be answered.
#[derive(Debug)]
pub(super) struct SignIn {
    pub(super) id: String,
    /// The application's identifier.
    pub(super) audience: String,
    /// Where the Response goes.
    pub(super) reply_url: String,
    pub(super) relay_state: Option<String>,
    /// `ForceAuthn`.
    pub(super) force: bool,
    /// `IsPassive`.
    pub(super) passive: bool,
    /// The way of signing in that the answer names: the first one that is asked for.
    pub(super) way: String,
}

/// Why a request is not answered.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("AADSTS750054: SAMLRequest or SAMLResponse must be present as query string parameters in HTTP request.")]
    Missing,
    #[error("AADSTS750056: SAML message was not properly base64-encoded, deflated XML.")]
    Unreadable,
    #[error("AADSTS7500529: The value '{0}' is not a valid SAML ID. The ID must not begin with a number.")]
    BadId(String),
    #[error("AADSTS900236: The SAML authentication request property 'Subject' is not supported and must not be set.")]
    Subject,
    #[error("AADSTS700016: Application with identifier '{0}' was not found in the directory 'Contoso'.")]
    UnknownApp(String),
    #[error("AADSTS50011: The redirect URI '{0}' specified in the request does not match those of the application.")]
    UnknownReplyUrl(String),
}

pub(super) fn read(query: &Query, apps: &[App]) -> Result<SignIn, Refusal> {
    if query.request.is_empty() {
        return Err(Refusal::Missing);
    }
    let deflated = STANDARD.decode(&query.request).map_err(|_| Refusal::Unreadable)?;
    let mut xml = String::new();
    DeflateDecoder::new(deflated.as_slice()).take(MAX_LEN).read_to_string(&mut xml).map_err(|_| Refusal::Unreadable)?;
    let request: AuthnRequest = xml.parse().map_err(|_| Refusal::Unreadable)?;
    if !request.id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Err(Refusal::BadId(request.id));
    }
    if request.subject.is_some() {
        return Err(Refusal::Subject);
    }
    let issuer = request.issuer.and_then(|issuer| issuer.value).unwrap_or_default();
    let Some(app) = apps.iter().find(|app| app.identifier == issuer) else {
        return Err(Refusal::UnknownApp(issuer));
    };
    let named = request.assertion_consumer_service_url;
    let reply_url = named.or_else(|| app.reply_urls.first().cloned()).unwrap_or_default();
    if !app.reply_urls.contains(&reply_url) {
        return Err(Refusal::UnknownReplyUrl(reply_url));
    }
    let ways = request.requested_authn_context.and_then(|wanted| wanted.authn_context_class_refs);
    Ok(SignIn {
        id: request.id,
        audience: issuer,
        reply_url,
        relay_state: query.relay_state.clone(),
        force: request.force_authn.unwrap_or_default(),
        passive: request.is_passive.unwrap_or_default(),
        way: ways.into_iter().flatten().find_map(|way| way.value).unwrap_or_else(|| PASSWORD.to_owned()),
    })
}
