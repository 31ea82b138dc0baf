//! What a client can find out about us: `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas` (RFC 7643 §5-7).

use serde_json::{Map, Value, json};

use super::bulk::MAX_OPERATIONS;
use super::listing::MOST_RESOURCES;
use super::schema::{self, DataType, Definition, Mutability, Resource, Schema};
use super::service::MAX_BODY;

/// What is supported here.
pub(super) fn service_provider(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": true, "maxOperations": MAX_OPERATIONS, "maxPayloadSize": MAX_BODY },
        "filter": { "supported": true, "maxResults": MOST_RESOURCES },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token that an operator has made with `vestibule scim token new`",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": meta("ServiceProviderConfig", base, "/ServiceProviderConfig"),
    })
}

/// The types of resources.
pub(super) fn resource_types(base: &str) -> Vec<Value> {
    Resource::ALL.into_iter().map(|resource| resource_type(resource, base)).collect()
}

fn resource_type(resource: Resource, base: &str) -> Value {
    let extensions = resource.extensions().iter().map(|schema| json!({ "schema": schema.id, "required": false }));
    let mut fields = Map::from_iter([
        ("schemas".to_owned(), json!(["urn:ietf:params:scim:schemas:core:2.0:ResourceType"])),
        ("id".to_owned(), json!(resource.name())),
        ("name".to_owned(), json!(resource.name())),
        ("description".to_owned(), json!(resource.core().description)),
        ("endpoint".to_owned(), json!(resource.endpoint())),
        ("schema".to_owned(), json!(resource.core().id)),
        ("meta".to_owned(), meta("ResourceType", base, &format!("/ResourceTypes/{}", resource.name()))),
    ]);
    let extensions: Vec<_> = extensions.collect();
    if !extensions.is_empty() {
        fields.insert("schemaExtensions".into(), Value::Array(extensions));
    }
    Value::Object(fields)
}

/// The schemas.
pub(super) fn schemas(base: &str) -> Vec<Value> {
    schema::all().map(|schema| described(schema, base)).collect()
}

fn described(schema: &Schema, base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "meta": meta("Schema", base, &format!("/Schemas/{}", schema.id)),
    })
}

fn attribute(attribute: &Definition) -> Value {
    let mutability = match attribute.mutability {
        Mutability::ReadWrite => "readWrite",
        Mutability::ReadOnly => "readOnly",
        Mutability::Immutable => "immutable",
    };
    let mut fields = Map::from_iter([
        ("name".to_owned(), json!(attribute.name)),
        ("type".to_owned(), json!(kind(attribute.kind))),
        ("multiValued".to_owned(), json!(attribute.many)),
        ("description".to_owned(), json!(attribute.description)),
        ("required".to_owned(), json!(attribute.required)),
        ("mutability".to_owned(), json!(mutability)),
        ("returned".to_owned(), json!("default")),
        ("uniqueness".to_owned(), json!(if attribute.unique { "server" } else { "none" })),
    ]);
    // Only texts have a case; nothing is said where there is nothing to say.
    if matches!(attribute.kind, DataType::Text | DataType::Reference | DataType::Binary) {
        fields.insert("caseExact".into(), json!(attribute.exact));
    }
    if !attribute.usual.is_empty() {
        fields.insert("canonicalValues".into(), json!(attribute.usual));
    }
    if !attribute.leads_to.is_empty() {
        fields.insert("referenceTypes".into(), json!(attribute.leads_to));
    }
    if !attribute.parts().is_empty() {
        fields.insert("subAttributes".into(), attribute.parts().iter().map(self::attribute).collect());
    }
    Value::Object(fields)
}

fn kind(kind: DataType) -> &'static str {
    match kind {
        DataType::Text => "string",
        DataType::Boolean => "boolean",
        DataType::Reference => "reference",
        DataType::Time => "dateTime",
        DataType::Binary => "binary",
        DataType::Complex(_) => "complex",
    }
}

fn meta(resource_type: &str, base: &str, path: &str) -> Value {
    json!({ "resourceType": resource_type, "location": format!("{base}{path}") })
}

/// A list as an answer (RFC 7644 §3.4.2).
pub(super) fn list(total: usize, start: usize, resources: Vec<Value>) -> Value {
    let fields = [
        ("schemas", json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"])),
        ("totalResults", json!(total)),
        ("startIndex", json!(start)),
        ("itemsPerPage", json!(resources.len())),
        ("Resources", Value::Array(resources)),
    ];
    Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::super::schema::ENTERPRISE;
    use super::*;

    #[test]
    fn every_attribute_of_every_schema_is_described_as_the_rfc_wants() {
        let schemas = schemas("https://scim.test/scim/v2");
        assert_eq!(schemas.len(), 3);
        let user = schemas.iter().find(|schema| schema["id"] == schema::USER).unwrap();
        let named = |name: &str| {
            let all = user["attributes"].as_array().unwrap();
            all.iter().find(|attribute| attribute["name"] == name).unwrap().clone()
        };
        let user_name = named("userName");
        assert_eq!(user_name["required"], true);
        assert_eq!((&user_name["uniqueness"], &user_name["caseExact"]), (&json!("server"), &json!(false)));
        assert_eq!((&named("groups")["mutability"], &named("active")["type"]), (&json!("readOnly"), &json!("boolean")));
        assert!(named("active").get("caseExact").is_none());
        let parts = named("emails")["subAttributes"].as_array().unwrap().len();
        assert_eq!((parts, &named("emails")["multiValued"]), (4, &json!(true)));
        assert!(!json!(schemas).to_string().contains("null"), "what is not there is left out");
    }

    #[test]
    fn types_name_their_schemas_and_where_they_are() {
        let types = resource_types("https://scim.test/scim/v2");
        assert_eq!(types[0]["endpoint"], "/Users");
        assert_eq!(types[0]["schemaExtensions"], json!([{ "schema": ENTERPRISE, "required": false }]));
        assert_eq!((types[1]["schema"].as_str(), types[1].get("schemaExtensions")), (Some(schema::GROUP), None));
        assert_eq!(types[1]["meta"]["location"], "https://scim.test/scim/v2/ResourceTypes/Group");
    }
}
