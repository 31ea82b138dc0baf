//! What issues leaves: a key with its certificate, what is shown beside each leaf, and what devices are to trust.

use std::net::IpAddr;

use bytes::Bytes;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey,
};
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::described::{self, Described, Role};
use super::error::Error;
use super::names::Names;
use crate::clock::Timestamp;
use crate::seal::random;

/// Days for which a leaf is valid: clients refuse more than 398, and a short time limits the harm of a lost key.
const LEAF_DAYS: i64 = 30;

/// How long before now a leaf is valid already, because clocks of clients lag behind.
const BEFORE: time::Duration = time::Duration::days(2);

/// The longest common name (X.520).
const LONGEST_NAME: usize = 64;

/// What issues leaves.
pub struct Issuing {
    issuer: Issuer<'static, Signer>,
    /// What clients are shown beside a leaf: all between it and what they trust.
    chain: Vec<CertificateDer<'static>>,
    names: Names,
    /// What the certificates themselves say.
    own_names: Names,
    until: OffsetDateTime,
    published: Published,
    certificate: CertificateDer<'static>,
    intermediates: Vec<Described>,
}

/// What devices are to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The certificates: that of the authority in force first.
    pub certificates: Vec<Described>,
    /// All of them, as PEM.
    pub pem: Bytes,
}

impl Published {
    /// Those certificates.
    pub fn of(certificates: Vec<Described>) -> Self {
        let pem: String = certificates.iter().map(Described::pem).collect();
        Self { certificates, pem: pem.into() }
    }
}

/// A key that signs; or that leaves a place for the signature, where the issuer's name must first be written as its own
/// certificate has it.
struct Signer {
    key: KeyPair,
    signs_later: bool,
}

impl PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        self.key.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.key.algorithm()
    }
}

impl SigningKey for Signer {
    fn sign(&self, octets: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        if self.signs_later { Ok(Vec::new()) } else { self.key.sign(octets) }
    }
}

/// A key of which a certificate can be made, and which signs nothing.
struct Unsigned<'a>(&'a KeyPair);

impl PublicKeyData for Unsigned<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for Unsigned<'_> {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(Vec::new())
    }
}

impl Issuing {
    /// The authority with this certificate and key. `chain` is shown beside each leaf; `published` is what devices trust; `names`
    /// are those for which the configuration permits leaves.
    pub(super) fn new(
        certificate: CertificateDer<'static>,
        key: KeyPair,
        chain: Vec<CertificateDer<'static>>,
        published: Vec<Described>,
        names: &Names,
    ) -> Result<Self, Error> {
        let unusable = |why: &dyn std::fmt::Display| Error::Unusable("the authority".into(), why.to_string());
        let (_, read) = X509Certificate::from_der(&certificate).map_err(|error| unusable(&error))?;
        let (subject, until) = (read.subject().as_raw().to_vec(), read.validity().not_after.to_datetime());
        // Names with two attributes of one kind (`DC=contoso, DC=com`) come out otherwise. Nothing is signed to find that out:
        // for its first random number AWS-LC gathers entropy for 30 ms, and the sockets should be open by then.
        let issuer = Issuer::from_ca_cert_der(&certificate, Unsigned(&key)).map_err(|error| unusable(&error))?;
        let trial = CertificateParams::new(vec!["trial.invalid".to_owned()])?.signed_by(issuer.key(), &issuer)?;
        let (_, trial) = X509Certificate::from_der(trial.der()).map_err(|error| unusable(&error))?;
        let signs_later = trial.issuer().as_raw() != subject;
        let issuer = Issuer::from_ca_cert_der(&certificate, Signer { key, signs_later })?;
        let mut own_names = Names::default();
        // As long as the one before vouches for it, devices judge leaves by what that one says, too.
        let is_followed = !chain.is_empty() && published.iter().any(|root| root.role == Role::Predecessor);
        let counts = |root: &&Described| root.role == Role::Current || is_followed && root.role == Role::Predecessor;
        let roots = published.iter().filter(counts).map(|root| &root.der);
        for der in std::iter::once(&certificate).chain(&chain).chain(roots) {
            let (_, above) = X509Certificate::from_der(der).map_err(|error| unusable(&error))?;
            own_names.add(&above);
        }
        let names = names.clone().and(&own_names);
        let role = if is_followed { Role::Bridge } else { Role::Intermediate };
        let intermediates = chain.iter().filter_map(|der| Described::read(role, der)).collect();
        let published = Published::of(published);
        Ok(Self { issuer, chain, names, own_names, until, published, certificate, intermediates })
    }

    /// What devices are to trust.
    pub fn published(&self) -> &Published {
        &self.published
    }

    /// The certificate whose key issues leaves.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What clients are shown beside a leaf.
    pub fn intermediates(&self) -> &[Described] {
        &self.intermediates
    }

    /// All whose end would be the end of interceptions, or of a roll-over; each once.
    pub fn watched(&self) -> impl Iterator<Item = &Described> {
        let published = &self.published.certificates;
        let is_published = |one: &&Described| published.iter().any(|other| other.der == one.der);
        published.iter().chain(self.intermediates.iter().filter(move |one| !is_published(one)))
    }

    /// Whether all clients that trust it will take it that it vouches for its successor. Of one that allows no authority below it
    /// (pathlen:0) Firefox and Go do not: they must be given the successor's certificate first.
    pub fn can_vouch(&self) -> bool {
        described::can_vouch(&self.certificate)
    }

    /// Whether the certificate by which the one before vouches for it is over.
    pub(super) fn has_spent_bridge(&self, now: Timestamp) -> bool {
        self.intermediates.iter().any(|one| one.role == Role::Bridge && one.until <= now)
    }

    /// Whether both issue the same leaves, and have the same published.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let own = |it: &Self| (it.certificate.clone(), it.chain.clone(), it.published.clone(), it.names.clone());
        own(self) == own(other)
    }

    /// For which names it may issue leaves, by its certificates alone.
    pub fn certificate_names(&self) -> &Names {
        &self.own_names
    }

    /// For which names it may issue leaves.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A leaf with what is shown beside it.
    pub(super) fn chain(&self, leaf: CertificateDer<'static>) -> Vec<CertificateDer<'static>> {
        std::iter::once(leaf).chain(self.chain.iter().cloned()).collect()
    }

    /// The same as PEM.
    pub(super) fn chain_pem(&self, leaf: &CertificateDer<'_>) -> String {
        let above = self.chain.iter().map(|der| described::pem(der));
        std::iter::once(described::pem(leaf)).chain(above).collect()
    }

    /// Issues a leaf for these names and addresses, of which names may begin with `*.`. It ends no later than the authority.
    pub(super) fn leaf(&self, hosts: &[&str], key: &KeyPair, now: Timestamp) -> Result<CertificateDer<'static>, Error> {
        let bare = |host: &&str| host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let bare: Vec<_> = hosts.iter().map(bare).collect();
        let first = bare.first().cloned().unwrap_or_default();
        if let Some(outside) = bare.iter().find(|host| !self.names.permits(host)) {
            return Err(Error::Outside(outside.clone()));
        }
        let mut params = CertificateParams::new(bare)?;
        params.distinguished_name = DistinguishedName::new();
        // Clients read the alternative names. They are critical where there is no subject (RFC 5280 §4.1.2.6). An address is no
        // common name: where names are constrained, OpenSSL takes it for one, which is not permitted.
        let is_address = first.parse::<IpAddr>().is_ok();
        if first.len() <= LONGEST_NAME && !is_address && !self.names.limits_subjects() {
            params.distinguished_name.push(DnType::CommonName, first);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // RFC 5280 §4.1.2.2: no two serial numbers are the same. By default rcgen derives the number from the key,
        // which all leaves share, and Firefox refuses a second certificate with the number of the first.
        params.serial_number = Some(serial_number());
        params.use_authority_key_identifier_extension = true;
        // That it is no authority's: rcgen writes the subject key identifier (RFC 5280 §4.2.1.2) with that.
        params.is_ca = IsCa::ExplicitNoCa;
        set_validity(&mut params, now, LEAF_DAYS);
        params.not_after = params.not_after.min(self.until);
        let leaf = params.signed_by(key, &self.issuer)?;
        if !self.issuer.key().signs_later {
            return Ok(leaf.into());
        }
        self.in_own_name(leaf.der()).ok_or_else(|| Error::Unusable("the authority".into(), "its name".into()))?
    }

    /// Puts the issuer's name into a leaf that was not signed, as its own certificate has it, and signs.
    fn in_own_name(&self, unsigned: &[u8]) -> Option<Result<CertificateDer<'static>, Error>> {
        let (_, authority) = X509Certificate::from_der(&self.certificate).ok()?;
        let (_, leaf) = X509Certificate::from_der(unsigned).ok()?;
        let (whole, written) = (leaf.tbs_certificate.as_ref(), leaf.issuer().as_raw());
        let content = content(whole)?;
        // The first of them: before it there are numbers alone.
        let at = content.windows(written.len()).position(|octets| octets == written)?;
        let (before, rest) = content.split_at_checked(at)?;
        let (_, rest) = rest.split_at_checked(written.len())?;
        let signed = sequence(&[before, authority.subject().as_raw(), rest]);
        // After what is signed come the algorithm and three octets: a signature of no length.
        let after = self::content(unsigned)?.split_at_checked(whole.len())?.1;
        let (algorithm, _) = after.split_at_checked(after.len().checked_sub(3)?)?;
        let signature = match self.issuer.key().key.sign(&signed) {
            Ok(signature) => signature,
            Err(error) => return Some(Err(error.into())),
        };
        let signature = value(0x03, &[&[0], &signature]);
        Some(Ok(sequence(&[&signed, algorithm, &signature]).into()))
    }
}

impl std::fmt::Debug for Issuing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuing").field("key", &"***").field("published", &self.published).finish_non_exhaustive()
    }
}

/// A serial number that no other certificate has: random, positive, 16 octets long.
pub(super) fn serial_number() -> SerialNumber {
    let mut number = random::<16>();
    let [first, ..] = &mut number;
    *first = *first & 0x7f | 0x40;
    SerialNumber::from(number.to_vec())
}

/// Makes it valid from two days ago until `days` from now.
pub(super) fn set_validity(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let now = OffsetDateTime::from_unix_timestamp(now.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    params.not_before = now - BEFORE;
    params.not_after = now + time::Duration::days(days);
}

/// The content of a value in DER.
fn content(value: &[u8]) -> Option<&[u8]> {
    let length = match *value.get(1)? {
        short if short < 0x80 => 0,
        long => usize::from(long & 0x7f),
    };
    value.get(length + 2..)
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(0x30, parts)
}

/// A value in DER (X.690 §8.1).
fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let octets: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
    let mut all = vec![tag];
    match u8::try_from(length) {
        Ok(short @ 0..0x80) => all.push(short),
        _ => {
            all.push(0x80 | u8::try_from(octets.len()).unwrap_or(0));
            all.extend(octets);
        }
    }
    parts.iter().for_each(|part| all.extend_from_slice(part));
    all
}
