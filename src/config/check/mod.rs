//! Finds what no single module can see: two parts of the configuration that contradict each other, or a file that is missing.

mod authority;
mod barriers;
mod conditions;
mod directories;
mod edges;
mod egress;
mod interception;
mod lists;
mod named;
mod people;
mod risk;
mod rules;
mod scanners;
mod scim;
mod shadow;
mod signals;
mod terms;

use std::collections::BTreeMap;

use super::policy_file::Joined;
use super::problem::{Place, Problem};
use super::read::Reading;
use super::tree::{Step, Tree};
use super::{Config, Findings, Look};
use crate::faults::Faults;
pub(crate) use crate::faults::at;
pub use authority::permitted;
pub use interception::hidden_paths;
pub use lists::unused_lists;
pub use rules::doubtful_names;

/// All problems of `config`, which was read from `text` as `reading` tells.
pub(super) fn check<T>(
    config: &Config,
    (text, joined): (&str, Option<&Joined>),
    reading: &Reading<'_, T>,
    look: &Look<'_>,
) -> Findings {
    let mut check = Check { joined, ..Check::new(text, &reading.tree, &reading.damaged) };
    edges::listeners(config, &mut check);
    edges::portal(config, &mut check);
    check.ask(at!["dns"], |faults| config.dns.check(faults));
    egress::egress(config, &mut check);
    check.ask(at!["session"], |faults| config.session.check(faults));
    check.ask(at!["limits"], |faults| config.limits.check(faults));
    edges::proxy_names(config, &mut check);
    edges::pac(config, &mut check);
    people::networks(config, &mut check);
    people::realms(config, &mut check);
    lists::lists(config, &mut check);
    scanners::scanners(config, &mut check);
    directories::directories(config, &mut check);
    scim::scim(config, &mut check);
    signals::signals(config, &mut check);
    risk::risk(config, &mut check);
    rules::policy(config, &mut check);
    barriers::barriers(config, &mut check);
    authority::authority(config, &mut check);
    interception::interception(config, &mut check);
    shadow::rules(config, &mut check);
    look(config, &mut check);
    check.into_findings()
}

/// Collects what is found.
pub struct Check<'a> {
    text: &'a str,
    tree: &'a Tree<'a>,
    damaged: &'a [Vec<Step>],
    /// How the text came about, if it is that of two files.
    joined: Option<&'a Joined>,
    found: Findings,
    /// The categories of each list that is a file that can be read: an archive is unpacked for them once.
    categories: BTreeMap<String, Vec<String>>,
}

impl<'a> Check<'a> {
    /// Looks at what stands in `text`, but not at what is `damaged`.
    pub(super) fn new(text: &'a str, tree: &'a Tree<'a>, damaged: &'a [Vec<Step>]) -> Self {
        Self { text, tree, damaged, joined: None, found: Findings::default(), categories: BTreeMap::new() }
    }

    pub(super) fn into_findings(self) -> Findings {
        self.found
    }

    /// Notes a problem with what stands at `path`, or would stand there.
    pub fn note(&mut self, path: &[Step], message: impl Into<String>, help: &str) {
        let problem = self.problem(path, message.into(), help);
        self.found.problems.extend(problem);
    }

    /// Notes what may not be meant, or not go well for long.
    pub fn warn(&mut self, path: &[Step], message: impl Into<String>, help: &str) {
        let warning = self.problem(path, message.into(), help);
        self.found.warnings.extend(warning);
    }

    /// Whether nothing was found that keeps the configuration from being used.
    pub(crate) fn is_good(&self) -> bool {
        self.damaged.is_empty() && self.found.problems.is_empty()
    }

    /// The number of the line in its file where `path` stands, counted from 1.
    fn line(&self, path: &[Step]) -> Option<usize> {
        let line = Place::of(self.text, &self.tree.find(path)?.0).line;
        Some(self.joined.map_or(line, |joined| joined.line(line)))
    }

    /// None where something was wrong already.
    fn problem(&self, path: &[Step], message: String, help: &str) -> Option<Problem> {
        if self.damaged.iter().any(|damaged| path.starts_with(damaged)) {
            return None;
        }
        let help = if help.is_empty() { vec![] } else { vec![help.to_owned()] };
        let place = (0..path.len())
            .rev()
            .filter_map(|last| self.tree.find(path.get(..=last)?))
            .next()
            .map(|(span, _)| Place::of(self.text, &span));
        Some(Problem { message, help, place })
    }

    /// Whether something in this section was wrong already, so that not all of it is known.
    fn is_damaged(&self, section: &str) -> bool {
        self.damaged.iter().any(|damaged| damaged.first() == Some(&Step::from(section)))
    }

    /// Whether nothing was wrong with what stands at `path`, or in it.
    fn is_whole(&self, path: &[Step]) -> bool {
        !self.damaged.iter().any(|damaged| damaged.starts_with(path))
    }

    /// Whether the file at `file`, which stands at `path`, can be opened. Notes a problem if not.
    fn readable(&mut self, path: &[Step], file: &std::path::Path) -> bool {
        let mut faults = Faults::default();
        let is_readable = faults.readable(path, file);
        self.take(&[], faults);
        is_readable
    }

    /// Has the section at `path` say what is wrong with it.
    fn ask(&mut self, path: &[Step], section: impl FnOnce(&mut Faults)) {
        let mut faults = Faults::default();
        section(&mut faults);
        self.take(path, faults);
    }

    fn take(&mut self, section: &[Step], faults: Faults) {
        for fault in faults.into_vec() {
            let path = [section, &fault.path].concat();
            match fault.is_doubt {
                true => self.warn(&path, fault.message, &fault.help),
                false => self.note(&path, fault.message, &fault.help),
            }
        }
    }

    /// Notes every name that stands for more than one of the entries at `section`.
    fn unique<'n>(&mut self, section: &[&str], names: impl Iterator<Item = &'n str>) {
        let mut seen: Vec<&str> = Vec::new();
        for (index, name) in names.enumerate() {
            let mut path: Vec<Step> = section.iter().map(|key| Step::from(*key)).collect();
            path.extend([Step::from(index), Step::from("name")]);
            if name.is_empty() {
                self.note(&path, "a name cannot be empty", "");
            } else if seen.contains(&name) {
                let message = format!("two entries of `[[{}]]` are called `{name}`", section.join("."));
                self.note(&path, message, "records and rules tell them apart by their names");
            }
            seen.push(name);
        }
    }
}
