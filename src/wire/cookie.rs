//! Our cookies among an origin's: read, and kept from crossing in either direction.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

/// What the names of our cookies on other origins begin with. Reserved: origins neither see such cookies nor set them.
pub const RESERVED: &str = "vestibule_";

/// The same with the prefix that ties a cookie to one host over https (RFC 6265bis §4.1.3.2).
pub const RESERVED_HOST: &str = "__Host-vestibule_";

/// The value of the cookie `name`, when the client sent it. For names that begin with `__Host-`, which nobody else can
/// set.
pub fn value<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a str> {
    pairs(fields).find_map(|pair| text_of(pair, name))
}

/// Values of one name that are looked at: more than any honest browser sends.
const MAX_VALUES: usize = 4;

/// The values of the cookie `name`. A page or a neighbouring host can put one of its own beside ours, in front of it
/// even (RFC 6265 §8.6), so the first is not always the right one.
pub fn values<'a>(fields: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    pairs(fields).filter_map(move |pair| text_of(pair, name)).take(MAX_VALUES)
}

/// Removes our cookies from a request. All others stay as they are, octet for octet.
pub fn remove_reserved(fields: &mut HeaderMap) {
    if !pairs(fields).any(is_reserved) {
        return;
    }
    let kept = pairs(fields).filter(|pair| !is_reserved(pair)).collect::<Vec<_>>().join(&b"; "[..]);
    fields.remove(COOKIE);
    if let Ok(value) = HeaderValue::from_bytes(&kept)
        && !kept.is_empty()
    {
        fields.insert(COOKIE, value);
    }
}

/// Removes from a response every cookie that has one of our names.
pub fn refuse_reserved(fields: &mut HeaderMap) {
    let is_ours = |line: &HeaderValue| is_reserved(line.as_bytes().split(|b| *b == b';').next().unwrap_or_default());
    if !fields.get_all(SET_COOKIE).iter().any(is_ours) {
        return;
    }
    let kept: Vec<_> = fields.get_all(SET_COOKIE).iter().filter(|value| !is_ours(value)).cloned().collect();
    fields.remove(SET_COOKIE);
    for value in kept {
        fields.append(SET_COOKIE, value);
    }
}

/// Whether `name=value` is a cookie of ours. Browsers compare the `__Host-` prefix without regard to case (RFC 6265bis
/// §5.7), and send a cookie without a name as its value alone (§5.8.3): `=name=value` comes back as `name=value`.
fn is_reserved(pair: &[u8]) -> bool {
    let name = split(pair.trim_ascii_start().strip_prefix(b"=").unwrap_or(pair)).0;
    let starts =
        |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()));
    starts(RESERVED) || starts(RESERVED_HOST)
}

/// The cookies, as octets: origins may set whatever a field can hold (RFC 9110 §5.5), and one that is no text must not
/// hide ours.
fn pairs(fields: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = fields.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|b| *b == b';')).map(<[u8]>::trim_ascii);
    pairs.filter(|pair| !pair.is_empty())
}

/// The value of a pair with this name.
fn text_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a str> {
    let (found, value) = split(pair);
    (found == name.as_bytes()).then(|| std::str::from_utf8(value).ok()).flatten()
}

/// Name and value.
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
        let mut fields = HeaderMap::new();
        fields.append(COOKIE, "a=1; vestibule_s=secret; b=2".parse().unwrap());
        fields.append(COOKIE, "__Host-vestibule_s=secret; __host-Vestibule_s=x".parse().unwrap());
        assert_eq!(values(&fields, "vestibule_s").collect::<Vec<_>>(), ["secret"]);
        remove_reserved(&mut fields);
        assert_eq!(fields.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2"]);
        let mut odd = HeaderMap::new();
        odd.append(COOKIE, HeaderValue::from_bytes(b"a=\xe9; vestibule_s=secret; nameless; b = \xc3\xa9").unwrap());
        assert_eq!(values(&odd, "vestibule_s").collect::<Vec<_>>(), ["secret"], "octets beside it do not hide it");
        remove_reserved(&mut odd);
        assert_eq!(odd.get(COOKIE).unwrap(), &b"a=\xe9; nameless; b = \xc3\xa9"[..]);
        let mut ours = HeaderMap::new();
        ours.append(COOKIE, "vestibule_s=secret".parse().unwrap());
        remove_reserved(&mut ours);
        assert!(ours.is_empty());
    }

    #[test]
    fn an_origin_sets_its_own_cookies_only() {
        let mut fields = HeaderMap::new();
        for line in [
            "a=1; Path=/",
            "vestibule_s=forged",
            " VESTIBULE_s =forged",
            "__Host-vestibule_s=forged; Secure",
            "=vestibule_s=forged",
            " = vestibule_s=forged; Path=/",
        ] {
            fields.append(SET_COOKIE, line.parse().unwrap());
        }
        refuse_reserved(&mut fields);
        assert_eq!(fields.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1; Path=/"]);
    }
}
