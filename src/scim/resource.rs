//! Reads resources as clients write them, and puts values into them: names in our spelling, values of their attribute's
//! kind, nothing that is not kept here.

use serde_json::{Map, Value};

use super::error::{Error, ScimType};
use super::filter::boolean;
use super::path::{AttributePath, Named};
use super::schema::{DataType, Definition, Mutability, Resource};

/// The longest text that an attribute may have, in bytes.
const MAX_TEXT: usize = 16 * 1024;

/// How many values an attribute may have. Members of a group are not bounded by this: they are kept apart.
const MAX_VALUES: usize = 200;

/// The largest resource, as JSON, in bytes.
const MAX_SIZE: usize = 64 * 1024;

/// Reads a whole resource: the body of a POST or a PUT. What is not kept here, or is not the client's to say, is left out.
pub(super) fn read(resource: Resource, body: Value) -> Result<Map<String, Value>, Error> {
    let Value::Object(fields) = body else {
        return Err(Error::mistake(
            ScimType::InvalidSyntax,
            format!("the body is to be a JSON object: a {}", resource.name()),
        ));
    };
    check_schemas(resource, &fields)?;
    let mut read = Map::new();
    for (name, value) in fields {
        match Named::look_up(resource, &name) {
            Ok(Named::Attribute(path)) if path.attribute.mutability != Mutability::ReadOnly => {
                put(&mut read, &path, value)?;
            }
            Ok(Named::Extension(schema)) => {
                let Value::Object(fields) = value else { continue };
                for (name, value) in fields {
                    if let Some(attribute) = super::schema::find(schema.attributes, &name) {
                        put(&mut read, &AttributePath { extension: Some(schema), attribute, part: None }, value)?;
                    }
                }
            }
            // A client may say more than we keep (RFC 7644 §3.3).
            _ => {}
        }
    }
    settle(resource, &mut read)?;
    Ok(read)
}

/// A resource that says which schemas it has must have ours.
fn check_schemas(resource: Resource, fields: &Map<String, Value>) -> Result<(), Error> {
    let said = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas")).map(|(_, value)| value);
    let is_ours = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(resource.core().id));
    match said {
        None => Ok(()),
        Some(Value::Array(urns)) if urns.iter().any(is_ours) => Ok(()),
        Some(_) => {
            let detail = format!("`schemas` does not name `{}`, which a {} has", resource.core().id, resource.name());
            Err(Error::value(detail))
        }
    }
}

/// Puts a value in the place of what was there.
pub(super) fn put(resource: &mut Map<String, Value>, path: &AttributePath, value: Value) -> Result<(), Error> {
    let Some(part) = path.part else {
        let read = read_all(path.attribute, value)?;
        set(fields_of(resource, path), path.attribute.name, read);
        return Ok(());
    };
    let read = read_all(part, value)?;
    let fields = fields_of(resource, path);
    let whole = fields.entry(path.attribute.name).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(parts) = whole {
        set(parts, part.name, read);
    }
    Ok(())
}

/// The fields among which the attribute stands: those of the resource, or those of its extension.
pub(super) fn fields_of<'r>(resource: &'r mut Map<String, Value>, path: &AttributePath) -> &'r mut Map<String, Value> {
    let Some(schema) = path.extension else { return resource };
    let extension = resource.entry(schema.id).or_insert_with(|| Value::Object(Map::new()));
    if !extension.is_object() {
        *extension = Value::Object(Map::new());
    }
    match extension {
        Value::Object(fields) => fields,
        _ => unreachable!("it was just made an object"),
    }
}

/// Sets a field, or removes it.
pub(super) fn set(fields: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(fields.insert(name.to_owned(), value)),
        None => drop(fields.remove(name)),
    }
}

/// Reads the value or the values of an attribute. `None` means that it has none (RFC 7643 §2.5).
pub(super) fn read_all(attribute: &'static Definition, value: Value) -> Result<Option<Value>, Error> {
    if !attribute.many {
        return read_one(attribute, alone(attribute, value));
    }
    let values = match value {
        Value::Null => return Ok(None),
        Value::Array(values) => values,
        one => vec![one],
    };
    let mut read = Vec::new();
    for value in values {
        read.extend(read_one(attribute, value)?);
    }
    check_count(attribute, read.len())?;
    Ok((!read.is_empty()).then_some(Value::Array(read)))
}

pub(super) fn check_count(attribute: &Definition, count: usize) -> Result<(), Error> {
    if count <= MAX_VALUES {
        return Ok(());
    }
    Err(Error::value(format!("`{}` would have {count} values, and {MAX_VALUES} are kept at most", attribute.name)))
}

/// The one value: older clients write `[{"value": "x"}]` where `"x"` is meant.
fn alone(attribute: &Definition, value: Value) -> Value {
    let Value::Array(mut values) = value else { return value };
    match (values.pop(), values.is_empty()) {
        (Some(Value::Object(mut parts)), true) if attribute.parts().is_empty() => {
            parts.remove("value").unwrap_or(Value::Null)
        }
        (Some(one), true) => one,
        (None, _) => Value::Null,
        (Some(last), false) => {
            values.push(last);
            Value::Array(values)
        }
    }
}

/// Reads one value of an attribute.
pub(super) fn read_one(attribute: &'static Definition, value: Value) -> Result<Option<Value>, Error> {
    let wrong = |kind: &str| Err(Error::value(format!("`{}` is to be {kind}", attribute.name)));
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (DataType::Boolean, Value::Bool(value)) => Ok(Some(Value::Bool(value))),
        // Entra writes "True" and "False", unless it is asked not to.
        (DataType::Boolean, Value::String(text)) => match boolean(&text) {
            Some(value) => Ok(Some(Value::Bool(value))),
            None => wrong("true or false"),
        },
        (DataType::Boolean, _) => wrong("true or false"),
        (DataType::Complex(parts), Value::Object(fields)) => read_parts(parts, fields),
        (DataType::Complex(parts), text @ Value::String(_)) if super::schema::find(parts, "value").is_some() => {
            read_parts(parts, Map::from_iter([("value".to_owned(), text)]))
        }
        (DataType::Complex(_), _) => wrong("an object"),
        (_, Value::String(text)) if text.len() > MAX_TEXT => wrong(&format!("{MAX_TEXT} bytes long at most")),
        (DataType::Time, Value::String(text)) if text.parse::<crate::clock::Timestamp>().is_err() => {
            wrong("a time, as by RFC 3339")
        }
        (_, Value::String(text)) => Ok(Some(Value::String(text))),
        _ => wrong("a text"),
    }
}

/// Reads the parts of a value.
fn read_parts(parts: &'static [Definition], fields: Map<String, Value>) -> Result<Option<Value>, Error> {
    let mut read = Map::new();
    for (name, value) in fields {
        let Some(part) = super::schema::find(parts, &name) else { continue };
        if part.mutability != Mutability::ReadOnly
            && let Some(value) = read_one(part, alone(part, value))?
        {
            read.insert(part.name.to_owned(), value);
        }
    }
    Ok((!read.is_empty()).then_some(Value::Object(read)))
}

/// Leaves out what is empty, and checks the resource as a whole.
pub(super) fn settle(resource: Resource, fields: &mut Map<String, Value>) -> Result<(), Error> {
    for schema in resource.extensions() {
        if let Some(Value::Object(inner)) = fields.get_mut(schema.id) {
            inner.retain(|_, value| !is_empty(value));
        }
    }
    fields.retain(|_, value| !is_empty(value));
    for attribute in resource.core().attributes.iter().filter(|attribute| attribute.required) {
        let is_there = fields.get(attribute.name).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
        if !is_there {
            return Err(Error::value(format!("a {} needs `{}`", resource.name(), attribute.name)));
        }
    }
    for (name, value) in &*fields {
        let primaries = value.as_array().into_iter().flatten().filter(|value| is_primary(value)).count();
        if primaries > 1 {
            return Err(Error::value(format!("{primaries} values of `{name}` are primary, and one may be")));
        }
    }
    let size = serde_json::to_vec(fields).map_or(usize::MAX, |json| json.len());
    if size > MAX_SIZE {
        return Err(Error::value(format!(
            "the {} has {size} bytes as JSON, and {MAX_SIZE} are kept at most",
            resource.name()
        )));
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(parts) => parts.is_empty(),
        _ => false,
    }
}

/// Whether a value is the preferred one.
pub(super) fn is_primary(value: &Value) -> bool {
    value.get("primary").and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema::{ENTERPRISE, USER};
    use super::*;

    #[test]
    fn a_person_is_read_in_our_spelling_without_what_is_not_kept() {
        let body = json!({
            "schemas": [USER, "urn:contoso:2.0:User"],
            "id": "mine", "meta": { "resourceType": "User" }, "groups": [{ "value": "g" }], "password": "secret",
            "UserName": "b.simon@contoso.com", "active": "False", "displayName": null, "roles": [],
            "Name": { "GivenName": "Britta", "nick": 7, "familyName": null },
            "emails": [{ "Primary": "True", "type": "work", "value": "b@contoso.com", "$ref": null }, {}, null],
            "phoneNumbers": { "value": "1" }, "entitlements": ["x"],
            "urn:contoso:2.0:User": { "desk": 7 },
            (ENTERPRISE): { "Department": "IT", "Manager": "m-1", "desk": 7 },
        });
        let wanted = json!({
            "userName": "b.simon@contoso.com", "active": false, "name": { "givenName": "Britta" },
            "emails": [{ "primary": true, "type": "work", "value": "b@contoso.com" }],
            "phoneNumbers": [{ "value": "1" }], "entitlements": [{ "value": "x" }],
            (ENTERPRISE): { "department": "IT", "manager": { "value": "m-1" } },
        });
        assert_eq!(read(Resource::User, body).as_ref().map(|read| json!(read)), Ok(wanted));
    }

    #[test]
    fn what_is_no_person_is_refused_with_a_word_about_it() {
        let long = "x".repeat(MAX_TEXT + 1);
        let many: Vec<_> = (0..=MAX_VALUES).map(|number| json!({ "value": number.to_string() })).collect();
        let large: Vec<_> = (0..10).map(|_| json!({ "value": "x".repeat(8000) })).collect();
        for (body, word) in [
            (json!([]), "object"),
            (json!("b"), "object"),
            (json!({}), "userName"),
            (json!({ "userName": "" }), "userName"),
            (json!({ "userName": " " }), "userName"),
            (json!({ "userName": 7 }), "userName"),
            (json!({ "userName": ["b", "c"] }), "userName"),
            (json!({ "userName": { "value": "b" } }), "userName"),
            (json!({ "userName": "b", "active": "yes" }), "active"),
            (json!({ "userName": "b", "active": 1 }), "active"),
            (json!({ "userName": "b", "name": "B" }), "name"),
            (json!({ "userName": "b", "emails": [7] }), "emails"),
            (json!({ "userName": "b", "emails": [[]] }), "emails"),
            (json!({ "userName": "b", "emails": [{ "value": {} }] }), "value"),
            (
                json!({ "userName": "b", "emails": [{ "value": "1", "primary": true }, { "value": "2", "primary": true }] }),
                "primary",
            ),
            (json!({ "userName": "b", "title": long }), "title"),
            (json!({ "userName": "b", "emails": many }), "201 values"),
            (json!({ "userName": "b", "emails": large }), "bytes"),
            (json!({ "userName": "b", "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"] }), "schemas"),
            (json!({ "userName": "b", "schemas": [] }), "schemas"),
            (json!({ "userName": "b", "schemas": "x" }), "schemas"),
        ] {
            let refused = read(Resource::User, body.clone()).expect_err("it is no person");
            assert!(refused.status == 400 && refused.detail.contains(word), "{refused} {word}");
        }
    }

    #[test]
    fn older_forms_of_single_values_are_read() {
        let body = json!({ "userName": [{ "$ref": null, "value": "b" }], "title": [], "nickName": ["B"] });
        assert_eq!(read(Resource::User, body).map(Value::Object), Ok(json!({ "userName": "b", "nickName": "B" })));
    }
}
