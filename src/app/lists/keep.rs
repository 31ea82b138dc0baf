//! Keeps one list up to date, for as long as a configuration wants it: fetches it on schedule, or looks at its files.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{EMPTY, Held, Shelf, fetch, load};
use crate::clock::Timestamp;
use crate::egress::client::Client;
use crate::lists::{Config, Source};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How soon a fetch is tried again after a failure: this, and twice as long each time, up to a longest time.
const FIRST_RETRY: Duration = Duration::from_secs(10);
const LONGEST_RETRY: Duration = Duration::from_mins(15);

/// Keeps it up to date. `client` fetches by the configuration in force; `renew` has requests answered by the lists as they are
/// then.
pub(in crate::app) async fn keep(
    config: Config,
    shelf: Arc<Shelf>,
    client: impl Fn() -> Option<Client> + Send,
    renew: impl Fn() -> bool + Clone + Send + 'static,
) {
    match config.source() {
        Some(Source::Url(_)) => fetch_again(config, shelf, client, renew).await,
        Some(Source::File(_) | Source::Folder(_)) => look_again(config, shelf, renew).await,
        Some(Source::Entries(_)) | None => {}
    }
}

/// Fetches the list on schedule, and when an operator wants it.
async fn fetch_again(
    config: Config,
    shelf: Arc<Shelf>,
    client: impl Fn() -> Option<Client> + Send,
    renew: impl Fn() -> bool + Clone + Send + 'static,
) {
    let usual = config.refresh.std();
    let mut retry = FIRST_RETRY;
    let mut pause = None;
    loop {
        let Some(known) = shelf.find(&config) else { return };
        let (wanted, now) = (Arc::clone(&known.wanted), shelf.clock.now());
        tokio::select! {
            () = sleep(pause.take().unwrap_or_else(|| due(&known, usual, now))) => {}
            () = wanted.notified() => {}
        }
        let (Some(known), Some(client)) = (shelf.find(&config), client()) else { return };
        match fetch::fetch(&known, &client, &shelf).await {
            Ok(held) => {
                let is_new = held.stamp != known.stamp;
                shelf.put(held.clone());
                let is_in_force = is_new && take_up(&renew).await;
                if is_in_force || !is_new {
                    say(&held, is_new);
                }
                (retry, pause) = (FIRST_RETRY, Some(usual + usual.mul_f64(random() / 10.0)));
            }
            Err(error) => {
                let (list, known_since) = (&config.name, known.since.map(|since| since.to_string()));
                match known.since {
                    Some(_) => {
                        tracing::warn!(list, reason = %error, known_since, "a list could not be fetched: its last content stays in force");
                    }
                    None => tracing::warn!(list, reason = %error, "a list could not be fetched: {EMPTY}"),
                }
                // Where it takes an operator to say so, nothing is gained by asking soon again.
                let is_doubted = matches!(error, fetch::Error::Less { .. });
                shelf.put(known.failed(error));
                pause = Some(if is_doubted { usual } else { retry.min(usual) }.mul_f64(1.0 + random() / 10.0));
                retry = retry.saturating_mul(2).min(LONGEST_RETRY);
            }
        }
    }
}

/// Looks at the files of a list, and reads them when they have changed and stay as they are.
async fn look_again(config: Config, shelf: Arc<Shelf>, renew: impl Fn() -> bool + Clone + Send + 'static) {
    let mut before = None;
    loop {
        sleep(LOOK).await;
        let Some(known) = shelf.find(&config) else { return };
        let own = config.clone();
        let now = tokio::task::spawn_blocking(move || load::stamp_of(&own)).await.ok().flatten();
        let is_settled = now == std::mem::replace(&mut before, now);
        // What is wrong with files is said once.
        if now.is_none() || !is_settled || now == known.stamp || now == known.tried {
            continue;
        }
        let (looking, own) = (Arc::clone(&shelf), config.clone());
        let looked = tokio::task::spawn_blocking(move || load::load(&own, &looking, Some(&known))).await;
        let Ok(held) = looked else { continue };
        let held = Held { tried: now, ..held };
        shelf.put(held.clone());
        if let Some(error) = &held.error {
            match held.since {
                Some(_) => {
                    tracing::warn!(list = config.name, error, "a list cannot be read: its last content stays in force");
                }
                None => tracing::warn!(list = config.name, error, "a list cannot be read: {EMPTY}"),
            }
            continue;
        }
        if take_up(&renew).await {
            say(&held, true);
        }
    }
}

/// Has requests answered by the lists as they are now.
async fn take_up(renew: &(impl Fn() -> bool + Clone + Send + 'static)) -> bool {
    tokio::task::spawn_blocking(renew.clone()).await.unwrap_or(false)
}

fn say(held: &Held, is_new: bool) {
    let (list, sets) = (&held.config.name, held.content.sets.len());
    let entries: u64 = held.content.sets.values().map(|part| part.set.len()).sum();
    let unusable: u64 = held.content.sets.values().map(|part| part.report.unusable).sum();
    match is_new {
        true => tracing::info!(list, sets, entries, unusable, "a list has new content, and it is in force"),
        false => tracing::debug!(list, entries, "a list is up to date"),
    }
}

/// How long until it is to be fetched: at once, if there is nothing; or as long as it would have been without a restart.
fn due(known: &Held, usual: Duration, now: Timestamp) -> Duration {
    let Some(checked) = known.checked else { return Duration::ZERO };
    let age = Duration::try_from(now.duration_since(checked)).unwrap_or_default();
    usual.saturating_sub(age)
}

/// From 0 to 1: many nodes are not to ask at the same moment.
fn random() -> f64 {
    f64::from(u16::from_le_bytes(crate::seal::random())) / f64::from(u16::MAX)
}
