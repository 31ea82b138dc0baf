//! Gives a command to a running node, and takes its answer.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{Command, Line, SOCKET};

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No program listens there, or it is another user's.
    #[error("{0} cannot be opened: {1}; does the program run, as this user, with this configuration?")]
    Away(String, io::Error),
    /// The connection broke.
    #[error("the answer broke off: {0}")]
    Broken(io::Error),
    /// The command was not carried out.
    #[error("{0}")]
    Refused(String),
}

/// Gives `command` to the node whose state folder is `folder`, and hands each item of its answer to `take`.
pub fn ask(folder: &Path, command: &str, arguments: &Value, take: impl FnMut(Value)) -> Result<(), Error> {
    ask_within(folder, command, arguments, None, take)
}

/// The same. No part of the answer may take longer than `patience`.
pub fn ask_within(
    folder: &Path,
    command: &str,
    arguments: &Value,
    patience: Option<Duration>,
    mut take: impl FnMut(Value),
) -> Result<(), Error> {
    let path = folder.join(SOCKET);
    let mut stream = UnixStream::connect(&path).map_err(|error| Error::Away(path.display().to_string(), error))?;
    stream.set_read_timeout(patience).and_then(|()| stream.set_write_timeout(patience)).map_err(Error::Broken)?;
    let command = Command { command: command.to_owned(), arguments: arguments.clone() };
    let mut text = serde_json::to_vec(&command).map_err(|error| Error::Broken(error.into()))?;
    text.push(b'\n');
    stream.write_all(&text).map_err(Error::Broken)?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(Error::Broken)?;
        match serde_json::from_str(&line).map_err(|error| Error::Broken(error.into()))? {
            Line::Item(item) => take(item),
            Line::Done(_) => return Ok(()),
            Line::Error(why) => return Err(Error::Refused(why)),
        }
    }
    Err(Error::Broken(io::ErrorKind::UnexpectedEof.into()))
}
