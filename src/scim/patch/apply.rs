//! Applies operations to a resource, one after the other: all of them, or none.

use serde_json::{Map, Value};

use super::list;
use super::{Action, Operation};
use crate::scim::error::Error;
use crate::scim::path::AttributePath;
use crate::scim::resource::{fields_of, put, read_all, settle};
use crate::scim::schema::Resource;

/// Applies these operations. If it fails, `fields` are in no useful state.
pub(in crate::scim) fn apply(
    resource: Resource,
    fields: &mut Map<String, Value>,
    operations: Vec<Operation>,
) -> Result<(), Error> {
    for Operation { action, target, value } in operations {
        let path = target.path;
        match (action, path.attribute.many) {
            (Action::Remove, true) => list::remove(fields, &path, target.which.as_ref(), value)?,
            (_, true) => list::assign(fields, &path, target.which.as_ref(), action, value)?,
            (Action::Remove, false) => put(fields, &path, Value::Null)?,
            // A filter on a value that there is only once chooses it or makes it.
            (_, false) => assign(fields, &path, value)?,
        }
    }
    settle(resource, fields)
}

/// Gives an attribute with one value that value. Surroundings that are not named stay (RFC 7644 §3.5.2.3).
fn assign(fields: &mut Map<String, Value>, path: &AttributePath, value: Value) -> Result<(), Error> {
    let is_whole = path.part.is_none() && !path.attribute.parts().is_empty();
    if !is_whole {
        return put(fields, path, value);
    }
    let Some(Value::Object(new)) = read_all(path.attribute, value)? else { return put(fields, path, Value::Null) };
    let whole = fields_of(fields, path).entry(path.attribute.name).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(parts) = whole {
        parts.extend(new);
    }
    Ok(())
}
