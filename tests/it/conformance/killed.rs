//! An origin that dies in each phase of an exchange: whose kernel closes its connections, or resets them.

/// Makes two tests of each row: `OX` closes, and `OX` resets.
macro_rules! killed {
    ($($(#[$phase:meta])* $closed:ident, $reset:ident = $script:expr;)*) => {
        $($(#[$phase])* #[test] fn $closed() { super::stage::play(&$script.replace("OX", "Ox")); })*
        $($(#[$phase])* #[test] fn $reset() { super::stage::play(&$script.replace("OX", "Or")); })*
    };
}

/// RFC 9209 §2.3: which of these it is depends on what was there when the connection ended.
const LOST: &str = "connection_terminated/http_response_incomplete/connection_read_timeout";

killed! {
    /// A connection that is new is not asked again.
    before_it_has_answered_anything, before_it_has_answered_anything_by_reset = format!("
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        OX
        C# 502 {LOST}");

    /// With a part of the body.
    in_the_middle_of_a_request, in_the_middle_of_a_request_by_reset = format!("
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 10||hello
        O- POST / HTTP/1.1|Host: o.test|Content-Length: 10
        O= hello
        OX
        C# 502 {LOST}");

    /// With the whole of the body.
    before_it_has_answered, before_it_has_answered_by_reset = format!("
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5||hello
        O< POST / HTTP/1.1|Host: o.test|Content-Length: 5||hello
        OX
        C# 502 {LOST}");

    /// Behind an interim answer.
    after_an_interim_answer, after_an_interim_answer_by_reset = format!("
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 103 Early Hints|Link: </a>||
        C< 103|Link: </a>
        OX
        C# 502 {LOST}");

    /// With a client that waits for 100.
    before_a_100, before_a_100_by_reset = format!("
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5|Expect: 100-continue||
        O- POST / HTTP/1.1|Host: o.test|Content-Length: 5|Expect: 100-continue
        OX
        C# 502 {LOST}");

    /// In a body with a length.
    in_the_middle_of_an_answer, in_the_middle_of_an_answer_by_reset = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 10||hello
        C- 200|Content-Length: 10
        C= hello
        OX
        C.";

    /// In a body in chunks.
    in_the_middle_of_chunks, in_the_middle_of_chunks_by_reset = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|
        C- 200|Transfer-Encoding: chunked
        C= 5|hello|
        OX
        C.";

    /// While its connection is kept.
    while_nothing_was_asked, while_nothing_was_asked_by_reset = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        OX
        C> POST http://o.test/2 HTTP/1.1|Host: o.test|Content-Length: 1||2
        P< POST /2 HTTP/1.1|Host: o.test|Content-Length: 1||2
        P> HTTP/1.1 200 OK|Content-Length: 1||2
        C< 200|Content-Length: 1||2";

    /// At the end of a tunnel.
    in_a_tunnel, in_a_tunnel_by_reset = "
        C> CONNECT t.test:443 HTTP/1.1|Host: t.test:443||
        C< CONNECT 200
        C> question
        O= question
        O> half an ans
        C= half an ans
        OX
        C.";

    /// Behind an upgrade.
    after_an_upgrade, after_an_upgrade_by_reset = "
        C> GET http://o.test/ws HTTP/1.1|Host: o.test|Connection: Upgrade|Upgrade: websocket||
        O< GET /ws HTTP/1.1|Host: o.test|Connection: upgrade|Upgrade: websocket
        O> HTTP/1.1 101 Switching Protocols|Connection: Upgrade|Upgrade: websocket||hello
        C< 101|Connection: upgrade|Upgrade: websocket
        C= hello
        OX
        C.";
}

super::rows! {
    /// A body that ends with its connection, when that is reset: it is not whole.
    a_reset_is_no_end = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK||hello
        C- 200|Transfer-Encoding: chunked
        C= 5|hello|
        Or
        C.";
}
