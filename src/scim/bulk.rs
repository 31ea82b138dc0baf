//! Bulk requests (RFC 7644 §3.7): several requests in one, which may name each other's results.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::error::{Error, ScimType};

/// How many operations a request may have.
pub(super) const MAX_OPERATIONS: usize = 1000;

/// How often the operations are gone through, each time for those that wait for another one's result.
pub(super) const MAX_ROUNDS: usize = 8;

/// How the result of another operation is named before there is one.
const REFERENCE: &str = "bulkId:";

/// A bulk request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bulk {
    /// After how many mistakes the rest is left undone; `None` for never.
    pub(super) fail_on_errors: Option<usize>,
    pub(super) operations: Vec<Operation>,
}

/// One of its operations.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Operation {
    /// In capitals.
    pub(super) method: String,
    pub(super) bulk_id: Option<String>,
    /// The path, without the query: `/Users`, `/Groups/7`.
    pub(super) path: String,
    pub(super) version: Option<String>,
    pub(super) data: Value,
}

/// Reads a bulk request.
pub(super) fn read(body: Value) -> Result<Bulk, Error> {
    let syntax = |detail: &str| Error::mistake(ScimType::InvalidSyntax, detail);
    let fields = lower(body).ok_or_else(|| syntax("the body is to be a JSON object: a BulkRequest"))?;
    let fail_on_errors = match fields.get("failonerrors") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let count = value.as_u64().ok_or_else(|| Error::value("`failOnErrors` is to be a whole number"))?;
            Some(usize::try_from(count).unwrap_or(usize::MAX))
        }
    };
    let Some(Value::Array(operations)) = fields.get("operations") else {
        return Err(syntax("a BulkRequest needs `Operations`, a list"));
    };
    if operations.len() > MAX_OPERATIONS {
        let detail = format!("{} operations, and {MAX_OPERATIONS} are allowed at most", operations.len());
        return Err(Error::new(http::StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    let operations = operations.iter().map(|operation| {
        let mut fields = lower(operation.clone()).ok_or_else(|| syntax("an operation is to be a JSON object"))?;
        let mut text = |name: &str| match fields.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let method = text("method").ok_or_else(|| syntax("an operation needs a `method`"))?.to_ascii_uppercase();
        let path = text("path").ok_or_else(|| syntax("an operation needs a `path`"))?;
        let (bulk_id, version) = (text("bulkid"), text("version"));
        let data = fields.remove("data").unwrap_or(Value::Null);
        Ok(Operation { method, bulk_id, path, version, data })
    });
    Ok(Bulk { fail_on_errors, operations: operations.collect::<Result<_, Error>>()? })
}

fn lower(value: Value) -> Option<Map<String, Value>> {
    let Value::Object(fields) = value else { return None };
    Some(fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
}

impl Operation {
    /// The same, with what it names in the place of its names. `None` if it names what is not there yet.
    pub(super) fn resolved(&self, known: &HashMap<String, String>) -> Option<Self> {
        let mut data = self.data.clone();
        let is_whole = resolve(&mut data, known);
        let path = self.path.split('/').map(|part| named(part, known)).collect::<Option<Vec<_>>>()?.join("/");
        is_whole.then(|| Self { path, data, ..self.clone() })
    }

    /// What the answer says of it.
    pub(super) fn answered(&self, status: http::StatusCode) -> Map<String, Value> {
        let mut fields =
            Map::from_iter([("method".to_owned(), json!(self.method)), ("status".to_owned(), json!(status.as_str()))]);
        fields.extend(self.bulk_id.as_ref().map(|id| ("bulkId".to_owned(), json!(id))));
        fields
    }
}

/// Replaces names of results. False if one is not there yet.
fn resolve(value: &mut Value, known: &HashMap<String, String>) -> bool {
    match value {
        Value::String(text) => match named(text, known) {
            Some(id) => {
                *text = id;
                true
            }
            None => false,
        },
        Value::Array(values) => values.iter_mut().all(|value| resolve(value, known)),
        Value::Object(fields) => fields.values_mut().all(|value| resolve(value, known)),
        _ => true,
    }
}

fn named(text: &str, known: &HashMap<String, String>) -> Option<String> {
    match text.strip_prefix(REFERENCE) {
        Some(id) => known.get(id).cloned(),
        None => Some(text.to_owned()),
    }
}

/// The body of the answer.
pub(super) fn answer(operations: Vec<Value>) -> Value {
    let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]);
    let fields = [("schemas", schemas), ("Operations", Value::Array(operations))];
    Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_wait_for_what_they_name() {
        let body = json!({
            "failOnErrors": 1,
            "Operations": [
                { "method": "post", "bulkId": "u", "path": "/Users", "data": { "userName": "b" } },
                { "METHOD": "PATCH", "path": "/Groups/bulkId:g", "data": { "Operations": [{ "value": [{ "value": "bulkId:u" }] }] } },
            ],
        });
        let Bulk { fail_on_errors, operations } = read(body).unwrap();
        assert_eq!(fail_on_errors, Some(1));
        assert_eq!((operations[0].method.as_str(), operations[0].bulk_id.as_deref()), ("POST", Some("u")));
        let mut known = HashMap::new();
        assert_eq!(operations[0].resolved(&known).as_ref(), Some(&operations[0]));
        assert_eq!(operations[1].resolved(&known), None);
        known.insert("u".to_owned(), "7".to_owned());
        assert_eq!(operations[1].resolved(&known), None);
        known.insert("g".to_owned(), "8".to_owned());
        let resolved = operations[1].resolved(&known).unwrap();
        assert_eq!(
            (resolved.path.as_str(), &resolved.data["Operations"][0]["value"][0]["value"]),
            ("/Groups/8", &json!("7"))
        );
    }

    #[test]
    fn what_is_no_bulk_request_is_refused() {
        for (body, status) in [
            (json!([]), 400),
            (json!({}), 400),
            (json!({ "Operations": 7 }), 400),
            (json!({ "Operations": [7] }), 400),
            (json!({ "Operations": [{ "path": "/Users" }] }), 400),
            (json!({ "Operations": [{ "method": "POST" }] }), 400),
            (json!({ "Operations": [], "failOnErrors": "x" }), 400),
            (json!({ "Operations": vec![json!({ "method": "DELETE", "path": "/Users/1" }); MAX_OPERATIONS + 1] }), 413),
        ] {
            assert_eq!(read(body).map_err(|error| error.status.as_u16()), Err(status));
        }
    }
}
