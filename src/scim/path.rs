//! The names of attributes, as filters, PATCH operations and parameters write them (RFC 7644 §3.10).

use serde_json::{Map, Value};

use super::schema::{Definition, Resource, Schema, find};

/// An attribute or a part of one, looked up: `userName`, `name.familyName`, `urn:…:User:manager.value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttributePath {
    /// The extension that it belongs to; `None` for the core schema, and for parts of a value.
    pub(super) extension: Option<&'static Schema>,
    /// The attribute.
    pub(super) attribute: &'static Definition,
    /// The part of it that is meant.
    pub(super) part: Option<&'static Definition>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// An attribute, or a part of one.
    Attribute(AttributePath),
    /// All attributes of an extension.
    Extension(&'static Schema),
    /// All attributes of the core schema.
    Core,
}

/// A name that stands for nothing here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unknown {
    /// It belongs to a schema that is not ours.
    #[error("`{0}` belongs to a schema that is not kept here")]
    Schema(String),
    /// An extension of ours has no such attribute.
    #[error("`{0}` is no attribute of this extension")]
    Extension(String),
    /// No attribute has this name.
    #[error("`{0}` is no attribute of a {1}")]
    Attribute(String, &'static str),
}

impl Named {
    /// Looks up a name. Attributes of an extension may be behind a colon, as they should, or behind a dot, as older clients
    /// write them.
    pub(super) fn look_up(resource: Resource, text: &str) -> Result<Self, Unknown> {
        let unknown = || Unknown::Attribute(text.to_owned(), resource.name());
        let is_urn = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
        if !is_urn {
            let (name, part) = split(text);
            let attribute = resource.attribute(name).ok_or_else(unknown)?;
            return AttributePath::new(None, attribute, part).map(Self::Attribute).ok_or_else(unknown);
        }
        let core = resource.core();
        if let Some(rest) = behind(text, core.id) {
            let (name, part) = split(rest);
            if name.is_empty() {
                return Ok(Self::Core);
            }
            let attribute = find(core.attributes, name).ok_or_else(unknown)?;
            return AttributePath::new(None, attribute, part).map(Self::Attribute).ok_or_else(unknown);
        }
        let extension = resource.extensions().iter().find_map(|schema| Some((schema, behind(text, schema.id)?)));
        let (schema, rest) = extension.ok_or_else(|| Unknown::Schema(text.to_owned()))?;
        if rest.is_empty() {
            return Ok(Self::Extension(schema));
        }
        let (name, part) = split(rest);
        let unknown = || Unknown::Extension(text.to_owned());
        let attribute = find(schema.attributes, name).ok_or_else(unknown)?;
        AttributePath::new(Some(schema), attribute, part).map(Self::Attribute).ok_or_else(unknown)
    }
}

impl AttributePath {
    fn new(extension: Option<&'static Schema>, attribute: &'static Definition, part: Option<&str>) -> Option<Self> {
        let part = match part {
            Some(name) => Some(attribute.part(name)?),
            None => None,
        };
        Some(Self { extension, attribute, part })
    }

    /// A part of a value, as filters in brackets name it: `type` in `emails[type eq "work"]`.
    pub(super) fn within(attribute: &'static Definition, name: &str) -> Option<Self> {
        Some(Self { extension: None, attribute: attribute.part(name)?, part: None })
    }

    /// What is compared: the part, or the `value` of an attribute that has parts. `None` if nothing can be compared.
    pub(super) fn leaf(&self) -> Option<&'static Definition> {
        match self.part {
            Some(part) => Some(part),
            None if self.attribute.parts().is_empty() => Some(self.attribute),
            None => self.attribute.part("value"),
        }
    }

    /// The value of the whole attribute in a resource.
    pub(super) fn whole<'r>(&self, resource: &'r Map<String, Value>) -> Option<&'r Value> {
        match self.extension {
            Some(schema) => resource.get(schema.id)?.get(self.attribute.name),
            None => resource.get(self.attribute.name),
        }
    }

    /// The values of the attribute in a resource: several, one or none.
    pub(super) fn values<'r>(&self, resource: &'r Map<String, Value>) -> &'r [Value] {
        match self.whole(resource) {
            Some(Value::Array(values)) => values,
            Some(value) => std::slice::from_ref(value),
            None => &[],
        }
    }

    /// The values that are compared.
    pub(super) fn leaves<'r>(&self, resource: &'r Map<String, Value>) -> impl Iterator<Item = &'r Value> {
        let part = self.part.or_else(|| self.attribute.part("value")).map(|part| part.name);
        let inside = !self.attribute.parts().is_empty();
        self.values(resource).iter().filter_map(move |value| if inside { value.get(part?) } else { Some(value) })
    }
}

/// The attribute's name, and that of its part.
fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('.').map_or((text, None), |(name, part)| (name, Some(part)))
}

/// What stands behind `urn`, without the sign between.
fn behind<'t>(text: &'t str, urn: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(urn.len())?;
    let sign = if rest.is_empty() { Some("") } else { rest.strip_prefix([':', '.']) };
    sign.filter(|_| start.eq_ignore_ascii_case(urn))
}

#[cfg(test)]
mod tests {
    use super::super::schema::{ENTERPRISE, USER};
    use super::*;

    fn shown(resource: Resource, text: &str) -> String {
        match Named::look_up(resource, text) {
            Ok(Named::Core) => "core".into(),
            Ok(Named::Extension(schema)) => format!("all of {}", schema.name),
            Ok(Named::Attribute(path)) => {
                let names = [
                    path.extension.map(|schema| schema.name),
                    Some(path.attribute.name),
                    path.part.map(|part| part.name),
                ];
                names.into_iter().flatten().collect::<Vec<_>>().join("/")
            }
            Err(Unknown::Schema(_)) => "unknown schema".into(),
            Err(Unknown::Extension(_)) => "unknown in the extension".into(),
            Err(Unknown::Attribute(..)) => "unknown".into(),
        }
    }

    #[test]
    fn names_are_looked_up_with_and_without_their_schemas() {
        for (text, wanted) in [
            ("userName", "userName"),
            ("USERNAME", "userName"),
            ("externalId", "externalId"),
            ("meta.lastModified", "meta/lastModified"),
            ("name.FamilyName", "name/familyName"),
            ("emails.$ref", "unknown"),
            ("manager", "unknown"),
            ("name.familyName.x", "unknown"),
            ("userName.x", "unknown"),
            ("", "unknown"),
            (".", "unknown"),
            (USER, "core"),
            (&format!("{USER}:userName"), "userName"),
            (&format!("{}:name.givenName", USER.to_uppercase()), "name/givenName"),
            (&format!("{USER}:externalId"), "unknown"),
            (ENTERPRISE, "all of EnterpriseUser"),
            (&format!("{ENTERPRISE}:manager"), "EnterpriseUser/manager"),
            (&format!("{ENTERPRISE}:manager.value"), "EnterpriseUser/manager/value"),
            (&format!("{ENTERPRISE}.department"), "EnterpriseUser/department"),
            (&format!("{ENTERPRISE}:userName"), "unknown in the extension"),
            (&format!("{ENTERPRISE}x:department"), "unknown schema"),
            ("urn:ietf:params:scim:schemas:extension:contoso:2.0:User:desk", "unknown schema"),
            ("urn:", "unknown schema"),
            ("ürn", "unknown"),
        ] {
            assert_eq!(shown(Resource::User, text), wanted, "{text}");
        }
        assert_eq!(shown(Resource::Group, "members.value"), "members/value");
        assert_eq!(shown(Resource::Group, &format!("{USER}:userName")), "unknown schema");
    }
}
