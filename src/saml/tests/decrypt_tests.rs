use openssl::encrypt::Encrypter;
use openssl::pkey::{PKey, Private};
use openssl::symm::encrypt_aead;

use super::*;
use crate::saml::tests::{Message, NOW, Sign, Signer, certificate_of, expected, idp_at, our_key, pem_of, sp};
use crate::saml::{Accepted, ServiceProvider, response};
use crate::seal::random_text;

const CONTENTS: [&str; 4] = [
    "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
    "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
];

/// What encrypts: the ways of XML Encryption, and a place to do it wrong.
struct Sealer {
    content: &'static str,
    method: String,
    digest: MessageDigest,
    mask: MessageDigest,
    label: &'static [u8],
    key: PKey<Private>,
    /// Octets of the content key, if not as many as the algorithm wants.
    length: Option<usize>,
    /// How many whole blocks CBC adds besides what it must.
    added: Option<u8>,
}

impl Sealer {
    /// As Entra encrypts.
    fn entra() -> Self {
        Self {
            content: CONTENTS[1],
            method: r#"<e:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/>"#.into(),
            digest: MessageDigest::sha1(),
            mask: MessageDigest::sha1(),
            label: b"",
            key: our_key(),
            length: None,
            added: None,
        }
    }

    fn of(content: &'static str) -> Self {
        Self { content, ..Self::entra() }
    }

    fn seal(&self, text: &[u8]) -> String {
        let (cipher, size): (Cipher, usize) = match self.content {
            "http://www.w3.org/2001/04/xmlenc#aes128-cbc" => (Cipher::aes_128_cbc(), 16),
            "http://www.w3.org/2001/04/xmlenc#aes256-cbc" => (Cipher::aes_256_cbc(), 32),
            "http://www.w3.org/2009/xmlenc11#aes128-gcm" => (Cipher::aes_128_gcm(), 16),
            _ => (Cipher::aes_256_gcm(), 32),
        };
        let random = [random_text(), random_text(), random_text()].concat().into_bytes();
        let (secret, vector) = (&random[..size], &random[40..56]);
        let sealed = if self.content.ends_with("gcm") {
            let mut tag = [0; GCM_TAG];
            let sealed = encrypt_aead(cipher, secret, Some(&vector[..12]), &[], text, &mut tag).unwrap();
            [&vector[..12], &sealed, &tag].concat()
        } else {
            let few = u8::try_from(BLOCK - text.len() % BLOCK).unwrap();
            let added = few + self.added.unwrap_or_default() * 16;
            let padded = [text, &vec![added; usize::from(added)]].concat();
            let mut crypter = Crypter::new(cipher, Mode::Encrypt, secret, Some(vector)).unwrap();
            crypter.pad(false);
            let mut sealed = vec![0; padded.len() + BLOCK];
            let length = crypter.update(&padded, &mut sealed).unwrap();
            [vector, &sealed[..length]].concat()
        };
        let mut encrypter = Encrypter::new(&self.key).unwrap();
        encrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
        encrypter.set_rsa_oaep_md(self.digest).unwrap();
        encrypter.set_rsa_mgf1_md(self.mask).unwrap();
        if !self.label.is_empty() {
            encrypter.set_rsa_oaep_label(self.label).unwrap();
        }
        let carried = &random[..self.length.unwrap_or(size)];
        let mut wrapped = vec![0; encrypter.encrypt_len(carried).unwrap()];
        let length = encrypter.encrypt(carried, &mut wrapped).unwrap();
        wrapped.truncate(length);
        let value = |bytes: &[u8]| {
            format!("<e:CipherData><e:CipherValue>{}</e:CipherValue></e:CipherData>", STANDARD.encode(bytes))
        };
        format!(
            concat!(
                r#"<EncryptedAssertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"><e:EncryptedData "#,
                r#"xmlns:e="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element">"#,
                r#"<e:EncryptionMethod Algorithm="{content}"/><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">"#,
                r#"<e:EncryptedKey>{method}{key}</e:EncryptedKey></KeyInfo>{text}</e:EncryptedData>"#,
                r#"</EncryptedAssertion>"#,
            ),
            content = self.content,
            method = self.method,
            key = value(&wrapped),
            text = value(&sealed),
        )
    }

    /// A good message, signed so and encrypted.
    fn message(&self, what: Sign) -> Message {
        self.message_of(what, str::to_owned)
    }

    /// The same, with a change to the Assertion's text before it is encrypted.
    fn message_of(&self, what: Sign, change: impl Fn(&str) -> String) -> Message {
        let inner = if matches!(what, Sign::Assertion | Sign::Both) { Sign::Assertion } else { Sign::Nothing };
        let plain = Message::entra().0.replace("{sign _r1}", "{later}");
        let signed = Message(plain).sign(inner).0.replace("{later}", "{sign _r1}");
        let (head, rest) = signed.split_once("<Assertion ").unwrap();
        let (assertion, tail) = rest.split_once("</Assertion>").unwrap();
        let sealed = self.seal(change(&format!("<Assertion {assertion}</Assertion>")).as_bytes());
        let whole = Message(format!("{head}{sealed}{tail}"));
        whole.sign(if matches!(what, Sign::Response | Sign::Both) { Sign::Response } else { Sign::Nothing })
    }
}

fn us(keys: &[PKey<Private>]) -> ServiceProvider {
    let key = |key: &PKey<Private>| Arc::new(Key::read(&certificate_of(key), &pem_of(key)).unwrap());
    ServiceProvider { keys: keys.iter().map(key).collect(), ..sp() }
}

fn accept_as(sp: &ServiceProvider, message: &Message) -> Result<Accepted, Error> {
    response::accept(&message.field(), &expected(sp, &idp_at("https://login.test/")), NOW.parse().unwrap())
}

fn accept(message: &Message) -> Result<Accepted, Error> {
    accept_as(&us(&[our_key()]), message)
}

fn ec() -> PKey<Private> {
    let curve = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(openssl::ec::EcKey::generate(&curve).unwrap()).unwrap()
}

fn other_rsa() -> PKey<Private> {
    PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap()
}

#[test]
fn an_encrypted_assertion_is_accepted_in_each_algorithm_and_signing_mode() {
    for content in CONTENTS {
        for what in [Sign::Assertion, Sign::Response, Sign::Both] {
            let accepted = accept(&Sealer::of(content).message(what));
            let accepted = accepted.unwrap_or_else(|error| panic!("{content} {what:?}: {error}"));
            assert_eq!(accepted.name_id.unwrap().value, "B.Simon@contoso.com");
            assert_eq!(accepted.attributes.len(), 3);
        }
    }
}

#[test]
fn the_key_may_come_by_each_kind_of_oaep() {
    let (sha1, sha256) = (MessageDigest::sha1(), MessageDigest::sha256());
    let method = |name: &str, inside: &str| {
        format!(
            r#"<e:EncryptionMethod Algorithm="{name}" xmlns:x="http://www.w3.org/2009/xmlenc11#" xmlns:d="{}">{inside}</e:EncryptionMethod>"#,
            ns::SIGNATURE
        )
    };
    let (old, new) = ("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p", "http://www.w3.org/2009/xmlenc11#rsa-oaep");
    let d256 = r#"<d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>"#;
    let m256 = r#"<x:MGF Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"/>"#;
    let label = "<e:OAEPparams>bGFiZWw=</e:OAEPparams>";
    for (method, digest, mask, label) in [
        (method(old, d256), sha256, sha1, &b""[..]),
        (method(new, ""), sha1, sha1, b""),
        (method(new, &format!("{d256}{m256}")), sha256, sha256, b""),
        (method(old, label), sha1, sha1, b"label"),
    ] {
        let sealer = Sealer { method: method.clone(), digest, mask, label, ..Sealer::entra() };
        assert!(accept(&sealer.message(Sign::Assertion)).is_ok(), "{method}");
    }
}

#[test]
fn each_rsa_key_of_the_realm_is_tried_and_without_one_it_is_said() {
    let message = Sealer::entra().message(Sign::Assertion);
    assert!(accept_as(&us(&[ec(), other_rsa(), our_key()]), &message).is_ok());
    assert_eq!(accept_as(&us(&[]), &message), Err(Error::EncryptedAssertion));
    assert_eq!(accept_as(&us(&[ec()]), &message), Err(Error::EncryptedAssertion));
}

/// Whatever is wrong with what only a key can read: an attacker learns nothing from which it is.
#[test]
fn what_cannot_be_decrypted_and_what_decrypts_to_something_else_are_one_error() {
    let refused = |name: &str, message: &Message| assert_eq!(accept(message), Err(Error::NotDecrypted), "{name}");
    for content in CONTENTS {
        let sealer = Sealer::of(content);
        refused("another key", &Sealer { key: other_rsa(), ..Sealer::of(content) }.message(Sign::Assertion));
        refused("a short key", &Sealer { length: Some(8), ..Sealer::of(content) }.message(Sign::Assertion));
        refused("a long key", &Sealer { length: Some(40), ..Sealer::of(content) }.message(Sign::Assertion));
        refused(
            "another digest",
            &Sealer { digest: MessageDigest::sha256(), ..Sealer::of(content) }.message(Sign::Assertion),
        );
        refused("another label", &Sealer { label: b"x", ..Sealer::of(content) }.message(Sign::Assertion));
        for (name, text) in [
            ("nothing", String::new()),
            ("no XML", "hello".into()),
            ("another element", "<Response xmlns=\"urn:oasis:names:tc:SAML:2.0:protocol\"/>".into()),
            ("no namespace", "<Assertion ID=\"_a1\"/>".into()),
            ("a DOCTYPE", "<!DOCTYPE x><Assertion xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>".into()),
        ] {
            refused(name, &sealer.message_of(Sign::Assertion, |_| text.clone()));
        }
        refused("two", &sealer.message_of(Sign::Assertion, |good| format!("{good}{good}")));
        refused("cut", &sealer.message_of(Sign::Assertion, |good| good.replace("ertion>", "")));
        let nested = |good: &str| good.replace("<Subject>", "<Subject><Assertion/>");
        refused("one in it", &sealer.message_of(Sign::Assertion, nested));
        let transform = |good: &str| good.replace("xml-exc-c14n#\"/></Transforms>", "x\"/></Transforms>");
        refused("a transform", &sealer.message_of(Sign::Assertion, transform));
        // An octet of the text, each in its own place.
        let good = sealer.message(Sign::Assertion).0;
        let start = good.rfind("<e:CipherValue>").unwrap() + 15;
        for place in [start, start + 30] {
            let mut bytes = good.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = accept(&Message(String::from_utf8(bytes).unwrap()));
            let gcm = content.ends_with("gcm");
            assert!(changed == Err(Error::NotDecrypted) || !gcm && changed == Err(Error::BadSignature), "{changed:?}");
        }
    }
}

#[test]
fn no_more_is_taken_off_than_one_block() {
    assert!(accept(&Sealer { added: Some(0), ..Sealer::entra() }.message(Sign::Assertion)).is_ok());
    let more = Sealer { added: Some(1), ..Sealer::entra() }.message(Sign::Assertion);
    assert_eq!(accept(&more), Err(Error::NotDecrypted));
}

#[test]
fn encryption_alone_vouches_for_nothing() {
    assert_eq!(accept(&Sealer::entra().message(Sign::Nothing)), Err(Error::NotSigned));
    let other = |good: &str| good.replace("B.Simon@", "A.Admin@");
    assert_eq!(accept(&Sealer::entra().message_of(Sign::Assertion, other)), Err(Error::BadSignature));
    // The Response vouches for what it holds, and an Assertion that is signed besides must hold, too.
    assert!(accept(&Sealer::entra().message_of(Sign::Response, other)).is_ok());
    assert_eq!(accept(&Sealer::entra().message_of(Sign::Both, other)), Err(Error::BadSignature));
    let stranger = Message::entra().sign_by(Signer::stranger(), Sign::Assertion).0;
    let (_, rest) = stranger.split_once("<Assertion ").unwrap();
    let stranger = format!("<Assertion {}</Assertion>", rest.split_once("</Assertion>").unwrap().0);
    let by_stranger = Sealer::entra().message_of(Sign::Assertion, |_| stranger.clone());
    assert_eq!(accept(&by_stranger), Err(Error::BadSignature));
}

#[test]
fn a_signed_response_is_verified_before_anything_is_decrypted() {
    let message = Sealer { key: other_rsa(), ..Sealer::entra() }.message(Sign::Response);
    assert_eq!(accept(&message), Err(Error::NotDecrypted));
    let changed = message.edit("status:Success\"", "status:Success\" x=\"\"");
    assert_eq!(accept(&changed), Err(Error::BadSignature));
}

/// One change to what everybody can read, and its error.
#[test]
fn what_is_wrong_with_the_envelope_has_its_own_error() {
    let good = Sealer::entra().message(Sign::Assertion);
    let (rsa, aes) = ("xmlenc#rsa-oaep-mgf1p", "xmlenc#aes256-cbc");
    let reference = r#"<e:CipherReference URI="http://127.0.0.1:9/x"/>"#;
    for (from, to, error) in [
        (rsa, "xmlenc#rsa-1_5", Error::ForbiddenAlgorithm),
        (aes, "xmlenc#tripledes-cbc", Error::ForbiddenAlgorithm),
        (aes, "xmlenc#aes192-cbc", Error::ForbiddenAlgorithm),
        ("<e:CipherData><e:CipherValue>", &format!("{reference}<e:CipherData><e:CipherValue>"), Error::BadEncryption),
        ("<e:CipherValue>", "<e:CipherValue>?", Error::BadEncryption),
        ("<e:EncryptedKey>", "<e:EncryptedKey/><e:EncryptedKey>", Error::BadEncryption),
        (
            "<e:EncryptedData ",
            "<e:EncryptedData xmlns:e=\"http://www.w3.org/2001/04/xmlenc#\"/><e:EncryptedData ",
            Error::BadEncryption,
        ),
        ("<KeyInfo ", "<x:y xmlns:x=\"urn:x\"/><KeyInfo ", Error::BadEncryption),
        ("<e:EncryptedKey>", "<e:AgreementMethod/><e:EncryptedKey>", Error::BadEncryption),
    ] {
        assert_eq!(accept(&good.clone().edit(from, to)), Err(error), "{from} → {to}");
    }
}

#[test]
fn an_encrypted_key_may_stand_beside_the_data() {
    let good = Sealer::entra().message(Sign::Assertion).0;
    let (head, rest) = good.split_once("<e:EncryptedKey>").unwrap();
    let (key, tail) = rest.split_once("</e:EncryptedKey>").unwrap();
    let reference = r##"<RetrievalMethod URI="#k1" Type="http://www.w3.org/2001/04/xmlenc#EncryptedKey"/>"##;
    let beside = format!(
        r#"</e:EncryptedData><e:EncryptedKey xmlns:e="http://www.w3.org/2001/04/xmlenc#" Id="k1">{key}</e:EncryptedKey>"#
    );
    let whole = format!("{head}{reference}{}", tail.replace("</e:EncryptedData>", &beside));
    assert!(accept(&Message(whole)).is_ok());
}

/// A good message with further EncryptedKeys, before or after ours: what stands around each, and for whom ours is said to be.
fn with_keys(before: &[String], after: &[String], recipient: &str) -> Message {
    let good = Sealer::entra().message(Sign::Assertion).0;
    let (head, rest) = good.split_once("<e:EncryptedKey>").unwrap();
    let (key, tail) = rest.split_once("</e:EncryptedKey>").unwrap();
    let ours = format!("<e:EncryptedKey{recipient}>{key}</e:EncryptedKey>");
    Message(format!("{head}{}{ours}{}{tail}", before.concat(), after.concat()))
}

/// An EncryptedKey for somebody else.
fn for_another(attributes: &str) -> String {
    let sealed = Sealer { key: other_rsa(), ..Sealer::entra() }.seal(b"x");
    let (_, rest) = sealed.split_once("<e:EncryptedKey>").unwrap();
    let (key, _) = rest.split_once("</e:EncryptedKey>").unwrap();
    format!("<e:EncryptedKey{attributes}>{key}</e:EncryptedKey>")
}

/// SAML Core §2.3.4: one for each recipient, as while two keys of ours stand in our metadata.
#[test]
fn of_several_encrypted_keys_each_that_may_be_ours_is_tried() {
    let us = format!(" Recipient=\"{}\"", sp().entity_id);
    let other = for_another(" Recipient=\"https://other.example\"");
    let unnamed = for_another("");
    let unknown = other.replace("rsa-oaep-mgf1p", "rsa-1_5");
    let one = std::slice::from_ref::<String>;
    for (what, before, after, recipient) in [
        ("ours first", &[][..], one(&other), us.as_str()),
        ("ours last", one(&other), &[], us.as_str()),
        ("nobody named", one(&unnamed), &[], ""),
        ("ours alone named", one(&unnamed), one(&unnamed), us.as_str()),
        ("the other one named", one(&other), &[], ""),
        ("encrypted for another in a way that we do not know", one(&unknown), &[], us.as_str()),
        ("and for nobody in such a way", one(&unnamed.replace("rsa-oaep-mgf1p", "rsa-1_5")), &[], ""),
        ("three of them", &[other.clone(), unnamed.clone()][..], one(&other), us.as_str()),
    ] {
        let accepted = accept(&with_keys(before, after, recipient));
        assert!(accepted.is_ok(), "{what}: {accepted:?}");
    }
    let to_other = " Recipient=\"https://other.example\"";
    let fetched = other.replace("<e:CipherValue>", "<e:CipherReference URI=\"http://127.0.0.1:9/\"/><e:CipherValue>");
    for (what, before, after, recipient, error) in [
        ("none is ours", one(&other), &[][..], to_other, Error::NotDecrypted),
        ("five of them", &[(); 4].map(|()| unnamed.clone())[..], &[], us.as_str(), Error::BadEncryption),
        ("one without parts", &["<e:EncryptedKey/>".to_owned()][..], &[], us.as_str(), Error::BadEncryption),
        ("one that would be fetched", &[fetched.clone()][..], &[], us.as_str(), Error::BadEncryption),
    ] {
        assert_eq!(accept(&with_keys(before, after, recipient)), Err(error), "{what}");
    }
    let forbidden = with_keys(&[], &[], "").edit("rsa-oaep-mgf1p", "rsa-1_5");
    assert_eq!(accept(&forbidden), Err(Error::ForbiddenAlgorithm));
}

#[test]
fn several_encrypted_keys_may_stand_beside_the_data() {
    let good = Sealer::entra().message(Sign::Response).0;
    assert!(accept(&Message(good)).is_ok());
    let inline = with_keys(&[for_another(" Id=\"k0\"")], &[], " Id=\"k1\"").0;
    let (head, rest) = inline.split_once("<e:EncryptedKey").unwrap();
    let (keys, tail) = rest.rsplit_once("</e:EncryptedKey>").unwrap();
    let keys = format!("<e:EncryptedKey{keys}</e:EncryptedKey>")
        .replace("<e:EncryptedKey", "<e:EncryptedKey xmlns:e=\"http://www.w3.org/2001/04/xmlenc#\"");
    let reference = r##"<RetrievalMethod URI="#k1" Type="http://www.w3.org/2001/04/xmlenc#EncryptedKey"/>"##;
    let whole =
        format!("{head}{reference}{}", tail.replace("</e:EncryptedData>", &format!("</e:EncryptedData>{keys}")));
    let accepted = accept(&Message(whole));
    assert!(accepted.is_ok(), "{accepted:?}");
}

#[test]
fn during_a_roll_over_of_ours_either_key_opens_what_is_encrypted_for_both() {
    let (old, new) = (other_rsa(), our_key());
    let message = with_keys(&[for_another("")], &[], "");
    for keys in [vec![new.clone()], vec![old.clone(), new.clone()], vec![new, old]] {
        assert!(accept_as(&us(&keys), &message).is_ok());
    }
}
