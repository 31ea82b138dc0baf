//! Operations on attributes that have several values.

use serde_json::{Map, Value, json};

use super::Action;
use crate::identity::fold;
use crate::scim::error::{Error, ScimType};
use crate::scim::filter::Filter;
use crate::scim::path::AttributePath;
use crate::scim::resource::{check_count, fields_of, is_primary, read_all, set};
use crate::scim::schema::Definition;

/// Adds values, or replaces them.
pub(super) fn assign(
    fields: &mut Map<String, Value>,
    path: &AttributePath,
    which: Option<&Filter>,
    action: Action,
    value: Value,
) -> Result<(), Error> {
    let attribute = path.attribute;
    let mut values = take(fields, path);
    let touched = match (which, path.part) {
        (None, None) => {
            let new = as_list(read_all(attribute, value)?);
            if action == Action::Replace {
                values.clear();
            }
            new.into_iter().map(|value| add(&mut values, value)).collect()
        }
        (which, part) => {
            let chosen = choose(&mut values, which)?;
            for index in &chosen {
                if let Some(Value::Object(parts)) = values.get_mut(*index) {
                    change(parts, attribute, part, value.clone())?;
                }
            }
            chosen
        }
    };
    prefer(&mut values, &touched);
    give(fields, path, values)
}

/// Removes values, or a part of them. What is not there needs no removal.
pub(super) fn remove(
    fields: &mut Map<String, Value>,
    path: &AttributePath,
    which: Option<&Filter>,
    named: Value,
) -> Result<(), Error> {
    // Without a value, all go that the path chooses. An empty list names none.
    let named = match named {
        Value::Null => None,
        named => Some(as_list(read_all(path.attribute, named)?)),
    };
    let mut values = take(fields, path);
    let is_meant = |value: &Value| {
        which.is_none_or(|filter| filter.is_met_by(value))
            && named.as_ref().is_none_or(|named| named.iter().any(|named| is_same(named, value)))
    };
    match path.part {
        None => values.retain(|value| !is_meant(value)),
        Some(part) => {
            for value in values.iter_mut().filter(|value| is_meant(value)) {
                value.as_object_mut().map(|parts| parts.remove(part.name));
            }
        }
    }
    give(fields, path, values)
}

/// The values that a filter chooses. If there are none, one is made that is as the filter says (Entra relies on that).
fn choose(values: &mut Vec<Value>, which: Option<&Filter>) -> Result<Vec<usize>, Error> {
    let chosen: Vec<usize> = values
        .iter()
        .enumerate()
        .filter(|(_, value)| which.is_none_or(|filter| filter.is_met_by(value)))
        .map(|(index, _)| index)
        .collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let parts = which.map_or_else(|| Some(Map::new()), Filter::as_parts).ok_or_else(|| {
        Error::mistake(ScimType::NoTarget, "the path chooses no value, and does not say what one would be like")
    })?;
    values.push(Value::Object(parts));
    Ok(vec![values.len() - 1])
}

/// Changes one part of a value, or those parts that `value` names.
fn change(
    parts: &mut Map<String, Value>,
    attribute: &'static Definition,
    part: Option<&'static Definition>,
    value: Value,
) -> Result<(), Error> {
    match part {
        Some(part) => set(parts, part.name, read_all(part, value)?),
        None => {
            // One value, or a list of one.
            let new = as_list(read_all(attribute, value)?);
            parts.extend(
                new.into_iter()
                    .filter_map(|value| if let Value::Object(parts) = value { Some(parts) } else { None })
                    .flatten(),
            );
        }
    }
    Ok(())
}

/// Adds a value; one that is there already gets the new parts. Gives its place.
fn add(values: &mut Vec<Value>, new: Value) -> usize {
    let Some(index) = values.iter().position(|value| is_same(&new, value)) else {
        values.push(new);
        return values.len() - 1;
    };
    if let (Some(Value::Object(parts)), Value::Object(new)) = (values.get_mut(index), new) {
        parts.extend(new);
    }
    index
}

/// Whether both are the same value: what stands in `value` is, and their types are, unless one has none. Values without
/// `value` are the same when all of their parts are.
fn is_same(one: &Value, other: &Value) -> bool {
    let text = |value: &Value, part: &str| value.get(part).and_then(Value::as_str).map(fold::fold);
    let (Some(value), Some(other_value)) = (text(one, "value"), text(other, "value")) else { return one == other };
    let (kind, other_kind) = (text(one, "type"), text(other, "type"));
    value == other_value && (kind.is_none() || other_kind.is_none() || kind == other_kind)
}

/// Where one of the touched values is primary now, no other is (RFC 7644 §3.5.2).
fn prefer(values: &mut [Value], touched: &[usize]) {
    let is_preferred = |index: &&usize| values.get(**index).is_some_and(is_primary);
    let Some(preferred) = touched.iter().rev().find(is_preferred).copied() else { return };
    let others = values.iter_mut().enumerate().filter(|(index, value)| *index != preferred && is_primary(value));
    for (_, value) in others {
        if let Some(parts) = value.as_object_mut() {
            parts.insert("primary".into(), json!(false));
        }
    }
}

fn take(fields: &mut Map<String, Value>, path: &AttributePath) -> Vec<Value> {
    as_list(fields_of(fields, path).remove(path.attribute.name))
}

fn give(fields: &mut Map<String, Value>, path: &AttributePath, mut values: Vec<Value>) -> Result<(), Error> {
    values.retain(|value| value.as_object().is_none_or(|parts| !parts.is_empty()));
    check_count(path.attribute, values.len())?;
    set(fields_of(fields, path), path.attribute.name, (!values.is_empty()).then_some(Value::Array(values)));
    Ok(())
}

fn as_list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(values)) => values,
        Some(value) => vec![value],
        None => Vec::new(),
    }
}
