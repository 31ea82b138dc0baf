//! Certificates in whatever dress they come: PEM, one or several, base64 alone, base64 of either, or DER; and what stands in
//! the place of one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::pkcs7::Pkcs7;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::PKey;
use openssl::x509::X509Req;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::text;

/// How often base64 is taken off: hand-made metadata hold base64 of a PEM file.
const MOST_LAYERS: usize = 3;
/// What the label of a certificate in PEM may be (RFC 7468 §5.1, and OpenSSL's own).
const LABELS: [&str; 3] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];

/// What stands where a certificate should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A private key.
    PrivateKey,
    /// A public key by itself.
    PublicKey,
    /// A certificate signing request.
    Request,
    /// PKCS #7, a bundle of certificates.
    Pkcs7,
    /// PKCS #12, which holds a private key.
    Pkcs12,
    /// A page.
    Html,
    /// XML.
    Xml,
    /// A certificate.
    Certificate,
    /// Anything else.
    Other,
}

impl Found {
    /// Whether it may be a certificate that cannot be read.
    pub(super) fn may_be_a_certificate(self) -> bool {
        matches!(self, Self::Other | Self::Pkcs7)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Found {
    /// What it is, and what to do about it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::PrivateKey => "a private key: keep that one secret, and give the certificate here",
            Self::PublicKey => "a public key by itself: give the certificate that holds it",
            Self::Request => "a request for a certificate: give the certificate that was issued for it",
            Self::Pkcs7 => "PKCS #7 (.p7b): export the certificate as Base-64 encoded X.509 (.cer) instead",
            Self::Pkcs12 => {
                "PKCS #12 (.pfx), with a private key: export the certificate alone as Base-64 encoded X.509 (.cer)"
            }
            Self::Html => "an HTML page",
            Self::Xml => "XML: if it is metadata, name it as `metadata`",
            Self::Certificate => "a certificate",
            Self::Other => "something that is neither PEM, nor base64 or DER of a certificate",
        }
    }
}

/// Each certificate (X.509, DER) that `file` holds, and what stands in the place of one. At least one entry.
pub(super) fn certificates(file: &[u8]) -> Vec<Result<Vec<u8>, Found>> {
    read(file, MOST_LAYERS)
}

/// What a file holds in place of what was wanted.
pub(super) fn found(file: &[u8]) -> Found {
    match certificates(file).into_iter().next() {
        Some(Err(found)) => found,
        _ => Found::Certificate,
    }
}

fn read(file: &[u8], layers: usize) -> Vec<Result<Vec<u8>, Found>> {
    let text = text::decode(file).unwrap_or_default();
    let text = text.trim();
    if file.trim_ascii().is_empty() {
        return vec![Err(Found::Nothing)];
    }
    if text.contains("-----BEGIN ") {
        return sections(text);
    }
    match base64(text).filter(|_| layers > 0) {
        Some(inner) if !inner.is_empty() => read(&inner, layers - 1),
        _ => vec![der(file)],
    }
}

/// The sections of a PEM file, one after the other. Line breaks do not matter: what is pasted is often one line.
fn sections(text: &str) -> Vec<Result<Vec<u8>, Found>> {
    let mut found = Vec::new();
    for section in text.split("-----BEGIN ").skip(1) {
        let Some((label, rest)) = section.split_once("-----") else {
            found.push(Err(Found::Other));
            continue;
        };
        let body = rest.split("-----END").next().unwrap_or_default().replace("\\r", "").replace("\\n", "");
        found.push(match label.trim() {
            label if LABELS.contains(&label) && body.trim().is_empty() => Err(Found::Nothing),
            label if LABELS.contains(&label) => base64(&body).ok_or(Found::Other).and_then(|body| der(&body)),
            label if label.ends_with("PRIVATE KEY") => Err(Found::PrivateKey),
            label if label.ends_with("PUBLIC KEY") => Err(Found::PublicKey),
            label if label.ends_with("CERTIFICATE REQUEST") => Err(Found::Request),
            "PKCS7" | "CMS" => Err(Found::Pkcs7),
            // Parameters of a curve and the like stand in nobody's place.
            _ => continue,
        });
    }
    if found.is_empty() { vec![Err(Found::Other)] } else { found }
}

/// One certificate, without what follows it.
fn der(octets: &[u8]) -> Result<Vec<u8>, Found> {
    let Ok((rest, _)) = X509Certificate::from_der(octets) else { return Err(kind(octets)) };
    octets.get(..octets.len() - rest.len()).map(<[u8]>::to_vec).ok_or(Found::Other)
}

fn kind(octets: &[u8]) -> Found {
    let text = text::decode(octets).unwrap_or_default();
    if text.starts_with('<') {
        let start: String = text.chars().take(400).flat_map(char::to_lowercase).collect();
        return if start.contains("<html") || start.contains("<!doctype html") { Found::Html } else { Found::Xml };
    }
    if octets.first() != Some(&0x30) {
        return Found::Other;
    }
    if Pkcs7::from_der(octets).is_ok() {
        Found::Pkcs7
    } else if Pkcs12::from_der(octets).is_ok() {
        Found::Pkcs12
    } else if PKey::private_key_from_der(octets).is_ok() {
        Found::PrivateKey
    } else if X509Req::from_der(octets).is_ok() {
        Found::Request
    } else if PKey::public_key_from_der(octets).is_ok() {
        Found::PublicKey
    } else {
        Found::Other
    }
}

/// Base64 with blanks and line breaks in it.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).ok()
}

#[cfg(test)]
#[path = "tests/armour_tests.rs"]
mod tests;
