//! Reads a message that came in an address, with its signature over the octets as they came (SAML Bindings §3.4.4.1).
//!
//! What is signed is the query itself, not what it means: `%2f` and `%2F` are the same address and different octets. So
//! nothing is decoded and encoded again before the signature is verified.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Decompress, FlushDecompress, Status};
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Public};
use openssl::sign::Verifier;
use openssl::x509::X509;
use percent_encoding::percent_decode_str;

use crate::saml::Error;

/// The longest query that is read, in bytes. A signed message has less than 4 kB.
const MAX_QUERY: usize = 64 * 1024;
/// The longest message, in bytes, once it is inflated.
pub(super) const MAX_MESSAGE: usize = 64 * 1024;
/// The longest RelayState, in bytes (SAML Bindings §3.4.3 says 80; others do not keep to it).
const MAX_RELAY_STATE: usize = 1024;
/// The only encoding that there is (SAML Bindings §3.4.4).
const DEFLATE: &str = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE";

/// A message out of a query. Nothing in it has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirected {
    /// The message, inflated.
    pub xml: String,
    /// Whether it stood in `SAMLRequest`, and not in `SAMLResponse`.
    pub is_request: bool,
    /// What goes back with the answer.
    pub relay_state: Option<String>,
    /// The signature over the query, if it has one.
    pub signature: Option<Signature>,
}

/// A signature over a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    octets: String,
    algorithm: Algorithm,
    value: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Algorithm {
    elliptic: bool,
    bits: u16,
}

/// Takes the query of an address, as it came, and gives the one message in it.
pub fn read(query: &str) -> Result<Redirected, Error> {
    if query.len() > MAX_QUERY {
        return Err(Error::TooLong);
    }
    let mut parts = Parts::default();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = match name {
            "SAMLRequest" => &mut parts.request,
            "SAMLResponse" => &mut parts.response,
            "RelayState" => &mut parts.relay_state,
            "SigAlg" => &mut parts.algorithm,
            "Signature" => &mut parts.signature,
            "SAMLEncoding" => &mut parts.encoding,
            // A name of ours in other letters would be signed by nobody and read by somebody.
            _ if name.contains('%') => return Err(Error::BadQuery),
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Err(Error::BadQuery);
        }
    }
    parts.message()
}

/// The parameters that matter, as they came.
#[derive(Default)]
struct Parts<'a> {
    request: Option<&'a str>,
    response: Option<&'a str>,
    relay_state: Option<&'a str>,
    algorithm: Option<&'a str>,
    signature: Option<&'a str>,
    encoding: Option<&'a str>,
}

impl Parts<'_> {
    fn message(&self) -> Result<Redirected, Error> {
        let (is_request, packed) = match (self.request, self.response) {
            (Some(request), None) => (true, request),
            (None, Some(response)) => (false, response),
            _ => return Err(Error::BadQuery),
        };
        if self.encoding.is_some_and(|encoding| decoded(encoding).as_deref() != Ok(DEFLATE)) {
            return Err(Error::NotDeflated);
        }
        let relay_state = self.relay_state.map(decoded).transpose()?;
        if relay_state.as_ref().is_some_and(|state| state.len() > MAX_RELAY_STATE) {
            return Err(Error::TooLong);
        }
        let signature = self.signature(is_request, packed)?;
        let deflated = STANDARD.decode(decoded(packed)?).map_err(|_| Error::NotBase64)?;
        let xml = String::from_utf8(inflate(&deflated)?).map_err(|_| Error::NotUtf8)?;
        Ok(Redirected { xml, is_request, relay_state, signature })
    }

    /// The octets that are signed stand in this order, wherever they stood in the query.
    fn signature(&self, is_request: bool, packed: &str) -> Result<Option<Signature>, Error> {
        let (algorithm, value) = match (self.algorithm, self.signature) {
            (Some(algorithm), Some(value)) => (algorithm, value),
            (None, None) => return Ok(None),
            _ => return Err(Error::BadQuery),
        };
        let name = if is_request { "SAMLRequest" } else { "SAMLResponse" };
        let relay_state = self.relay_state.map(|state| format!("&RelayState={state}")).unwrap_or_default();
        Ok(Some(Signature {
            octets: format!("{name}={packed}{relay_state}&SigAlg={algorithm}"),
            algorithm: Algorithm::named(&decoded(algorithm)?).ok_or(Error::ForbiddenAlgorithm)?,
            value: STANDARD.decode(decoded(value)?).map_err(|_| Error::NotBase64)?,
        }))
    }
}

fn decoded(value: &str) -> Result<String, Error> {
    let spaced = value.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| Error::NotUtf8)
}

/// Inflates a whole raw DEFLATE stream (RFC 1951), and no more of it than a message may have.
fn inflate(deflated: &[u8]) -> Result<Vec<u8>, Error> {
    let mut inflater = Decompress::new(false);
    let mut message = Vec::with_capacity(4096);
    loop {
        let before = (inflater.total_in(), inflater.total_out());
        let done = usize::try_from(before.0).unwrap_or(usize::MAX);
        let rest = deflated.get(done..).unwrap_or_default();
        let status = inflater.decompress_vec(rest, &mut message, FlushDecompress::None);
        if message.len() > MAX_MESSAGE {
            return Err(Error::TooLong);
        }
        match status.map_err(|_| Error::NotDeflated)? {
            Status::StreamEnd if inflater.total_in() == deflated.len() as u64 => return Ok(message),
            Status::Ok | Status::BufError if before != (inflater.total_in(), inflater.total_out()) => {
                message.reserve(4096);
            }
            _ => return Err(Error::NotDeflated),
        }
    }
}

impl Signature {
    /// Whether a key out of `certificates` (X.509, DER) made it.
    pub fn verify(&self, certificates: &[Vec<u8>]) -> Result<(), Error> {
        let made_by = |certificate: &Vec<u8>| self.is_made_by(certificate).unwrap_or_default();
        if certificates.iter().any(made_by) { Ok(()) } else { Err(Error::BadSignature) }
    }

    fn is_made_by(&self, certificate: &[u8]) -> Result<bool, ErrorStack> {
        let key = X509::from_der(certificate)?.public_key()?;
        if key.id() != if self.algorithm.elliptic { Id::EC } else { Id::RSA } {
            return Ok(false);
        }
        let mut verifier = Verifier::new(self.algorithm.digest(), &key)?;
        match self.algorithm.elliptic {
            true => verifier.verify_oneshot(&in_der(&self.value, &key)?, self.octets.as_bytes()),
            false => verifier.verify_oneshot(&self.value, self.octets.as_bytes()),
        }
    }
}

/// XML Signature writes the two numbers of an ECDSA signature one after the other (XML Signature 1.1 §6.4.3), and so do
/// some in queries; others write DER.
fn in_der(value: &[u8], key: &PKey<Public>) -> Result<Vec<u8>, ErrorStack> {
    let half = key.bits().div_ceil(8) as usize;
    match value.split_at_checked(half) {
        Some((r, s)) if s.len() == half => {
            EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?.to_der()
        }
        _ => Ok(value.to_vec()),
    }
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        let name = name.strip_prefix("http://www.w3.org/2001/04/xmldsig-more#")?;
        let (kind, digest) = name.split_once('-')?;
        let elliptic = match kind {
            "rsa" => false,
            "ecdsa" => true,
            _ => return None,
        };
        let bits = match digest {
            "sha256" => 256,
            "sha384" => 384,
            "sha512" => 512,
            _ => return None,
        };
        Some(Self { elliptic, bits })
    }

    fn digest(self) -> MessageDigest {
        match self.bits {
            256 => MessageDigest::sha256(),
            384 => MessageDigest::sha384(),
            _ => MessageDigest::sha512(),
        }
    }
}

#[cfg(test)]
#[path = "tests/redirect_tests.rs"]
mod tests;
