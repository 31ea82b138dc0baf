//! The switch of a realm: whether people may sign in to it. A realm can be configured to wait until it has been tested.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::disk;
use crate::saml::config::Enabled;
use crate::saml::{Config, IdentityProvider};

/// The folder in the state folder that records which realms have passed their test.
const FOLDER: &str = "tested";

/// Whether people may sign in to a realm.
#[derive(Debug)]
pub struct Switch {
    enabled: Enabled,
    /// Our entity ID.
    ours: String,
    /// The source of the identity provider's metadata; empty if they are configured by hand.
    source: String,
    /// The file that records the passed test.
    file: PathBuf,
    passed: Mutex<Option<Passed>>,
}

/// A test that was passed, and what was tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Passed {
    ours: String,
    issuer: String,
    source: String,
    /// The SHA-256 hashes of the keys that were trusted then.
    keys: Vec<String>,
}

impl Switch {
    /// A switch that is on.
    pub fn on() -> Self {
        let (ours, source, file) = (String::new(), String::new(), PathBuf::new());
        Self { enabled: Enabled::Yes, ours, source, file, passed: Mutex::default() }
    }

    /// The switch as the realm is configured, with the record of a test if there is one.
    ///
    /// A passed test counts for what was tested: our entity ID, and the identity provider's with its keys. If the
    /// metadata still come from the same source, the keys in them may have changed; if they come from another source,
    /// one of the keys must be among those that were tested.
    pub fn read(realm: &Config, state: &Path) -> Self {
        let file = state.join(FOLDER).join(file_name(&[&realm.name, &realm.entity_id]) + ".json");
        let passed = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let source = match (&realm.metadata, &realm.metadata_url) {
            (Some(path), _) => format!("file {}", plain(path).display()),
            (None, Some(url)) => format!("url {url}"),
            (None, None) => String::new(),
        };
        Self { enabled: realm.enabled, ours: realm.entity_id.clone(), source, file, passed: Mutex::new(passed) }
    }

    /// Whether it is for the same realm with the same configuration as `other`.
    pub fn is_of(&self, other: &Self) -> bool {
        (self.enabled, &self.ours, &self.source, &self.file) == (other.enabled, &other.ours, &other.source, &other.file)
    }

    /// Whether people may sign in with this identity provider, or, if there is none yet, once it is known.
    pub fn is_on(&self, idp: Option<&IdentityProvider>) -> bool {
        match self.enabled {
            Enabled::Yes => true,
            Enabled::No => false,
            Enabled::AfterTest => {
                let passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
                passed.as_ref().is_some_and(|passed| self.counts(passed, idp))
            }
        }
    }

    fn counts(&self, passed: &Passed, idp: Option<&IdentityProvider>) -> bool {
        let same_source = !self.source.is_empty() && passed.source == self.source;
        let Some(idp) = idp else { return same_source && passed.ours == self.ours };
        passed.ours == self.ours
            && passed.issuer == idp.entity_id()
            && (same_source || idp.keys().iter().any(|key| passed.keys.contains(key)))
    }

    /// Whether passing a test would switch it on.
    pub fn waits_for_test(&self, idp: Option<&IdentityProvider>) -> bool {
        self.enabled == Enabled::AfterTest && !self.is_on(idp)
    }

    /// Notes that the test was passed with this identity provider: the realm is on from now on, also after a restart.
    /// If there is an error, the record could not be written, and it is on until the program ends.
    pub fn pass(&self, idp: &IdentityProvider) -> io::Result<()> {
        if self.enabled != Enabled::AfterTest {
            return Ok(());
        }
        let (ours, source, issuer) = (self.ours.clone(), self.source.clone(), idp.entity_id().to_owned());
        let passed = Passed { ours, issuer, source, keys: idp.keys() };
        let mut own = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        if own.as_ref() == Some(&passed) {
            return Ok(());
        }
        *own = Some(passed.clone());
        drop(own);
        disk::replace(&self.file, &serde_json::to_vec(&passed)?, disk::PRIVATE)
    }

    /// If the test counts for this identity provider, records the keys that it has now.
    pub fn follow(&self, idp: &IdentityProvider) -> io::Result<()> {
        if self.is_on(Some(idp)) { self.pass(idp) } else { Ok(()) }
    }
}

/// A path in normal form, whether it exists or not. Does not follow links, because their targets may change.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// A file name that every file system accepts.
fn file_name(facts: &[&str]) -> String {
    let hash = digest::digest(&digest::SHA256, facts.join("\n").as_bytes());
    hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idp(issuer: &str, keys: &[&rcgen::KeyPair]) -> IdentityProvider {
        let pem =
            |key: &&rcgen::KeyPair| rcgen::CertificateParams::new(vec![]).unwrap().self_signed(*key).unwrap().pem();
        let file: String = keys.iter().map(pem).collect();
        IdentityProvider::from_parts(issuer, "https://login.test/", None, file.as_bytes()).unwrap()
    }

    fn realm(lines: &str) -> Config {
        let text = format!("name = 'contoso'\ndomains = ['contoso.com']\nenabled = 'after-test'\n{lines}");
        toml::from_str(&text).unwrap()
    }

    const FILE: &str = "entity_id = 'urn:us'\nmetadata = '/etc/src/contoso.xml'";

    #[test]
    fn a_test_counts_for_what_was_tested_however_it_is_written() {
        let state = tempfile::tempdir().unwrap();
        let [old, new, other] = [(); 3].map(|()| rcgen::KeyPair::generate().unwrap());
        let tested = idp("urn:idp", &[&old]);
        let read = |lines: &str| Switch::read(&realm(lines), state.path());
        let switch = read(FILE);
        assert!(!switch.is_on(Some(&tested)) && switch.waits_for_test(Some(&tested)) && !switch.is_on(None));
        switch.pass(&tested).unwrap();
        assert!(switch.is_on(Some(&tested)) && !switch.waits_for_test(Some(&tested)));
        for same in [FILE, &FILE.replace("src/", "./src/"), &FILE.replace("src/", "src/../src/")] {
            assert!(read(same).is_on(Some(&tested)), "{same}: after a restart");
            assert!(
                read(same).is_on(Some(&idp("urn:idp", &[&new]))),
                "{same}: a roll-over that the same file announces"
            );
            assert!(!read(same).is_on(Some(&idp("urn:other", &[&old]))), "{same}: another identity provider");
            assert!(!read(same).is_on(Some(&idp("urn:other", &[&new]))), "{same}: another identity provider, all new");
        }
        let by_hand =
            "entity_id = 'urn:us'\nissuer = 'urn:idp'\nlogin_url = 'https://login.test/'\ncertificate = '/c.cer'";
        for moved in [&FILE.replace("src/", "config/"), by_hand] {
            assert!(read(moved).is_on(Some(&tested)), "{moved}: the same identity provider");
            assert!(read(moved).is_on(Some(&idp("urn:idp", &[&new, &old]))), "{moved}: a roll-over");
            assert!(!read(moved).is_on(Some(&idp("urn:idp", &[&other]))), "{moved}: none of the keys was tested");
        }
        assert!(!read(&FILE.replace("urn:us", "urn:we")).is_on(Some(&tested)), "under another name of ours");
        // By hand, a roll-over goes on from the keys that there were at the last start.
        let both = idp("urn:idp", &[&old, &new]);
        read(by_hand).follow(&both).unwrap();
        assert!(read(by_hand).is_on(Some(&idp("urn:idp", &[&new]))));
        read(by_hand).follow(&idp("urn:other", &[&other])).unwrap();
        assert!(!read(by_hand).is_on(Some(&idp("urn:other", &[&other]))), "what does not count is not followed");
        std::fs::write(&switch.file, "The test of this realm has been passed.\n").unwrap();
        assert!(!read(FILE).is_on(Some(&tested)), "a file that says not what was tested counts for nothing");
    }

    #[test]
    fn no_test_switches_on_what_is_off() {
        let state = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let tested = idp("urn:idp", &[&key]);
        let read = |enabled| Switch::read(&Config { enabled, ..realm(FILE) }, state.path());
        read(Enabled::AfterTest).pass(&tested).unwrap();
        assert!(read(Enabled::Yes).is_on(None) && !read(Enabled::No).is_on(Some(&tested)));
        let off = read(Enabled::No);
        off.pass(&tested).unwrap();
        assert!(!off.is_on(Some(&tested)) && !off.waits_for_test(Some(&tested)));
    }
}
