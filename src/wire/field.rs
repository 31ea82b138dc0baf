//! Fields that end at a proxy, and fields that a proxy adds (RFC 9110 §7.6).

use http::header::{
    CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

/// Fields that are for the next hop only, besides those that Connection names (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Removes the fields that are for this hop only. Gives back the protocol that the sender wants to change to
/// (RFC 9110 §7.8), when Connection names Upgrade as it must.
pub fn remove_hop_by_hop(fields: &mut HeaderMap) -> Option<HeaderValue> {
    let named: Vec<HeaderName> = fields
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        // Fields without which a message means something else are not the sender's to take away.
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .filter(|name| *name != HOST && *name != http::header::CONTENT_LENGTH && *name != http::header::COOKIE)
        .collect();
    let upgrade = if named.contains(&UPGRADE) { fields.get(UPGRADE).cloned() } else { None };
    for name in named.iter().chain(&HOP_BY_HOP) {
        fields.remove(name);
    }
    upgrade
}

/// This proxy in the Via field (RFC 9110 §7.6.3): its lines are made once, and not for each message.
#[derive(Debug)]
pub struct Via {
    pseudonym: String,
    received_1_0: HeaderValue,
    received_1_1: HeaderValue,
}

impl Via {
    /// The lines of a proxy with this number.
    pub fn new(number: [u8; 6]) -> Self {
        let pseudonym = format!("vestibule-{}", number.map(|byte| format!("{byte:02x}")).concat());
        let line = |protocol| {
            HeaderValue::try_from(format!("{protocol} {pseudonym}"))
                .unwrap_or_else(|_| unreachable!("letters and digits are a field value"))
        };
        Self { received_1_0: line("1.0"), received_1_1: line("1.1"), pseudonym }
    }

    /// Adds this proxy to a message that was received as `received`.
    pub fn add(&self, fields: &mut HeaderMap, received: Version) {
        let line = if received == Version::HTTP_10 { &self.received_1_0 } else { &self.received_1_1 };
        fields.append(VIA, line.clone());
    }

    /// Whether a message has been through this proxy before.
    pub fn is_in(&self, fields: &HeaderMap) -> bool {
        fields
            .get_all(VIA)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|hop| hop.split_whitespace().nth(1) == Some(&self.pseudonym))
    }
}

/// The text of a field that is there once and is text.
pub fn text(fields: &HeaderMap, name: impl http::header::AsHeaderName) -> Option<&str> {
    fields.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn fields_for_this_hop_and_fields_that_connection_names_are_removed() {
        // RFC 9110 §7.6.1
        let mut message = fields(&[
            ("connection", "close, X-Secret, host, content-length"),
            ("x-secret", "1"),
            ("host", "news.test"),
            ("content-length", "3"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic YTpi"),
            ("te", "trailers"),
            ("accept", "*/*"),
        ]);
        assert_eq!(remove_hop_by_hop(&mut message), None);
        let left: Vec<_> = message.keys().map(HeaderName::as_str).collect();
        assert_eq!(left.len(), 3, "{left:?}");
        for kept in ["host", "content-length", "accept"] {
            assert!(left.contains(&kept), "{kept}");
        }
    }

    #[test]
    fn an_upgrade_counts_only_when_connection_names_it() {
        // RFC 9110 §7.8
        let mut asked = fields(&[("connection", "Upgrade"), ("upgrade", "websocket")]);
        assert_eq!(remove_hop_by_hop(&mut asked).unwrap(), "websocket");
        let mut unasked = fields(&[("upgrade", "websocket")]);
        assert_eq!(remove_hop_by_hop(&mut unasked), None);
        assert!(unasked.is_empty());
    }

    #[test]
    fn a_message_that_passed_this_proxy_is_recognised_among_other_hops() {
        let mut message = fields(&[("via", "1.0 fred, 1.1 p.example.net")]);
        let (own, other) = (Via::new([0, 1, 2, 3, 4, 255]), Via::new([0; 6]));
        assert!(!own.is_in(&message));
        own.add(&mut message, Version::HTTP_11);
        own.add(&mut message, Version::HTTP_10);
        let lines: Vec<_> = message.get_all(VIA).iter().collect();
        assert_eq!(lines, ["1.0 fred, 1.1 p.example.net", "1.1 vestibule-0001020304ff", "1.0 vestibule-0001020304ff"]);
        assert!(own.is_in(&message));
        assert!(!other.is_in(&message));
    }
}
