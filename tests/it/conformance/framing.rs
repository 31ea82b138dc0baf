//! Where a message ends (RFC 9112 §6, §7, §8): bodies, trailers, answers without a body, and what breaks off.

super::rows! {
    /// RFC 9112 §6.2
    a_body_with_a_length_is_passed_on = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5||hello
        O< POST / HTTP/1.1|Host: o.test|Content-Length: 5||hello
        O> HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 200|Content-Length: 2||hi";

    /// RFC 9112 §6.2
    large_bodies_are_passed_on_in_both_directions = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 300000||{300000*a}
        O< POST / HTTP/1.1|Host: o.test|Content-Length: 300000||{300000*a}
        O> HTTP/1.1 200 OK|Content-Length: 300000||{300000*b}
        C< 200|Content-Length: 300000||{300000*b}";

    /// RFC 9110 §8.6: a client says that there is no body where there could be one.
    a_length_of_0_is_passed_on = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 0||
        O< POST / HTTP/1.1|Host: o.test|Content-Length: 0
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §9.3.1: its meaning is not defined, its framing is.
    the_body_of_a_get_is_passed_on = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5||hello
        O< GET / HTTP/1.1|Host: o.test|Content-Length: 5||hello
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9112 §6.3: a request without a length has no body, and what follows is the next request.
    a_request_without_a_length_has_no_body = "
        C> POST http://o.test/1 HTTP/1.1|Host: o.test||GET http://o.test/2 HTTP/1.1|Host: o.test||
        O< POST /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0
        O< GET /2 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9112 §7.1
    a_body_in_chunks_is_passed_on = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||5|hello|00A| wonderful|0||
        O< POST / HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||hello wonderful
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|hi|1|!|0||
        C< 200|Transfer-Encoding: chunked||hi!";

    /// RFC 9112 §7.1, RFC 9110 §10.1.4: names of codings are the same in capitals.
    chunked_may_be_written_in_capitals = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|transfer-encoding: Chunked||2|hi|0||
        O< POST / HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||hi
        O> HTTP/1.1 200 OK|TRANSFER-ENCODING: CHUNKED||2|hi|0||
        C< 200|Transfer-Encoding: chunked||hi";

    /// RFC 9112 §7.1.1: what is not understood is ignored, and is for one hop.
    good_chunk_extensions_are_ignored = r#"
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||5;a=b;c="d e"|hello|0;x||
        O< POST / HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||hello
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||2;a|hi|0||
        C< 200|Transfer-Encoding: chunked||hi"#;

    /// RFC 9112 §7.1: large chunks, and chunks of one octet
    chunks_may_be_of_any_size = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||{300*1|a|}186A0|{100000*b}|0||
        O< POST / HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||{300*a}{100000*b}
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||186a0|{100000*c}|{300*1|d|}0||
        C< 200|Transfer-Encoding: chunked||{100000*c}{300*d}";

    /// RFC 9110 §6.5, RFC 9112 §7.1.2
    trailers_are_passed_on_in_requests = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked|Trailer: X-Sum||2|hi|0|X-Sum: 1|X-More: 2||
        O< POST / HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||hi||X-Sum: 1|X-More: 2
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9110 §6.5, RFC 9112 §7.1.2
    trailers_are_passed_on_in_answers = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|TE: trailers|Connection: TE||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked|Trailer: X-Sum||2|hi|0|X-Sum: 1||
        C< 200|Transfer-Encoding: chunked||hi||X-Sum: 1";

    /// RFC 9110 §6.5.1: fields that frame, route or authenticate are no trailers.
    trailers_that_would_change_the_message_are_left_out = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|hi|0|X-Sum: 1|Content-Length: 5|Transfer-Encoding: gzip|Connection: close|Set-Cookie: a=b||
        C< 200|Transfer-Encoding: chunked||hi||X-Sum: 1";

    /// RFC 9110 §6.5.1: the same towards origins.
    trailers_that_would_change_the_request_are_left_out = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||2|hi|0|X-Sum: 1|Content-Length: 5|Host: evil.test|Transfer-Encoding: gzip|Authorization: Basic YTpi|Cookie: a=b||
        O< POST / HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||hi||X-Sum: 1
        O> HTTP/1.1 200 OK|Content-Length: 0||
        C< 200|Content-Length: 0";

    /// RFC 9112 §7.1: 1.0 knows no chunks; the body ends with the connection.
    a_client_of_1_0_gets_no_chunks = "
        C> GET http://o.test/ HTTP/1.0||
        O< GET / HTTP/1.1|Host: o.test|Via: 1.0 OURSELVES
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|hi|1|!|0|X-Sum: 1||
        C< 200||hi!
        C.";

    /// RFC 9112 §6.3: an answer may end with its connection; what is sent on says where it ends.
    an_answer_that_ends_with_its_connection_is_passed_on_in_chunks = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK||all of it
        Ox
        C< 200|Transfer-Encoding: chunked||all of it";

    /// RFC 9110 §2.5, §6.2: we answer in our own version.
    an_answer_in_1_0_is_passed_on_in_1_1 = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.0 200 OK||all of it
        Ox
        C< 200|Transfer-Encoding: chunked|Via: 1.0 OURSELVES||all of it";

    /// RFC 9110 §9.3.2
    an_answer_to_head_has_no_body_whatever_it_says = "
        C> HEAD http://o.test/ HTTP/1.1|Host: o.test||
        O< HEAD / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 100||
        C< HEAD 200|Content-Length: 100
        C> HEAD http://o.test/ HTTP/1.1|Host: o.test||
        O< HEAD / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||
        C^ HEAD 200
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 200|Content-Length: 2||hi";

    /// RFC 9110 §15.3.5, §15.4.5
    answers_204_and_304_have_no_body = r#"
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 204 No Content|X: 1||
        C< 204|X: 1
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 304 Not Modified|ETag: "a"|Content-Length: 100||
        C< 304|ETag: "a"|Content-Length: 100
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 200|Content-Length: 2||hi"#;

    /// RFC 9112 §8
    an_answer_that_is_too_short_is_not_completed = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 10||hello
        Ox
        C~ 200|Content-Length: 10||hello";

    /// RFC 9112 §8
    an_answer_that_is_cut_in_a_chunk_is_not_completed = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|5|wo
        Ox
        C~ 200|Transfer-Encoding: chunked||hellowo";

    /// RFC 9112 §8
    an_answer_that_is_cut_between_chunks_is_not_completed = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|
        Ox
        C~ 200|Transfer-Encoding: chunked||hello";

    /// RFC 9112 §8: the last chunk alone is not the end.
    an_answer_that_is_cut_in_its_trailers_is_not_completed = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|0|X-Sum: 1|
        Ox
        C~ 200|Transfer-Encoding: chunked||hello";

    /// RFC 9112 §7.1
    an_answer_with_a_bad_chunk_is_not_completed = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|
        C- 200|Transfer-Encoding: chunked
        C= 5|hello|
        O> xyz|EVIL|0||
        O.
        C.";

    /// RFC 9112 §7.1: a chunk that is longer than it says
    an_answer_whose_chunk_has_no_end_is_not_completed = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|hello|
        C- 200|Transfer-Encoding: chunked
        C= 5|hello|
        O> 2|hi EVIL|0||
        O.
        C, 2|hi|";

    /// RFC 9112 §8: the origin must be able to tell, too.
    a_request_that_is_too_short_is_not_completed = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 10||hello
        O- POST / HTTP/1.1|Host: o.test|Content-Length: 10
        O= hello
        Cx
        O.";

    /// RFC 9112 §8
    a_request_that_is_cut_between_chunks_is_not_completed = "
        C> POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||5|hello|
        O- POST / HTTP/1.1|Host: o.test|Transfer-Encoding: chunked
        O= 5|hello|
        Cx
        O.";

    /// RFC 9112 §6.3, §11.2: what an origin sends beyond its answer is no answer to anything.
    what_follows_an_answer_reaches_nobody = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 2||hiHTTP/1.1 200 OK|Content-Length: 4||EVIL
        C< 200|Content-Length: 2||hi
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        P< GET /2 HTTP/1.1|Host: o.test
        P> HTTP/1.1 200 OK|Content-Length: 2||ho
        C< 200|Content-Length: 2||ho
        O.";

    /// RFC 9110 §9.3.2, RFC 9112 §11.2: the body of an answer to HEAD is no answer to the next request.
    a_body_that_answers_head_reaches_nobody = "
        C> HEAD http://o.test/1 HTTP/1.1|Host: o.test||
        O< HEAD /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 23||HTTP/1.1 666 EVIL||
        C< HEAD 200|Content-Length: 23
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        P< GET /2 HTTP/1.1|Host: o.test
        P> HTTP/1.1 200 OK|Content-Length: 2||ho
        C< 200|Content-Length: 2||ho";
}
