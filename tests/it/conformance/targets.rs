//! The request target, Host, and what methods ask of a proxy (RFC 9110 §7, §9; RFC 9112 §3.2).

super::rows! {
    /// RFC 9112 §3.2.1, §3.2.2
    an_absolute_form_is_sent_on_in_origin_form = "
        C> GET http://o.test/a/b?c=d HTTP/1.1|Host: o.test||
        O< GET /a/b?c=d HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 200|Content-Length: 2||hi";

    /// RFC 9110 §7.7: a proxy does not touch the path and the query.
    the_path_and_the_query_arrive_as_they_were_sent = "
        C> GET http://o.test/%7Ea/../b//%c3%A9;d=1/.?x=%2F&&y=[1]:@!$'()*+,;=?/ HTTP/1.1|Host: o.test||
        O< GET /%7Ea/../b//%c3%A9;d=1/.?x=%2F&&y=[1]:@!$'()*+,;=?/ HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9112 §3.2.1
    an_empty_path_becomes_a_slash = "
        C> GET http://o.test HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0
        C> GET http://o.test?q=1 HTTP/1.1|Host: o.test||
        O< GET /?q=1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 3986 §3.1, §3.2.2; RFC 9112 §3.2.2
    scheme_and_host_are_the_same_in_capitals_and_host_is_made_from_the_target = "
        C> GET HTTP://O.TEST:PORT/A HTTP/1.1|Host: O.Test:PORT||
        O< GET /A HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9112 §3.2.2: what Host says is ignored, and replaced.
    the_target_counts_and_not_a_host_that_differs = "
        C> GET http://o.test/1 HTTP/1.1|Host: news.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        C> GET http://o.test/2 HTTP/1.1|Host: 127.0.0.1:8080||
        O< GET /2 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||2
        C< 200|Content-Length: 1||2
        C> GET http://o.test/3 HTTP/1.1|Host: O.test:8080||
        O< GET /3 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||3
        C< 200|Content-Length: 1||3
        C> GET http://O.test:PORT/4 HTTP/1.1|Host: O.test||
        O< GET /4 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||4
        C< 200|Content-Length: 1||4
        C> GET http://o.test/5 HTTP/1.1|Host: [::1]||
        O< GET /5 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||5
        C< 200|Content-Length: 1||5";

    /// RFC 9112 §3.2: only HTTP/1.1 asks for Host; what is sent on is HTTP/1.1.
    a_request_in_1_0_needs_no_host_and_gets_one = "
        C> GET http://o.test/ HTTP/1.0||
        O< GET / HTTP/1.1|Host: o.test|Via: 1.0 OURSELVES
        O> HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 200|Content-Length: 2||hi
        C.";

    /// RFC 9112 §3.2.4: the last proxy makes asterisk-form of an absolute-form without path and query.
    options_of_a_whole_origin_is_sent_on_in_asterisk_form = "
        C> OPTIONS http://o.test HTTP/1.1|Host: o.test||
        O< OPTIONS * HTTP/1.1|Host: o.test
        O> HTTP/1.1 204 No Content|Allow: GET||
        C< 204|Allow: GET";

    /// RFC 9112 §3.2.4
    options_of_a_path_is_sent_on_with_it = "
        C> OPTIONS http://o.test/ HTTP/1.1|Host: o.test||
        O< OPTIONS / HTTP/1.1|Host: o.test
        O> HTTP/1.1 204 No Content|Allow: GET||
        C< 204|Allow: GET";

    /// RFC 9110 §9.3.7: asterisk-form asks the server that it was sent to.
    options_of_the_proxy_itself_is_answered_by_it = "
        C> OPTIONS * HTTP/1.1|Host: o.test||
        C^ 200,204|Allow: *";

    /// RFC 9110 §7.6.2
    options_with_max_forwards_0_is_answered_by_the_proxy = "
        C> OPTIONS http://o.test/ HTTP/1.1|Host: o.test|Max-Forwards: 0||
        C^ 200,204|Allow: *";

    /// RFC 9110 §7.6.2
    options_with_max_forwards_is_sent_on_with_one_less = "
        C> OPTIONS http://o.test/ HTTP/1.1|Host: o.test|Max-Forwards: 5||
        O< OPTIONS / HTTP/1.1|Host: o.test|Max-Forwards: 4
        O> HTTP/1.1 204 No Content||
        C< 204";

    /// RFC 9110 §7.6.2: for other methods it means nothing.
    max_forwards_of_a_get_is_sent_on_as_it_is = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Max-Forwards: 0||
        O< GET / HTTP/1.1|Host: o.test|Max-Forwards: 0
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §9.3.8: it would show a script what cookies and credentials were added on the way.
    trace_is_refused = "
        C> TRACE http://o.test/ HTTP/1.1|Host: o.test||
        C# 405 http_request_denied
        D> TRACE http://o.test/ HTTP/1.1|Host: o.test|Max-Forwards: 0||
        D# 405 http_request_denied";

    /// RFC 9110 §15.5.6
    the_refusal_of_trace_says_what_is_allowed = "
        C> TRACE http://o.test/ HTTP/1.1|Host: o.test||
        C^ 405|Allow: *";

    /// RFC 9110 §9.1: methods are open-ended, and case matters.
    a_method_that_nobody_knows_is_sent_on = "
        C> BREW http://o.test/ HTTP/1.1|Host: o.test||
        O< BREW / HTTP/1.1|Host: o.test
        O> HTTP/1.1 418 Teapot|Content-Length: 0||
        C< 418|Content-Length: 0
        C> get http://o.test/ HTTP/1.1|Host: o.test||
        O< get / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9112 §3.2.1: origin-form asks the proxy as a server.
    origin_form_is_for_the_proxy_itself = "
        C> GET /healthz HTTP/1.1|Host: o.test||
        C^ 200|Content-Type: text/plain*
        C> GET /nothing HTTP/1.1|Host: o.test||
        C^ 404";

    /// RFC 9112 §2.2: some clients send an empty line behind the body of a POST.
    an_empty_line_before_a_request_is_skipped = "
        C> |GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §15: a recipient understands the class of a status that it does not know.
    a_status_that_nobody_knows_is_passed_on = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 499 Whatever it is|Content-Length: 2||hi
        C< 499|Content-Length: 2||hi";

    /// RFC 9112 §4: the reason phrase may be empty.
    a_status_without_a_reason_is_passed_on = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 |Content-Length: 2||hi
        C< 200|Content-Length: 2||hi";
}
