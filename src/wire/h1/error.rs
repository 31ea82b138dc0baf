//! Why a head is refused.

use http::StatusCode;

/// Why a head is not valid, or cannot be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The first line is not `method SP target SP version` (RFC 9112 §3).
    #[error("the request line is not valid")]
    RequestLine,
    /// The first line of an answer is not `version SP status SP reason` (RFC 9112 §4).
    #[error("the status line is not valid")]
    StatusLine,
    /// The target is not valid (RFC 9112 §3.2).
    #[error("the request target is not valid")]
    Target,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    #[error("the version is not HTTP/1.1")]
    Version,
    /// The request line alone is longer than a head may be.
    #[error("the request target is too long")]
    TargetTooLong,
    /// The head is longer than it may be.
    #[error("the head is too large")]
    TooLarge,
    /// There are more fields than there may be.
    #[error("there are too many fields")]
    TooManyFields,
    /// A line ends in LF alone (RFC 9112 §2.2).
    #[error("a line ends without a carriage return")]
    BareLineFeed,
    /// There is a CR without an LF after it (RFC 9112 §2.2).
    #[error("there is a carriage return inside a line")]
    BareCarriageReturn,
    /// A field continues on the next line (RFC 9112 §5.2).
    #[error("a field is folded over two lines")]
    ObsoleteFolding,
    /// A line is not a field.
    #[error("a field has no colon")]
    NoColon,
    /// There is space before the colon (RFC 9112 §5.1).
    #[error("there is space between a field's name and its colon")]
    SpaceBeforeColon,
    /// A field's name is not a token.
    #[error("a field's name is not valid")]
    FieldName,
    /// A field's value has control characters (RFC 9110 §5.5).
    #[error("a field's value is not valid")]
    FieldValue,
    /// The length of the body cannot be told.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// It asks for a change to a protocol that this proxy does not support (RFC 8441 §4, RFC 9220 §3).
    #[error("a change to this protocol is not supported")]
    Protocol,
    /// The head did not arrive in time.
    #[error("the request did not arrive in time")]
    TimedOut,
}

impl HeadError {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::TooLarge | Self::TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Protocol => StatusCode::NOT_IMPLEMENTED,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Why the length of a body cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// There is more than one Content-Length, or it is a list (RFC 9110 §8.6).
    #[error("there is more than one Content-Length")]
    RepeatedLength,
    /// Content-Length is not a number.
    #[error("the Content-Length is not a number")]
    BadLength,
    /// Content-Length beside Transfer-Encoding (RFC 9112 §6.1).
    #[error("there are both Content-Length and Transfer-Encoding")]
    LengthAndEncoding,
    /// A Transfer-Encoding other than exactly `chunked`, once.
    #[error("the Transfer-Encoding is not chunked")]
    BadEncoding,
    /// Transfer-Encoding in an HTTP/1.0 message (RFC 9112 §6.1).
    #[error("an HTTP/1.0 message must not have Transfer-Encoding")]
    EncodingInOldVersion,
    /// A CONNECT with a body (RFC 9110 §9.3.6).
    #[error("a CONNECT must not have a body")]
    BodyOfConnect,
}
