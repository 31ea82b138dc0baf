//! What has been tried against SAML service providers, and what it meets here.

use std::time::{Duration, Instant};

use super::{Message, NOW, Sign, accept};
use crate::saml::{Construct, Error};

/// A good message in pieces, to be put together again in another way.
struct Pieces {
    whole: String,
    head: String,
    assertion: String,
    tail: String,
    signature: String,
}

impl Pieces {
    fn of(what: Sign) -> Self {
        let whole = Message::entra().sign(what).0;
        let (head, rest) = whole.split_once("<Assertion ").unwrap();
        let (assertion, tail) = rest.split_once("</Assertion>").unwrap();
        let (_, signature) = whole.split_once("<Signature ").unwrap();
        let (signature, _) = signature.split_once("</Signature>").unwrap();
        Self {
            head: head.to_owned(),
            assertion: format!("<Assertion {assertion}</Assertion>"),
            tail: tail.to_owned(),
            signature: format!("<Signature {signature}</Signature>"),
            whole,
        }
    }

    /// The Assertion of somebody else, without a signature.
    fn evil(&self) -> String {
        self.assertion.replace(&self.signature, "").replace("B.Simon@", "A.Admin@").replace("_a1", "_a2")
    }

    /// The Assertion that was signed, without its signature.
    fn bare(&self) -> String {
        self.assertion.replace(&self.signature, "")
    }

    fn around(&self, inner: &str) -> String {
        format!("{}{inner}{}", self.head, self.tail)
    }

    /// The signature, holding something.
    fn holding(&self, inner: &str) -> String {
        self.signature.replace("</Signature>", &format!("<Object>{inner}</Object></Signature>"))
    }
}

/// Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be" (USENIX Security 2012), figure 5.
#[test]
fn no_wrapped_signature_is_accepted() {
    let response = Pieces::of(Sign::Response);
    let evil_response =
        response.whole.replace(&response.signature, "").replace("B.Simon@", "A.Admin@").replace("_r1", "_r2");
    let original = response.whole.replace(&response.signature, "");
    let into = |inner: &str| evil_response.replacen("<samlp:Status>", &format!("{inner}<samlp:Status>"), 1);
    let signed = Pieces::of(Sign::Assertion);
    let evil = signed.evil();
    let ended = |inner: &str| evil.replace("</Assertion>", &format!("{inner}</Assertion>"));
    let extensions = |inner: &str| format!("<samlp:Extensions>{inner}</samlp:Extensions>");
    for (name, message, error) in [
        ("XSW1", into(&response.holding(&original)), Error::DuplicateId),
        ("XSW1 with other IDs", into(&response.holding(&original.replace("_a1", "_a3"))), Error::StrayAssertion),
        ("XSW2", into(&format!("{original}{}", response.signature)), Error::DuplicateId),
        ("XSW2 with other IDs", into(&original.replace("_a1", "_a3")), Error::MisplacedElement),
        ("XSW3", signed.around(&format!("{evil}{}", signed.assertion)), Error::StrayAssertion),
        ("XSW3 after", signed.around(&format!("{}{evil}", signed.assertion)), Error::StrayAssertion),
        ("XSW4", signed.around(&ended(&signed.assertion)), Error::StrayAssertion),
        ("XSW5", signed.around(&format!("{}{}", ended(&signed.signature), signed.bare())), Error::StrayAssertion),
        ("XSW6", signed.around(&ended(&signed.holding(&signed.bare()))), Error::StrayAssertion),
        ("XSW7", signed.around(&format!("{}{}", extensions(&evil), signed.assertion)), Error::StrayAssertion),
        ("XSW8", signed.around(&ended(&signed.holding(&signed.bare()))), Error::StrayAssertion),
        ("in Extensions alone", signed.around(&extensions(&signed.assertion)), Error::StrayAssertion),
        (
            "in the Status",
            signed.whole.replace("</samlp:Status>", &format!("{evil}</samlp:Status>")),
            Error::StrayAssertion,
        ),
        (
            "signature of another",
            signed.around(&evil.replace("<Subject>", &format!("{}<Subject>", signed.signature))),
            Error::ForeignReference,
        ),
        (
            "same identifier",
            signed.around(&format!("{evil}{}", signed.assertion)).replace("_a2", "_a1"),
            Error::DuplicateId,
        ),
        ("no Response around it", signed.assertion.clone(), Error::NotAResponse),
        (
            "another namespace",
            signed.around(&format!("<x:Assertion xmlns:x=\"urn:x\"/>{}", signed.assertion)),
            Error::MisplacedElement,
        ),
        (
            "another namespace inside",
            signed.whole.replace("<AuthnContext>", "<AuthnContext><x:Assertion xmlns:x=\"urn:x\"/>"),
            Error::StrayAssertion,
        ),
        (
            "encrypted",
            signed.around("<EncryptedAssertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>"),
            Error::BadEncryption,
        ),
        (
            "encrypted beside",
            signed.around(&format!(
                "<EncryptedAssertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>{}",
                signed.assertion
            )),
            Error::StrayAssertion,
        ),
    ] {
        assert_eq!(Message(message).accept(), Err(error), "{name}");
    }
}

/// One edit to a message whose Assertion is signed, made afterwards.
const EDITED_AFTER_SIGNING: &[(&str, &str, Error)] = &[
    // What a Reference leads to. External ones are fetched by xmlsec before it looks at a key.
    ("URI=\"#_a1\"", "URI=\"http://127.0.0.1:9/x\"", Error::ForeignReference),
    ("URI=\"#_a1\"", "URI=\"file:///etc/passwd\"", Error::ForeignReference),
    ("URI=\"#_a1\"", "URI=\"#xpointer(id('_a1'))\"", Error::ForeignReference),
    ("URI=\"#_a1\"", "URI=\"#_r1\"", Error::ForeignReference),
    ("URI=\"#_a1\"", "URI=\"_a1\"", Error::ForeignReference),
    ("URI=\"#_a1\"", "URI=\"\"", Error::ForeignReference),
    (" URI=\"#_a1\"", "", Error::ForeignReference),
    // Transforms that compute.
    (
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"/>",
        Error::ForbiddenTransform,
    ),
    (
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"/>",
        Error::ForbiddenTransform,
    ),
    (
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<Transform Algorithm=\"http://www.w3.org/2002/06/xmldsig-filter2\"/>",
        Error::ForbiddenTransform,
    ),
    (
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#WithComments\"/>",
        Error::BadSignature,
    ),
    (
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<Transform Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>",
        Error::ForbiddenTransform,
    ),
    ("<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>", "", Error::ForbiddenTransform),
    (
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"><XPath>id('x')</XPath></Transform>",
        Error::ForbiddenTransform,
    ),
    ("<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>", "<Transform/>", Error::BadSignatureShape),
    (
        "</Transforms>",
        "<Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#base64\"/></Transforms>",
        Error::ForbiddenTransform,
    ),
    ("xmldsig#enveloped-signature", "xmldsig#base64", Error::ForbiddenTransform),
    (
        "Method Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
        "Method Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"",
        Error::ForbiddenTransform,
    ),
    (
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"><x:InclusiveNamespaces \
         xmlns:x=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></Transform>",
        Error::ForbiddenTransform,
    ),
    (
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"><x:InclusiveNamespaces PrefixList=\"a b:c\" \
         xmlns:x=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></Transform>",
        Error::ForbiddenTransform,
    ),
    (
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"><x:InclusiveNamespaces PrefixList=\"a\" \
         xmlns:x=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/><XPath>x</XPath></Transform>",
        Error::ForbiddenTransform,
    ),
    (
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"><x:InclusiveNamespaces \
         PrefixList=\"a b c d e f g h i j k l m n o p q\" \
         xmlns:x=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></Transform>",
        Error::ForbiddenTransform,
    ),
    (
        "<Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><x:InclusiveNamespaces PrefixList=\"a\" \
         xmlns:x=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></Transform>",
        Error::ForbiddenTransform,
    ),
    // Algorithms that are weak, or take a public key for a shared secret.
    (
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        Error::ForbiddenAlgorithm,
    ),
    (
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        Error::ForbiddenAlgorithm,
    ),
    (
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        Error::ForbiddenAlgorithm,
    ),
    (
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        Error::ForbiddenAlgorithm,
    ),
    ("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1", Error::ForbiddenAlgorithm),
    (
        "rsa-sha256\"/>",
        "rsa-sha256\"><HMACOutputLength>8</HMACOutputLength></SignatureMethod>",
        Error::ForbiddenAlgorithm,
    ),
    // Other parts than a Signature has: CVE-2025-29774, CVE-2025-29775, CVE-2024-45409.
    ("</SignedInfo>", "</SignedInfo><SignedInfo/>", Error::BadSignatureShape),
    ("<SignedInfo>", "<SignedInfo/><SignedInfo>", Error::BadSignatureShape),
    ("</SignedInfo>", "<Reference URI=\"#_a1\"/></SignedInfo>", Error::BadSignatureShape),
    ("</KeyInfo>", "</KeyInfo><Object/>", Error::BadSignatureShape),
    ("<KeyInfo>", "<KeyInfo><RetrievalMethod URI=\"http://127.0.0.1:9/x\"/>", Error::BadSignatureShape),
    ("<KeyInfo>", "<KeyInfo><x:KeyName xmlns:x=\"urn:x\"/>", Error::BadSignatureShape),
    ("<DigestValue>", "<DigestValue><!-- x -->", Error::Forbidden(Construct::Comment)),
    ("<DigestValue>", "<DigestValue><DigestValue/>", Error::Malformed),
    ("<SignedInfo>", "<SignedInfo>x", Error::Malformed),
    ("<SignatureValue>", "<x:SignatureValue xmlns:x=\"urn:x\"/><SignatureValue>", Error::BadSignatureShape),
    // Signatures where none belongs.
    ("<Subject>", "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/><Subject>", Error::StraySignature),
    ("<NameID ", "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/><NameID ", Error::StraySignature),
    (
        "<samlp:StatusCode ",
        "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/><samlp:StatusCode ",
        Error::StraySignature,
    ),
    ("<NameID ", "<x:Signature xmlns:x=\"urn:x\"/><NameID ", Error::StraySignature),
    ("</Signature>", "</Signature><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/>", Error::StraySignature),
    // A second Issuer, for whoever reads the other one.
    (
        "<samlp:Status>",
        "<Issuer xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\">x</Issuer><samlp:Status>",
        Error::MisplacedElement,
    ),
    ("<samlp:Status>", "<samlp:Extensions/><samlp:Extensions/><samlp:Status>", Error::MisplacedElement),
    // Identifiers in more than one sense.
    ("<Subject>", "<Subject ID=\"_a1\">", Error::DuplicateId),
    ("<Subject>", "<Subject Id=\"_a1\">", Error::DuplicateId),
    ("<Subject>", "<Subject id=\"_r1\">", Error::DuplicateId),
    ("<Subject>", "<Subject AssertionID=\"_a1\">", Error::DuplicateId),
    ("<Subject>", "<Subject xml:id=\"_a1\">", Error::BadId),
    ("<Subject>", "<Subject samlp:ID=\"_a1\">", Error::BadId),
    ("<Subject>", "<Subject ID=\"_x\" Id=\"_y\">", Error::BadId),
    ("<Subject>", "<Subject ID=\"a b\">", Error::BadId),
    ("<Subject>", "<Subject ID=\"\">", Error::BadId),
    ("<Subject>", "<Subject a=\"1\" a=\"2\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns:p=\"urn:x\" xmlns:q=\"urn:x\" p:a=\"1\" q:a=\"2\">", Error::Malformed),
    // Names cut short: CVE-2017-11427 to 11430, CVE-2025-66475.
    ("B.Simon@", "B.Simon@<!-- -->", Error::Forbidden(Construct::Comment)),
    ("B.Simon@", "B.Simon@<?x?>", Error::Forbidden(Construct::ProcessingInstruction)),
    ("B.Simon@", "B.Simon@<![CDATA[x]]>", Error::Forbidden(Construct::Cdata)),
    ("B.Simon@", "B.Simon@&x;", Error::Forbidden(Construct::Entity)),
    ("B.Simon@", "B.Simon@&#0;", Error::Malformed),
    ("B.Simon@", "B.Simon@\u{1}", Error::Malformed),
    ("B.Simon@", "B.Simon@<b/>", Error::Malformed),
    ("B.Simon@", "B.Simon@]]>", Error::Malformed),
    ("ID=\"_r1\"", "ID=\"&x;\"", Error::Forbidden(Construct::Entity)),
    // Relative and void names of namespaces: "The Fragile Lock", 2025.
    ("<Subject>", "<Subject xmlns:x=\"1\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns:x=\"../x\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns:x=\"http://x.test/[\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns:x=\"http://x.test/%\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns:x=\"http://x.test/##\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns:x=\"http://\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns:x=\"http://x:y/\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns:x=\"http://x.test/?a&amp;b\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns:x=\"http://x.test/&#x61;\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns-x=\"urn:x\">", Error::Malformed),
    ("<Subject>", "<Subject XMLns=\"urn:x\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns:x=\"\">", Error::Malformed),
    ("<Subject>", "<Subject xmlns:xml=\"urn:x\">", Error::Malformed),
    ("<Subject>", "<Subject y:x=\"1\">", Error::Malformed),
    ("<Subject>", "<Subject é=\"1\">", Error::Malformed),
    // Blanks in an attribute, of which verifiers make different things.
    ("<Subject>", "<Subject a=\"1\t\">", Error::Malformed),
    ("<Subject>", "<Subject a=\"1\n\">", Error::Malformed),
    ("<Subject>", "<Subject a=\"1\r\">", Error::Malformed),
];

#[test]
fn each_thing_that_could_be_done_to_a_signature_meets_its_own_error() {
    for (from, to, error) in EDITED_AFTER_SIGNING {
        let message = Message::entra().sign(Sign::Assertion).edit(from, to);
        assert_eq!(message.accept(), Err(error.clone()), "{from} → {to}");
    }
}

#[test]
fn each_part_of_a_signature_must_have_its_own_name() {
    let parts = ["SignedInfo", "SignatureValue", "KeyInfo", "CanonicalizationMethod", "SignatureMethod"];
    for name in parts.into_iter().chain(["Reference", "Transforms", "Transform", "DigestMethod", "DigestValue"]) {
        let mut message = Message::entra().sign(Sign::Assertion).0;
        for (start, end) in [("<", ">"), ("</", ">"), ("<", " ")] {
            message = message.replace(&format!("{start}{name}{end}"), &format!("{start}X{name}{end}"));
        }
        assert_eq!(Message(message).accept(), Err(Error::BadSignatureShape), "{name}");
    }
}

#[test]
fn a_digest_is_text() {
    let message = Message::entra().sign(Sign::Assertion).0;
    for name in ["DigestValue", "SignatureValue"] {
        let (head, rest) = message.split_once(&format!("<{name}>")).unwrap();
        let (_, tail) = rest.split_once(&format!("</{name}>")).unwrap();
        let message = Message(format!("{head}<{name}><b/></{name}>{tail}"));
        assert_eq!(message.accept(), Err(Error::BadSignatureShape), "{name}");
    }
}

#[test]
fn a_doctype_is_refused_wherever_it_points_to() {
    let good = Message::entra().sign(Sign::Assertion).0;
    for doctype in [
        "<!DOCTYPE Response>",
        "<!DOCTYPE r SYSTEM \"http://127.0.0.1:9/x.dtd\">",
        "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>",
        "<!DOCTYPE r [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>",
        "<!DOCTYPE r [<!ATTLIST Subject Id ID #IMPLIED>]>",
    ] {
        let message = Message(format!("{doctype}{good}"));
        assert_eq!(message.accept(), Err(Error::Forbidden(Construct::Doctype)), "{doctype}");
    }
    for declaration in ["<?xml version=\"1.1\"?>", "<?xml version=\"1.0\" encoding=\"UTF-16\"?>"] {
        assert_eq!(Message(format!("{declaration}{good}")).accept(), Err(Error::Malformed), "{declaration}");
    }
    let stylesheet = Message(format!("<?xml-stylesheet href=\"x\"?>{good}"));
    assert_eq!(stylesheet.accept(), Err(Error::Forbidden(Construct::ProcessingInstruction)));
}

/// An element that the identity provider once signed, such as its public metadata, vouches for nothing else.
#[test]
fn a_golden_signed_element_beside_the_assertion_does_not_help() {
    let signed = Pieces::of(Sign::Assertion);
    let golden = format!("<x:EntityDescriptor xmlns:x=\"urn:x\" ID=\"_a1\">{}</x:EntityDescriptor>", signed.signature);
    let message = signed.around(&format!("<samlp:Extensions>{golden}</samlp:Extensions>{}", signed.evil()));
    assert_eq!(Message(message).accept(), Err(Error::StraySignature));
}

#[test]
fn whatever_is_large_is_refused_in_a_short_time() {
    let good = Message::entra().sign(Sign::Assertion).0;
    let at = |place: &str, what: String| good.replacen(place, &format!("{what}{place}"), 1);
    let signature = Pieces::of(Sign::Assertion).signature;
    let attributes = |count: usize| -> String { (0..count).map(|n| format!(" a{n}=\"\"")).collect() };
    let namespaces = |count: usize| -> String { (0..count).map(|n| format!(" xmlns:a{n}=\"urn:x\"")).collect() };
    let doctype = Error::Forbidden(Construct::Doctype);
    for (name, message, error) in [
        (
            "1000 signatures",
            at("<Subject>", "<Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/>".repeat(1000)),
            Error::StraySignature,
        ),
        ("20 whole signatures", at("<Subject>", signature.replace("_a1", "_a9").repeat(20)), Error::StraySignature),
        ("33 deep", at("<Subject>", format!("{}{}", "<d>".repeat(31), "</d>".repeat(31))), Error::TooComplex),
        ("1,000 deep", at("<Subject>", format!("{}{}", "<d>".repeat(1000), "</d>".repeat(1000))), Error::TooComplex),
        ("1,000 open", at("<Subject>", "<d>".repeat(1000)), Error::TooComplex),
        ("2,000 elements", at("<Subject>", "<d/>".repeat(2000)), Error::TooComplex),
        ("20,000 elements", at("<Subject>", "<d/>".repeat(20_000)), Error::TooComplex),
        ("17 attributes", good.replacen("<Subject>", &format!("<Subject{}>", attributes(17)), 1), Error::TooComplex),
        ("17 identifiers", at("<Subject>", (0..17).map(|n| format!("<d ID=\"_{n}\"/>")).collect()), Error::TooComplex),
        (
            "8,000 attributes",
            good.replacen("<Subject>", &format!("<Subject{}>", attributes(8000)), 1),
            Error::TooComplex,
        ),
        (
            "2,250 attributes, 15 an element",
            at("<Subject>", format!("<d{}/>", attributes(15)).repeat(150)),
            Error::TooComplex,
        ),
        ("17 namespaces", good.replacen("<Subject>", &format!("<Subject{}>", namespaces(17)), 1), Error::Malformed),
        (
            "33 namespaces in each other",
            good.replacen("<Subject>", &format!("<Subject{0}><d{0}><d{0}/></d>", namespaces(15)), 1),
            Error::TooComplex,
        ),
        (
            "3,000 namespaces",
            good.replacen("<Subject>", &format!("<Subject{}>", namespaces(3000)), 1),
            Error::TooComplex,
        ),
        ("2,000 references", at("</NameID>", "&amp;".repeat(2000)), Error::BadSignature),
        ("2,100 references", at("</NameID>", "&amp;".repeat(2100)), Error::TooComplex),
        ("90,000 open brackets", "<".repeat(90_000), Error::TooComplex),
        ("2,000 open brackets", at("</NameID>", "<".repeat(2000)), Error::Malformed),
        ("a long name", at("<Subject>", format!("<{}/>", "a".repeat(80_000))), Error::BadSignature),
        ("a DOCTYPE behind all", format!("{}<!DOCTYPE r>", at("</NameID>", "a".repeat(80_000))), doctype),
        ("too long", at("</NameID>", "a".repeat(100_000)), Error::TooLong),
    ] {
        let started = Instant::now();
        assert_eq!(Message(message).accept(), Err(error), "{name}");
        let taken = started.elapsed();
        assert!(taken < Duration::from_secs(2), "{name}: {taken:?}");
    }
}

#[test]
fn no_single_byte_of_what_was_signed_can_be_changed() {
    let good = Message::entra().sign(Sign::Assertion).0;
    let accepted = Message(good.clone()).accept().unwrap();
    let start = good.find("<Assertion ").unwrap();
    // Each 7th byte, to be quick.
    for place in (start..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[place] ^= 1;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        if let Ok(other) = accept(&Message(text).field(), NOW.parse().unwrap()) {
            // Only the certificate in KeyInfo, which nobody reads, is not signed.
            let key_info = good.find("<KeyInfo>").unwrap()..good.find("</KeyInfo>").unwrap();
            assert!(key_info.contains(&place), "{place}");
            assert_eq!(other, accepted);
        }
    }
}
