//! The keys of a transmitter (JWKS, RFC 7517): fetched when they are needed, and not more often than now and then.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, Header};
use serde_json::Value;

/// The most keys that are held.
const MOST: usize = 32;

/// How often keys are fetched because a token names one that is not known, at most.
const SELDOM: Duration = Duration::from_secs(30);

/// The shortest modulus of an RSA key (NIST SP 800-131A), in octets.
const SHORTEST: usize = 256;

/// What is known of the keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    all: ArcSwap<Vec<Jwk>>,
    asked: Mutex<Option<Instant>>,
}

impl Keys {
    /// The key with which a token says to be signed.
    pub(super) fn of(&self, header: &Header) -> Option<Jwk> {
        let all = self.all.load();
        let mut fitting = all.iter().filter(|key| fits(key, header.alg));
        match &header.kid {
            Some(kid) => fitting.find(|key| key.common.key_id.as_ref() == Some(kid)).cloned(),
            // Which one is not said: there must be no choice.
            None => fitting.next().filter(|_| fitting.next().is_none()).cloned(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.all.load().len()
    }

    /// Whether keys may be asked for now, which counts as done then.
    pub(super) fn may_ask(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let may = asked.is_none_or(|asked| asked.elapsed() >= SELDOM);
        if may {
            *asked = Some(Instant::now());
        }
        may
    }

    /// Takes the keys of a document. Those that cannot be used are left out; `None` if it is no set of keys.
    pub(super) fn take(&self, document: &[u8]) -> Option<usize> {
        // One key of a kind that nobody knows must not cost all others.
        let document: Value = serde_json::from_slice(document).ok()?;
        let keys = document.get("keys")?.as_array()?.iter().take(MOST);
        let keys: Vec<Jwk> = keys.filter_map(|key| serde_json::from_value(key.clone()).ok()).collect();
        let keys = JwkSet { keys }.keys;
        let count = keys.len();
        self.all.store(keys.into());
        Some(count)
    }
}

/// Whether a token may be signed with the key by this algorithm.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let is_for_signatures = key.common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature);
    let is_of_algorithm =
        key.common.key_algorithm.as_ref().is_none_or(|own| format!("{own:?}") == format!("{algorithm:?}"));
    let is_of_kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::EllipticCurve(own), Algorithm::ES256) => own.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(own), Algorithm::ES384) => own.curve == EllipticCurve::P384,
        // Base64 has four characters for three octets.
        (AlgorithmParameters::RSA(own), _) => {
            !matches!(algorithm, Algorithm::ES256 | Algorithm::ES384) && own.n.len() * 3 / 4 >= SHORTEST
        }
        _ => false,
    };
    is_for_signatures && is_of_algorithm && is_of_kind
}
