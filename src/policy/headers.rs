//! Fields that a rule sets or removes in requests, such as those by which cloud services restrict whose accounts are used.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `headers = { set = { … }, remove = [ … ] }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Headers {
    set: Vec<(FieldName, FieldText)>,
    remove: Vec<FieldName>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    set: BTreeMap<FieldName, FieldText>,
    remove: Vec<FieldName>,
}

/// The name of a field (RFC 9110 §5.1) that may be set or removed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct FieldName(String);

/// The value of a field (RFC 9110 §5.5), of visible US-ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct FieldText(String);

/// How long a value may be: origins refuse heads that are much longer.
const MAX_VALUE: usize = 4096;

/// How many fields one rule may name.
const MAX_FIELDS: usize = 32;

/// Why a field cannot be set or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No name.
    #[error(
        "`{0}` is no name of a field: it is made of letters, digits and `-`, such as \"X-GoogApps-Allowed-Domains\""
    )]
    NotAName(String),
    /// The name of one that is not a rule's to change.
    #[error("`{0}` cannot be set or removed by a rule: {1}")]
    Reserved(String, &'static str),
    /// No value.
    #[error("`{0}` is no value of a field: write 1 to 4096 visible characters of ASCII, with spaces inside only")]
    NotAValue(String),
    /// One field, twice.
    #[error("`{0}` stands here twice, in whatever letter case")]
    Twice(String),
    /// More fields than anybody needs.
    #[error("a rule sets and removes 32 fields at most")]
    TooMany,
}

/// Names that are not a rule's to change, and why. What ends with `-` is the beginning of names.
const RESERVED: &[(&str, &str)] = &[
    ("connection", HOP),
    ("keep-alive", HOP),
    ("proxy-", HOP),
    ("te", HOP),
    ("trailer", HOP),
    ("transfer-encoding", HOP),
    ("upgrade", HOP),
    ("http2-settings", HOP),
    ("content-", "it describes the content, which is passed on as it came"),
    ("host", "the target of the request says it"),
    ("expect", "the client waits for what it asks for"),
    ("max-forwards", OWN),
    ("via", OWN),
    ("forwarded", OWN),
    ("x-forwarded-", OWN),
    ("x-real-ip", OWN),
    ("cookie", SECRET),
    ("set-cookie", SECRET),
    ("authorization", SECRET),
    ("sec-websocket-", "it belongs to the change of the protocol"),
];
const HOP: &str = "it is for one connection alone (RFC 9110 §7.6.1)";
const OWN: &str = "the proxy writes it itself";
const SECRET: &str = "it says who somebody is, and a rule must not";

impl Headers {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// The fields that it sets: names, as they are written, and values.
    pub fn set(&self) -> impl Iterator<Item = (&str, &str)> {
        self.set.iter().map(|(name, value)| (name.0.as_str(), value.0.as_str()))
    }

    /// The names of fields that it removes, besides those that it sets.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.remove.iter().map(|name| name.0.as_str())
    }

    /// Whether it sets or removes the field of this name. A name with `_` in the place of `-` is the same one: many servers
    /// hand both on to their programs as one (RFC 3875 §4.1.18).
    pub fn names(&self, name: &[u8]) -> bool {
        let set = self.set.iter().map(|(name, _)| name);
        set.chain(&self.remove).any(|own| is_same_field(own.0.as_bytes(), name))
    }
}

/// Whether a server may take both for one field.
fn is_same_field(own: &[u8], other: &[u8]) -> bool {
    let plain = |octet: &u8| if *octet == b'_' { b'-' } else { octet.to_ascii_lowercase() };
    own.len() == other.len() && own.iter().map(plain).eq(other.iter().map(plain))
}

impl TryFrom<Written> for Headers {
    type Error = Error;

    fn try_from(Written { set, remove }: Written) -> Result<Self, Error> {
        let names: Vec<&FieldName> = set.keys().chain(&remove).collect();
        if names.len() > MAX_FIELDS {
            return Err(Error::TooMany);
        }
        let is_earlier =
            |at: usize, name: &FieldName| names.iter().take(at).any(|earlier| earlier.0.eq_ignore_ascii_case(&name.0));
        if let Some((_, twice)) = names.iter().enumerate().find(|(at, name)| is_earlier(*at, name)) {
            return Err(Error::Twice(twice.0.clone()));
        }
        Ok(Self { set: set.into_iter().collect(), remove })
    }
}

impl TryFrom<String> for FieldName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        if text.is_empty() || text.len() > 128 || !text.bytes().all(is_plain) {
            return Err(Error::NotAName(text));
        }
        let lower = text.to_ascii_lowercase();
        let is_meant = |reserved: &str| lower == reserved || reserved.ends_with('-') && lower.starts_with(reserved);
        match RESERVED.iter().find(|(reserved, _)| is_meant(reserved)) {
            Some((_, why)) => Err(Error::Reserved(text, why)),
            None => Ok(Self(text)),
        }
    }
}

impl TryFrom<String> for FieldText {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let is_visible = text.bytes().all(|octet| octet.is_ascii_graphic() || octet == b' ');
        let is_framed = text.trim() == text && !text.is_empty() && text.len() <= MAX_VALUE;
        if is_visible && is_framed { Ok(Self(text)) } else { Err(Error::NotAValue(text.escape_debug().to_string())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Headers, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn fields_are_set_and_removed_by_name_in_whatever_case() {
        let headers = read("set = { Restrict-Access-To-Tenants = 'a.com, b.com' }\nremove = ['X-Own']").unwrap();
        assert_eq!(headers.set().collect::<Vec<_>>(), [("Restrict-Access-To-Tenants", "a.com, b.com")]);
        assert_eq!(headers.removed().collect::<Vec<_>>(), ["X-Own"]);
        for (name, is_named) in [
            ("restrict-access-to-tenants", true),
            ("Restrict_Access_To_Tenants", true),
            ("RESTRICT-ACCESS_TO-TENANTS", true),
            ("x-own", true),
            ("x_own", true),
            ("x-owner", false),
            ("x.own", false),
        ] {
            assert_eq!(headers.names(name.as_bytes()), is_named, "{name}");
        }
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn what_frames_routes_or_proves_is_not_a_rules_to_change() {
        for name in [
            "Host",
            "TE",
            "Content-Length",
            "content-type",
            "Transfer-Encoding",
            "Proxy-Authorization",
            "Proxy-Status",
            "Via",
            "X-Forwarded-For",
            "Forwarded",
            "Cookie",
            "Authorization",
            "Connection",
            "Sec-WebSocket-Key",
        ] {
            for text in [format!("set = {{ {name} = 'x' }}"), format!("remove = ['{name}']")] {
                let wrong = read(&text).unwrap_err();
                assert!(wrong.contains("cannot be set or removed by a rule"), "{name}: {wrong}");
            }
        }
        assert!(
            read("set = { Sec-Restrict-Tenant-Access-Policy = 'restrict-msa', Tenant = 'x', Hosts = 'y' }").is_ok()
        );
    }

    #[test]
    fn nothing_gets_into_a_head_by_a_name_or_a_value() {
        for (text, part) in [
            ("set = { 'X A' = 'x' }", "is no name of a field"),
            ("set = { 'X:A' = 'x' }", "is no name of a field"),
            ("set = { X_A = 'x' }", "is no name of a field"),
            ("set = { \"X\\r\\nY\" = 'x' }", "is no name of a field"),
            ("remove = ['']", "is no name of a field"),
            ("set = { X-A = \"a\\r\\nB: c\" }", "is no value of a field"),
            ("set = { X-A = \"a\\u0000\" }", "is no value of a field"),
            ("set = { X-A = 'ä' }", "is no value of a field"),
            ("set = { X-A = '' }", "is no value of a field"),
            ("set = { X-A = ' x' }", "is no value of a field"),
            ("set = { X-A = 'x', x-a = 'y' }", "stands here twice"),
            ("set = { X-A = 'x' }\nremove = ['x-A']", "stands here twice"),
            ("add = { X-A = 'x' }", "unknown field `add`"),
        ] {
            let wrong = read(text).unwrap_err();
            assert!(wrong.contains(part), "{text}: {wrong}");
        }
        let long = format!("set = {{ X-A = '{}' }}", "x".repeat(MAX_VALUE + 1));
        assert!(read(&long).unwrap_err().contains("is no value"));
        let many: Vec<String> = (0..=MAX_FIELDS).map(|number| format!("'X-{number}'")).collect();
        assert!(read(&format!("remove = [{}]", many.join(", "))).unwrap_err().contains("32 fields at most"));
    }
}
