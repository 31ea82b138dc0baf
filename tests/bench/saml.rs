//! What a Response costs: processor time for each one that is accepted, and for each kind that is refused.
//!
//! `cargo bench --bench saml`. Built without optimisation the figures mean nothing, and it says so.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that fails this way says enough")]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bergshamra::{DsigContext, KeysManager};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use vestibule::clock::Timestamp;
use vestibule::saml::response::{self, CLOCK_SKEW, Expected, MAX_AGE};
use vestibule::saml::{IdentityProvider, ServiceProvider};

const ISSUER: &str = "https://sts.windows.net/11111111-2222-3333-4444-555555555555/";
const ACS: &str = "https://portal.test/saml/acs";

/// A Response as Entra sends it, signed as it does by default.
struct Maker {
    key: KeyPair,
    certificate: Vec<u8>,
}

impl Maker {
    fn new() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let certificate = CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap().der().to_vec();
        Self { key, certificate }
    }

    fn message(&self, groups: usize) -> String {
        let group = |number| format!("<AttributeValue>00000000-0000-0000-0000-{number:012}</AttributeValue>");
        let groups: Vec<_> = (0..groups).map(group).collect();
        let groups = groups.concat();
        let signature = concat!(
            r#"<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>"#,
            r#"<CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#,
            r#"<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>"#,
            r##"<Reference URI="#_a1"><Transforms>"##,
            r#"<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>"#,
            r#"<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></Transforms>"#,
            r#"<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue></DigestValue>"#,
            r#"</Reference></SignedInfo><SignatureValue></SignatureValue></Signature>"#,
        );
        let xml = format!(
            concat!(
                r#"<samlp:Response ID="_r1" Version="2.0" IssueInstant="2026-11-21T10:00:05Z" Destination="{acs}" "#,
                r#"InResponseTo="_q1" xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">"#,
                r#"<Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">{issuer}</Issuer><samlp:Status>"#,
                r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>"#,
                r#"<Assertion ID="_a1" IssueInstant="2026-11-21T10:00:05Z" Version="2.0" "#,
                r#"xmlns="urn:oasis:names:tc:SAML:2.0:assertion"><Issuer>{issuer}</Issuer>{signature}<Subject>"#,
                r#"<NameID>B.Simon@contoso.com</NameID><SubjectConfirmation "#,
                r#"Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><SubjectConfirmationData InResponseTo="_q1" "#,
                r#"NotOnOrAfter="2026-11-21T11:00:05Z" Recipient="{acs}"/></SubjectConfirmation></Subject>"#,
                r#"<Conditions NotBefore="2026-11-21T09:55:05Z" NotOnOrAfter="2026-11-21T11:00:05Z">"#,
                r#"<AudienceRestriction><Audience>urn:us</Audience></AudienceRestriction></Conditions>"#,
                r#"<AttributeStatement><Attribute "#,
                r#"Name="http://schemas.microsoft.com/ws/2008/06/identity/claims/groups">{groups}</Attribute>"#,
                r#"<Attribute Name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name">"#,
                r#"<AttributeValue>B.Simon@contoso.com</AttributeValue></Attribute></AttributeStatement>"#,
                r#"<AuthnStatement AuthnInstant="2026-11-21T09:58:01Z" SessionIndex="_a1"><AuthnContext>"#,
                r#"<AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</AuthnContextClassRef>"#,
                r#"</AuthnContext></AuthnStatement></Assertion></samlp:Response>"#,
            ),
            acs = ACS,
            issuer = ISSUER,
            signature = signature,
            groups = groups,
        );
        let mut keys = KeysManager::new();
        keys.add_key(bergshamra::keys::loader::load_rsa_private_pem(self.key.serialize_pem().as_bytes()).unwrap());
        bergshamra::sign(&DsigContext::new(keys), &xml).unwrap()
    }
}

/// Nanoseconds of processor time that a round takes at least.
const LEAST: u64 = 100_000_000;

/// Nanoseconds of processor time that this thread has had.
fn processor_time() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

fn main() {
    let maker = Maker::new();
    let sp = ServiceProvider { entity_id: "urn:us".into(), acs_url: ACS.into(), ..ServiceProvider::default() };
    let idp = IdentityProvider::from_parts(ISSUER, "https://login.test/", None, &maker.certificate).unwrap();
    let now: Timestamp = "2026-11-21T10:00:30Z".parse().unwrap();
    let expected = Expected {
        service_provider: &sp,
        identity_provider: &idp,
        endpoint: ACS,
        request_id: Some("_q1"),
        requested: "2026-11-21T09:57:00Z".parse().unwrap(),
        max_age: MAX_AGE,
        clock_skew: CLOCK_SKEW,
    };
    let (small, large) = (maker.message(5), maker.message(150));
    let at = |place: &str, what: &str| large.replacen(place, &format!("{what}{place}"), 1);
    let doctype = format!("<!DOCTYPE r [<!ENTITY a \"a\">]>{small}");
    let second = small.replacen("<Assertion ", "<Assertion ID=\"_a2\"></Assertion><Assertion ", 1);
    let long = at("</NameID>", &"a".repeat(220_000));
    let many = at("<Subject>", &"<d/>".repeat(50_000));
    let wide: String = (0..20_000).map(|number| format!(" a{number}=\"\"")).collect();
    let wide = small.replacen("<Subject>", &format!("<Subject{wide}>"), 1);
    let rows: [(&str, bool, Arc<str>); 10] = [
        ("accepted, 5 groups", true, small.as_str().into()),
        ("accepted, 150 groups", true, large.as_str().into()),
        ("another request's", false, small.replacen("InResponseTo=\"_q1\"", "InResponseTo=\"_q2\"", 1).into()),
        ("a DOCTYPE", false, doctype.into()),
        ("two Assertions", false, second.into()),
        ("changed after signing", false, small.replacen("B.Simon@", "A.Simon@", 1).into()),
        ("250 kB of one name", false, long.into()),
        ("50,000 elements", false, many.into()),
        ("20,000 attributes", false, wide.into()),
        ("250 kB of open brackets", false, "<".repeat(250_000).into()),
    ];
    if cfg!(debug_assertions) {
        println!("Built without optimisation: these figures mean nothing.");
    }
    println!("{:<28}{:>8}{:>12}{:>14}", "Response", "bytes", "CPU µs", "a second");
    for (name, good, xml) in rows {
        let field = STANDARD.encode(xml.as_bytes());
        assert_eq!(response::accept(&field, &expected, now).is_ok(), good, "{name}");
        let (mut times, rounds, mut count) = (Vec::new(), 7, 50);
        while times.len() < rounds {
            let before = processor_time();
            for _ in 0..count {
                drop(std::hint::black_box(response::accept(std::hint::black_box(&field), &expected, now)));
            }
            let taken = processor_time() - before;
            // The clock of processor time moves in steps: what is quick is done more often.
            if taken < LEAST {
                count *= 2;
                continue;
            }
            times.push(taken / count);
        }
        times.sort_unstable();
        let median = times.get(rounds / 2).copied().unwrap().max(1);
        println!("{name:<28}{:>8}{:>12.1}{:>14}", xml.len(), median as f64 / 1000.0, 1_000_000_000 / median);
    }
}
