//! What an origin says of other ways to reach it (Alt-Svc, RFC 7838), less those over QUIC: a browser that took one would go
//! around the proxy, wherever the network lets it.
//!
//! HTTPS records (RFC 9460) need nothing here: a browser that uses a proxy asks the proxy for a name, and not the DNS.

use std::borrow::Cow;

/// What is left of a field; `None` if nothing is.
pub(super) fn without_quic<'v>(name: &[u8], value: &'v [u8]) -> Option<Cow<'v, [u8]>> {
    if !name.eq_ignore_ascii_case(b"alt-svc") {
        return Some(Cow::Borrowed(value));
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    let all = members(value);
    let count = all.len();
    for member in all {
        let member = member.trim_ascii();
        if !member.is_empty() && !is_quic(member) {
            kept.push(member);
        }
    }
    match kept.len() {
        0 => None,
        len if len == count => Some(Cow::Borrowed(value)),
        _ => Some(Cow::Owned(kept.join(&b", "[..]))),
    }
}

/// The members of a list, which commas part that are not in a quoted text (RFC 9110 §5.6.1).
fn members(value: &[u8]) -> Vec<&[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = value.split(|octet| {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' => return !is_quoted,
            _ => {}
        }
        false
    });
    parts.collect()
}

/// Whether it begins with the name of a protocol over QUIC: `h3`, a draft of that, or what came before.
fn is_quic(member: &[u8]) -> bool {
    let end = member.iter().position(|octet| matches!(octet, b'=' | b' ' | b';')).unwrap_or(member.len());
    let protocol = member.get(..end).unwrap_or_default();
    // A name may be percent-encoded (RFC 7838 §3): only `h2` and its like never are.
    protocol.contains(&b'%')
        || ["h3", "hq", "quic"]
            .iter()
            .any(|quic| protocol.get(..quic.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(quic.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_leads_around_us_is_passed_on() {
        for (value, left) in [
            ("h3=\":443\"; ma=86400", None),
            ("h3=\":443\"; ma=86400, h3-29=\":443\"", None),
            ("H3=\":443\"", None),
            ("%683=\":443\"", None),
            ("quic=\":443\"; v=\"46,43\"", None),
            ("clear", Some("clear")),
            ("h2=\"alt.test:443\"; ma=1", Some("h2=\"alt.test:443\"; ma=1")),
            ("h3=\":443\", h2=\"a,b:443\";ma=1 , hq-30=\":1\"", Some("h2=\"a,b:443\";ma=1")),
            ("", None),
        ] {
            let found = without_quic(b"Alt-Svc", value.as_bytes());
            assert_eq!(found.as_deref(), left.map(str::as_bytes), "{value}");
        }
        assert_eq!(without_quic(b"X-Other", b"h3=\":443\"").as_deref(), Some(&b"h3=\":443\""[..]));
    }
}
