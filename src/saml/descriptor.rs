//! Reads what SAML metadata say of an identity provider (SAML Metadata §2.3 and §2.4.3).
//!
//! What cannot be used beside what can is left out and named: one certificate that nobody can use must not keep the others
//! from being known, least of all while a key is changed.

use url::Url;

use crate::clock::Timestamp;
use crate::saml::armour;
use crate::saml::bundle::{Bundle, KeyValue};
use crate::saml::identity_provider::{IdentityProvider, SignOut, certificates_in, http_url};
use crate::saml::unusable::{Error, UnusablePart, shown};
use crate::saml::xml::{Comments, Element, parse};
use crate::saml::{Binding, guard, ns, time, verify};

/// The longest metadata that are read, in bytes. Entra's have some 60 kB.
pub(super) const MAX_METADATA: usize = 1024 * 1024;

/// The most certificates in one KeyInfo: a key and the path to it.
const MAX_IN_ONE: usize = 16;

impl IdentityProvider {
    /// Reads SAML metadata: an `EntityDescriptor`, or an `EntitiesDescriptor` that holds one with an identity provider. All
    /// its signing certificates count that can be used: there are several while a key is being changed.
    pub fn from_metadata(metadata: &str) -> Result<Self, Error> {
        Self::from_some_metadata(metadata, None)
    }

    /// As [`from_metadata`](Self::from_metadata); of several identity providers, the one with the entity ID `wanted`. Of one
    /// alone, the entity ID is not looked at.
    pub fn from_some_metadata(metadata: &str, wanted: Option<&str>) -> Result<Self, Error> {
        let metadata = plain(metadata)?;
        read(&parse(metadata, Comments::Skipped).map_err(Error::BadXml)?, wanted)?.checked()
    }

    /// As [`from_some_metadata`](Self::from_some_metadata), if the metadata are signed as a whole with the key of one of
    /// these `certificates` (as [`from_parts`](Self::from_parts) takes them). Only what was signed is read.
    pub fn from_signed_metadata(metadata: &str, certificates: &[u8], wanted: Option<&str>) -> Result<Self, Error> {
        let signer = Self::default().with(certificates_in(certificates))?;
        let message = guard::admit_metadata(plain(metadata)?.to_owned()).map_err(|_| Error::NotSigned)?;
        let signed = verify::verify_plain(&message, &signer).map_err(|_| Error::NotSigned)?;
        read(&signed, wanted)?.checked()
    }
}

/// Metadata without what may stand before and after them.
fn plain(metadata: &str) -> Result<&str, Error> {
    if metadata.len() > MAX_METADATA {
        return Err(Error::TooLong);
    }
    let metadata = metadata.trim_start_matches('\u{feff}').trim();
    if metadata.starts_with('<') { Ok(metadata) } else { Err(Error::NotMetadata(armour::found(metadata.as_bytes()))) }
}

/// An entity that has at least one role of a SAML 2.0 identity provider.
struct Entity<'a> {
    /// The `EntitiesDescriptor`s around it, and itself.
    chain: Vec<&'a Element>,
    id: &'a str,
    roles: Vec<&'a Element>,
}

/// The identity provider that `root` describes; of several, the one with the entity ID `wanted`.
fn read(root: &Element, wanted: Option<&str>) -> Result<IdentityProvider, Error> {
    let is_known = ["EntityDescriptor", "EntitiesDescriptor"].iter().any(|name| root.is(ns::METADATA, name));
    if !is_known {
        return Err(Error::OtherRoot(shown(&root.name)));
    }
    let mut found = Vec::new();
    collect(root, &[], &mut found);
    choose(found, wanted)?.read()
}

/// The entities in a descriptor. A federation puts groups into groups.
fn collect<'a>(descriptor: &'a Element, around: &[&'a Element], found: &mut Vec<Entity<'a>>) {
    let chain: Vec<&Element> = around.iter().copied().chain([descriptor]).collect();
    if descriptor.is(ns::METADATA, "EntitiesDescriptor") {
        descriptor.children.iter().for_each(|child| collect(child, &chain, found));
    } else if descriptor.is(ns::METADATA, "EntityDescriptor") {
        // Entra puts two WS-Federation roles before this one, and others one for SAML 1.1; they are none of ours.
        let roles: Vec<_> = descriptor.all(ns::METADATA, "IDPSSODescriptor").filter(|role| speaks_2_0(role)).collect();
        if !roles.is_empty() {
            found.push(Entity { chain, id: descriptor.attribute("entityID").unwrap_or_default(), roles });
        }
    }
}

fn speaks_2_0(role: &Element) -> bool {
    let protocols = role.attribute("protocolSupportEnumeration").unwrap_or_default();
    protocols.split_ascii_whitespace().any(|protocol| protocol == ns::PROTOCOL)
}

/// One entity alone needs no choice: whoever asks compares its entity ID.
fn choose<'a>(mut found: Vec<Entity<'a>>, wanted: Option<&str>) -> Result<Entity<'a>, Error> {
    let ids = |found: &[Entity<'_>]| found.iter().map(|entity| entity.id.to_owned()).collect();
    let only = match (found.len(), wanted) {
        (0, _) => return Err(Error::NotAnIdentityProvider),
        (1, _) => found.pop(),
        (_, None) => return Err(Error::Several(ids(&found))),
        (_, Some(wanted)) => {
            let (mut own, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|entity| entity.id == wanted);
            if own.is_empty() {
                return Err(Error::NotAmong { wanted: wanted.to_owned(), found: ids(&others) });
            }
            if own.len() > 1 {
                return Err(Error::Several(ids(&own)));
            }
            own.pop()
        }
    };
    only.ok_or(Error::NotAnIdentityProvider)
}

impl Entity<'_> {
    fn read(&self) -> Result<IdentityProvider, Error> {
        let mut left_out = Vec::new();
        let idp = IdentityProvider {
            entity_id: self.id.to_owned(),
            sign_in: self.sign_in(&mut left_out)?,
            sign_out: self.sign_out(&mut left_out),
            wants_signed_requests: self
                .roles
                .iter()
                .any(|role| matches!(role.attribute("WantAuthnRequestsSigned").map(str::trim), Some("true" | "1"))),
            valid_until: self.valid_until()?,
            left_out,
            ..IdentityProvider::default()
        };
        let mut keys = Bundle::default();
        self.roles.iter().for_each(|role| signing_certificates(role, &mut keys));
        idp.with(keys)
    }

    /// Whatever ends first.
    fn valid_until(&self) -> Result<Option<Timestamp>, Error> {
        let parts = self.chain.iter().chain(&self.roles).filter_map(|part| part.attribute("validUntil"));
        let ends = parts.map(|text| time::parse_lenient(text).ok_or_else(|| Error::BadValidity(shown(text))));
        ends.collect::<Result<Vec<_>, _>>().map(|ends| ends.into_iter().min())
    }

    /// The services of this name for one binding, in all roles.
    fn services(&self, name: &'static str, binding: Binding) -> impl Iterator<Item = &Element> {
        let all = self.roles.iter().flat_map(move |role| role.all(ns::METADATA, name));
        all.filter(move |service| service.attribute("Binding").map(str::trim) == Some(binding.name()))
    }

    /// The first address for each binding that can be used.
    fn sign_in(&self, left_out: &mut Vec<UnusablePart>) -> Result<Vec<(Binding, Url)>, Error> {
        let (mut found, mut bad) = (Vec::new(), Vec::new());
        for binding in [Binding::Redirect, Binding::Post] {
            for service in self.services("SingleSignOnService", binding) {
                match location(service, "Location") {
                    Some(url) => {
                        found.push((binding, url));
                        break;
                    }
                    None => bad.push(UnusablePart { what: named(service), why: Error::BadSignInUrl }),
                }
            }
        }
        if found.is_empty() {
            return Err(Error::BadSignInUrl);
        }
        left_out.extend(bad);
        Ok(found)
    }

    /// HTTP-Redirect, if there is a choice. `ResponseLocation` differs where requests and responses part (SAML Metadata
    /// §2.2.2).
    fn sign_out(&self, left_out: &mut Vec<UnusablePart>) -> Option<SignOut> {
        for binding in [Binding::Redirect, Binding::Post] {
            for service in self.services("SingleLogoutService", binding) {
                let response = match service.attribute("ResponseLocation") {
                    None => location(service, "Location"),
                    Some(_) => location(service, "ResponseLocation"),
                };
                if let (Some(request_url), Some(response_url)) = (location(service, "Location"), response) {
                    return Some(SignOut::Saml { binding, request_url, response_url });
                }
                left_out.push(UnusablePart { what: named(service), why: Error::BadSignOutUrl });
            }
        }
        None
    }
}

fn location(service: &Element, name: &str) -> Option<Url> {
    http_url(service.attribute(name)?.trim())
}

fn named(service: &Element) -> String {
    format!("{} `{}`", service.name, shown(service.attribute("Location").unwrap_or_default()))
}

/// Adds the certificates of the keys that are for signing, or for anything. Those of one key belong together.
fn signing_certificates(role: &Element, all: &mut Bundle) {
    let keys = role.all(ns::METADATA, "KeyDescriptor");
    for key in keys.filter(|key| matches!(key.attribute("use").map(str::trim), None | Some("" | "signing"))) {
        let mut certificates = Vec::new();
        key.descend(&mut |part| {
            if part.is(ns::SIGNATURE, "X509Certificate") {
                certificates.extend(armour::certificates(part.text.as_bytes()));
            }
        });
        if certificates.len() > MAX_IN_ONE {
            all.left_out.push(UnusablePart { what: "a KeyDescriptor".to_owned(), why: Error::TooManyCertificates });
            continue;
        }
        let value = key.only(ns::SIGNATURE, "KeyInfo").and_then(KeyValue::of);
        all.join(Bundle::sort(certificates, value.as_ref()));
    }
}
