//! Keeps what is known of identity providers up to date: fetches their metadata, and keeps the last good copy.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use url::Url;

use super::accepted::{self, write};
use super::garden::hosts_of;
use super::validity::Notice;
use crate::clock::Clock;
use crate::egress::client::{self, Client};
use crate::policy::Purpose;
use crate::portal::Trust;
use crate::saml::{self, IdentityProvider};
use crate::seal::sha256;

/// The longest metadata that are read, in bytes. Entra's have some 60 kB.
const MAX_METADATA: usize = 1024 * 1024;
const ACCEPT: &str = "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1";
/// The source of one realm's metadata.
pub(super) struct Source {
    realm: saml::Config,
    url: Url,
    copy: PathBuf,
    trust: Arc<Trust>,
}

/// Why metadata were not put in force.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Fetch(#[from] client::Error),
    #[error(transparent)]
    Unusable(#[from] saml::config::Error),
}

impl Source {
    /// The source of a realm whose metadata are fetched (`None` for others), with the last good copy in the folder
    /// `state`. The `before` of the same address goes on, if the realm's requirements are the same.
    pub(super) fn open(realm: &saml::Config, state: &Path, clock: &Clock, before: Option<&Arc<Trust>>) -> Option<Self> {
        let url = realm.metadata_url.clone()?;
        let copy = copy_of(realm, &url, state);
        let checks = checks_of(realm);
        if let Some(before) = before.filter(|before| before.is_from(&url, &checks)) {
            return Some(Self { realm: realm.clone(), url, copy, trust: Arc::clone(before) });
        }
        let known = match std::fs::read(&copy) {
            Ok(metadata) => {
                realm.fetched(&metadata, None, |path| std::fs::read(path)).map_err(|error| error.to_string())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err("there is none yet".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let known = known.inspect_err(|reason| {
            tracing::info!(realm = realm.name, reason, "there is no usable copy of the identity provider's metadata: nobody can sign in to the realm until they have been fetched");
        });
        if let Ok(idp) = &known {
            tell(realm, idp, clock);
        }
        let trust = Arc::new(Trust::renewable(&url, known.ok(), clock.clone()).checked(checks));
        Some(Self { realm: realm.clone(), url, copy, trust })
    }

    /// The realm whose identity provider it is.
    pub(super) fn realm(&self) -> &saml::Config {
        &self.realm
    }

    /// The address from which they are fetched.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// What holds the realm's identity provider.
    pub(super) fn trust(&self) -> &Arc<Trust> {
        &self.trust
    }

    pub(super) async fn fetch(&self, client: &Client, clock: &Clock) -> Result<(IdentityProvider, Vec<u8>), Error> {
        let metadata = client.fetch(&self.url, ACCEPT, MAX_METADATA, Purpose::Metadata).await?;
        // Whose they were counts, even if the time of the last ones is over.
        let before = self.trust.last();
        let idp = self.realm.fetched(&metadata, before.as_deref(), |path| std::fs::read(path))?;
        idp.check_valid(clock.now()).map_err(saml::config::Error::from)?;
        Ok((idp, metadata.to_vec()))
    }

    /// Puts in force what was fetched. True if it differs from what was known.
    pub(super) fn take(&self, (idp, metadata): (IdentityProvider, Vec<u8>), clock: &Clock) -> bool {
        let before = self.trust.current();
        if before.as_deref() == Some(&idp) {
            self.trust.renew(Some(idp));
            return false;
        }
        tracing::info!(
            realm = self.realm.name,
            issuer = idp.entity_id(),
            certificates = idp.certificates().len(),
            "new metadata of the identity provider are in force"
        );
        tell(&self.realm, &idp, clock);
        if let Err(error) = write(&self.copy, &metadata) {
            tracing::error!(file = %self.copy.display(), %error, "no copy of the metadata can be written: a restart will have to fetch them before anybody can sign in");
        }
        self.trust.renew(Some(idp));
        true
    }
}

/// A hash of everything that a realm requires of its metadata, including the content of files. Metadata that were
/// accepted under other requirements may not fulfil these.
fn checks_of(realm: &saml::Config) -> [u8; 32] {
    let files = [&realm.metadata_certificate, &realm.require_ca_signed].map(|path| {
        let path = path.as_ref()?;
        std::fs::read(path).ok()
    });
    sha256(format!("{:?} {files:?}", realm.issuer).as_bytes())
}

/// The last good copy of a realm's metadata.
fn copy_of(realm: &saml::Config, url: &Url, state: &Path) -> PathBuf {
    state.join("metadata").join(file_name(&realm.name, url))
}

/// The file with the accepted hosts of a realm's metadata; `None` if its metadata are not fetched.
pub(super) fn accepted_file(realm: &saml::Config, state: &Path) -> Option<PathBuf> {
    realm.metadata_url.as_ref().map(|url| copy_of(realm, url, state).with_extension("hosts"))
}

/// The hosts that a realm's configuration itself names, including that of `metadata_url`: at most identity providers,
/// people sign in on that host.
pub(super) fn configured_hosts(realm: &saml::Config) -> BTreeSet<String> {
    let from = realm.metadata_url.as_ref().and_then(Url::host_str).map(str::to_owned);
    realm.sign_in_hosts.iter().map(|host| host.to_lowercase()).chain(from).collect()
}

/// The hosts of a realm that were accepted, as far as the state folder tells.
pub(super) fn accepted_hosts(realm: &saml::Config, state: &Path) -> Option<BTreeSet<String>> {
    accepted::read(&accepted_file(realm, state)?).ok().flatten()
}

/// The hosts that wait for an operator, as the state folder shows it: for commands that ask no running node.
pub fn waiting_hosts(realm: &saml::Config, state: &Path) -> BTreeSet<String> {
    let accepted = accepted_file(realm, state).and_then(|file| accepted::read(&file).ok().flatten());
    let Some(accepted) = accepted else { return BTreeSet::new() };
    let idp = last_known(realm, state);
    let configured = configured_hosts(realm);
    let named = idp.as_ref().map(hosts_of).unwrap_or_default();
    named.into_iter().filter(|host| !accepted.contains(host) && !configured.contains(host)).collect()
}

/// Says what an operator should know of an identity provider that has just become known: what is left out, which wishes are
/// not fulfilled, and which certificates have expired. Those are trusted all the same: Entra goes on signing with them.
pub(super) fn tell(realm: &saml::Config, idp: &IdentityProvider, clock: &Clock) {
    for until in idp.expired(clock.now()) {
        tracing::warn!(
            realm = realm.name,
            %until,
            "a signing certificate of the identity provider has expired: signatures by it are still accepted, because identity providers often go on signing with an expired certificate"
        );
    }
    for remark in realm.remarks(idp) {
        tracing::warn!(realm = realm.name, "{remark}");
    }
    // What is fetched is renewed each day: it is said of it when it is not.
    let until = idp.valid_until().filter(|_| realm.metadata_url.is_none());
    if let Some((until, notice)) = until.and_then(|until| Some((until, Notice::at(until, clock.now())?))) {
        notice.tell(&realm.name, until);
    }
}

/// The identity provider by the last good copy of its metadata, where they are fetched: for whoever asks no running node.
pub fn last_known(realm: &saml::Config, state: &Path) -> Option<IdentityProvider> {
    let metadata = std::fs::read(copy_of(realm, realm.metadata_url.as_ref()?, state)).ok()?;
    realm.fetched(&metadata, None, |path| std::fs::read(path)).ok()
}

/// A file name made of the realm's name, without characters that a file name should not have, and a hash of name and
/// address: a copy is valid for that address only.
fn file_name(realm: &str, url: &Url) -> String {
    let hash = digest::digest(&digest::SHA256, format!("{realm}\n{url}").as_bytes());
    let plain = realm.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let hash: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    plain.take(40).collect::<String>() + "-" + &hash + ".xml"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_path::ConfigPath;

    const CONTOSO: &str = include_str!("../../config/contoso.xml");

    fn realm() -> saml::Config {
        let text = "name = 'contoso'\ndomains = ['contoso.com']\nentity_id = 'urn:us'\n\
                    metadata_url = 'https://login.test/metadata.xml'";
        toml::from_str(text).unwrap()
    }

    /// The identity provider that is known at a start, with this in the file of the copy.
    fn at_start(copy: Option<&str>) -> Option<Arc<IdentityProvider>> {
        let (state, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let first = Source::open(&realm(), state.path(), &clock, None).unwrap();
        if let Some(copy) = copy {
            write(&first.copy, copy.as_bytes()).unwrap();
        }
        Source::open(&realm(), state.path(), &clock, None).unwrap().trust().current()
    }

    #[test]
    fn the_last_good_copy_is_known_after_a_restart_and_a_bad_one_is_not() {
        assert_eq!(at_start(None), None);
        assert_eq!(at_start(Some("<EntityDescriptor/>")), None);
        let known = at_start(Some(CONTOSO)).unwrap();
        assert_eq!(*known, IdentityProvider::from_metadata(CONTOSO).unwrap());
    }

    #[test]
    fn metadata_that_do_not_fulfil_what_is_wanted_now_are_not_trusted_any_more() {
        let (state, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let own = realm();
        let source = Source::open(&own, state.path(), &clock, None).unwrap();
        let idp = IdentityProvider::from_metadata(CONTOSO).unwrap();
        assert!(source.take((idp.clone(), CONTOSO.as_bytes().to_vec()), &clock));
        let open = |realm: &saml::Config| Source::open(realm, state.path(), &clock, Some(source.trust())).unwrap();
        assert!(Arc::ptr_eq(open(&own).trust(), source.trust()), "nothing else is wanted");
        let other = saml::Config { issuer: Some("urn:other".to_owned()), ..own.clone() };
        assert_eq!(open(&other).trust().current(), None);
        let certificate = state.path().join("signer.pem");
        let signed = saml::Config { metadata_certificate: Some(ConfigPath::at(&certificate)), ..own.clone() };
        std::fs::write(&certificate, "one that has signed nothing").unwrap();
        assert_eq!(open(&signed).trust().current(), None);
        let same = saml::Config { issuer: Some(idp.entity_id().to_owned()), ..own };
        assert_eq!(open(&same).trust().current().as_deref(), Some(&idp), "what fulfils it goes on");
    }

    /// The worst of a roll-over: metadata with the new key, and beside it a certificate that nobody can use.
    #[test]
    fn at_a_roll_over_the_new_key_is_taken_whatever_stands_beside_it() {
        let (state, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let source = Source::open(&realm(), state.path(), &clock, None).unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/saml/metadata/");
        let read = |name: &str| std::fs::read(format!("{folder}{name}")).unwrap();
        let mut known: Vec<Vec<u8>> = Vec::new();
        for (name, keys, left_out) in
            [("roll-over-good.xml", 2, 0), ("roll-over-weak.xml", 1, 1), ("roll-over-empty.xml", 1, 1)]
        {
            let metadata = read(name);
            let before = source.trust().current();
            let idp = source.realm.fetched(&metadata, before.as_deref(), |path| std::fs::read(path)).unwrap();
            assert!(source.take((idp, metadata), &clock), "{name}");
            let current = source.trust().current().unwrap();
            assert_eq!((current.certificates().len(), current.left_out().len()), (keys, left_out), "{name}");
            let shared = current.certificates().iter().any(|key| known.contains(key));
            assert!(known.is_empty() || shared, "{name}: the key that was known goes on");
            known = current.certificates().to_vec();
        }
    }

    #[test]
    fn what_is_taken_is_kept() {
        let (state, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let source = Source::open(&realm(), state.path(), &clock, None).unwrap();
        let idp = IdentityProvider::from_metadata(CONTOSO).unwrap();
        let fetched = || (idp.clone(), CONTOSO.as_bytes().to_vec());
        assert!(source.take(fetched(), &clock) && !source.take(fetched(), &clock));
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
