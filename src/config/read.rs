//! Reads the tree as a [`Config`](super::Config), noting every problem on the way instead of stopping at the first.
//!
//! The deserialiser stops at the first error. So its place is found in the tree, the problem noted, what is wrong
//! taken away (or what is missing put in), and the tree read again, until it can be read or nothing moves any more.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::de::{DeArray, DeTable, DeValue};

use super::problem::{Place, Problem};
use super::secrets::Secrets;
use super::tree::{Node, Step, Tree};
use super::words;
use crate::config_path::ConfigPath;
use crate::secret;

/// A file with more problems than this is not a configuration.
const MOST: usize = 200;

/// What came of reading a file.
pub(super) struct Reading<'t, T> {
    /// What was read, if no problem was left in the end. Parts of it may stand in for what is wrong.
    pub(super) value: Option<T>,
    /// What it was read from.
    pub(super) tree: Tree<'t>,
    pub(super) problems: Vec<Problem>,
    /// What was taken away or put in: nothing more should be said about it.
    pub(super) damaged: Vec<Vec<Step>>,
}

/// Reads `text`. Secrets that it refers to are looked up by `secrets`.
pub(super) fn read<'t, T: DeserializeOwned>(text: &'t str, secrets: &Secrets<'_>) -> Reading<'t, T> {
    let (tree, errors) = Tree::parse(text);
    let broken: Vec<Place> =
        errors.iter().filter_map(toml::de::Error::span).map(|span| Place::of(text, &span)).collect();
    let mut reader = Reader { text, secrets, tree, problems: Vec::new(), damaged: Vec::new() };
    let value = reader.read();
    let Reader { tree, mut problems, damaged, .. } = reader;
    if !broken.is_empty() {
        keep_what_syntax_did_not_cause(&mut problems, &broken);
        let mut last_line = 0;
        for (error, place) in errors.iter().zip(broken) {
            // What follows an error in the same line follows from it.
            if place.line != last_line {
                last_line = place.line;
                problems.push(words::syntax(error.message(), place));
            }
        }
    }
    let value = if errors.is_empty() { value } else { None };
    Reading { value, tree, problems, damaged }
}

/// A broken line may have lost keys, and a broken section header moves keys to another section.
fn keep_what_syntax_did_not_cause(problems: &mut Vec<Problem>, broken: &[Place]) {
    let header = broken.iter().any(|place| place.text.trim_start().starts_with('['));
    problems.retain(|problem| {
        let Some(place) = &problem.place else { return false };
        !header && !problem.message.contains("missing") && broken.iter().all(|other| other.line != place.line)
    });
}

struct Reader<'t, 's> {
    text: &'t str,
    secrets: &'s Secrets<'s>,
    tree: Tree<'t>,
    problems: Vec<Problem>,
    damaged: Vec<Vec<Step>>,
}

impl Reader<'_, '_> {
    fn read<T: DeserializeOwned>(&mut self) -> Option<T> {
        for _ in 0..MOST {
            let error = match self.tree.read() {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            if !self.mend::<T>(&error) {
                return None;
            }
        }
        None
    }

    /// Notes what `error` says and changes the tree so that it does not come again. False if that is not possible.
    fn mend<T: DeserializeOwned>(&mut self, error: &toml::de::Error) -> bool {
        let span = error.span().unwrap_or(0..0);
        let message = error.message();
        if let Some(key) = words::missing(message) {
            return self.put_in::<T>(&span, key);
        }
        let Some(path) = self.tree.path_to(&span, false) else {
            self.note(Problem { message: words::plain(message), help: vec![], place: Some(self.place(&span)) });
            return false;
        };
        if message == secret::UNRESOLVED {
            return self.look_up(&path, &span);
        }
        if ConfigPath::is_unresolved(message) {
            return self.resolve(&path, message);
        }
        let path = words::shape(message, &path, &self.tree).unwrap_or(path);
        let (path, span) = match self.element(&path, message) {
            Some(element) => {
                // Without that element the list may look as if it were wrong in another way.
                self.damaged.push(path);
                element
            }
            None => (path, span),
        };
        let words::Said { problem, meant } = words::problem(message, &path, &self.tree, self.place(&span));
        self.note(problem);
        self.take_out(&path, meant)
    }

    /// The element of the list at `path` that the message quotes first: the deserialiser names the list.
    fn element(&self, path: &[Step], message: &str) -> Option<(Vec<Step>, Range<usize>)> {
        let quoted = message.strip_prefix('`')?.split_once('`')?.0;
        let Some((_, Node::Array)) = self.tree.find(path) else { return None };
        let element = |index: usize| path.iter().cloned().chain([Step::Index(index)]).collect::<Vec<_>>();
        let found = (0..).map(element).map_while(|path| match self.tree.find(&path) {
            Some((span, Node::Text(text))) => Some((text == quoted, path, span)),
            Some((span, _)) => Some((false, path, span)),
            None => None,
        });
        let (_, element, span) = found.into_iter().find(|(is_quoted, ..)| *is_quoted)?;
        Some((element, span))
    }

    /// Takes away what stands at `path`. Nothing more is to be said about it, nor about the key that was `meant`.
    fn take_out(&mut self, path: &[Step], meant: Option<String>) -> bool {
        let Some((last, inside)) = path.split_last() else { return false };
        let beside = |step: Step| inside.iter().cloned().chain([step]).collect();
        // The elements after the one that goes move up.
        self.damaged.push(beside(if matches!(last, Step::Index(_)) { Step::Index(usize::MAX) } else { last.clone() }));
        self.damaged.extend(meant.map(|key| beside(Step::Key(key))));
        self.tree.remove(path)
    }

    /// Puts the absolute path there that a relative one stands for.
    fn resolve(&mut self, path: &[Step], message: &str) -> bool {
        let within = self.element(path, message).map_or_else(|| path.to_vec(), |(element, _)| element);
        let Some((_, Node::Text(written))) = self.tree.find(&within) else { return false };
        let whole = self.secrets.folder.join(written).display().to_string();
        self.tree.replace(&within, whole);
        true
    }

    fn look_up(&mut self, path: &[Step], span: &Range<usize>) -> bool {
        let reference = |key: &str| {
            let mut path = path.to_vec();
            path.push(Step::from(key));
            match self.tree.find(&path) {
                Some((_, Node::Text(text))) => Some(text.to_owned()),
                _ => None,
            }
        };
        let found = match (reference("file"), reference("env")) {
            (Some(file), None) => self.secrets.in_file(&file),
            (None, Some(name)) => self.secrets.in_environment(&name),
            _ => return false,
        };
        let text = found.unwrap_or_else(|message| {
            self.note(Problem { message, help: vec![], place: Some(self.place(span)) });
            self.damaged.push(path.to_vec());
            "missing".to_owned()
        });
        self.tree.replace(path, text);
        true
    }

    /// Notes that `key` is missing in the table at `span`, and puts something there that can be read.
    fn put_in<T: DeserializeOwned>(&mut self, span: &Range<usize>, key: &str) -> bool {
        let Some(path) = self.tree.path_to(span, true) else { return false };
        let mut whole = path.clone();
        whole.push(Step::from(key));
        if *span != self.nowhere() && !self.damaged.contains(&whole) {
            let place = (!path.is_empty()).then(|| self.place(span));
            self.note(words::missing_problem(key, &path, place));
        }
        self.damaged.push(whole.clone());
        for stand_in in stand_ins() {
            self.tree.insert(&path, key, stand_in, self.nowhere());
            match self.tree.read::<T>() {
                // A table was right if it only needs keys of its own.
                Err(error) if error.span() == Some(self.nowhere()) && words::missing(error.message()).is_none() => {}
                _ => return true,
            }
        }
        self.tree.remove(&whole);
        self.take_out(&path, None)
    }

    /// The place of what was put in.
    fn nowhere(&self) -> Range<usize> {
        let end = self.text.len() + 1;
        end..end
    }

    fn place(&self, span: &Range<usize>) -> Place {
        Place::of(self.text, span)
    }

    fn note(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// Values for what is missing: one of them can be read by nearly every type there is.
fn stand_ins() -> impl Iterator<Item = DeValue<'static>> {
    let texts = ["", "missing", "https://missing.invalid", "192.0.2.1:1", "192.0.2.1", "192.0.2.0/24", "1s", "1B"];
    let number = DeTable::parse("n = 1").ok().and_then(|table| table.into_inner().into_iter().next());
    texts
        .into_iter()
        .map(|text| DeValue::String(text.into()))
        .chain([DeValue::Boolean(true), DeValue::Array(DeArray::new()), DeValue::Table(DeTable::new())])
        .chain(number.map(|(_, number)| number.into_inner()))
}
