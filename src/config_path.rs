//! Paths in the configuration: relative ones begin at the folder of the configuration file.

use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde::de::{self, Deserialize, Deserializer};

/// The path of a file or folder that the configuration names. It is absolute.
///
/// Whoever reads the configuration replaces a relative path by the absolute one that it stands for. A relative path that
/// is not replaced fails to deserialise ([`ConfigPath::is_unresolved`]), so that none can begin at the working folder.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigPath(PathBuf);

/// The end of the error of a relative path, which the path itself precedes.
const UNRESOLVED: &str = "is a path that was not resolved";

impl ConfigPath {
    /// The path that a text stands for.
    ///
    /// # Errors
    ///
    /// What is wrong with it: it is empty, or relative.
    pub fn new(text: &str) -> Result<Self, String> {
        match Path::new(text) {
            path if path.is_absolute() => Ok(Self(path.to_owned())),
            _ if text.is_empty() => Err("a path is empty: leave its key out if there is no file".to_owned()),
            _ => Err(format!("`{text}` {UNRESOLVED}")),
        }
    }

    /// This path; a relative one begins at the root.
    pub(crate) fn at(path: impl AsRef<Path>) -> Self {
        Self(Path::new("/").join(path))
    }

    /// Whether this is the error of a relative path.
    pub fn is_unresolved(message: &str) -> bool {
        message.ends_with(UNRESOLVED)
    }
}

impl Deref for ConfigPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for ConfigPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl From<ConfigPath> for PathBuf {
    fn from(path: ConfigPath) -> Self {
        path.0
    }
}

impl fmt::Debug for ConfigPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for ConfigPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
