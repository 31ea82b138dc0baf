//! `vestibule ca`: the interception authority.

use std::io::Write as _;
use std::path::Path;

use super::{Failure, environment};
use crate::app::AUTHORITY_NAME;
use crate::authority::Authority;
use crate::clock::Clock;
use crate::config;

/// Prints the authority's certificate; makes the authority when there is none yet.
pub(super) fn show(file: &Path) -> Result<(), Failure> {
    let config = config::load(file, &environment).map_err(|problems| Failure::config(&problems))?;
    let authority = Authority::open_or_create(&config.state, AUTHORITY_NAME, Clock::system()).map_err(Failure::new)?;
    std::io::stdout().write_all(authority.certificate_pem().as_bytes()).map_err(Failure::new)
}
