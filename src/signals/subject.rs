//! About whom a token is: subject identifiers (RFC 9493), and the complex subjects of the Shared Signals Framework (SSF 1.0 §3).

use serde_json::{Map, Value};

/// The longest name that is looked at, in octets.
const LONGEST: usize = 512;

/// How many names a list of aliases may have.
const MOST: usize = 16;

/// One name of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// Nothing is known of what it is.
    Opaque(String),
    /// What an issuer calls them.
    Issued(String, String),
    /// A mail address.
    Email(String),
    /// An account at a host (RFC 7565): `user@host`.
    Account(String),
}

/// About whom a token is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SubjectId {
    /// Names of the person. All are the same person's.
    pub(super) user: Vec<Name>,
    /// The session at the identity provider, if it is about one.
    pub(super) session: Option<String>,
    /// The tenant, if it says one.
    pub(super) tenant: Option<String>,
}

/// Why it cannot be said about whom a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// It has none.
    #[error("it names no subject")]
    Missing,
    /// It is of a kind that names nobody here.
    #[error("its subject has a format that names nobody here")]
    Format,
    /// It is not what its format says.
    #[error("its subject is not what its format says")]
    Malformed,
}

impl SubjectId {
    /// Reads a subject identifier.
    pub(super) fn read(value: &Value) -> Result<Self, Unreadable> {
        let subject = value.as_object().ok_or(Unreadable::Malformed)?;
        match format_of(subject) {
            None | Some("complex") => Self::read_complex(subject),
            Some("aliases") => Ok(Self { user: aliases(subject)?, ..Self::default() }),
            Some(_) => Ok(Self { user: vec![name(subject)?], ..Self::default() }),
        }
    }

    fn read_complex(subject: &Map<String, Value>) -> Result<Self, Unreadable> {
        let part = |key: &str| subject.get(key).map(|part| part.as_object().ok_or(Unreadable::Malformed)).transpose();
        let only = |key: &str| part(key)?.map(|part| Ok(name(part)?.into_text())).transpose();
        let user = match part("user")? {
            Some(user) if format_of(user) == Some("aliases") => aliases(user)?,
            Some(user) => vec![name(user)?],
            None => Vec::new(),
        };
        let (session, tenant) = (only("session")?, only("tenant")?);
        if user.is_empty() {
            return Err(if subject.is_empty() { Unreadable::Missing } else { Unreadable::Format });
        }
        Ok(Self { user, session, tenant })
    }
}

impl Name {
    fn into_text(self) -> String {
        match self {
            Self::Opaque(text) | Self::Issued(_, text) | Self::Email(text) | Self::Account(text) => text,
        }
    }
}

/// The format, as it is called now. Drafts called it `subject_type`, and wrote some names with a hyphen.
fn format_of(subject: &Map<String, Value>) -> Option<&str> {
    let format = subject.get("format").or_else(|| subject.get("subject_type"))?.as_str().unwrap_or("?");
    Some(match format {
        "iss-sub" => "iss_sub",
        other => other,
    })
}

fn name(subject: &Map<String, Value>) -> Result<Name, Unreadable> {
    let text = |key: &str| {
        let text = subject.get(key).and_then(Value::as_str).map(str::trim).ok_or(Unreadable::Malformed)?;
        let is_good = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
        if is_good { Ok(text.to_owned()) } else { Err(Unreadable::Malformed) }
    };
    match format_of(subject) {
        Some("opaque") => Ok(Name::Opaque(text("id")?)),
        Some("iss_sub") => Ok(Name::Issued(text("iss")?, text("sub")?)),
        Some("email") => Ok(Name::Email(text("email")?)),
        Some("account") => {
            let uri = text("uri")?;
            let account = uri.strip_prefix("acct:").ok_or(Unreadable::Malformed)?;
            let account = percent_encoding::percent_decode_str(account).decode_utf8();
            Ok(Name::Account(account.map_err(|_| Unreadable::Malformed)?.into_owned()))
        }
        _ => Err(Unreadable::Format),
    }
}

/// All names that can be understood. Aliases within aliases are forbidden (RFC 9493 §3.2.8).
fn aliases(subject: &Map<String, Value>) -> Result<Vec<Name>, Unreadable> {
    let all = subject.get("identifiers").and_then(Value::as_array).ok_or(Unreadable::Malformed)?;
    if all.is_empty() || all.len() > MOST {
        return Err(Unreadable::Malformed);
    }
    let mut names = Vec::new();
    for one in all {
        match name(one.as_object().ok_or(Unreadable::Malformed)?) {
            Ok(name) => names.push(name),
            // Another name may say who it is.
            Err(Unreadable::Format) => {}
            Err(error) => return Err(error),
        }
    }
    if names.is_empty() { Err(Unreadable::Format) } else { Ok(names) }
}
