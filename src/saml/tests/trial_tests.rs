use super::*;
use crate::identity::Realm;
use crate::saml::claims::{GROUPS, IDENTITY};
use crate::saml::tests::{Message, NOW, Sign, Signer, expected, idp_at, sp};

fn claims(identity: &[&str]) -> ClaimMap {
    ClaimMap {
        realm: Realm { name: "contoso".into(), domains: vec!["contoso.com".into()], ..Realm::default() },
        taken: Vec::new(),
        identity: identity.iter().map(|&claim| claim.to_owned()).collect(),
        groups: GROUPS.into(),
        tenant: None,
    }
}

fn tried(message: &Message) -> Report {
    let (sp, idp) = (sp(), idp_at("https://login.test/saml2"));
    run(&message.field(), &expected(&sp, &idp), &claims(&IDENTITY), NOW.parse().unwrap())
}

fn failed(report: &Report) -> Vec<Check> {
    report.steps.iter().filter(|step| matches!(step.outcome, Outcome::Failed(_))).map(|step| step.check).collect()
}

fn skipped(report: &Report) -> usize {
    report.steps.iter().filter(|step| step.outcome == Outcome::NotReached).count()
}

#[test]
fn a_good_response_passes_every_check_and_shows_its_claims_and_no_signature() {
    for what in [Sign::Assertion, Sign::Response, Sign::Both] {
        let report = tried(&Message::entra().sign(what));
        assert!(report.passed, "{report:?}");
        assert_eq!((report.steps.len(), skipped(&report)), (20, 0));
        assert_eq!(report.claims[1].values, ["Staff", "Research"]);
        assert_eq!(report.claims[2].fields, [Field::Name, Field::Upn]);
        let response = report.response.unwrap();
        assert!(response.contains("<Audience>https://auth.test/vestibule</Audience>"), "{response}");
        for secret in ["SignatureValue", "DigestValue", "X509Certificate"] {
            let (_, value) = response.split_once(&format!("<{secret}>")).unwrap();
            assert!(value.starts_with("… "), "{secret}: {response}");
        }
    }
}

#[test]
fn each_failure_is_shown_where_it_is_and_the_other_checks_go_on() {
    for (from, to, checks) in [
        ("Destination=\"https://portal.test/saml/acs\"", "Destination=\"https://x.test/\"", vec![Check::Destination]),
        (" InResponseTo=\"_q1\"", " InResponseTo=\"_q2\"", vec![Check::Request]),
        ("https://auth.test/vestibule", "https://auth.test/vestibule/", vec![Check::Audience]),
        ("Recipient=\"https://portal.test/saml/acs\"", "Recipient=\"https://x.test/\"", vec![Check::Confirmation]),
        ("NotBefore=\"2026-11-21T09:55:05.023Z\"", "NotBefore=\"2026-11-21T10:05:00Z\"", vec![Check::Validity]),
        ("identity/claims/name\"", "identity/claims/nome\"", vec![Check::Identity]),
    ] {
        let report = tried(&Message::entra().edit(from, to).sign(Sign::Assertion));
        assert!(!report.passed);
        // A name that is missing has no domain.
        let nameless = usize::from(checks == [Check::Identity]);
        assert_eq!((failed(&report), skipped(&report)), (checks, nameless), "{from}");
    }
    let twice = Message::entra()
        .edit("https://auth.test/vestibule", "urn:other")
        .edit("Recipient=\"https://portal.test/saml/acs\"", "Recipient=\"https://x.test/\"");
    let report = tried(&twice.sign(Sign::Assertion));
    assert_eq!(failed(&report), [Check::Audience, Check::Confirmation]);
    let audience = report.steps.iter().find(|step| step.check == Check::Audience).unwrap();
    assert_eq!(audience.compared, Some(("https://auth.test/vestibule".into(), "urn:other".into())));
}

#[test]
fn nothing_is_read_that_was_not_signed_by_the_identity_provider() {
    for message in [Message::entra().sign_by(Signer::stranger(), Sign::Assertion), Message::entra().sign(Sign::Nothing)]
    {
        let report = tried(&message);
        assert_eq!(failed(&report), [Check::Signature]);
        assert_eq!((report.claims.len(), skipped(&report)), (0, 11));
    }
    let foreign = tried(&Message::entra().sign_by(Signer::stranger(), Sign::Assertion));
    let thumbprint = |der: &[u8]| describe(der).unwrap().thumbprint;
    assert_eq!(foreign.strangers[0].thumbprint, thumbprint(&Signer::stranger().certificate));
    assert_eq!(foreign.trusted[0].thumbprint, thumbprint(&Signer::ours().certificate));
    assert_eq!(foreign.trusted[0].thumbprint.len(), 40);
}

#[test]
fn what_is_no_response_is_shown_as_far_as_it_can_be() {
    let report = tried(&Message("<x/>".into()));
    assert_eq!((failed(&report), report.response.as_deref()), (vec![Check::Shape], Some("<x/>")));
    assert_eq!(tried(&Message("x".into())).response, None);
    let (head, tail) = Message::entra()
        .sign(Sign::Nothing)
        .0
        .split_once("<Assertion")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let refused = format!("{head}</samlp:Response>").replace(
        "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>",
        "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"/>\
         <samlp:StatusMessage>AADSTS50105: no</samlp:StatusMessage>",
    );
    assert!(!tail.is_empty());
    let report = tried(&Message(refused));
    assert_eq!(failed(&report), [Check::Status]);
    assert_eq!(report.status.unwrap().message.as_deref(), Some("AADSTS50105: no"));
}

#[test]
fn what_a_realm_asks_for_is_a_check_with_both_sides() {
    let (mut sp, idp) = (sp(), idp_at("https://login.test/"));
    sp.requests.force_authn = true;
    sp.requests.authn_context = vec!["urn:x".into()];
    let message = Message::entra().edit("09:58:01.000Z", "08:00:00Z").sign(Sign::Assertion);
    let report = run(&message.field(), &expected(&sp, &idp), &claims(&IDENTITY), NOW.parse().unwrap());
    assert_eq!((report.passed, failed(&report)), (false, vec![Check::Context, Check::Anew]));
    let compared = |check| report.steps.iter().find(|step| step.check == check).unwrap().compared.clone().unwrap();
    let password = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";
    assert_eq!(compared(Check::Context), ("urn:x".into(), password.into()));
    assert_eq!(compared(Check::Anew), ("2026-11-21T09:57:00Z".into(), "2026-11-21T08:00:00Z".into()));
}

#[test]
fn a_name_that_the_realm_does_not_speak_for_is_told_from_one_that_is_missing() {
    let message = Message::entra().edit(">B.Simon@contoso.com</AttributeValue>", ">Eve@fabrikam.com</AttributeValue>");
    let report = tried(&message.sign(Sign::Assertion));
    assert_eq!((report.passed, failed(&report)), (false, vec![Check::Domain]));
    let step = report.steps.last().unwrap();
    assert_eq!(step.compared, Some(("contoso.com".into(), "Eve@fabrikam.com".into())));
}

#[test]
fn a_weak_algorithm_is_named_and_so_is_what_is_taken_instead() {
    let sha1 = "http://www.w3.org/2000/09/xmldsig#";
    for (from, to, found) in [
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", format!("{sha1}rsa-sha1"), "rsa-sha1, sha256"),
        ("http://www.w3.org/2001/04/xmlenc#sha256", format!("{sha1}sha1"), "rsa-sha256, sha1"),
    ] {
        let report = tried(&Message::entra().sign(Sign::Assertion).edit(from, &to));
        assert_eq!(failed(&report), [Check::Shape], "{to}");
        let step = report.steps.iter().find(|step| step.check == Check::Shape).unwrap();
        assert!(step.is_algorithm);
        let (wanted, has) = step.compared.clone().unwrap();
        assert!(wanted.starts_with("rsa-sha256, ecdsa-sha256"), "{wanted}");
        assert_eq!(has, found);
    }
    let other = tried(&Message::entra().sign(Sign::Assertion).edit("<Subject>", "<Subject Id=\"_a1\">"));
    assert!(other.steps.iter().all(|step| !step.is_algorithm));
}

#[test]
fn a_claim_that_is_left_out_says_why_and_a_name_id_is_a_claim_like_another() {
    let mails = concat!(
        r#"<Attribute Name="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"><AttributeValue>a@contoso.com"#,
        r#"</AttributeValue><AttributeValue>b@contoso.com</AttributeValue></Attribute></AttributeStatement>"#,
    );
    let message = Message::entra().edit("</AttributeStatement>", mails).sign(Sign::Assertion);
    let report = tried(&message);
    assert!(report.passed, "{report:?}");
    let [.., mail, name_id] = report.claims.as_slice() else { panic!("{:?}", report.claims) };
    assert!(mail.fields.is_empty() && mail.unused.as_ref().unwrap().ends_with("has more than one value"), "{mail:?}");
    assert_eq!((name_id.name.as_str(), name_id.fields.len()), ("NameID", 0));
    assert_eq!(name_id.values, ["B.Simon@contoso.com"]);
    let (sp, idp) = (sp(), idp_at("https://login.test/saml2"));
    let by_name_id = run(&message.field(), &expected(&sp, &idp), &claims(&["NameID"]), NOW.parse().unwrap());
    assert!(by_name_id.passed);
    assert_eq!(by_name_id.claims.last().unwrap().fields, [Field::Name]);
    let identity = by_name_id.steps.iter().find(|step| step.check == Check::Identity).unwrap();
    assert!(identity.compared.as_ref().unwrap().1.ends_with(", NameID"));
}
