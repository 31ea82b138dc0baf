//! Members of groups: what a request says of them, and how that is carried out. They are kept as pairs of numbers, so that
//! one more in a group of hundreds of thousands costs no more than in a small one.

use serde_json::{Map, Value, json};

use super::error::{Error, ScimType};
use super::filter::Filter;
use super::kept::FEED;
use super::patch::{Action, Operation};
use super::resource::read_one;
use super::schema::{Definition, Resource};
use crate::directory::{Edit, Number};

/// The attribute.
pub(super) const MEMBERS: &str = "members";

/// How many members are looked at for one request, to find those that a filter means. The directory takes no other write
/// meanwhile.
const MOST_VISITED: usize = if cfg!(test) { 1000 } else { 1_000_000 };

/// A change of a group's members. Members are named by their identifiers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    Add(Vec<String>),
    Remove(Vec<String>),
    /// Those who are as the filter says.
    RemoveWhere(Filter),
    /// These, and nobody else.
    Set(Vec<String>),
}

/// How many members were added and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) added: usize,
    pub(super) removed: usize,
}

/// Takes the members out of the body of a POST or a PUT. `None` if it says nothing of them.
pub(super) fn take(resource: Resource, body: &mut Value) -> Result<Option<Vec<String>>, Error> {
    let (Resource::Group, Value::Object(fields)) = (resource, body) else { return Ok(None) };
    let Some(name) = fields.keys().find(|name| name.eq_ignore_ascii_case(MEMBERS)).cloned() else { return Ok(None) };
    fields.remove(&name).map(|members| read(attribute()?, members)).transpose()
}

/// Separates changes of members from other operations, in their order.
pub(super) fn split(operations: Vec<Operation>) -> Result<(Vec<Operation>, Vec<Change>), Error> {
    let (mut others, mut changes) = (Vec::new(), Vec::new());
    for operation in operations {
        if operation.target.path.extension.is_some() || operation.target.path.attribute.name != MEMBERS {
            others.push(operation);
        } else {
            changes.push(change(operation)?);
        }
    }
    Ok((others, changes))
}

fn change(operation: Operation) -> Result<Change, Error> {
    let Operation { action, target, value } = operation;
    let attribute = target.path.attribute;
    if target.path.part.is_some_and(|part| part.name != "value") {
        let detail = "a member is added or removed as a whole: its parts do not change";
        return Err(Error::mistake(ScimType::Mutability, detail));
    }
    match (action, target.which, value) {
        (Action::Remove, None, Value::Null) => Ok(Change::Set(Vec::new())),
        (Action::Remove, None, value) => Ok(Change::Remove(read(attribute, value)?)),
        (Action::Remove, Some(which), _) => match which.one_of("value") {
            Some(ids) => Ok(Change::Remove(ids.into_iter().map(str::to_owned).collect())),
            None => Ok(Change::RemoveWhere(which)),
        },
        // Nobody is meant, and the group is not to be emptied by what may be a slip.
        (Action::Add | Action::Replace, None, Value::Null) => Ok(Change::Add(Vec::new())),
        (Action::Add, None, value) => Ok(Change::Add(read(attribute, value)?)),
        (Action::Replace, None, value) => Ok(Change::Set(read(attribute, value)?)),
        (Action::Add | Action::Replace, Some(which), _) => match which.one_of("value") {
            Some(ids) => Ok(Change::Add(ids.into_iter().map(str::to_owned).collect())),
            None => Err(Error::mistake(ScimType::NoTarget, "the path says nothing of who is to be a member")),
        },
    }
}

/// Reads members: a list of objects with `value`, or of identifiers; or one of them.
fn read(attribute: &'static Definition, members: Value) -> Result<Vec<String>, Error> {
    let members = match members {
        Value::Null => Vec::new(),
        Value::Array(members) => members,
        one => vec![one],
    };
    let mut ids = Vec::with_capacity(members.len());
    for member in members {
        let id = match read_one(attribute, member)? {
            Some(Value::Object(mut parts)) => parts.remove("value"),
            _ => None,
        };
        match id {
            Some(Value::String(id)) => ids.push(id),
            _ => return Err(Error::value("each member needs a `value`: the id of a person or a group here")),
        }
    }
    Ok(ids)
}

fn attribute() -> Result<&'static Definition, Error> {
    Resource::Group.attribute(MEMBERS).ok_or_else(|| Error::value("groups have no members"))
}

/// Carries changes out, one after another.
pub(super) fn carry_out(edit: &mut Edit<'_>, group: Number, changes: &[Change]) -> Result<Counts, Error> {
    // Whatever comes before the last word on who is a member needs to be right, and changes nothing.
    let last = changes.iter().rposition(|change| matches!(change, Change::Set(_))).unwrap_or_default();
    let (moot, changes) = changes.split_at(last);
    for change in moot {
        if let Change::Add(ids) | Change::Set(ids) = change {
            all_numbers(edit, ids)?;
        }
    }
    let (mut counts, mut room) = (Counts::default(), MOST_VISITED);
    for change in changes {
        let own = carry_out_one(edit, group, change, &mut room)?;
        counts = Counts { added: counts.added + own.added, removed: counts.removed + own.removed };
    }
    Ok(counts)
}

/// Carries a change out. `room` says how many members may still be looked at.
fn carry_out_one(edit: &mut Edit<'_>, group: Number, change: &Change, room: &mut usize) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    match change {
        Change::Add(ids) => {
            let numbers = all_numbers(edit, ids)?;
            counts.added = edit.add_members(FEED, group, &numbers)?;
        }
        Change::Set(ids) => {
            let numbers = all_numbers(edit, ids)?;
            (counts.added, counts.removed) = edit.set_members(FEED, group, &numbers)?;
        }
        Change::Remove(ids) => {
            let mut numbers = Vec::with_capacity(ids.len());
            for id in ids {
                // Nobody is in a group without being known.
                numbers.extend(number(edit, id)?);
            }
            counts.removed = edit.remove_members(FEED, group, &numbers)?;
        }
        Change::RemoveWhere(filter) => {
            let numbers = matching(edit, group, filter, room)?;
            counts.removed = edit.remove_members(FEED, group, &numbers)?;
        }
    }
    Ok(counts)
}

fn matching(edit: &Edit<'_>, group: Number, filter: &Filter, room: &mut usize) -> Result<Vec<Number>, Error> {
    let members = edit.members(FEED, group, None, room.saturating_add(1))?;
    *room = room.checked_sub(members.len()).ok_or_else(|| {
        let detail = format!(
            "more than {MOST_VISITED} members would have to be looked at for one request: name those that are meant by their ids"
        );
        Error::mistake(ScimType::TooMany, detail)
    })?;
    let mut numbers = Vec::new();
    for member in members {
        if described(edit, member)?.is_some_and(|parts| filter.matches(&parts)) {
            numbers.push(member);
        }
    }
    Ok(numbers)
}

fn all_numbers(edit: &Edit<'_>, ids: &[String]) -> Result<Vec<Number>, Error> {
    let mut numbers = Vec::with_capacity(ids.len());
    for id in ids {
        let unknown = || Error::value(format!("the member `{}` is neither a person nor a group here", shortened(id)));
        numbers.push(number(edit, id)?.ok_or_else(unknown)?);
    }
    Ok(numbers)
}

fn number(edit: &Edit<'_>, id: &str) -> Result<Option<Number>, Error> {
    if let Some((number, _)) = edit.person(FEED, id)? {
        return Ok(Some(number));
    }
    Ok(edit.group(FEED, id)?.map(|(number, _)| number))
}

fn described(edit: &Edit<'_>, number: Number) -> Result<Option<Map<String, Value>>, Error> {
    if let Some(row) = edit.person_row(FEED, number)? {
        return Ok(Some(parts(&row.id, Resource::User)));
    }
    Ok(edit.group_row(FEED, number)?.map(|row| parts(&row.id, Resource::Group)))
}

/// A member as answers show it.
pub(super) fn parts(id: &str, resource: Resource) -> Map<String, Value> {
    Map::from_iter([("value".to_owned(), json!(id)), ("type".to_owned(), json!(resource.name()))])
}

/// A text of a client's, short enough for a message.
pub(super) fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::super::patch;
    use super::*;

    fn changes(operations: &Value) -> Result<Vec<Change>, Error> {
        let read = patch::read(Resource::Group, json!({ "Operations": operations }))?;
        split(read).map(|(others, changes)| {
            assert!(others.iter().all(|operation| operation.target.path.attribute.name != MEMBERS));
            changes
        })
    }

    #[test]
    fn every_form_of_adding_and_removing_members_is_understood() {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        for (operation, wanted) in [
            (
                json!({ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": "1" }, { "value": "2" }] }),
                Change::Add(ids(&["1", "2"])),
            ),
            (json!({ "op": "add", "path": "members", "value": { "value": "1" } }), Change::Add(ids(&["1"]))),
            (json!({ "op": "add", "path": "members", "value": ["1"] }), Change::Add(ids(&["1"]))),
            (
                json!({ "op": "add", "value": { "Members": [{ "value": "1", "display": "x" }] } }),
                Change::Add(ids(&["1"])),
            ),
            (json!({ "op": "add", "path": "members[value eq \"1\"]", "value": {} }), Change::Add(ids(&["1"]))),
            (
                json!({ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": "1" }] }),
                Change::Remove(ids(&["1"])),
            ),
            (json!({ "op": "remove", "path": "members[value eq \"1\"]" }), Change::Remove(ids(&["1"]))),
            (
                json!({ "op": "remove", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:members[value eq \"1\" or value eq \"2\"]" }),
                Change::Remove(ids(&["1", "2"])),
            ),
            (json!({ "op": "remove", "path": "members.value", "value": ["1"] }), Change::Remove(ids(&["1"]))),
            // An empty list names nobody; no list at all is everybody.
            (json!({ "op": "remove", "path": "members", "value": [] }), Change::Remove(vec![])),
            (json!({ "op": "remove", "path": "members" }), Change::Set(vec![])),
            (json!({ "op": "Replace", "path": "members", "value": [{ "value": "1" }] }), Change::Set(ids(&["1"]))),
            (json!({ "op": "Replace", "path": "members", "value": [] }), Change::Set(vec![])),
            (json!({ "op": "Replace", "path": "members", "value": null }), Change::Add(vec![])),
        ] {
            assert_eq!(changes(&json!([operation])), Ok(vec![wanted]), "{operation}");
        }
        let which = changes(&json!([{ "op": "remove", "path": "members[type eq \"Group\"]" }])).unwrap();
        assert!(matches!(which[..], [Change::RemoveWhere(_)]));
        let order = json!([
            { "op": "add", "path": "members", "value": ["1"] }, { "op": "replace", "path": "displayName", "value": "x" },
            { "op": "remove", "path": "members", "value": ["1"] },
        ]);
        assert_eq!(changes(&order), Ok(vec![Change::Add(ids(&["1"])), Change::Remove(ids(&["1"]))]));
    }

    #[test]
    fn what_names_no_member_is_refused() {
        for operation in [
            json!({ "op": "add", "path": "members", "value": [{}] }),
            json!({ "op": "add", "path": "members", "value": [{ "display": "x" }] }),
            json!({ "op": "add", "path": "members", "value": [7] }),
            json!({ "op": "add", "path": "members", "value": [{ "value": 7 }] }),
            json!({ "op": "remove", "path": "members", "value": [{}] }),
            json!({ "op": "replace", "path": "members[value eq \"1\"].type", "value": "Group" }),
            json!({ "op": "replace", "path": "members.type", "value": "x" }),
            json!({ "op": "add", "path": "members[type eq \"User\"]", "value": {} }),
        ] {
            assert_eq!(changes(&json!([operation])).map_err(|error| error.status.as_u16()), Err(400), "{operation}");
        }
    }

    #[test]
    fn members_are_taken_out_of_a_body_and_none_is_not_empty() {
        let mut body = json!({ "displayName": "x", "MEMBERS": [{ "value": "1" }] });
        assert_eq!(take(Resource::Group, &mut body), Ok(Some(vec!["1".to_owned()])));
        assert_eq!(body, json!({ "displayName": "x" }));
        assert_eq!(take(Resource::Group, &mut body), Ok(None));
        assert_eq!(take(Resource::Group, &mut json!({ "members": [] })), Ok(Some(vec![])));
        assert_eq!(take(Resource::Group, &mut json!({ "members": null })), Ok(Some(vec![])));
        assert_eq!(take(Resource::User, &mut json!({ "members": [7] })), Ok(None));
    }
}
