//! Links for operators. Only somebody who can read the state folder can make one, and the portal accepts it once.

pub mod consent;
pub(super) mod test_sso;
mod test_view;

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, Timestamp, after};
use crate::disk;
use crate::portal::visit::with_parameters;
use crate::seal::{self, SealKey, Sealer, random, random_text};

/// The key in the state folder.
const FILE: &str = "operator.key";

/// How long a link may wait to be opened.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(15);

const PURPOSE: &str = "operator link";

/// Seals and opens operators' links.
#[derive(Debug)]
pub struct Operators(Sealer);

/// What a link is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::portal) struct Link {
    /// The realm that may be tested.
    pub(in crate::portal) realm: String,
    /// A random word, by which the link is recognised when it comes again.
    pub(in crate::portal) once: String,
}

impl Operators {
    /// Opens the key in the state folder, and makes one if there is none.
    pub fn open(state: &Path) -> io::Result<Self> {
        let path = state.join(FILE);
        disk::make_folder(state)?;
        let unusable = || io::Error::other(format!("{} is not a key: remove it", path.display()));
        let read = || -> io::Result<[u8; 32]> { std::fs::read(&path)?.try_into().map_err(|_| unusable()) };
        // Read first, because nearly every start finds a key, and making one waits for the disk.
        let key = match read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made: [u8; 32] = random();
                match disk::create(&path, &made, disk::PRIVATE) {
                    Ok(()) => made,
                    // A command has made one at the same time.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read()?,
                    Err(error) => return Err(error),
                }
            }
            key => key?,
        };
        Ok(Self(Sealer::new(&[SealKey { id: 0, bytes: key.into() }], 0)))
    }

    /// A key in memory, so that links of commands do not work.
    pub fn ephemeral() -> Self {
        Self(Sealer::random())
    }

    /// The address with which anybody who has it can begin to test the sign-in to `realm`, once.
    pub fn test_link(&self, portal: &str, realm: &str, now: Timestamp) -> String {
        let link = Link { realm: realm.to_owned(), once: random_text() };
        let token = self.0.seal(PURPOSE, &link, after(now, LIFETIME));
        format!("{portal}{}", with_parameters(crate::portal::TEST_PATH, &[("t", &token)]))
    }

    pub(in crate::portal) fn read(&self, token: &str, now: Timestamp) -> Result<Link, seal::Error> {
        self.0.open(PURPOSE, token, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_opened_with_the_key_in_the_state_folder_for_a_quarter_of_an_hour() {
        use std::os::unix::fs::PermissionsExt as _;
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("new");
        let (command, program) = (Operators::open(&folder).unwrap(), Operators::open(&folder).unwrap());
        let now = Timestamp::UNIX_EPOCH;
        let address = command.test_link("https://portal.test", "contoso", now);
        let token = address.strip_prefix("https://portal.test/test-sso?t=").unwrap();
        assert_eq!(program.read(token, now).unwrap().realm, "contoso");
        assert_eq!(program.read(token, after(now, LIFETIME)).unwrap_err(), seal::Error::Expired);
        assert_eq!(Operators::ephemeral().read(token, now).unwrap_err(), seal::Error::Forged);
        let mode = std::fs::metadata(folder.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(folder.join(FILE), "short").unwrap();
        assert!(Operators::open(&folder).unwrap_err().to_string().contains("is not a key"));
    }
}
