//! Any message that the guard lets through, signed by us: both verifiers, and both readers, must see the same in it.
//!
//! A Signature whose DigestValue and SignatureValue are empty is filled in. bergshamra canonicalises for that, xmlsec
//! (libxml2) for the second opinion; where they differ, [`Error::Disagreement`] comes, and is a finding.
#![no_main]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bergshamra::{DsigContext, KeysManager};
use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target, fuzzer_mutate};
use vestibule::saml::response::{self, Expected};
use vestibule::saml::{Error, IdentityProvider, ServiceProvider, guard, verify};

struct Key {
    pem: String,
    idp: IdentityProvider,
}

fn key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
        let issuer = "https://sts.windows.net/11111111-2222-3333-4444-555555555555/";
        let idp = IdentityProvider::from_parts(issuer, "https://login.test/", None, certificate.der()).unwrap();
        Key { pem: key.serialize_pem(), idp }
    })
}

/// How many messages the guard let through.
static SIGNED: AtomicU64 = AtomicU64::new(0);

/// Fills the first Signature in: that of the outermost element.
fn sign(xml: &str) -> Option<String> {
    let mut keys = KeysManager::new();
    keys.add_key(bergshamra::keys::loader::load_pem_auto(key().pem.as_bytes(), None).ok()?);
    let context = DsigContext::new_permissive(keys);
    catch_unwind(AssertUnwindSafe(|| bergshamra::sign(&context, xml))).ok()?.ok()
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // What the guard refuses is no ground to go on from.
    let Ok(xml) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    if guard::admit(&STANDARD.encode(xml)).is_err() {
        return Corpus::Reject;
    }
    let Some(signed) = sign(xml) else { return Corpus::Reject };
    let count = SIGNED.fetch_add(1, Ordering::Relaxed) + 1;
    if count.is_power_of_two() {
        eprintln!("{count} messages came as far as the verifiers");
    }
    let field = STANDARD.encode(&signed);
    let verified = verify::verify_alone(&field, &key().idp);
    assert_ne!(verified, Err(Error::Disagreement), "{signed}");
    // Of two Signatures only the first is filled in, and one that was filled in before is somebody else's: such messages
    // are rightly refused.
    let is_filled_in = |name| xml.contains(&format!("<{name}></{name}>")) && xml.matches(name).count() == 2;
    if is_filled_in("DigestValue") && is_filled_in("SignatureValue") {
        assert_ne!(verified, Err(Error::BadSignature), "a first look refuses what the verifiers take: {signed}");
    }
    let service_provider = ServiceProvider {
        entity_id: "https://auth.test/vestibule".into(),
        acs_url: "https://portal.test/saml/acs".into(),
        ..ServiceProvider::default()
    };
    let expected = Expected {
        service_provider: &service_provider,
        identity_provider: &key().idp,
        endpoint: "https://portal.test/saml/acs",
        request_id: Some("_q1"),
        requested: "2026-11-21T09:57:00Z".parse().unwrap(),
        anew: false,
        ways: &[],
        max_age: response::MAX_AGE,
        clock_skew: response::CLOCK_SKEW,
    };
    let accepted = response::accept(&field, &expected, "2026-11-21T10:00:30Z".parse().unwrap());
    assert!(accepted.is_err() || verified.is_ok(), "accepted without a signature: {signed}");
    Corpus::Keep
});

/// Half of the time only one text or one value is changed: so the message often still has the shape that the guard wants.
fn change(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let whole = data.get(..size).unwrap_or_default();
    let ends: Vec<usize> = (0..size).filter(|&at| matches!(whole[at], b'<' | b'>' | b'"')).collect();
    if seed & 1 == 0 || ends.len() < 2 {
        return fuzzer_mutate(data, size, max_size);
    }
    let at = (seed >> 1) as usize % (ends.len() - 1);
    let (start, end) = (ends[at] + 1, ends[at + 1]);
    let tail = whole[end..].to_vec();
    let room = (max_size - tail.len()).min(end + 64) - start;
    let mut part = vec![0; room];
    part[..end - start].copy_from_slice(&whole[start..end]);
    let length = fuzzer_mutate(&mut part, end - start, room);
    data[start..start + length].copy_from_slice(&part[..length]);
    data[start + length..start + length + tail.len()].copy_from_slice(&tail);
    start + length + tail.len()
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { change(data, size, max_size, seed) });
