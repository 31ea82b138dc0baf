//! What a client wants to see: the parameters of a GET, or the body of a `.search` (RFC 7644 §3.4.2, §3.4.3).

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::error::{Error, ScimType};
use super::filter::Filter;
use super::listing::{MOST_RESOURCES, Query, USUAL_COUNT};
use super::members::MEMBERS;
use super::path::Named;
use super::schema::Resource;
use super::shown::Shown;

/// The parameters, not yet looked up among the attributes of a type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wishes {
    pub(super) filter: Option<String>,
    sort_by: Option<String>,
    descending: bool,
    start: Option<i64>,
    count: Option<i64>,
    attributes: Option<Vec<String>>,
    excluded: Option<Vec<String>>,
}

impl Wishes {
    /// Reads them from a query. Parameters that mean nothing here are left out: Entra adds some to ask itself for other
    /// behaviour.
    pub(super) fn of_query(query: &str) -> Result<Self, Error> {
        let mut fields = Map::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()).take(32) {
            let name = name.to_ascii_lowercase();
            let value = match name.as_str() {
                "startindex" | "count" => number(&name, &value)?.into(),
                "attributes" | "excludedattributes" => value.split(',').map(str::to_owned).collect::<Vec<_>>().into(),
                _ => Value::String(value.into_owned()),
            };
            fields.entry(name).or_insert(value);
        }
        Self::of_fields(fields)
    }

    /// Reads them from the body of a `.search`.
    pub(super) fn of_search(body: Value) -> Result<Self, Error> {
        let Value::Object(fields) = body else {
            return Err(Error::mistake(ScimType::InvalidSyntax, "the body is to be a JSON object: a SearchRequest"));
        };
        Self::of_fields(fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
    }

    fn of_fields(mut fields: Map<String, Value>) -> Result<Self, Error> {
        let mut take = |name: &str| fields.remove(&name.to_ascii_lowercase()).filter(|value| !value.is_null());
        let wrong = |name: &str, kind: &str| Error::value(format!("`{name}` is to be {kind}"));
        let mut text = |name: &str| match take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(name, "a text")),
        };
        let (filter, sort_by, order) = (text("filter")?, text("sortBy")?, text("sortOrder")?);
        let mut number = |name: &str| match take(name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong(name, "a whole number")),
        };
        let (start, count) = (number("startIndex")?, number("count")?);
        let mut names = |name: &str| match take(name) {
            None => Ok(None),
            Some(value) => list(value).map(Some).ok_or_else(|| wrong(name, "a list of names")),
        };
        let (attributes, excluded) = (names("attributes")?, names("excludedAttributes")?);
        let descending = match order.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("ascending") => false,
            Some("descending") => true,
            Some(_) => return Err(wrong("sortOrder", "ascending or descending")),
        };
        Ok(Self { filter, sort_by, descending, start, count, attributes, excluded })
    }

    /// Which attributes are shown.
    pub(super) fn shown(&self, resource: Resource) -> Shown {
        Shown::read(resource, self.attributes.as_deref(), self.excluded.as_deref())
    }

    /// Everything but the members of groups.
    pub(super) fn without_members() -> Self {
        Self { excluded: Some(vec![MEMBERS.to_owned()]), ..Self::default() }
    }

    /// Whether the client says what it wants to see.
    pub(super) fn names_attributes(&self) -> bool {
        self.attributes.is_some() || self.excluded.is_some()
    }

    /// The same as a query on resources of this type.
    pub(super) fn query(&self, resource: Resource) -> Result<Query, Error> {
        let filter = self.filter.as_deref().map(|text| Filter::parse(text, resource)).transpose()?;
        let sort = match self.sort_by.as_deref().map(|name| Named::look_up(resource, name)) {
            None => None,
            Some(Ok(Named::Attribute(path))) if path.leaf().is_some() => Some(path),
            Some(_) => {
                let detail = "`sortBy` is to name an attribute that has a value of its own";
                return Err(Error::mistake(ScimType::InvalidPath, detail));
            }
        };
        Ok(Query {
            filter,
            sort,
            descending: self.descending,
            start: self.start(),
            count: self.count(),
            shown: self.shown(resource),
        })
    }

    /// The first result that is wanted, from 1. Smaller numbers mean the first (RFC 7644 §3.4.2.4).
    pub(super) fn start(&self) -> usize {
        self.start.map_or(1, |start| usize::try_from(start.max(1)).unwrap_or(usize::MAX))
    }

    /// How many results are wanted. Negative numbers mean none.
    pub(super) fn count(&self) -> usize {
        let wanted = self.count.map_or(USUAL_COUNT, |count| usize::try_from(count.max(0)).unwrap_or(MOST_RESOURCES));
        wanted.min(MOST_RESOURCES)
    }
}

fn number(name: &str, text: &str) -> Result<i64, Error> {
    text.trim().parse().map_err(|_| Error::value(format!("`{name}` is to be a whole number")))
}

fn list(value: Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(text.split(',').map(str::to_owned).collect()),
        Value::Array(names) => names.into_iter().map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_and_bodies_say_the_same() {
        let query = "filter=userName+eq+%22b%2Bs%22&sortBy=userName&sortOrder=Descending&startIndex=3&count=5&attributes=id,userName&aadOptscim062020&x=1";
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName eq \"b+s\"", "SORTBY": "userName",
            "sortOrder": "descending", "startIndex": 3, "count": 5, "attributes": ["id", "userName"], "excludedAttributes": null,
        });
        let (of_query, of_search) = (Wishes::of_query(query).unwrap(), Wishes::of_search(body).unwrap());
        assert_eq!(of_query, of_search);
        let query = of_query.query(Resource::User).unwrap();
        assert!(query.filter.is_some() && query.sort.is_some() && query.descending);
        assert_eq!((query.start, query.count), (3, 5));
    }

    #[test]
    fn pages_begin_at_one_and_are_no_larger_than_we_give() {
        for (query, wanted) in [
            ("", (1, USUAL_COUNT)),
            ("startIndex=0&count=0", (1, 0)),
            ("startIndex=-5&count=-5", (1, 0)),
            ("startIndex=9223372036854775807&count=9223372036854775807", (usize::MAX >> 1, MOST_RESOURCES)),
            ("count=2&count=3", (1, 2)),
        ] {
            let wishes = Wishes::of_query(query).unwrap();
            assert_eq!((wishes.start(), wishes.count()), wanted, "{query}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for query in [
            "startIndex=x",
            "count=1.5",
            "count=99999999999999999999",
            "sortOrder=up",
            "filter=userName",
            "sortBy=desk",
            "sortBy=name",
        ] {
            let read = Wishes::of_query(query).and_then(|wishes| wishes.query(Resource::User).map(drop));
            assert_eq!(read.map_err(|error| error.status.as_u16()), Err(400), "{query}");
        }
        for body in [
            json!([]),
            json!({ "count": "1" }),
            json!({ "filter": 7 }),
            json!({ "attributes": [7] }),
            json!({ "attributes": 7 }),
        ] {
            assert!(Wishes::of_search(body.clone()).is_err(), "{body}");
        }
    }
}
