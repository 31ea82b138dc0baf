//! Tokens: values that are sealed and expire. Only a holder of the key can make, read or change one.
//!
//! A token is `base64url(key ID ‖ nonce ‖ AES-256-GCM(expiry ‖ JSON))`. The purpose is authenticated along with it, so
//! a token made for one purpose cannot be presented for another. Keys change over time: the newest one seals, and older
//! ones still open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::clock::Timestamp;

/// Seals and opens tokens with a ring of keys.
pub struct Sealer {
    ring: ArcSwap<Ring>,
}

/// A key, and the number by which tokens name it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey {
    /// The number.
    pub id: u32,
    /// The key.
    pub bytes: Zeroizing<[u8; 32]>,
}

/// The keys that are in use at one time.
struct Ring {
    number: u64,
    sealing: u32,
    keys: Vec<(u32, LessSafeKey)>,
}

/// The number of the next ring, which no other ring has, of whichever sealer.
static RINGS: AtomicU64 = AtomicU64::new(0);

/// What was in a token. It is good for as long as that token would open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened<T> {
    /// The value.
    pub value: T,
    /// When it expires, in seconds since the epoch.
    expires: i64,
    /// The number of the ring that has opened it.
    ring: u64,
}

impl<T> Opened<T> {
    /// Whether its token would still open by `sealer`.
    pub fn stands(&self, sealer: &Sealer, now: Timestamp) -> bool {
        self.ring == sealer.ring.load().number && self.expires > now.as_second()
    }
}

/// Why a token was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The token was not made here, was made for another purpose, or was altered.
    #[error("the token was not made here for this purpose")]
    Forged,
    /// The token was made here, and has expired.
    #[error("the token has expired")]
    Expired,
}

/// Length of the expiry before the JSON, in bytes: seconds since the epoch.
const EXPIRY_LEN: usize = 8;

/// Length of the key's number before the nonce, in bytes.
const KEY_LEN: usize = 4;

impl SealKey {
    /// A new key with this number.
    pub fn random(id: u32) -> Self {
        Self { id, bytes: Zeroizing::new(random()) }
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealKey({}, ***)", self.id)
    }
}

impl Ring {
    fn new(keys: &[SealKey], sealing: u32) -> Self {
        let keys = keys.iter().map(|key| {
            let unbound = UnboundKey::new(&AES_256_GCM, &*key.bytes);
            (key.id, LessSafeKey::new(unbound.unwrap_or_else(|_| unreachable!("the key has the right length"))))
        });
        Self { number: RINGS.fetch_add(1, Ordering::Relaxed), sealing, keys: keys.collect() }
    }

    /// The keys with this number. There are several if each of several secrets has made one.
    fn find(&self, id: u32) -> impl Iterator<Item = &LessSafeKey> {
        self.keys.iter().filter(move |(found, _)| *found == id).map(|(_, key)| key)
    }
}

impl Sealer {
    /// A sealer with these keys. The first one with the number `sealing` seals. Nodes that share keys open each other's
    /// tokens.
    pub fn new(keys: &[SealKey], sealing: u32) -> Self {
        Self { ring: ArcSwap::from_pointee(Ring::new(keys, sealing)) }
    }

    /// A sealer with a random key, which is lost with the process.
    pub fn random() -> Self {
        Self::new(&[SealKey::random(0)], 0)
    }

    /// Replaces the keys.
    pub fn turn(&self, keys: &[SealKey], sealing: u32) {
        self.ring.store(Arc::new(Ring::new(keys, sealing)));
    }

    /// Seals `value` for `purpose` until `expires`.
    pub fn seal<T: Serialize>(&self, purpose: &str, value: &T, expires: Timestamp) -> String {
        let nonce: [u8; NONCE_LEN] = random();
        let mut plain = expires.as_second().to_be_bytes().to_vec();
        // Serialising into memory fails only for a type that JSON cannot hold; such a token opens as forged.
        if serde_json::to_writer(&mut plain, value).is_err() {
            plain.truncate(EXPIRY_LEN);
        }
        let ring = self.ring.load();
        let sealed = ring.find(ring.sealing).next().is_some_and(|key| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            key.seal_in_place_append_tag(nonce, Aad::from(purpose), &mut plain).is_ok()
        });
        if !sealed {
            plain.clear();
        }
        let mut token = ring.sealing.to_be_bytes().to_vec();
        token.extend_from_slice(&nonce);
        token.append(&mut plain);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Opens a token that was sealed for `purpose` and has not expired.
    pub fn open<T: DeserializeOwned>(&self, purpose: &str, token: &str, now: Timestamp) -> Result<T, Error> {
        self.open_to_keep(purpose, token, now).map(|opened| opened.value)
    }

    /// The same, for whoever will be shown the same token again.
    pub fn open_to_keep<T: DeserializeOwned>(
        &self,
        purpose: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Opened<T>, Error> {
        let mut bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Error::Forged)?;
        let (id, rest) = bytes.split_first_chunk_mut::<KEY_LEN>().ok_or(Error::Forged)?;
        let (nonce, sealed) = rest.split_at_mut_checked(NONCE_LEN).ok_or(Error::Forged)?;
        let nonce = <[u8; NONCE_LEN]>::try_from(&*nonce).map_err(|_| Error::Forged)?;
        let ring = self.ring.load();
        let open = |key: &LessSafeKey, sealed: &mut [u8]| {
            let opened = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), sealed);
            opened.map(|plain| plain.len()).map_err(|_| Error::Forged)
        };
        let mut keys = ring.find(u32::from_be_bytes(*id)).peekable();
        let mut sealed = sealed;
        let mut copy;
        let plain = loop {
            let key = keys.next().ok_or(Error::Forged)?;
            // Opening overwrites the bytes even if it fails; the last key needs no copy of them.
            if keys.peek().is_none() {
                let length = open(key, sealed)?;
                break sealed.split_at_mut(length).0;
            }
            copy = sealed.to_vec();
            if let Ok(length) = open(key, &mut copy) {
                sealed = &mut copy;
                break sealed.split_at_mut(length).0;
            }
        };
        let (expiry, json) = plain.split_first_chunk::<EXPIRY_LEN>().ok_or(Error::Forged)?;
        let expires = i64::from_be_bytes(*expiry);
        if expires <= now.as_second() {
            return Err(Error::Expired);
        }
        let value = serde_json::from_slice(json).map_err(|_| Error::Forged)?;
        Ok(Opened { value, expires, ring: ring.number })
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(***)")
    }
}

/// Random bytes from the operating system's generator, getrandom(2), for secrets, nonces and identifiers. Each call asks
/// it anew, and nothing is kept here between two calls: so two copies of a virtual machine that is copied while it runs
/// give different ones, and nobody finds in this process's memory what the next ones will be.
///
/// # Panics
/// If the operating system has no random bytes to give: nothing here is safe without them.
#[expect(clippy::panic, reason = "no secret can be made without randomness")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        panic!("the operating system's random generator failed");
    }
    bytes
}

/// A random secret as text, 128 bits, made of the characters that a cookie, an address and an XML ID may hold.
pub fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(random::<16>())
}

/// What is stored of a secret: enough to recognise the secret, but not to present it.
pub fn fingerprint(secret: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(sha256(secret.as_bytes()).split_at(16).0);
    short
}

/// The SHA-256 digest of these octets.
pub fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut whole = [0; 32];
    whole.copy_from_slice(digest::digest(&digest::SHA256, octets).as_ref());
    whole
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
    fn a_token_opens_as_long_as_its_key_is_kept() {
        let [old, new] = [7, 8].map(SealKey::random);
        let sealer = Sealer::new(std::slice::from_ref(&old), 7);
        let before = sealer.seal("return", &1, at(100));
        sealer.turn(&[old, new.clone()], 8);
        let after = sealer.seal("return", &2, at(100));
        assert_eq!(sealer.open::<i32>("return", &before, at(1)), Ok(1));
        sealer.turn(std::slice::from_ref(&new), 8);
        assert_eq!(sealer.open::<i32>("return", &before, at(1)), Err(Error::Forged), "its key is gone");
        assert_eq!(Sealer::new(&[new], 8).open::<i32>("return", &after, at(1)), Ok(2), "another node has the key");
    }

    #[test]
    fn what_was_opened_stands_until_its_token_expires_or_other_keys_are_in_use() {
        let key = SealKey::random(7);
        let sealer = Sealer::new(std::slice::from_ref(&key), 7);
        let token = sealer.seal("return", &1, at(100));
        let opened = sealer.open_to_keep::<i32>("return", &token, at(1)).unwrap();
        assert_eq!(opened.value, 1);
        assert!(opened.stands(&sealer, at(99)));
        assert!(!opened.stands(&sealer, at(100)), "it has expired");
        assert!(!opened.stands(&Sealer::new(std::slice::from_ref(&key), 7), at(1)), "another sealer");
        sealer.turn(&[key], 7);
        assert!(!opened.stands(&sealer, at(1)), "other keys, though the same by chance");
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
