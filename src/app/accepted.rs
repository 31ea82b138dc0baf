//! The hosts in an identity provider's metadata that people may reach before they have signed in: those of the first
//! metadata, and those that an operator has accepted since. The state folder keeps them.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::disk;

/// The accepted hosts of one realm.
#[derive(Debug)]
pub(super) struct Accepted {
    file: PathBuf,
    /// `None` before the first metadata.
    hosts: Mutex<Option<BTreeSet<String>>>,
}

impl Accepted {
    /// Reads the hosts from `file`, which is beside the copy of the metadata.
    pub(super) fn open(file: PathBuf) -> Self {
        let hosts = read(&file).unwrap_or_else(|error| {
            let file = file.display();
            tracing::error!(%file, %error, "the file of accepted hosts cannot be read: no host counts as accepted until an operator accepts it anew");
            Some(BTreeSet::new())
        });
        Self { file, hosts: Mutex::new(hosts) }
    }

    /// The file that keeps them.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Whether this host is one of them.
    pub(super) fn holds(&self, host: &str) -> bool {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.as_ref().is_some_and(|hosts| hosts.contains(host))
    }

    /// Accepts the hosts of the first metadata, and does nothing for later ones. The operator has named the address of
    /// these metadata.
    pub(super) fn begin(&self, named: &BTreeSet<String>) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.is_some() {
            return;
        }
        if let Err(error) = keep(&self.file, named) {
            tracing::error!(file = %self.file.display(), %error, "the hosts of the first metadata cannot be written to the state folder: they are accepted until the next restart");
        }
        *hosts = Some(named.clone());
    }

    /// Accepts more hosts, on an operator's command. If they cannot be written, none is accepted.
    pub(super) fn add(&self, more: &BTreeSet<String>) -> io::Result<()> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let all = hosts.iter().flatten().chain(more).cloned().collect();
        keep(&self.file, &all)?;
        *hosts = Some(all);
        Ok(())
    }
}

/// The hosts in the file; `None` if there is no file.
pub(super) fn read(file: &Path) -> io::Result<Option<BTreeSet<String>>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn keep(file: &Path, hosts: &BTreeSet<String>) -> io::Result<()> {
    let lines: String = hosts.iter().map(|host| format!("{host}\n")).collect();
    write(file, lines.as_bytes())
}

/// Writes a file as a whole or not at all.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    disk::replace(path, content, disk::PRIVATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(hosts: &[&str]) -> BTreeSet<String> {
        hosts.iter().map(|&host| host.to_owned()).collect()
    }

    #[test]
    fn the_first_metadata_and_the_operator_open_hosts_and_later_metadata_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new").join("a.hosts");
        let accepted = Accepted::open(file.clone());
        assert!(!accepted.holds("a.test"));
        accepted.begin(&set(&["a.test"]));
        accepted.begin(&set(&["b.test"]));
        assert!(accepted.holds("a.test") && !accepted.holds("b.test"));
        accepted.add(&set(&["c.test"])).unwrap();
        let again = Accepted::open(file.clone());
        again.begin(&set(&["b.test"]));
        assert!(again.holds("a.test") && again.holds("c.test") && !again.holds("b.test"), "after a restart as well");
        // A file that cannot be read accepts nothing, and does not count as the first metadata.
        std::fs::write(&file, b"\xff\xfe").unwrap();
        let broken = Accepted::open(file);
        broken.begin(&set(&["b.test"]));
        assert!(!broken.holds("a.test") && !broken.holds("b.test"));
    }
}
