use super::*;
use crate::saml::tests::{ISSUER, Signer, idp_at};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const SLO: &str = "https://portal.test/saml/slo";
const NOW: &str = "2026-11-21T10:00:30Z";

/// A LogoutRequest as Entra writes it, with a place for a signature.
const REQUEST: &str = concat!(
    r#"<samlp:LogoutRequest ID="_l1" Version="2.0" IssueInstant="2026-11-21T10:00:05.120Z" "#,
    r#"Destination="https://portal.test/saml/slo" NotOnOrAfter="2026-11-21T10:05:05Z" "#,
    r#"xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">"#,
    r#"<Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">"#,
    r#"https://sts.windows.net/11111111-2222-3333-4444-555555555555/</Issuer>{sign _l1}"#,
    r#"<NameID xmlns="urn:oasis:names:tc:SAML:2.0:assertion">B.Simon@contoso.com</NameID>"#,
    r#"<samlp:SessionIndex>_a1</samlp:SessionIndex></samlp:LogoutRequest>"#,
);

const RESPONSE: &str = concat!(
    r#"<samlp:LogoutResponse ID="_l2" Version="2.0" IssueInstant="2026-11-21T10:00:05.120Z" InResponseTo="_o1" "#,
    r#"xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">"#,
    r#"<Issuer xmlns="urn:oasis:names:tc:SAML:2.0:assertion">"#,
    r#"https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/</Issuer>{sign _l2}"#,
    r#"<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>"#,
    r#"</samlp:LogoutResponse>"#,
);

fn opened(xml: &str, is_request: bool) -> Result<Opened, Error> {
    let arrived = Arrived::posted(&STANDARD.encode(xml), is_request)?;
    arrived.open(&idp_at("https://login.test/saml2"), SLO, NOW.parse().unwrap())
}

fn unsigned(xml: &str) -> String {
    xml.replace("{sign _l1}", "").replace("{sign _l2}", "")
}

fn edited(xml: &str, from: &str, to: &str) -> String {
    assert!(xml.contains(from), "{from} is not in {xml}");
    xml.replacen(from, to, 1)
}

#[test]
fn a_signed_request_says_who_and_where() {
    let opened = opened(&Signer::ours().sign(REQUEST, "_l1"), true).unwrap();
    assert_eq!((opened.id.as_str(), opened.signed), ("_l1", true));
    assert_eq!(opened.issued, "2026-11-21T10:00:05.120Z".parse().unwrap());
    let Content::Request { name_id, session_indexes } = opened.content else { panic!("{opened:?}") };
    assert_eq!((name_id.value.as_str(), session_indexes), ("B.Simon@contoso.com", vec!["_a1".to_owned()]));
}

#[test]
fn an_unsigned_one_says_that_it_is_unsigned() {
    assert!(!opened(&unsigned(REQUEST), true).unwrap().signed);
    let response = opened(&unsigned(RESPONSE), false).unwrap();
    assert!(!response.signed);
    let Content::Response { in_response_to, status } = response.content else { panic!("{response:?}") };
    assert_eq!((in_response_to.as_deref(), status.is_success()), (Some("_o1"), true));
    assert!(opened(&Signer::ours().sign(RESPONSE, "_l2"), false).unwrap().signed);
}

#[test]
fn a_bad_signature_is_not_the_same_as_none() {
    let signed = Signer::ours().sign(REQUEST, "_l1");
    let stranger = Signer::stranger().sign(REQUEST, "_l1");
    assert_eq!(opened(&stranger, true), Err(Error::BadSignature));
    assert_eq!(opened(&edited(&signed, "B.Simon", "AlexW"), true), Err(Error::BadSignature));
    assert_eq!(opened(&edited(&signed, ">_a1<", ">_a2<"), true), Err(Error::BadSignature));
}

#[test]
fn each_thing_that_a_request_must_be_has_its_own_error() {
    const P: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
    for (from, to, error) in [
        (r#" ID="_l1""#, "", Error::BadId),
        (r#"Version="2.0""#, r#"Version="1.1""#, Error::WrongVersion),
        (r#"Destination="https://portal.test/saml/slo""#, r#"Destination="https://x.test/""#, Error::WrongDestination),
        ("10:00:05.120Z", "10:01:31Z", Error::IssuedInFuture),
        ("IssueInstant=\"2026-11-21T10:00:05.120Z\"", "", Error::BadTime),
        ("IssueInstant=\"2026-11-21T10:00:05.120Z\"", "IssueInstant=\"2026-11-21T09:49:29Z\"", Error::Expired),
        ("NotOnOrAfter=\"2026-11-21T10:05:05Z\"", "NotOnOrAfter=\"2026-11-21T09:59:30Z\"", Error::Expired),
        ("NotOnOrAfter=\"2026-11-21T10:05:05Z\"", "NotOnOrAfter=\"soon\"", Error::BadTime),
        ("555555555555/", "555555555556/", Error::WrongIssuer),
        ("<NameID ", "<BaseID ", Error::MisplacedElement),
        (
            "</Issuer>",
            "</Issuer><Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">x</Issuer>",
            Error::MisplacedElement,
        ),
        ("</samlp:SessionIndex>", "</samlp:SessionIndex><samlp:Status/>", Error::MisplacedElement),
        ("</samlp:SessionIndex>", "</samlp:SessionIndex><x:SessionIndex xmlns:x=\"urn:x\"/>", Error::MisplacedElement),
        ("</samlp:SessionIndex>", "<!-- x --></samlp:SessionIndex>", Error::Forbidden(crate::saml::Construct::Comment)),
        (
            "<samlp:SessionIndex>",
            "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/><samlp:SessionIndex>",
            Error::BadSignatureShape,
        ),
        (
            "<samlp:SessionIndex>",
            "<samlp:Extensions><Signature xmlns=\"urn:x\"/></samlp:Extensions><samlp:SessionIndex>",
            Error::StraySignature,
        ),
        ("<samlp:SessionIndex>", "<samlp:SessionIndex ID=\"_l1\">", Error::DuplicateId),
    ] {
        let mut message = edited(&unsigned(REQUEST), from, to);
        if from == "<NameID " {
            message = message.replace("</NameID>", "</BaseID>");
        }
        assert_eq!(opened(&message, true), Err(error), "{from} → {to}");
    }
    let nobody = unsigned(REQUEST)
        .replace(r#"<NameID xmlns="urn:oasis:names:tc:SAML:2.0:assertion">B.Simon@contoso.com</NameID>"#, "");
    assert_eq!(opened(&nobody, true), Err(Error::NobodyNamed));
    let other = format!("<x:LogoutRequest xmlns:x=\"{P}\"/>").replace("LogoutRequest", "AuthnRequest");
    assert_eq!(opened(&other, true), Err(Error::OtherMessage));
    assert_eq!(opened(&unsigned(RESPONSE), true), Err(Error::OtherMessage), "a response in a request's place");
    assert_eq!(opened(&unsigned(REQUEST), false), Err(Error::OtherMessage));
    let many = "<samlp:SessionIndex>_x</samlp:SessionIndex>".repeat(64);
    let many = edited(&unsigned(REQUEST), "<samlp:SessionIndex>", &format!("{many}<samlp:SessionIndex>"));
    assert_eq!(opened(&many, true), Err(Error::MisplacedElement));
    assert_eq!(
        opened(&edited(&unsigned(REQUEST), ">_a1<", &format!(">{}<", "a".repeat(70_000))), true),
        Err(Error::TooLong)
    );
}

#[test]
fn a_signed_request_says_where_it_is_going_and_a_response_need_not() {
    let nowhere = edited(REQUEST, r#"Destination="https://portal.test/saml/slo""#, "");
    assert_eq!(opened(&Signer::ours().sign(&nowhere, "_l1"), true), Err(Error::WrongDestination));
    assert!(opened(&unsigned(&nowhere), true).is_ok());
    assert!(opened(&Signer::ours().sign(RESPONSE, "_l2"), false).is_ok());
    let elsewhere = edited(RESPONSE, "InResponseTo", "Destination=\"https://x.test/\" InResponseTo");
    assert_eq!(opened(&unsigned(&elsewhere), false), Err(Error::WrongDestination));
}

#[test]
fn entra_has_two_names_and_other_tenants_have_neither() {
    for (issuer, same) in [
        (ISSUER, true),
        ("https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/", true),
        ("https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555", true),
        ("https://login.microsoftonline.com/11111111-2222-3333-4444-555555555556/", false),
        ("https://login.evil.test/11111111-2222-3333-4444-555555555555/", false),
        ("https://login.microsoftonline.com/", false),
        ("https://sts.windows.net/", false),
        ("http://sts.windows.net/11111111-2222-3333-4444-555555555555/", false),
        ("", false),
    ] {
        assert_eq!(is_name_of(ISSUER, issuer), same, "{issuer}");
    }
    assert!(is_name_of("urn:other", "urn:other") && !is_name_of("urn:other", "urn:another"));
    assert!(!is_name_of("https://sts.windows.net/x/y/", "https://login.microsoftonline.com/x/y/"));
}

#[test]
fn an_xml_signature_in_an_address_is_refused() {
    let signed = Signer::ours().sign(REQUEST, "_l1");
    let redirected = |xml: &str| Redirected { xml: xml.into(), is_request: true, relay_state: None, signature: None };
    assert_eq!(Arrived::redirected(redirected(&signed)).map(|_| ()), Err(Error::StraySignature));
    assert!(Arrived::redirected(redirected(&unsigned(REQUEST))).is_ok());
}

#[test]
fn what_we_send_is_what_we_would_take() {
    let now = NOW.parse().unwrap();
    let name = NameId { value: "a<b&c".into(), format: Some("urn:f\"".into()), ..NameId::default() };
    let idp = IdentityProvider::from_parts("urn:us", "https://login.test/", None, &Signer::ours().certificate).unwrap();
    let request = request("urn:us", "https://idp.test/slo?a=1&b", &name, Some("_i<"), now);
    let arrived = Arrived::posted(&STANDARD.encode(&request.xml), true).unwrap();
    let opened = arrived.open(&idp, "https://idp.test/slo?a=1&b", now).unwrap();
    assert_eq!(opened.id, request.id);
    assert_eq!(opened.content, Content::Request { name_id: name, session_indexes: vec!["_i<".into()] });
    assert!(request.xml.contains("</saml:Issuer>"), "the place of a signature");
    let failed = |partly| (Outcome::Failed { partly }, false);
    for (outcome, success) in [(Outcome::Success, true), (Outcome::Denied, false), failed(true), failed(false)] {
        let response = response("urn:us", "https://idp.test/slo", "_r\"1", outcome, now);
        let arrived = Arrived::posted(&STANDARD.encode(&response.xml), false).unwrap();
        let Content::Response { in_response_to, status } =
            arrived.open(&idp, "https://idp.test/slo", now).unwrap().content
        else {
            panic!("{response:?}")
        };
        assert_eq!((in_response_to.as_deref(), status.is_success()), (Some("_r\"1"), success));
    }
}
