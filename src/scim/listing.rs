//! Reads resources out of a directory: one, or those that a query asks for, with what is looked up for them.

use serde_json::{Map, Value, json};

use super::error::{Error, ScimType};
use super::filter::Filter;
use super::kept::{FEED, Found, in_reading, is_guid, with_number};
use super::members::{self, MEMBERS};
use super::path::AttributePath;
use super::precondition::tag;
use super::schema::Resource;
use super::shown::Shown;
use super::tenant::{Tenant, group_called, with_external_id};
use crate::directory::{Number, Reading};
use crate::identity::fold;

/// How many resources an answer has if the client does not say.
pub(super) const USUAL_COUNT: usize = 100;

/// How many resources an answer has at most.
pub(super) const MOST_RESOURCES: usize = 1000;

/// How many members of groups an answer shows at most.
const MOST_MEMBERS: usize = 50_000;

/// About how many bytes the resources of a page have at most. One is always there; what follows is on the next page, and
/// `itemsPerPage` says so (RFC 7644 §3.4.2.4).
const MOST_BYTES: usize = if cfg!(test) { 64 * 1024 } else { 8 * 1024 * 1024 };

/// How much of a text counts in sorting, in characters: the keys of all resources are in memory at once.
const SORTED_BY: usize = 128;

/// What is asked for (RFC 7644 §3.4.2).
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub(super) filter: Option<Filter>,
    pub(super) sort: Option<AttributePath>,
    pub(super) descending: bool,
    /// From 1.
    pub(super) start: usize,
    pub(super) count: usize,
    pub(super) shown: Shown,
}

/// A part of what was found.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// How many there are in all.
    pub(super) total: usize,
    pub(super) resources: Vec<Value>,
    /// Whether more was asked for than there is room for.
    pub(super) is_full: bool,
}

/// The directory as it is now, and where resources are.
pub(super) struct View<'v> {
    tenant: &'v Tenant,
    reading: Reading,
    /// The address before `/Users`.
    base: &'v str,
}

impl<'v> View<'v> {
    pub(super) fn open(tenant: &'v Tenant, base: &'v str) -> Result<Self, Error> {
        Ok(Self { reading: tenant.directory.read()?, tenant, base })
    }

    /// The resource with this identifier.
    pub(super) fn find(&self, resource: Resource, id: &str) -> Result<Option<Found>, Error> {
        in_reading(&self.reading, resource, id)
    }

    /// The resources that a query asks for.
    pub(super) fn query(&self, resource: Resource, query: &Query) -> Result<Page, Error> {
        let mut found = self.matching(resource, query)?;
        let total = found.len();
        if query.sort.is_some() {
            // Who has no such attribute comes last (RFC 7644 §3.4.2.3).
            found.sort_by(|(one, _), (other, _)| match (one, other) {
                (Some(one), Some(other)) if query.descending => other.cmp(one),
                (one, other) => one.is_none().cmp(&other.is_none()).then_with(|| one.cmp(other)),
            });
        }
        let page = found.into_iter().skip(query.start.saturating_sub(1)).take(query.count.min(MOST_RESOURCES));
        let (mut resources, mut room, mut bytes) = (Vec::new(), MOST_MEMBERS, 0);
        for (_, (number, id)) in page {
            let found = with_number(&self.reading, number, id)?;
            let (fields, _) = self.shown(resource, &found, &query.shown, &mut room)?;
            let fields = Value::Object(fields);
            bytes += size(&fields);
            if bytes > MOST_BYTES && !resources.is_empty() {
                return Ok(Page { total, resources, is_full: true });
            }
            resources.push(fields);
        }
        Ok(Page { total, resources, is_full: false })
    }

    /// What matches a query, with what it is sorted by.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once")]
    fn matching(&self, resource: Resource, query: &Query) -> Result<Vec<(Option<String>, (Number, String))>, Error> {
        let asks = Asks::of(query.filter.as_ref());
        let mut matching = Vec::new();
        for (number, id) in self.candidates(resource, query.filter.as_ref(), &asks)? {
            if query.filter.is_none() && query.sort.is_none() {
                matching.push((None, (number, id)));
                continue;
            }
            let found = with_number(&self.reading, number, id)?;
            let mut fields = self.described(resource, &found);
            self.look_up(resource, &found, &asks, &mut fields)?;
            if resource == Resource::User {
                // Whoever has never said it is found like everybody who has.
                fields.entry("active").or_insert(Value::Bool(found.kept.is_active()));
            }
            if query.filter.as_ref().is_none_or(|filter| filter.matches(&fields)) {
                let key = query.sort.as_ref().and_then(|path| sort_key(path, &fields));
                matching.push((key, (number, found.id)));
            }
        }
        Ok(matching)
    }

    /// Those among which the matching ones are: found by an index, if the filter names somebody.
    fn candidates(
        &self,
        resource: Resource,
        filter: Option<&Filter>,
        asks: &Asks,
    ) -> Result<Vec<(Number, String)>, Error> {
        let named = |name: &str| filter.and_then(|filter| filter.equals(name));
        if let Some(id) = named("id") {
            let found = self.find(resource, id)?;
            return Ok(found.map(|found| (found.number, found.id)).into_iter().collect());
        }
        match resource {
            Resource::User => {
                if let Some(name) = named("userName") {
                    let found = self.reading.person_named(FEED, name)?;
                    return Ok(found.map(|(number, row)| (number, row.id)).into_iter().collect());
                }
                if let Some(mail) = filter.and_then(|filter| filter.requires_value("emails")) {
                    return self.with_mail(mail);
                }
            }
            Resource::Group => {
                if let Some(name) = named("displayName") {
                    let id = group_called(&self.reading, name)?;
                    let found = id.map(|id| self.find(resource, &id)).transpose()?.flatten();
                    return Ok(found.map(|found| (found.number, found.id)).into_iter().collect());
                }
                if let Some(member) = &asks.member {
                    return self.groups_of_member(member);
                }
            }
        }
        if let Some(id) = named("externalId").filter(|id| !id.is_empty()) {
            return self.of_object(resource, id);
        }
        self.all(resource)
    }

    /// The people with this mail address. Their rows have all of them, and are read faster than whole resources.
    fn with_mail(&self, address: &str) -> Result<Vec<(Number, String)>, Error> {
        let mut found = Vec::new();
        for person in self.reading.people(FEED, None)? {
            let (number, row) = person?;
            if row.mail.iter().chain(&row.aliases).any(|own| fold::is_same(own, address)) {
                found.push((number, row.id));
            }
        }
        Ok(found)
    }

    /// The groups to which a member belongs.
    fn groups_of_member(&self, id: &str) -> Result<Vec<(Number, String)>, Error> {
        let Some(number) = self.number_of(id)? else { return Ok(Vec::new()) };
        let mut groups = Vec::new();
        for group in self.reading.groups_of(FEED, number)? {
            groups.extend(self.reading.group_row(FEED, group)?.map(|row| (group, row.id)));
        }
        Ok(groups)
    }

    fn number_of(&self, id: &str) -> Result<Option<Number>, Error> {
        if let Some((number, _)) = self.reading.person(FEED, id)? {
            return Ok(Some(number));
        }
        Ok(self.reading.group(FEED, id)?.map(|(number, _)| number))
    }

    /// The resource with this `externalId`.
    fn of_object(&self, resource: Resource, object_id: &str) -> Result<Vec<(Number, String)>, Error> {
        if !is_guid(object_id) {
            let id = with_external_id(&self.reading, resource, object_id)?;
            let found = id.map(|id| self.find(resource, &id)).transpose()?.flatten();
            return Ok(found.map(|found| (found.number, found.id)).into_iter().collect());
        }
        let snapshot = self.tenant.directory.snapshot();
        let id = match resource {
            Resource::User => match snapshot.person_of_id(object_id) {
                Some(person) => {
                    let row = self.reading.person_row(FEED, person.number)?.filter(|row| !row.is_deleted);
                    row.map(|row| (person.number, row.id))
                }
                None => None,
            },
            Resource::Group => match snapshot.group_of_id(object_id) {
                Some(group) => self.reading.group_row(FEED, group.number)?.map(|row| (group.number, row.id)),
                None => None,
            },
        };
        Ok(id.into_iter().collect())
    }

    fn all(&self, resource: Resource) -> Result<Vec<(Number, String)>, Error> {
        let mut all = Vec::new();
        match resource {
            Resource::User => {
                for person in self.reading.people(FEED, None)? {
                    all.push(person.map(|(number, row)| (number, row.id))?);
                }
            }
            Resource::Group => {
                for group in self.reading.groups(FEED, None)? {
                    all.push(group.map(|(number, row)| (number, row.id))?);
                }
            }
        }
        Ok(all)
    }

    /// A resource as an answer shows it, its tag and its address.
    pub(super) fn answer(
        &self,
        resource: Resource,
        found: &Found,
        shown: &Shown,
    ) -> Result<(Map<String, Value>, String, String), Error> {
        let (fields, tag) = self.shown(resource, found, shown, &mut MOST_MEMBERS.clone())?;
        Ok((fields, tag, self.location(resource, &found.id)))
    }

    fn shown(
        &self,
        resource: Resource,
        found: &Found,
        shown: &Shown,
        room: &mut usize,
    ) -> Result<(Map<String, Value>, String), Error> {
        let mut fields = self.described(resource, found);
        match resource {
            // Looked up in any case, because the version covers it.
            Resource::User => self.add_groups(found, &mut fields)?,
            Resource::Group if shown.shows(MEMBERS) => self.add_members(found, room, &mut fields)?,
            Resource::Group => {}
        }
        let tag = tag(&found.kept, &fields);
        if let Some(Value::Object(meta)) = fields.get_mut("meta") {
            meta.insert("version".into(), json!(tag));
        }
        Ok((shown.of(resource, fields), tag))
    }

    /// What is kept of a resource, and what every resource has.
    fn described(&self, resource: Resource, found: &Found) -> Map<String, Value> {
        let mut fields = found.kept.fields.clone();
        let extensions = resource.extensions().iter().map(|schema| schema.id).filter(|id| fields.contains_key(*id));
        let schemas: Vec<_> = std::iter::once(resource.core().id).chain(extensions).collect();
        fields.insert("schemas".into(), json!(schemas));
        fields.insert("id".into(), json!(found.id));
        let meta = json!({
            "resourceType": resource.name(),
            "created": found.kept.created.to_string(),
            "lastModified": found.kept.modified.to_string(),
            "location": self.location(resource, &found.id),
        });
        fields.insert("meta".into(), meta);
        fields
    }

    fn location(&self, resource: Resource, id: &str) -> String {
        format!("{}{}/{id}", self.base, resource.endpoint())
    }

    /// Adds what a filter asks about and is not kept with the resource.
    fn look_up(
        &self,
        resource: Resource,
        found: &Found,
        asks: &Asks,
        fields: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        match (resource, &asks.member) {
            (Resource::User, _) if asks.groups => self.add_groups(found, fields),
            // It asks about this one alone, and about no other.
            (Resource::Group, Some(member)) => {
                if self.groups_of_member(member)?.iter().any(|(number, _)| *number == found.number) {
                    fields.insert(MEMBERS.into(), json!([{ "value": member }]));
                }
                Ok(())
            }
            (Resource::Group, None) if asks.members => self.add_members(found, &mut MOST_MEMBERS.clone(), fields),
            _ => Ok(()),
        }
    }

    fn add_groups(&self, found: &Found, fields: &mut Map<String, Value>) -> Result<(), Error> {
        let mut groups = Vec::new();
        for group in self.reading.groups_of(FEED, found.number)? {
            let Some(row) = self.reading.group_row(FEED, group)? else { continue };
            let location = self.location(Resource::Group, &row.id);
            groups.push(json!({ "value": row.id, "$ref": location, "type": "direct", "display": row.display_name }));
        }
        if !groups.is_empty() {
            fields.insert("groups".into(), Value::Array(groups));
        }
        Ok(())
    }

    fn add_members(&self, found: &Found, room: &mut usize, fields: &mut Map<String, Value>) -> Result<(), Error> {
        let members = self.reading.members(FEED, found.number, None, *room + 1)?;
        if members.len() > *room {
            let detail = format!(
                "more than {MOST_MEMBERS} members would have to be shown: ask with `excludedAttributes=members`"
            );
            return Err(Error::mistake(ScimType::TooMany, detail));
        }
        *room -= members.len();
        let mut shown = Vec::with_capacity(members.len());
        for member in members {
            let (id, kind) = match self.reading.person_row(FEED, member)? {
                Some(row) => (row.id, Resource::User),
                None => match self.reading.group_row(FEED, member)? {
                    Some(row) => (row.id, Resource::Group),
                    None => continue,
                },
            };
            let mut parts = members::parts(&id, kind);
            parts.insert("$ref".into(), json!(self.location(kind, &id)));
            shown.push(Value::Object(parts));
        }
        fields.insert(MEMBERS.into(), Value::Array(shown));
        Ok(())
    }
}

/// What a filter asks about that has to be looked up.
#[derive(Debug, Default, PartialEq)]
struct Asks {
    /// It asks about members.
    members: bool,
    /// It asks whether this one is a member, and nothing else about members.
    member: Option<String>,
    /// It asks about a person's groups.
    groups: bool,
}

impl Asks {
    fn of(filter: Option<&Filter>) -> Self {
        let Some(filter) = filter else { return Self::default() };
        let members = filter.mentions(MEMBERS);
        let member = filter.names_value(MEMBERS).filter(|_| members == 1).map(str::to_owned);
        Self { members: members > 0, member, groups: filter.mentions("groups") > 0 }
    }
}

/// About how many bytes a value takes as text.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(values) => values.iter().map(|value| size(value) + 1).sum::<usize>() + 2,
        Value::Object(fields) => fields.iter().map(|(name, value)| name.len() + size(value) + 4).sum::<usize>() + 2,
        _ => 5,
    }
}

/// Whether a query is answered by looking somebody up. Otherwise everybody is looked at.
pub(super) fn is_by_index(resource: Resource, query: &Query) -> bool {
    let Some(filter) = &query.filter else { return false };
    let names: &[&str] = match resource {
        Resource::User => &["id", "externalId", "userName"],
        Resource::Group => &["id", "externalId", "displayName"],
    };
    let is_of_member = || resource == Resource::Group && Asks::of(Some(filter)).member.is_some();
    names.iter().any(|name| filter.equals(name).is_some_and(|text| !text.is_empty())) || is_of_member()
}

/// What a resource is sorted by: the attribute's value, or the preferred one of several.
fn sort_key(path: &AttributePath, fields: &Map<String, Value>) -> Option<String> {
    let value = path.leaves(fields).next()?;
    match value {
        Value::String(text) => {
            let text: String = text.chars().take(SORTED_BY).collect();
            Some(if path.leaf().is_some_and(|leaf| leaf.exact) { text } else { fold::fold(&text) })
        }
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}
