//! The tokens of a directory that several nodes keep: they are kept in it, so that each node knows all of them.

use std::io;
use std::sync::Arc;

use super::{BearerTokens, Saved, Token};

/// Under which a directory remembers its tokens.
pub const STATE: &str = "scim/tokens";

impl BearerTokens {
    /// The tokens of a directory, for other nodes, and without the one that is called `without`. Only fingerprints.
    pub fn told_of(&self, directory: &str, without: &str) -> Vec<u8> {
        let all = self.all.load();
        let own = all.iter().filter(|token| token.saved.directory == directory && token.saved.id != without);
        // Each node notes for itself when a token is used.
        let saved: Vec<Saved> = own.map(|token| Saved { used: None, ..token.saved.clone() }).collect();
        serde_json::to_vec(&saved).unwrap_or_default()
    }

    /// Has a directory have exactly those tokens that `told` tells of. Whether that has changed anything.
    ///
    /// # Errors
    /// If the disk does not take it, or `told` tells of no tokens; then nothing has changed.
    pub fn adopt(&self, directory: &str, told: &[u8]) -> io::Result<bool> {
        let told: Vec<Saved> = serde_json::from_slice(told)?;
        let is_own = |token: &&Arc<Token>| token.saved.directory == directory;
        let _writing = self.write();
        let all = self.all.load();
        let known = |saved: &Saved| {
            all.iter().find(|token| token.saved.id == saved.id && token.saved.fingerprint == saved.fingerprint)
        };
        let told: Vec<Saved> = told.into_iter().filter(|saved| saved.directory == directory).collect();
        if told.len() == all.iter().filter(is_own).count() && told.iter().all(|saved| known(saved).is_some()) {
            return Ok(false);
        }
        let own = told.into_iter().map(|saved| match known(&saved) {
            Some(token) => Arc::clone(token),
            None => Arc::new(Token::new(saved)),
        });
        let next: Vec<_> = all.iter().filter(|token| !is_own(token)).cloned().chain(own).collect();
        self.save(&next)?;
        self.all.store(Arc::new(next));
        Ok(true)
    }

    /// The directory of the token that is called so.
    pub fn directory_of(&self, id: &str) -> Option<String> {
        self.all.load().iter().find(|token| token.saved.id == id).map(|token| token.saved.directory.clone())
    }

    /// Whether a directory has a token here.
    pub fn has_any(&self, directory: &str) -> bool {
        self.all.load().iter().any(|token| token.saved.directory == directory)
    }
}

/// What is told of the tokens of a directory, once the one that is called `id` is in it as `told` has it, or no longer is. `kept`
/// is what was told before: other nodes may have made or revoked others meanwhile.
pub fn merged(kept: Option<&[u8]>, told: &[u8], id: &str, is_new: bool) -> Vec<u8> {
    let read = |octets: &[u8]| serde_json::from_slice::<Vec<Saved>>(octets).unwrap_or_default();
    let mut all = read(kept.unwrap_or(told));
    all.retain(|saved| saved.id != id);
    if is_new {
        all.extend(read(told).into_iter().filter(|saved| saved.id == id));
    }
    serde_json::to_vec(&all).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SignedDuration};

    #[test]
    fn another_node_knows_the_tokens_of_a_directory_and_forgets_those_that_are_revoked() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [here, there] =
            folders.each_ref().map(|folder| BearerTokens::open(folder.path(), Clock::system()).unwrap());
        let day = SignedDuration::from_hours(24);
        let (text, described) = here.make("a", day).unwrap();
        let (other, _) = there.make("b", day).unwrap();
        assert!(there.adopt("a", &here.told_of("a", "")).unwrap());
        assert!(!there.adopt("a", &here.told_of("a", "")).unwrap(), "nothing has changed");
        assert_eq!(there.find(text.expose()).unwrap().directory(), "a");
        assert_eq!(there.directory_of(&described.id).as_deref(), Some("a"));
        // It survives a restart, and what is told of one directory says nothing of another one.
        let again = BearerTokens::open(folders[1].path(), Clock::system()).unwrap();
        assert!(again.find(text.expose()).is_some() && again.find(other.expose()).is_some());
        assert!(there.adopt("a", &here.told_of("a", &described.id)).unwrap());
        assert!(there.find(text.expose()).is_none() && there.find(other.expose()).is_some());
        assert!(there.adopt("a", b"{").is_err());
        // One node makes a token while another one revokes one: neither undoes what the other does.
        let (_, second) = here.make("a", day).unwrap();
        let before = here.told_of("a", &second.id);
        let revoked = merged(Some(&before), &before, &described.id, false);
        let made = merged(Some(&revoked), &here.told_of("a", ""), &second.id, true);
        let ids: Vec<String> =
            serde_json::from_slice::<Vec<Saved>>(&made).unwrap().into_iter().map(|saved| saved.id).collect();
        assert_eq!(ids, [second.id]);
    }
}
