//! Answers before the answer (RFC 9110 §15.2, §10.1.1; RFC 8297).

super::rows! {
    /// RFC 8297 §2, RFC 9110 §15.2: a proxy passes interim answers on.
    early_hints_are_passed_on = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 103 Early Hints|Link: </a.css>; rel=preload||
        C< 103|Link: </a.css>; rel=preload
        O> HTTP/1.1 103 Early Hints|Link: </b.css>; rel=preload||HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 103|Link: </b.css>; rel=preload
        C< 200|Content-Length: 2||hi";

    /// RFC 9110 §15.2: any of them, those that nobody knows, too.
    other_interim_answers_are_passed_on = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 102 Processing||HTTP/1.1 199 Patience|X: 1||HTTP/1.1 204 No Content||
        C< 102
        C< 199|X: 1
        C< 204";

    /// RFC 9110 §15.2: unless we have asked for it ourselves.
    a_100_that_nobody_asked_for_is_passed_on = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 100
        C< 200|Content-Length: 2||hi";

    /// RFC 9110 §15.2: 1.0 knows none.
    a_client_of_1_0_gets_no_interim_answer = "
        C> GET http://o.test/ HTTP/1.0||
        O< GET / HTTP/1.1|Host: o.test|Via: 1.0 OURSELVES
        O> HTTP/1.1 103 Early Hints|Link: </a.css>||HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 200|Content-Length: 2||hi
        C.";

    /// RFC 9110 §9.3.2
    early_hints_of_a_head_are_passed_on = "
        C> HEAD http://o.test/ HTTP/1.1|Host: o.test||
        O< HEAD / HTTP/1.1|Host: o.test
        O> HTTP/1.1 103 Early Hints|Link: </a.css>||HTTP/1.1 200 OK|Content-Length: 2||
        C< 103|Link: </a.css>
        C< HEAD 200|Content-Length: 2";

    /// RFC 9110 §7.6.1
    what_connection_names_ends_here_in_interim_answers = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 103 Early Hints|Connection: x-one|X-One: 1|Keep-Alive: timeout=1|X-Two: 2||HTTP/1.1 204 No Content||
        C< 103|X-Two: 2
        C< 204";

    /// RFC 9110 §10.1.1
    an_expectation_goes_to_the_origin_and_its_100_comes_back = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5|Expect: 100-continue||
        O- POST / HTTP/1.1|Host: o.test|Content-Length: 5|Expect: 100-continue
        O> HTTP/1.1 100 Continue||
        C< 100
        C> hello
        O= hello
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §10.1.1
    an_expectation_with_chunks_goes_to_the_origin = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked|Expect: 100-Continue||
        O- POST / HTTP/1.1|Host: o.test|Transfer-Encoding: chunked|Expect: 100-*
        O> HTTP/1.1 100 Continue||
        C< 100
        C> 5|hello|0||
        O= 5|hello|0||
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §10.1.1: who expects may send without having been asked.
    a_client_that_does_not_wait_is_served = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5|Expect: 100-continue||
        O- POST / HTTP/1.1|Host: o.test|Content-Length: 5|Expect: 100-continue
        C> hello
        O= hello
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §10.1.1, §15.5.18
    a_417_comes_back_instead_of_a_100 = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5|Expect: 100-continue||
        O- POST / HTTP/1.1|Host: o.test|Content-Length: 5|Expect: 100-continue
        O> HTTP/1.1 417 Expectation Failed|Content-Length: 0||
        C< 417|Content-Length: 0";

    /// RFC 9110 §10.1.1: the origin need not see the body to know its answer.
    a_final_answer_comes_back_at_once = "
        C> PUT http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5|Expect: 100-continue||
        O- PUT / HTTP/1.1|Host: o.test|Content-Length: 5|Expect: 100-continue
        O> HTTP/1.1 401 Unauthorized|WWW-Authenticate: Basic realm=\"r\"|Content-Length: 2||no
        C< 401|WWW-Authenticate: Basic realm=\"r\"|Content-Length: 2||no";

    /// RFC 9110 §10.1.1: an expectation in 1.0 is ignored.
    an_expectation_in_1_0_is_ignored = "
        C> POST http://o.test/ HTTP/1.0|Content-Length: 5|Expect: 100-continue||hello
        O< POST / HTTP/1.1|Host: o.test|Via: 1.0 OURSELVES|Content-Length: 5||hello
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0
        C.";
}
