//! Streams, as a client of another maker sees them.

use super::*;
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Method, Response, StatusCode};
use tokio::io::duplex;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A client of a server that answers each request with `octets`, after it has read `wait` octets of the request's body
/// as HTTP/1.1 has it. What it read comes out of the channel, head first.
async fn client(octets: &'static str, wait: usize) -> (SendRequest<Bytes>, mpsc::UnboundedReceiver<String>) {
    let (near, far) = duplex(64 * 1024);
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (limits, finish) = (Limits::default(), CancellationToken::new());
        let enter = || {
            let tell = tell.clone();
            Some(move |mut connection: Box<Connection>, head: Result<RequestHead, HeadError>| async move {
                let head = head.map_or_else(
                    |error| format!("{error:?}"),
                    |head| {
                        let fields = head.fields.iter().map(|(name, value)| {
                            format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
                        });
                        let fields: Vec<_> = fields.collect();
                        let target =
                            head.target.authority().unwrap_or_default().to_owned() + head.target.path_and_query();
                        format!(
                            "{} {:?} {target} {:?} {}",
                            head.method,
                            head.target.form(),
                            head.body,
                            fields.join("|")
                        )
                    },
                );
                tell.send(head).unwrap();
                while connection.unread.len() < wait {
                    if poll_fn(|cx| connection.poll_fill(cx)).await.unwrap_or(0) == 0 {
                        tell.send("broken off".into()).unwrap();
                        return None;
                    }
                }
                tell.send(String::from_utf8_lossy(&connection.unread).into_owned()).unwrap();
                drop(connection.write_all(octets.as_bytes(), Duration::from_secs(5)).await);
                Some(connection)
            })
        };
        serve(far, Some("proxy.test".into()), &limits, &finish, enter).await;
    });
    let (send, connection) = h2::client::handshake(near).await.unwrap();
    tokio::spawn(connection);
    (send.ready().await.unwrap(), told)
}

fn request(method: Method, uri: &str) -> Request<()> {
    Request::builder().method(method).uri(uri).body(()).unwrap()
}

/// The body of an answer and its trailers.
async fn body(response: Response<h2::RecvStream>) -> Result<(String, HeaderMap), h2::Error> {
    let (mut whole, mut body) = (String::new(), response.into_body());
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        whole.push_str(std::str::from_utf8(&data).unwrap());
    }
    Ok((whole, body.trailers().await?.unwrap_or_default()))
}

#[tokio::test]
async fn requests_are_written_as_http_1_1_writes_them() {
    let bare = "HTTP/1.1 204 No Content\r\n\r\n";
    for (request, head) in [
        (request(Method::GET, "http://news.test/a?b"), "GET Absolute news.test/a?b Exact(0) host: news.test"),
        (request(Method::GET, "https://proxy.test/proxy.pac"), "GET Origin /proxy.pac Exact(0) host: proxy.test"),
        (request(Method::GET, "https://other.test/"), "GET Absolute other.test/ Exact(0) host: other.test"),
        (
            Request::get("http://news.test/").header("cookie", "a=1").header("cookie", "b=2").body(()).unwrap(),
            "GET Absolute news.test/ Exact(0) host: news.test|cookie: a=1; b=2",
        ),
        (
            Request::get("http://news.test/").header("host", "other.test").body(()).unwrap(),
            "GET Absolute news.test/ Exact(0) host: news.test|host: other.test",
        ),
        (request(Method::CONNECT, "mail.test:443"), "CONNECT Authority mail.test:443 Exact(0) host: mail.test:443"),
    ] {
        let (mut send, mut told) = client(bare, 0).await;
        let is_bare = request.method() != Method::CONNECT;
        let (response, _body) = send.send_request(request, is_bare).unwrap();
        assert_eq!(told.recv().await.unwrap(), head);
        // The end of the stream is the end of a tunnel, which this one is cut off before.
        assert_eq!(response.await.is_ok(), is_bare, "{head}");
    }
}

#[tokio::test]
async fn bodies_and_trailers_go_both_ways() {
    let answer = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\
                  Transfer-Encoding: chunked\r\nX-A: 1\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n";
    let (mut send, mut told) = client(answer, 34).await;
    let (response, mut body_of) = send.send_request(request(Method::POST, "http://news.test/"), false).unwrap();
    body_of.send_data("hello".into(), false).unwrap();
    body_of.send_data(" you".into(), false).unwrap();
    let trailers = HeaderMap::from_iter([("x-end".parse().unwrap(), "1".parse().unwrap())]);
    body_of.send_trailers(trailers).unwrap();
    let response = response.await.unwrap();
    assert_eq!((response.status(), response.headers().len()), (StatusCode::OK, 1), "{response:?}");
    let (text, trailers) = body(response).await.unwrap();
    assert_eq!(text, "abcde");
    assert_eq!(trailers.get("x-sum").unwrap(), "5");
    assert!(told.recv().await.unwrap().ends_with("Chunked host: news.test|transfer-encoding: chunked"));
    assert_eq!(told.recv().await.unwrap(), "5\r\nhello\r\n4\r\n you\r\n0\r\nx-end: 1\r\n\r\n");
    let (mut send, mut told) = client("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", 3).await;
    let sized = Request::post("http://news.test/").header("content-length", "3").body(()).unwrap();
    let (response, mut body_of) = send.send_request(sized, false).unwrap();
    body_of.send_data("abc".into(), true).unwrap();
    assert_eq!(body(response.await.unwrap()).await.unwrap().0, "abcde");
    assert!(told.recv().await.unwrap().contains("Exact(3)"));
    assert_eq!(told.recv().await.unwrap(), "abc");
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_complete() {
    for octets in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\n",
    ] {
        let (mut send, _told) = client(octets, 0).await;
        let (response, _) = send.send_request(request(Method::GET, "http://news.test/"), true).unwrap();
        let answer = match response.await {
            Ok(response) => body(response).await,
            Err(error) => Err(error),
        };
        assert!(answer.unwrap_err().is_reset(), "{octets:?}");
    }
}

#[tokio::test]
async fn whoever_gives_a_stream_up_is_gone() {
    let (mut send, mut told) = client("", 9).await;
    let (response, body_of) = send.send_request(request(Method::GET, "http://news.test/"), true).unwrap();
    assert!(told.recv().await.unwrap().starts_with("GET"));
    drop((response, body_of));
    assert_eq!(told.recv().await.unwrap(), "broken off");
}

#[tokio::test]
async fn a_protocol_is_changed_only_by_an_origin_that_has_seen_the_key() {
    let (mut send, mut told) = client("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n", 0).await;
    // The server says so in its settings, which may still be on their way.
    while !send.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    let mut asking = request(Method::CONNECT, "http://news.test/chat");
    asking.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    let (response, _body) = send.send_request(asking, false).unwrap();
    assert!(response.await.unwrap_err().is_reset());
    let head = told.recv().await.unwrap();
    assert!(head.starts_with("GET Absolute news.test/chat Exact(0) host: news.test|connection: upgrade|"), "{head}");
    assert_eq!(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "RFC 6455 §1.3");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_streams_is_closed_soon_if_it_never_had_one_and_later_if_it_had() {
    for (asks, after) in [(false, Limits::default().head_time), (true, Limits::default().h2_idle)] {
        let (near, far) = duplex(64 * 1024);
        let begun = Instant::now();
        let serving = tokio::spawn(async move {
            let (limits, finish) = (Limits::default(), CancellationToken::new());
            let answer = |mut connection: Box<Connection>, _| async move {
                connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n", Duration::from_secs(5)).await.ok()?;
                Some(connection)
            };
            serve(far, None, &limits, &finish, || Some(answer)).await;
        });
        let (mut send, connection) = h2::client::handshake(near).await.unwrap();
        tokio::spawn(connection);
        if asks {
            let (response, _) = send.send_request(request(Method::GET, "http://news.test/"), true).unwrap();
            response.await.unwrap();
        }
        serving.await.unwrap();
        let lasted = begun.elapsed();
        assert!(lasted >= after && lasted < after + Duration::from_secs(5), "{lasted:?}");
    }
}
