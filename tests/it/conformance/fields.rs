//! Fields that end at a proxy, that it adds, and that it leaves alone (RFC 9110 §5, §7.6).

super::rows! {
    /// RFC 9110 §7.6.1
    what_connection_names_ends_here_in_requests = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Connection: X-One, ,x-two|X-One: 1|X-Two: 2|X-Three: 3|Connection: X-Four|X-FOUR: 4||
        O< GET / HTTP/1.1|Host: o.test|X-Three: 3
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §7.6.1
    what_connection_names_ends_here_in_answers = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Connection: keep-alive, x-one|X-One: 1|X-Two: 2|Keep-Alive: timeout=5|Content-Length: 0||
        C< 200|X-Two: 2|Content-Length: 0";

    /// RFC 9110 §7.6.1: what frames a message is not the sender's to take away.
    a_length_that_connection_names_still_counts = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Connection: Content-Length, Host|Content-Length: 5||hello
        O< POST / HTTP/1.1|Host: o.test|Content-Length: 5||hello
        O> HTTP/1.1 200 OK|Connection: content-length|Content-Length: 2||hi
        C< 200|Content-Length: 2||hi";

    /// RFC 9110 §7.6.1, §11.7
    fields_for_a_proxy_are_not_sent_on = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Keep-Alive: 300|Proxy-Connection: keep-alive|Proxy-Authorization: Basic YTpi|X: 1||
        O< GET / HTTP/1.1|Host: o.test|X: 1
        O> HTTP/1.1 200 OK|Proxy-Authenticate: Basic realm=\"evil\"|Proxy-Authentication-Info: x=1|Proxy-Connection: close|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §10.1.4: TE is for one hop, and codings but chunked are not passed on.
    te_is_not_sent_on = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Connection: TE|TE: trailers, gzip;q=0.5||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §7.6.3
    via_grows_in_both_directions = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Via: 1.0 fred, 1.1 p.example.net (comment)||
        O< GET / HTTP/1.1|Host: o.test|Via: 1.0 fred, 1.1 p.example.net (comment), 1.1 OURSELVES
        O> HTTP/1.1 200 OK|Via: 1.1 nowhere|Content-Length: 0||
        C< 200|Via: 1.1 nowhere, 1.1 OURSELVES|Content-Length: 0";

    /// RFC 9110 §7.6.3: Via says in which version the message was received.
    via_says_what_version_was_received = "
        C> GET http://o.test/ HTTP/1.0||
        O< GET / HTTP/1.1|Host: o.test|Via: 1.0 OURSELVES
        O> HTTP/1.0 200 OK|Content-Length: 0||
        C< 200|Via: 1.0 OURSELVES|Content-Length: 0
        C.";

    /// RFC 9110 §7.6.3, RFC 5842 §7.2
    a_request_that_has_been_here_is_refused = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Via: 1.1 OURSELVES||
        C# 508 proxy_loop_detected
        D> GET http://o.test/ HTTP/1.1|Host: o.test|Via: 1.0 fred|Via: 1.1 a ,HTTP/1.1 OURSELVES (hi), 1.1 b||
        D# 508 proxy_loop_detected
        E> CONNECT t.test:443 HTTP/1.1|Host: t.test:443|Via: 1.1 OURSELVES||
        E# 508 proxy_loop_detected";

    /// RFC 9110 §7.6.3: a name in a comment, or a part of ours, is not ours.
    a_name_like_ours_is_no_loop = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Via: 1.1 OURSELVES-2, 1.1 x (OURSELVES)||
        O< GET / HTTP/1.1|Host: o.test|Via: 1.1 OURSELVES-2, 1.1 x (OURSELVES), 1.1 OURSELVES
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §5.3: lines of Set-Cookie are not joined, and the order of others is kept.
    lines_of_one_name_stay_in_order = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|X: 1|Y: 0|X: 2|X: 3||
        O< GET / HTTP/1.1|Host: o.test|X: 1, 2, 3|Y: 0
        O> HTTP/1.1 200 OK|Set-Cookie: a=1; Path=/|Set-Cookie: b=2|Content-Length: 0||
        C< 200|Set-Cookie: a=1; Path=/|Set-Cookie: b=2|Content-Length: 0";

    /// RFC 9110 §5.5: obs-text is opaque data; white space around a value is no part of it.
    values_arrive_octet_by_octet = r#"
        C> GET http://o.test/ HTTP/1.1|Host:o.test|X: caf\xe9 \xff"\t,;=|Empty:|Space: \t a  b \t ||
        O< GET / HTTP/1.1|Host: o.test|X: caf\xe9 \xff"\t,;=|Empty:|Space: a  b
        O> HTTP/1.1 200 OK|X: \x80\xfe|Empty: |Content-Length:0||
        C< 200|X: \x80\xfe|Empty:|Content-Length: 0"#;

    /// RFC 9110 §5.1, §5.6.2
    a_name_may_be_any_token = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|!#$%&'*+-.^_`~09az: 1||
        O< GET / HTTP/1.1|Host: o.test|!#$%&'*+-.^_`~09az: 1
        O> HTTP/1.1 200 OK|A.b_c: 1|Content-Length: 0||
        C< 200|A.b_c: 1|Content-Length: 0";

    /// RFC 9110 §6.6.1
    an_answer_without_a_date_gets_one = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C^ 200|Date: *";

    /// RFC 9110 §6.6.1
    the_date_of_an_answer_is_kept = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Date: Tue, 15 Nov 1994 08:12:31 GMT|Content-Length: 0||
        C< 200|Date: Tue, 15 Nov 1994 08:12:31 GMT|Content-Length: 0";

    /// The product's own rule: where clients are is nobody's business, unless it is configured.
    addresses_of_clients_are_not_sent_on = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|X-Forwarded-For: 192.0.2.1||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §7.6.1: everything else passes, authentication of the origin too.
    fields_from_end_to_end_are_passed_on = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Authorization: Basic YTpi|Cookie: a=b|Accept-Encoding: br|Range: bytes=0-1|If-None-Match: \"x\"||
        O< GET / HTTP/1.1|Host: o.test|Authorization: Basic YTpi|Cookie: a=b|Accept-Encoding: br|Range: bytes=0-1|If-None-Match: \"x\"
        O> HTTP/1.1 401 No|WWW-Authenticate: Basic realm=\"r\"|Content-Encoding: br|Age: 1|Content-Length: 0||
        C< 401|WWW-Authenticate: Basic realm=\"r\"|Content-Encoding: br|Age: 1|Content-Length: 0";
}
