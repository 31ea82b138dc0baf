//! Remembers which chains of certificates were found good, so that their signatures are not checked anew for each connection, and
//! for each of the hosts that one certificate is for.
//!
//! That a chain is good depends on nothing but its octets, who is trusted, and the time; it says nothing about a host.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use moka::sync::Cache;
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Chains that are remembered: each takes some hundred octets. Beyond that, those that nobody shows are forgotten.
const MAX_CHAINS: u64 = 10_000;

/// How long one is remembered.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// The chains that were found good by one list of whom to trust.
#[derive(Debug)]
pub(super) struct Verified(Cache<Chain, Span>);

/// Tells a chain from all others: the digest of all its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Chain([u8; 32]);

/// From when and until when all certificates of a chain are valid, in seconds since the epoch.
#[derive(Clone, Copy, Debug)]
struct Span(i64, i64);

impl Default for Verified {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_CHAINS).time_to_live(REMEMBERED).build())
    }
}

impl Chain {
    /// The chain of a certificate and what was shown beside it.
    pub(super) fn of(certificate: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Self {
        let mut context = Context::new(&SHA256);
        for der in std::iter::once(certificate).chain(others) {
            // With its length, so that no octet can be taken for one of the next certificate.
            context.update(&(der.len() as u64).to_be_bytes());
            context.update(der);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Self(digest)
    }
}

impl Verified {
    /// Whether a chain is known to be good at this time.
    pub(super) fn has(&self, chain: &Chain, at: UnixTime) -> bool {
        self.0.get(chain).is_some_and(|span| span.holds(at))
    }

    /// Notes that a chain, which is that of these certificates, was found good at this time. One of which some certificate was not
    /// valid then is not remembered: it was not needed, and whether it ever is, is not known.
    pub(super) fn note<'c>(
        &self,
        chain: Chain,
        mut certificates: impl Iterator<Item = &'c CertificateDer<'c>>,
        at: UnixTime,
    ) {
        let whole = Span(i64::MIN, i64::MAX);
        let span = certificates.try_fold(whole, |all, der| validity(der).map(|(from, until)| all.within(from, until)));
        if let Some(span) = span.filter(|span| span.holds(at)) {
            self.0.insert(chain, span);
        }
    }
}

impl Span {
    fn holds(self, at: UnixTime) -> bool {
        i64::try_from(at.as_secs()).is_ok_and(|at| (self.0..=self.1).contains(&at))
    }

    fn within(self, from: i64, until: i64) -> Self {
        Self(self.0.max(from), self.1.min(until))
    }
}

/// From when and until when a certificate is valid, in seconds since the epoch.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let validity = parsed.validity();
    Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(name: &str, from: i64, until: i64) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let at = |seconds| time::OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        (params.not_before, params.not_after) = (at(from), at(until));
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn a_chain_is_remembered_for_as_long_as_all_of_it_is_valid() {
        let (leaf, above) = (certificate("a.test", 1_000_000, 3_000_000), certificate("b.test", 2_000_000, 4_000_000));
        let (both, alone) = (Chain::of(&leaf, std::slice::from_ref(&above)), Chain::of(&leaf, &[]));
        let verified = Verified::default();
        assert!(!verified.has(&both, at(2_500_000)));
        verified.note(both, [&leaf, &above].into_iter(), at(2_500_000));
        let has = |chain, times: [u64; 4]| times.map(|time| verified.has(chain, at(time)));
        assert_eq!(has(&both, [1_999_999, 2_000_000, 3_000_000, 3_000_001]), [false, true, true, false]);
        assert!(!verified.has(&alone, at(2_500_000)), "another chain");
        // It was good although what is above is not valid yet, so that was not needed.
        let swapped = Chain::of(&above, std::slice::from_ref(&leaf));
        verified.note(swapped, [&above, &leaf].into_iter(), at(3_500_000));
        assert!(!verified.has(&swapped, at(3_500_000)) && !verified.has(&swapped, at(2_500_000)));
    }

    #[test]
    fn no_two_chains_are_taken_for_one() {
        let der = |octets: &[u8]| CertificateDer::from(octets.to_vec());
        let all = [
            Chain::of(&der(b"ab"), &[]),
            Chain::of(&der(b"a"), &[der(b"b")]),
            Chain::of(&der(b"b"), &[der(b"a")]),
            Chain::of(&der(b"ab"), &[der(b"")]),
            Chain::of(&der(b""), &[der(b"ab")]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == one), Some(at));
        }
        assert_eq!(Chain::of(&der(b"a"), &[der(b"b")]), all[1]);
    }
}
