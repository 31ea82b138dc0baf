//! The length of a message body (RFC 9112 §6.3): the one thing about which two readers must never disagree.

use http::{Method, StatusCode, Version};

use super::error::FramingError;
use super::fields::Fields;

/// The length of a message body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// This many octets; 0 if there is no body.
    Exact(u64),
    /// In chunks (RFC 9112 §7.1).
    Chunked,
    /// Everything until the connection closes; only for answers.
    UntilClose,
}

impl Length {
    /// No body.
    pub const NONE: Self = Self::Exact(0);

    /// Whether there is no body.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

impl Length {
    /// The length of a request's body.
    pub(super) fn of_request(method: &Method, version: Version, fields: &Fields) -> Result<Self, FramingError> {
        let length = declared(version, fields)?.unwrap_or(Self::NONE);
        if *method == Method::CONNECT && !length.is_none() {
            return Err(FramingError::BodyOfConnect);
        }
        Ok(length)
    }

    /// The length of the body of an answer to a request with this method. Declared lengths are checked even if there is
    /// no body, provided that they are passed on.
    pub(super) fn of_response(
        status: StatusCode,
        version: Version,
        fields: &Fields,
        asked: &Method,
    ) -> Result<Self, FramingError> {
        // RFC 9112 §6.3: such an answer ends at the empty line, whatever its fields say.
        if has_no_length(status) {
            return Ok(Self::NONE);
        }
        let length = declared(version, fields)?;
        let bodiless = status == StatusCode::NOT_MODIFIED || *asked == Method::HEAD;
        Ok(if bodiless { Self::NONE } else { length.unwrap_or(Self::UntilClose) })
    }
}

/// Whether an answer with this status has neither a body nor fields that frame one (RFC 9110 §8.6, RFC 9112 §6.1).
pub(super) fn has_no_length(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT
}

/// The length that the fields declare.
fn declared(version: Version, fields: &Fields) -> Result<Option<Length>, FramingError> {
    let mut lengths = fields.all("content-length");
    let mut encodings = fields.all("transfer-encoding");
    match (lengths.next(), encodings.next()) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(FramingError::LengthAndEncoding),
        (None, Some(_)) if version == Version::HTTP_10 => Err(FramingError::EncodingInOldVersion),
        (None, Some(encoding)) => {
            let is_chunked = encoding.eq_ignore_ascii_case(b"chunked") && encodings.next().is_none();
            if is_chunked { Ok(Some(Length::Chunked)) } else { Err(FramingError::BadEncoding) }
        }
        (Some(length), None) => {
            if lengths.next().is_some() || length.contains(&b',') {
                return Err(FramingError::RepeatedLength);
            }
            decimal(length).map(|length| Some(Length::Exact(length))).ok_or(FramingError::BadLength)
        }
    }
}

/// A number of digits alone, without a sign or a space.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_clear_statement_of_a_length_counts() {
        use FramingError::{BadEncoding, BadLength, EncodingInOldVersion, LengthAndEncoding, RepeatedLength};
        type Case<'a> = (&'a [(&'a str, &'a str)], Result<Length, FramingError>);
        let cases: &[Case<'_>] = &[
            (&[], Ok(Length::NONE)),
            (&[("Content-Length", "5")], Ok(Length::Exact(5))),
            (&[("content-length", "18446744073709551615")], Ok(Length::Exact(u64::MAX))),
            (&[("content-length", "18446744073709551616")], Err(BadLength)),
            (&[("Content-Length", "")], Err(BadLength)),
            (&[("Content-Length", "+5")], Err(BadLength)),
            (&[("Content-Length", "-1")], Err(BadLength)),
            (&[("Content-Length", "0x5")], Err(BadLength)),
            (&[("Content-Length", "5 5")], Err(BadLength)),
            (&[("Content-Length", "5, 5")], Err(RepeatedLength)),
            (&[("Content-Length", "5"), ("content-length", "5")], Err(RepeatedLength)),
            (&[("Content-Length", "5"), ("content-length", "6")], Err(RepeatedLength)),
            (&[("Transfer-Encoding", "Chunked")], Ok(Length::Chunked)),
            (&[("Transfer-Encoding", "chunked"), ("Content-Length", "5")], Err(LengthAndEncoding)),
            (&[("Transfer-Encoding", "identity"), ("Content-Length", "5")], Err(LengthAndEncoding)),
            (&[("Transfer-Encoding", "gzip, chunked")], Err(BadEncoding)),
            (&[("Transfer-Encoding", "chunked, chunked")], Err(BadEncoding)),
            (&[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")], Err(BadEncoding)),
            (&[("Transfer-Encoding", "xchunked")], Err(BadEncoding)),
            (&[("Transfer-Encoding", "chunked;a=b")], Err(BadEncoding)),
            (&[("Transfer-Encoding", "")], Err(BadEncoding)),
        ];
        for (lines, expected) in cases {
            let mut octets: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            octets.push_str("\r\n");
            let fields = Fields::parse(octets.into_bytes().into(), 0, 9).unwrap();
            assert_eq!(Length::of_request(&Method::POST, Version::HTTP_11, &fields), *expected, "{lines:?}");
            let answer = Length::of_response(StatusCode::OK, Version::HTTP_11, &fields, &Method::GET);
            let expected = if lines.is_empty() { Ok(Length::UntilClose) } else { *expected };
            assert_eq!(answer, expected, "{lines:?}");
        }
        let chunked = Fields::from([("transfer-encoding", "chunked")]);
        assert_eq!(Length::of_request(&Method::POST, Version::HTTP_10, &chunked), Err(EncodingInOldVersion));
        let connect = Length::of_request(&Method::CONNECT, Version::HTTP_11, &chunked);
        assert_eq!(connect, Err(FramingError::BodyOfConnect));
    }

    #[test]
    fn some_answers_have_no_body_whatever_they_declare() {
        // RFC 9112 §6.3
        let five = Fields::from([("content-length", "5")]);
        for (status, method, length) in [
            (200, Method::GET, Length::Exact(5)),
            (200, Method::HEAD, Length::NONE),
            (204, Method::GET, Length::NONE),
            (304, Method::GET, Length::NONE),
            (103, Method::GET, Length::NONE),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Length::of_response(status, Version::HTTP_11, &five, &method), Ok(length), "{status} {method}");
        }
        let chunked = Fields::from([("transfer-encoding", "chunked")]);
        for status in [StatusCode::NO_CONTENT, StatusCode::EARLY_HINTS, StatusCode::NOT_MODIFIED] {
            let none = Length::of_response(status, Version::HTTP_11, &chunked, &Method::GET);
            assert_eq!(none, Ok(Length::NONE), "{status}");
        }
        let bad = Fields::from([("content-length", "x")]);
        assert!(Length::of_response(StatusCode::OK, Version::HTTP_11, &bad, &Method::HEAD).is_err());
    }
}
