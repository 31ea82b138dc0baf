//! Keeps what is known of identity providers up to date: fetches their metadata, keeps the last good copy.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use url::Url;

use super::accepted;
use super::fetch::{self, Fetcher};
use super::garden::{SignInHosts, hosts_of};
use crate::clock::Clock;
use crate::policy::Permit;
use crate::portal::Trust;
use crate::saml::{self, IdentityProvider};

/// Longer metadata are not read. Entra's have some 60 kB.
const MAX_METADATA: usize = 1024 * 1024;
const ACCEPT: &str = "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1";
/// How soon it is tried again after a failure: this, and twice as long each time, up to a longest time.
const FIRST_RETRY: Duration = Duration::from_secs(10);
const LONGEST_RETRY: Duration = Duration::from_mins(15);

/// The metadata of one realm.
pub(super) struct Source {
    realm: saml::Config,
    url: Url,
    copy: PathBuf,
    trust: Arc<Trust>,
}

/// The metadata of all realms that have theirs fetched, and what fetches them.
pub(super) struct Sources {
    pub(super) sources: Vec<Source>,
    pub(super) fetcher: Fetcher,
    pub(super) hosts: Arc<SignInHosts>,
    pub(super) clock: Clock,
}

impl Sources {
    /// Starts a task for each.
    pub(super) fn spawn(self) -> Vec<JoinHandle<()>> {
        let Self { sources, fetcher, hosts, clock } = self;
        let keep = |source: Source| tokio::spawn(source.keep(fetcher.clone(), Arc::clone(&hosts), clock.clone()));
        sources.into_iter().map(keep).collect()
    }
}

/// Why metadata were not taken.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    #[error(transparent)]
    Unusable(#[from] saml::config::Error),
}

impl Source {
    /// The source of a realm whose metadata are fetched, with the last good copy in the folder `state`.
    pub(super) fn open(realm: &saml::Config, state: &Path, clock: &Clock) -> Option<Self> {
        let url = realm.metadata_url.clone()?;
        let copy = copy_of(realm, &url, state);
        let known = match std::fs::read(&copy) {
            Ok(metadata) => {
                realm.fetched(&metadata, None, |path| std::fs::read(path)).map_err(|error| error.to_string())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err("there is none yet".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let known = known.inspect_err(|reason| {
            tracing::info!(realm = realm.name, reason, "no copy of the identity provider's metadata");
        });
        if let Ok(idp) = &known {
            warn_of_expired(&realm.name, idp, clock);
        }
        let trust = Arc::new(Trust::renewable(known.ok(), clock.clone()));
        Some(Self { realm: realm.clone(), url, copy, trust })
    }

    /// Who vouches for the realm's people.
    pub(super) fn trust(&self) -> &Arc<Trust> {
        &self.trust
    }

    /// Fetches the metadata at once, then on schedule, and when somebody wants them.
    pub(super) async fn keep(self, fetcher: Fetcher, hosts: Arc<SignInHosts>, clock: Clock) {
        let usual = Duration::try_from(self.realm.metadata_refresh).unwrap_or(Duration::from_secs(86_400));
        let mut retry = FIRST_RETRY;
        loop {
            let pause = match self.fetch(&fetcher, &clock).await {
                Ok(idp) => {
                    self.take(idp, &hosts, &clock);
                    retry = FIRST_RETRY;
                    usual
                }
                Err(error) => {
                    let known = self.trust.current().is_some();
                    tracing::warn!(
                        realm = self.realm.name,
                        url = %self.url,
                        reason = %error,
                        known,
                        "the identity provider's metadata were not taken; what was known stays"
                    );
                    self.trust.renew(None);
                    let pause = retry.min(usual);
                    retry = retry.saturating_mul(2).min(LONGEST_RETRY);
                    pause
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.trust.wanted() => {}
            }
        }
    }

    async fn fetch(&self, fetcher: &Fetcher, clock: &Clock) -> Result<(IdentityProvider, Vec<u8>), Error> {
        let permit = Permit::for_operator("metadata");
        let metadata = fetcher.fetch(&self.url, ACCEPT, MAX_METADATA, permit).await?;
        let before = self.trust.current();
        let idp = self.realm.fetched(&metadata, before.as_deref(), |path| std::fs::read(path))?;
        idp.check_valid(clock.now()).map_err(saml::config::Error::from)?;
        Ok((idp, metadata.to_vec()))
    }

    fn take(&self, (idp, metadata): (IdentityProvider, Vec<u8>), hosts: &SignInHosts, clock: &Clock) {
        let before = self.trust.current();
        if before.as_deref() == Some(&idp) {
            self.trust.renew(Some(idp));
            return;
        }
        tracing::info!(
            realm = self.realm.name,
            issuer = idp.entity_id(),
            certificates = idp.certificates().len(),
            "new metadata of the identity provider"
        );
        warn_of_expired(&self.realm.name, &idp, clock);
        if let Err(error) = write(&self.copy, &metadata) {
            tracing::error!(file = %self.copy.display(), %error, "no copy of the metadata could be kept");
        }
        self.trust.renew(Some(idp));
        hosts.refresh();
    }
}

/// The last good copy of a realm's metadata.
fn copy_of(realm: &saml::Config, url: &Url, state: &Path) -> PathBuf {
    state.join("metadata").join(file_name(&realm.name, url))
}

/// The file with the hosts of a realm's metadata that are accepted; none where metadata are not fetched.
pub(super) fn accepted_file(realm: &saml::Config, state: &Path) -> Option<PathBuf> {
    realm.metadata_url.as_ref().map(|url| copy_of(realm, url, state).with_extension("hosts"))
}

/// The hosts that a realm's configuration itself names: where its metadata come from, most identity providers sign people
/// in.
pub(super) fn configured_hosts(realm: &saml::Config) -> BTreeSet<String> {
    let from = realm.metadata_url.as_ref().and_then(Url::host_str).map(str::to_owned);
    realm.sign_in_hosts.iter().map(|host| host.to_lowercase()).chain(from).collect()
}

/// The hosts that wait for an operator's word, as far as the state folder tells: for whoever asks no running node.
pub fn waiting_hosts(realm: &saml::Config, state: &Path) -> BTreeSet<String> {
    let accepted = accepted_file(realm, state).and_then(|file| accepted::read(&file).ok().flatten());
    let (Some(accepted), Some(url)) = (accepted, &realm.metadata_url) else { return BTreeSet::new() };
    let idp = std::fs::read(copy_of(realm, url, state)).ok();
    let idp = idp.and_then(|metadata| realm.fetched(&metadata, None, |path| std::fs::read(path)).ok());
    let configured = configured_hosts(realm);
    let named = idp.as_ref().map(hosts_of).unwrap_or_default();
    named.into_iter().filter(|host| !accepted.contains(host) && !configured.contains(host)).collect()
}

/// Says which certificates have expired. They are trusted all the same: Entra goes on signing with them.
pub(super) fn warn_of_expired(realm: &str, idp: &IdentityProvider, clock: &Clock) {
    for until in idp.expired(clock.now()) {
        tracing::warn!(realm, %until, "a signing certificate of the identity provider has expired; it is still trusted");
    }
}

/// The realm's name as far as a file can be called so, and the address: a copy is good for that address only.
fn file_name(realm: &str, url: &Url) -> String {
    let hash = digest::digest(&digest::SHA256, format!("{realm}\n{url}").as_bytes());
    let plain = realm.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let hash: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    plain.take(40).collect::<String>() + "-" + &hash + ".xml"
}

/// Writes a file as a whole or not at all.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    std::fs::write(&new, content)?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTOSO: &str = include_str!("../../config/contoso.xml");

    fn realm() -> saml::Config {
        let text = "name = 'contoso'\ndomains = ['contoso.com']\nentity_id = 'urn:us'\n\
                    metadata_url = 'https://login.test/metadata.xml'";
        toml::from_str(text).unwrap()
    }

    /// The identity provider that is known at a start, with this in the file of the copy.
    fn at_start(copy: Option<&str>) -> Option<Arc<IdentityProvider>> {
        let (state, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let first = Source::open(&realm(), state.path(), &clock).unwrap();
        if let Some(copy) = copy {
            write(&first.copy, copy.as_bytes()).unwrap();
        }
        Source::open(&realm(), state.path(), &clock).unwrap().trust().current()
    }

    #[test]
    fn the_last_good_copy_is_known_after_a_restart_and_a_bad_one_is_not() {
        assert_eq!(at_start(None), None);
        assert_eq!(at_start(Some("<EntityDescriptor/>")), None);
        let known = at_start(Some(CONTOSO)).unwrap();
        assert_eq!(*known, IdentityProvider::from_metadata(CONTOSO).unwrap());
    }

    #[test]
    fn what_is_taken_is_kept() {
        let (state, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let source = Source::open(&realm(), state.path(), &clock).unwrap();
        let hosts = SignInHosts::new(vec![]);
        let idp = IdentityProvider::from_metadata(CONTOSO).unwrap();
        source.take((idp.clone(), CONTOSO.as_bytes().to_vec()), &hosts, &clock);
        assert_eq!(source.trust().current().as_deref(), Some(&idp));
        assert_eq!(std::fs::read_to_string(&source.copy).unwrap(), CONTOSO);
        assert!(std::fs::read_dir(source.copy.parent().unwrap()).unwrap().count() == 1, "nothing else is left");
    }

    #[test]
    fn a_copy_is_good_for_one_realm_and_one_address() {
        let url = |text: &str| text.parse::<Url>().unwrap();
        let name = file_name("Contoso/../x", &url("https://login.test/a"));
        assert!(name.starts_with("Contoso----x-") && name.ends_with(".xml") && !name.contains('/'), "{name}");
        // Another name, and what was kept is not found after an update.
        assert_eq!(name, "Contoso----x-1441427a7b9bfb1f.xml");
        assert_ne!(name, file_name("Contoso/../x", &url("https://login.test/b")));
        assert_ne!(name, file_name("Contoso/..-x", &url("https://login.test/a")));
        assert!(file_name(&"x".repeat(500), &url("https://login.test/")).len() < 80);
    }
}
