//! What a Response costs: processor time for each one that is accepted, and for each kind that is refused.
//!
//! `cargo bench --bench saml`, or with a part of the names of some: `cargo bench --bench saml -- groups`. Built without optimisation the figures mean nothing, and it says so.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that fails this way says enough")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bergshamra::{DsigContext, KeysManager};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use vestibule::clock::Timestamp;
use vestibule::saml::response::{self, CLOCK_SKEW, Expected, MAX_AGE};
use vestibule::saml::{IdentityProvider, ServiceProvider, guard};
use vestibule::wire;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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

/// A form as a browser posts it.
fn form(xml: &str) -> Vec<u8> {
    let mut form = url::form_urlencoded::Serializer::new(String::from("RelayState=0123456789abcdefghijkl"));
    form.append_pair("SAMLResponse", &STANDARD.encode(xml));
    form.finish().into_bytes()
}

/// `small`, with as much of `what` before `place` as a message may have.
fn filled(small: &str, place: &str, what: &str) -> String {
    let count = (guard::MAX_LEN - small.len() - 100) / what.len();
    small.replacen(place, &format!("{}{place}", what.repeat(count)), 1)
}

/// What strangers can send, each as much of it as is looked at.
fn hostile(maker: &Maker) -> Vec<(&'static str, Vec<u8>)> {
    let small = maker.message(5);
    let stranger = Maker::new();
    let at = |place: &str, what: &str| small.replacen(place, &format!("{what}{place}"), 1);
    let fill = |what: &str| filled(&small, "<Subject>", what);
    let attributes: String = (0..16).map(|number| format!(" a{number}=\"\"")).collect();
    let declarations: String = (0..14).map(|number| format!(" xmlns:n{number}=\"urn:x\"")).collect();
    let names: String = (0..1200).map(|number| format!("<d a=\"_{number:060}\"/>")).collect();
    let longest = |message: String| {
        assert!(message.len() <= guard::MAX_LEN, "{} is never looked at", message.len());
        form(&message)
    };
    vec![
        ("another request's", form(&small.replacen("InResponseTo=\"_q1\"", "InResponseTo=\"_q2\"", 1))),
        ("changed after signing", form(&small.replacen("B.Simon@", "A.Simon@", 1))),
        ("two Assertions", form(&small.replacen("<Assertion ", "<Assertion ID=\"_a2\"></Assertion><Assertion ", 1))),
        ("a DOCTYPE", form(&format!("<!DOCTYPE r [<!ENTITY a \"a\">]>{small}"))),
        ("a DOCTYPE at the end", longest(filled(&small, "</NameID>", "a") + "<!DOCTYPE r>").clone()),
        ("one long name", longest(filled(&small, "</NameID>", "a"))),
        ("one long name, not ASCII", longest(filled(&small, "</NameID>", "é"))),
        ("one long attribute", longest(filled(&small, "\" IssueInstant=\"2026-11-21T10:00:05Z\" Version", "a"))),
        ("1,200 elements", longest(at("<Subject>", &"<d/>".repeat(1200)))),
        ("1,200 long values", longest(at("<Subject>", &names))),
        ("elements without end", longest(fill("<d/>"))),
        ("open brackets", longest("<".repeat(guard::MAX_LEN))),
        ("1,950 attributes", longest(at("<Subject>", &format!("<d{attributes}/>").repeat(122)))),
        ("attributes without end", longest(fill(&format!("<d{attributes}/>")))),
        (
            "28 prefixes, 1,200 times",
            longest(at(
                "<Subject>",
                &format!(
                    "<d{declarations}><d{}>{}</d></d>",
                    declarations.replace(" xmlns:n", " xmlns:m"),
                    "<n0:d/>".repeat(1200)
                ),
            )),
        ),
        ("2,000 references", longest(at("</NameID>", &"&amp;".repeat(2000)))),
        ("references without end", longest(filled(&small, "</NameID>", "&amp;"))),
        ("1,000 groups, made up", longest(stranger.message(1000))),
        ("1,000 groups, changed", longest(maker.message(1000).replacen("B.Simon@", "A.Simon@", 1))),
        ("line breaks", form_of(&"\n".repeat(guard::MAX_FORM / 2))),
        ("percent signs", [b"SAMLResponse=".as_slice(), "%41".repeat((guard::MAX_FORM - 20) / 3).as_bytes()].concat()),
        ("field upon field", "a&".repeat(guard::MAX_FORM / 2).into_bytes()),
    ]
}

fn form_of(field: &str) -> Vec<u8> {
    format!("SAMLResponse={field}").into_bytes()
}

/// Takes a form as the portal does.
fn take(form: &[u8], expected: &Expected<'_>, now: Timestamp) -> bool {
    let Ok(fields) = wire::form::parse(form) else { return false };
    let field = fields.iter().find(|(name, _)| name == "SAMLResponse");
    field.is_some_and(|(_, field)| response::accept(field, expected, now).is_ok())
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
        anew: false,
        ways: &[],
        max_age: MAX_AGE,
        clock_skew: CLOCK_SKEW,
    };
    if cfg!(debug_assertions) {
        println!("Built without optimisation: these figures mean nothing.");
    }
    println!("{:<28}{:>8}{:>12}{:>14}", "Response", "bytes", "CPU µs", "a second");
    let good = [("accepted, 5 groups", 5), ("accepted, 150 groups", 150), ("accepted, 1,000 groups", 1000)];
    let good = good.map(|(name, groups)| (name, form(&maker.message(groups))));
    let only: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part.as_str()));
    for (name, form) in good.iter().filter(|(name, _)| is_wanted(name)) {
        assert!(take(form, &expected, now), "{name}");
        measure(name, form, &expected, now);
    }
    for (name, form) in hostile(&maker).iter().filter(|(name, _)| is_wanted(name)) {
        assert!(!take(form, &expected, now), "{name}");
        assert!(form.len() <= guard::MAX_FORM, "{name}: {} bytes are not even received", form.len());
        measure(name, form, &expected, now);
    }
}

/// Prints what a form costs.
fn measure(name: &str, form: &[u8], expected: &Expected<'_>, now: Timestamp) {
    let (mut times, rounds, mut count) = (Vec::new(), 7, 50);
    while times.len() < rounds {
        let before = processor_time();
        for _ in 0..count {
            std::hint::black_box(take(std::hint::black_box(form), expected, now));
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
    println!("{name:<28}{:>8}{:>12.1}{:>14}", form.len(), median as f64 / 1000.0, 1_000_000_000 / median);
}
