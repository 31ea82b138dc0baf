//! `vestibule test-sso REALM`: makes a link at which the sign-in to a realm can be tested.

use std::io::Write as _;
use std::path::Path;

use super::{Failure, environment};
use crate::clock::Clock;
use crate::config;
use crate::portal::{Operators, TEST_LINK_LIFETIME};

/// Prints the link. Whoever can read the state folder may make one: it is sealed with a key there, so the program that
/// serves needs no other way to know it.
pub(super) fn test_sso(realm: &str, file: &Path) -> Result<(), Failure> {
    let config = config::load(file, &environment).map_err(|problems| Failure::config(&problems))?;
    if !config.realms.iter().any(|own| own.name == realm) {
        let known: Vec<_> = config.realms.iter().map(|own| own.name.as_str()).collect();
        return Err(Failure::new(format!("there is no realm \"{realm}\"; there are: {}", known.join(", "))));
    }
    let operators = Operators::open(&config.state)
        .map_err(|error| Failure::new(format!("the state folder {}: {error}", config.state.display())))?;
    let link = operators.test_link(&config.portal.url.to_string(), realm, Clock::system().now());
    let minutes = TEST_LINK_LIFETIME.as_mins();
    let text = format!(
        "Open this within {minutes} minutes, in a browser that uses the proxy. It works once, and signs nobody in:\n\n{link}\n"
    );
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::new)
}
