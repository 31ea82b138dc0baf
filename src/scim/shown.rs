//! Which attributes an answer shows: `attributes` and `excludedAttributes` (RFC 7644 §3.9).

use serde_json::{Map, Value};

use super::path::{AttributePath, Named};
use super::schema::Resource;

/// How many attributes a request may name.
const MAX_NAMES: usize = 200;

/// What is shown in any case.
const ALWAYS: [&str; 2] = ["id", "schemas"];

/// Which attributes are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Shown {
    /// All.
    #[default]
    All,
    /// These alone.
    Only(Vec<Named>),
    /// All but these.
    Without(Vec<Named>),
}

impl Shown {
    /// Reads the two lists of a request. Names that mean nothing here are left out. If both lists are there, the first
    /// counts, because the RFC wants one.
    pub(super) fn read(resource: Resource, only: Option<&[String]>, without: Option<&[String]>) -> Self {
        let look_up = |names: &[String]| {
            let names = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).take(MAX_NAMES);
            // A filter behind a name, as some clients write it, chooses no attribute.
            let names = names.map(|name| name.split('[').next().unwrap_or(name));
            names.filter_map(|name| Named::look_up(resource, name).ok()).collect::<Vec<_>>()
        };
        match (only, without) {
            (Some(only), _) => Self::Only(look_up(only)),
            (None, Some(without)) => Self::Without(look_up(without)),
            (None, None) => Self::All,
        }
    }

    /// Whether any of this core attribute is shown: what is not need not be looked up.
    pub(super) fn shows(&self, name: &str) -> bool {
        let is_it = |named: &Named| match named {
            Named::Attribute(path) => path.extension.is_none() && path.attribute.name == name,
            Named::Core => true,
            Named::Extension(_) => false,
        };
        let is_whole = |named: &Named| match named {
            Named::Attribute(path) => path.part.is_none() && is_it(named),
            named => is_it(named),
        };
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(is_it),
            Self::Without(names) => !names.iter().any(is_whole),
        }
    }

    /// The part of a resource that is shown.
    pub(super) fn of(&self, resource: Resource, whole: Map<String, Value>) -> Map<String, Value> {
        match self {
            Self::All => whole,
            Self::Only(names) => {
                let mut shown = Map::new();
                for name in ALWAYS {
                    shown.extend(whole.get(name).map(|value| (name.to_owned(), value.clone())));
                }
                for named in names {
                    show(resource, &whole, *named, &mut shown);
                }
                shown
            }
            Self::Without(names) => {
                let mut shown = whole;
                names.iter().for_each(|named| hide(resource, &mut shown, *named));
                shown
            }
        }
    }
}

fn show(resource: Resource, whole: &Map<String, Value>, named: Named, shown: &mut Map<String, Value>) {
    let path = match named {
        Named::Attribute(path) => path,
        Named::Extension(schema) => {
            shown.extend(whole.get(schema.id).map(|value| (schema.id.to_owned(), value.clone())));
            return;
        }
        Named::Core => {
            let core = whole.iter().filter(|(name, _)| resource.attribute(name).is_some());
            shown.extend(core.map(|(name, value)| (name.clone(), value.clone())));
            return;
        }
    };
    let Some(value) = path.whole(whole) else { return };
    let fields = match path.extension {
        Some(schema) => {
            let inner = shown.entry(schema.id).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else { return };
            inner
        }
        None => shown,
    };
    let there = fields.entry(path.attribute.name).or_insert(Value::Null);
    merge(there, value, &path);
}

/// Adds what the path chooses of a value to what is shown of it already.
fn merge(shown: &mut Value, value: &Value, path: &AttributePath) {
    let Some(part) = path.part else {
        *shown = value.clone();
        return;
    };
    match (&mut *shown, value) {
        (Value::Array(shown), Value::Array(values)) if shown.len() == values.len() => {
            shown.iter_mut().zip(values).for_each(|(shown, value)| merge(shown, value, path));
        }
        (shown @ Value::Null, Value::Array(values)) => {
            let parts = values.iter().map(|value| {
                let mut one = Value::Null;
                merge(&mut one, value, path);
                one
            });
            *shown = Value::Array(parts.collect());
        }
        (shown, Value::Object(parts)) => {
            if !shown.is_object() {
                *shown = Value::Object(Map::new());
            }
            if let (Value::Object(shown), Some(value)) = (shown, parts.get(part.name)) {
                shown.insert(part.name.to_owned(), value.clone());
            }
        }
        _ => {}
    }
}

fn hide(resource: Resource, shown: &mut Map<String, Value>, named: Named) {
    let path = match named {
        Named::Attribute(path) => path,
        Named::Extension(schema) => return drop(shown.remove(schema.id)),
        Named::Core => {
            return shown.retain(|name, _| ALWAYS.contains(&name.as_str()) || resource.attribute(name).is_none());
        }
    };
    if path.extension.is_none() && ALWAYS.contains(&path.attribute.name) {
        return;
    }
    let fields = match path.extension {
        Some(schema) => match shown.get_mut(schema.id) {
            Some(Value::Object(inner)) => inner,
            _ => return,
        },
        None => shown,
    };
    let Some(part) = path.part else { return drop(fields.remove(path.attribute.name)) };
    let values = match fields.get_mut(path.attribute.name) {
        Some(Value::Array(values)) => values.as_mut_slice(),
        Some(one) => std::slice::from_mut(one),
        None => return,
    };
    for value in values {
        value.as_object_mut().map(|parts| parts.remove(part.name));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema::ENTERPRISE;
    use super::*;

    #[test]
    fn answers_show_what_is_asked_for_and_who_it_is() {
        let whole = json!({
            "schemas": ["x"], "id": "7", "userName": "b", "name": { "givenName": "B", "familyName": "S" },
            "emails": [{ "value": "1", "type": "work" }, { "value": "2" }], "meta": { "version": "1", "location": "l" },
            (ENTERPRISE): { "department": "IT", "division": "D" },
        });
        let split = |text: &str| Some(text.split(',').map(str::to_owned).collect::<Vec<_>>());
        let shown = |only: Option<Vec<String>>, without: Option<Vec<String>>| {
            let shown = Shown::read(Resource::User, only.as_deref(), without.as_deref())
                .of(Resource::User, whole.as_object().unwrap().clone());
            let mut shown = Value::Object(shown);
            let who = shown.as_object_mut().unwrap();
            assert!(who.remove("schemas").is_some() && who.remove("id").is_some());
            shown
        };
        for (names, wanted) in [
            ("userName", json!({ "userName": "b" })),
            (" USERNAME , desk,", json!({ "userName": "b" })),
            ("desk", json!({})),
            ("name.givenName,name.familyName", json!({ "name": { "givenName": "B", "familyName": "S" } })),
            ("emails.value", json!({ "emails": [{ "value": "1" }, { "value": "2" }] })),
            ("emails.type,emails.value", json!({ "emails": [{ "value": "1", "type": "work" }, { "value": "2" }] })),
            ("emails[type eq \"work\"]", json!({ "emails": [{ "value": "1", "type": "work" }, { "value": "2" }] })),
            (&format!("{ENTERPRISE}:department"), json!({ (ENTERPRISE): { "department": "IT" } })),
            (ENTERPRISE, json!({ (ENTERPRISE): { "department": "IT", "division": "D" } })),
            ("meta.version", json!({ "meta": { "version": "1" } })),
        ] {
            assert_eq!(shown(split(names), split("userName")), wanted, "{names}");
        }
        let rest = shown(
            None,
            split(
                "id,schemas,name.givenName,emails,meta,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division",
            ),
        );
        assert_eq!(
            rest,
            json!({ "userName": "b", "name": { "familyName": "S" }, (ENTERPRISE): { "department": "IT" } })
        );
        assert_eq!(shown(None, None).as_object().unwrap().len(), 5);
        let without = Shown::read(Resource::Group, None, split("MEMBERS").as_deref());
        assert!(!without.shows("members") && without.shows("displayName"));
        assert!(!Shown::read(Resource::Group, split("displayName").as_deref(), None).shows("members"));
        assert!(Shown::read(Resource::Group, split("members.value").as_deref(), None).shows("members"));
    }
}
