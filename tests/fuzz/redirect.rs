//! Any query, and any message in a query that we sign ourselves: no panic, no message beyond its bounds, and a
//! signature counts for exactly the octets that came.
#![no_main]

use std::io::Write as _;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use libfuzzer_sys::fuzz_target;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use vestibule::saml::logout::Arrived;
use vestibule::saml::{IdentityProvider, redirect};

struct Key {
    private: PKey<Private>,
    idp: IdentityProvider,
}

fn key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
        let issuer = "https://sts.windows.net/11111111-2222-3333-4444-555555555555/";
        let idp = IdentityProvider::from_parts(issuer, "https://login.test/", None, certificate.der()).unwrap();
        Key { private: PKey::private_key_from_pem(key.serialize_pem().as_bytes()).unwrap(), idp }
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    if mode % 2 == 0 {
        look(text, None);
        return;
    }
    // A message in a query as an honest sender makes it; the mode says how it is encoded.
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(rest).unwrap();
    let mut packed = STANDARD.encode(encoder.finish().unwrap()).replace('+', "%2b");
    if mode & 2 == 0 {
        packed = packed.replace('/', "%2F").replace('=', "%3D");
    }
    let name = if mode & 4 == 0 { "SAMLRequest" } else { "SAMLResponse" };
    let algorithm = "http%3A%2F%2Fwww.w3.org%2f2001/04/xmldsig-more%23ecdsa-sha256";
    let query = format!("{name}={packed}&SigAlg={algorithm}");
    let mut signer = Signer::new(MessageDigest::sha256(), &key().private).unwrap();
    let signature = STANDARD.encode(signer.sign_oneshot_to_vec(query.as_bytes()).unwrap()).replace('+', "%2B");
    look(&format!("{query}&Signature={signature}"), Some(true));
    let other = if packed.contains("%2b") { query.replace("%2b", "%2B") } else { format!("{query}&RelayState=") };
    look(&format!("{other}&Signature={signature}"), Some(false));
});

fn look(query: &str, valid: Option<bool>) {
    let Ok(read) = redirect::read(query) else { return };
    assert!(read.xml.len() <= 64 * 1024);
    assert_eq!(redirect::read(query).as_ref(), Ok(&read));
    let verified = read.signature.as_ref().map(|signature| signature.verify(key().idp.certificates()).is_ok());
    if valid.is_some() {
        assert_eq!(verified, valid, "{query}");
    }
    let Ok(arrived) = Arrived::redirected(read) else { return };
    let opened = arrived.open(&key().idp, "https://portal.test/saml/slo", "2026-11-21T10:00:30Z".parse().unwrap());
    if let Ok(opened) = opened {
        assert!(!opened.signed || verified == Some(true), "a message that nobody signed counts as signed");
    }
}
