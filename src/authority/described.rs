//! What people are told of a certificate: whose it is, until when, and by what they recognise it.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock::Timestamp;

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It vouches for leaves, or for those that do.
    Current,
    /// It will, once it is promoted.
    Successor,
    /// It did, before the one in force was promoted.
    Predecessor,
    /// It is that of the authority in force as the one before vouches for it, for devices that trust only that one.
    Bridge,
    /// It stands between the leaves and what devices trust.
    Intermediate,
}

impl Role {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "authority",
            Self::Successor => "successor",
            Self::Predecessor => "predecessor",
            Self::Bridge => "bridge",
            Self::Intermediate => "intermediate",
        }
    }
}

/// A certificate of the authority, as people are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// What it is for.
    pub role: Role,
    /// The certificate.
    pub der: CertificateDer<'static>,
    /// Its whole subject.
    pub subject: String,
    /// What devices call it: the common name, or the whole subject where there is none.
    pub name: String,
    /// Since when it is valid.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// SHA-256 of it, `AB:CD:…`.
    pub sha256: String,
    /// SHA-1 of it, by which Windows knows it.
    pub sha1: String,
}

impl Described {
    /// Reads a certificate; none if it is not one.
    pub fn read(role: Role, der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject().to_string().replace(char::is_control, " ");
        let common = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        Some(Self {
            role,
            name: common.map_or_else(|| subject.clone(), |name| name.replace(char::is_control, " ")),
            subject,
            from: at(certificate.validity().not_before.timestamp()),
            until: at(certificate.validity().not_after.timestamp()),
            sha256: hex(digest::digest(&digest::SHA256, der).as_ref()),
            sha1: hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der).as_ref()),
            der: der.clone().into_owned(),
        })
    }

    /// The certificate as PEM.
    pub fn pem(&self) -> String {
        pem(&self.der)
    }
}

/// Whether all clients take it that this authority vouches for its successor: one without a limit for the length of paths does, and
/// those that are made now. Of others Firefox and Go do not.
pub(super) fn can_vouch(certificate: &[u8]) -> bool {
    let Ok((_, read)) = X509Certificate::from_der(certificate) else { return false };
    let constraints = read.basic_constraints().ok().flatten();
    constraints.is_some_and(|it| it.value.path_len_constraint.is_none_or(|most| most > 0))
}

/// A certificate as PEM (RFC 7468 §5).
pub(super) fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":")
}
