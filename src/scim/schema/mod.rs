//! The attributes of people and groups (RFC 7643): one table for reading, filters, PATCH and `/Schemas`.

mod group;
mod user;

/// The core schema of people.
pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The extension for people in an enterprise.
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The core schema of groups.
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// A schema (RFC 7643 §7).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Schema {
    /// Its URN.
    pub(super) id: &'static str,
    /// Its name.
    pub(super) name: &'static str,
    /// What it is about.
    pub(super) description: &'static str,
    /// Its attributes.
    pub(super) attributes: &'static [Definition],
}

/// An attribute, or a part of one (RFC 7643 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    /// Its name, as we write it. Names are compared without case.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: DataType,
    /// Whether it can have several values.
    pub(super) many: bool,
    /// Whether a resource must have it.
    pub(super) required: bool,
    /// Whether values that differ in case differ.
    pub(super) exact: bool,
    /// Whether no two resources may have the same value.
    pub(super) unique: bool,
    /// Who changes it.
    pub(super) mutability: Mutability,
    /// What it means.
    pub(super) description: &'static str,
    /// Usual values.
    pub(super) usual: &'static [&'static str],
    /// The types of what a reference leads to.
    pub(super) leads_to: &'static [&'static str],
}

/// What an attribute holds (RFC 7643 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataType {
    /// Text.
    Text,
    /// True or false.
    Boolean,
    /// A URI.
    Reference,
    /// A point in time.
    Time,
    /// Octets, in Base64.
    Binary,
    /// Surroundings.
    Complex(&'static [Definition]),
}

/// Who changes an attribute (RFC 7643 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutability {
    /// The client.
    ReadWrite,
    /// We alone.
    ReadOnly,
    /// The client, once.
    Immutable,
}

/// The two types of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Resource {
    /// A person.
    User,
    /// A group.
    Group,
}

impl Resource {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::User, Self::Group];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// Where such resources are.
    pub(super) fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    /// The attributes that every such resource has.
    pub(super) fn core(self) -> &'static Schema {
        match self {
            Self::User => &user::USER,
            Self::Group => &group::GROUP,
        }
    }

    /// The attributes that it may have besides.
    pub(super) fn extensions(self) -> &'static [Schema] {
        match self {
            Self::User => &user::EXTENSIONS,
            Self::Group => &[],
        }
    }

    /// The attribute of this name among those that all resources have, and those of its core schema.
    pub(super) fn attribute(self, name: &str) -> Option<&'static Definition> {
        find(self.core().attributes, name).or_else(|| find(COMMON, name))
    }
}

/// Every schema that there is.
pub(super) fn all() -> impl Iterator<Item = &'static Schema> {
    Resource::ALL.into_iter().flat_map(|resource| std::iter::once(resource.core()).chain(resource.extensions()))
}

/// The attribute of this name among these.
pub(super) fn find(attributes: &'static [Definition], name: &str) -> Option<&'static Definition> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

impl Definition {
    /// Its parts, if it has some.
    pub(super) fn parts(&self) -> &'static [Definition] {
        match self.kind {
            DataType::Complex(parts) => parts,
            _ => &[],
        }
    }

    /// The part of this name.
    pub(super) fn part(&self, name: &str) -> Option<&'static Definition> {
        find(self.parts(), name)
    }

    const fn new(name: &'static str, kind: DataType, description: &'static str) -> Self {
        Self {
            name,
            kind,
            many: false,
            required: false,
            exact: false,
            unique: false,
            mutability: Mutability::ReadWrite,
            description,
            usual: &[],
            leads_to: &[],
        }
    }

    const fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, DataType::Text, description)
    }

    const fn boolean(name: &'static str, description: &'static str) -> Self {
        Self::new(name, DataType::Boolean, description)
    }

    const fn link(name: &'static str, leads_to: &'static [&'static str], description: &'static str) -> Self {
        Self { leads_to, exact: true, ..Self::new(name, DataType::Reference, description) }
    }

    const fn complex(name: &'static str, parts: &'static [Self], description: &'static str) -> Self {
        Self::new(name, DataType::Complex(parts), description)
    }

    const fn list(name: &'static str, parts: &'static [Self], description: &'static str) -> Self {
        Self { many: true, ..Self::complex(name, parts, description) }
    }

    const fn of(self, usual: &'static [&'static str]) -> Self {
        Self { usual, ..self }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    const fn exact(self) -> Self {
        Self { exact: true, ..self }
    }

    const fn ours(self) -> Self {
        Self { mutability: Mutability::ReadOnly, ..self }
    }

    const fn once(self) -> Self {
        Self { mutability: Mutability::Immutable, ..self }
    }
}

/// What a resource is, besides its own attributes (RFC 7643 §3.1). `/Schemas` does not list these.
const COMMON: &[Definition] = &[
    Definition { many: true, ..Definition::text("schemas", "The schemas of the resource").exact().ours() },
    Definition::text("id", "Our own name for the resource").exact().ours(),
    Definition::text("externalId", "The client's name for the resource").exact(),
    Definition::complex("meta", META, "What we note about the resource").ours(),
];

const META: &[Definition] = &[
    Definition::text("resourceType", "Its type").exact().ours(),
    Definition::new("created", DataType::Time, "When it was made").ours(),
    Definition::new("lastModified", DataType::Time, "When it was changed last").ours(),
    Definition::link("location", &["uri"], "Where it is").ours(),
    Definition::text("version", "Its version, as in ETag").exact().ours(),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn each(attributes: &'static [Definition], look: &mut dyn FnMut(&'static Definition)) {
        for attribute in attributes {
            look(attribute);
            each(attribute.parts(), look);
        }
    }

    #[test]
    fn no_two_attributes_of_a_place_have_the_same_name_without_case() {
        let mut places = vec![COMMON];
        for schema in all() {
            places.push(schema.attributes);
            each(schema.attributes, &mut |attribute| places.push(attribute.parts()));
        }
        for place in places {
            let mut names: Vec<_> = place.iter().map(|attribute| attribute.name.to_lowercase()).collect();
            names.sort();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{names:?}");
        }
    }

    #[test]
    fn every_attribute_says_what_it_means_and_parts_have_no_parts() {
        for schema in all() {
            each(schema.attributes, &mut |attribute| assert!(!attribute.description.is_empty(), "{}", attribute.name));
            for attribute in schema.attributes {
                assert!(attribute.parts().iter().all(|part| part.parts().is_empty()), "{}", attribute.name);
            }
        }
    }

    #[test]
    fn attributes_are_found_whatever_the_case_of_their_names() {
        let named = |resource: Resource, name: &str| resource.attribute(name).map(|attribute| attribute.name);
        assert_eq!(named(Resource::User, "USERNAME"), Some("userName"));
        assert_eq!(named(Resource::Group, "displayname"), Some("displayName"));
        assert_eq!(named(Resource::Group, "externalid"), Some("externalId"));
        assert_eq!(named(Resource::Group, "userName"), None);
        assert_eq!(Resource::User.attribute("emails").unwrap().part("Primary").unwrap().name, "primary");
    }
}
