//! PATCH (RFC 7644 §3.5.2), as the RFC has it and as Entra sends it.
//!
//! Beyond the RFC: operations in capitals; keys with dots, URNs and filters where there is no path; a filter that finds no
//! value makes one that is as it says; a value that is removed and is not there is no mistake; nor is one of an attribute
//! that is not kept here. `remove` may name the values to remove, as Entra does.

mod apply;
mod list;

use serde_json::{Map, Value};

use super::error::{Error, ScimType};
use super::filter::{PatchPath, PathError, patch_path};
use super::path::{AttributePath, Named};
use super::schema::{Mutability, Resource};
pub(super) use apply::apply;

/// How many operations a request may have.
const MAX_OPERATIONS: usize = 1000;

/// One operation on one attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operation {
    pub(super) action: Action,
    /// What it is about.
    pub(super) target: PatchPath,
    /// The value; null for none.
    pub(super) value: Value,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Add,
    Replace,
    Remove,
}

/// Reads the body of a PATCH: what it does, attribute by attribute. What is not kept here is left out.
pub(super) fn read(resource: Resource, body: Value) -> Result<Vec<Operation>, Error> {
    let syntax = |detail: String| Error::mistake(ScimType::InvalidSyntax, detail);
    let Value::Object(fields) = body else { return Err(syntax("the body is to be a JSON object: a PatchOp".into())) };
    let operations = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("Operations"));
    let Some((_, Value::Array(operations))) = operations else {
        return Err(syntax("a PatchOp needs `Operations`, a list".into()));
    };
    if operations.is_empty() || operations.len() > MAX_OPERATIONS {
        return Err(syntax(format!("a PatchOp has from 1 to {MAX_OPERATIONS} operations, not {}", operations.len())));
    }
    let mut read = Vec::new();
    for operation in operations {
        let Value::Object(fields) = operation else { return Err(syntax("an operation is to be a JSON object".into())) };
        read_operation(resource, fields, &mut read)?;
    }
    Ok(read)
}

fn read_operation(resource: Resource, fields: Map<String, Value>, read: &mut Vec<Operation>) -> Result<(), Error> {
    let (mut op, mut path, mut value) = (Value::Null, Value::Null, None);
    for (name, field) in fields {
        match name.to_ascii_lowercase().as_str() {
            "op" => op = field,
            "path" => path = field,
            "value" => value = Some(field),
            _ => {}
        }
    }
    let action = action(&op)?;
    match (path, value) {
        (Value::Null, _) if action == Action::Remove => {
            Err(Error::mistake(ScimType::NoTarget, "`remove` needs a `path`, which says what to remove"))
        }
        (Value::Null, Some(Value::Object(values))) => spread(resource, action, values, read),
        (Value::Null, _) => Err(Error::value("an operation without a `path` needs an object as its `value`")),
        (Value::String(_), None) if action != Action::Remove => Err(Error::value("`add` and `replace` need a `value`")),
        (Value::String(path), value) => at(resource, action, &path, value.unwrap_or(Value::Null), read),
        _ => Err(Error::mistake(ScimType::InvalidPath, "a `path` is to be a text")),
    }
}

fn action(op: &Value) -> Result<Action, Error> {
    match op.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("add") => Ok(Action::Add),
        Some("replace") => Ok(Action::Replace),
        Some("remove") => Ok(Action::Remove),
        _ => Err(Error::mistake(ScimType::InvalidSyntax, "`op` is to be add, replace or remove")),
    }
}

/// An operation with a path.
fn at(resource: Resource, action: Action, path: &str, value: Value, read: &mut Vec<Operation>) -> Result<(), Error> {
    match patch_path(path, resource) {
        Ok(Ok(target)) if is_ours(&target.path) => {
            let detail = format!("`{}` is not the client's to change", target.path.attribute.name);
            Err(Error::mistake(ScimType::Mutability, detail))
        }
        Ok(Ok(target)) => {
            read.push(Operation { action, target, value });
            Ok(())
        }
        Ok(Err(Named::Extension(schema))) if action == Action::Remove => {
            let each = schema.attributes.iter().map(|attribute| {
                let path = AttributePath { extension: Some(schema), attribute, part: None };
                Operation { action, target: PatchPath { path, which: None }, value: Value::Null }
            });
            read.extend(each);
            Ok(())
        }
        Ok(Err(Named::Extension(_) | Named::Core)) => match value {
            Value::Object(values) => spread_in(resource, action, path, values, read),
            _ => Err(Error::value(format!("all of `{path}` needs an object as its `value`"))),
        },
        Ok(Err(Named::Attribute(_))) | Err(PathError::Foreign) => Ok(()),
        Err(PathError::Wrong(error)) => Err(error),
    }
}

/// An operation without a path: each key of its value is one. What is not kept, or not the client's to say, is left out, as
/// it is in a PUT.
fn spread(
    resource: Resource,
    action: Action,
    values: Map<String, Value>,
    read: &mut Vec<Operation>,
) -> Result<(), Error> {
    for (key, value) in values {
        match patch_path(&key, resource) {
            Ok(Ok(target)) if !is_ours(&target.path) => read.push(Operation { action, target, value }),
            Ok(Err(Named::Extension(_) | Named::Core)) => {
                if let Value::Object(values) = value {
                    spread_in(resource, action, &key, values, read)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The same for the attributes of one schema.
fn spread_in(
    resource: Resource,
    action: Action,
    schema: &str,
    values: Map<String, Value>,
    read: &mut Vec<Operation>,
) -> Result<(), Error> {
    // Names in it may have no schema in front, so that they cannot be taken for others.
    let inner = values.into_iter().map(|(name, value)| (format!("{schema}:{name}"), value));
    let inner = inner.filter(|(name, _)| !matches!(patch_path(name, resource), Ok(Err(_))));
    spread(resource, action, inner.collect(), read)
}

fn is_ours(path: &AttributePath) -> bool {
    let part = path.part.is_some_and(|part| part.mutability == Mutability::ReadOnly);
    part || path.attribute.mutability == Mutability::ReadOnly
}

#[cfg(test)]
pub(in crate::scim) mod tests;
