//! Fields that end at a proxy, and fields that a proxy adds (RFC 9110 §7.6).

use http::{HeaderMap, Version};

use super::h1::{FieldNames, Fields};

/// Fields that are for the next hop alone, besides those that Connection names (RFC 9110 §7.6.1); and fields that frame
/// the message, which each hop writes anew.
const HOP_BY_HOP: FieldNames<'_> = FieldNames::of(&[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-authentication-info",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "upgrade",
]);

/// Fields without which a message would mean something else: Connection cannot have them removed.
const NOT_TAKEN_AWAY: FieldNames<'_> =
    FieldNames::of(&["host", "cookie", "set-cookie", "via", "expect", "max-forwards", "authorization"]);

/// How many names in Connection are looked at: more than any honest sender writes.
const MAX_NAMED: usize = 16;

/// Tells which fields of a message are for this hop alone.
#[derive(Debug)]
pub struct Hop<'a> {
    fields: &'a Fields,
    named: Vec<&'a [u8]>,
}

impl<'a> Hop<'a> {
    /// Reads the Connection field.
    pub fn of(fields: &'a Fields) -> Self {
        let tells = |name: &&[u8]| !name.eq_ignore_ascii_case(b"keep-alive") && !name.eq_ignore_ascii_case(b"close");
        let is_kept = |name: &&[u8]| !NOT_TAKEN_AWAY.has(name);
        Self { fields, named: fields.items("connection").filter(tells).filter(is_kept).take(MAX_NAMED).collect() }
    }

    /// Whether the field is for this hop alone.
    pub fn has(&self, name: &[u8]) -> bool {
        HOP_BY_HOP.has(name) || self.names(name)
    }

    /// The protocol to which the sender wants to change (RFC 9110 §7.8), if Connection names Upgrade, as it must.
    pub fn upgrade(&self) -> Option<&'a [u8]> {
        self.names(b"upgrade").then(|| self.fields.get("upgrade")).flatten()
    }

    /// Whether the sender reads trailer fields (RFC 9110 §10.1.4).
    pub fn takes_trailers(&self) -> bool {
        self.fields.items("te").any(|item| item.eq_ignore_ascii_case(b"trailers"))
    }

    fn names(&self, name: &[u8]) -> bool {
        self.named.iter().any(|named| named.eq_ignore_ascii_case(name))
    }
}

/// This proxy's entries for the Via field (RFC 9110 §7.6.3). The lines are made once, and not for each message.
#[derive(Clone, Debug)]
pub struct Via {
    pseudonym: String,
    received_1_0: Vec<u8>,
    received_1_1: Vec<u8>,
    received_2: Vec<u8>,
}

impl Via {
    /// The lines of the proxy with this random number.
    pub fn new(number: [u8; 6]) -> Self {
        let pseudonym = format!("vestibule-{}", number.map(|byte| format!("{byte:02x}")).concat());
        let line = |protocol| format!("Via: {protocol} {pseudonym}\r\n").into_bytes();
        Self { received_1_0: line("1.0"), received_1_1: line("1.1"), received_2: line("2.0"), pseudonym }
    }

    /// The line to add to a message that was received in this version.
    pub fn line(&self, received: Version) -> &[u8] {
        match received {
            Version::HTTP_10 => &self.received_1_0,
            Version::HTTP_2 => &self.received_2,
            _ => &self.received_1_1,
        }
    }

    /// Whether a message has been through this proxy before.
    pub fn is_in(&self, fields: &Fields) -> bool {
        let words = |hop: &[u8]| hop.split(u8::is_ascii_whitespace).nth(1) == Some(self.pseudonym.as_bytes());
        fields.items("via").any(words)
    }
}

/// The value of the first field of this name, if it is text.
pub fn text(fields: &HeaderMap, name: impl http::header::AsHeaderName) -> Option<&str> {
    fields.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_for_this_hop_and_fields_that_connection_names_are_told_from_the_others() {
        // RFC 9110 §7.6.1
        let message = Fields::from([("Connection", "close, X-Secret, host, Content-Length"), ("connection", "cookie")]);
        let hop = Hop::of(&message);
        for ends in ["connection", "X-Secret", "content-length", "Keep-Alive", "Proxy-Authorization", "TE", "trailer"] {
            assert!(hop.has(ends.as_bytes()), "{ends}");
        }
        for goes_on in ["host", "cookie", "accept", "close"] {
            assert!(!hop.has(goes_on.as_bytes()), "{goes_on}");
        }
    }

    #[test]
    fn an_upgrade_counts_only_when_connection_names_it() {
        // RFC 9110 §7.8
        let asked = Fields::from([("connection", "Upgrade"), ("upgrade", "websocket")]);
        assert_eq!(Hop::of(&asked).upgrade(), Some(&b"websocket"[..]));
        let unasked = Fields::from([("upgrade", "websocket")]);
        assert_eq!(Hop::of(&unasked).upgrade(), None);
    }

    #[test]
    fn a_message_that_passed_this_proxy_is_recognised_among_other_hops() {
        let (own, other) = (Via::new([0, 1, 2, 3, 4, 255]), Via::new([0; 6]));
        assert_eq!(own.line(Version::HTTP_10), b"Via: 1.0 vestibule-0001020304ff\r\n");
        let passed = Fields::from([("Via", "1.0 fred, 1.1 vestibule-0001020304ff (x)"), ("via", "1.1 p.example.net")]);
        assert!(own.is_in(&passed));
        assert!(!other.is_in(&passed));
    }
}
