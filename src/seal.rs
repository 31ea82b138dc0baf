//! A value sealed in a token that expires: only the holder of the key can make one, read one, or change one.
//!
//! A token is `base64url(nonce ‖ AES-256-GCM(expiry ‖ JSON))`. The purpose is authenticated with it, so that a token
//! made for one use cannot be presented for another.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;

/// Seals and opens tokens with one key.
pub struct Sealer {
    key: LessSafeKey,
}

/// Why a token was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a token of ours, made for another purpose, or altered.
    #[error("the token was not made here for this purpose")]
    Forged,
    /// A token of ours whose time is over.
    #[error("the token has expired")]
    Expired,
}

/// Bytes in front of the sealed JSON: the expiry, in seconds since the epoch.
const EXPIRY_LEN: usize = 8;

impl Sealer {
    /// A sealer with this 256-bit key. Nodes that share a key open each other's tokens.
    pub fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key).unwrap_or_else(|_| unreachable!("the key has the right length"));
        Self { key: LessSafeKey::new(key) }
    }

    /// A sealer with a key of its own, which no restart survives.
    pub fn random() -> Self {
        Self::new(&random())
    }

    /// Seals `value` for `purpose` until `expires`.
    pub fn seal<T: Serialize>(&self, purpose: &str, value: &T, expires: Timestamp) -> String {
        let nonce: [u8; NONCE_LEN] = random();
        let mut plain = expires.as_second().to_be_bytes().to_vec();
        // Serialising into memory fails only for a type that JSON cannot hold; such a token opens as forged.
        if serde_json::to_writer(&mut plain, value).is_err() {
            plain.truncate(EXPIRY_LEN);
        }
        let sealed =
            self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), &mut plain);
        if sealed.is_err() {
            plain.clear();
        }
        let mut token = nonce.to_vec();
        token.append(&mut plain);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Opens a token that was sealed for `purpose` and has not expired.
    pub fn open<T: DeserializeOwned>(&self, purpose: &str, token: &str, now: Timestamp) -> Result<T, Error> {
        let mut bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Error::Forged)?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(Error::Forged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Forged)?;
        let plain = self.key.open_in_place(nonce, Aad::from(purpose), sealed).map_err(|_| Error::Forged)?;
        let (expiry, json) = plain.split_first_chunk::<EXPIRY_LEN>().ok_or(Error::Forged)?;
        if i64::from_be_bytes(*expiry) <= now.as_second() {
            return Err(Error::Expired);
        }
        serde_json::from_slice(json).map_err(|_| Error::Forged)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(***)")
    }
}

/// Random bytes from the system's generator, for secrets and identifiers.
///
/// # Panics
/// If the operating system has no randomness to give: nothing here is safe without it.
#[expect(clippy::panic, reason = "no secret can be made without randomness")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if rand::fill(&mut bytes).is_err() {
        panic!("the operating system's random generator failed");
    }
    bytes
}

/// A random secret as text, 128 bits, made of the characters that a cookie, an address and an XML ID may hold.
pub fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(random::<16>())
}

/// What is kept of a secret: enough to recognise it, nothing to present it with.
pub fn fingerprint(secret: &str) -> [u8; 16] {
    let mut short = [0; 16];
    let whole = digest::digest(&digest::SHA256, secret.as_bytes());
    short.copy_from_slice(whole.as_ref().split_at(16).0);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_opens_for_its_purpose_until_it_expires() {
        let sealer = Sealer::random();
        let token = sealer.seal("return", &"http://news.test/?q=1", at(100));
        assert_eq!(sealer.open::<String>("return", &token, at(99)).unwrap(), "http://news.test/?q=1");
        assert_eq!(sealer.open::<String>("return", &token, at(100)), Err(Error::Expired));
        assert_eq!(sealer.open::<String>("other", &token, at(99)), Err(Error::Forged));
        assert_eq!(Sealer::random().open::<String>("return", &token, at(99)), Err(Error::Forged));
    }

    #[test]
    fn a_token_that_was_altered_anywhere_is_forged() {
        let sealer = Sealer::random();
        let token = sealer.seal("return", &7, at(100));
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(bytes).unwrap();
            assert_eq!(sealer.open::<i32>("return", &altered, at(1)), Err(Error::Forged), "{place}");
        }
        for short in ["", "AA", "not base64!", token.get(..20).unwrap()] {
            assert_eq!(sealer.open::<i32>("return", short, at(1)), Err(Error::Forged), "{short}");
        }
    }
}
