//! What is wrong with a part of the configuration, as the module says that owns the part.
//!
//! The module knows nothing of the file. Where in it each fault stands, and whether it matters beside what was wrong
//! already, is found out by `config`.

use std::path::Path;

/// One step from a table or an array to what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a table.
    Key(String),
    /// Into an array.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A path into the configuration, from keys and indexes.
macro_rules! at {
    ($($step:expr),*) => { &[$($crate::faults::Step::from($step)),*] };
}
pub(crate) use at;

/// One thing that is wrong, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What has it, from the section on.
    pub path: Vec<Step>,
    /// One sentence.
    pub message: String,
    /// What to do about it; empty if that is plain.
    pub help: String,
    /// Whether it only may be one: the configuration can be used all the same.
    pub is_doubt: bool,
}

/// Collects what one section finds wrong with itself.
#[derive(Debug, Default)]
pub struct Faults(Vec<Mistake>);

impl Faults {
    /// Notes a fault of what stands at `path`, or would stand there. Paths begin in the section.
    pub fn note(&mut self, path: &[Step], message: impl Into<String>, help: &str) {
        self.add(path, message.into(), help, false);
    }

    /// Notes what may not be meant, or not go well for long.
    pub fn doubt(&mut self, path: &[Step], message: impl Into<String>, help: &str) {
        self.add(path, message.into(), help, true);
    }

    /// Notes the faults of a section inside this one, which stands at `path`.
    pub fn within(&mut self, path: &[Step], check: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        check(&mut inner);
        self.0.extend(inner.0.into_iter().map(|fault| Mistake { path: [path, &fault.path].concat(), ..fault }));
    }

    /// Whether the file at `file`, which stands at `path`, can be opened. Notes a fault if not.
    pub fn readable(&mut self, path: &[Step], file: &Path) -> bool {
        if holds_itself(file) {
            let key = path.iter().rev().find_map(|step| match step {
                Step::Key(key) => Some(key.as_str()),
                Step::Index(_) => None,
            });
            let key = key.unwrap_or("this");
            let help = "write it into a file of its own, such as \"idp.cer\", and name that file here";
            self.note(path, format!("`{key}` names a file, and here stands what the file should hold"), help);
            return false;
        }
        let why = match std::fs::File::open(file).and_then(|file| file.metadata()) {
            Ok(found) if found.is_file() => return true,
            Ok(_) => format!("`{}` is not a file", file.display()),
            Err(error) => format!("`{}` cannot be read: {error}", file.display()),
        };
        self.note(path, why, "");
        false
    }

    /// All of them.
    pub fn into_vec(self) -> Vec<Mistake> {
        self.0
    }

    fn add(&mut self, path: &[Step], message: String, help: &str, is_doubt: bool) {
        self.0.push(Mistake { path: path.to_vec(), message, help: help.to_owned(), is_doubt });
    }
}

/// Whether the name of a file is what should stand in it: a certificate or key, or metadata.
fn holds_itself(file: &Path) -> bool {
    let name = file.to_string_lossy();
    ["-----BEGIN", "<EntityDescriptor", "<?xml"].iter().any(|start| name.contains(start))
        || name.len() > 400 && name.contains("MII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_section_inside_another_finds_is_told_from_the_outer_one_on() {
        let mut faults = Faults::default();
        faults.within(at!["tokens", 1], |inner| inner.doubt(at!["lifetime"], "it is short", "take more"));
        faults.note(at![], "it is empty", "");
        let found = faults.into_vec();
        assert_eq!((found[0].path.as_slice(), found[0].is_doubt), (&at!["tokens", 1, "lifetime"][..], true));
        assert_eq!((found[1].path.len(), found[1].is_doubt), (0, false));
    }
}
