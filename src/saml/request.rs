//! Asks the identity provider to authenticate whoever sits at the browser: an AuthnRequest.
//!
//! It never has a Subject (Entra answers AADSTS900236). A RequestedAuthnContext (AADSTS75011 for whoever signed in without
//! a password) and a NameIDPolicy (people are identified by claims) are there only if the realm asks for them.

use crate::clock::Timestamp;
use crate::saml::binding::{self, Binding, Kind, Message, Outgoing, POST, send};
use crate::saml::xml::escape;
use crate::saml::{IdentityProvider, ServiceProvider, ns};
use crate::seal;

/// How a realm asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How the request is to travel, if the identity provider offers that. None: as it offers.
    pub binding: Option<Binding>,
    /// Whether it is signed, with the first key. Without this it is signed all the same if the identity provider wants that and
    /// there is a key.
    pub signed: bool,
    /// Whether people must prove anew who they are, even if they did so a moment ago (`ForceAuthn`).
    pub force_authn: bool,
    /// `NameIDPolicy`: which kind of NameID is wanted.
    pub name_id_format: Option<String>,
    /// `RequestedAuthnContext`: the ways of signing in that count, exactly these.
    pub authn_context: Vec<String>,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What comes back with the Response: opaque, at most 80 bytes.
    pub relay_state: &'a str,
    /// The name to fill in at the identity provider, if there is one.
    pub login_hint: Option<&'a str>,
    /// Whether the identity provider must answer without asking the person anything (`IsPassive`).
    pub passive: bool,
    /// Whether this person must prove anew who they are, whatever the realm says (`ForceAuthn`).
    pub force: bool,
    /// The ways of signing in that count for this person, in place of those that the realm asks for
    /// (`RequestedAuthnContext`); none of them for those of the realm.
    pub ways: &'a [String],
}

/// An AuthnRequest, ready to be sent with a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its identifier, which the Response must name.
    pub id: String,
    /// What the browser is to do.
    pub outgoing: Outgoing,
}

/// Why nothing can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The identity provider has no sign-in address.
    #[error("the identity provider has no sign-in address")]
    NoSignInUrl,
    /// It is to be signed, and there is no key.
    #[error("requests are to be signed, and the realm has no key")]
    NoKey,
    /// It cannot be sent.
    #[error(transparent)]
    Binding(#[from] binding::Error),
}

/// Makes an AuthnRequest.
pub fn build(sp: &ServiceProvider, idp: &IdentityProvider, ask: &Ask<'_>, now: Timestamp) -> Result<Request, Error> {
    let options = &sp.requests;
    let (binding, to) = idp.sign_in(options.binding).ok_or(Error::NoSignInUrl)?;
    // An XML ID must not begin with a digit, and Entra insists.
    let id = format!("_{}", seal::random_text());
    let flag = |name: &str, set: bool| if set { format!(r#" {name}="true""#) } else { String::new() };
    let xml = format!(
        concat!(
            r#"<samlp:AuthnRequest xmlns:samlp="{protocol}" xmlns:saml="{assertion}" ID="{id}" Version="2.0" "#,
            r#"IssueInstant="{now:.3}" Destination="{destination}"{force}{passive} ProtocolBinding="{binding}" "#,
            r#"AssertionConsumerServiceURL="{acs}"><saml:Issuer>{issuer}</saml:Issuer>{policy}{context}"#,
            r#"</samlp:AuthnRequest>"#,
        ),
        protocol = ns::PROTOCOL,
        assertion = ns::ASSERTION,
        id = id,
        now = now,
        destination = escape(to.as_str()),
        force = flag("ForceAuthn", (options.force_authn || ask.force) && !ask.passive),
        passive = flag("IsPassive", ask.passive),
        binding = POST,
        acs = escape(&sp.acs_url),
        issuer = escape(&sp.entity_id),
        policy = name_id_policy(options),
        context = requested_context(if ask.ways.is_empty() { &options.authn_context } else { ask.ways }),
    );
    let message = Message { kind: Kind::Request, xml: &xml, id: &id, relay_state: Some(ask.relay_state) };
    let key = match sp.keys.first() {
        None if options.signed => return Err(Error::NoKey),
        Some(key) if options.signed || idp.wants_signed_requests() => Some(key.as_ref()),
        _ => None,
    };
    let outgoing = send(binding, to, message, key)?;
    let outgoing = match ask.login_hint {
        Some(hint) => outgoing.with_parameter("login_hint", hint),
        None => outgoing,
    };
    Ok(Request { id, outgoing })
}

fn name_id_policy(options: &Options) -> String {
    let policy = |format: &String| format!(r#"<samlp:NameIDPolicy Format="{}"/>"#, escape(format));
    options.name_id_format.as_ref().map(policy).unwrap_or_default()
}

/// Entra takes no other comparison than `exact`.
fn requested_context(ways: &[String]) -> String {
    if ways.is_empty() {
        return String::new();
    }
    let class = |class: &String| format!("<saml:AuthnContextClassRef>{}</saml:AuthnContextClassRef>", escape(class));
    let classes: String = ways.iter().map(class).collect();
    format!(r#"<samlp:RequestedAuthnContext Comparison="exact">{classes}</samlp:RequestedAuthnContext>"#)
}

#[cfg(test)]
#[path = "tests/request_tests.rs"]
mod tests;
