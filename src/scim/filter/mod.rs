//! Filters (RFC 7644 §3.4.2.2): which resources, or which values of an attribute, are meant.

mod parse;

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::error::{Error, ScimType};
use super::path::AttributePath;
use super::schema::{DataType, Definition, Resource};
use crate::clock::Timestamp;
use crate::identity::fold;
#[cfg(test)]
use parse::{MAX_DEPTH, MAX_LENGTH, MAX_TERMS};
pub(super) use parse::{PatchPath, PathError, patch_path};

/// A filter, whose attributes have been looked up.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    /// All of these hold.
    And(Vec<Self>),
    /// One of these holds.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The attribute has a value.
    Present(AttributePath),
    /// One of the attribute's values compares so.
    Compare(Comparison),
    /// One of the attribute's values, taken alone, is as the filter says.
    Values(AttributePath, Box<Self>),
}

/// A comparison of an attribute with a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    /// What is compared.
    pub(super) path: AttributePath,
    /// How.
    pub(super) operator: Operator,
    /// With what.
    pub(super) literal: Literal,
    /// The attribute at the end of the path.
    leaf: &'static Definition,
}

/// The operators that compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `co`
    Contains,
    /// `sw`
    StartsWith,
    /// `ew`
    EndsWith,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// A value in a filter, of the kind of the attribute with which it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A point in time.
    Time(Timestamp),
    /// Text as it is written, and without case.
    Text(String, String),
}

impl Filter {
    /// Reads a filter on resources of this type.
    pub(super) fn parse(text: &str, resource: Resource) -> Result<Self, Error> {
        parse::filter(text, resource)
    }

    /// Whether a resource, or a value of an attribute, is as the filter says.
    pub(super) fn matches(&self, resource: &Map<String, Value>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.matches(resource)),
            Self::Or(any) => any.iter().any(|filter| filter.matches(resource)),
            Self::Not(filter) => !filter.matches(resource),
            Self::Present(path) => is_present(path, resource),
            Self::Compare(comparison) => comparison.matches(resource),
            Self::Values(path, filter) => path.values(resource).iter().any(|value| filter.is_met_by(value)),
        }
    }

    /// Whether a value of an attribute is as the filter says. A value without parts counts as its own `value`.
    pub(super) fn is_met_by(&self, value: &Value) -> bool {
        value.as_object().is_some_and(|parts| self.matches(parts))
    }

    /// The parts that a value must have to be as the filter says, if the filter does nothing but name them.
    pub(super) fn as_parts(&self) -> Option<Map<String, Value>> {
        match self {
            Self::And(all) => {
                let mut parts = Map::new();
                for filter in all {
                    parts.extend(filter.as_parts()?);
                }
                Some(parts)
            }
            Self::Compare(Comparison { path, operator: Operator::Equal, literal, .. }) => {
                let value = match literal {
                    Literal::Boolean(value) => Value::Bool(*value),
                    Literal::Text(text, _) => Value::String(text.clone()),
                    Literal::Null | Literal::Time(_) => return None,
                };
                Some(Map::from_iter([(path.attribute.name.to_owned(), value)]))
            }
            _ => None,
        }
    }

    /// The text that this attribute must equal for the filter to hold, if the filter says so: what can be looked up.
    pub(super) fn equals(&self, name: &str) -> Option<&str> {
        match self {
            Self::And(all) => all.iter().find_map(|filter| filter.equals(name)),
            Self::Compare(Comparison { path, operator: Operator::Equal, literal: Literal::Text(text, _), .. })
                if path.extension.is_none() && path.part.is_none() && path.attribute.name == name =>
            {
                Some(text)
            }
            _ => None,
        }
    }

    /// How often the filter asks about this core attribute.
    pub(super) fn mentions(&self, name: &str) -> usize {
        let is_it = |path: &AttributePath| usize::from(path.extension.is_none() && path.attribute.name == name);
        match self {
            Self::And(all) | Self::Or(all) => all.iter().map(|filter| filter.mentions(name)).sum(),
            Self::Not(filter) => filter.mentions(name),
            Self::Present(path) | Self::Values(path, _) => is_it(path),
            Self::Compare(comparison) => is_it(&comparison.path),
        }
    }

    /// The `value` that one of this attribute's values must have for the filter to hold, if the filter says so and no more
    /// about that value: `x` in `members eq "x"`, `members.value eq "x"` and `members[value eq "x"]`.
    pub(super) fn names_value(&self, name: &str) -> Option<&str> {
        match self {
            Self::And(all) => all.iter().find_map(|filter| filter.names_value(name)),
            Self::Compare(Comparison { path, operator: Operator::Equal, literal: Literal::Text(text, _), leaf })
                if path.extension.is_none() && path.attribute.name == name && leaf.name == "value" =>
            {
                Some(text)
            }
            Self::Values(path, inner) if path.extension.is_none() && path.attribute.name == name => match &**inner {
                inner @ Self::Compare(_) => inner.equals("value"),
                _ => None,
            },
            _ => None,
        }
    }

    /// A `value` that one of this attribute's values must have for the filter to hold, whatever else it says: `x` in
    /// `emails[type eq "work" and value eq "x"]`, too.
    pub(super) fn requires_value(&self, name: &str) -> Option<&str> {
        match self {
            Self::And(all) => all.iter().find_map(|filter| filter.requires_value(name)),
            Self::Values(path, inner) if path.extension.is_none() && path.attribute.name == name => {
                inner.equals("value")
            }
            filter => filter.names_value(name),
        }
    }

    /// The values of which one must be that of an attribute of this name, if the filter says nothing else.
    pub(super) fn one_of(&self, name: &str) -> Option<Vec<&str>> {
        match self {
            Self::Or(any) => Some(any.iter().map(|filter| filter.one_of(name)).collect::<Option<Vec<_>>>()?.concat()),
            Self::Compare(_) => self.equals(name).map(|one| vec![one]),
            _ => None,
        }
    }
}

fn is_present(path: &AttributePath, resource: &Map<String, Value>) -> bool {
    path.values(resource).iter().any(|value| match path.part {
        Some(part) => value.get(part.name).is_some_and(has_value),
        None => has_value(value),
    })
}

/// Whether this counts as a value (RFC 7643 §2.5).
fn has_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(parts) => !parts.is_empty(),
        _ => true,
    }
}

impl Comparison {
    /// Fails if the attribute cannot be compared so, or with that.
    fn new(path: AttributePath, operator: Operator, written: &Value) -> Result<Self, Error> {
        let wrong = |why: &str| Error::mistake(ScimType::InvalidFilter, format!("`{}` {why}", path.attribute.name));
        let leaf = path.leaf().ok_or_else(|| wrong("has parts and no value: name one of its parts"))?;
        let literal = match (leaf.kind, written) {
            (_, Value::Null) => Literal::Null,
            (DataType::Boolean, Value::Bool(value)) => Literal::Boolean(*value),
            (DataType::Boolean, Value::String(text)) => {
                Literal::Boolean(boolean(text).ok_or_else(|| wrong("is true or false"))?)
            }
            (DataType::Time, Value::String(text)) => {
                Literal::Time(text.parse().map_err(|_| wrong("is a time, such as \"2026-11-30T12:00:00Z\""))?)
            }
            (DataType::Text | DataType::Reference | DataType::Binary, Value::String(text)) => {
                Literal::Text(text.clone(), fold::fold(text))
            }
            (DataType::Text, Value::Number(number)) => Literal::Text(number.to_string(), number.to_string()),
            _ => return Err(wrong("is not of that kind")),
        };
        let is_equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        let is_textual = matches!(operator, Operator::Contains | Operator::StartsWith | Operator::EndsWith);
        let is_possible = match literal {
            Literal::Null | Literal::Boolean(_) => is_equality,
            Literal::Time(_) => !is_textual,
            Literal::Text(..) => is_equality || is_textual || leaf.kind != DataType::Binary,
        };
        if is_possible { Ok(Self { path, operator, literal, leaf }) } else { Err(wrong("cannot be compared so")) }
    }

    fn matches(&self, resource: &Map<String, Value>) -> bool {
        let mut leaves = self.path.leaves(resource);
        match (self.operator, &self.literal) {
            (Operator::Equal, Literal::Null) => !leaves.any(has_value),
            (Operator::NotEqual, Literal::Null) => leaves.any(has_value),
            // What is not there differs from everything.
            (Operator::NotEqual, _) => !leaves.any(|value| self.compares(Operator::Equal, value)),
            (operator, _) => leaves.any(|value| self.compares(operator, value)),
        }
    }

    fn compares(&self, operator: Operator, value: &Value) -> bool {
        match (&self.literal, value) {
            (Literal::Boolean(wanted), Value::Bool(value)) => wanted == value,
            (Literal::Time(wanted), Value::String(text)) => {
                text.parse::<Timestamp>().is_ok_and(|time| holds(operator, time.cmp(wanted)))
            }
            (Literal::Text(wanted, _), Value::String(text)) if self.leaf.exact => compares(operator, text, wanted),
            (Literal::Text(_, wanted), Value::String(text)) => compares(operator, &fold::fold(text), wanted),
            _ => false,
        }
    }
}

fn compares(operator: Operator, value: &str, wanted: &str) -> bool {
    match operator {
        Operator::Contains => value.contains(wanted),
        Operator::StartsWith => value.starts_with(wanted),
        Operator::EndsWith => value.ends_with(wanted),
        _ => holds(operator, value.cmp(wanted)),
    }
}

fn holds(operator: Operator, ordering: Ordering) -> bool {
    match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::NotEqual => ordering.is_ne(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterOrEqual => ordering.is_ge(),
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
    }
}

/// True or false, as JSON or .NET write it.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
