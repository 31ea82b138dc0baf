use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use openssl::hash::MessageDigest;
use openssl::pkey::Private;
use openssl::sign::Signer as Hand;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;
use crate::saml::tests::Signer;

const RSA: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const ECDSA: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";

fn deflated(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn packed(text: &str) -> String {
    encoded(&STANDARD.encode(deflated(text.as_bytes())))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn key() -> PKey<Private> {
    PKey::private_key_from_pem(Signer::ours().key.serialize_pem().as_bytes()).unwrap()
}

/// Adds algorithm and signature to a query.
fn signed(query: &str, algorithm: &str, key: &PKey<Private>, digest: MessageDigest) -> String {
    let query = format!("{query}&SigAlg={algorithm}");
    let value = Hand::new(digest, key).unwrap().sign_oneshot_to_vec(query.as_bytes()).unwrap();
    format!("{query}&Signature={}", encoded(&STANDARD.encode(value)))
}

fn verified(query: &str) -> Result<(), Error> {
    read(query)?.signature.unwrap().verify(&[Signer::ours().certificate.clone()])
}

#[test]
fn a_message_is_inflated_with_what_comes_beside_it() {
    let query = format!("lang=en&SAMLRequest={}&RelayState=a%20b%2Bc+d&x", packed("<a>ü</a>"));
    let read = super::read(&query).unwrap();
    assert_eq!((read.xml.as_str(), read.is_request), ("<a>ü</a>", true));
    assert_eq!(read.relay_state.as_deref(), Some("a b+c d"));
    assert_eq!(read.signature, None);
    let query = format!("SAMLEncoding={}&SAMLResponse={}", encoded(DEFLATE), packed("<a/>"));
    assert!(!super::read(&query).unwrap().is_request);
}

#[test]
fn a_signature_holds_over_the_octets_as_they_came() {
    // .NET, and Entra with it, encodes in lower case; others leave what need not be encoded.
    let upper = format!("SAMLRequest={}&RelayState=a%2Fb", packed("<a>1?2</a>"));
    let lower = upper.replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d");
    let bare = upper.replace("%2F", "/").replace("%3D", "=");
    assert!(lower.contains("%3d") || lower.contains("%2f") || lower.contains("%2b"), "{lower}");
    for query in [&upper, &lower, &bare] {
        for algorithm in [encoded(RSA), encoded(RSA).to_lowercase(), RSA.replace('#', "%23")] {
            let query = signed(query, &algorithm, &key(), MessageDigest::sha256());
            assert_eq!(verified(&query), Ok(()), "{query}");
        }
    }
    let query = signed(&lower, &encoded(RSA), &key(), MessageDigest::sha256());
    assert_eq!(verified(&query.replace("a%2fb", "a%2Fb")), Err(Error::BadSignature), "other octets");
}

#[test]
fn the_order_of_the_parameters_does_not_matter_and_others_are_not_signed() {
    let query = signed(&format!("SAMLResponse={}", packed("<a/>")), &encoded(RSA), &key(), MessageDigest::sha256());
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.reverse();
    assert_eq!(verified(&format!("x=1&{}&y=2", pairs.join("&"))), Ok(()));
    assert_eq!(verified(&format!("{query}&RelayState=a")), Err(Error::BadSignature), "it was not signed");
}

#[test]
fn each_algorithm_that_is_allowed_is_verified_and_no_other_is() {
    let query = format!("SAMLRequest={}", packed("<a/>"));
    for (bits, digest) in
        [(256, MessageDigest::sha256()), (384, MessageDigest::sha384()), (512, MessageDigest::sha512())]
    {
        let name = encoded(&RSA.replace("256", &bits.to_string()));
        assert_eq!(verified(&signed(&query, &name, &key(), digest)), Ok(()), "{bits}");
    }
    let mixed = signed(&query, &encoded(RSA), &key(), MessageDigest::sha384());
    assert_eq!(verified(&mixed), Err(Error::BadSignature));
    assert_eq!(verified(&signed(&query, &encoded(ECDSA), &key(), MessageDigest::sha256())), Err(Error::BadSignature));
    for name in [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
        "",
    ] {
        let query = signed(&query, &encoded(name), &key(), MessageDigest::sha256());
        assert_eq!(super::read(&query), Err(Error::ForbiddenAlgorithm), "{name}");
    }
    let stranger = PKey::private_key_from_pem(Signer::stranger().key.serialize_pem().as_bytes()).unwrap();
    assert_eq!(verified(&signed(&query, &encoded(RSA), &stranger, MessageDigest::sha256())), Err(Error::BadSignature));
}

#[test]
fn an_elliptic_signature_may_be_two_numbers_or_der() {
    let own = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&own).unwrap().der().to_vec();
    let key = PKey::private_key_from_pem(own.serialize_pem().as_bytes()).unwrap();
    let query = signed(&format!("SAMLRequest={}", packed("<a/>")), &encoded(ECDSA), &key, MessageDigest::sha256());
    let mut read = super::read(&query).unwrap();
    let signature = read.signature.as_mut().unwrap();
    assert_eq!(signature.verify(&[Signer::ours().certificate.clone(), certificate.clone()]), Ok(()));
    let der = EcdsaSig::from_der(&signature.value).unwrap();
    signature.value = [der.r().to_vec_padded(32).unwrap(), der.s().to_vec_padded(32).unwrap()].concat();
    assert_eq!(signature.verify(std::slice::from_ref(&certificate)), Ok(()));
    signature.value[40] ^= 1;
    assert_eq!(signature.verify(&[certificate]), Err(Error::BadSignature));
}

#[test]
fn what_is_not_one_message_is_refused() {
    let good = packed("<a/>");
    let request = format!("SAMLRequest={good}");
    for (query, error) in [
        (String::new(), Error::BadQuery),
        ("RelayState=a".into(), Error::BadQuery),
        (format!("{request}&{request}"), Error::BadQuery),
        (format!("{request}&SAMLResponse={good}"), Error::BadQuery),
        (format!("{request}&RelayState=a&RelayState=b"), Error::BadQuery),
        (format!("{request}&Relay%53tate=a"), Error::BadQuery),
        (format!("{request}&SigAlg={}", encoded(RSA)), Error::BadQuery),
        (format!("{request}&Signature=AAAA"), Error::BadQuery),
        (format!("{request}&SAMLEncoding=none"), Error::NotDeflated),
        (format!("{request}&RelayState={}", "a".repeat(MAX_RELAY_STATE + 1)), Error::TooLong),
        (format!("{request}&RelayState=%ff"), Error::NotUtf8),
        ("SAMLRequest=%%%".into(), Error::NotBase64),
        ("SAMLRequest=s0nU+wMA".into(), Error::NotBase64),
        (format!("SAMLRequest={}", encoded(&STANDARD.encode("<a/>"))), Error::NotDeflated),
        (format!("SAMLRequest={}", encoded(&STANDARD.encode(deflated(b"\xff")))), Error::NotUtf8),
        (format!("{request}&{}", "a".repeat(MAX_QUERY)), Error::TooLong),
    ] {
        assert_eq!(super::read(&query).map(|_| ()), Err(error), "{query:.200}");
    }
}

#[test]
fn a_stream_is_read_to_its_end_and_within_bounds() {
    let bytes = deflated(&[b'a'; 5000]);
    let field = |bytes: &[u8]| format!("SAMLRequest={}", encoded(&STANDARD.encode(bytes)));
    assert_eq!(super::read(&field(&bytes)).unwrap().xml.len(), 5000);
    assert_eq!(super::read(&field(&bytes[..bytes.len() - 2])), Err(Error::NotDeflated), "cut off");
    assert_eq!(super::read(&field(&[bytes.as_slice(), b"x"].concat())), Err(Error::NotDeflated), "followed by more");
    assert_eq!(super::read(&field(&[])), Err(Error::NotDeflated));
    assert!(super::read(&field(&deflated(&vec![b'a'; MAX_MESSAGE]))).is_ok());
    for bomb in [MAX_MESSAGE + 1, 20_000_000] {
        assert_eq!(super::read(&field(&deflated(&vec![b'a'; bomb]))), Err(Error::TooLong), "{bomb}");
    }
}
