//! Looks up secrets that the configuration refers to, in files and in the environment.

use std::path::{Path, PathBuf};

/// No secret is longer.
const LONGEST: u64 = 1 << 20;

/// Where secrets are looked up.
pub(super) struct Secrets<'a> {
    /// Where relative paths begin.
    pub(super) folder: PathBuf,
    environment: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Secrets<'a> {
    /// Relative paths begin at `folder`.
    pub(super) fn new(folder: &Path, environment: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        // Only a process without a working folder has no absolute paths, and that can read no relative file either.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| Path::new("/").join(folder));
        Self { folder, environment }
    }

    /// What the file holds, without the line break that editors put at its end.
    pub(super) fn in_file(&self, path: &str) -> Result<String, String> {
        let path = self.folder.join(path);
        let said = |why: String| format!("the secret cannot be read from `{}`: {why}", path.display());
        let size = std::fs::metadata(&path).map_err(|error| said(error.to_string()))?.len();
        if size > LONGEST {
            return Err(said("it is longer than 1 MiB".to_owned()));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| said(error.to_string()))?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(said("it is empty".to_owned())),
            secret => Ok(secret.to_owned()),
        }
    }

    /// What the environment variable holds.
    pub(super) fn in_environment(&self, name: &str) -> Result<String, String> {
        (self.environment)(name)
            .filter(|secret| !secret.is_empty())
            .ok_or_else(|| format!("the environment variable `{name}` is not set, and should hold a secret"))
    }
}
