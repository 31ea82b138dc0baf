//! Connections on both sides (RFC 9112 §9; RFC 9110 §7.8): kept, closed, pipelined, gone stale, turned into something
//! else; answers that come before the request has ended.

super::rows! {
    /// RFC 9112 §9.3
    connections_are_kept_on_both_sides = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        O< GET /2 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||1|2|0||
        C< 200|Transfer-Encoding: chunked||2";

    /// RFC 9112 §9.3.2
    requests_that_come_all_at_once_are_answered_in_order = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||POST http://o.test/2 HTTP/1.1|Host: o.test|Content-Length: 5||helloGET http://o.test/3 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        O< POST /2 HTTP/1.1|Host: o.test|Content-Length: 5||hello
        O> HTTP/1.1 200 OK|Content-Length: 1||2
        O< GET /3 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||3
        C< 200|Content-Length: 1||1
        C< 200|Content-Length: 1||2
        C< 200|Content-Length: 1||3";

    /// RFC 9112 §9.6
    a_client_that_says_close_is_closed = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Connection: close||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 200|Connection: close|Content-Length: 2||hi
        C.";

    /// RFC 9112 §9.6: what follows is not read.
    nothing_is_answered_after_close = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test|Connection: CLOSE||GET http://o.test/2 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 200|Connection: close|Content-Length: 2||hi
        C.";

    /// RFC 9112 §9.6: it is about one hop.
    an_origin_that_says_close_is_left_and_the_client_is_kept = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Connection: close|Content-Length: 1||1
        O.
        C< 200|Content-Length: 1||1
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        P< GET /2 HTTP/1.1|Host: o.test
        P> HTTP/1.1 200 OK|Content-Length: 1||2
        C< 200|Content-Length: 1||2";

    /// RFC 9112 §9.3: a proxy keeps no connection to a client of 1.0, whatever that asks for.
    a_client_of_1_0_is_closed = "
        C> GET http://o.test/ HTTP/1.0|Connection: keep-alive|Proxy-Connection: keep-alive||
        O< GET / HTTP/1.1|Host: o.test|Via: 1.0 OURSELVES
        O> HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 200|Connection: close|Content-Length: 2||hi
        C.";

    /// RFC 9112 §9.3
    an_origin_of_1_0_is_not_used_again_unless_it_says_so = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.0 200 OK|Content-Length: 1||1
        C< 200|Via: 1.0 OURSELVES|Content-Length: 1||1
        O.
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        P< GET /2 HTTP/1.1|Host: o.test
        P> HTTP/1.0 200 OK|Connection: keep-alive|Content-Length: 1||2
        C< 200|Via: 1.0 OURSELVES|Content-Length: 1||2";

    /// RFC 9112 §9.5: a connection that was closed while it was idle is noticed.
    an_origin_that_has_closed_is_dialled_again = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        Ox
        C> POST http://o.test/2 HTTP/1.1|Host: o.test|Content-Length: 5||hello
        P< POST /2 HTTP/1.1|Host: o.test|Content-Length: 5||hello
        P> HTTP/1.1 200 OK|Content-Length: 1||2
        C< 200|Content-Length: 1||2";

    /// RFC 9112 §11.2: what arrives while nothing was asked is no answer.
    an_origin_that_speaks_unasked_is_left = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        O> HTTP/1.1 200 OK|Content-Length: 4||EVIL
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        P< GET /2 HTTP/1.1|Host: o.test
        P> HTTP/1.1 200 OK|Content-Length: 1||2
        C< 200|Content-Length: 1||2";

    /// RFC 9112 §9.3.1: what means the same twice is asked again when a kept connection breaks off, once.
    an_idempotent_request_is_retried_on_a_stale_connection = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        O< GET /2 HTTP/1.1|Host: o.test
        Ox
        P< GET /2 HTTP/1.1|Host: o.test
        P> HTTP/1.1 200 OK|Content-Length: 1||2
        C< 200|Content-Length: 1||2";

    /// RFC 9112 §9.3.1
    a_delete_is_retried_on_a_stale_connection = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        C> DELETE http://o.test/2 HTTP/1.1|Host: o.test||
        O< DELETE /2 HTTP/1.1|Host: o.test
        Ox
        P< DELETE /2 HTTP/1.1|Host: o.test
        P> HTTP/1.1 204 No Content||
        C< 204";

    /// RFC 9112 §9.3.1
    a_retry_is_not_retried = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        O< GET /2 HTTP/1.1|Host: o.test
        Ox
        P< GET /2 HTTP/1.1|Host: o.test
        Px
        C# 502 connection_terminated/http_response_incomplete";

    /// RFC 9112 §9.3.1: nobody knows what a POST has done already.
    a_post_is_not_retried = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        C> POST http://o.test/2 HTTP/1.1|Host: o.test|Content-Length: 0||
        O< POST /2 HTTP/1.1|Host: o.test|Content-Length: 0
        Ox
        C# 502 connection_terminated/http_response_incomplete";

    /// RFC 9112 §9.3.1
    a_method_that_nobody_knows_is_not_retried = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        C> BREW http://o.test/2 HTTP/1.1|Host: o.test||
        O< BREW /2 HTTP/1.1|Host: o.test
        Ox
        C# 502 connection_terminated/http_response_incomplete";

    /// RFC 9112 §9.3.1: what an origin has begun to answer has been done.
    what_has_been_answered_in_part_is_not_retried = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        O< GET /2 HTTP/1.1|Host: o.test
        O> HTTP/1.1 20
        Ox
        C# 502 connection_terminated/http_response_incomplete/http_protocol_error";

    /// RFC 9112 §9.3.1: a connection that is new is not stale.
    nothing_is_retried_on_a_new_connection = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        Ox
        C# 502 connection_terminated/http_response_incomplete";

    /// RFC 9112 §9.3: an answer may come before the request has ended.
    an_early_answer_is_passed_on = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 100000||hello
        O- POST / HTTP/1.1|Host: o.test|Content-Length: 100000
        O= hello
        O> HTTP/1.1 413 Content Too Large|Connection: close|Content-Length: 2||no
        C< 413|Content-Length: 2||no";

    /// RFC 9112 §9.3, §9.6: the origin need not stay for the rest.
    an_early_answer_of_an_origin_that_leaves_is_passed_on = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||5|hello|
        O- POST / HTTP/1.1|Host: o.test|Transfer-Encoding: chunked
        O= 5|hello|
        O> HTTP/1.1 200 OK|Content-Length: 2||ok
        Ox
        C< 200|Content-Length: 2||ok";

    /// RFC 9112 §9.3: what is left of a request is not the next one.
    after_an_early_answer_the_rest_is_no_request = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 70||
        O- POST / HTTP/1.1|Host: o.test|Content-Length: 70
        O> HTTP/1.1 403 Forbidden|Content-Length: 2||no
        C< 403|Content-Length: 2||no
        C> GET http://o.test/evil HTTP/1.1|Host: o.test||
        O?";

    /// RFC 9110 §7.8, RFC 6455 §4
    an_upgrade_becomes_a_tunnel = "
        C> GET http://o.test/ws HTTP/1.1|Host: o.test|Connection: keep-alive, Upgrade|Upgrade: websocket|Sec-WebSocket-Key: dGhlIHNhbXBsZQ==||
        O< GET /ws HTTP/1.1|Host: o.test|Connection: upgrade|Upgrade: websocket|Sec-WebSocket-Key: dGhlIHNhbXBsZQ==
        O> HTTP/1.1 101 Switching Protocols|Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Accept: x||first
        C< 101|Connection: upgrade|Upgrade: websocket|Sec-WebSocket-Accept: x
        C= first
        C> up
        O= up
        O> down
        C= down
        C!
        O.
        O> last
        Ox
        C= last
        C.";

    /// RFC 9110 §7.8: the origin may go on in HTTP/1.1.
    an_upgrade_that_the_origin_ignores_is_an_exchange = "
        C> GET http://o.test/ws HTTP/1.1|Host: o.test|Connection: Upgrade|Upgrade: websocket||
        O< GET /ws HTTP/1.1|Host: o.test|Connection: upgrade|Upgrade: websocket
        O> HTTP/1.1 200 OK|Content-Length: 2||no
        C< 200|Content-Length: 2||no
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        O< GET /2 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||2
        C< 200|Content-Length: 1||2";

    /// RFC 9110 §7.8: the rest of the request would be taken for what follows it.
    an_upgrade_in_the_middle_of_a_request_is_refused = "
        C> POST http://o.test/ws HTTP/1.1|Host: o.test|Connection: Upgrade|Upgrade: websocket|Content-Length: 100||half
        O- POST /ws HTTP/1.1|Host: o.test|Connection: upgrade|Upgrade: websocket|Content-Length: 100
        O= half
        O> HTTP/1.1 101 Switching Protocols|Connection: Upgrade|Upgrade: websocket||EVIL
        C# 502 http_protocol_error";

    /// RFC 9110 §7.8: 426 says what is needed, and Upgrade goes with it.
    a_426_says_what_to_upgrade_to = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 426 Upgrade Required|Connection: Upgrade|Upgrade: websocket|Content-Length: 0||
        C^ 426|Content-Length: 0";

    /// RFC 9110 §7.8: Upgrade is for one hop, and Connection must name it.
    an_upgrade_that_connection_does_not_name_is_not_sent_on = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Upgrade: websocket||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §7.8
    an_upgrade_in_1_0_is_ignored = "
        C> GET http://o.test/ HTTP/1.0|Connection: Upgrade|Upgrade: websocket||
        O< GET / HTTP/1.1|Host: o.test|Via: 1.0 OURSELVES
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0
        C.";

    /// RFC 9112 §9.3: a body that was read to its end leaves a connection that can be used.
    a_kept_connection_follows_a_body_in_chunks = "
        C> POST http://o.test/1 HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||5|hello|0|X: 1||GET http://o.test/2 HTTP/1.1|Host: o.test||
        O< POST /1 HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||hello||X: 1
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        O< GET /2 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||2
        C< 200|Content-Length: 1||2";
}
