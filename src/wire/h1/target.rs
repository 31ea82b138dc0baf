//! The request target (RFC 9112 §3.2), as it was sent.

use std::ops::Range;

use http::Method;
use memchr::memchr;

use super::error::HeadError;

/// A form of the request target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/path?query`: for a server (RFC 9112 §3.2.1).
    Origin,
    /// `http://host/path?query`: for a proxy (§3.2.2).
    Absolute,
    /// `host:port`: CONNECT (§3.2.3).
    Authority,
    /// `*`: for an OPTIONS about the server as a whole (§3.2.4).
    Asterisk,
}

/// A request target.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestTarget {
    /// A copy, which is known to be text: the parts are asked for a dozen times while a request is answered.
    text: Box<str>,
    form: Form,
    scheme: usize,
    authority: (usize, usize),
    /// Where the path ends: at the question mark, or with the target.
    path_end: usize,
}

impl RequestTarget {
    /// Reads the target of a request with this method.
    pub(super) fn parse(octets: &[u8], method: &Method) -> Result<Self, HeadError> {
        let text = std::str::from_utf8(octets).map_err(|_| HeadError::Target)?;
        // A client never sends a fragment (RFC 9112 §3.2). If one is there, the next reader may understand the target
        // in another way than we do.
        // Without a way out of the loop, so that the compiler looks at many octets at a time.
        let is_bad = |octet: u8| octet <= b' ' || octet == 0x7f || octet == b'#';
        if text.is_empty() || text.bytes().fold(false, |found, octet| found | is_bad(octet)) {
            return Err(HeadError::Target);
        }
        let from = |form, scheme, authority: (usize, usize)| {
            let rest = text.get(authority.1..).unwrap_or_default();
            let path_end = memchr(b'?', rest.as_bytes()).map_or(text.len(), |length| authority.1 + length);
            Self { text: text.into(), form, scheme, authority, path_end }
        };
        let whole = |form| from(form, 0, (0, 0));
        if *method == Method::CONNECT {
            let length = text.len();
            return if text.contains(['/', '?']) {
                Err(HeadError::Target)
            } else {
                Ok(from(Form::Authority, 0, (0, length)))
            };
        }
        if text == "*" {
            return if *method == Method::OPTIONS { Ok(whole(Form::Asterisk)) } else { Err(HeadError::Target) };
        }
        if text.starts_with('/') {
            return Ok(whole(Form::Origin));
        }
        // No scheme has a colon in it.
        let scheme = memchr(b':', octets).ok_or(HeadError::Target)?;
        if !octets.get(scheme..).is_some_and(|rest| rest.starts_with(b"://")) {
            return Err(HeadError::Target);
        }
        let name = text.get(..scheme).unwrap_or_default();
        let is_scheme = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !is_scheme {
            return Err(HeadError::Target);
        }
        let start = scheme + 3;
        let rest = octets.get(start..).unwrap_or_default();
        let length = rest.iter().position(|octet| matches!(octet, b'/' | b'?')).unwrap_or(rest.len());
        Ok(from(Form::Absolute, scheme, (start, start + length)))
    }

    /// The form that it has.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The scheme of an absolute-form.
    pub fn scheme(&self) -> Option<&str> {
        (self.form == Form::Absolute).then(|| self.text(0..self.scheme))
    }

    /// The authority (`host[:port]`) of an absolute-form or an authority-form.
    pub fn authority(&self) -> Option<&str> {
        let (start, end) = self.authority;
        matches!(self.form, Form::Absolute | Form::Authority).then(|| self.text(start..end))
    }

    /// The path and the query; empty if an absolute-form names only the origin.
    pub fn path_and_query(&self) -> &str {
        self.text(self.authority.1..self.text.len())
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.text(self.authority.1..self.path_end)
    }

    /// The query, without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.text.get(self.path_end + 1..)
    }

    fn text(&self, range: Range<usize>) -> &str {
        // Each place is the beginning or the end of an ASCII character, or of the whole.
        self.text.get(range).unwrap_or_default()
    }
}

/// Shows the origin alone, because paths and queries may hold secrets.
impl std::fmt::Debug for RequestTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({})", self.form, self.authority().unwrap_or_default())
    }
}

/// For tests: the target of a GET.
#[cfg(test)]
impl From<&str> for RequestTarget {
    fn from(text: &str) -> Self {
        Self::parse(text.as_bytes(), &Method::GET).unwrap()
    }
}

#[cfg(test)]
impl RequestTarget {
    /// For tests: the target of a CONNECT.
    pub(crate) fn of_connect(text: &str) -> Self {
        Self::parse(text.as_bytes(), &Method::CONNECT).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(target: &str, method: &Method) -> Result<RequestTarget, HeadError> {
        RequestTarget::parse(target.as_bytes(), method)
    }

    #[test]
    fn each_form_is_told_by_its_shape_and_method() {
        for (method, target, form, scheme, authority, path, query) in [
            (Method::GET, "/a?b", Form::Origin, None, None, "/a", Some("b")),
            (Method::GET, "http://a.test/b?c?d", Form::Absolute, Some("http"), Some("a.test"), "/b", Some("c?d")),
            (Method::OPTIONS, "http://a.test:81", Form::Absolute, Some("http"), Some("a.test:81"), "", None),
            (Method::GET, "HTTP://a.test?q", Form::Absolute, Some("HTTP"), Some("a.test"), "", Some("q")),
            (Method::GET, "http://[::1]:81/", Form::Absolute, Some("http"), Some("[::1]:81"), "/", None),
            (Method::CONNECT, "a.test:443", Form::Authority, None, Some("a.test:443"), "", None),
            (Method::OPTIONS, "*", Form::Asterisk, None, None, "*", None),
        ] {
            let read = parse(target, &method).unwrap();
            assert_eq!(
                (read.form(), read.scheme(), read.authority(), read.path(), read.query()),
                (form, scheme, authority, path, query),
                "{method} {target}"
            );
        }
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for (method, target) in [
            (Method::GET, ""),
            (Method::GET, "a.test"),
            (Method::GET, "*"),
            (Method::GET, "1ttp://a.test/"),
            (Method::GET, "://a.test/"),
            (Method::GET, "/a#b"),
            (Method::GET, "/a\u{7f}"),
            (Method::GET, "/a\tb"),
            (Method::CONNECT, "http://a.test:443"),
            (Method::CONNECT, "/"),
        ] {
            assert_eq!(parse(target, &method), Err(HeadError::Target), "{method} {target:?}");
        }
        assert!(RequestTarget::parse(b"/\xff", &Method::GET).is_err());
    }
}
