//! Who vouches for people: an identity provider's name, addresses and keys, from its metadata or by hand.

use aws_lc_rs::digest;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509StoreContext};
use url::Url;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock::Timestamp;
use crate::saml::Binding;
use crate::saml::armour::{self, Found};
use crate::saml::bundle::{Bundle, name_of};
use crate::saml::unusable::MAX_CERTIFICATES;
pub use crate::saml::unusable::{Error, UnusablePart};

/// The most authorities on the paths to all of them.
const MAX_PATH: usize = 64;

/// An identity provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityProvider {
    pub(super) entity_id: String,
    pub(super) sign_in: Vec<(Binding, Url)>,
    pub(super) sign_out: Option<SignOut>,
    pub(super) wants_signed_requests: bool,
    /// X.509 in DER. At least one.
    pub(super) certificates: Vec<Vec<u8>>,
    /// Those that vouch for them. Nothing is believed that was signed with their keys.
    pub(super) path: Vec<Vec<u8>>,
    pub(super) left_out: Vec<UnusablePart>,
    /// Until when its metadata hold, if they say so.
    pub(super) valid_until: Option<Timestamp>,
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

impl IdentityProvider {
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
            Ok::<_, Error>(SignOut::Saml { binding: Binding::Redirect, request_url: url.clone(), response_url: url })
        });
        let parts = Self {
            entity_id: entity_id.to_owned(),
            sign_in: vec![(Binding::Redirect, sign_in_url.clone()), (Binding::Post, sign_in_url)],
            sign_out: sign_out.transpose()?,
            ..Self::default()
        };
        parts.with(certificates_in(certificate))?.checked()
    }

    /// The same with these certificates, of which one at least must be of use.
    pub(super) fn with(mut self, Bundle { signers, path, left_out }: Bundle) -> Result<Self, Error> {
        self.left_out.extend(left_out);
        if signers.is_empty() {
            let why = self.left_out.into_iter().map(|left_out| left_out.why);
            return Err(why.into_iter().find(is_about_certificates).unwrap_or(Error::NoCertificate));
        }
        if signers.len() > MAX_CERTIFICATES || path.len() > MAX_PATH {
            return Err(Error::TooManyCertificates);
        }
        Ok(Self { certificates: signers, path, ..self })
    }

    /// Whether everything is there, and can be trusted with people.
    pub(super) fn checked(self) -> Result<Self, Error> {
        if self.entity_id.trim().is_empty() || self.entity_id.contains(['{', '}']) {
            return Err(Error::NoEntityId);
        }
        if self.sign_in.is_empty() {
            return Err(Error::BadSignInUrl);
        }
        if self.certificates.is_empty() {
            return Err(Error::NoCertificate);
        }
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

    /// Where people are sent to sign in, and how: by the `wanted` binding, if it is offered, else by HTTP-Redirect, else by
    /// HTTP-POST.
    pub fn sign_in(&self, wanted: Option<Binding>) -> Option<(Binding, &Url)> {
        let offered = |binding: Binding| Some((binding, self.sign_in_url(binding)?));
        wanted.into_iter().chain([Binding::Redirect, Binding::Post]).find_map(offered)
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

    /// Whether it says that it takes signed requests only (`WantAuthnRequestsSigned` of its metadata).
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

    /// What of its metadata cannot be used, and is not.
    pub fn left_out(&self) -> &[UnusablePart] {
        &self.left_out
    }

    /// Until when its metadata hold, if they say so.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
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

    /// The same without the certificates that no authority out of `authorities` (PEM) has issued, or has a path to. Dates do
    /// not matter. An error if none is left.
    pub fn issued_by(mut self, authorities: &[u8]) -> Result<Self, Error> {
        let store = store_of(authorities)?;
        let mut kept = Vec::new();
        for der in std::mem::take(&mut self.certificates) {
            if self.has_path(&der, &store).map_err(|_| Error::BadCertificate)? {
                kept.push(der);
            } else {
                let what = X509::from_der(&der).map_or_else(|_| "a certificate".to_owned(), |one| name_of(&one));
                self.left_out.push(UnusablePart { what, why: Error::UnknownAuthority });
            }
        }
        if kept.is_empty() { Err(Error::UnknownAuthority) } else { Ok(Self { certificates: kept, ..self }) }
    }

    fn has_path(&self, der: &[u8], store: &X509Store) -> Result<bool, openssl::error::ErrorStack> {
        let mut path = Stack::new()?;
        for certificate in &self.path {
            path.push(X509::from_der(certificate)?)?;
        }
        let certificate = X509::from_der(der)?;
        X509StoreContext::new()?.init(store, &certificate, &path, openssl::x509::X509StoreContextRef::verify_cert)
    }
}

/// The authorities that a file holds. One that cannot be read vouches for nobody.
fn store_of(authorities: &[u8]) -> Result<X509Store, Error> {
    let (good, bad): (Vec<_>, Vec<_>) = armour::certificates(authorities).into_iter().partition(Result::is_ok);
    if good.is_empty() {
        let found = bad.into_iter().find_map(Result::err).unwrap_or(Found::Nothing);
        return Err(Error::NoAuthority(found));
    }
    let store = || -> Result<X509Store, openssl::error::ErrorStack> {
        let mut store = X509StoreBuilder::new()?;
        for der in good.iter().flatten() {
            store.add_cert(X509::from_der(der)?)?;
        }
        store.set_flags(X509VerifyFlags::PARTIAL_CHAIN | X509VerifyFlags::NO_CHECK_TIME)?;
        Ok(store.build())
    };
    store().map_err(|_| Error::BadCertificate)
}

fn is_about_certificates(why: &Error) -> bool {
    use Error::{Ambiguous, BadCertificate, NotACertificate, TooManyCertificates, WeakKey};
    matches!(why, NotACertificate(_) | BadCertificate | TooManyCertificates | Ambiguous | WeakKey)
}

pub(super) fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.has_host() && url.fragment().is_none();
    (matches!(url.scheme(), "https" | "http") && plain).then_some(url)
}

pub(super) fn certificates_in(file: &[u8]) -> Bundle {
    Bundle::sort(armour::certificates(file), None)
}

#[cfg(test)]
#[path = "tests/identity_provider_tests.rs"]
mod tests;
