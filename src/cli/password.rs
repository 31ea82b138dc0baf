//! `vestibule policy hash-password`: makes the hash of a password, for `override` of a rule.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use zeroize::Zeroizing;

use super::Failure;
use crate::password::HashedPassword;

/// How much is read of what is typed.
const MOST: u64 = 4096;

/// Reads a password from standard input, and prints its hash.
pub(super) fn hash() -> Result<(), Failure> {
    let is_typed = termios::isatty(std::io::stdin());
    let password = if is_typed { typed_twice()? } else { line("")? };
    let hashed = HashedPassword::of(&password).map_err(Failure::new)?;
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(format!("{}\n", hashed.expose()).as_bytes()));
    Ok(())
}

/// What somebody types, once more to be sure, without showing it.
fn typed_twice() -> Result<Zeroizing<String>, Failure> {
    let _quiet = Quiet::begin();
    let password = line("Password: ")?;
    if password == line("Once more: ")? {
        return Ok(password);
    }
    Err(Failure::new("the two differ: nothing was hashed"))
}

fn line(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let mut err = std::io::stderr();
    drop(err.write_all(prompt.as_bytes()));
    let mut text = Zeroizing::new(String::new());
    // Nothing is read beyond the line, so that a second one can follow.
    let mut input = BufReader::with_capacity(1, std::io::stdin().take(MOST));
    input.read_line(&mut text).map_err(|error| Failure::new(format!("the password cannot be read: {error}")))?;
    if !prompt.is_empty() {
        drop(err.write_all(b"\n"));
    }
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Quiet(Option<Termios>);

impl Quiet {
    fn begin() -> Self {
        let Ok(before) = termios::tcgetattr(std::io::stdin()) else { return Self(None) };
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &quiet).ok();
        Self(Some(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            termios::tcsetattr(std::io::stdin(), OptionalActions::Now, before).ok();
        }
    }
}
