//! A value that must not be seen: a password, a key. Neither `Debug` nor a log shows it, and its memory is overwritten
//! when it is dropped.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use zeroize::Zeroizing;

/// A secret from the configuration: written there, or kept in a file or in the environment.
///
/// `"text"`, `{ file = "path" }` and `{ env = "NAME" }` are accepted. Whoever reads the configuration replaces a
/// reference by the secret that it names. A reference that is not replaced fails to deserialise, with [`UNRESOLVED`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

/// The error of a reference that has not been replaced, by which the reader of the configuration finds it.
pub const UNRESOLVED: &str = "a reference to a secret that was not looked up";

const UNQUOTED: &str = r#"a secret is a text in quotes, { file = "path" } or { env = "NAME" }"#;

impl Secret {
    /// A secret with this text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text of the secret, for the place that uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a secret: "text", { file = "path" } or { env = "NAME" }"#)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
        if text.is_empty() {
            return Err(E::custom("the secret is empty"));
        }
        Ok(Secret::new(text.to_owned()))
    }

    // The usual error would say the value, which somebody has written without quotes.
    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
        Err(E::custom(UNQUOTED))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
        Err(E::custom(UNQUOTED))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
        Err(E::custom(UNQUOTED))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Secret, E> {
        Err(E::custom(UNQUOTED))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let Some((key, _)) = map.next_entry::<String, String>()? else {
            return Err(de::Error::custom("a reference to a secret needs `file` or `env`"));
        };
        if !matches!(key.as_str(), "file" | "env") {
            return Err(de::Error::unknown_field(&key, &["file", "env"]));
        }
        if map.next_key::<String>()?.is_some() {
            return Err(de::Error::custom("a secret is in one place: `file` or `env`, not both"));
        }
        Err(de::Error::custom(UNRESOLVED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Holder {
        key: Secret,
    }

    fn read(text: &str) -> Result<Holder, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_secret_is_read_and_never_shown() {
        let holder = read("key = 'hunter2'").unwrap();
        assert_eq!(holder.key.expose(), "hunter2");
        assert_eq!(format!("{holder:?}"), "Holder { key: *** }");
    }

    #[test]
    fn a_reference_waits_to_be_looked_up_and_a_wrong_one_is_refused() {
        for (text, message) in [
            ("key = { file = 'a' }", UNRESOLVED),
            ("key = { env = 'A' }", UNRESOLVED),
            ("key = { file = 'a', env = 'A' }", "a secret is in one place: `file` or `env`, not both"),
            ("key = {}", "a reference to a secret needs `file` or `env`"),
            ("key = { fil = 'a' }", "unknown field `fil`, expected `file` or `env`"),
            ("key = ''", "the secret is empty"),
        ] {
            assert_eq!(read(text).unwrap_err(), message, "{text}");
        }
    }
}
