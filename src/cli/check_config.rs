//! `vestibule check-config FILE`: names every problem of a configuration, each with its place and what to do about it.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use crate::config;

/// The configuration is wrong: `EX_CONFIG` of sysexits.h.
pub const WRONG: u8 = 78;

/// Checks the file at `path` and says what it found. The result is the exit code: 0, or [`WRONG`].
pub fn check_config(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> u8 {
    // Whoever stopped reading does not want to know more.
    let (written, code) = match config::load(path, environment) {
        Ok(_) => (writeln!(io::stdout(), "{}: no problem was found", path.display()), 0),
        Err(problems) => {
            let colours = io::stderr().is_terminal() && environment("NO_COLOR").is_none();
            (write!(io::stderr(), "{}", problems.render(colours)), WRONG)
        }
    };
    written.map_or(code, |()| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_tells_a_good_file_from_a_bad_one() {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        assert_eq!(check_config(&config.join("minimal.toml"), &|_| None), 0);
        assert_eq!(check_config(&config.join("none.toml"), &|_| None), WRONG);
    }
}
