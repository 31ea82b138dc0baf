//! The file as a tree in which every key and value knows its place, so that one problem does not hide the next.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

pub use crate::faults::Step;

/// The parsed file.
#[derive(Clone)]
pub(super) struct Tree<'t> {
    root: Spanned<DeValue<'t>>,
}

/// What stands at the end of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node<'a> {
    Table,
    /// Whether it is written with `[[…]]` is not known here.
    Array,
    Text(&'a str),
    Other,
}

impl<'t> Tree<'t> {
    /// The tree, as far as it could be read, and what was wrong with the syntax.
    pub(super) fn parse(text: &'t str) -> (Self, Vec<toml::de::Error>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let span = table.span();
        (Self { root: Spanned::new(span, DeValue::Table(table.into_inner())) }, errors)
    }

    /// Reads the tree as a `T`.
    pub(super) fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, toml::de::Error> {
        T::deserialize(toml::de::ValueDeserializer::from(self.root.clone()))
    }

    /// Where `path` leads to, and what is there.
    pub(super) fn find(&self, path: &[Step]) -> Option<(Range<usize>, Node<'_>)> {
        let mut at = &self.root;
        for step in path {
            at = match (at.get_ref(), step) {
                (DeValue::Table(table), Step::Key(key)) => table.get(key.as_str())?,
                (DeValue::Array(array), Step::Index(index)) => array.get(*index)?,
                _ => return None,
            };
        }
        let node = match at.get_ref() {
            DeValue::Table(_) => Node::Table,
            DeValue::Array(_) => Node::Array,
            DeValue::String(text) => Node::Text(text),
            _ => Node::Other,
        };
        Some((at.span(), node))
    }

    /// The path to what stands at exactly `span`, a key or a value: the longest one, because the first element of an
    /// array of tables has the place of its array. With `table`, only tables count.
    pub(super) fn path_to(&self, span: &Range<usize>, table: bool) -> Option<Vec<Step>> {
        let mut path = Vec::new();
        let mut found = None;
        search(&self.root, span, table, &mut path, &mut found);
        found
    }

    /// Takes away what `path` leads to. False if nothing is there, or if it leads nowhere but to the root.
    pub(super) fn remove(&mut self, path: &[Step]) -> bool {
        let Some((last, before)) = path.split_last() else { return false };
        let Some(parent) = self.at_mut(before) else { return false };
        match (parent, last) {
            (DeValue::Table(table), Step::Key(key)) => table.remove(key.as_str()).is_some(),
            (DeValue::Array(array), Step::Index(index)) if *index < array.len() => {
                let mut rest = DeArray::new();
                let kept = array.iter().enumerate().filter(|(at, _)| at != index);
                kept.for_each(|(_, value)| rest.push(value.clone()));
                *array = rest;
                true
            }
            _ => false,
        }
    }

    /// Puts `value` under `key` into the table at `path`, as if it stood at `span`.
    pub(super) fn insert(&mut self, path: &[Step], key: &str, value: DeValue<'static>, span: Range<usize>) {
        if let Some(DeValue::Table(table)) = self.at_mut(path) {
            let key = Spanned::new(span.clone(), Cow::Owned(key.to_owned()));
            table.insert(key, Spanned::new(span, value));
        }
    }

    /// Puts a text where `path` leads to.
    pub(super) fn replace(&mut self, path: &[Step], text: String) {
        if let Some(value) = self.at_mut(path) {
            *value = DeValue::String(Cow::Owned(text));
        }
    }

    fn at_mut(&mut self, path: &[Step]) -> Option<&mut DeValue<'t>> {
        let mut at = self.root.get_mut();
        for step in path {
            at = match (at, step) {
                (DeValue::Table(table), Step::Key(key)) => table.get_mut(key.as_str())?.get_mut(),
                (DeValue::Array(array), Step::Index(index)) => array.get_mut(*index)?.get_mut(),
                _ => return None,
            };
        }
        Some(at)
    }
}

fn search(
    at: &Spanned<DeValue<'_>>,
    span: &Range<usize>,
    table: bool,
    path: &mut Vec<Step>,
    found: &mut Option<Vec<Step>>,
) {
    if at.span() == *span && (!table || at.get_ref().is_table()) {
        *found = Some(path.clone());
    }
    match at.get_ref() {
        DeValue::Table(entries) => {
            for (key, value) in entries {
                path.push(Step::Key(key.get_ref().to_string()));
                if !table && key.span() == *span {
                    *found = Some(path.clone());
                }
                search(value, span, table, path, found);
                path.pop();
            }
        }
        DeValue::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                path.push(Step::Index(index));
                search(value, span, table, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}
