//! `vestibule policy`: whether the policy decides as its own cases say.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use super::{Failure, environment};
use crate::app::Draft;
use crate::clock::Clock;
use crate::config;
use crate::policy::Case;

/// Runs the cases that stand beside the rules of the file at `path`.
pub(super) fn test(path: &Path) -> Result<(), Failure> {
    let config = config::load(path, &environment).map_err(|problems| Failure::config(&problems))?;
    let cases = &config.policy.tests;
    let draft = Draft::new(&config, &Clock::system());
    let failures = draft.failures(&config);
    let said = |(index, case): (usize, &Case)| match failures.iter().find(|failure| failure.index == index) {
        None => format!("ok      {}\n", case.name),
        Some(failure) => format!("FAILED  {}: {}\n", case.name, failure.what),
    };
    let text: String = cases.iter().enumerate().map(said).collect();
    // Nobody is left to tell when the terminal is gone.
    drop(std::io::stdout().write_all(text.as_bytes()));
    say_unread(&[&draft]);
    match failures.len() {
        0 if cases.is_empty() => Err(Failure::new(format!("{}: there is no `[[policy.test]]`", path.display()))),
        0 => Ok(()),
        failed => Err(Failure::new(format!("{failed} of {} cases failed", cases.len()))),
    }
}

/// Says which lists hold nothing, because nothing could be read of them here.
pub(super) fn say_unread(drafts: &[&Draft]) {
    let lists: BTreeSet<&String> = drafts.iter().flat_map(|draft| &draft.unread).collect();
    for list in lists {
        let line = format!(
            "list {list}: nothing of it is here, so what is said here is as if it held nothing: see `vestibule lists`"
        );
        drop(writeln!(std::io::stderr(), "{line}"));
    }
}
