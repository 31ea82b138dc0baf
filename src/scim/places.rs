//! How many requests of each directory are worked on at the same time, so that one tenant's token leaves the others room.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Error;

/// How many requests of one directory are worked on at the same time. Others wait.
const AT_ONCE: usize = 8;

/// How many of these may go through all resources of the directory.
const SCANS: usize = 2;

/// How many hold a place for this, those that wait for one of the others included. One more is refused, so that changes
/// always find room.
const IN_LINE: usize = 4;

/// How long a request waits for its place.
const PATIENCE: Duration = Duration::from_secs(30);

/// The places of all directories.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<BTreeMap<String, Arc<Own>>>);

/// The places of one directory.
#[derive(Debug)]
pub(super) struct Own {
    all: Arc<Semaphore>,
    scans: Arc<Semaphore>,
    in_line: Arc<Semaphore>,
    has_told: AtomicBool,
}

impl Places {
    /// Those of this directory. Only names that the configuration has come here.
    pub(super) fn of(&self, directory: &str) -> Arc<Own> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(directory.to_owned()).or_insert_with(|| Arc::new(Own::new())))
    }
}

impl Own {
    fn new() -> Self {
        let [all, scans, in_line] = [AT_ONCE, SCANS, IN_LINE].map(|places| Arc::new(Semaphore::new(places)));
        Self { all, scans, in_line, has_told: AtomicBool::new(false) }
    }

    /// A place for a request, which is held for as long as there is work, whether its client waits for the answer or not.
    pub(super) async fn take(&self) -> Result<OwnedSemaphorePermit, Error> {
        waited(&self.all).await
    }

    /// A place for a request that goes through all resources, beside the one that it has.
    pub(super) async fn take_for_scan(&self) -> Result<[OwnedSemaphorePermit; 2], Error> {
        let in_line = Arc::clone(&self.in_line).try_acquire_owned().map_err(|_| busy())?;
        Ok([in_line, waited(&self.scans).await?])
    }

    /// True the first time that it is asked.
    pub(super) fn is_first_time(&self) -> bool {
        !self.has_told.swap(true, Ordering::Relaxed)
    }
}

async fn waited(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    match tokio::time::timeout(PATIENCE, Arc::clone(places).acquire_owned()).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(busy()),
    }
}

fn busy() -> Error {
    let detail = "too many requests for this directory are worked on already: try again in a minute";
    Error::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, "60")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_directory_cannot_hold_the_places_of_another() {
        let places = Places::default();
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(places.of("contoso").take().await.unwrap());
        }
        let refused = places.of("contoso").take().await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.field.is_some()), (503, true));
        assert!(places.of("fabrikam").take().await.is_ok());
        held.pop();
        assert!(places.of("contoso").take().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn scans_leave_places_to_others() {
        let own = Arc::new(Own::new());
        let _scans = [own.take_for_scan().await.unwrap(), own.take_for_scan().await.unwrap()];
        let begun = tokio::time::Instant::now();
        let waiting = [(); IN_LINE - SCANS].map(|()| {
            let own = Arc::clone(&own);
            tokio::spawn(async move { own.take_for_scan().await.is_ok() })
        });
        tokio::task::yield_now().await;
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
        assert!(own.take_for_scan().await.is_err());
        assert_eq!(begun.elapsed(), Duration::ZERO, "it is refused at once");
        assert!(own.take().await.is_ok());
    }
}
