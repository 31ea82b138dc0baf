use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use super::*;
use crate::saml::tests::{ISSUER, Message, NOW, Sign, Signer, expected, sp};
use crate::saml::{Error as Refused, IdentityProvider, response};

/// A root, an authority below it, and the key that it vouches for.
struct Chain {
    root: Signer,
    between: Signer,
    leaf: Signer,
}

fn params(name: &str, is_authority: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

fn rsa() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

fn alone(name: &str, is_authority: bool) -> Signer {
    let key = rsa();
    let certificate = params(name, is_authority).self_signed(&key).unwrap().der().to_vec();
    Signer { key, certificate }
}

impl Chain {
    fn new() -> Self {
        let root = alone("root", true);
        let below = |name: &str, is_authority, above: &str, by: &Signer| {
            let key = rsa();
            let issuer = Issuer::new(params(above, true), &by.key);
            let certificate = params(name, is_authority).signed_by(&key, &issuer).unwrap().der().to_vec();
            Signer { key, certificate }
        };
        let between = below("between", true, "root", &root);
        let leaf = below("login.test", false, "between", &between);
        Self { root, between, leaf }
    }

    fn all(&self) -> [&Signer; 3] {
        [&self.root, &self.between, &self.leaf]
    }
}

fn pem(certificates: &[&Signer]) -> Vec<u8> {
    let one = |signer: &&Signer| X509::from_der(&signer.certificate).unwrap().to_pem().unwrap();
    certificates.iter().flat_map(one).collect()
}

/// Metadata with the content of each KeyInfo.
fn metadata(keys: &[String]) -> String {
    let key = |info: &String| format!("<KeyDescriptor><ds:KeyInfo>{info}</ds:KeyInfo></KeyDescriptor>");
    format!(
        "<EntityDescriptor xmlns=\"{}\" xmlns:ds=\"{}\" entityID=\"{ISSUER}\"><IDPSSODescriptor \
         protocolSupportEnumeration=\"{}\">{}<SingleSignOnService \
         Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" Location=\"https://login.test/\"/>\
         </IDPSSODescriptor></EntityDescriptor>",
        ns::METADATA,
        ns::SIGNATURE,
        ns::PROTOCOL,
        keys.iter().map(key).collect::<String>()
    )
}

fn data(signers: &[&Signer]) -> String {
    let one =
        |signer: &&Signer| format!("<ds:X509Certificate>{}</ds:X509Certificate>", STANDARD.encode(&signer.certificate));
    format!("<ds:X509Data>{}</ds:X509Data>", signers.iter().map(one).collect::<String>())
}

fn accept(signer: &Signer, idp: &IdentityProvider) -> Result<(), Refused> {
    let field = Message::entra().sign_by(signer, Sign::Assertion).field();
    response::accept(&field, &expected(&sp(), idp), NOW.parse().unwrap()).map(|_| ())
}

#[test]
fn an_authority_on_the_path_signs_nobody_in_wherever_its_certificate_stands() {
    let chain = Chain::new();
    let [root, between, leaf] = chain.all();
    let by_hand = |certificates: &[&Signer]| {
        IdentityProvider::from_parts(ISSUER, "https://login.test/", None, &pem(certificates)).unwrap()
    };
    let described = |keys: &[String]| IdentityProvider::from_metadata(&metadata(keys)).unwrap();
    for (how, idp) in [
        ("a file, leaf first", by_hand(&[leaf, between, root])),
        ("a file, root first", by_hand(&[root, between, leaf])),
        ("one X509Data", described(&[data(&[leaf, between, root])])),
        ("one X509Data, the other way round", described(&[data(&[root, between, leaf])])),
        ("an X509Data for each", described(&[data(&[between]) + &data(&[leaf]) + &data(&[root])])),
        ("with a gap on the path", described(&[data(&[leaf, root])])),
        ("a file with a gap", by_hand(&[root, leaf])),
    ] {
        assert_eq!(idp.certificates(), std::slice::from_ref(&leaf.certificate), "{how}");
        assert_eq!(accept(leaf, &idp), Ok(()), "{how}");
        for authority in [between, root] {
            assert_eq!(accept(authority, &idp), Err(Refused::BadSignature), "{how}");
        }
    }
}

#[test]
fn several_keys_beside_each_other_all_sign() {
    let (old, new) = (alone("old", false), alone("new", false));
    let chain = Chain::new();
    for idp in [
        IdentityProvider::from_metadata(&metadata(&[data(&[&old]), data(&[&new])])).unwrap(),
        IdentityProvider::from_metadata(&metadata(&[data(&[&old, &new])])).unwrap(),
        IdentityProvider::from_parts(ISSUER, "https://login.test/", None, &pem(&[&old, &new])).unwrap(),
    ] {
        assert_eq!((accept(&old, &idp), accept(&new, &idp)), (Ok(()), Ok(())));
    }
    // What `openssl req -x509` makes calls itself an authority.
    let (old, new) = (alone("old", true), alone("new", true));
    let idp = IdentityProvider::from_parts(ISSUER, "https://login.test/", None, &pem(&[&old, &new])).unwrap();
    assert_eq!((accept(&old, &idp), accept(&new, &idp)), (Ok(()), Ok(())));
    // Said in a KeyDescriptor of its own, even an authority's key signs: that is what one means.
    let keys = [data(&[&chain.leaf, &chain.between]), data(&[&chain.between])];
    let idp = IdentityProvider::from_metadata(&metadata(&keys)).unwrap();
    assert_eq!((accept(&chain.leaf, &idp), accept(&chain.between, &idp)), (Ok(()), Ok(())));
}

#[test]
fn a_key_that_was_certified_twice_is_one_key() {
    let one = alone("idp", true);
    let mut later = params("idp", true);
    later.not_after = rcgen::date_time_ymd(2050, 1, 1);
    let again = later.self_signed(&one.key).unwrap().der().to_vec();
    assert_ne!(one.certificate, again);
    let bundle = Bundle::sort(vec![Ok(one.certificate.clone()), Ok(again.clone())], None);
    assert_eq!(bundle, Bundle { signers: vec![one.certificate, again], ..Bundle::default() });
}

#[test]
fn authorities_of_which_nobody_can_say_who_signs_are_refused() {
    let (one, two) = (Chain::new(), Chain::new());
    let keys = [data(&[&one.between, &two.between])];
    assert_eq!(IdentityProvider::from_metadata(&metadata(&keys)), Err(Error::Ambiguous));
    let file = pem(&[&one.between, &two.root]);
    assert_eq!(IdentityProvider::from_parts(ISSUER, "https://login.test/", None, &file), Err(Error::Ambiguous));
    // Alone, it can be nobody else.
    let file = pem(&[&one.between, &one.root]);
    let idp = IdentityProvider::from_parts(ISSUER, "https://login.test/", None, &file).unwrap();
    assert_eq!(idp.certificates(), [one.between.certificate]);
}

#[test]
fn a_key_that_is_given_by_itself_says_which_one_it_is() {
    let (one, two) = (Chain::new(), Chain::new());
    let key = X509::from_der(&one.between.certificate).unwrap().public_key().unwrap().rsa().unwrap();
    let value = format!(
        "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{}</ds:Modulus><ds:Exponent>{}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>",
        STANDARD.encode(key.n().to_vec()),
        STANDARD.encode(key.e().to_vec())
    );
    let keys = [value.clone() + &data(&[&one.between, &two.between])];
    let idp = IdentityProvider::from_metadata(&metadata(&keys)).unwrap();
    assert_eq!(idp.certificates(), std::slice::from_ref(&one.between.certificate));
    assert_eq!(accept(&two.between, &idp), Err(Refused::BadSignature));
    let none = [value + &data(&[&two.leaf])];
    assert_eq!(IdentityProvider::from_metadata(&metadata(&none)), Err(Error::Ambiguous));
    let pair = KeyPair::generate().unwrap();
    let certificate = params("ec", false).self_signed(&pair).unwrap().der().to_vec();
    let point = KeyValue::Elliptic(pair.public_key_raw().to_vec());
    let bundle = Bundle::sort(vec![Ok(certificate.clone()), Ok(one.leaf.certificate.clone())], Some(&point));
    assert_eq!(bundle, Bundle { signers: vec![certificate], path: vec![one.leaf.certificate], left_out: vec![] });
}

#[test]
fn the_path_that_comes_along_leads_to_the_required_authority() {
    let chain = Chain::new();
    let [root, between, leaf] = chain.all();
    let with = |certificates: &[&Signer]| {
        IdentityProvider::from_parts(ISSUER, "https://login.test/", None, &pem(certificates)).unwrap()
    };
    let authority = pem(&[root]);
    assert_eq!(with(&[leaf, between]).issued_by(&authority), Ok(with(&[leaf, between])));
    assert_eq!(with(&[leaf]).issued_by(&authority), Err(Error::UnknownAuthority));
    let stranger = Chain::new();
    assert_eq!(with(&[leaf, between, root]).issued_by(&pem(&[&stranger.root])), Err(Error::UnknownAuthority));
    assert_eq!(with(&[leaf, between]).path(), std::slice::from_ref(&between.certificate));
}
