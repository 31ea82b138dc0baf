//! `vestibule metadata`: our SAML metadata, to be uploaded at the identity provider.

use std::io::Write as _;
use std::path::Path;

use super::{Failure, environment};
use crate::config;

/// Prints our metadata for the realm with this name, or for the only one.
pub(super) fn print(file: &Path, realm: Option<&str>) -> Result<(), Failure> {
    let config = config::load(file, &environment).map_err(|problems| Failure::config(&problems))?;
    let names: Vec<_> = config.realms.iter().map(|realm| realm.name.as_str()).collect();
    let found = match (realm, config.realms.as_slice()) {
        (Some(name), realms) => realms.iter().find(|realm| realm.name == name),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let found = found.ok_or_else(|| Failure::new(format!("name a realm: {}", names.join(", "))))?;
    let portal = config.portal.url.to_string();
    let us = found.service_provider(&portal, |path| std::fs::read(path)).map_err(Failure::new)?;
    std::io::stdout().write_all(us.metadata().map_err(Failure::new)?.as_bytes()).map_err(Failure::new)
}
