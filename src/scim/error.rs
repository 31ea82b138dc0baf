//! What is wrong with a request, as SCIM says it (RFC 7644 §3.12).

use http::{HeaderName, StatusCode};
use serde_json::{Map, Value, json};

/// The schema of an error.
const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(super) struct Error {
    /// The status of the answer.
    pub(super) status: StatusCode,
    /// The kind of the mistake, for clients that tell mistakes apart.
    pub(super) kind: Option<ScimType>,
    /// What happened, and what to do about it, for whoever reads the client's log.
    pub(super) detail: String,
    /// A field of the answer's head that belongs to the status, such as `Allow`.
    pub(super) field: Option<(HeaderName, &'static str)>,
}

/// Kinds of mistakes (RFC 7644 §3.12, table 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScimType {
    /// The filter cannot be read, or compares what cannot be compared.
    InvalidFilter,
    /// The answer would be larger than we give.
    TooMany,
    /// Somebody else has the name already.
    Uniqueness,
    /// The attribute is not the client's to change.
    Mutability,
    /// The body is no such message.
    InvalidSyntax,
    /// The path of a PATCH operation cannot be read, or leads to no attribute.
    InvalidPath,
    /// The path of a PATCH operation leads to no value.
    NoTarget,
    /// A value is missing, or is not of the attribute's kind.
    InvalidValue,
}

impl ScimType {
    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
        }
    }
}

impl Error {
    /// An error that only its status tells apart from others.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, kind: None, detail: detail.into(), field: None }
    }

    /// A mistake of the client's (400).
    pub(super) fn mistake(kind: ScimType, detail: impl Into<String>) -> Self {
        Self { kind: Some(kind), ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// The name of another resource (409).
    pub(super) fn taken(detail: impl Into<String>) -> Self {
        Self { kind: Some(ScimType::Uniqueness), ..Self::new(StatusCode::CONFLICT, detail) }
    }

    /// A value that its attribute cannot have.
    pub(super) fn value(detail: impl Into<String>) -> Self {
        Self::mistake(ScimType::InvalidValue, detail)
    }

    /// The same, with a field of the head.
    #[must_use]
    pub(super) fn with(self, name: HeaderName, value: &'static str) -> Self {
        Self { field: Some((name, value)), ..self }
    }

    /// The body of the answer.
    pub(super) fn to_json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("schemas".into(), json!([SCHEMA]));
        // A string, although it is a number (RFC 7644 §3.12).
        fields.insert("status".into(), json!(self.status.as_str()));
        if let Some(kind) = self.kind {
            fields.insert("scimType".into(), json!(kind.as_str()));
        }
        fields.insert("detail".into(), json!(self.detail));
        Value::Object(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_its_status_as_text_and_its_kind_only_where_there_is_one() {
        let taken = Error::taken("somebody else is called `a`");
        let wanted = json!({ "schemas": [SCHEMA], "status": "409", "scimType": "uniqueness", "detail": "somebody else is called `a`" });
        assert_eq!(taken.to_json(), wanted);
        let gone = Error::new(StatusCode::NOT_FOUND, "there is none");
        assert_eq!(gone.to_json(), json!({ "schemas": [SCHEMA], "status": "404", "detail": "there is none" }));
    }
}
