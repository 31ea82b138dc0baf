//! The identity provider of a realm, which may change its keys while we run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::saml::IdentityProvider;

/// How often a signature that no key fits makes us ask for new metadata: anybody can send one.
const BETWEEN: SignedDuration = SignedDuration::from_mins(5);

/// How long a person waits for them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who vouches for the people of a realm, as far as it is known.
#[derive(Debug)]
pub struct Trust {
    current: ArcSwapOption<IdentityProvider>,
    clock: Clock,
    wanted: Option<Wanted>,
}

/// Where somebody waits for new metadata, and somebody else fetches them.
#[derive(Debug)]
struct Wanted {
    asked: Notify,
    last: Mutex<Option<Timestamp>>,
    /// Counts what was fetched, or could not be.
    done: watch::Sender<u64>,
}

impl Trust {
    /// An identity provider that stays as it is.
    pub fn fixed(idp: IdentityProvider, clock: Clock) -> Self {
        Self { current: ArcSwapOption::from_pointee(idp), clock, wanted: None }
    }

    /// An identity provider whose metadata somebody fetches: the last good copy, if there is one.
    pub fn renewable(idp: Option<IdentityProvider>, clock: Clock) -> Self {
        let wanted = Wanted { asked: Notify::new(), last: Mutex::new(None), done: watch::Sender::new(0) };
        Self { current: ArcSwapOption::from_pointee(idp), clock, wanted: Some(wanted) }
    }

    /// The identity provider; none while its metadata could never be fetched, or when their time is over.
    pub fn current(&self) -> Option<Arc<IdentityProvider>> {
        self.current.load_full().filter(|idp| idp.check_valid(self.clock.now()).is_ok())
    }

    /// Waits until somebody wants new metadata.
    pub async fn wanted(&self) {
        match &self.wanted {
            Some(wanted) => wanted.asked.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Takes what was fetched, or none if it could not be fetched or used: then all stays as it is.
    pub fn renew(&self, idp: Option<IdentityProvider>) {
        if let Some(idp) = idp {
            self.current.store(Some(Arc::new(idp)));
        }
        if let Some(wanted) = &self.wanted {
            wanted.done.send_modify(|count| *count += 1);
        }
    }

    /// Has the metadata fetched because no key of `seen` fits, unless that was done a short while ago. Gives the
    /// identity provider if it has other keys now.
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
        // Whatever comes of it, the keys say.
        let _ = timeout(PATIENCE, done.changed()).await;
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
        let trust = Arc::new(Trust::renewable(Some(old.clone()), clock.clone()));
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
        let always = Trust::fixed(IdentityProvider::from_metadata(text).unwrap(), clock);
        assert!(always.current().is_some());
        assert_eq!(BETWEEN, SignedDuration::from_mins(5), "whoever posts nonsense has metadata fetched no more often");
    }

    #[tokio::test]
    async fn what_is_fixed_is_never_asked_for() {
        let old = idp();
        let trust = Trust::fixed(old.clone(), Clock::system());
        assert_eq!(trust.renewed(&old).await, None);
    }
}
