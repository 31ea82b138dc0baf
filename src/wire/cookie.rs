//! Our cookies among those of an origin: reads them, and keeps them from passing in either direction.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::COOKIE;
use memchr::{memchr, memchr2_iter};

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
    if !begins.any(|begin| begin.eq_ignore_ascii_case(RESERVED.as_bytes())) {
        return Some(Cow::Borrowed(line));
    }
    let (mut kept, mut has_ours) = (Vec::with_capacity(line.len()), false);
    for pair in pairs(line) {
        if is_reserved(pair) {
            has_ours = true;
            continue;
        }
        if !kept.is_empty() {
            kept.extend_from_slice(b"; ");
        }
        kept.extend_from_slice(pair);
    }
    match has_ours {
        true => (!kept.is_empty()).then_some(Cow::Owned(kept)),
        false => Some(Cow::Borrowed(line)),
    }
}

/// Whether a Set-Cookie line would set a cookie with a reserved name.
pub fn sets_reserved(line: &[u8]) -> bool {
    is_reserved(line.split(|b| *b == b';').next().unwrap_or_default())
}

/// Whether `name=value` is a cookie with a reserved name. Browsers compare the `__Host-` prefix without regard to case
/// (RFC 6265bis §5.7), and send a cookie without a name as its value alone (§5.8.3): `=name=value` comes back as
/// `name=value`.
fn is_reserved(pair: &[u8]) -> bool {
    let pair = pair.trim_ascii_start();
    let pair = pair.strip_prefix(b"=").map_or(pair, <[u8]>::trim_ascii_start);
    // Neither has `=` in it: what begins so has a name that does.
    let starts =
        |prefix: &str| pair.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()));
    starts(RESERVED) || starts(RESERVED_HOST)
}

/// The cookies of a line, as octets: origins may set any octets that a field can hold (RFC 9110 §5.5), and one that is
/// not text must not hide ours.
fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    let parts = std::iter::from_fn(move || {
        let line = rest?;
        let Some(end) = memchr(b';', line) else { return rest.take() };
        rest = line.get(end + 1..);
        line.get(..end)
    });
    parts.map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

/// The value of a pair, if the pair has this name.
fn text_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a str> {
    let (found, value) = split(pair);
    (found == name.as_bytes()).then(|| std::str::from_utf8(value).ok()).flatten()
}

/// The name and the value of a pair.
fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    let (name, value) = match memchr(b'=', pair) {
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
            (b"a=vestibule_s=1; b", Some(b"a=vestibule_s=1; b")),
            (b";; a=1 ;\tvestibule_s ;; = vestibule_s=1; b=2;", Some(b"a=1; b=2")),
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

    /// The same, as simply as it can be said.
    fn is_ours(pair: &[u8]) -> bool {
        let text = String::from_utf8_lossy(pair).to_ascii_lowercase();
        let text = text.trim_ascii_start();
        let text = text.strip_prefix('=').unwrap_or(text);
        let name = text.split('=').next().unwrap().trim_ascii();
        name.starts_with("vestibule_") || name.starts_with("__host-vestibule_")
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_line_none_of_ours_is_left_and_nothing_else_is_lost(
            parts in proptest::collection::vec("[ \t=vV_aé;]{0,6}((__[hH]ost-)?[vV]estibule_?)?[ =;a]{0,4}", 0..8),
        ) {
            let line = parts.join(";");
            let all: Vec<&[u8]> = line.as_bytes().split(|octet| *octet == b';').map(<[u8]>::trim_ascii).collect();
            let others: Vec<&[u8]> = all.iter().copied().filter(|pair| !pair.is_empty() && !is_ours(pair)).collect();
            let expected = match all.iter().any(|pair| is_ours(pair)) {
                true => Some(others.join(&b"; "[..])).filter(|left| !left.is_empty()),
                false => Some(line.clone().into_bytes()),
            };
            proptest::prop_assert_eq!(without_reserved(line.as_bytes()).map(Cow::into_owned), expected);
        }
    }
}
