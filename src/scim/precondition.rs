//! Versions: `If-Match`, `If-None-Match` and ETag (RFC 7644 §3.14).
//!
//! The version of a person's own attributes is what a change is held against. The tag of an answer covers the groups that it
//! shows, too, so that a copy is known to be old when they have changed.

use http::StatusCode;
use serde_json::{Map, Value};

use super::error::Error;
use super::kept::Kept;
use crate::seal::sha256;

/// Which versions of a resource may be changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Precondition {
    /// `If-Match`: one of these; `*` is any.
    pub(super) one_of: Option<String>,
    /// `If-None-Match`: none of these.
    pub(super) none_of: Option<String>,
}

impl Precondition {
    /// Fails with 412 if the resource is not as the client thinks.
    pub(super) fn check(&self, kept: &Kept) -> Result<(), Error> {
        let is_named = |list: &String| tags(list).any(|tag| tag == "*" || version(tag) == Some(kept.version));
        if self.one_of.as_ref().is_none_or(is_named) && !self.none_of.as_ref().is_some_and(is_named) {
            return Ok(());
        }
        let detail =
            format!("the resource has changed meanwhile: its version is W/\"{}\"; read it again", kept.version);
        Err(Error::new(StatusCode::PRECONDITION_FAILED, detail))
    }
}

/// The tag of a resource as it is answered with.
pub(super) fn tag(kept: &Kept, shown: &Map<String, Value>) -> String {
    let Some(groups) = shown.get("groups") else { return format!("W/\"{}\"", kept.version) };
    let [a, b, c, d, ..] = sha256(groups.to_string().as_bytes());
    format!("W/\"{}-{:08x}\"", kept.version, u32::from_be_bytes([a, b, c, d]))
}

/// Whether the client has the resource with this tag already (RFC 9110 §13.1.2).
pub(super) fn is_known(list: &str, tag: &str) -> bool {
    let plain = |tag: &str| tag.trim_start_matches("W/").to_owned();
    tags(list).any(|known| known == "*" || plain(known) == plain(tag))
}

fn tags(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

/// The version that a tag names.
fn version(tag: &str) -> Option<u64> {
    let inner = tag.trim_start_matches("W/").trim_matches('"');
    inner.split('-').next().unwrap_or(inner).parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn a_change_goes_on_only_from_a_version_that_the_client_knows() {
        let kept = Kept { version: 7, ..Kept::new(Map::new(), Timestamp::UNIX_EPOCH) };
        let check = |one_of: Option<&str>, none_of: Option<&str>| {
            let precondition = Precondition { one_of: one_of.map(str::to_owned), none_of: none_of.map(str::to_owned) };
            precondition.check(&kept).map_err(|error| error.status.as_u16())
        };
        for good in ["W/\"7\"", "\"7\"", "*", "W/\"6\", W/\"7\"", "W/\"7-0badcafe\""] {
            assert_eq!((check(Some(good), None), check(None, Some(good))), (Ok(()), Err(412)), "{good}");
        }
        for bad in ["W/\"8\"", "\"\"", "x", "W/\"77\"", "W/\"6\",W/\"8\""] {
            assert_eq!((check(Some(bad), None), check(None, Some(bad))), (Err(412), Ok(())), "{bad}");
        }
        assert_eq!(check(None, None), Ok(()));
    }

    #[test]
    fn a_copy_is_old_when_the_groups_that_it_shows_have_changed() {
        let kept = Kept::new(Map::new(), Timestamp::UNIX_EPOCH);
        let with = |groups: Value| tag(&kept, &Map::from_iter([("groups".to_owned(), groups)]));
        let (one, two) = (with(json!([{ "value": "1" }])), with(json!([{ "value": "2" }])));
        assert!(is_known(&one, &one) && !is_known(&one, &two) && is_known("*", &two));
        assert!(is_known(&format!("\"x\", {one}"), &one));
        assert_eq!(version(&one), Some(1));
        assert_eq!(tag(&kept, &Map::new()), "W/\"1\"");
    }
}
