//! Why a request was refused or cut short: one word for each cause, the same in records, in metrics and in answers.
//!
//! Where RFC 9209 §2.3 has a word (a Proxy Error Type, with `_` in it), that is the word; types that this program never
//! uses are not listed. All other words are ours, with `-` in them. config/operate.md explains those.

use std::fmt;

use serde::{Serialize, Serializer};

/// Makes the enum, `ALL` and the words from one table, so that none of the three can lack what another has.
macro_rules! reasons {
    (rfc_9209 { $($(#[$said:meta])+ $theirs:ident = $their_word:literal,)+ }
     ours { $($(#[$told:meta])+ $own:ident = $own_word:literal,)+ }) => {
        /// Why a request or tunnel was refused, or ended before its end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$said])+ $theirs,)+
            $($(#[$told])+ $own,)+
        }

        impl Reason {
            /// All of them, each at the index that is its number.
            pub const ALL: &'static [Self] = &[$(Self::$theirs,)+ $(Self::$own,)+];

            /// The word that records, figures and answers show.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$theirs => $their_word,)+
                    $(Self::$own => $own_word,)+
                }
            }

            /// Whether the word is a Proxy Error Type, which a Proxy-Status field may contain.
            pub const fn is_proxy_error_type(self) -> bool {
                matches!(self, $(Self::$theirs)|+)
            }
        }
    };
}

reasons! {
    rfc_9209 {
        /// The name of the destination was not looked up in time.
        DnsTimeout = "dns_timeout",
        /// The name of the destination has no address, or could not be looked up.
        DnsError = "dns_error",
        /// None of the destination's addresses may be dialled.
        DestinationIpProhibited = "destination_ip_prohibited",
        /// The network has no route to the destination's addresses.
        DestinationIpUnroutable = "destination_ip_unroutable",
        /// The destination refused the connection.
        ConnectionRefused = "connection_refused",
        /// The connection was lost before the answer, or one end of a tunnel broke it off.
        ConnectionTerminated = "connection_terminated",
        /// The destination did not accept the connection in time.
        ConnectionTimeout = "connection_timeout",
        /// No byte came from either end for too long.
        ConnectionReadTimeout = "connection_read_timeout",
        /// There is no room for another connection.
        ConnectionLimitReached = "connection_limit_reached",
        /// The destination does not speak TLS, or the handshake failed.
        TlsProtocolError = "tls_protocol_error",
        /// The destination's certificate is not trusted.
        TlsCertificateError = "tls_certificate_error",
        /// The request cannot be answered: it was malformed, too large or too late, or it broke off.
        HttpRequestError = "http_request_error",
        /// The request was refused: by a rule, or because nobody has signed in for it.
        HttpRequestDenied = "http_request_denied",
        /// The answer broke off, or its framing turned out to be wrong, after we had begun to pass it on.
        HttpResponseIncomplete = "http_response_incomplete",
        /// The origin did not answer in time.
        HttpResponseTimeout = "http_response_timeout",
        /// The origin's answer is not HTTP.
        HttpProtocolError = "http_protocol_error",
        /// The fault is our own.
        ProxyInternalError = "proxy_internal_error",
        /// A parent does not accept the name and password that it was configured with.
        ProxyConfigurationError = "proxy_configuration_error",
        /// The request has been through this proxy before, or is for the proxy itself.
        ProxyLoopDetected = "proxy_loop_detected",
    }
    ours {
        /// The client closed the connection before it had got its answer.
        ClientLeft = "client-left",
        /// The client ended the handshake of an interception: most often, its device does not trust the authority.
        ClientRefusedCertificate = "client-refused-certificate",
        /// The client named one host in CONNECT and another one in the handshake inside.
        ServerNameDiffers = "server-name-differs",
        /// The origin asks for a certificate of the client, so that the connection cannot be intercepted.
        ClientCertificateWanted = "client-certificate-wanted",
        /// The connection is to be intercepted, and the authority may not vouch for its host (name constraints).
        OutsideAuthority = "outside-authority",
        /// The origin's certificate is not valid, and a rule accepts that.
        CertificateAccepted = "certificate-accepted",
        /// The client's software has refused our certificate several times, and is let through for a while.
        AutoTunnel = "auto-tunnel",
        /// What came through a CONNECT that was to be intercepted is neither TLS nor HTTP.
        NotHttp = "not-http",
        /// The session to which the request or tunnel belonged ended.
        SessionEnded = "session-ended",
        /// While the tunnel was open, the configuration changed, and the new one does not permit it.
        PolicyChanged = "policy-changed",
        /// While the tunnel was open, the hours ended in which a rule permits it.
        HoursOver = "hours-over",
        /// While the tunnel was open, the warning or the override was over by which its person had got there.
        PassOver = "pass-over",
        /// While the tunnel was open, the time was over for which its software is let through (`auto_tunnel`).
        AutoTunnelOver = "auto-tunnel-over",
        /// The tunnel had been open for as long as a tunnel may be.
        TunnelTimeOver = "tunnel-time-over",
        /// A rule wants a fresher sign-in than the person's.
        SignInTooOld = "sign-in-too-old",
        /// A rule wants another way of signing in than the person's.
        SignInOtherWay = "sign-in-other-way",
        /// A rule wants something stronger to stand for the person than does.
        EvidenceTooWeak = "evidence-too-weak",
        /// The ticket is not one of ours, was used before, or came too late.
        TicketUnknown = "ticket-unknown",
        /// The ticket was made for another origin than the one where it arrived.
        TicketForAnotherOrigin = "ticket-for-another-origin",
        /// The ticket was made for another client address.
        TicketForAnotherClient = "ticket-for-another-client",
        /// The ticket was made for another browser: the challenge's cookie is missing, or has another value.
        TicketForAnotherBrowser = "ticket-for-another-browser",
        /// Only another process can redeem the ticket: another node, or this one before a restart.
        TicketForAnotherNode = "ticket-for-another-node",
        /// A preflight without sign-in is longer than a browser's would be, or is none.
        PreflightTooLarge = "preflight-too-large",
        /// The client has sent more preflights without sign-in than may pass.
        PreflightLimit = "preflight-limit",
        /// Somebody has sent more requests in a time than the limit of a rule allows.
        TooManyRequests = "too-many-requests",
        /// Somebody has more requests and tunnels open than the limit of a rule allows.
        TooManyConnections = "too-many-connections",
        /// The token is not one of ours.
        TokenUnknown = "token-unknown",
        /// The token has expired.
        TokenExpired = "token-expired",
        /// The token has been revoked.
        TokenRevoked = "token-revoked",
        /// The token is not that of the person whose name came with it.
        TokenOfAnotherPerson = "token-of-another-person",
        /// The token is not for the network that the client is on.
        TokenNotForNetwork = "token-not-for-network",
        /// The token is not for this destination.
        TokenNotForDestination = "token-not-for-destination",
        /// The client has presented too many invalid tokens.
        TokenTooManyAttempts = "token-too-many-attempts",
        /// The store does not answer, so nobody can say whether the token is valid.
        TokenStoreAway = "token-store-away",
    }
}

impl Reason {
    /// The reason with this word. `None` if this version has no such word: another version may have written it.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What IANA has registered as HTTP Proxy Error Types (RFC 9209 §2.3).
    const REGISTERED: &str = "dns_timeout dns_error destination_not_found destination_unavailable \
        destination_ip_prohibited destination_ip_unroutable connection_refused connection_terminated \
        connection_timeout connection_read_timeout connection_write_timeout connection_limit_reached \
        tls_protocol_error tls_certificate_error tls_alert_received http_request_error http_request_denied \
        http_response_incomplete http_response_header_section_size http_response_header_size \
        http_response_body_size http_response_trailer_section_size http_response_trailer_size \
        http_response_transfer_coding http_response_content_coding http_response_timeout http_upgrade_failed \
        http_protocol_error proxy_internal_response proxy_internal_error proxy_configuration_error \
        proxy_loop_detected";

    #[test]
    fn each_word_is_said_by_one_reason_and_leads_back_to_it() {
        let words: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        for (at, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!((*reason as usize, Reason::of(reason.as_str())), (at, Some(*reason)));
        }
        assert_eq!(Reason::of("other"), None);
    }

    #[test]
    fn a_word_is_either_registered_or_cannot_be_taken_for_one_that_is() {
        let registered: BTreeSet<_> = REGISTERED.split_whitespace().collect();
        for reason in Reason::ALL {
            let word = reason.as_str();
            assert_eq!(registered.contains(word), reason.is_proxy_error_type(), "{word}");
            assert!(reason.is_proxy_error_type() || !word.contains('_'), "{word}");
        }
    }

    #[test]
    fn the_chapter_on_operation_lists_each_word_and_no_other() {
        let chapter = include_str!("../../config/operate.md");
        let (_, list) = chapter.split_once("\n## Reasons\n").unwrap();
        // Those of the RFC stand in a sentence, and ours in the table below it.
        let (_, list) = list.split("\n#").next().unwrap().split_once(" these are said:").unwrap();
        let (sentence, table) = list.split_at(list.find("\n| ").unwrap());
        let quoted = |text: &'static str| text.split('`').skip(1).step_by(2);
        let theirs: BTreeSet<_> = quoted(sentence).filter(|word| word.contains('_')).collect();
        let rows = table.lines().filter_map(|line| quoted(line.get(..line.find(" | ")?)?).next());
        let ours: Vec<_> = rows.collect();
        let all = |is_theirs| Reason::ALL.iter().filter(move |reason| reason.is_proxy_error_type() == is_theirs);
        assert_eq!(theirs, all(true).map(|reason| reason.as_str()).collect());
        assert_eq!(ours, all(false).map(|reason| reason.as_str()).collect::<Vec<_>>());
    }
}
