//! Holds the identity provider of a realm, whose keys may change while the program runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use url::Url;

use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::saml::IdentityProvider;

/// How often, at most, a signature that no key fits makes us fetch new metadata: anybody can send such a signature.
const BETWEEN: SignedDuration = SignedDuration::from_mins(5);

/// How long a person waits for new metadata.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why nothing is known of an identity provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// Its metadata could never be fetched.
    #[error("the identity provider's metadata at {url} could not be fetched yet: {reason}")]
    NeverFetched {
        /// Their address.
        url: String,
        /// Why the last attempt failed.
        reason: String,
    },
    /// The time for which its metadata were valid is over.
    #[error("the identity provider's metadata were valid only until {0}")]
    Outdated(Timestamp),
}

/// The identity provider of a realm, if it is known.
#[derive(Debug)]
pub struct Trust {
    current: ArcSwapOption<IdentityProvider>,
    /// Why the last attempt to fetch the metadata failed.
    failure: ArcSwapOption<String>,
    clock: Clock,
    wanted: Option<Wanted>,
    /// The address of its metadata, if they are fetched.
    from: Option<Url>,
    /// A hash of everything that the metadata must fulfil.
    checks: [u8; 32],
}

/// How a sign-in that waits for new metadata, and the task that fetches them, find each other.
#[derive(Debug)]
struct Wanted {
    asked: Notify,
    last: Mutex<Option<Timestamp>>,
    /// Counts attempts to fetch, successful or not.
    done: watch::Sender<u64>,
}

impl Trust {
    /// An identity provider that stays as it is.
    pub fn fixed(idp: IdentityProvider, clock: Clock) -> Self {
        let (current, failure) = (ArcSwapOption::from_pointee(idp), ArcSwapOption::empty());
        Self { current, failure, clock, wanted: None, from: None, checks: [0; 32] }
    }

    /// An identity provider whose metadata are fetched from `from`. `idp` is that of the last good copy, if there is
    /// one.
    pub fn renewable(from: &Url, idp: Option<IdentityProvider>, clock: Clock) -> Self {
        let wanted = Wanted { asked: Notify::new(), last: Mutex::new(None), done: watch::Sender::new(0) };
        let (current, from) = (ArcSwapOption::from_pointee(idp), Some(from.clone()));
        Self { current, failure: ArcSwapOption::empty(), clock, wanted: Some(wanted), from, checks: [0; 32] }
    }

    /// The same, with metadata that must fulfil what `checks` is the hash of.
    #[must_use]
    pub fn checked(self, checks: [u8; 32]) -> Self {
        Self { checks, ..self }
    }

    /// Whether its metadata are fetched from this address, and must fulfil exactly this.
    pub fn is_from(&self, address: &Url, checks: &[u8; 32]) -> bool {
        self.from.as_ref() == Some(address) && self.checks == *checks
    }

    /// The identity provider; `None` if its metadata have never been fetched, or have expired.
    pub fn current(&self) -> Option<Arc<IdentityProvider>> {
        self.known().ok()
    }

    /// The identity provider, or why there is none.
    pub fn known(&self) -> Result<Arc<IdentityProvider>, Missing> {
        match self.last() {
            Some(idp) => match idp.valid_until().filter(|until| *until <= self.clock.now()) {
                Some(until) => Err(Missing::Outdated(until)),
                None => Ok(idp),
            },
            None => {
                let url = self.from.as_ref().map(Url::to_string).unwrap_or_default();
                let reason =
                    self.failure.load_full().map_or_else(|| "no attempt has ended yet".to_owned(), |it| (*it).clone());
                Err(Missing::NeverFetched { url, reason })
            }
        }
    }

    /// The identity provider as it was last known, even if the time of its metadata is over.
    pub fn last(&self) -> Option<Arc<IdentityProvider>> {
        self.current.load_full()
    }

    /// Waits until a sign-in wants new metadata.
    pub async fn wanted(&self) {
        match &self.wanted {
            Some(wanted) => wanted.asked.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Whether somebody fetches its metadata, and the last attempt did not fail.
    pub fn is_renewed(&self) -> bool {
        self.wanted.is_some() && self.failure.load().is_none()
    }

    /// Nothing could be fetched, or used: all stays as it is.
    pub fn failed(&self, reason: String) {
        self.failure.store(Some(Arc::new(reason)));
        self.renew(None);
    }

    /// Ends an attempt to fetch: with `Some`, replaces the identity provider; with `None`, which means that fetching
    /// failed, all stays as it is.
    pub fn renew(&self, idp: Option<IdentityProvider>) {
        if let Some(idp) = idp {
            self.current.store(Some(Arc::new(idp)));
            self.failure.store(None);
        }
        if let Some(wanted) = &self.wanted {
            wanted.done.send_modify(|count| *count += 1);
        }
    }

    /// Has the metadata fetched because no key of `seen` fits, unless that was done a short while ago, and waits. Gives
    /// the identity provider if it has other keys now.
    pub(super) async fn renewed(&self, seen: &IdentityProvider) -> Option<Arc<IdentityProvider>> {
        let other = || self.current().filter(|current| current.certificates() != seen.certificates());
        if let Some(current) = other() {
            return Some(current);
        }
        let wanted = self.wanted.as_ref()?;
        let mut done = wanted.done.subscribe();
        if !self.may_ask(wanted) {
            return None;
        }
        wanted.asked.notify_one();
        // Subscribed before asking, so that an attempt that ends at once is not missed. Whether it has helped, the keys
        // show.
        timeout(PATIENCE, done.changed()).await.ok();
        other()
    }

    fn may_ask(&self, wanted: &Wanted) -> bool {
        let now = self.clock.now();
        let mut last = wanted.last.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|last| after(last, BETWEEN) <= now);
        if may {
            *last = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idp() -> IdentityProvider {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
        IdentityProvider::from_parts("urn:x", "https://login.test/", None, certificate.der()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_no_key_that_fits_gets_new_ones_and_asks_only_now_and_then() {
        let clock = Clock::by_hand(Timestamp::UNIX_EPOCH);
        let (old, new, newest) = (idp(), idp(), idp());
        let trust =
            Arc::new(Trust::renewable(&"https://meta.test/".parse().unwrap(), Some(old.clone()), clock.clone()));
        let fetcher = {
            let (trust, new) = (Arc::clone(&trust), new.clone());
            tokio::spawn(async move {
                trust.wanted().await;
                trust.renew(Some(new));
                trust.wanted().await;
                trust.renew(None);
                trust.wanted().await;
                trust.renew(Some(newest));
            })
        };
        assert_eq!(trust.renewed(&old).await.as_deref(), Some(&new));
        assert_eq!(trust.renewed(&old).await.as_deref(), Some(&new), "it is known already");
        assert_eq!(trust.renewed(&new).await, None, "somebody asked a moment ago");
        clock.advance(BETWEEN);
        assert_eq!(trust.renewed(&new).await, None, "it could not be fetched");
        assert_eq!(trust.current().as_deref(), Some(&new), "so all stays as it is");
        clock.advance(BETWEEN);
        assert!(trust.renewed(&new).await.is_some());
        fetcher.await.unwrap();
        clock.advance(BETWEEN);
        let current = trust.current().unwrap();
        assert_eq!(trust.renewed(&current).await, None, "nobody fetches, and nobody waits for ever");
    }

    #[test]
    fn nobody_vouches_with_metadata_whose_time_is_over() {
        let clock = Clock::by_hand("2026-11-21T10:00:00Z".parse().unwrap());
        let text = include_str!("../../config/contoso.xml");
        let until = text.replacen(" entityID=", " validUntil=\"2026-11-21T10:00:01Z\" entityID=", 1);
        assert_ne!(text, until);
        let trust = Trust::fixed(IdentityProvider::from_metadata(&until).unwrap(), clock.clone());
        assert!(trust.current().is_some());
        clock.advance(SignedDuration::from_secs(1));
        assert!(trust.current().is_none());
        let outdated = trust.known().unwrap_err();
        assert_eq!(outdated.to_string(), "the identity provider's metadata were valid only until 2026-11-21T10:00:01Z");
        let always = Trust::fixed(IdentityProvider::from_metadata(text).unwrap(), clock);
        assert!(always.current().is_some());
        assert_eq!(BETWEEN, SignedDuration::from_mins(5), "whoever posts nonsense has metadata fetched no more often");
    }

    #[test]
    fn it_is_said_why_metadata_were_never_fetched() {
        let trust = Trust::renewable(&"https://meta.test/".parse().unwrap(), None, Clock::system());
        let said = || trust.known().unwrap_err().to_string();
        let start = "the identity provider's metadata at https://meta.test/ could not be fetched yet: ";
        assert_eq!(said(), format!("{start}no attempt has ended yet"));
        trust.failed("the connection was refused".to_owned());
        assert_eq!(said(), format!("{start}the connection was refused"));
        trust.renew(Some(idp()));
        trust.failed("the connection was refused".to_owned());
        assert!(trust.known().is_ok() && !trust.is_renewed(), "what is known stays");
        trust.renew(Some(idp()));
        assert!(trust.is_renewed());
    }

    #[tokio::test]
    async fn what_is_fixed_is_never_asked_for() {
        let old = idp();
        let trust = Trust::fixed(old.clone(), Clock::system());
        assert_eq!(trust.renewed(&old).await, None);
    }
}
