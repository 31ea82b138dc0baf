//! Reads a page of a delta query: what it says of people and groups, and where the next one is.

use serde_json::{Map, Value};

use super::fault::Fault;
use crate::clock::Timestamp;
use crate::directory::{GroupRow, PersonRow};

/// What is read of users. A change of anything else is not told (Microsoft's "Use delta query").
pub(super) const USERS: &str = "id,userPrincipalName,mail,proxyAddresses,accountEnabled,displayName,\
    onPremisesSamAccountName,onPremisesDomainName,onPremisesUserPrincipalName,signInSessionsValidFromDateTime";

/// What is read of groups.
pub(super) const GROUPS: &str = "id,displayName,securityEnabled,mail,onPremisesSamAccountName,\
    onPremisesDomainName,onPremisesNetBiosName,members";

/// Where a page leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// To the next page.
    Next(String),
    /// Nowhere: it was the last one. The link tells what changes from now on.
    Delta(String),
}

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) objects: Vec<Map<String, Value>>,
    pub(super) link: Link,
}

impl Page {
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        let mut page: Map<String, Value> =
            serde_json::from_slice(body).map_err(|error| match error.is_eof() && !body.is_empty() {
                true => Fault::Unavailable("a page broke off in the middle".to_owned()),
                false => Fault::Answer(format!("a page is no JSON: {error}")),
            })?;
        let mut link = |name: &str| match page.remove(name) {
            Some(Value::String(link)) => Some(link),
            _ => None,
        };
        let link = match (link("@odata.nextLink"), link("@odata.deltaLink")) {
            (Some(next), _) => Link::Next(next),
            (None, Some(delta)) => Link::Delta(delta),
            (None, None) => return Err(Fault::Answer("a page has neither a next nor a delta link".to_owned())),
        };
        let Some(Value::Array(values)) = page.remove("value") else {
            return Err(Fault::Answer("a page has no `value`".to_owned()));
        };
        let object = |value| match value {
            Value::Object(object) => Ok(object),
            _ => Err(Fault::Answer("a page holds something that is no object".to_owned())),
        };
        Ok(Self { objects: values.into_iter().map(object).collect::<Result<_, _>>()?, link })
    }
}

/// The longest name, in bytes. Graph's longest has 256 characters.
const LONGEST: usize = 1024;

/// The longest ID. Graph's have 36 characters.
const LONGEST_ID: usize = 100;

/// Mail addresses of one person, at most. Exchange allows some hundred.
const MOST_ALIASES: usize = 1000;

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_ID
}

/// The object's ID.
pub(super) fn id(object: &Map<String, Value>) -> Result<&str, Fault> {
    let id = object.get("id").and_then(Value::as_str).filter(|id| is_id(id));
    id.ok_or_else(|| Fault::Answer("an object has no `id` that could be one".to_owned()))
}

/// Whether the object is gone. One that can still be restored is gone, too: nobody can sign in by it.
pub(super) fn is_removed(object: &Map<String, Value>) -> bool {
    object.contains_key("@removed")
}

/// The members that a page adds to a group (true), or removes from it (false), by their IDs.
pub(super) fn members(group: &Map<String, Value>) -> impl Iterator<Item = (&str, bool)> {
    let all = group.get("members@delta").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(|member| {
        let member = member.as_object()?;
        Some((member.get("id")?.as_str().filter(|id| is_id(id))?, !is_removed(member)))
    })
}

/// Puts what the page says of a person into `row`. What it does not say stays: absent is not null.
pub(super) fn update_person(row: &mut PersonRow, object: &Map<String, Value>) {
    let text = |name: &str, to: &mut Option<String>| set_text(object, name, to);
    text("userPrincipalName", &mut row.user_principal_name);
    text("mail", &mut row.mail);
    text("displayName", &mut row.display_name);
    text("onPremisesSamAccountName", &mut row.sam_account_name);
    text("onPremisesDomainName", &mut row.domain);
    text("onPremisesUserPrincipalName", &mut row.on_premises_upn);
    set_protection(row, object);
    if let Some(addresses) = object.get("proxyAddresses") {
        row.aliases = addresses.as_array().into_iter().flatten().filter_map(alias).take(MOST_ALIASES).collect();
    }
}

/// What keeps people out. A value that is null, because a permission is missing, or that cannot be read changes nothing,
/// and whoever is not known yet is kept out by one that cannot be read.
fn set_protection(row: &mut PersonRow, object: &Map<String, Value>) {
    let unreadable = |name: &'static str| {
        tracing::warn!(object = row.id, attribute = name, "Microsoft Graph says something that cannot be read");
    };
    match object.get("accountEnabled") {
        Some(Value::Bool(enabled)) => row.enabled = Some(*enabled),
        None | Some(Value::Null) => {}
        Some(_) => {
            unreadable("accountEnabled");
            row.enabled = row.enabled.or(Some(false));
        }
    }
    match object.get("signInSessionsValidFromDateTime") {
        None | Some(Value::Null) => {}
        Some(value) => match value.as_str().and_then(|time| time.parse::<Timestamp>().ok()) {
            Some(from) => row.sessions_valid_from = Some(from),
            None => unreadable("signInSessionsValidFromDateTime"),
        },
    }
}

/// The mail address of an entry of `proxyAddresses`: `smtp:` for an alias, `SMTP:` for the primary address. Others, such as
/// `sip:` and `x500:`, are none.
fn alias(entry: &Value) -> Option<String> {
    let (kind, address) = entry.as_str()?.split_once(':')?;
    (kind.eq_ignore_ascii_case("smtp") && address.len() <= LONGEST).then(|| address.to_owned())
}

/// The same for a group.
pub(super) fn update_group(row: &mut GroupRow, object: &Map<String, Value>) {
    let text = |name: &str, to: &mut Option<String>| set_text(object, name, to);
    text("displayName", &mut row.display_name);
    text("mail", &mut row.mail);
    text("onPremisesSamAccountName", &mut row.sam_account_name);
    text("onPremisesDomainName", &mut row.domain);
    text("onPremisesNetBiosName", &mut row.netbios);
    set_switch(object, "securityEnabled", &mut row.security_enabled);
}

fn set_text(object: &Map<String, Value>, name: &str, to: &mut Option<String>) {
    if let Some(value) = object.get(name) {
        // One that no directory could have is no name.
        *to = value.as_str().filter(|text| !text.is_empty() && text.len() <= LONGEST).map(str::to_owned);
    }
}

fn set_switch(object: &Map<String, Value>, name: &str, to: &mut Option<bool>) {
    if let Some(value) = object.get(name) {
        *to = value.as_bool();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_absent_stays_and_what_is_null_is_cleared() {
        let mut row = PersonRow { id: "1".into(), ..PersonRow::default() };
        let all = json!({
            "id": "1", "userPrincipalName": "eve@contoso.com", "mail": "e@contoso.com", "accountEnabled": true,
            "proxyAddresses": ["SMTP:e@contoso.com", "smtp:eve@contoso.com", "sip:eve@contoso.com", "x500:/o=x", 3],
            "signInSessionsValidFromDateTime": "2026-01-02T03:04:05Z",
        });
        update_person(&mut row, &object(&all));
        let before = row.clone();
        assert_eq!(row.aliases, ["e@contoso.com", "eve@contoso.com"]);
        assert_eq!(row.sessions_valid_from, Some("2026-01-02T03:04:05Z".parse().unwrap()));
        update_person(&mut row, &object(&json!({ "id": "1" })));
        assert_eq!(row, before);
        let cleared = json!({ "id": "1", "mail": null, "accountEnabled": false, "proxyAddresses": [] });
        update_person(&mut row, &object(&cleared));
        let wanted = PersonRow { mail: None, enabled: Some(false), aliases: vec![], ..before };
        assert_eq!(row, wanted);
    }

    #[test]
    fn a_value_that_cannot_be_read_lets_nobody_in() {
        let from = Some("2026-01-02T03:04:05Z".parse().unwrap());
        for (known, said, wanted) in [
            (Some(false), json!(null), Some(false)),
            (Some(false), json!("true"), Some(false)),
            (Some(true), json!("false"), Some(true)),
            (Some(true), json!(false), Some(false)),
            (Some(false), json!(true), Some(true)),
            (None, json!("false"), Some(false)),
            (None, json!(0), Some(false)),
            (None, json!(null), None),
        ] {
            let mut row = PersonRow { enabled: known, sessions_valid_from: from, ..PersonRow::default() };
            let page = json!({ "accountEnabled": said, "signInSessionsValidFromDateTime": "yesterday" });
            update_person(&mut row, &object(&page));
            assert_eq!((row.enabled, row.sessions_valid_from), (wanted, from), "{known:?} {page}");
        }
    }

    #[test]
    fn members_come_and_go() {
        let group = object(&json!({ "id": "g", "members@delta": [
            { "@odata.type": "#microsoft.graph.user", "id": "1" },
            { "@odata.type": "#microsoft.graph.user", "id": "2", "@removed": { "reason": "deleted" } },
            { "@odata.type": "#microsoft.graph.device" }, 7,
        ] }));
        assert_eq!(members(&group).collect::<Vec<_>>(), [("1", true), ("2", false)]);
        assert_eq!(members(&object(&json!({ "id": "g" }))).count(), 0);
    }

    #[test]
    fn a_page_leads_on_or_ends_and_what_is_no_page_is_refused() {
        let page = |text: &str| Page::read(text.as_bytes()).map(|page| (page.objects.len(), page.link));
        let next = r#"{"@odata.nextLink":"https://a/n","value":[]}"#;
        assert_eq!(page(next).unwrap(), (0, Link::Next("https://a/n".into())));
        let last = r#"{"@odata.deltaLink":"https://a/d","value":[{"id":"1"}]}"#;
        assert_eq!(page(last).unwrap(), (1, Link::Delta("https://a/d".into())));
        for broken in
            ["", "[]", "{}", r#"{"value":[]}"#, r#"{"@odata.nextLink":"x"}"#, r#"{"@odata.nextLink":"x","value":[1]}"#]
        {
            assert!(page(broken).is_err(), "{broken}");
        }
    }
}
