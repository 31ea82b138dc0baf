//! Our cookies among those of an origin: reads them, and keeps them from passing in either direction.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::COOKIE;
use memchr::memchr2_iter;

use super::h1::Fields;

/// What the names of our cookies on other origins begin with. The prefix is reserved: origins neither see nor set such
/// cookies.
pub const RESERVED: &str = "vestibule_";

/// The same with the prefix that ties a cookie to one host over https (RFC 6265bis §4.1.3.2).
pub const RESERVED_HOST: &str = "__Host-vestibule_";

/// The value of the cookie `name`, if the client has sent it. Only for names that begin with `__Host-`, which nobody
/// else can set.
pub fn value<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = fields.get_all(COOKIE).iter();
    lines.flat_map(|line| pairs(line.as_bytes())).find_map(|pair| text_of(pair, name))
}

/// How many values of one name are looked at: more than any honest browser sends.
const MAX_VALUES: usize = 4;

/// The values of the cookie `name`. A page or a neighbouring host can set one of its own beside ours, and even have it
/// sent before ours (RFC 6265 §8.6), so the first is not always the right one.
pub fn values<'a>(fields: &'a Fields, name: &'a str) -> impl Iterator<Item = &'a str> {
    fields.all("cookie").flat_map(pairs).filter_map(move |pair| text_of(pair, name)).take(MAX_VALUES)
}

/// A Cookie line without our cookies. All others stay as they are, octet for octet. `None` if there are no others.
pub fn without_reserved(line: &[u8]) -> Option<Cow<'_, [u8]>> {
    // Nearly always there is none of ours, and no octet with which one could begin.
    let mut begins = memchr2_iter(b'v', b'V', line).filter_map(|at| line.get(at..at + RESERVED.len()));
    if !begins.any(|begin| begin.eq_ignore_ascii_case(RESERVED.as_bytes())) || !pairs(line).any(is_reserved) {
        return Some(Cow::Borrowed(line));
    }
    let kept = pairs(line).filter(|pair| !is_reserved(pair)).collect::<Vec<_>>().join(&b"; "[..]);
    (!kept.is_empty()).then_some(Cow::Owned(kept))
}

/// Whether a Set-Cookie line would set a cookie with a reserved name.
pub fn sets_reserved(line: &[u8]) -> bool {
    is_reserved(line.split(|b| *b == b';').next().unwrap_or_default())
}

/// Whether `name=value` is a cookie with a reserved name. Browsers compare the `__Host-` prefix without regard to case
/// (RFC 6265bis §5.7), and send a cookie without a name as its value alone (§5.8.3): `=name=value` comes back as
/// `name=value`.
fn is_reserved(pair: &[u8]) -> bool {
    let name = split(pair.trim_ascii_start().strip_prefix(b"=").unwrap_or(pair)).0;
    let starts =
        |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()));
    starts(RESERVED) || starts(RESERVED_HOST)
}

/// The cookies of a line, as octets: origins may set any octets that a field can hold (RFC 9110 §5.5), and one that is
/// not text must not hide ours.
fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| *b == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

/// The value of a pair, if the pair has this name.
fn text_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a str> {
    let (found, value) = split(pair);
    (found == name.as_bytes()).then(|| std::str::from_utf8(value).ok()).flatten()
}

/// The name and the value of a pair.
fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    let (name, value) = match pair.iter().position(|b| *b == b'=') {
        Some(place) => (pair.get(..place).unwrap_or_default(), pair.get(place + 1..).unwrap_or_default()),
        None => (pair, &[][..]),
    };
    (name.trim_ascii(), value.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_sees_its_own_cookies_only() {
        for (line, left) in [
            (&b"a=1; vestibule_s=secret; b=2"[..], Some(&b"a=1; b=2"[..])),
            (b"__Host-vestibule_s=secret; __host-Vestibule_s=x", None),
            (b"a=\xe9; vestibule_s=secret; nameless; b = \xc3\xa9", Some(b"a=\xe9; nameless; b = \xc3\xa9")),
            (b"vestibule_s=secret", None),
            (b"a=1;b=2;", Some(b"a=1;b=2;")),
            (b"", Some(b"")),
        ] {
            assert_eq!(without_reserved(line).as_deref(), left, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn our_cookies_are_found_among_others() {
        let fields = Fields::from([
            ("Cookie", "a=1; vestibule_s=one; b=\u{e9}"),
            ("cookie", "vestibule_s=two; vestibule_s=3; vestibule_s=4; vestibule_s=5"),
        ]);
        assert_eq!(values(&fields, "vestibule_s").collect::<Vec<_>>(), ["one", "two", "3", "4"]);
        let fields = HeaderMap::from_iter([(COOKIE, "a=1; __Host-vestibule=x".parse().unwrap())]);
        assert_eq!((value(&fields, "__Host-vestibule"), value(&fields, "b")), (Some("x"), None));
    }

    #[test]
    fn an_origin_sets_its_own_cookies_only() {
        for (line, ours) in [
            ("a=1; Path=/", false),
            ("vestibule_s=forged", true),
            (" VESTIBULE_s =forged", true),
            ("__Host-vestibule_s=forged; Secure", true),
            ("=vestibule_s=forged", true),
            (" = vestibule_s=forged; Path=/", true),
            ("a=vestibule_s=1", false),
        ] {
            assert_eq!(sets_reserved(line.as_bytes()), ours, "{line}");
        }
    }
}
