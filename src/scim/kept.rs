//! What of a resource is kept in the directory: a row, which the directory understands, and the resource itself beside it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::Error;
use super::resource::is_primary;
use super::schema::Resource;
use crate::clock::Timestamp;
use crate::directory::{self, Edit, Feed, GroupRow, Number, PersonRow, Reading};

/// The feed of all that comes by SCIM.
pub(super) const FEED: Feed = Feed::Scim;

/// A resource as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Counts its changes.
    pub(super) version: u64,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// Its attributes, without those that we look up.
    pub(super) fields: Map<String, Value>,
    /// Whether the person was disabled when `active` was taken away: then they stay so until it comes back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) stays_disabled: bool,
}

/// A resource that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) number: Number,
    pub(super) id: String,
    pub(super) kept: Kept,
}

impl Kept {
    pub(super) fn new(fields: Map<String, Value>, now: Timestamp) -> Self {
        Self { version: 1, created: now, modified: now, fields, stays_disabled: false }
    }

    /// Notes a change.
    pub(super) fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        self.modified = now.max(self.modified);
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// What the person or the group is called, for people to read.
    pub(super) fn called(&self, resource: Resource) -> &str {
        let name = match resource {
            Resource::User => self.text("userName"),
            Resource::Group => self.text("displayName"),
        };
        name.unwrap_or_default()
    }

    /// Whether the person may sign in. Of whom nothing was ever said may.
    pub(super) fn is_active(&self) -> bool {
        self.fields.get("active").and_then(Value::as_bool).unwrap_or(!self.stays_disabled)
    }

    fn person_row(&self, id: &str) -> PersonRow {
        let emails = self.fields.get("emails").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_work = |email: &Value| {
            email.get("type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("work"))
        };
        let address = |email: &Value| email.get("value").and_then(Value::as_str).map(str::to_owned);
        let first =
            emails.iter().find(|email| is_primary(email)).or_else(|| emails.iter().find(|email| is_work(email)));
        let mail = first.or(emails.first()).and_then(address);
        let aliases = emails.iter().filter_map(address).filter(|alias| Some(alias) != mail.as_ref()).collect();
        PersonRow {
            id: id.to_owned(),
            object_id: self.object_id().map(str::to_owned),
            user_principal_name: self.text("userName").map(str::to_owned),
            mail,
            aliases,
            display_name: self
                .text("displayName")
                .or_else(|| self.fields.get("name")?.get("formatted")?.as_str())
                .map(str::to_owned),
            enabled: Some(self.is_active()),
            ..PersonRow::default()
        }
    }

    fn group_row(&self, id: &str) -> GroupRow {
        let display_name = self.text("displayName").map(str::to_owned);
        let object_id = self.object_id().map(str::to_owned);
        GroupRow { id: id.to_owned(), object_id, display_name, ..GroupRow::default() }
    }

    /// The object ID in Entra ID: an `externalId` that is a GUID. Whatever else a client writes there stands for nobody
    /// outside of SCIM: it joins nothing, names no group in rules, and nothing is done to an account by it.
    pub(super) fn object_id(&self) -> Option<&str> {
        self.text("externalId").filter(|id| is_guid(id))
    }

    /// An `externalId` that is no object ID.
    pub(super) fn own_external_id(&self) -> Option<&str> {
        self.text("externalId").filter(|id| !id.is_empty() && !is_guid(id))
    }

    fn read(document: Option<Vec<u8>>) -> Result<Self, Error> {
        let octets = document.unwrap_or_default();
        serde_json::from_slice(&octets).map_err(|error| directory::Error::Row(error).into())
    }

    /// Writes it, in the place of what was there.
    pub(super) fn write(&self, edit: &mut Edit<'_>, resource: Resource, id: &str) -> Result<Number, Error> {
        let number = match resource {
            Resource::User => edit.put_person(FEED, &self.person_row(id))?,
            Resource::Group => edit.put_group(FEED, &self.group_row(id))?,
        };
        self.write_document(edit, number)?;
        Ok(number)
    }

    pub(super) fn write_document(&self, edit: &mut Edit<'_>, number: Number) -> Result<(), Error> {
        let document = serde_json::to_vec(self).map_err(directory::Error::Row)?;
        Ok(edit.set_document(FEED, number, Some(&document))?)
    }
}

/// Whether a text is a GUID, as Entra ID writes them: `6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01`.
pub(super) fn is_guid(text: &str) -> bool {
    let parts = text.split('-').map(|part| (part.len(), part.bytes().all(|octet| octet.is_ascii_hexdigit())));
    parts.eq([8, 4, 4, 4, 12].map(|length| (length, true)))
}

/// Finds a resource among what is being written.
pub(super) fn in_edit(edit: &Edit<'_>, resource: Resource, id: &str) -> Result<Option<Found>, Error> {
    let number = match resource {
        Resource::User => edit.person(FEED, id)?.map(|(number, _)| number),
        Resource::Group => edit.group(FEED, id)?.map(|(number, _)| number),
    };
    let Some(number) = number else { return Ok(None) };
    Ok(Some(Found { number, id: id.to_owned(), kept: Kept::read(edit.document(FEED, number)?)? }))
}

/// Finds a resource among what has been written.
pub(super) fn in_reading(reading: &Reading, resource: Resource, id: &str) -> Result<Option<Found>, Error> {
    let number = match resource {
        Resource::User => reading.person(FEED, id)?.map(|(number, _)| number),
        Resource::Group => reading.group(FEED, id)?.map(|(number, _)| number),
    };
    number.map(|number| with_number(reading, number, id.to_owned())).transpose()
}

/// The resource with this number and this identifier.
pub(super) fn with_number(reading: &Reading, number: Number, id: String) -> Result<Found, Error> {
    Ok(Found { number, id, kept: Kept::read(reading.document(FEED, number)?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_told_from_all_else_that_clients_write() {
        for text in ["6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01", "6A1F0C52-8D3B-4B7E-A2C9-1F4E5D6C7B01"] {
            assert!(is_guid(text), "{text}");
        }
        for text in [
            "",
            "..",
            "b.simon",
            "CORP\\Admins",
            "breakglass@contoso.com",
            "6a1f0c528d3b4b7ea2c91f4e5d6c7b01",
            "{6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01}",
            "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b0g",
            "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01-",
            "6a1f0c528-d3b-4b7e-a2c9-1f4e5d6c7b01",
        ] {
            assert!(!is_guid(text), "{text}");
        }
    }
}
