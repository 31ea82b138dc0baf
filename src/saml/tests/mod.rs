//! Responses as Entra sends them, signed at test time, and what the tests of this module do to them.

mod accept_tests;
mod attack_tests;
mod interop_tests;
mod signature_tests;

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::asn1::Asn1Time;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use crate::clock::Timestamp;
use crate::saml::{Accepted, Error, Expected, IdentityProvider, ServiceProvider, response};
use crate::secret::Secret;

pub(super) const ISSUER: &str = "https://sts.windows.net/11111111-2222-3333-4444-555555555555/";
pub(super) const ACS: &str = "https://portal.test/saml/acs";
pub(super) const NOW: &str = "2026-11-21T10:00:30Z";

/// A Response in Entra's shape, with places for signatures.
const ENTRA: &str = concat!(
    r#"<samlp:Response ID="_r1" Version="2.0" IssueInstant="2026-11-21T10:00:05.1234567Z" "#,
    r#"Destination="https://portal.test/saml/acs" InResponseTo="_q1" "#,
    r#"xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">"#,
    r#"<Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">"#,
    r#"https://sts.windows.net/11111111-2222-3333-4444-555555555555/</Issuer>{sign _r1}"#,
    r#"<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>"#,
    r#"<Assertion ID="_a1" IssueInstant="2026-11-21T10:00:05.121Z" Version="2.0" "#,
    r#"xmlns="urn:oasis:names:tc:SAML:2.0:assertion">"#,
    r#"<Issuer>https://sts.windows.net/11111111-2222-3333-4444-555555555555/</Issuer>{sign _a1}"#,
    r#"<Subject><NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">"#,
    r#"B.Simon@contoso.com</NameID><SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">"#,
    r#"<SubjectConfirmationData InResponseTo="_q1" NotOnOrAfter="2026-11-21T11:00:05.023Z" "#,
    r#"Recipient="https://portal.test/saml/acs"/></SubjectConfirmation></Subject>"#,
    r#"<Conditions NotBefore="2026-11-21T09:55:05.023Z" NotOnOrAfter="2026-11-21T11:00:05.023Z">"#,
    r#"<AudienceRestriction><Audience>https://auth.test/vestibule</Audience></AudienceRestriction></Conditions>"#,
    r#"<AttributeStatement>"#,
    r#"<Attribute Name="http://schemas.microsoft.com/identity/claims/tenantid">"#,
    r#"<AttributeValue>11111111-2222-3333-4444-555555555555</AttributeValue></Attribute>"#,
    r#"<Attribute Name="http://schemas.microsoft.com/ws/2008/06/identity/claims/groups">"#,
    r#"<AttributeValue>Staff</AttributeValue><AttributeValue>Research</AttributeValue></Attribute>"#,
    r#"<Attribute Name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name">"#,
    r#"<AttributeValue>B.Simon@contoso.com</AttributeValue></Attribute></AttributeStatement>"#,
    r#"<AuthnStatement AuthnInstant="2026-11-21T09:58:01.000Z" SessionIndex="_a1"><AuthnContext>"#,
    r#"<AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</AuthnContextClassRef>"#,
    r#"</AuthnContext></AuthnStatement></Assertion></samlp:Response>"#,
);

const SIGNATURE: &str = concat!(
    r#"<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>"#,
    r#"<CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#,
    r#"<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>"#,
    "<Reference URI=\"#{id}\"><Transforms>",
    r#"<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>"#,
    r#"<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></Transforms>"#,
    r#"<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue></DigestValue></Reference>"#,
    r#"</SignedInfo><SignatureValue></SignatureValue><KeyInfo><X509Data><X509Certificate>{certificate}"#,
    r#"</X509Certificate></X509Data></KeyInfo></Signature>"#,
);

/// A key that signs, and its certificate.
pub(super) struct Signer {
    pub(super) key: KeyPair,
    pub(super) certificate: Vec<u8>,
}

impl Signer {
    fn new() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap().der().to_vec();
        Self { key, certificate }
    }

    /// The key that our identity provider signs with.
    pub(super) fn ours() -> &'static Self {
        static OURS: OnceLock<Signer> = OnceLock::new();
        OURS.get_or_init(Self::new)
    }

    /// Somebody else's key.
    pub(super) fn stranger() -> &'static Self {
        static STRANGER: OnceLock<Signer> = OnceLock::new();
        STRANGER.get_or_init(Self::new)
    }

    /// Signs the element with this identifier where `xml` has a place for it.
    pub(super) fn sign(&self, xml: &str, id: &str) -> String {
        self.sign_with(xml, id, |template| template)
    }

    /// The same with a change to the Signature before it is made.
    fn sign_with(&self, xml: &str, id: &str, change: impl Fn(String) -> String) -> String {
        use bergshamra::{DsigContext, KeysManager};
        let template = SIGNATURE.replace("{id}", id).replace("{certificate}", &STANDARD.encode(&self.certificate));
        let template = change(template);
        let xml = xml.replace(&format!("{{sign {id}}}"), &template);
        let mut keys = KeysManager::new();
        keys.add_key(bergshamra::keys::loader::load_rsa_private_pem(self.key.serialize_pem().as_bytes()).unwrap());
        bergshamra::sign(&DsigContext::new_permissive(keys), &xml).unwrap()
    }
}

/// A message that is being made.
#[derive(Clone)]
pub(super) struct Message(pub(super) String);

/// Which elements are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Nothing,
    /// Entra's default.
    Assertion,
    Response,
    Both,
}

impl Message {
    pub(super) fn entra() -> Self {
        Self(ENTRA.to_owned())
    }

    /// Replaces the first occurrence of `from`.
    pub(super) fn edit(self, from: &str, to: &str) -> Self {
        assert!(self.0.contains(from), "{from} is not in {}", self.0);
        Self(self.0.replacen(from, to, 1))
    }

    pub(super) fn sign(self, what: Sign) -> Self {
        self.sign_by(Signer::ours(), what)
    }

    pub(super) fn sign_by(self, signer: &Signer, what: Sign) -> Self {
        let mut xml = self.0;
        let response = matches!(what, Sign::Response | Sign::Both);
        // The inner one first: the outer one covers it.
        if !response {
            xml = xml.replace("{sign _r1}", "");
        }
        if matches!(what, Sign::Assertion | Sign::Both) {
            xml = signer.sign(&xml, "_a1");
        } else {
            xml = xml.replace("{sign _a1}", "");
        }
        if response {
            xml = signer.sign(&xml, "_r1");
        }
        Self(xml)
    }

    pub(super) fn field(&self) -> String {
        STANDARD.encode(&self.0)
    }

    pub(super) fn accept(&self) -> Result<Accepted, Error> {
        self.accept_at(NOW)
    }

    pub(super) fn accept_at(&self, now: &str) -> Result<Accepted, Error> {
        accept(&self.field(), now.parse().unwrap())
    }
}

pub(super) fn accept(field: &str, now: Timestamp) -> Result<Accepted, Error> {
    let (sp, idp) = (sp(), idp_at("https://login.test/saml2"));
    response::accept(field, &expected(&sp, &idp), now)
}

pub(super) fn expected<'a>(sp: &'a ServiceProvider, idp: &'a IdentityProvider) -> Expected<'a> {
    Expected {
        service_provider: sp,
        identity_provider: idp,
        endpoint: ACS,
        request_id: Some("_q1"),
        requested: "2026-11-21T09:57:00Z".parse().unwrap(),
        anew: false,
        ways: &[],
        max_age: response::MAX_AGE,
        clock_skew: response::CLOCK_SKEW,
    }
}

pub(super) fn sp() -> ServiceProvider {
    ServiceProvider {
        entity_id: "https://auth.test/vestibule".into(),
        acs_url: ACS.into(),
        acs_aliases: vec!["https://portal.test/alias".into()],
        ..ServiceProvider::default()
    }
}

pub(super) fn idp_at(sign_in_url: &str) -> IdentityProvider {
    IdentityProvider::from_parts(ISSUER, sign_in_url, None, &Signer::ours().certificate).unwrap()
}

pub(super) fn idp_with(certificate: &[u8]) -> IdentityProvider {
    IdentityProvider::from_parts(ISSUER, "https://login.test/saml2", None, certificate).unwrap()
}

/// The service provider's own RSA key.
pub(super) fn our_key() -> PKey<Private> {
    static KEY: OnceLock<PKey<Private>> = OnceLock::new();
    KEY.get_or_init(|| PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap()).clone()
}

pub(super) fn pem_of(key: &PKey<Private>) -> Secret {
    Secret::new(String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap())
}

/// A certificate for a key, as PEM.
pub(super) fn certificate_of(key: &PKey<Private>) -> Vec<u8> {
    let mut certificate = X509::builder().unwrap();
    certificate.set_pubkey(key).unwrap();
    certificate.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    certificate.set_not_after(&Asn1Time::from_unix(86400).unwrap()).unwrap();
    certificate.sign(key, openssl::hash::MessageDigest::sha256()).unwrap();
    certificate.build().to_pem().unwrap()
}

/// A message for each reason stands in the tables of these tests.
#[test]
fn every_reason_to_refuse_has_a_message_that_is_refused_for_it() {
    let variants = include_str!("../error.rs").lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?;
        let end = name.find([',', '('])?;
        (name.starts_with(|c: char| c.is_ascii_uppercase()) && name.len() > end).then(|| name.split_at(end).0)
    });
    let tests = [
        include_str!("accept_tests.rs"),
        include_str!("attack_tests.rs"),
        include_str!("decrypt_tests.rs"),
        include_str!("logout_tests.rs"),
        include_str!("redirect_tests.rs"),
        include_str!("xml_tests.rs"),
    ];
    let variants: Vec<_> = variants.collect();
    assert!(variants.len() > 40, "{variants:?}");
    for variant in variants {
        let name = format!("Error::{variant}");
        assert!(tests.iter().any(|test| test.contains(&name)), "no message is refused as {variant}");
    }
}
