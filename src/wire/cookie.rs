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
    pairs(fields).find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// Values of one name that are looked at: more than any honest browser sends.
const MAX_VALUES: usize = 4;

/// The values of the cookie `name`. A page or a neighbouring host can put one of its own beside ours, in front of it
/// even (RFC 6265 §8.6), so the first is not always the right one.
pub fn values<'a>(fields: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    pairs(fields).filter(move |(found, _)| *found == name).map(|(_, value)| value).take(MAX_VALUES)
}

/// Removes our cookies from a request.
pub fn remove_reserved(fields: &mut HeaderMap) {
    if !pairs(fields).any(|(name, _)| is_reserved(name)) {
        return;
    }
    let kept: Vec<String> =
        pairs(fields).filter(|(name, _)| !is_reserved(name)).map(|(name, value)| format!("{name}={value}")).collect();
    fields.remove(COOKIE);
    if let Ok(value) = HeaderValue::try_from(kept.join("; "))
        && !kept.is_empty()
    {
        fields.insert(COOKIE, value);
    }
}

/// Removes from a response every cookie that has one of our names.
pub fn refuse_reserved(fields: &mut HeaderMap) {
    let is_ours = |value: &HeaderValue| {
        let name = value.as_bytes().split(|b| *b == b'=' || *b == b';').next().unwrap_or_default();
        is_reserved(String::from_utf8_lossy(name).trim())
    };
    if !fields.get_all(SET_COOKIE).iter().any(is_ours) {
        return;
    }
    let kept: Vec<_> = fields.get_all(SET_COOKIE).iter().filter(|value| !is_ours(value)).cloned().collect();
    fields.remove(SET_COOKIE);
    for value in kept {
        fields.append(SET_COOKIE, value);
    }
}

/// Browsers compare the `__Host-` prefix without regard to case (RFC 6265bis §5.7).
fn is_reserved(name: &str) -> bool {
    let starts = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    starts(RESERVED) || starts(RESERVED_HOST)
}

fn pairs(fields: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    fields
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .map(|pair| pair.split_once('=').map_or((pair.trim(), ""), |(name, value)| (name.trim(), value.trim())))
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
        let mut ours = HeaderMap::new();
        ours.append(COOKIE, "vestibule_s=secret".parse().unwrap());
        remove_reserved(&mut ours);
        assert!(ours.is_empty());
    }

    #[test]
    fn an_origin_sets_its_own_cookies_only() {
        let mut fields = HeaderMap::new();
        for line in ["a=1; Path=/", "vestibule_s=forged", " VESTIBULE_s =forged", "__Host-vestibule_s=forged; Secure"] {
            fields.append(SET_COOKIE, line.parse().unwrap());
        }
        refuse_reserved(&mut fields);
        assert_eq!(fields.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1; Path=/"]);
    }
}
