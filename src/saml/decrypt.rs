//! Decrypts an Assertion: AES in CBC or GCM under a key that RSA-OAEP carries (XML Encryption 1.1).
//!
//! Whatever goes wrong once a secret is involved is one and the same error. With CBC, a difference between bad padding
//! and bad XML would give the text away byte by byte (Jager and Somorovsky, "How to Break XML Encryption", 2011).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::encrypt::Decrypter;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::rsa::Padding;
use openssl::symm::{Cipher, Crypter, Mode, decrypt_aead};
use zeroize::Zeroizing;

use crate::saml::xml::Element;
use crate::saml::{Error, Key, ns};

/// Octets of a block, which are those of the initialisation vector of CBC, too.
const BLOCK: usize = 16;
/// Octets of the initialisation vector and of the tag of GCM.
const GCM_VECTOR: usize = 12;
const GCM_TAG: usize = 16;

/// How the Assertion itself is encrypted.
#[derive(Clone, Copy)]
struct Content {
    cipher: fn() -> Cipher,
    key: usize,
    authenticated: bool,
}

/// How the key for it is encrypted.
struct Transport {
    digest: MessageDigest,
    mask: MessageDigest,
    label: Vec<u8>,
}

/// The key for it, encrypted for somebody.
struct Wrapped {
    transport: Transport,
    key: Vec<u8>,
}

/// What stands in an EncryptedAssertion, all of it public.
pub(super) struct Envelope {
    content: Content,
    /// Those that name us, and those that name nobody.
    keys: Vec<Wrapped>,
    text: Vec<u8>,
}

/// The most EncryptedKeys that a message may have: each costs a private-key operation for each key of ours.
const MAX_KEYS: usize = 4;

/// What an EncryptedAssertion may hold, of XML Encryption and of XML Signature. A CipherReference would be fetched.
const ENCRYPTION_PARTS: [&str; 12] = [
    "EncryptedData",
    "EncryptedKey",
    "EncryptionMethod",
    "CipherData",
    "CipherValue",
    "OAEPparams",
    "KeySize",
    "ReferenceList",
    "DataReference",
    "CarriedKeyName",
    "MGF",
    "Recipient",
];
const SIGNATURE_PARTS: [&str; 15] = [
    "KeyInfo",
    "KeyName",
    "KeyValue",
    "RSAKeyValue",
    "Modulus",
    "Exponent",
    "DigestMethod",
    "RetrievalMethod",
    "X509Data",
    "X509Certificate",
    "X509SubjectName",
    "X509IssuerSerial",
    "X509IssuerName",
    "X509SerialNumber",
    "X509SKI",
];
/// What XML Signature 1.1 adds to say whose key it is.
const SIGNATURE_11_PARTS: [&str; 2] = ["X509Digest", "DEREncodedKeyValue"];

impl Envelope {
    /// Reads an EncryptedAssertion: one EncryptedData, and one EncryptedKey or a few, in it or beside it (SAML Core §2.3.4).
    /// Each is for one recipient, and says for which or for none; `us` is our entity ID.
    pub(super) fn read(assertion: &Element, us: &str) -> Result<Self, Error> {
        let (mut known, mut keys) = (true, Vec::new());
        assertion.descend(&mut |part| {
            let name = part.name.as_str();
            known &= match part.namespace.as_ref() {
                ns::ENCRYPTION | ns::ENCRYPTION_11 => ENCRYPTION_PARTS.contains(&name),
                ns::SIGNATURE => SIGNATURE_PARTS.contains(&name),
                ns::SIGNATURE_11 => SIGNATURE_11_PARTS.contains(&name),
                _ => false,
            };
            if part.is(ns::ENCRYPTION, "EncryptedKey") {
                keys.push(part);
            }
        });
        let (Some(data), true) = (assertion.only(ns::ENCRYPTION, "EncryptedData"), known) else {
            return Err(Error::BadEncryption);
        };
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return Err(Error::BadEncryption);
        }
        Ok(Self { content: content(method(data)?)?, keys: wrapped(&keys, us)?, text: cipher_value(data)? })
    }

    /// The Assertion's text, for the first key that opens it.
    pub(super) fn open(&self, keys: &[Arc<Key>]) -> Result<String, Error> {
        let fitting: Vec<&Arc<Key>> = keys.iter().filter(|key| key.decrypts()).collect();
        if fitting.is_empty() {
            return Err(Error::EncryptedAssertion);
        }
        let text = self.keys.iter().find_map(|wrapped| fitting.iter().find_map(|key| self.open_with(key, wrapped)));
        String::from_utf8(text.ok_or(Error::NotDecrypted)?).map_err(|_| Error::NotDecrypted)
    }

    fn open_with(&self, key: &Key, wrapped: &Wrapped) -> Option<Vec<u8>> {
        let secret = wrapped.transport.unwrap(key, &wrapped.key).ok()?;
        if secret.len() != self.content.key {
            return None;
        }
        if self.content.authenticated { self.open_gcm(&secret) } else { self.open_cbc(&secret) }
    }

    fn open_gcm(&self, secret: &[u8]) -> Option<Vec<u8>> {
        let (vector, rest) = self.text.split_at_checked(GCM_VECTOR)?;
        let (text, tag) = rest.split_at_checked(rest.len().checked_sub(GCM_TAG)?)?;
        decrypt_aead((self.content.cipher)(), secret, Some(vector), &[], text, tag).ok()
    }

    /// XML Encryption §5.2.1: the last octet says how many were added; the others of them may be anything.
    fn open_cbc(&self, secret: &[u8]) -> Option<Vec<u8>> {
        let (vector, text) = self.text.split_at_checked(BLOCK)?;
        if text.is_empty() || text.len() % BLOCK != 0 {
            return None;
        }
        let decrypted = || -> Result<Vec<u8>, ErrorStack> {
            let mut crypter = Crypter::new((self.content.cipher)(), Mode::Decrypt, secret, Some(vector))?;
            crypter.pad(false);
            let mut plain = vec![0; text.len() + BLOCK];
            let mut length = crypter.update(text, &mut plain)?;
            length += crypter.finalize(plain.get_mut(length..).unwrap_or_default())?;
            plain.truncate(length);
            Ok(plain)
        };
        let mut plain = decrypted().ok()?;
        let added = usize::from(*plain.last()?);
        if added == 0 || added > BLOCK {
            return None;
        }
        plain.truncate(plain.len().checked_sub(added)?);
        Some(plain)
    }
}

impl Transport {
    fn unwrap(&self, key: &Key, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
        let mut decrypter = Decrypter::new(key.private())?;
        decrypter.set_rsa_padding(Padding::PKCS1_OAEP)?;
        decrypter.set_rsa_oaep_md(self.digest)?;
        decrypter.set_rsa_mgf1_md(self.mask)?;
        if !self.label.is_empty() {
            decrypter.set_rsa_oaep_label(&self.label)?;
        }
        let mut secret = Zeroizing::new(vec![0; decrypter.decrypt_len(wrapped)?]);
        let length = decrypter.decrypt(wrapped, &mut secret)?;
        secret.truncate(length);
        Ok(secret)
    }
}

/// The keys that may be for us. Whoever else one is for may have it encrypted in ways that we do not know; if none is left,
/// it is said what is wrong with the first one.
fn wrapped(keys: &[&Element], us: &str) -> Result<Vec<Wrapped>, Error> {
    let (mut found, mut failure) = (Vec::new(), None);
    for key in keys {
        // Whoever else it is for, it has its parts.
        let (method, value) = (method(key)?, cipher_value(key)?);
        if key.attribute("Recipient").is_some_and(|recipient| recipient != us) {
            continue;
        }
        match transport(method) {
            Ok(transport) => found.push(Wrapped { transport, key: value }),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure.filter(|_| found.is_empty()) {
        Some(error) => Err(error),
        None => Ok(found),
    }
}

fn method(encrypted: &Element) -> Result<&Element, Error> {
    encrypted.only(ns::ENCRYPTION, "EncryptionMethod").ok_or(Error::BadEncryption)
}

fn content(method: &Element) -> Result<Content, Error> {
    let (cipher, key, authenticated): (fn() -> Cipher, _, _) = match method.attribute("Algorithm") {
        Some("http://www.w3.org/2001/04/xmlenc#aes128-cbc") => (Cipher::aes_128_cbc, 16, false),
        Some("http://www.w3.org/2001/04/xmlenc#aes256-cbc") => (Cipher::aes_256_cbc, 32, false),
        Some("http://www.w3.org/2009/xmlenc11#aes128-gcm") => (Cipher::aes_128_gcm, 16, true),
        Some("http://www.w3.org/2009/xmlenc11#aes256-gcm") => (Cipher::aes_256_gcm, 32, true),
        _ => return Err(Error::ForbiddenAlgorithm),
    };
    Ok(Content { cipher, key, authenticated })
}

/// RSA-OAEP; never PKCS #1 v1.5, which tells too much when it fails (Bleichenbacher, 1998).
fn transport(method: &Element) -> Result<Transport, Error> {
    let mgf1 = match method.attribute("Algorithm") {
        Some("http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p") => None,
        Some("http://www.w3.org/2009/xmlenc11#rsa-oaep") => method.only(ns::ENCRYPTION_11, "MGF"),
        _ => return Err(Error::ForbiddenAlgorithm),
    };
    let mask = match mgf1.map(|mgf| mgf.attribute("Algorithm").unwrap_or_default()) {
        None | Some("http://www.w3.org/2009/xmlenc11#mgf1sha1") => MessageDigest::sha1(),
        Some("http://www.w3.org/2009/xmlenc11#mgf1sha256") => MessageDigest::sha256(),
        Some("http://www.w3.org/2009/xmlenc11#mgf1sha384") => MessageDigest::sha384(),
        Some("http://www.w3.org/2009/xmlenc11#mgf1sha512") => MessageDigest::sha512(),
        Some(_) => return Err(Error::ForbiddenAlgorithm),
    };
    // SHA-1 is not weak here: nobody needs to collide with anything.
    let digest = method.only(ns::SIGNATURE, "DigestMethod");
    let digest = match digest.map(|digest| digest.attribute("Algorithm").unwrap_or_default()) {
        None | Some("http://www.w3.org/2000/09/xmldsig#sha1") => MessageDigest::sha1(),
        Some("http://www.w3.org/2001/04/xmlenc#sha256") => MessageDigest::sha256(),
        Some("http://www.w3.org/2001/04/xmldsig-more#sha384") => MessageDigest::sha384(),
        Some("http://www.w3.org/2001/04/xmlenc#sha512") => MessageDigest::sha512(),
        Some(_) => return Err(Error::ForbiddenAlgorithm),
    };
    let label = method.only(ns::ENCRYPTION, "OAEPparams").map(|label| base64(&label.text)).transpose()?;
    Ok(Transport { digest, mask, label: label.unwrap_or_default() })
}

fn cipher_value(encrypted: &Element) -> Result<Vec<u8>, Error> {
    let data = encrypted.only(ns::ENCRYPTION, "CipherData").ok_or(Error::BadEncryption)?;
    base64(&data.only(ns::ENCRYPTION, "CipherValue").ok_or(Error::BadEncryption)?.text)
}

fn base64(text: &str) -> Result<Vec<u8>, Error> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).map_err(|_| Error::BadEncryption)
}

#[cfg(test)]
#[path = "tests/decrypt_tests.rs"]
mod tests;
