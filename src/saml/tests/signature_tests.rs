//! Signatures as identity providers really make them: whatever KeyInfo holds, and each way of exclusive canonicalisation.

use super::{Message, NOW, Sign, Signer, accept, expected, sp};
use crate::saml::{Error, IdentityProvider, guard, response};

const DSIG11: &str = "http://www.w3.org/2009/xmldsig11#";

/// What may stand in KeyInfo (SAML Core §5.4.5, XML Signature 1.1 §4.5), and what is of no namespace of theirs.
const KEY_INFOS: &[&str] = &[
    "<KeyInfo/>",
    "<KeyInfo Id=\"_k1\"><KeyName>the key</KeyName></KeyInfo>",
    r#"<KeyInfo><KeyValue><dsig11:ECKeyValue xmlns:dsig11="http://www.w3.org/2009/xmldsig11#"><dsig11:NamedCurve URI="urn:oid:1.2.840.10045.3.1.7"/><dsig11:PublicKey>BAAA</dsig11:PublicKey></dsig11:ECKeyValue></KeyValue></KeyInfo>"#,
    "<KeyInfo><KeyValue><DSAKeyValue><P>AA==</P><Q>AA==</Q><G>AA==</G><Y>AA==</Y><J>AA==</J></DSAKeyValue></KeyValue></KeyInfo>",
    r#"<KeyInfo><d:DEREncodedKeyValue xmlns:d="http://www.w3.org/2009/xmldsig11#">AAAA</d:DEREncodedKeyValue></KeyInfo>"#,
    r#"<KeyInfo><X509Data><X509CRL>AAAA</X509CRL><d:X509Digest xmlns:d="http://www.w3.org/2009/xmldsig11#" Algorithm="urn:x">AA==</d:X509Digest></X509Data></KeyInfo>"#,
    "<KeyInfo><PGPData><PGPKeyID>AA==</PGPKeyID></PGPData><SPKIData><SPKISexp>AA==</SPKISexp></SPKIData><MgmtData>x</MgmtData></KeyInfo>",
    r#"<KeyInfo><w:SecurityTokenReference xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><w:KeyIdentifier>x</w:KeyIdentifier></w:SecurityTokenReference></KeyInfo>"#,
    r#"<KeyInfo><own xmlns="urn:own"><deep><deeper a="1">x</deeper></deep></own></KeyInfo>"#,
    "<KeyInfo><X509Data><X509Certificate>not base64</X509Certificate></X509Data></KeyInfo>",
];

/// A message whose Signature over this element holds this KeyInfo.
fn with_key_info(xml: &str, id: &str, key_info: &str) -> String {
    Signer::ours().sign_with(xml, id, |template| {
        let (head, rest) = template.split_once("<KeyInfo>").unwrap();
        let (_, tail) = rest.split_once("</KeyInfo>").unwrap();
        format!("{head}{key_info}{tail}")
    })
}

#[test]
fn key_info_may_hold_what_it_wants() {
    let good = Message::entra().sign(Sign::Assertion).accept().unwrap();
    for key_info in KEY_INFOS {
        let bare = super::ENTRA.replace("{sign _r1}", "");
        let assertion = with_key_info(&bare, "_a1", key_info);
        assert_eq!(Message(assertion).accept().as_ref(), Ok(&good), "{key_info}");
        let response = with_key_info(&super::ENTRA.replace("{sign _a1}", ""), "_r1", key_info);
        assert_eq!(Message(response).accept().as_ref(), Ok(&good), "{key_info}");
        // That of the Assertion is part of what the Response's signature covers.
        let second = key_info.replace("_k1", "_k2");
        let both = with_key_info(&with_key_info(super::ENTRA, "_a1", key_info), "_r1", &second);
        assert_eq!(Message(both.clone()).accept().as_ref(), Ok(&good), "{key_info}");
        let altered = both.replacen("KeyName>the key", "KeyName>a key", 1);
        assert_eq!(Message(altered).accept().as_ref(), Ok(&good), "the outer one is covered by nothing");
    }
}

#[test]
fn no_verifier_sees_a_key_info_that_no_signature_covers() {
    for what in [Sign::Assertion, Sign::Response, Sign::Both] {
        let message = Message::entra().sign(what);
        let guarded = guard::admit(&message.field()).unwrap();
        let covered = usize::from(what == Sign::Both);
        assert_eq!(guarded.xml.matches("<KeyInfo>").count(), covered, "{what:?}");
        let outer = guarded.xml.split_once("<samlp:Status>").unwrap().0;
        assert!(!outer.contains("KeyInfo"), "{what:?}");
        assert!(message.0.len() > guarded.xml.len() && guarded.xml.starts_with("<samlp:Response "));
    }
    // One that the Response's signature covers cannot be changed.
    let both = with_key_info(
        &with_key_info(super::ENTRA, "_a1", "<KeyInfo><KeyName>a</KeyName></KeyInfo>"),
        "_r1",
        "<KeyInfo/>",
    );
    assert!(Message(both.clone()).accept().is_ok());
    let altered = both.replace("<KeyName>a</KeyName>", "<KeyName>b</KeyName>");
    assert_eq!(Message(altered).accept(), Err(Error::BadSignature));
    let taken_out = both.replace("<KeyInfo><KeyName>a</KeyName></KeyInfo>", "");
    assert_eq!(Message(taken_out).accept(), Err(Error::BadSignature));
}

/// What leads elsewhere stays out wherever it stands, and so does what is called as a part of XML Signature and is none.
#[test]
fn what_leads_elsewhere_from_key_info_is_refused() {
    let own = format!("xmlns:d=\"{DSIG11}\"");
    for (inside, error) in [
        ("<RetrievalMethod URI=\"#_a1\"/>".to_owned(), Error::BadSignatureShape),
        ("<RetrievalMethod URI=\"http://127.0.0.1:9/x\"/>".into(), Error::BadSignatureShape),
        ("<x:y xmlns:x=\"urn:x\"><x:RetrievalMethod/></x:y>".into(), Error::BadSignatureShape),
        ("<X509Data><RetrievalMethod URI=\"#_a1\"/></X509Data>".into(), Error::BadSignatureShape),
        (format!("<d:KeyInfoReference {own} URI=\"#_a1\"/>"), Error::BadSignatureShape),
        (format!("<d:Object {own}/>"), Error::BadSignatureShape),
        ("<Object>x</Object>".into(), Error::BadSignatureShape),
        ("<y xmlns=\"urn:x\"><Object/></y>".into(), Error::BadSignatureShape),
        ("<Manifest/>".into(), Error::BadSignatureShape),
        ("<SignedInfo/>".into(), Error::BadSignatureShape),
        ("<Reference URI=\"#_a1\"/>".into(), Error::BadSignatureShape),
        ("<Transforms/>".into(), Error::BadSignatureShape),
        ("<x:X509Data xmlns:x=\"urn:x\"/>".into(), Error::BadSignatureShape),
        ("<X509Data xmlns=\"\"/>".into(), Error::BadSignatureShape),
        ("<KeyInfo/>".into(), Error::BadSignatureShape),
        ("<Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>".into(), Error::StrayAssertion),
        ("<Response xmlns=\"urn:oasis:names:tc:SAML:2.0:protocol\"/>".into(), Error::MisplacedElement),
        ("<KeyName Id=\"_a1\"/>".into(), Error::DuplicateId),
    ] {
        for what in [Sign::Assertion, Sign::Response, Sign::Both] {
            let message = Message::entra().sign(what).edit("<KeyInfo>", &format!("<KeyInfo>{inside}"));
            assert_eq!(message.accept(), Err(error.clone()), "{what:?}: {inside}");
        }
    }
    for what in [Sign::Assertion, Sign::Response, Sign::Both] {
        let nested = Message::entra().sign(what).edit("<KeyInfo>", "<KeyInfo><Signature/>");
        assert!(matches!(nested.accept(), Err(Error::BadSignatureShape | Error::StraySignature)));
    }
    let twice = Message::entra().sign(Sign::Assertion).edit("</KeyInfo>", "</KeyInfo><KeyInfo/>");
    assert_eq!(twice.accept(), Err(Error::BadSignatureShape));
    let first = Message::entra().sign(Sign::Assertion).edit("<SignedInfo>", "<KeyInfo/><SignedInfo>");
    assert_eq!(first.accept(), Err(Error::BadSignatureShape));
}

/// An EC key writes its value as XML Signature 1.1 has it.
#[test]
fn a_signature_by_an_ec_key_with_its_value_in_key_info_is_accepted() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap().der().to_vec();
    let template = super::SIGNATURE.replace("{id}", "_a1").replace("rsa-sha256", "ecdsa-sha256");
    let (head, _) = template.split_once("<KeyInfo>").unwrap();
    let xml =
        super::ENTRA.replace("{sign _r1}", "").replace("{sign _a1}", &format!("{head}{}</Signature>", KEY_INFOS[2]));
    let mut keys = bergshamra::KeysManager::new();
    keys.add_key(bergshamra::keys::loader::load_pem_auto(key.serialize_pem().as_bytes(), None).unwrap());
    let signed = bergshamra::sign(&bergshamra::DsigContext::new_permissive(keys), &xml).unwrap();
    let idp = IdentityProvider::from_parts(super::ISSUER, "https://login.test/", None, &certificate).unwrap();
    let accepted = response::accept(&Message(signed).field(), &expected(&sp(), &idp), NOW.parse().unwrap());
    assert!(accepted.is_ok(), "{accepted:?}");
}

const PLAIN: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const COMMENTS: &str = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";

/// An element that names a way of canonicalising, with or without prefixes that are kept.
fn way(name: &str, algorithm: &str, prefixes: Option<&str>) -> String {
    match prefixes {
        None => format!("<{name} Algorithm=\"{algorithm}\"/>"),
        Some(prefixes) => format!(
            "<{name} Algorithm=\"{algorithm}\"><InclusiveNamespaces xmlns=\"{PLAIN}\" PrefixList=\"{prefixes}\"/></{name}>"
        ),
    }
}

/// A good message that is canonicalised so.
fn canonicalised(signed_info: &str, transform: &str, what: Sign) -> String {
    let used = "<AttributeValue xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"xs:string\">Staff";
    let xml = Message::entra()
        .edit(
            "<samlp:Response ",
            "<samlp:Response xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:unused=\"urn:u\" ",
        )
        .edit("<AttributeValue>Staff", used)
        .0;
    let change = |template: String| {
        let method = way("CanonicalizationMethod", PLAIN, None);
        assert!(template.contains(&method));
        template.replace(&method, signed_info).replace(&way("Transform", PLAIN, None), transform)
    };
    let sign = |xml: String, id: &str, wanted: bool| match wanted {
        true => Signer::ours().sign_with(&xml, id, change),
        false => xml.replace(&format!("{{sign {id}}}"), ""),
    };
    // The inner one first, with no place left in it for the outer one.
    let xml = match what {
        Sign::Assertion => xml.replace("{sign _r1}", ""),
        _ => xml,
    };
    let xml = sign(xml, "_a1", what != Sign::Response);
    sign(xml, "_r1", what != Sign::Assertion)
}

#[test]
fn each_way_of_exclusive_canonicalisation_is_taken_in_both_places() {
    let lists = [None, Some(""), Some("xs"), Some("xs xsi #default"), Some("samlp unused absent"), Some("#default")];
    let ways: Vec<_> =
        [PLAIN, COMMENTS].into_iter().flat_map(|algorithm| lists.map(|list| (algorithm, list))).collect();
    for (at, (algorithm, list)) in ways.iter().enumerate() {
        // Each with itself and with another one.
        for (other, other_list) in [(*algorithm, *list), ways[(at * 5 + 3) % ways.len()]] {
            let (info, transform) =
                (way("CanonicalizationMethod", algorithm, *list), way("Transform", other, other_list));
            let what = [Sign::Assertion, Sign::Response, Sign::Both][at % 3];
            let message = canonicalised(&info, &transform, what);
            let accepted = accept(&Message(message.clone()).field(), NOW.parse().unwrap());
            let accepted = accepted.unwrap_or_else(|error| panic!("{what:?} {info} {transform}: {error}"));
            assert_eq!(accepted.attributes[1].values, ["Staff", "Research"]);
            let altered = Message(message).edit(">Staff<", ">Stuff<");
            assert_eq!(altered.accept(), Err(Error::BadSignature), "{info} {transform}");
        }
    }
}

#[test]
fn a_prefix_that_signed_info_keeps_is_part_of_what_is_signed() {
    let info = way("CanonicalizationMethod", PLAIN, Some("xs"));
    let message = canonicalised(&info, &way("Transform", PLAIN, None), Sign::Assertion);
    let other =
        Message(message.clone()).edit("http://www.w3.org/2001/XMLSchema\"", "http://www.w3.org/2001/XMLSchema2\"");
    assert_eq!(other.accept(), Err(Error::BadSignature), "another meaning of a prefix that is kept");
    let unused = Message(message).edit("xmlns:unused=\"urn:u\"", "xmlns:unused=\"urn:v\"");
    assert!(unused.accept().is_ok(), "a prefix that nobody keeps");
}

#[test]
fn other_ways_of_canonicalising_are_refused_in_both_places() {
    let good = (way("CanonicalizationMethod", PLAIN, None), way("Transform", PLAIN, None));
    for algorithm in [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
        "http://www.w3.org/2006/12/xml-c14n11",
        "http://www.w3.org/2010/xml-c14n2",
        "http://www.w3.org/2001/10/xml-exc-c14n#withcomments",
        "http://www.w3.org/2001/10/xml-exc-c14n",
        "",
    ] {
        let refused = |message: Message| assert_eq!(message.accept(), Err(Error::ForbiddenTransform), "{algorithm}");
        let signed = Message::entra().sign(Sign::Assertion);
        refused(signed.clone().edit(&good.0, &way("CanonicalizationMethod", algorithm, None)));
        refused(signed.clone().edit(&good.1, &way("Transform", algorithm, None)));
        refused(signed.edit(&good.0, &way("CanonicalizationMethod", algorithm, Some("xs"))));
    }
    for inside in [
        "<InclusiveNamespaces PrefixList=\"xs\"/>",
        "<XPath>x</XPath>",
        "<x:InclusiveNamespaces xmlns:x=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>",
        "<x:InclusiveNamespaces xmlns:x=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"a:b\"/>",
        "<x:InclusiveNamespaces xmlns:x=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"a b c d e f g h i j k l m n o p q\"/>",
    ] {
        for name in ["CanonicalizationMethod", "Transform"] {
            let method = way(name, PLAIN, None);
            let changed = method.replace("/>", &format!(">{inside}</{name}>"));
            let message = Message::entra().sign(Sign::Assertion).edit(&method, &changed);
            assert_eq!(message.accept(), Err(Error::ForbiddenTransform), "{name}: {inside}");
        }
    }
}
