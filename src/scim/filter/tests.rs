use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::scim::path::Named;

fn person() -> Map<String, Value> {
    let person = json!({
        "id": "7f1b", "externalId": "Ab-1", "userName": "B.Simon@contoso.com", "active": false,
        "name": { "givenName": "Britta", "familyName": "Simön" },
        "emails": [
            { "type": "work", "value": "b.simon@contoso.com", "primary": true },
            { "type": "home", "value": "britta@home.test" },
        ],
        "roles": [{ "value": "admin \"x\"" }],
        "meta": { "lastModified": "2026-11-30T12:00:00Z", "resourceType": "User" },
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "IT", "manager": { "value": "M1" } },
    });
    person.as_object().unwrap().clone()
}

#[test]
fn filters_say_whether_a_person_is_meant() {
    for (text, wanted) in [
        ("userName eq \"b.simon@CONTOSO.com\"", true),
        ("USERNAME EQ \"b.simon@contoso.com\"", true),
        ("userName eq \"b.simon\"", false),
        ("userName ne \"b.simon\"", true),
        ("userName sw \"B.\"", true),
        ("userName ew \"CONTOSO.COM\"", true),
        ("userName co \"simon@\"", true),
        ("userName gt \"b.simon\"", true),
        ("userName le \"a\"", false),
        ("id eq \"7F1B\"", false),
        ("externalId eq \"Ab-1\"", true),
        ("externalId eq \"ab-1\"", false),
        ("name.familyName eq \"SIMÖN\"", true),
        ("name pr", true),
        ("name.middleName pr", false),
        ("nickName pr", false),
        ("nickName eq null", true),
        ("nickName ne \"x\"", true),
        ("userName ne null", true),
        ("active eq false", true),
        ("active eq \"False\"", true),
        ("active eq True", false),
        ("active ne true", true),
        ("emails co \"home.test\"", true),
        ("emails.value eq \"britta@home.test\"", true),
        ("emails.type eq \"other\"", false),
        ("emails.type ne \"work\"", false),
        ("emails[type eq \"work\" and value co \"@contoso.com\"]", true),
        ("emails[type eq \"home\" and value co \"@contoso.com\"]", false),
        ("emails[type eq \"work\"].value eq \"b.simon@contoso.com\"", true),
        ("emails[type eq \"home\"].value eq \"b.simon@contoso.com\"", false),
        ("emails[type eq \"work\"] eq \"b.simon@contoso.com\"", true),
        ("emails[type eq \"work\"].value pr and active eq false", true),
        ("emails[not (type eq \"work\") and primary pr]", false),
        ("emails[primary eq \"True\"].type eq \"work\"", true),
        ("roles eq \"admin \\\"x\\\"\"", true),
        ("roles.value co \"\\u0061dmin\"", true),
        ("meta.lastModified gt \"2026-11-30T12:30:00+01:00\"", true),
        ("meta.lastModified ge \"2026-11-30T12:00:00Z\"", true),
        ("meta.lastModified lt \"2026-11-30T12:00:00Z\"", false),
        ("meta.resourceType eq \"User\"", true),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"b\"", true),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"it\"", true),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq \"M1\"", true),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"m1\"", false),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager[value eq \"M1\"]", true),
        // `and` binds more tightly than `or`.
        ("active eq true and userName pr or name pr", true),
        ("active eq true and (userName pr or name pr)", false),
        ("not (active eq true) and not(nickName pr)", true),
        ("  ( ( userName   pr ) )  ", true),
        ("title pr or title pr or title pr or userName pr", true),
    ] {
        let filter = Filter::parse(text, Resource::User).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(filter.matches(&person()), wanted, "{text}");
    }
}

#[test]
fn what_is_no_filter_is_refused_as_such() {
    let deep = |depth: usize| format!("{}userName pr{}", "(".repeat(depth), ")".repeat(depth));
    let wide = |terms: usize| vec!["title pr"; terms].join(" or ");
    for text in [
        "",
        " ",
        "userName",
        "userName eq",
        "userName eq b",
        "userName eq \"b",
        "userName eq \"\\q\"",
        "userName eq \"b\" and",
        "userName eq \"b\" or or title pr",
        "userName eq \"b\" title pr",
        "userName is \"b\"",
        "userName[value eq \"b\"]",
        "name eq \"b\"",
        "addresses eq \"b\"",
        "addresses[type eq \"work\"] eq \"b\"",
        "emails[",
        "emails[]",
        "emails[type eq \"work\"",
        "emails[name eq \"work\"]",
        "emails[emails[type eq \"work\"]]",
        "emails[type eq \"work\"].name eq \"b\"",
        "emails[type eq \"work\"].value",
        "emails.type[value eq \"b\"]",
        "not userName pr",
        "not (userName pr",
        "(userName pr",
        "userName pr)",
        "desk eq \"b\"",
        "userName.value eq \"b\"",
        "urn:ietf:params:scim:schemas:core:2.0:User pr",
        "urn:contoso:User:desk eq \"b\"",
        "active gt true",
        "active eq \"yes\"",
        "active eq 1",
        "active sw \"t\"",
        "userName eq true",
        "userName gt null",
        "meta.lastModified gt \"yesterday\"",
        "meta.lastModified co \"2026-11-30T12:00:00Z\"",
        "x509Certificates gt \"b\"",
        &deep(MAX_DEPTH + 1),
        &wide(MAX_TERMS + 1),
        &format!("userName eq \"{}\"", "b".repeat(MAX_LENGTH)),
        "\u{0}",
        "ünïcode eq \"b\"",
    ] {
        let refused = Filter::parse(text, Resource::User).expect_err(text);
        assert_eq!(refused.kind, Some(ScimType::InvalidFilter), "{text}");
        assert!(refused.detail.len() < 400, "{}", refused.detail);
    }
    for text in [deep(MAX_DEPTH), wide(MAX_TERMS)] {
        Filter::parse(&text, Resource::User).unwrap();
    }
}

#[test]
fn what_can_be_looked_up_is_found_in_a_filter() {
    let equals = |text: &str, name: &str| Filter::parse(text, Resource::User).unwrap().equals(name).map(str::to_owned);
    assert_eq!(equals("userName eq \"B\"", "userName").as_deref(), Some("B"));
    assert_eq!(equals("active eq true and (userName eq \"B\" and title pr)", "userName").as_deref(), Some("B"));
    for text in ["userName eq \"B\" or title pr", "not (userName eq \"B\")", "userName sw \"B\"", "title eq \"B\""] {
        assert_eq!(equals(text, "userName"), None, "{text}");
    }
    let requires =
        |text: &str| Filter::parse(text, Resource::User).unwrap().requires_value("emails").map(str::to_owned);
    for text in [
        "emails eq \"x\"",
        "emails.value eq \"x\" and active eq true",
        "emails[value eq \"x\"]",
        "emails[type eq \"work\" and value eq \"x\"]",
        "emails[type eq \"work\"].value eq \"x\"",
        "title pr and (emails[type eq \"work\"] eq \"x\")",
    ] {
        assert_eq!(requires(text).as_deref(), Some("x"), "{text}");
    }
    for text in [
        "emails.type eq \"x\"",
        "emails co \"x\"",
        "emails eq \"x\" or title pr",
        "not (emails eq \"x\")",
        "emails[value eq \"x\" or type pr]",
        "roles eq \"x\"",
    ] {
        assert_eq!(requires(text), None, "{text}");
    }
    let path = |text: &str| patch_path(text, Resource::Group).unwrap().unwrap().which.unwrap();
    assert_eq!(path("members[value eq \"1\" or value eq \"2\"]").one_of("value"), Some(vec!["1", "2"]));
    assert_eq!(path("members[value eq \"1\" and type eq \"User\"]").one_of("value"), None);
    assert_eq!(path("members[value eq \"1\" or type eq \"User\"]").one_of("value"), None);
    let parts = |text: &str| patch_path(text, Resource::User).unwrap().unwrap().which.unwrap().as_parts();
    let wanted = json!({ "primary": true, "type": "work" });
    assert_eq!(parts("emails[type eq \"work\" and primary eq \"True\"].value").as_ref(), wanted.as_object());
    assert_eq!(parts("emails[type sw \"work\"].value"), None);
    assert_eq!(parts("emails[type eq \"work\" or type eq \"home\"]"), None);
}

#[test]
fn paths_lead_to_attributes_or_say_why_not() {
    let path = |text: &str| match patch_path(text, Resource::User) {
        Ok(Ok(PatchPath { path, which })) => {
            let names = [Some(path.attribute.name), path.part.map(|part| part.name), which.map(|_| "[]")];
            names.into_iter().flatten().collect::<Vec<_>>().join("/")
        }
        Ok(Err(whole)) => {
            if whole == Named::Core {
                "core".into()
            } else {
                "extension".into()
            }
        }
        Err(PathError::Foreign) => "foreign".into(),
        Err(PathError::Wrong(error)) => format!("{:?}", error.kind.unwrap()),
    };
    for (text, wanted) in [
        ("userName", "userName"),
        ("name.givenName", "name/givenName"),
        ("emails[type eq \"work\"]", "emails/[]"),
        ("emails[type eq \"work\"].value", "emails/value/[]"),
        ("emails[type eq \"work\"].Value", "emails/value/[]"),
        ("addresses[type eq \"other\"].Formatted", "addresses/formatted/[]"),
        ("roles[primary eq \"True\"].value", "roles/value/[]"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "manager"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "extension"),
        ("urn:ietf:params:scim:schemas:core:2.0:User", "core"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq \"work\"].value", "emails/value/[]"),
        ("urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User:tag", "foreign"),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:desk", "foreign"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:desk", "InvalidPath"),
        ("desk", "InvalidPath"),
        ("userName[value eq \"x\"]", "InvalidPath"),
        ("emails[type eq \"work\"].desk", "InvalidPath"),
        ("emails[type eq \"work\"]value", "InvalidPath"),
        ("emails[type eq \"work\"", "InvalidPath"),
        ("emails[type eq]", "InvalidPath"),
        ("userName eq \"x\"", "InvalidPath"),
        ("", "InvalidPath"),
    ] {
        assert_eq!(path(text), wanted, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parsers_panic(text in "(emails|userName|active|name\\.givenName|not|and|or|eq|pr|co|\\(|\\)|\\[|\\]|\\.|\"[a-z\\\\\"]*\"|true|null|[0-9]+|urn:|:| |é|\u{0}){0,24}") {
        for resource in Resource::ALL {
            let parsed = Filter::parse(&text, resource);
            if let Ok(filter) = parsed {
                filter.matches(&person());
            }
            drop(patch_path(&text, resource));
        }
    }
}
