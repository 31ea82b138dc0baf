//! How an error is told: to people, to programs, at a terminal (RFC 9209, RFC 9457).

super::rows! {
    /// RFC 9209 §2.3.5
    a_refused_connection_is_told_to_a_tool_as_text = "
        C> GET http://r.test:1/ HTTP/1.1|Host: r.test:1|User-Agent: curl/8||
        C# 502 connection_refused text";

    /// RFC 9209 §2.3.5, RFC 9457
    a_refused_connection_is_told_to_a_script_as_json = "
        C> GET http://r.test:1/ HTTP/1.1|Host: r.test:1|User-Agent: Mozilla/5.0|Accept: */*||
        C# 502 connection_refused json";

    /// RFC 9209 §2.3.5
    a_refused_connection_is_told_to_people_as_a_page = "
        C> GET http://r.test:1/ HTTP/1.1|Host: r.test:1|User-Agent: Mozilla/5.0|Accept: text/html||
        C# 502 connection_refused html";

    /// RFC 9209 §2.1.2
    a_request_that_is_refused_is_told_to_people_as_a_page = "
        C> GET http://eve@o.test/ HTTP/1.1|Host: o.test|User-Agent: Mozilla/5.0|Accept: text/html||
        C# 400 http_request_error html
        C.";

    /// RFC 9209 §2.3
    an_address_that_may_not_be_dialled_is_named_so = "
        C> GET http://169.254.169.254/ HTTP/1.1|Host: 169.254.169.254||
        C# 403 destination_ip_prohibited
        D> CONNECT 127.0.0.2:443 HTTP/1.1|Host: 127.0.0.2:443||
        D# 403 destination_ip_prohibited";

    /// RFC 9209 §2: an answer of the origin is not ours, whatever it says about other proxies.
    errors_of_origins_are_passed_on_as_they_are = "
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 502 Bad Gateway|Proxy-Status: cdn; error=dns_error|Content-Length: 2||no
        C^ 502|Proxy-Status: cdn; error=dns_error*|Content-Length: 2";

    /// RFC 9112 §9.3: an error of ours does not end the connection where both sides know where they are.
    a_connection_goes_on_after_an_error = "
        C> GET http://r.test:1/ HTTP/1.1|Host: r.test:1||
        C# 502 connection_refused
        C> GET http://o.test/ HTTP/1.1|Host: o.test||
        O< GET / HTTP/1.1|Host: o.test
        O> HTTP/1.1 200 OK|Content-Length: 2||hi
        C< 200|Content-Length: 2||hi";

    /// RFC 9112 §9.3: what was not read of a request is no request.
    a_body_that_nobody_wanted_is_no_request = "
        C> POST http://r.test:1/ HTTP/1.1|Host: r.test:1|Content-Length: 61||GET http://o.test/evil HTTP/1.1|Host: o.test||
        C# 502 connection_refused";

    /// RFC 9110 §9.3.2
    an_error_that_answers_head_has_no_body = "
        C> HEAD http://r.test:1/ HTTP/1.1|Host: r.test:1|Connection: close||
        C^ HEAD 502|Proxy-Status: vestibule; error=connection_refused*
        C.";

    /// RFC 9112 §9.6
    an_error_is_the_last_answer_where_the_client_wants_it = "
        C> GET http://r.test:1/ HTTP/1.1|Host: r.test:1|Connection: close||
        C# 502 connection_refused
        C.";
}
