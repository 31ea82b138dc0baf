//! The people and groups of one directory, as SCIM sees and changes them.

use std::sync::Arc;

use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::{Map, Value};

use super::error::Error;
use super::kept::{FEED, Found, Kept, in_edit};
use super::members::{self, Change, Counts};
use super::patch::{self, Operation};
use super::precondition::Precondition;
use super::schema::Resource;
use crate::clock::{Clock, Timestamp};
use crate::directory::{self, Conflict, Directory, Edit, Number};
use crate::identity::fold;
use crate::seal::random;

/// Under which a directory remembers which group has a name.
const GROUP_NAMES: &str = "scim/group-name/";

/// Under which a directory remembers which resource has an `externalId` that is no object ID.
const EXTERNAL_IDS: &str = "scim/external-id/";

/// One directory.
#[derive(Clone, Debug)]
pub(super) struct Tenant {
    pub(super) directory: Arc<Directory>,
    pub(super) clock: Clock,
}

/// What is to become of a resource.
#[derive(Clone, Debug)]
pub(super) enum NewState {
    /// It becomes this. Members stay if nothing is said of them.
    Whole(Map<String, Value>, Option<Vec<String>>),
    /// These operations are applied to it.
    Patched(Vec<Operation>, Vec<Change>),
}

/// What a write has done.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) found: Found,
    /// The resource before; `None` if there was none.
    pub(super) before: Option<Kept>,
    pub(super) members: Counts,
}

impl Done {
    /// Whether anything has changed.
    pub(super) fn is_change(&self) -> bool {
        self.before.as_ref() != Some(&self.found.kept)
    }
}

impl From<directory::Error> for Error {
    fn from(error: directory::Error) -> Self {
        match error {
            directory::Error::Conflict(Conflict::Name(_)) => {
                Self::taken("another person here has this `userName`, or one that differs from it in case alone")
            }
            directory::Error::Conflict(Conflict::Object(_)) => {
                Self::taken("another resource here has this `externalId`")
            }
            directory::Error::Conflict(Conflict::Unknown(_)) => {
                Self::new(StatusCode::NOT_FOUND, "there is no such resource here any more")
            }
            directory::Error::Conflict(Conflict::Kind) => {
                Self::taken("this `externalId` is that of a group where a person is meant, or the other way round")
            }
            directory::Error::Away | directory::Error::NotLeading => {
                let detail =
                    "the store that nodes share does not answer, and what one node alone knew would be lost: try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, "5")
            }
            error => {
                tracing::error!(%error, "the directory cannot be read or written: provisioning by SCIM waits");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the directory cannot be read or written at the moment: try again later",
                )
            }
        }
    }
}

impl Tenant {
    /// Makes a resource.
    pub(super) async fn create(
        &self,
        resource: Resource,
        fields: Map<String, Value>,
        members: Option<Vec<String>>,
    ) -> Result<Done, Error> {
        let id = format!("{:032x}", u128::from_be_bytes(random()));
        let kept = Kept::new(fields, self.clock.now());
        let members = [Change::Set(members.unwrap_or_default())];
        let job = move |edit: &mut Edit<'_>| {
            take_names(edit, resource, &id, None, &kept)?;
            let number = kept.write(edit, resource, &id)?;
            let counts = match resource {
                Resource::Group => members::carry_out(edit, number, &members)?,
                Resource::User => Counts::default(),
            };
            let found = Found { number, id: id.clone(), kept: kept.clone() };
            Ok(Done { found, before: None, members: counts })
        };
        self.directory.write(job).await
    }

    /// Changes a resource.
    pub(super) async fn change(
        &self,
        resource: Resource,
        id: &str,
        precondition: Precondition,
        wanted: NewState,
    ) -> Result<Done, Error> {
        let (id, now) = (id.to_owned(), self.clock.now());
        let job = move |edit: &mut Edit<'_>| {
            let found = in_edit(edit, resource, &id)?.ok_or_else(|| missing(resource, &id))?;
            precondition.check(&found.kept)?;
            change(edit, resource, found, &wanted, now)
        };
        self.directory.write(job).await
    }

    /// Deletes a resource.
    pub(super) async fn delete(&self, resource: Resource, id: &str, precondition: Precondition) -> Result<Done, Error> {
        let (id, now) = (id.to_owned(), self.clock.now());
        let job = move |edit: &mut Edit<'_>| {
            let found = in_edit(edit, resource, &id)?.ok_or_else(|| missing(resource, &id))?;
            precondition.check(&found.kept)?;
            leave_groups(edit, found.number, now)?;
            for (name, _) in names(resource, &found.kept) {
                edit.set_state(&name, None)?;
            }
            match resource {
                Resource::User => edit.delete_person(FEED, &id)?,
                Resource::Group => edit.delete_group(FEED, &id)?,
            };
            let before = Some(found.kept.clone());
            Ok(Done { found, before, members: Counts::default() })
        };
        self.directory.write(job).await
    }
}

fn change(
    edit: &mut Edit<'_>,
    resource: Resource,
    found: Found,
    wanted: &NewState,
    now: Timestamp,
) -> Result<Done, Error> {
    let before = found.kept.clone();
    let (mut fields, changes) = match wanted {
        NewState::Whole(fields, members) => {
            (fields.clone(), members.iter().map(|ids| Change::Set(ids.clone())).collect())
        }
        NewState::Patched(operations, changes) => {
            let mut fields = before.fields.clone();
            patch::apply(resource, &mut fields, operations.clone())?;
            (fields, changes.clone())
        }
    };
    // Whoever is disabled stays so until somebody says that they are not: what leaves `active` out or takes it away is
    // about something else, and must not let them in. RFC 7644 §3.5.1 leaves it to the server what becomes of what a PUT
    // does not say.
    let stays_disabled = resource == Resource::User && !before.is_active() && !fields.contains_key("active");
    if stays_disabled && matches!(wanted, NewState::Whole(..)) {
        fields.insert("active".into(), Value::Bool(false));
    }
    let mut kept = Kept { fields, stays_disabled, ..found.kept };
    let members = match resource {
        Resource::Group => members::carry_out(edit, found.number, &changes)?,
        Resource::User => Counts::default(),
    };
    let mut number = found.number;
    // What is as it was is not written again: Entra repeats itself.
    if kept.fields != before.fields || members != Counts::default() {
        kept.touch(now);
        take_names(edit, resource, &found.id, Some(&before), &kept)?;
        number = kept.write(edit, resource, &found.id)?;
    }
    Ok(Done { found: Found { number, id: found.id, kept }, before: Some(before), members })
}

/// Notes that the resource has its names. No other may have them: clients find resources by them, and would take one for
/// the other.
fn take_names(
    edit: &mut Edit<'_>,
    resource: Resource,
    id: &str,
    before: Option<&Kept>,
    kept: &Kept,
) -> Result<(), Error> {
    let had = before.map(|before| names(resource, before)).unwrap_or_default();
    let has = names(resource, kept);
    for (name, taken) in &has {
        if edit.state(name)?.is_some_and(|other| other != id.as_bytes()) {
            return Err(Error::taken(*taken));
        }
    }
    for (name, _) in had.iter().filter(|name| !has.contains(name)) {
        edit.set_state(name, None)?;
    }
    for (name, _) in has.iter().filter(|name| !had.contains(name)) {
        edit.set_state(name, Some(id.as_bytes()))?;
    }
    Ok(())
}

/// The names of a resource that the directory does not keep apart by itself, and what is said to whoever wants one that
/// another resource has.
fn names(resource: Resource, kept: &Kept) -> Vec<(String, &'static str)> {
    let called = (resource == Resource::Group).then(|| {
        let taken = "another group here has this `displayName`, or one that differs from it in case alone";
        (name_key(kept.called(resource)), taken)
    });
    let external =
        kept.own_external_id().map(|id| (external_key(resource, id), "another resource here has this `externalId`"));
    called.into_iter().chain(external).collect()
}

fn name_key(name: &str) -> String {
    format!("{GROUP_NAMES}{}", fold::fold(name))
}

/// With regard to case, as RFC 7643 §3.1 has it.
fn external_key(resource: Resource, id: &str) -> String {
    format!("{EXTERNAL_IDS}{}/{id}", resource.name())
}

/// The identifier of the resource with this `externalId`, which is no object ID.
pub(super) fn with_external_id(
    reading: &directory::Reading,
    resource: Resource,
    id: &str,
) -> Result<Option<String>, Error> {
    Ok(reading.state(&external_key(resource, id))?.and_then(|id| String::from_utf8(id).ok()))
}

/// The identifier of the group that is called so.
pub(super) fn group_called(reading: &directory::Reading, name: &str) -> Result<Option<String>, Error> {
    Ok(reading.state(&name_key(name))?.and_then(|id| String::from_utf8(id).ok()))
}

/// Groups whose members change because one is deleted are other versions of themselves.
fn leave_groups(edit: &mut Edit<'_>, member: Number, now: Timestamp) -> Result<(), Error> {
    for group in edit.groups_of(FEED, member)? {
        if let Some(row) = edit.group_row(FEED, group)?
            && let Some(mut found) = in_edit(edit, Resource::Group, &row.id)?
        {
            found.kept.touch(now);
            found.kept.write_document(edit, group)?;
        }
    }
    Ok(())
}

/// Why a resource is not found.
pub(super) fn missing(resource: Resource, id: &str) -> Error {
    let id = members::shortened(id);
    Error::new(StatusCode::NOT_FOUND, format!("there is no {} with the id `{id}`", resource.name()))
}
