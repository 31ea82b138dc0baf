//! Who vouches for people: an identity provider's name, addresses and keys, from its metadata or by hand.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509StoreContext};
use url::Url;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock::Timestamp;
use crate::saml::bundle::{Bundle, KeyValue};
use crate::saml::xml::{Comments, Element, parse};
use crate::saml::{Binding, guard, ns, verify};

/// The longest metadata that are read, in bytes. Entra's have some 60 kB.
const MAX_METADATA: usize = 1024 * 1024;
/// More keys than anybody changes between.
const MAX_CERTIFICATES: usize = 16;
/// More authorities than any path has, for each of them.
const MAX_PATH: usize = 64;

/// An identity provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityProvider {
    entity_id: String,
    sign_in: Vec<(Binding, Url)>,
    sign_out: Option<SignOut>,
    wants_signed_requests: bool,
    /// X.509 in DER. At least one.
    certificates: Vec<Vec<u8>>,
    /// Those that vouch for them. Nothing is believed that was signed with their keys.
    path: Vec<Vec<u8>>,
    /// Until when its metadata hold, if they say so.
    valid_until: Option<Timestamp>,
}

/// Where people are sent to sign out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignOut {
    /// Single Logout.
    Saml {
        /// How messages get there.
        binding: Binding,
        /// Where requests are sent.
        request_url: Url,
        /// Where responses are sent.
        response_url: Url,
    },
    /// An address that knows nothing of SAML: whoever goes there is signed out.
    Plain(Url),
}

/// Why an identity provider cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not XML that can be read.
    #[error("the metadata are not XML that can be read")]
    BadXml,
    /// Not the metadata of one identity provider.
    #[error("the metadata do not describe exactly one SAML 2.0 identity provider")]
    NotAnIdentityProvider,
    /// No name, or the one of Entra's `common` document.
    #[error("the entity ID is missing, or it is a placeholder: use the metadata of one tenant")]
    NoEntityId,
    /// Nowhere to send people to.
    #[error("there is no sign-in address for HTTP-Redirect or HTTP-POST, or it is not an http address")]
    BadSignInUrl,
    /// An address for signing out that is none.
    #[error("the sign-out address is not an http address")]
    BadSignOutUrl,
    /// No key: everything would have to be believed, so nothing is.
    #[error("there is no signing certificate")]
    NoCertificate,
    /// Not a certificate.
    #[error("a certificate cannot be read")]
    BadCertificate,
    /// Several certificates of one key, and none of them holds it for sure.
    #[error(
        "of several certificates, none is surely the one that signs: leave the authorities out, or give each key a KeyDescriptor or file of its own"
    )]
    Ambiguous,
    /// A key that could be broken, or of a kind that is not used for signatures here.
    #[error("a certificate's key is neither RSA of 2048 bits or more nor EC")]
    WeakKey,
    /// Metadata whose time is over (SAML Metadata §2.3.1, `validUntil`).
    #[error("the metadata were valid only until {0}")]
    Outdated(Timestamp),
    /// Metadata that nobody has signed who should have.
    #[error("the metadata are not signed as a whole with the key of `metadata_certificate`")]
    NotSigned,
    /// No configured authority vouches for the key.
    #[error("a certificate was not issued by the required authority")]
    UnknownAuthority,
}

impl IdentityProvider {
    /// Reads SAML metadata: the one `IDPSSODescriptor` in one `EntityDescriptor`. All its signing certificates count:
    /// there are several while a key is being changed.
    pub fn from_metadata(metadata: &str) -> Result<Self, Error> {
        if metadata.len() > MAX_METADATA {
            return Err(Error::BadXml);
        }
        // Entra's file begins with a byte order mark.
        let metadata = metadata.trim_start_matches('\u{feff}').trim();
        Self::of_descriptor(&parse(metadata, Comments::Skipped).map_err(|_| Error::BadXml)?)
    }

    /// As [`from_metadata`](Self::from_metadata), if the metadata are signed as a whole with the key of one of these
    /// `certificates` (as [`from_parts`](Self::from_parts) takes them). Only what was signed is read.
    pub fn from_signed_metadata(metadata: &str, certificates: &[u8]) -> Result<Self, Error> {
        if metadata.len() > MAX_METADATA {
            return Err(Error::BadXml);
        }
        let certificates = Bundle::sort(certificates_in(certificates)?, None)?.signers;
        certificates.iter().try_for_each(|certificate| check_key(certificate))?;
        let metadata = metadata.trim_start_matches('\u{feff}').trim();
        let message = guard::admit_metadata(metadata.to_owned()).map_err(|_| Error::NotSigned)?;
        let signer = Self { certificates, ..Self::default() };
        Self::of_descriptor(&verify::verify_plain(&message, &signer).map_err(|_| Error::NotSigned)?)
    }

    fn of_descriptor(root: &Element) -> Result<Self, Error> {
        if !root.is(ns::METADATA, "EntityDescriptor") {
            return Err(Error::NotAnIdentityProvider);
        }
        // Entra puts two WS-Federation roles before this one; they are none of ours.
        let role = root.only(ns::METADATA, "IDPSSODescriptor").ok_or(Error::NotAnIdentityProvider)?;
        let protocols = role.attribute("protocolSupportEnumeration").unwrap_or_default();
        if !protocols.split_ascii_whitespace().any(|protocol| protocol == ns::PROTOCOL) {
            return Err(Error::NotAnIdentityProvider);
        }
        let Bundle { signers, path } = signing_certificates(role)?;
        Self {
            entity_id: root.attribute("entityID").unwrap_or_default().to_owned(),
            sign_in: sign_in(role)?,
            sign_out: sign_out(role)?,
            wants_signed_requests: matches!(role.attribute("WantAuthnRequestsSigned"), Some("true" | "1")),
            certificates: signers,
            path,
            valid_until: [root, role].into_iter().filter_map(valid_until).min(),
        }
        .checked()
    }

    /// Takes what Entra shows to be copied, and its *Certificate (Base64)* as a file: PEM (one or several), bare base64,
    /// or DER. Of several, those sign that have issued none of the others. The addresses count for both bindings; the one
    /// for signing out is for HTTP-Redirect, as Entra's.
    pub fn from_parts(
        entity_id: &str,
        sign_in_url: &str,
        sign_out_url: Option<&str>,
        certificate: &[u8],
    ) -> Result<Self, Error> {
        let sign_in_url = http_url(sign_in_url).ok_or(Error::BadSignInUrl)?;
        let sign_out = sign_out_url.map(|url| {
            let url = http_url(url).ok_or(Error::BadSignOutUrl)?;
            Ok(SignOut::Saml { binding: Binding::Redirect, request_url: url.clone(), response_url: url })
        });
        let Bundle { signers, path } = Bundle::sort(certificates_in(certificate)?, None)?;
        Self {
            entity_id: entity_id.to_owned(),
            sign_in: vec![(Binding::Redirect, sign_in_url.clone()), (Binding::Post, sign_in_url)],
            sign_out: sign_out.transpose()?,
            wants_signed_requests: false,
            certificates: signers,
            path,
            valid_until: None,
        }
        .checked()
    }

    /// Whether everything is there, and can be trusted with people.
    fn checked(self) -> Result<Self, Error> {
        if self.entity_id.trim().is_empty() || self.entity_id.contains(['{', '}']) {
            return Err(Error::NoEntityId);
        }
        if self.sign_in.is_empty() {
            return Err(Error::BadSignInUrl);
        }
        if self.certificates.is_empty() {
            return Err(Error::NoCertificate);
        }
        if self.certificates.len() > MAX_CERTIFICATES || self.path.len() > MAX_PATH {
            return Err(Error::BadCertificate);
        }
        self.certificates.iter().try_for_each(|certificate| check_key(certificate))?;
        Ok(self)
    }

    /// The same with another way to sign out.
    #[must_use]
    pub fn signing_out_by(mut self, sign_out: Option<SignOut>) -> Self {
        self.sign_out = sign_out;
        self
    }

    /// Its entity ID: what it calls itself as an Issuer.
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    /// Where people are sent to sign in by this binding, if anywhere.
    pub fn sign_in_url(&self, binding: Binding) -> Option<&Url> {
        self.sign_in.iter().find(|(own, _)| *own == binding).map(|(_, url)| url)
    }

    /// The addresses that browsers are sent to, to sign in or out.
    pub fn urls(&self) -> impl Iterator<Item = &Url> {
        let sign_out: [Option<&Url>; 2] = match &self.sign_out {
            None => [None, None],
            Some(SignOut::Plain(url)) => [Some(url), None],
            Some(SignOut::Saml { request_url, response_url, .. }) => [Some(request_url), Some(response_url)],
        };
        self.sign_in.iter().map(|(_, url)| url).chain(sign_out.into_iter().flatten())
    }

    /// Where people are sent to sign out, if anywhere.
    pub fn sign_out(&self) -> Option<&SignOut> {
        self.sign_out.as_ref()
    }

    /// Whether it takes signed requests only (`WantAuthnRequestsSigned` of its metadata).
    pub fn wants_signed_requests(&self) -> bool {
        self.wants_signed_requests
    }

    /// Its signing certificates (X.509, DER). Their dates are not looked at: Entra goes on signing with an expired one.
    pub fn certificates(&self) -> &[Vec<u8>] {
        &self.certificates
    }

    /// Its signing keys, each by the SHA-256 of its SubjectPublicKeyInfo.
    pub fn keys(&self) -> Vec<String> {
        let print = |certificate: &Vec<u8>| {
            let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
            let hash = digest::digest(&digest::SHA256, certificate.public_key().raw);
            Some(hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
        };
        self.certificates.iter().filter_map(print).collect()
    }

    /// Certificates that came with those and vouch for them: a path to an authority, and nothing else.
    pub fn path(&self) -> &[Vec<u8>] {
        &self.path
    }

    /// Whether its metadata hold at `now`. Those that do not say until when always do.
    pub fn check_valid(&self, now: Timestamp) -> Result<(), Error> {
        self.valid_until.filter(|until| *until <= now).map_or(Ok(()), |until| Err(Error::Outdated(until)))
    }

    /// Until when the last of its certificates is good.
    pub fn good_until(&self) -> Option<Timestamp> {
        let ends = self.certificates.iter().filter_map(|certificate| {
            let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
            Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
        });
        ends.max()
    }

    /// When those of its certificates ran out that are over by `now`.
    pub fn expired(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        self.certificates.iter().filter_map(move |certificate| {
            let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
            let until = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?;
            (until < now).then_some(until)
        })
    }

    /// Whether each of its certificates was issued by an authority out of `authorities` (PEM), or has a path there. Dates
    /// do not matter.
    pub fn check_issued_by(&self, authorities: &[u8]) -> Result<(), Error> {
        let issued = || -> Result<bool, openssl::error::ErrorStack> {
            let mut store = X509StoreBuilder::new()?;
            for authority in X509::stack_from_pem(authorities)? {
                store.add_cert(authority)?;
            }
            store.set_flags(X509VerifyFlags::PARTIAL_CHAIN | X509VerifyFlags::NO_CHECK_TIME)?;
            let (store, mut path) = (store.build(), Stack::new()?);
            for certificate in &self.path {
                path.push(X509::from_der(certificate)?)?;
            }
            for certificate in &self.certificates {
                let certificate = X509::from_der(certificate)?;
                if !X509StoreContext::new()?.init(
                    &store,
                    &certificate,
                    &path,
                    openssl::x509::X509StoreContextRef::verify_cert,
                )? {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        match issued() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::UnknownAuthority),
            Err(_) => Err(Error::BadCertificate),
        }
    }
}

/// When a part of metadata is over. What cannot be read as a time is over already.
fn valid_until(part: &Element) -> Option<Timestamp> {
    part.attribute("validUntil").map(|text| text.parse().unwrap_or(Timestamp::UNIX_EPOCH))
}

pub(super) fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.has_host() && url.fragment().is_none();
    (matches!(url.scheme(), "https" | "http") && plain).then_some(url)
}

/// The first service of this name for each binding that we speak.
fn services<'a>(role: &'a Element, service: &'a str) -> impl Iterator<Item = (Binding, &'a Element)> {
    [Binding::Redirect, Binding::Post].into_iter().filter_map(move |binding| {
        let mut services = role.all(ns::METADATA, service);
        Some((binding, services.find(|service| service.attribute("Binding") == Some(binding.name()))?))
    })
}

fn sign_in(role: &Element) -> Result<Vec<(Binding, Url)>, Error> {
    let location = |service: &Element| service.attribute("Location").and_then(http_url).ok_or(Error::BadSignInUrl);
    services(role, "SingleSignOnService").map(|(binding, service)| Ok((binding, location(service)?))).collect()
}

/// HTTP-Redirect, if there is a choice. `ResponseLocation` differs where requests and responses part (SAML Metadata
/// §2.2.2).
fn sign_out(role: &Element) -> Result<Option<SignOut>, Error> {
    let Some((binding, service)) = services(role, "SingleLogoutService").next() else { return Ok(None) };
    let url = |name| service.attribute(name).map(|url| http_url(url).ok_or(Error::BadSignOutUrl)).transpose();
    let request_url = url("Location")?.ok_or(Error::BadSignOutUrl)?;
    let response_url = url("ResponseLocation")?.unwrap_or_else(|| request_url.clone());
    Ok(Some(SignOut::Saml { binding, request_url, response_url }))
}

/// The certificates of the keys that are for signing, or for anything. Those of one key belong together.
fn signing_certificates(role: &Element) -> Result<Bundle, Error> {
    let mut all = Bundle::default();
    let keys = role.all(ns::METADATA, "KeyDescriptor");
    for key in keys.filter(|key| matches!(key.attribute("use"), None | Some("signing"))) {
        let mut certificates = Vec::new();
        let mut unreadable = false;
        key.descend(&mut |part| {
            if part.is(ns::SIGNATURE, "X509Certificate") {
                match base64(&part.text) {
                    Some(certificate) if certificates.contains(&certificate) => {}
                    Some(certificate) => certificates.push(certificate),
                    None => unreadable = true,
                }
            }
        });
        if unreadable || certificates.len() > MAX_CERTIFICATES {
            return Err(Error::BadCertificate);
        }
        let value = key.only(ns::SIGNATURE, "KeyInfo").and_then(KeyValue::of);
        all.join(Bundle::sort(certificates, value.as_ref())?);
    }
    Ok(all)
}

fn certificates_in(file: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let text = std::str::from_utf8(file).unwrap_or_default().trim_start_matches('\u{feff}');
    if text.contains("-----BEGIN") {
        let certificates = X509::stack_from_pem(text.as_bytes()).map_err(|_| Error::BadCertificate)?;
        if certificates.len() > MAX_CERTIFICATES {
            return Err(Error::BadCertificate);
        }
        return certificates.iter().map(|one| one.to_der().map_err(|_| Error::BadCertificate)).collect();
    }
    Ok(vec![base64(text).filter(|der| !der.is_empty()).unwrap_or_else(|| file.to_vec())])
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).ok()
}

fn check_key(certificate: &[u8]) -> Result<(), Error> {
    let certificate = X509::from_der(certificate).map_err(|_| Error::BadCertificate)?;
    let key = certificate.public_key().map_err(|_| Error::BadCertificate)?;
    let strong = match key.id() {
        openssl::pkey::Id::RSA => key.bits() >= 2048,
        openssl::pkey::Id::EC => key.bits() >= 256,
        _ => false,
    };
    if strong { Ok(()) } else { Err(Error::WeakKey) }
}

#[cfg(test)]
#[path = "tests/identity_provider_tests.rs"]
mod tests;
