//! Finds what no single module can see: two parts of the configuration that don't fit, or a file that is not there.

mod edges;
mod egress;
mod people;
mod rules;

use super::Config;
use super::problem::{Place, Problem};
use super::read::Reading;
use super::tree::{Step, Tree};
pub use rules::doubtful_names;

/// A path into the configuration, from keys and indexes.
macro_rules! at {
    ($($step:expr),*) => { &[$(crate::config::tree::Step::from($step)),*] };
}
use at;

/// All problems of `config`, which was read from `text` as `reading` tells.
pub(super) fn check<T>(config: &Config, text: &str, reading: &Reading<'_, T>) -> Vec<Problem> {
    let mut check = Check { text, tree: &reading.tree, damaged: &reading.damaged, problems: Vec::new() };
    edges::listeners(config, &mut check);
    edges::portal(config, &mut check);
    egress::dns_and_egress(config, &mut check);
    edges::session_and_limits(config, &mut check);
    edges::proxy_names(config, &mut check);
    edges::pac(config, &mut check);
    people::networks(config, &mut check);
    people::realms(config, &mut check);
    rules::policy(config, &mut check);
    check.problems
}

/// Collects problems.
struct Check<'a> {
    text: &'a str,
    tree: &'a Tree<'a>,
    damaged: &'a [Vec<Step>],
    problems: Vec<Problem>,
}

impl Check<'_> {
    /// Notes a problem with what stands at `path`, or would stand there.
    fn note(&mut self, path: &[Step], message: impl Into<String>, help: &str) {
        if self.damaged.iter().any(|damaged| path.starts_with(damaged)) {
            return;
        }
        let help = if help.is_empty() { vec![] } else { vec![help.to_owned()] };
        let place = (0..path.len())
            .rev()
            .filter_map(|last| self.tree.find(path.get(..=last)?))
            .next()
            .map(|(span, _)| Place::of(self.text, &span));
        self.problems.push(Problem { message: message.into(), help, place });
    }

    /// Whether something in this section was wrong already, so that not all of it is known.
    fn is_damaged(&self, section: &str) -> bool {
        self.damaged.iter().any(|damaged| damaged.first() == Some(&Step::from(section)))
    }

    /// Whether the file at `file`, which stands at `path`, can be opened. Notes a problem if not.
    fn readable(&mut self, path: &[Step], file: &std::path::Path) -> bool {
        let why = match std::fs::File::open(file).and_then(|file| file.metadata()) {
            Ok(found) if found.is_file() => return true,
            Ok(_) => format!("`{}` is not a file", file.display()),
            Err(error) => format!("`{}` can't be read: {error}", file.display()),
        };
        self.note(path, why, "");
        false
    }

    /// Notes every name that stands for more than one of the entries at `section`.
    fn unique<'n>(&mut self, section: &[&str], names: impl Iterator<Item = &'n str>) {
        let mut seen: Vec<&str> = Vec::new();
        for (index, name) in names.enumerate() {
            let mut path: Vec<Step> = section.iter().map(|key| Step::from(*key)).collect();
            path.extend([Step::from(index), Step::from("name")]);
            if name.is_empty() {
                self.note(&path, "a name can't be empty", "");
            } else if seen.contains(&name) {
                let message = format!("two entries of `[[{}]]` are called `{name}`", section.join("."));
                self.note(&path, message, "records and rules tell them apart by their names");
            }
            seen.push(name);
        }
    }
}
