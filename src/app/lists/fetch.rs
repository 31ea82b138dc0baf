//! Fetches a list: nothing is taken that is not whole, not what was promised, or of no use; the last good copy stays then.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use url::Url;

use super::load;
use super::state::{Copied, Files, digest};
use super::{Held, Shelf};
use crate::egress::client::{self, Client, Validators};
use crate::lists::read;
use crate::lists::{Content, Digest, NoDigest, Source};
use crate::policy::Purpose;

/// The longest text in which a SHA-256 is looked for.
const MOST_DIGEST: usize = 64 * 1024;

/// Entries of a list that may come and go by any number: who has fewer than these edits them by hand.
const FEW: u64 = 100;

/// Why nothing was taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Fetch(#[from] client::Error),
    #[error("the SHA-256 at `sha256_url` could not be fetched: {0}")]
    FetchDigest(client::Error),
    #[error("there is no SHA-256 at `sha256_url`: {0}")]
    NoDigest(#[from] NoDigest),
    #[error(
        "it has {now} entries, and {before} before: it has lost more than half, as one that is cut short has. Look at it; \
         `vestibule lists refresh --accept {name}` takes it"
    )]
    Less { name: String, before: u64, now: u64 },
    #[error("its SHA-256 is {found}, not {wanted}")]
    OtherDigest { found: Digest, wanted: Digest },
    #[error(transparent)]
    Unusable(#[from] read::Error),
    #[error("it cannot be kept: {0}")]
    Keep(#[from] io::Error),
    #[error("it has no `url` to be fetched from")]
    NoAddress,
}

/// Fetches a list if there is a newer one than is `known`, and says what is known of it then.
pub(super) async fn fetch(known: &Arc<Held>, client: &Client, shelf: &Arc<Shelf>) -> Result<Held, Error> {
    let config = &known.config;
    let Some(Source::Url(url)) = config.source() else { return Err(Error::NoAddress) };
    let wanted = match (&config.sha256, &config.sha256_url) {
        (Some(digest), _) => Some(*digest),
        (None, Some(of)) => Some(published(of, url, client).await?),
        (None, None) => None,
    };
    if wanted.is_some_and(|wanted| wanted.to_string() == known.copied.sha256) {
        return Ok(same(known, shelf));
    }
    let files = Files::of(config, &shelf.state);
    files.make_folder()?;
    let mut part = tokio::fs::File::create(files.part()).await?;
    // What is wanted by its digest is another one, whatever its origin calls it.
    let validators = if wanted.is_some() { Validators::default() } else { known.copied.validators.clone() };
    let most = config.max_size.as_bytes();
    let fetched = client.download(url, &validators, most, Purpose::List, &mut part).await;
    drop(part);
    let Some(validators) = fetched.inspect_err(|_| drop(fs::remove_file(files.part())))? else {
        drop(fs::remove_file(files.part()));
        return Ok(same(known, shelf));
    };
    // Good for what comes now, and not for another content some day.
    let accepts = known.accepts.swap(false, Ordering::Relaxed);
    let (known, shelf) = (Arc::clone(known), Arc::clone(shelf));
    // Millions of names take a second or two: others are answered meanwhile.
    let taken = tokio::task::spawn_blocking(move || {
        let files = Files::of(&known.config, &shelf.state);
        let arrived = Arrival { validators, wanted, accepts };
        take(&known, arrived, &files, &shelf).inspect_err(|_| drop(fs::remove_file(files.part())))
    });
    taken.await.map_err(|error| io::Error::other(error.to_string()))?
}

/// What was asked for, and came.
struct Arrival {
    validators: Validators,
    wanted: Option<Digest>,
    /// Whether it is taken however much it has lost.
    accepts: bool,
}

/// Takes what was fetched, if it is good.
fn take(known: &Held, arrived: Arrival, files: &Files, shelf: &Shelf) -> Result<Held, Error> {
    let Arrival { validators, wanted, accepts } = arrived;
    let (part, now) = (files.part(), shelf.clock.now());
    let found = digest(&part)?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
        return Err(Error::OtherDigest { found, wanted });
    }
    let sha256 = found.to_string();
    let copied = Copied { sha256, validators, since: Some(now), checked: Some(now) };
    if copied.sha256 == known.copied.sha256 {
        drop(fs::remove_file(&part));
        let held = Held { copied: Copied { since: known.copied.since, ..copied }, ..known.clone() };
        return Ok(same(&held, shelf));
    }
    let (content, stamp) = load::read_copy(&part, &copied.sha256, known.config.bounds(), files, shelf)?;
    // A digest in the configuration is of a content that the operator has seen.
    if !accepts && known.config.sha256.is_none() {
        against_loss(known, &content)?;
    }
    // First the copy, then what is known of it: a stop between the two leaves one that is fetched anew.
    File::open(&part)?.sync_all()?;
    fs::rename(&part, files.copy())?;
    files.write_about(&copied)?;
    Ok(Held { copied, ..known.with(content, stamp, now) })
}

/// The list that is known is up to date.
fn same(known: &Held, shelf: &Shelf) -> Held {
    let now = shelf.clock.now();
    let copied = Copied { checked: Some(now), ..known.copied.clone() };
    if let Err(error) = Files::of(&known.config, &shelf.state).write_about(&copied) {
        tracing::warn!(list = known.config.name, %error, "the time at which a list was last checked cannot be written to the state folder: after a restart, it seems to have been checked earlier");
    }
    Held { copied, checked: Some(now), error: None, ..known.clone() }
}

/// The SHA-256 that stands at `of`, for the file at `url`.
async fn published(of: &Url, url: &Url, client: &Client) -> Result<Digest, Error> {
    let text = client.fetch(of, "text/plain, */*;q=0.5", MOST_DIGEST, Purpose::List).await;
    let file = url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    Ok(Digest::of_file(&String::from_utf8_lossy(&text.map_err(Error::FetchDigest)?), file)?)
}

/// A list that is cut short by whoever publishes it looks like any other. That the same comes again proves nothing: what broke
/// there stays broken for a while. So an operator decides, unless there was little before.
fn against_loss(known: &Held, content: &Content) -> Result<(), Error> {
    let entries = |content: &Content| content.sets.values().map(|part| part.set.len()).sum::<u64>();
    let (before, now) = (entries(&known.content), entries(content));
    match before >= FEW && now < before / 2 {
        true => Err(Error::Less { name: known.config.name.clone(), before, now }),
        false => Ok(()),
    }
}
