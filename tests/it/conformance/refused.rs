//! Requests that are refused with 400 (or what says more) and a closed connection, and leave no trace (RFC 9112 §2.2,
//! §3.2, §5, §6, §7, §11).

/// Makes a test of each: a request, what it is answered, and that the connection is closed.
macro_rules! refused {
    ($status:literal: $($(#[$rule:meta])* $name:ident = $request:expr;)*) => {
        $($(#[$rule])* #[test] fn $name() {
            super::stage::play(&format!("C> {}\nC# {} http_request_error\nC.", $request, $status));
        })*
    };
}

/// The same for what is found only in the body: the origin may have got the beginning, and must see that it broke off.
macro_rules! refused_in_the_body {
    ($($(#[$rule:meta])* $name:ident = $body:expr;)*) => {
        $($(#[$rule])* #[test] fn $name() {
            let head = "POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked||";
            super::stage::play(&format!("C> {head}{}\nC# 400 http_request_error\nC.\nO?", $body));
        })*
    };
}

/// What an attacker would like to be taken for a request.
const EVIL: &str = "GET http://o.test/evil HTTP/1.1|Host: o.test||";

refused! { 400:
    /// RFC 9112 §6.3
    two_lengths_that_differ = format!("POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5|Content-Length: 6||hello{EVIL}");
    /// RFC 9112 §6.3, RFC 9110 §8.6: whoever repeats itself has been tampered with.
    two_lengths_that_agree = "POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5|Content-Length: 5||hello";
    /// RFC 9110 §8.6
    a_list_of_lengths = "POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5, 5||hello";
    /// RFC 9110 §8.6
    a_length_with_a_sign = "POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: +5||hello";
    /// RFC 9110 §8.6
    a_negative_length = "POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: -5||hello";
    /// RFC 9110 §8.6
    a_hexadecimal_length = "POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 0x5||hello";
    /// RFC 9110 §8.6
    an_empty_length = "POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length:||hello";
    /// RFC 9110 §8.6
    a_length_with_a_space_inside = "POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5 5||hello";
    /// RFC 9110 §8.6
    a_length_that_is_no_number_we_can_hold = "POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 18446744073709551621||hello";
    /// RFC 9112 §6.1
    a_length_and_chunks = format!("POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length: 5|Transfer-Encoding: chunked||0||{EVIL}");
    /// RFC 9112 §6.1
    chunks_and_a_length = format!("POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked|Content-Length: 5||0||{EVIL}");
    /// RFC 9112 §6.1: 501 would be right, too, for one that is good; nobody needs it.
    another_coding_before_chunked = "POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: gzip, chunked||0||";
    /// RFC 9112 §6.3
    a_coding_that_is_not_chunked = format!("POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: identity||{EVIL}");
    /// RFC 9112 §6.3
    chunked_before_another_coding = format!("POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked, identity||0||{EVIL}");
    /// RFC 9112 §7.1
    chunked_twice = "POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked, chunked||0||";
    /// RFC 9112 §6.1
    two_lines_of_chunked = "POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked|Transfer-Encoding: chunked||0||";
    /// RFC 9112 §6.1
    a_coding_in_a_line_of_its_own = "POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked|Transfer-Encoding: identity||0||";
    /// RFC 9112 §6.1
    chunked_with_a_parameter = "POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: chunked;q=1||0||";
    /// RFC 9112 §6.1
    chunked_with_a_letter_before_it = "POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: xchunked||0||";
    /// RFC 9112 §6.1
    chunked_in_quotes = r#"POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: "chunked"||0||"#;
    /// RFC 9112 §6.1: a vertical tab is no white space.
    chunked_behind_a_control_character = r"POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding: \x0bchunked||0||";
    /// RFC 9112 §6.1
    an_empty_coding = format!("POST http://o.test/ HTTP/1.1|Host: o.test|Transfer-Encoding:||{EVIL}");
    /// RFC 9112 §6.1: 1.0 knows no chunks.
    chunks_in_1_0 = format!("POST http://o.test/ HTTP/1.0|Host: o.test|Transfer-Encoding: chunked||0||{EVIL}");

    /// RFC 9112 §5.2
    a_folded_line = r"GET http://o.test/ HTTP/1.1|Host: o.test|X: 1| 2||";
    /// RFC 9112 §5.2
    a_line_folded_by_a_tab = r"GET http://o.test/ HTTP/1.1|Host: o.test|X: 1|\t2||";
    /// RFC 9112 §2.2: white space before the first field
    a_space_before_the_first_field = r"GET http://o.test/ HTTP/1.1| X: 1|Host: o.test||";
    /// RFC 9112 §2.2
    a_bare_cr_in_a_value = r"GET http://o.test/ HTTP/1.1|Host: o.test|X: 1\rY: 2||";
    /// RFC 9112 §2.2
    a_bare_cr_at_the_end_of_a_line = r"GET http://o.test/ HTTP/1.1|Host: o.test|X: 1\r||";
    /// RFC 9112 §2.2: a recipient may accept it; then two may disagree about what the message is.
    a_bare_lf_at_the_end_of_a_line = r"GET http://o.test/ HTTP/1.1|Host: o.test|X: 1\nY: 2||";
    /// RFC 9112 §2.2
    a_bare_lf_at_the_end_of_the_request_line = r"GET http://o.test/ HTTP/1.1\nHost: o.test||";
    /// RFC 9112 §2.2
    a_head_that_ends_in_bare_lfs = r"GET http://o.test/ HTTP/1.1|Host: o.test\n\n";
    /// RFC 9110 §5.5
    a_nul_in_a_value = r"GET http://o.test/ HTTP/1.1|Host: o.test|X: 1\02||";
    /// RFC 9110 §5.1
    a_nul_in_a_name = r"GET http://o.test/ HTTP/1.1|Host: o.test|X\0: 1||";
    /// RFC 9112 §3
    a_nul_in_the_target = r"GET http://o.test/a\0b HTTP/1.1|Host: o.test||";
    /// RFC 9110 §5.5
    a_control_character_in_a_value = r"GET http://o.test/ HTTP/1.1|Host: o.test|X: 1\x7f2||";
    /// RFC 9112 §5.1
    a_space_before_the_colon = "GET http://o.test/ HTTP/1.1|Host: o.test|X : 1||";
    /// RFC 9112 §5.1
    a_tab_before_the_colon = r"POST http://o.test/ HTTP/1.1|Host: o.test|Content-Length\t: 5||hello";
    /// RFC 9112 §5
    a_line_without_a_colon = "GET http://o.test/ HTTP/1.1|Host: o.test|Xyz||";
    /// RFC 9112 §5
    a_line_without_a_name = "GET http://o.test/ HTTP/1.1|Host: o.test|: 1||";
    /// RFC 9110 §5.1
    a_name_that_is_no_token = "GET http://o.test/ HTTP/1.1|Host: o.test|X(y): 1||";
    /// RFC 9110 §5.1
    a_name_that_is_not_ascii = r"GET http://o.test/ HTTP/1.1|Host: o.test|X\xe9: 1||";

    /// RFC 9112 §3
    two_spaces_in_the_request_line = "GET  http://o.test/ HTTP/1.1|Host: o.test||";
    /// RFC 9112 §3
    a_space_in_the_target = "GET http://o.test/a b HTTP/1.1|Host: o.test||";
    /// RFC 9112 §3
    a_tab_in_the_request_line = r"GET\thttp://o.test/ HTTP/1.1|Host: o.test||";
    /// RFC 9112 §3
    a_space_behind_the_request_line = "GET http://o.test/ HTTP/1.1 |Host: o.test||";
    /// RFC 9112 §3: HTTP/0.9
    a_request_line_without_a_version = "GET http://o.test/|Host: o.test||";
    /// RFC 9112 §2.3
    a_version_in_small_letters = "GET http://o.test/ http/1.1|Host: o.test||";
    /// RFC 9112 §2.3
    a_version_with_two_digits = "GET http://o.test/ HTTP/1.10|Host: o.test||";
    /// RFC 9110 §9.1
    a_method_that_is_no_token = "G(T http://o.test/ HTTP/1.1|Host: o.test||";
    /// RFC 9112 §3: TLS, sent to a port that speaks HTTP
    no_http_at_all = r"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03|||";

    /// RFC 9110 §4.2.4
    user_information_in_the_target = "GET http://eve:pw@o.test/ HTTP/1.1|Host: o.test||";
    /// RFC 9110 §4.2.4
    empty_user_information_in_the_target = "GET http://@o.test/ HTTP/1.1|Host: o.test||";
    /// RFC 9112 §3.2: a fragment is no part of a target.
    a_fragment_in_the_target = "GET http://o.test/a#b HTTP/1.1|Host: o.test||";
    /// RFC 3986 §3.3: what must be encoded is encoded.
    a_target_with_characters_that_must_be_encoded = r"GET http://o.test/\xe9 HTTP/1.1|Host: o.test||";
    /// RFC 9112 §3.2
    a_host_with_user_information = "GET http://o.test/ HTTP/1.1|Host: eve@o.test||";
    /// RFC 9112 §3.2
    a_host_with_a_path = "GET http://o.test/ HTTP/1.1|Host: o.test/||";
    /// RFC 9112 §3.2
    two_hosts = "GET http://o.test/ HTTP/1.1|Host: o.test|Host: o.test||";
    /// RFC 9112 §3.2
    a_list_of_hosts = "GET http://o.test/ HTTP/1.1|Host: o.test, o.test||";
    /// RFC 9112 §3.2: every request in 1.1 has one.
    no_host = "GET http://o.test/ HTTP/1.1||";
    /// RFC 9112 §3.2.2
    a_host_that_is_invalid = r"GET http://o.test/ HTTP/1.1|Host: o.te st||";
    /// RFC 9110 §4.2.1
    a_host_that_is_empty = "GET http://o.test/ HTTP/1.1|Host:||";
    /// RFC 9112 §3.2
    a_host_with_a_port_that_is_none = "GET http://o.test/ HTTP/1.1|Host: o.test:x||";
    /// RFC 9112 §3.2
    an_empty_host_in_the_target = "GET http:/// HTTP/1.1|Host:||";
    /// RFC 9110 §4.2.1
    an_empty_port_in_the_target = "GET http://O.test:/ HTTP/1.1|Host: O.test:||";
    /// RFC 9110 §4.2.1
    port_0 = "GET http://O.test:0/ HTTP/1.1|Host: O.test:0||";
    /// RFC 9110 §4.2.1
    a_port_that_is_too_large = "GET http://O.test:65616/ HTTP/1.1|Host: O.test:65616||";
    /// RFC 9110 §4.2.1
    a_port_with_a_sign = "GET http://O.test:+80/ HTTP/1.1|Host: O.test:+80||";
    /// RFC 9112 §3.2.2: https goes through a tunnel.
    an_https_target = "GET https://o.test/ HTTP/1.1|Host: o.test||";
    /// RFC 9112 §3.2.2
    a_scheme_that_is_not_ours = "GET ftp://o.test/ HTTP/1.1|Host: o.test||";
    /// RFC 9112 §3.2.3: authority-form is for CONNECT alone.
    an_authority_as_the_target_of_a_get = "GET o.test HTTP/1.1|Host: o.test||";
    /// RFC 9112 §3.2.4: asterisk-form is for OPTIONS alone.
    an_asterisk_as_the_target_of_a_get = "GET * HTTP/1.1|Host: o.test||";
}

refused_in_the_body! {
    /// RFC 9112 §7.1
    a_chunk_size_that_is_none = "xyz|hello|0||";
    /// RFC 9112 §7.1
    an_empty_chunk_size = "|hello|0||";
    /// RFC 9112 §7.1
    a_chunk_size_with_a_sign = "+5|hello|0||";
    /// RFC 9112 §7.1
    a_chunk_size_with_a_prefix = "0x5|hello|0||";
    /// RFC 9112 §7.1
    a_space_before_a_chunk_size = " 5|hello|0||";
    /// RFC 9112 §7.1
    a_space_behind_a_chunk_size = "5 |hello|0||";
    /// RFC 9112 §7.1: the largest size that can be held, and one more
    a_chunk_size_that_is_too_large = "10000000000000005|hello|0||";
    /// RFC 9112 §7.1
    a_chunk_size_with_many_zeros = "{64*0}5|hello|0||";
    /// RFC 9112 §7.1
    a_chunk_size_that_ends_in_a_bare_lf = r"5\nhello|0||";
    /// RFC 9112 §7.1
    a_chunk_that_ends_in_a_bare_lf = r"5|hello\n0||";
    /// RFC 9112 §7.1
    a_chunk_that_is_longer_than_it_says = format!("5|hello!|0||{EVIL}");
    /// RFC 9112 §7.1
    a_last_chunk_that_ends_in_a_bare_lf = r"5|hello|0\n\n";
    /// RFC 9112 §7.1.1
    a_chunk_extension_with_a_bare_cr = r"5;a=\rb|hello|0||";
    /// RFC 9112 §7.1.1
    a_chunk_extension_with_a_bare_lf = r"5;a=\nb|hello|0||";
    /// RFC 9112 §7.1.1
    a_chunk_extension_with_a_nul = r"5;a=\0|hello|0||";
    /// RFC 9112 §7.1.1
    a_chunk_extension_whose_quotation_has_no_end = r#"5;a="b|hello|0||"#;
    /// RFC 9112 §7.1.1
    a_chunk_extension_without_a_name = "5;=b|hello|0||";
    /// RFC 9112 §7.1.1: a recipient limits how much it reads of them.
    chunk_extensions_that_are_too_long = "5;a={20000*b}|hello|0||";
    /// RFC 9112 §7.1.1: in all, too
    chunk_extensions_that_are_too_many = "{4000*1;abcdefghijklmnopqrstuvwxyz|x|}0||";
    /// RFC 9112 §7.1.2
    a_trailer_without_a_colon = "5|hello|0|X||";
    /// RFC 9112 §7.1.2
    a_folded_trailer = "5|hello|0|X: 1| 2||";
    /// RFC 9112 §7.1.2
    a_trailer_with_a_space_before_the_colon = "5|hello|0|X : 1||";
    /// RFC 9112 §7.1.2
    trailers_that_are_too_long = "5|hello|0|X: {70000*a}||";
    /// RFC 9112 §7.1.2
    trailers_that_are_too_many = "5|hello|0|{200*X: 1|}|";
}

refused! { 414:
    /// RFC 9112 §3, RFC 9110 §15.5.15
    a_target_that_is_too_long = "GET http://o.test/{70000*a} HTTP/1.1|Host: o.test||";
}

refused! { 431:
    /// RFC 6585 §5
    a_field_that_is_too_long = "GET http://o.test/ HTTP/1.1|Host: o.test|X: {70000*a}||";
    /// RFC 6585 §5
    fields_that_are_too_long_together = "GET http://o.test/ HTTP/1.1|Host: o.test|{1600*X: aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd|}|";
    /// RFC 6585 §5
    too_many_fields = "GET http://o.test/ HTTP/1.1|Host: o.test|{120*X: 1|}|";
}

refused! { 505:
    /// RFC 9110 §15.6.6
    a_version_that_is_not_ours = "GET http://o.test/ HTTP/2.0|Host: o.test||";
}

super::rows! {
    /// RFC 9112 §9.3.2: what comes first is answered first.
    a_bad_request_behind_a_good_one = "
        C> GET http://o.test/1 HTTP/1.1|Host: o.test||GET http://o.test/evil HTTP/1.1|Host: news.test/||GET http://o.test/evil HTTP/1.1|Host: o.test||
        O< GET /1 HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1
        C# 400 http_request_error
        C.";

    /// RFC 9112 §11.2: what a body holds is no request.
    a_request_in_the_body_of_another = r"
        C> POST http://o.test/1 HTTP/1.1|Host: o.test|Content-Length: 31||GET /evil HTTP/1.1|Host: x|\r\n
        O< POST /1 HTTP/1.1|Host: o.test|Content-Length: 31||GET /evil HTTP/1.1|Host: x|\r\n
        O> HTTP/1.1 200 OK|Content-Length: 1||1
        C< 200|Content-Length: 1||1";
}
