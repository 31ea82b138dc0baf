//! Why there is no authority, or no leaf.

use std::io;
use std::path::Path;
use std::sync::Arc;

/// Why there is no authority, or no leaf.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the authority cannot be read or written.
    #[error("{0}: {1}{hint}", hint = hint(.1))]
    File(String, io::Error),
    /// A file of the authority does not hold a usable certificate or key.
    #[error("{0} holds no usable certificate or key: {1}")]
    Unusable(String, String),
    /// One of the two files is there and the other is not.
    #[error("{0} is there, but {1} is not: restore it, or move both away to make a new authority")]
    Incomplete(String, String),
    /// The certificate is of another key.
    #[error(
        "{0} is not the key of {1}: restore the two that belong together, or move both away to make a new authority, which \
         each device must be told to trust"
    )]
    Strangers(String, String),
    /// What the operator has named as the authority cannot be one.
    #[error(transparent)]
    Given(#[from] Wrong),
    /// A step of a roll-over that cannot be taken now.
    #[error("{0}")]
    Step(String),
    /// The authority must not issue a leaf for this name (name constraints).
    #[error("the authority may not issue a certificate for {0}")]
    Outside(String),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Issue(#[from] rcgen::Error),
    /// A certificate was made that cannot be used for TLS.
    #[error("a certificate was made that cannot be used for TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// Somebody else wanted the same leaf at the same time, and this came of it.
    #[error("{0}")]
    Again(Arc<Error>),
}

impl Error {
    pub(super) fn file(path: &Path, error: io::Error) -> Self {
        Self::File(path.display().to_string(), error)
    }
}

/// What is wrong with the authority that the operator has named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` of `[authority]`: {message}{}", if help.is_empty() { String::new() } else { format!("; {help}") })]
pub struct Wrong {
    /// The setting that is about it.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it. It may be empty.
    pub help: String,
    /// Whether it can be used all the same.
    pub is_doubt: bool,
}

impl Wrong {
    pub(super) fn new(key: &'static str, message: impl Into<String>, help: &str) -> Self {
        Self { key, message: message.into(), help: help.to_owned(), is_doubt: false }
    }

    pub(super) fn doubt(key: &'static str, message: impl Into<String>, help: &str) -> Self {
        Self { is_doubt: true, ..Self::new(key, message, help) }
    }
}

/// What to do about errors that operators often meet in containers.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; the state folder must belong to the user that the program runs as",
        io::ErrorKind::ReadOnlyFilesystem => "; the state folder must be on a file system that can be written to",
        _ => "",
    }
}
