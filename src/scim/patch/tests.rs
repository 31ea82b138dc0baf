use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::scim::schema::{ENTERPRISE, USER};

fn person() -> Map<String, Value> {
    let person = json!({
        "userName": "b@contoso.com", "active": true, "name": { "givenName": "Britta", "familyName": "Simon" },
        "emails": [{ "type": "work", "value": "b@contoso.com", "primary": true }, { "type": "home", "value": "b@home.test" }],
        (ENTERPRISE): { "department": "IT" },
    });
    person.as_object().unwrap().clone()
}

fn patched(operations: &Value) -> Result<Value, Error> {
    let mut fields = person();
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
    apply(Resource::User, &mut fields, read(Resource::User, body)?)?;
    Ok(Value::Object(fields))
}

/// What a person is after these changes of `person`.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut fields = person();
    for (name, value) in changes {
        crate::scim::resource::set(&mut fields, name, (!value.is_null()).then(|| value.clone()));
    }
    Value::Object(fields)
}

fn one(op: &str, path: &str, value: impl Into<Value>) -> Value {
    let value: Value = value.into();
    json!([{ "op": op, "path": path, "value": value }])
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn operations_change_what_they_name() {
    let work = |value: &str| json!({ "type": "work", "value": value, "primary": true });
    let home = json!({ "type": "home", "value": "b@home.test" });
    let emails = |values: Value| vec![("emails", values)];
    let enterprise = |value: Value| vec![(ENTERPRISE, value)];
    let manager = |value: &str| enterprise(json!({ "department": "IT", "manager": { "value": value } }));
    for (operations, changes) in [
        // One value.
        (one("Replace", "userName", json!("c@contoso.com")), vec![("userName", json!("c@contoso.com"))]),
        (one("add", "NickName", json!("Babs")), vec![("nickName", json!("Babs"))]),
        (one("Add", "nickName", json!([{ "$ref": null, "value": "Babs" }])), vec![("nickName", json!("Babs"))]),
        (one("Replace", "active", json!("False")), vec![("active", json!(false))]),
        (one("replace", "active", json!(false)), vec![("active", json!(false))]),
        (one("Replace", "nickName", json!(null)), vec![]),
        (one("remove", "nickName", json!(null)), vec![]),
        (json!([{ "op": "Remove", "path": "active" }]), vec![("active", Value::Null)]),
        (one("replace", &format!("{USER}:displayName"), json!("B")), vec![("displayName", json!("B"))]),
        // One value with parts: those that are not named stay.
        (
            one("Replace", "name.familyName", json!("X")),
            vec![("name", json!({ "givenName": "Britta", "familyName": "X" }))],
        ),
        (
            one("replace", "name", json!({ "familyName": "X" })),
            vec![("name", json!({ "givenName": "Britta", "familyName": "X" }))],
        ),
        (one("remove", "name.familyName", Value::Null), vec![("name", json!({ "givenName": "Britta" }))]),
        (one("remove", "name", Value::Null), vec![("name", Value::Null)]),
        // Extensions, and a manager in all the forms that there are.
        (one("Replace", &format!("{ENTERPRISE}:department"), json!("HR")), enterprise(json!({ "department": "HR" }))),
        (one("Add", &format!("{ENTERPRISE}:manager"), json!("m-1")), manager("m-1")),
        (one("Add", &format!("{ENTERPRISE}:manager"), json!({ "value": "m-1" })), manager("m-1")),
        (one("Add", &format!("{ENTERPRISE}:manager"), json!([{ "$ref": null, "value": "m-1" }])), manager("m-1")),
        (one("Add", &format!("{ENTERPRISE}:manager.value"), json!("m-1")), manager("m-1")),
        (json!([{ "op": "Remove", "path": format!("{ENTERPRISE}:department") }]), enterprise(Value::Null)),
        (
            one("replace", ENTERPRISE, json!({ "division": "X" })),
            enterprise(json!({ "department": "IT", "division": "X" })),
        ),
        (json!([{ "op": "remove", "path": ENTERPRISE }]), enterprise(Value::Null)),
        // Several values.
        (
            one("Replace", "emails[type eq \"work\"].value", json!("n@contoso.com")),
            emails(json!([work("n@contoso.com"), home])),
        ),
        (
            one("Add", "emails[type eq \"work\"].value", json!("n@contoso.com")),
            emails(json!([work("n@contoso.com"), home])),
        ),
        (
            one("replace", "emails[type eq \"WORK\"]", json!({ "value": "n@contoso.com" })),
            emails(json!([work("n@contoso.com"), home])),
        ),
        (
            one("replace", "emails", json!([{ "value": "n@contoso.com" }])),
            emails(json!([{ "value": "n@contoso.com" }])),
        ),
        (one("replace", "emails", json!([])), emails(Value::Null)),
        (
            one("add", "emails", json!([{ "type": "work", "value": "B@contoso.com" }])),
            emails(json!([{ "type": "work", "value": "B@contoso.com", "primary": true }, home])),
        ),
        (
            one("add", "emails", json!({ "type": "other", "value": "n@contoso.com" })),
            emails(json!([work("b@contoso.com"), home, { "type": "other", "value": "n@contoso.com" }])),
        ),
        // Another one becomes the preferred one.
        (
            one("replace", "emails[type eq \"home\"].primary", json!("True")),
            emails(json!([
            { "type": "work", "value": "b@contoso.com", "primary": false }, { "type": "home", "value": "b@home.test", "primary": true }])),
        ),
        (
            one("add", "emails", json!([{ "value": "n@contoso.com", "primary": true }])),
            emails(json!([
            { "type": "work", "value": "b@contoso.com", "primary": false }, home, { "value": "n@contoso.com", "primary": true }])),
        ),
        // A filter that finds nothing makes what it describes.
        (
            one("Add", "phoneNumbers[type eq \"mobile\"].value", json!("1")),
            vec![("phoneNumbers", json!([{ "type": "mobile", "value": "1" }]))],
        ),
        (
            one("Replace", "addresses[type eq \"work\"].country", json!("DE")),
            vec![("addresses", json!([{ "type": "work", "country": "DE" }]))],
        ),
        (
            one("Add", "roles[primary eq \"True\"].value", json!("admin")),
            vec![("roles", json!([{ "primary": true, "value": "admin" }]))],
        ),
        (one("add", "roles", json!("admin")), vec![("roles", json!([{ "value": "admin" }]))]),
        // Removal, of what is there and of what is not.
        (json!([{ "op": "Remove", "path": "emails[type eq \"work\"]" }]), emails(json!([home]))),
        (json!([{ "op": "Remove", "path": "emails[type eq \"other\"]" }]), vec![]),
        (
            json!([{ "op": "Remove", "path": "emails[type eq \"home\"].value" }]),
            emails(json!([work("b@contoso.com"), { "type": "home" }])),
        ),
        (
            one("Remove", "emails", json!([{ "$ref": null, "value": "B@home.test" }])),
            emails(json!([work("b@contoso.com")])),
        ),
        (one("Remove", "emails", json!([{ "value": "nobody@home.test" }])), vec![]),
        (one("Remove", "emails", json!([])), vec![]),
        (one("Remove", "emails", json!({})), vec![]),
        (json!([{ "op": "Remove", "path": "emails" }]), emails(Value::Null)),
        // No path: each key is one.
        (
            json!([{ "op": "replace", "value": {
            "displayName": "B", "name.familyName": "X", "emails[type eq \"work\"].value": "n@contoso.com",
            (format!("{ENTERPRISE}:department")): "HR", "id": "mine", "meta": {}, "desk": 7, "urn:contoso:User:desk": 7,
        } }]),
            vec![
                ("displayName", json!("B")),
                ("name", json!({ "givenName": "Britta", "familyName": "X" })),
                ("emails", json!([work("n@contoso.com"), home])),
                (ENTERPRISE, json!({ "department": "HR" })),
            ],
        ),
        (json!([{ "op": "Add", "value": { (ENTERPRISE): { "manager": "m-1", "desk": 7, "": 1 } } }]), manager("m-1")),
        (json!([{ "op": "Replace", "value": { "active": "False" } }]), vec![("active", json!(false))]),
        (
            json!([{ "op": "Replace", "path": null, "value": { (USER): { "title": "Dr" } } }]),
            vec![("title", json!("Dr"))],
        ),
        // What is not kept here is no mistake.
        (one("Add", "urn:ietf:params:scim:schemas:extension:contoso:2.0:User:desk", json!("7")), vec![]),
        // One after the other.
        (
            json!([
                { "op": "Add", "path": "title", "value": "A" }, { "OP": "Replace", "Path": "title", "Value": "B" },
                { "op": "Remove", "path": "name" }, { "op": "Add", "path": "name.givenName", "value": "C" },
            ]),
            vec![("title", json!("B")), ("name", json!({ "givenName": "C" }))],
        ),
    ] {
        assert_eq!(patched(&operations), Ok(with(&changes)), "{operations}");
    }
}

#[test]
fn what_is_no_operation_is_refused_with_its_kind() {
    use ScimType::{InvalidPath, InvalidSyntax, InvalidValue, Mutability, NoTarget};
    for (operations, kind) in [
        (json!([]), InvalidSyntax),
        (json!({}), InvalidSyntax),
        (json!([7]), InvalidSyntax),
        (json!([{}]), InvalidSyntax),
        (json!([{ "op": "move", "path": "title", "value": "x" }]), InvalidSyntax),
        (json!([{ "op": 7, "path": "title", "value": "x" }]), InvalidSyntax),
        (json!(vec![json!({ "op": "add", "path": "title", "value": "x" }); MAX_OPERATIONS + 1]), InvalidSyntax),
        (json!([{ "op": "remove" }]), NoTarget),
        (json!([{ "op": "remove", "path": null, "value": { "title": "x" } }]), NoTarget),
        (json!([{ "op": "replace", "value": "x" }]), InvalidValue),
        (json!([{ "op": "replace" }]), InvalidValue),
        (json!([{ "op": "replace", "path": "title" }]), InvalidValue),
        (json!([{ "op": "replace", "path": 7, "value": "x" }]), InvalidPath),
        (one("replace", "desk", json!("x")), InvalidPath),
        (one("replace", "emails[type eq", json!("x")), InvalidPath),
        (one("replace", "id", json!("x")), Mutability),
        (one("replace", "meta.created", json!("x")), Mutability),
        (one("add", "groups", json!([{ "value": "g" }])), Mutability),
        (one("replace", "emails[value sw \"x\"].value", json!("x")), NoTarget),
        (one("replace", "active", json!("yes")), InvalidValue),
        (one("replace", "active", json!({})), InvalidValue),
        (one("replace", "userName", json!("")), InvalidValue),
        (json!([{ "op": "remove", "path": "userName" }]), InvalidValue),
        (one("replace", "title", json!({ "a": 1 })), InvalidValue),
        (one("replace", "name", json!("B")), InvalidValue),
        (one("replace", "emails", json!([7])), InvalidValue),
        (one("replace", ENTERPRISE, json!("x")), InvalidValue),
        (one("remove", "emails", json!([7])), InvalidValue),
        (
            one("replace", "emails", json!([{ "value": "1", "primary": true }, { "value": "2", "primary": "x" }])),
            InvalidValue,
        ),
    ] {
        let refused = patched(&operations).expect_err(&operations.to_string());
        assert_eq!((refused.status.as_u16(), refused.kind), (400, Some(kind)), "{operations}: {refused}");
    }
}

/// JSON as strangers may send it: with names and values that mean something here, in any place.
pub(in crate::scim) fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("add"),
        Just("Replace"),
        Just("remove"),
        Just("userName"),
        Just("emails"),
        Just("emails[type eq \"work\"].value"),
        Just("members"),
        Just("members[value eq \"x\"]"),
        Just("name.familyName"),
        Just("active"),
        Just("True"),
        Just(ENTERPRISE),
        Just(USER),
        Just("urn:x:y"),
        Just(""),
        Just("value"),
        Just("primary"),
        Just("displayName"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(|number| json!(number)),
        text.clone().prop_map(|text| json!(text)),
        ".{0,8}".prop_map(Value::String),
    ];
    let key =
        prop_oneof![text, Just("op"), Just("path"), Just("Operations"), Just("schemas"), Just("$ref"), Just("type")];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            proptest::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_makes_anything_but_a_person_or_a_mistake(body in any_json(), operations in proptest::collection::vec(any_json(), 0..4)) {
        for body in [body.clone(), json!({ "Operations": operations }), json!({ "Operations": [{ "op": "add", "value": body }] })] {
            for resource in Resource::ALL {
                if let Err(error) = crate::scim::resource::read(resource, body.clone()) {
                    prop_assert_eq!(error.status.as_u16(), 400);
                }
                let mut fields = person();
                match read(resource, body.clone()).and_then(|operations| apply(resource, &mut fields, operations)) {
                    // What comes of it is a resource by its own rules.
                    Ok(()) => prop_assert!(crate::scim::resource::settle(resource, &mut fields.clone()).is_ok()),
                    Err(error) => prop_assert_eq!(error.status.as_u16(), 400),
                }
            }
        }
    }
}
