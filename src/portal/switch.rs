//! Whether people may sign in to a realm. One that was not tested yet can wait for its test.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest;

use crate::saml::config::Enabled;

/// The folder, in the state folder, of what says which realms have passed.
const FOLDER: &str = "tested";

/// Whether people may sign in to a realm.
#[derive(Debug)]
pub struct Switch {
    on: AtomicBool,
    /// The file that says that the test has been passed; none where no test decides.
    passed: Option<PathBuf>,
}

impl Switch {
    /// A realm that is on.
    pub fn on() -> Self {
        Self { on: AtomicBool::new(true), passed: None }
    }

    /// As the configuration says. A test that was passed counts for these `facts` alone: our name and the identity
    /// provider's.
    pub fn read(enabled: Enabled, state: &Path, facts: &[&str]) -> Self {
        let passed = state.join(FOLDER).join(file_name(facts));
        match enabled {
            Enabled::Yes => Self::on(),
            Enabled::No => Self { on: AtomicBool::new(false), passed: None },
            Enabled::AfterTest => Self { on: AtomicBool::new(passed.exists()), passed: Some(passed) },
        }
    }

    /// Whether people may sign in.
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Whether a test that is passed would switch it on.
    pub fn waits_for_test(&self) -> bool {
        self.passed.is_some() && !self.is_on()
    }

    /// The test has been passed: it is on from now on, after a restart as well.
    pub fn pass(&self) -> io::Result<()> {
        let Some(passed) = &self.passed else { return Ok(()) };
        self.on.store(true, Ordering::Relaxed);
        passed.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(passed, "The test of this realm has been passed. Without this file it waits for another one.\n")
    }
}

/// A name that any file system takes.
fn file_name(facts: &[&str]) -> String {
    let hash = digest::digest(&digest::SHA256, facts.join("\n").as_bytes());
    hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_waits_for_its_test_once_and_again_when_it_is_another_one() {
        let state = tempfile::tempdir().unwrap();
        let read = |enabled, facts: &[&str]| Switch::read(enabled, state.path(), facts);
        let own = ["contoso", "urn:us", "urn:idp"];
        assert!(read(Enabled::Yes, &own).is_on() && !read(Enabled::No, &own).is_on());
        let switch = read(Enabled::AfterTest, &own);
        assert!(!switch.is_on() && switch.waits_for_test());
        switch.pass().unwrap();
        assert!(switch.is_on() && !switch.waits_for_test());
        assert!(read(Enabled::AfterTest, &own).is_on(), "after a restart");
        assert!(!read(Enabled::AfterTest, &["contoso", "urn:us", "urn:other"]).is_on());
        let off = read(Enabled::No, &own);
        off.pass().unwrap();
        assert!(!off.is_on(), "no test switches on what is off");
    }
}
