//! Answers that are refused: 502, and nothing of them reaches the client or the next request (RFC 9112 §4, §5, §6, §11).

/// Makes a test of each. What is in it that must not get out says EVIL.
macro_rules! refused {
    ($($(#[$rule:meta])* $name:ident = $answer:expr;)*) => {
        $($(#[$rule])* #[test] fn $name() {
            super::stage::play(&format!("
                C> GET http://o.test/ HTTP/1.1|Host: o.test||
                O< GET / HTTP/1.1|Host: o.test
                O> {}
                C# 502 {TYPES}
                O.", $answer));
        })*
    };
}

/// RFC 9209 §2.3 tells these apart; which of them is meant, a recipient may see in different ways.
const TYPES: &str = "http_protocol_error/http_response_incomplete/http_response_transfer_coding/http_upgrade_failed/\
                     http_response_header_section_size/http_response_header_size/http_response_content_coding";

refused! {
    /// RFC 9112 §6.3
    two_lengths_that_differ = "HTTP/1.1 200 OK|Content-Length: 4|Content-Length: 5||EVIL!";
    /// RFC 9112 §6.3, RFC 9110 §8.6
    two_lengths_that_agree = "HTTP/1.1 200 OK|Content-Length: 4|Content-Length: 4||EVIL";
    /// RFC 9110 §8.6
    a_list_of_lengths = "HTTP/1.1 200 OK|Content-Length: 4, 4||EVIL";
    /// RFC 9110 §8.6
    a_length_with_a_sign = "HTTP/1.1 200 OK|Content-Length: +4||EVIL";
    /// RFC 9110 §8.6
    a_length_with_a_unit = "HTTP/1.1 200 OK|Content-Length: 4x||EVIL";
    /// RFC 9110 §8.6
    an_empty_length = "HTTP/1.1 200 OK|Content-Length:||EVIL";
    /// RFC 9110 §8.6
    a_length_that_is_no_number_we_can_hold = "HTTP/1.1 200 OK|Content-Length: 18446744073709551620||EVIL";
    /// RFC 9112 §6.1
    a_length_and_chunks = "HTTP/1.1 200 OK|Content-Length: 4|Transfer-Encoding: chunked||4|EVIL|0||";
    /// RFC 9112 §6.1
    another_coding_before_chunked = "HTTP/1.1 200 OK|Transfer-Encoding: gzip, chunked||4|EVIL|0||";
    /// RFC 9112 §6.1
    a_coding_that_is_not_chunked = "HTTP/1.1 200 OK|Transfer-Encoding: identity||EVIL";
    /// RFC 9112 §7.1
    chunked_twice = "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Transfer-Encoding: chunked||4|EVIL|0||";
    /// RFC 9112 §6.1
    chunked_behind_a_control_character = r"HTTP/1.1 200 OK|Transfer-Encoding: \x0bchunked||4|EVIL|0||";
    /// RFC 9112 §6.1: 1.0 knows no chunks.
    chunks_in_1_0 = "HTTP/1.0 200 OK|Transfer-Encoding: chunked||4|EVIL|0||";

    /// RFC 9112 §5.2: a proxy refuses it or undoes it.
    a_folded_line = "HTTP/1.1 200 OK|X: 1| EVIL|Content-Length: 0||";
    /// RFC 9112 §2.2
    a_bare_cr_in_a_value = r"HTTP/1.1 200 OK|X: 1\rEVIL: 2|Content-Length: 0||";
    /// RFC 9112 §2.2
    a_bare_lf_at_the_end_of_a_line = r"HTTP/1.1 200 OK|X: 1\nEVIL: 2|Content-Length: 0||";
    /// RFC 9112 §2.2
    a_bare_lf_at_the_end_of_the_status_line = r"HTTP/1.1 200 OK\nEVIL: 1|Content-Length: 0||";
    /// RFC 9110 §5.5
    a_nul_in_a_value = r"HTTP/1.1 200 OK|X: EV\0IL|Content-Length: 0||";
    /// RFC 9110 §5.5
    a_control_character_in_a_value = r"HTTP/1.1 200 OK|X: EV\x01IL|Content-Length: 0||";
    /// RFC 9112 §5.1: a proxy removes it or refuses the message.
    a_space_before_the_colon = "HTTP/1.1 200 OK|EVIL : 1|Content-Length: 0||";
    /// RFC 9112 §5
    a_line_without_a_colon = "HTTP/1.1 200 OK|EVIL|Content-Length: 0||";
    /// RFC 9112 §5
    a_line_without_a_name = "HTTP/1.1 200 OK|: EVIL|Content-Length: 0||";
    /// RFC 9110 §5.1
    a_name_that_is_no_token = "HTTP/1.1 200 OK|EV IL: 1|Content-Length: 0||";
    /// RFC 9112 §2.2
    a_space_before_the_first_field = "HTTP/1.1 200 OK| EVIL: 1|Content-Length: 0||";

    /// RFC 9112 §4
    a_status_that_is_no_number = "HTTP/1.1 2x0 EVIL|Content-Length: 0||";
    /// RFC 9112 §4
    a_status_of_two_digits = "HTTP/1.1 20 EVIL|Content-Length: 0||";
    /// RFC 9112 §4
    a_status_of_four_digits = "HTTP/1.1 2000 EVIL|Content-Length: 0||";
    /// RFC 9110 §15: there is no such class.
    a_status_below_100 = "HTTP/1.1 099 EVIL|Content-Length: 0||";
    /// RFC 9112 §4
    a_control_character_in_the_reason = r"HTTP/1.1 200 EV\x01IL|Content-Length: 0||";
    /// RFC 9112 §4
    a_version_that_is_not_1 = "HTTP/2.0 200 EVIL|Content-Length: 0||";
    /// RFC 9112 §4
    no_http_at_all = "220 EVIL.test ESMTP ready||";
    /// RFC 9112 §2.2
    an_empty_line_before_the_status_line = "|HTTP/1.1 200 EVIL|Content-Length: 0||";
    /// RFC 9110 §15.2.2
    a_101_that_nobody_asked_for = "HTTP/1.1 101 Switching Protocols|Connection: Upgrade|Upgrade: EVIL||";
    /// RFC 9112 §5: bounded, as in requests
    a_field_that_is_too_long = "HTTP/1.1 200 OK|EVIL: {100000*a}|Content-Length: 0||";
    /// RFC 9112 §5
    too_many_fields = "HTTP/1.1 200 OK|{150*EVIL: 1|}Content-Length: 0||";
    /// RFC 9110 §15.2: bounded in number
    interim_answers_without_end = "{1000*HTTP/1.1 102 Processing||}";
}

super::rows! {
    /// RFC 9112 §6.1, §6.3: 204 has no body, whatever its fields say; what follows is no answer to anything.
    a_204_in_chunks = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 204 No Content|Transfer-Encoding: chunked||4|EVIL|0||
        C< 204
        O.
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        P< GET /2 HTTP/1.1|Host: o.test
        P> HTTP/1.1 200 OK|Content-Length: 2||ok
        C< 200|Content-Length: 2||ok";

    /// RFC 9112 §6.1, §6.3
    a_204_with_a_length = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 204 No Content|Content-Length: 5|Transfer-Encoding: chunked||
        C< 204
        O.
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        P< GET /2 HTTP/1.1|Host: o.test
        P> HTTP/1.1 200 OK|Content-Length: 2||ok
        C< 200|Content-Length: 2||ok";

    /// RFC 9112 §6.1, §6.3
    an_interim_answer_in_chunks = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 103 Early Hints|Link: </a>|Transfer-Encoding: chunked||HTTP/1.1 200 OK|Content-Length: 2||ok
        C< 103|Link: </a>
        C< 200|Content-Length: 2||ok";

    /// RFC 9112 §8
    a_head_that_breaks_off = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|EVIL: 1|Content-
        Ox
        C# 502 http_response_incomplete/connection_terminated/http_protocol_error";

    /// RFC 9112 §8
    no_answer = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        Ox
        C# 502 connection_terminated/http_response_incomplete";

    /// RFC 9110 §15.2.2: another protocol than the one that was asked for
    a_101_for_another_protocol = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test|Connection: Upgrade|Upgrade: websocket||
        O< GET / HTTP/1.1|Host: o.test|Connection: upgrade|Upgrade: websocket
        O> HTTP/1.1 101 Switching Protocols|Connection: Upgrade|Upgrade: EVIL||
        C# 502 http_upgrade_failed/http_protocol_error
        O.";

    /// The connection to the client is as good as before.
    a_client_goes_on_after_a_bad_answer = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 4x||EVIL
        C# 502 http_protocol_error
        O.
        C> GET http://o.test/2 HTTP/1.1|Host: o.test||
        P< GET /2 HTTP/1.1|Host: o.test
        P> HTTP/1.1 200 OK|Content-Length: 2||ok
        C< 200|Content-Length: 2||ok";
}
