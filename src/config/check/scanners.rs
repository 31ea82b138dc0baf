//! Checks the scanners, and that rules name those that there are.

use super::{Check, at};
use crate::config::Config;
use crate::config::tree::Step;
use crate::config::words::nearest;

/// The `[[icap]]` sections.
pub(super) fn scanners(config: &Config, check: &mut Check<'_>) {
    check.unique(&["icap"], config.scanners.iter().map(|scanner| scanner.name.as_str()));
    for (index, scanner) in config.scanners.iter().enumerate() {
        check.ask(at!["icap", index], |faults| scanner.check(faults));
    }
}

/// The scanners that a rule at `path` names.
pub(super) fn named(path: &[Step], scan: Option<&[String]>, config: &Config, check: &mut Check<'_>) {
    // Whichever of them cannot be read is said by itself.
    if check.is_damaged("icap") {
        return;
    }
    let known: Vec<&str> = config.scanners.iter().map(|scanner| scanner.name.as_str()).collect();
    for (at, name) in scan.unwrap_or_default().iter().enumerate() {
        let path = [path, at!["scan", at]].concat();
        if scan.unwrap_or_default().iter().take(at).any(|other| other == name) {
            check.note(&path, format!("`{name}` stands there twice"), "each scanner looks at a message once");
        } else if !known.contains(&name.as_str()) {
            let help = match nearest(name, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => format!("add an `[[icap]]` with `name = {name:?}`"),
                None => format!("there are: `{}`", known.join("`, `")),
            };
            check.note(&path, format!("there is no scanner `{name}`"), &help);
        }
    }
}
