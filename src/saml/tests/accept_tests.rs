//! What is accepted, and a message for each error that differs from a good one in that one thing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ACS, Message, NOW, Sign, Signer, accept, expected, idp_at, sp};
use crate::clock::SignedDuration;
use crate::saml::guard::{self, Status};
use crate::saml::{Construct, Error, Expected, IdentityProvider, response, verify};

#[test]
fn a_signed_assertion_a_signed_response_and_both_are_accepted() {
    for what in [Sign::Assertion, Sign::Response, Sign::Both] {
        let accepted = Message::entra().sign(what).accept().unwrap_or_else(|error| panic!("{what:?}: {error}"));
        assert_eq!(accepted.assertion_id, "_a1");
        assert_eq!(accepted.name_id.as_ref().unwrap().value, "B.Simon@contoso.com");
        assert_eq!(accepted.session_index.as_deref(), Some("_a1"));
        assert_eq!(accepted.authenticated, "2026-11-21T09:58:01Z".parse().unwrap());
        assert_eq!(accepted.reusable_until, "2026-11-21T11:01:05.023Z".parse().unwrap());
        assert_eq!(accepted.session_ends, None);
        let groups = &accepted.attributes[1];
        assert_eq!((groups.values[0].as_str(), groups.values.len()), ("Staff", 2));
    }
}

#[test]
fn line_breaks_in_base64_and_an_xml_declaration_are_no_fault() {
    let message = Message::entra().sign(Sign::Assertion);
    let declared = Message(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", message.0));
    assert!(declared.accept().is_ok());
    let lines: Vec<String> = message.field().as_bytes().chunks(76).map(|l| String::from_utf8_lossy(l).into()).collect();
    assert!(accept(&lines.join("\r\n"), NOW.parse().unwrap()).is_ok());
}

/// Okta signs with a list of prefixes that are kept, for the types of values.
#[test]
fn prefixes_that_are_kept_are_kept_by_both_verifiers() {
    let okta = Message::entra().edit("<Assertion ", "<Assertion xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" ").edit(
        "<AttributeValue>Staff",
        "<AttributeValue xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xs:string\">Staff",
    );
    let list = |prefixes: &str| {
        format!(
            "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"><ec:InclusiveNamespaces \
             xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"{prefixes}\"/></Transform></Transforms>"
        )
    };
    let bare = "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></Transforms>";
    for prefixes in ["xs", "xs #default samlp", ""] {
        let message =
            Message(Signer::ours().sign_with(&okta.0.replace("{sign _r1}", ""), "_a1", |template| {
                template.replace(bare, &list(prefixes))
            }));
        assert_eq!(message.accept().unwrap().attributes[1].values, ["Staff", "Research"], "{prefixes}");
        assert_eq!(message.edit("XMLSchema\" ", "XMLSchema2\" ").accept().is_ok(), prefixes.is_empty());
    }
}

#[test]
fn while_a_key_is_changed_either_certificate_counts() {
    let both = [pem(&Signer::stranger().certificate), pem(&Signer::ours().certificate)].concat();
    let idp = IdentityProvider::from_parts(super::ISSUER, "https://login.test/", None, both.as_bytes()).unwrap();
    for signer in [Signer::ours(), Signer::stranger()] {
        let field = Message::entra().sign_by(signer, Sign::Both).field();
        assert!(response::accept(&field, &expected(&sp(), &idp), NOW.parse().unwrap()).is_ok());
    }
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

#[test]
fn an_assertion_counts_until_its_end_and_a_minute_of_clock_skew_either_way() {
    let message = Message::entra().sign(Sign::Assertion);
    for (now, result) in [
        ("2026-11-21T09:59:04Z", Err(Error::IssuedInFuture)),
        ("2026-11-21T09:59:06Z", Ok(())),
        ("2026-11-21T10:56:59Z", Ok(())),
        ("2026-11-21T10:57:01Z", Err(Error::RequestTooOld)),
    ] {
        assert_eq!(message.accept_at(now).map(|_| ()), result, "{now}");
    }
}

#[test]
fn one_of_several_audiences_and_confirmations_is_enough() {
    let message = Message::entra()
        .edit("<Audience>", "<Audience>https://other.test/</Audience><Audience>")
        .edit(
            "<SubjectConfirmation ",
            concat!(
                r#"<SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><SubjectConfirmationData "#,
                r#"InResponseTo="_q1" NotOnOrAfter="2026-11-21T11:00:05Z" Recipient="https://other.test/"/>"#,
                "</SubjectConfirmation><SubjectConfirmation ",
            ),
        )
        .edit("</Conditions>", "<OneTimeUse/><ProxyRestriction Count=\"0\"/></Conditions>");
    assert!(message.sign(Sign::Assertion).accept().is_ok());
}

/// One edit to a good message, made before it is signed, and the error that it makes.
const EDITED_BEFORE_SIGNING: &[(&str, &str, Error)] = &[
    (r#" ID="_r1""#, "", Error::BadId),
    (r#" ID="_r1""#, r#" ID="1r""#, Error::BadId),
    (r#" Version="2.0""#, r#" Version="1.1""#, Error::WrongVersion),
    (r#"Z" Version="2.0" xmlns="#, r#"Z" Version="2.1" xmlns="#, Error::WrongVersion),
    (
        r#"Destination="https://portal.test/saml/acs""#,
        r#"Destination="https://portal.test/alias""#,
        Error::WrongDestination,
    ),
    (r#" InResponseTo="_q1""#, r#" InResponseTo="_q2""#, Error::WrongRequest),
    (r#" InResponseTo="_q1""#, "", Error::WrongRequest),
    (r#"Data InResponseTo="_q1""#, r#"Data InResponseTo="_q2""#, Error::WrongRequest),
    (r#"Data InResponseTo="_q1""#, "Data", Error::WrongRequest),
    ("555555555555/</Issuer>{sign _r1}", "555555555556/</Issuer>{sign _r1}", Error::WrongIssuer),
    ("555555555555/</Issuer>{sign _a1}", "555555555556/</Issuer>{sign _a1}", Error::WrongIssuer),
    ("IssueInstant=\"2026-11-21T10:00:05.1234567Z\"", "IssueInstant=\"2026-11-21T10:02:05Z\"", Error::IssuedInFuture),
    ("IssueInstant=\"2026-11-21T10:00:05.121Z\"", "IssueInstant=\"2026-11-21T10:02:05Z\"", Error::IssuedInFuture),
    // The request was made at 09:57:00.
    (
        "IssueInstant=\"2026-11-21T10:00:05.1234567Z\"",
        "IssueInstant=\"2026-11-21T09:55:59Z\"",
        Error::IssuedBeforeRequest,
    ),
    ("IssueInstant=\"2026-11-21T10:00:05.121Z\"", "IssueInstant=\"2026-11-21T09:55:59Z\"", Error::IssuedBeforeRequest),
    ("IssueInstant=\"2026-11-21T10:00:05.121Z\"", "IssueInstant=\"9999-12-31T23:59:59Z\"", Error::IssuedInFuture),
    ("IssueInstant=\"2026-11-21T10:00:05.121Z\"", "IssueInstant=\"2026-11-21T10:00:05\"", Error::BadTime),
    ("IssueInstant=\"2026-11-21T10:00:05.121Z\"", "IssueInstant=\"yesterday\"", Error::BadTime),
    ("IssueInstant=\"2026-11-21T10:00:05.121Z\"", "IssueInstant=\"2026-11-21T10:00:05+00:00\"", Error::BadTime),
    ("AuthnInstant=\"2026-11-21T09:58:01.000Z\"", "AuthnInstant=\"2026-11-21T10:02:05Z\"", Error::IssuedInFuture),
    ("AuthnInstant=\"2026-11-21T09:58:01.000Z\"", "", Error::BadTime),
    ("NotBefore=\"2026-11-21T09:55:05.023Z\"", "NotBefore=\"2026-11-21T10:01:31Z\"", Error::NotYetValid),
    (
        "023Z\" NotOnOrAfter=\"2026-11-21T11:00:05.023Z\"",
        "023Z\" NotOnOrAfter=\"2026-11-21T09:59:30Z\"",
        Error::Expired,
    ),
    ("_q1\" NotOnOrAfter=\"2026-11-21T11:00:05.023Z\"", "_q1\" NotOnOrAfter=\"2026-11-21T09:59:30Z\"", Error::Expired),
    ("_q1\" NotOnOrAfter=\"2026-11-21T11:00:05.023Z\"", "_q1\"", Error::NoConfirmation),
    ("_q1\" NotOnOrAfter", "_q1\" NotBefore=\"2026-11-21T09:00:00Z\" NotOnOrAfter", Error::NoConfirmation),
    ("Recipient=\"https://portal.test/saml/acs\"", "Recipient=\"https://portal.test/alias\"", Error::WrongRecipient),
    ("Recipient=\"https://portal.test/saml/acs\"", "", Error::WrongRecipient),
    ("cm:bearer", "cm:sender-vouches", Error::NoConfirmation),
    ("<SubjectConfirmation ", "<EncryptedID/><SubjectConfirmation ", Error::EncryptedPart),
    ("<AttributeStatement>", "<AttributeStatement><EncryptedAttribute/>", Error::EncryptedPart),
    ("<Conditions ", "<Condition ", Error::NoConditions),
    (
        "<AudienceRestriction><Audience>https://auth.test/vestibule</Audience></AudienceRestriction>",
        "",
        Error::NoAudience,
    ),
    ("https://auth.test/vestibule", "https://auth.test/vestibule/", Error::WrongAudience),
    (
        "</AudienceRestriction>",
        "</AudienceRestriction><AudienceRestriction><Audience>https://other.test/</Audience></AudienceRestriction>",
        Error::WrongAudience,
    ),
    ("</AudienceRestriction>", "</AudienceRestriction><AudienceRestriction/>", Error::WrongAudience),
    ("</Conditions>", "<Condition/></Conditions>", Error::UnknownCondition),
    ("</Conditions>", "<x:Weather xmlns:x=\"urn:x\"/></Conditions>", Error::UnknownCondition),
    ("<AuthnStatement ", "<AuthnStatements ", Error::NoAuthnStatement),
    ("SessionIndex", "SessionNotOnOrAfter=\"2026-11-21T09:59:30Z\" SessionIndex", Error::SessionEnded),
    ("</Assertion>", "</Assertion><samlp:Weather/>", Error::MisplacedElement),
    ("</Assertion>", "</Assertion><samlp:Extensions><samlp:Response/></samlp:Extensions>", Error::MisplacedElement),
];

#[test]
fn each_thing_that_is_wrong_with_a_signed_assertion_has_its_own_error() {
    for (from, to, error) in EDITED_BEFORE_SIGNING {
        let mut message = Message::entra().edit(from, to);
        // Elements that were renamed at their start end under the same name.
        for (start, end) in [("<Condition ", "</Conditions>"), ("<AuthnStatements ", "</AuthnStatement>")] {
            if *to == start {
                message = message.edit(end, &start.replace('<', "</").replace(' ', ">"));
            }
        }
        assert_eq!(message.sign(Sign::Assertion).accept(), Err(error.clone()), "{from} → {to}");
    }
}

/// SAML Core §2.5.1.2: both times are optional. What bounds the use then is the confirmation, and what is remembered.
#[test]
fn conditions_without_times_are_bounded_by_the_confirmation_and_its_end_is_remembered() {
    let (before, end) = ("NotBefore=\"2026-11-21T09:55:05.023Z\" ", "NotOnOrAfter=\"2026-11-21T11:00:05.023Z\">");
    let open = |what: &[&str]| {
        what.iter().fold(Message::entra(), |message, part| match part.strip_suffix('>') {
            Some(_) => message.edit(part, ">"),
            None => message.edit(part, ""),
        })
    };
    for what in [&[before][..], &[end], &[before, end]] {
        for sign in [Sign::Assertion, Sign::Response, Sign::Both] {
            let accepted = open(what).sign(sign).accept().unwrap_or_else(|error| panic!("{what:?}: {error}"));
            assert_eq!(accepted.reusable_until, "2026-11-21T11:01:05.023Z".parse().unwrap());
        }
    }
    let early = open(&[before, end]).edit("_q1\" NotOnOrAfter=\"2026-11-21T11", "_q1\" NotOnOrAfter=\"2026-11-21T09");
    assert_eq!(early.sign(Sign::Assertion).accept(), Err(Error::Expired), "the confirmation ends all the same");
    // The confirmation that ends last is remembered, whichever holds now.
    let second = concat!(
        r#"<SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><SubjectConfirmationData "#,
        r#"InResponseTo="_q1" NotOnOrAfter="2026-11-21T12:00:00Z" Recipient="https://portal.test/saml/acs"/>"#,
        "</SubjectConfirmation></Subject>",
    );
    let two = open(&[before, end]).edit("</Subject>", second).sign(Sign::Assertion).accept().unwrap();
    assert_eq!(two.reusable_until, "2026-11-21T12:01:00Z".parse().unwrap());
    // Empty ones say for whom all the same.
    let nobody = open(&[before, end]).edit("https://auth.test/vestibule", "urn:other").sign(Sign::Assertion);
    assert_eq!(nobody.accept(), Err(Error::WrongAudience));
    let never = Message::entra().edit("SessionIndex", "SessionNotOnOrAfter=\"9999-12-31T23:59:59Z\" SessionIndex");
    assert!(never.sign(Sign::Assertion).accept().is_ok(), "a session without an end");
}

/// What is issued a minute before the request may be a difference of clocks.
#[test]
fn an_answer_is_issued_after_its_request_less_the_skew_and_one_that_nobody_asked_for_at_any_time() {
    let at = |time: &str| {
        let message = Message::entra().edit("10:00:05.1234567Z", time).edit("10:00:05.121Z", time);
        message.sign(Sign::Assertion)
    };
    assert!(at("09:56:00Z").accept().is_ok());
    assert_eq!(at("09:55:59.999Z").accept(), Err(Error::IssuedBeforeRequest));
    let unasked = Message::entra()
        .edit(" InResponseTo=\"_q1\"", "")
        .edit(" InResponseTo=\"_q1\"", "")
        .edit("10:00:05.1234567Z", "09:58:00Z")
        .edit("10:00:05.121Z", "09:58:00Z")
        .sign(Sign::Assertion);
    let (sp, idp, now) = (sp(), idp_at("https://login.test/"), NOW.parse().unwrap());
    let nobody_asked = Expected { request_id: None, requested: now, ..expected(&sp, &idp) };
    assert!(response::accept(&unasked.field(), &nobody_asked, now).is_ok());
}

#[test]
fn a_signed_response_must_say_where_it_is_going_and_an_unsigned_one_need_not() {
    let without = || Message::entra().edit(r#"Destination="https://portal.test/saml/acs" "#, "");
    assert_eq!(without().sign(Sign::Response).accept(), Err(Error::WrongDestination));
    assert_eq!(without().sign(Sign::Both).accept(), Err(Error::WrongDestination));
    assert!(without().sign(Sign::Assertion).accept().is_ok());
}

#[test]
fn nothing_signed_or_signed_by_a_stranger_or_changed_afterwards_is_refused() {
    assert_eq!(Message::entra().sign(Sign::Nothing).accept(), Err(Error::NotSigned));
    for what in [Sign::Assertion, Sign::Response, Sign::Both] {
        assert_eq!(Message::entra().sign_by(Signer::stranger(), what).accept(), Err(Error::BadSignature), "{what:?}");
        for (from, to) in
            [("B.Simon@", "A.Simon@"), (">Staff<", ">Staff2<"), ("<SignatureValue>", "<SignatureValue>AAAA")]
        {
            let changed = Message::entra().sign(what).edit(from, to);
            assert_eq!(changed.accept(), Err(Error::BadSignature), "{what:?}: {from} → {to}");
        }
    }
}

#[test]
fn one_good_signature_does_not_make_up_for_a_bad_one() {
    let half = Message::entra().sign_by(Signer::stranger(), Sign::Both);
    assert_eq!(half.accept(), Err(Error::BadSignature));
    let mixed = Message(Signer::ours().sign(&Signer::stranger().sign(super::ENTRA, "_a1"), "_r1"));
    assert_eq!(mixed.accept(), Err(Error::BadSignature));
}

#[test]
fn two_readers_that_see_different_things_are_a_disagreement() {
    let field = Message::entra().sign(Sign::Assertion).field();
    let mut message = guard::admit(&field).unwrap();
    let other = guard::admit(&Message::entra().edit("B.Simon", "A.Simon").sign(Sign::Assertion).field()).unwrap();
    message.response = other.response;
    let idp = idp_at("https://login.test/");
    assert_eq!(verify::verify(&message, &idp, &sp()).map(|_| ()), Err(Error::Disagreement));
}

#[test]
fn a_signature_over_anything_but_what_the_guard_saw_is_refused() {
    let idp = idp_at("https://login.test/");
    for signed in [vec!["_a1"], vec!["_r1", "_x1"], vec!["_a1", "_r1"], vec!["_r1", "_a1", "_r1"]] {
        let mut message = guard::admit(&Message::entra().sign(Sign::Both).field()).unwrap();
        let [response, assertion] = message.signed.as_slice() else { panic!("{:?}", message.signed) };
        assert_eq!((response.id.as_str(), assertion.id.as_str()), ("_r1", "_a1"));
        message.signed = signed.iter().map(|&id| guard::Signed { id: id.to_owned(), ..response.clone() }).collect();
        assert_eq!(verify::verify(&message, &idp, &sp()).map(|_| ()), Err(Error::BadSignature), "{signed:?}");
    }
}

#[test]
fn values_that_are_not_text_are_no_values() {
    let nil = "<AttributeValue xsi:nil=\"true\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"/>";
    let message = Message::entra()
        .edit("<AttributeValue>Staff</AttributeValue>", nil)
        .edit("Research</AttributeValue>", "Research</AttributeValue><AttributeValue><b>x</b></AttributeValue>");
    assert_eq!(message.sign(Sign::Assertion).accept().unwrap().attributes[1].values, ["Research"]);
}

#[test]
fn an_error_response_is_recognised_unsigned_if_it_answers_this_request() {
    let failed = |inner: &str| {
        let message = Message::entra().sign(Sign::Nothing);
        let (head, tail) = message.0.split_once("<samlp:StatusCode").unwrap();
        let (_, tail) = tail.split_once("</samlp:Status>").unwrap();
        let (tail, _) = tail.split_once("<Assertion").unwrap();
        Message(format!("{head}{inner}</samlp:Status>{tail}</samlp:Response>"))
    };
    let message = failed(concat!(
        r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder">"#,
        r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/></samlp:StatusCode>"#,
        "<samlp:StatusMessage>AADSTS50105: &lt;b&gt; is not assigned</samlp:StatusMessage>",
    ));
    let Err(Error::Status(status)) = message.accept() else { panic!("not a Status") };
    assert_eq!(status.code, "urn:oasis:names:tc:SAML:2.0:status:Responder");
    assert_eq!(status.short(), "AuthnFailed");
    assert_eq!(status.message.as_deref(), Some("AADSTS50105: <b> is not assigned"));
    let other = message.clone().edit(r#"InResponseTo="_q1""#, r#"InResponseTo="_q2""#);
    assert_eq!(other.accept(), Err(Error::WrongRequest));
    let long = failed(&format!(
        "<samlp:StatusCode Value=\"urn:x\"/><samlp:StatusMessage>{}</samlp:StatusMessage>",
        "ü".repeat(9000)
    ));
    let Err(Error::Status(Status { message: Some(message), .. })) = long.accept() else { panic!("not a Status") };
    assert_eq!(message.chars().count(), 500);
    // A status that is not Success wins over any assertion beside it.
    let both = Message::entra().edit("status:Success", "status:Requester").sign(Sign::Both);
    assert!(matches!(both.accept(), Err(Error::Status(_))));
    let none = failed(r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>"#);
    assert_eq!(none.accept(), Err(Error::NoAssertion));
    assert_eq!(failed("").accept(), Err(Error::MisplacedElement));
}

#[test]
fn an_answer_that_comes_to_the_wrong_address_or_too_late_is_refused() {
    let field = Message::entra().sign(Sign::Assertion).field();
    let (sp, idp, now) = (sp(), idp_at("https://login.test/"), NOW.parse().unwrap());
    let good = expected(&sp, &idp);
    let elsewhere = Expected { endpoint: "https://portal.test/logon", ..good };
    assert_eq!(response::accept(&field, &elsewhere, now), Err(Error::WrongEndpoint));
    let alias = Expected { endpoint: "https://portal.test/alias", ..good };
    assert_eq!(response::accept(&field, &alias, now), Err(Error::WrongDestination));
    let impatient = Expected { max_age: SignedDuration::from_secs(60), ..good };
    assert_eq!(response::accept(&field, &impatient, now), Err(Error::RequestTooOld));
    let aliased = Message(super::ENTRA.replace(ACS, "https://portal.test/alias")).sign(Sign::Both).field();
    assert!(response::accept(&aliased, &alias, now).is_ok());
}

#[test]
fn what_is_not_base64_of_utf8_xml_is_refused_as_what_it_is() {
    let now = NOW.parse().unwrap();
    let encode = |bytes: &[u8]| STANDARD.encode(bytes);
    let good = Message::entra().sign(Sign::Assertion);
    for (field, error) in [
        ("not base64!".to_owned(), Error::NotBase64),
        ("PHg+ PC94Pg==".to_owned(), Error::NotBase64),
        ("A".repeat(guard::MAX_LEN * 2), Error::TooLong),
        ("\n".repeat(guard::MAX_LEN * 2), Error::TooLong),
        (encode(&vec![b' '; guard::MAX_LEN + 1]), Error::TooLong),
        (encode(b"<x>\xff</x>"), Error::NotUtf8),
        (encode(b""), Error::Malformed),
        (encode(b"hello"), Error::Malformed),
        (encode(b"<x/>"), Error::NotAResponse),
        (encode(&good.0.as_bytes()[..good.0.len() - 1]), Error::Malformed),
        (encode(&good.0.as_bytes()[..good.0.len() / 2]), Error::Malformed),
        (encode(format!("{}x", good.0).as_bytes()), Error::Malformed),
        (encode(format!("{}<x/>", good.0).as_bytes()), Error::Malformed),
        (encode(format!("{0}{0}", good.0).as_bytes()), Error::Malformed),
        (encode(format!("{}<!-- -->", good.0).as_bytes()), Error::Forbidden(Construct::Comment)),
    ] {
        assert_eq!(accept(&field, now), Err(error), "{field:.60}");
    }
}

const PASSWORD: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password";
const CERTIFICATE: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509";

/// A second AuthnStatement, before the first.
fn proven_besides(class: &str, instant: &str) -> Message {
    let besides = format!(
        "<AuthnStatement AuthnInstant=\"{instant}\"><AuthnContext><AuthnContextClassRef>{class}</AuthnContextClassRef>\
         </AuthnContext></AuthnStatement><AuthnStatement "
    );
    Message::entra().edit("<AuthnStatement ", &besides)
}

/// What a realm that asks for these ways, and for a new proof or not, makes of a message.
fn held(message: &Message, ways: &[&str], force_authn: bool) -> Result<response::Accepted, Error> {
    let mut sp = sp();
    sp.requests.authn_context = ways.iter().map(|&way| way.to_owned()).collect();
    sp.requests.force_authn = force_authn;
    response::accept(&message.field(), &expected(&sp, &idp_at("https://login.test/")), NOW.parse().unwrap())
}

// SAML Core §3.3.2.2.1: the answer's class must be exactly one of those that were asked for.
#[test]
fn a_way_of_signing_in_that_was_asked_for_is_found_in_the_answer() {
    let edited = |from: &str, to: &str| Message::entra().edit(from, to).sign(Sign::Assertion);
    let good = Message::entra().sign(Sign::Assertion);
    for ways in [&[][..], &[PASSWORD], &[CERTIFICATE, PASSWORD]] {
        assert!(held(&good, ways, false).is_ok(), "{ways:?}");
    }
    for ways in [&[CERTIFICATE][..], &["urn:oasis:names:tc:SAML:2.0:ac:classes:password"], &["classes:Password"]] {
        assert_eq!(held(&good, ways, false), Err(Error::OtherContext), "{ways:?}");
    }
    for (from, to) in [
        (PASSWORD, "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"),
        ("<AuthnContextClassRef>", "<AuthnContextClassRef>urn:x</AuthnContextClassRef><AuthnContextClassRef>"),
        ("<AuthnContext>", "<AuthnContext><Other/></AuthnContext><AuthnContext>"),
    ] {
        assert_eq!(held(&edited(from, to), &[PASSWORD], false), Err(Error::OtherContext), "{to}");
        assert!(held(&edited(from, to), &[], false).is_ok(), "where none is wanted, none is looked at");
    }
    assert!(held(&edited(PASSWORD, &format!("\n  {PASSWORD}\n")), &[PASSWORD], false).is_ok(), "as it is printed");
}

// SAML Core §3.4.1: with ForceAuthn, previous proofs do not count. It was asked for at 09:57:00.
#[test]
fn a_new_proof_that_was_asked_for_is_one_after_the_request() {
    let at = |instant: &str| Message::entra().edit("09:58:01.000Z", instant).sign(Sign::Assertion);
    for (instant, good) in [("09:57:00Z", true), ("09:56:00Z", true), ("09:55:59.999Z", false), ("00:00:00Z", false)] {
        let refused = if good { Ok(()) } else { Err(Error::NotAnew) };
        assert_eq!(held(&at(instant), &[], true).map(|_| ()), refused, "{instant}");
        assert!(held(&at(instant), &[], false).is_ok(), "{instant}");
        let (sp, idp) = (sp(), idp_at("https://login.test/"));
        let of_one = Expected { anew: true, ..expected(&sp, &idp) };
        let found = response::accept(&at(instant).field(), &of_one, NOW.parse().unwrap());
        assert_eq!(found.map(|_| ()), refused, "{instant}: of this person");
    }
    let mut sp = sp();
    sp.requests.force_authn = true;
    let idp = idp_at("https://login.test/");
    let unasked = Message::entra().edit(" InResponseTo=\"_q1\"", "").edit(" InResponseTo=\"_q1\"", "");
    let nobody_asked = Expected { request_id: None, requested: NOW.parse().unwrap(), ..expected(&sp, &idp) };
    let found = response::accept(&unasked.sign(Sign::Assertion).field(), &nobody_asked, NOW.parse().unwrap());
    assert_eq!(found, Err(Error::NotAnew), "nobody proves anew who was not asked");
}

#[test]
fn a_new_proof_of_another_kind_does_not_stand_for_an_old_one_of_the_wanted_kind() {
    let message = |class, instant| proven_besides(class, instant).sign(Sign::Assertion);
    // The wanted way long ago, and another one just now.
    let mixed = message(CERTIFICATE, "2026-11-21T08:00:00Z");
    assert_eq!(held(&mixed, &[CERTIFICATE], true), Err(Error::NotAnew));
    let accepted = held(&mixed, &[CERTIFICATE], false).unwrap();
    assert_eq!(accepted.authenticated, "2026-11-21T08:00:00Z".parse().unwrap(), "so old is what counts");
    assert_eq!(held(&mixed, &[], false).unwrap().authenticated, "2026-11-21T09:58:01Z".parse().unwrap());
    assert!(held(&message(CERTIFICATE, "2026-11-21T09:59:00Z"), &[CERTIFICATE], true).is_ok());
}
