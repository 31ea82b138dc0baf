//! Why the directory cannot be read or written.

use std::io;

use super::feed::Feed;
use super::shelf::ShelfAway;

/// Why the directory was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A newer version of this program wrote the file.
    #[error("{0} was written by a newer version of this program: run that one, or move the file away to begin anew")]
    Newer(String),
    /// The file cannot be made or opened.
    #[error("{0} cannot be opened: {1}")]
    Open(String, io::Error),
    /// The file cannot be read or written.
    #[error("the directory's file cannot be read or written: {0}")]
    File(Box<redb::Error>),
    /// A row in the file is not one.
    #[error("a row of the directory's file cannot be read: {0}")]
    Row(#[from] serde_json::Error),
    /// There are more objects than numbers for them.
    #[error("the directory has no room for more objects")]
    Full,
    /// The program stops.
    #[error("the directory is being closed")]
    Closed,
    /// The store that nodes share does not answer, so nothing is written: the other nodes would not know of it.
    #[error("the shared store does not answer, and nothing is written that the other nodes do not know")]
    Away,
    /// Another node does this.
    #[error("another node leads this directory, and does this in the place of this one")]
    NotLeading,
    /// What another node has written cannot be read.
    #[error("what another node has written cannot be read ({0}): run the same version of this program on all nodes")]
    Journal(String),
    /// It contradicts what the same feed has said.
    #[error(transparent)]
    Conflict(#[from] Conflict),
}

/// Why a row cannot stand beside the others of its feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Another person of the feed has the name.
    #[error("another person that {0} knows has this name")]
    Name(Feed),
    /// Another row of the feed stands for the same object.
    #[error("another row of {0} stands for the object with this object ID")]
    Object(Feed),
    /// The object is a group, and not a person, or the other way round.
    #[error("the object with this object ID is of another kind")]
    Kind,
    /// Nothing has the identifier.
    #[error("nothing that {0} knows has this identifier")]
    Unknown(Feed),
}

impl From<ShelfAway> for Error {
    fn from(_: ShelfAway) -> Self {
        Self::Away
    }
}

/// For errors of the file, whichever of its operations failed.
pub(super) fn failed(error: impl Into<redb::Error>) -> Error {
    Error::File(Box::new(error.into()))
}
