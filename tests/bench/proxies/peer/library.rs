//! Proxies that are a library and nothing else. `make bench` builds them in the package of this benchmark.

use anyhow::Result;

use super::{Place, Start};
use crate::machine;
use crate::secure::NAME;

/// The versions of what they are made of.
const LOCK: &str = include_str!("../Cargo.lock");

/// Where the program of this name is, if it is built.
pub(super) fn program(name: &str) -> Option<String> {
    machine::built(name).ok().filter(|program| program.exists()).map(|program| program.display().to_string())
}

/// The version of the library of this name.
pub(super) fn version(name: &str) -> Option<String> {
    let (_, rest) = LOCK.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
    Some(format!("{name} {}", rest.split('"').next()?))
}

pub(super) fn hyper(place: &Place<'_>, program: &str) -> Result<Start> {
    start(place, program, &[&place.address.to_string(), &place.origin.to_string()])
}

pub(super) fn hudsucker(place: &Place<'_>, program: &str) -> Result<Start> {
    let authority = place.starter.origin.authority.file.display().to_string();
    start(place, program, &[&place.address.to_string(), &authority, NAME])
}

fn start(place: &Place<'_>, program: &str, words: &[&str]) -> Result<Start> {
    let mut command = place.starter.command(program, place.folder)?;
    command.args(words);
    Ok(Start { command, log: None })
}
