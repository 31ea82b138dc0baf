//! The key of the practice identity provider.

use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bergshamra::{DsigContext, KeysManager};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

/// A key that signs Responses, and its certificate.
pub(super) struct Key {
    pem: String,
    certificate: Vec<u8>,
}

impl Key {
    /// Makes an RSA key of 2048 bits and signs a certificate with it, as Entra does for each application.
    pub(super) fn generate() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "Microsoft Azure Federated SSO Certificate (practice)");
        let certificate = params.self_signed(&key)?;
        Ok(Self { pem: key.serialize_pem(), certificate: certificate.der().to_vec() })
    }

    pub(super) fn certificate_pem(&self) -> String {
        let lines: Vec<_> = self.certificate_base64().into_bytes();
        let lines: Vec<_> = lines.chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// The certificate as it stands in XML.
    pub(super) fn certificate_base64(&self) -> String {
        STANDARD.encode(&self.certificate)
    }

    /// The same key, for messages of Single Logout.
    pub(super) fn for_logout(&self) -> Option<crate::saml::Key> {
        crate::saml::Key::read(self.certificate_pem().as_bytes(), &Secret::new(self.pem.clone())).ok()
    }

    /// Signs a document that has empty elements for digest and signature.
    pub(super) fn sign(&self, xml: &str) -> Result<String, bergshamra::Error> {
        let mut keys = KeysManager::new();
        keys.add_key(bergshamra::keys::loader::load_rsa_private_pem(self.pem.as_bytes())?);
        bergshamra::sign(&DsigContext::new_permissive(keys), xml)
    }
}
