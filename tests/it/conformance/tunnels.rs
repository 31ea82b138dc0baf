//! CONNECT (RFC 9110 §9.3.6).

super::rows! {
    /// RFC 9110 §9.3.6: no Content-Length and no Transfer-Encoding in a 2xx answer.
    a_tunnel_passes_octets_both_ways = r"
        C> CONNECT t.test:443 HTTP/1.1|Host: t.test:443||
        C< CONNECT 200
        C> \x16\x03\x01\0not TLS
        O= \x16\x03\x01\0not TLS
        O> \0\xff||
        C= \0\xff||
        Ox
        C.";

    /// RFC 9110 §9.3.6: a client should wait, and some do not.
    what_is_sent_before_the_answer_goes_through_the_tunnel = "
        C> CONNECT t.test:443 HTTP/1.1|Host: t.test:443||GET / HTTP/1.1||
        C< CONNECT 200
        O= GET / HTTP/1.1||
        O> ok
        C= ok
        Cx
        O.";

    /// RFC 9293 §3.6: each direction ends by itself.
    a_tunnel_ends_by_halves = "
        C> CONNECT t.test:443 HTTP/1.1|Host: t.test:443||
        C< CONNECT 200
        C> question
        C!
        O= question
        O.
        O> answer
        O!
        C= answer
        C.
        D> CONNECT t.test:443 HTTP/1.1|Host: t.test:443||
        D< CONNECT 200
        P> hello
        P!
        D= hello
        D.
        D> still here
        P= still here
        D!
        P.";

    /// RFC 9110 §9.3.6: large data, in both directions at once
    a_tunnel_passes_much = "
        C> CONNECT t.test:443 HTTP/1.1|Host: t.test:443||
        C< CONNECT 200
        C> {100000*up}
        O> {100000*down}
        C= {100000*down}
        O= {100000*up}";

    /// RFC 9110 §9.3.6: in 1.0, too
    a_tunnel_can_be_asked_for_in_1_0 = "
        C> CONNECT t.test:443 HTTP/1.0||
        C^ CONNECT 200
        C> hi
        O= hi
        O> ho
        C= ho";

    /// RFC 9112 §3.2.3
    a_connect_without_a_port_is_refused = "
        C> CONNECT t.test HTTP/1.1|Host: t.test||
        C# 400 http_request_error
        C.";

    /// RFC 9112 §3.2.3
    a_connect_to_a_path_is_refused = "
        C> CONNECT t.test:443/ HTTP/1.1|Host: t.test:443||
        C# 400 http_request_error
        C.";

    /// RFC 9112 §3.2.3
    a_connect_to_a_url_is_refused = "
        C> CONNECT https://t.test:443/ HTTP/1.1|Host: t.test:443||
        C# 400 http_request_error
        C.";

    /// RFC 9112 §3.2.3: user information, and a port that is none
    a_connect_to_what_is_no_authority_is_refused = "
        C> CONNECT eve@t.test:443 HTTP/1.1|Host: t.test:443||
        C# 400 http_request_error
        C.
        D> CONNECT t.test:65536 HTTP/1.1|Host: t.test:65536||
        D# 400 http_request_error
        D.";

    /// RFC 9112 §3.2.2, §3.2.3: the target of a CONNECT says all there is to know.
    the_target_of_a_connect_counts_and_not_its_host = "
        C> CONNECT t.test:443 HTTP/1.1|Host: news.test:443||
        C< CONNECT 200
        C> hello
        O= hello
        D> CONNECT t.test:443 HTTP/1.1|Host: 127.0.0.1:8080||
        D< CONNECT 200
        D> hello
        P= hello";

    /// RFC 9112 §3.2
    a_connect_whose_host_is_malformed_is_refused = "
        C> CONNECT t.test:443 HTTP/1.1|Host: news.test/||
        C# 400 http_request_error
        C.";

    /// RFC 9112 §3.2
    a_connect_with_two_hosts_is_refused = "
        C> CONNECT t.test:443 HTTP/1.1|Host: t.test:443|Host: t.test:443||
        C^ 400
        C.";

    /// RFC 9110 §9.3.6: content in a CONNECT has no meaning; whoever frames one means something else by it than we do.
    a_connect_with_a_body_is_refused = "
        C> CONNECT t.test:443 HTTP/1.1|Host: t.test:443|Content-Length: 5||hello
        C# 400 http_request_error
        C.
        D> CONNECT t.test:443 HTTP/1.1|Host: t.test:443|Transfer-Encoding: chunked||5|hello|0||
        D# 400 http_request_error
        D.";

}
