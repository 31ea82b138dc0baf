//! Requests, as an origin of another maker sees them.

use super::*;
use bytes::BytesMut;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

async fn begin(near: DuplexStream) -> Origin {
    Origin::begin(near, Authority::from_static("news.test"), &Limits::default()).await.unwrap()
}

/// The settings of an origin, and a connection to one that does this with each request.
async fn origin<F>(
    settings: impl FnOnce(&mut h2::server::Builder),
    answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Send + 'static,
) -> Origin
where
    F: Future<Output = ()> + Send + 'static,
{
    let (near, far) = duplex(64 * 1024);
    let mut builder = h2::server::Builder::new();
    settings(&mut builder);
    tokio::spawn(async move {
        let mut connection = builder.handshake::<_, Bytes>(far).await.unwrap();
        while let Some(Ok((request, respond))) = connection.accept().await {
            tokio::spawn(answer(request, respond));
        }
    });
    begin(near).await
}

/// Writes a request on a stream of its own.
async fn ask(origin: &Origin, octets: &[u8]) -> (Stream, Arc<Fate>) {
    let (mut stream, fate) = origin.open();
    stream.write_all(octets).await.unwrap();
    stream.flush().await.unwrap();
    (stream, fate)
}

/// What is read until the end.
async fn read(stream: &mut Stream) -> (String, io::Result<()>) {
    let mut octets = Vec::new();
    let ended = stream.read_to_end(&mut octets).await;
    (String::from_utf8(octets).unwrap(), ended.map(drop))
}

async fn body_of(body: &mut RecvStream) -> Result<(String, HeaderMap), h2::Error> {
    let mut whole = String::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        whole.push_str(std::str::from_utf8(&data).unwrap());
    }
    Ok((whole, body.trailers().await?.unwrap_or_default()))
}

/// Says in the answer's body what was asked.
async fn repeat(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let (parts, mut body) = request.into_parts();
    let mut fields: Vec<_> =
        parts.headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
    fields.sort();
    let (text, trailers) = body_of(&mut body).await.unwrap();
    let said = format!("{} {} {} [{text}] {trailers:?}", parts.method, parts.uri, fields.join("|"));
    let mut send = respond.send_response(Response::new(()), false).unwrap();
    send.send_data(said.into(), true).unwrap();
}

#[tokio::test]
async fn requests_are_asked_of_the_origin_that_was_meant_and_nothing_of_the_connection_is_said() {
    let origin = origin(|_| {}, repeat).await;
    for (asked, seen) in [
        ("GET /a?b HTTP/1.1\r\nHost: other.test\r\nAccept: */*\r\n\r\n", "GET https://news.test/a?b accept=*/* [] {}"),
        ("OPTIONS * HTTP/1.1\r\nHost: news.test\r\n\r\n", "OPTIONS https://news.test* [] {}"),
        (
            "GET / HTTP/1.1\r\nHost: news.test\r\nConnection: TE\r\nTE: trailers\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nCookie: a=1; b=2\r\n\r\n",
            "GET https://news.test/ cookie=a=1; b=2|te=trailers [] {}",
        ),
        (
            "POST / HTTP/1.1\r\nHost: news.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
            "POST https://news.test/ content-length=5|expect=100-continue [hello] {}",
        ),
        (
            "POST / HTTP/1.1\r\nHost: news.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 5\r\n\r\n",
            "POST https://news.test/ [hello] {\"x-sum\": \"5\"}",
        ),
    ] {
        for part in [1, 7, 10_000] {
            let (mut stream, _) = origin.open();
            for part in asked.as_bytes().chunks(part) {
                stream.write_all(part).await.unwrap();
            }
            stream.flush().await.unwrap();
            let (answer, ended) = read(&mut stream).await;
            ended.unwrap();
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(body.replace("  ", " ").contains(seen), "{asked:?} in parts of {part}: {answer:?}");
        }
    }
}

/// What becomes of a request that gets no answer.
type Fated = Option<(Unanswered, Option<Vec<u8>>)>;

/// What an origin does with a request.
type Do = fn(SendResponse<Bytes>) -> Option<SendStream<Bytes>>;

fn respond(
    mut respond: SendResponse<Bytes>,
    status: u16,
    fields: &[(&'static str, &'static str)],
    body: Option<&'static str>,
) -> SendStream<Bytes> {
    let mut response = Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        response.headers_mut().append(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let mut send = respond.send_response(response, body.is_none()).unwrap();
    if let Some(body) = body {
        send.send_data(body.into(), false).unwrap();
    }
    send
}

fn trailers(send: &mut SendStream<Bytes>, value: &'static [u8]) {
    let fields = [("grpc-status".parse().unwrap(), http::HeaderValue::from_bytes(value).unwrap())];
    send.send_trailers(HeaderMap::from_iter(fields)).unwrap();
}

/// What is read in answer to this request, and whether that was complete.
async fn answer(asked: &[u8], with: Do) -> (String, io::Result<()>, Fated) {
    let origin = origin(
        |_| {},
        move |_, respond| async move {
            // Whoever drops a stream resets it.
            let _kept = with(respond);
            std::future::pending::<()>().await;
        },
    )
    .await;
    let (mut stream, fate) = ask(&origin, asked).await;
    let (text, ended) = read(&mut stream).await;
    (text, ended, fate.take())
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: news.test\r\n\r\n";
const HEAD: &[u8] = b"HEAD / HTTP/1.1\r\nHost: news.test\r\n\r\n";
const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: news.test\r\nContent-Length: 5\r\n\r\nhello";

#[tokio::test]
async fn answers_are_framed_as_http_1_1_frames_them() {
    let cases: [(&[u8], Do, &str); 9] = [
        (
            GET,
            |it| {
                let mut send = respond(it, 200, &[("content-length", "5")], Some("hello"));
                send.send_data(Bytes::new(), true).unwrap();
                Some(send)
            },
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        ),
        (
            GET,
            |it| {
                let mut send = respond(it, 200, &[("x-a", "1"), ("x-a", "2")], Some("hello"));
                trailers(&mut send, b"0");
                Some(send)
            },
            "HTTP/1.1 200 OK\r\nx-a: 1\r\nx-a: 2\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\n",
        ),
        (
            GET,
            |it| {
                let fields = [("content-type", "application/grpc"), ("content-length", "5")];
                let mut send = respond(it, 200, &fields, Some("hello"));
                trailers(&mut send, b"0");
                Some(send)
            },
            "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\n",
        ),
        (GET, |it| Some(respond(it, 404, &[], None)), "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        (GET, |it| Some(respond(it, 204, &[], None)), "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            GET,
            |it| Some(respond(it, 304, &[("content-length", "9")], None)),
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
        ),
        (
            HEAD,
            |it| Some(respond(it, 200, &[("content-length", "9")], None)),
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
        ),
        (HEAD, |it| Some(respond(it, 200, &[], None)), "HTTP/1.1 200 OK\r\n\r\n"),
        (
            GET,
            |mut it| {
                let mut interim = Response::new(());
                *interim.status_mut() = http::StatusCode::EARLY_HINTS;
                interim.headers_mut().insert("link", "</a>".parse().unwrap());
                it.send_informational(interim).unwrap();
                Some(respond(it, 200, &[], None))
            },
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        ),
    ];
    for (asked, with, read) in cases {
        let (text, ended, _) = answer(asked, with).await;
        ended.unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(text, read);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_malformed_never_looks_complete() {
    let cases: [(Do, &str); 6] = [
        (
            |it| {
                let mut send = respond(it, 200, &[("content-length", "9")], Some("hello"));
                send.send_data(Bytes::new(), true).unwrap();
                Some(send)
            },
            "fewer octets than announced",
        ),
        (
            |it| {
                let mut send = respond(it, 200, &[], Some("hello"));
                send.send_reset(Reason::INTERNAL_ERROR);
                Some(send)
            },
            "reset",
        ),
        (
            |it| {
                let mut send = respond(it, 200, &[], Some("hello"));
                send.send_reset(Reason::NO_ERROR);
                Some(send)
            },
            "reset, and called no error",
        ),
        (
            |it| {
                let mut send = respond(it, 200, &[], Some("hello"));
                trailers(&mut send, b" 0");
                Some(send)
            },
            "a trailer with a space around it",
        ),
        (|it| Some(respond(it, 200, &[("x-a", "1 ")], Some("hello"))), "a field with a space around it"),
        (
            |mut it| {
                let mut interim = Response::new(());
                *interim.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
                drop(it.send_informational(interim));
                Some(respond(it, 200, &[], None))
            },
            "a change of protocol",
        ),
    ];
    for (with, what) in cases {
        let (text, ended, fate) = answer(GET, with).await;
        assert!(ended.is_err() && !text.ends_with("0\r\n\r\n"), "{what}: {text:?}");
        assert!(fate.is_none_or(|(why, _)| why == Unanswered::BrokenOff), "{what}");
    }
}

#[tokio::test]
async fn a_request_that_an_origin_has_not_looked_at_can_be_sent_again() {
    let cases: [(Do, Fated); 3] = [
        (
            |mut it| {
                it.send_reset(Reason::REFUSED_STREAM);
                None
            },
            Some((Unanswered::Refused, Some(b"hello".to_vec()))),
        ),
        (
            |mut it| {
                it.send_reset(Reason::HTTP_1_1_REQUIRED);
                None
            },
            Some((Unanswered::WantsHttp1, Some(b"hello".to_vec()))),
        ),
        (
            |mut it| {
                it.send_reset(Reason::INTERNAL_ERROR);
                None
            },
            Some((Unanswered::BrokenOff, None)),
        ),
    ];
    for (with, expected) in cases {
        let (text, ended, fate) = answer(POST, with).await;
        assert!(ended.is_err(), "{text}");
        assert_eq!(fate, expected, "{text}");
    }
    // What the library has no words for has not left at all.
    let (_, ended, fate) = answer(b"GET /<a> HTTP/1.1\r\nHost: news.test\r\n\r\n", |_| None).await;
    assert!(ended.is_err());
    assert_eq!(fate, Some((Unanswered::Unfit, Some(Vec::new()))));
}

/// An origin that allows one request at a time, and answers none of them.
async fn narrow_origin() -> Origin {
    let answer = |_, respond: SendResponse<Bytes>| async move {
        let _kept = respond;
        std::future::pending::<()>().await;
    };
    let narrow = |settings: &mut h2::server::Builder| {
        settings.max_concurrent_streams(1);
    };
    origin(narrow, answer).await
}

#[tokio::test]
async fn what_would_have_to_wait_for_another_answer_is_sent_elsewhere() {
    for (asked, kept) in [(GET, ""), (POST, "hello")] {
        let origin = narrow_origin().await;
        // Both have their streams before anything is known of the origin.
        let (mut late, fate) = origin.open();
        let (_first, _) = ask(&origin, GET).await;
        while origin.send.current_max_send_streams() != 1 {
            tokio::task::yield_now().await;
        }
        assert!(!origin.has_room());
        late.write_all(asked).await.unwrap();
        let begun = std::time::Instant::now();
        let (text, ended) = tokio::time::timeout(Duration::from_secs(9), read(&mut late)).await.unwrap();
        assert!(ended.is_err() && text.is_empty(), "{text}");
        assert!(begun.elapsed() < Duration::from_millis(200), "it does not wait: {:?}", begun.elapsed());
        assert_eq!(fate.take(), Some((Unanswered::Refused, Some(kept.into()))));
    }
}

#[tokio::test]
async fn a_connection_that_takes_no_more_requests_says_so_and_what_it_has_not_seen_can_be_sent_again() {
    let (near, far) = duplex(64 * 1024);
    tokio::spawn(async move {
        let mut connection = h2::server::handshake(far).await.unwrap();
        let (_, respond) = connection.accept().await.unwrap().unwrap();
        let mut send = respond_in_part(respond);
        connection.graceful_shutdown();
        // Until the connection has been driven to where it has no stream.
        let finish = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            send.send_data(" there".into(), true).unwrap();
        };
        let drive = async { while connection.accept().await.is_some() {} };
        tokio::join!(finish, drive);
    });
    let mut origin = begin(near).await;
    assert!(origin.is_open() && origin.has_room());
    let (mut first, _) = ask(&origin, GET).await;
    let mut start = [0; 1];
    first.read_exact(&mut start).await.unwrap();
    while origin.is_open() {
        tokio::task::yield_now().await;
    }
    let (mut late, fate) = ask(&origin, POST).await;
    assert!(read(&mut late).await.1.is_err());
    assert_eq!(fate.take(), Some((Unanswered::Refused, Some(b"hello".to_vec()))));
    let (text, ended) = read(&mut first).await;
    ended.unwrap();
    assert!(text.ends_with("5\r\nhello\r\n6\r\n there\r\n0\r\n\r\n"), "what was under way goes on: {text:?}");
}

fn respond_in_part(it: SendResponse<Bytes>) -> SendStream<Bytes> {
    respond(it, 200, &[], Some("hello"))
}

#[tokio::test]
async fn a_web_socket_is_a_stream_where_the_origin_takes_one() {
    let echo = |request: Request<RecvStream>, mut respond: SendResponse<Bytes>| async move {
        let protocol = request.extensions().get::<h2::ext::Protocol>().map(|protocol| protocol.as_str().to_owned());
        assert_eq!((request.method(), protocol.as_deref()), (&http::Method::CONNECT, Some("websocket")));
        assert_eq!(request.uri(), "https://news.test/chat");
        assert!(!request.headers().contains_key("sec-websocket-key") && !request.headers().contains_key("upgrade"));
        let response = Response::builder().header("sec-websocket-protocol", "chat").body(()).unwrap();
        let mut send = respond.send_response(response, false).unwrap();
        let mut body = request.into_body();
        while let Some(data) = body.data().await {
            send.send_data(data.unwrap(), false).unwrap();
        }
        send.send_data(Bytes::new(), true).unwrap();
    };
    let origin = origin(|builder| _ = builder.enable_connect_protocol(), echo).await;
    while !origin.takes_web_sockets() {
        tokio::task::yield_now().await;
    }
    let asked = b"GET /chat HTTP/1.1\r\nHost: news.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let (mut stream, _) = ask(&origin, asked).await;
    let mut connection = crate::wire::h1::Connection::new(stream);
    let head = poll_fn(|cx| connection.poll_head(cx, 4096, false)).await.unwrap().unwrap();
    let head = String::from_utf8(head.to_vec()).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-protocol: chat\r\n"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "RFC 6455 §1.3: {head}");
    stream = connection.stream;
    for word in ["ping", "pong"] {
        stream.write_all(word.as_bytes()).await.unwrap();
        let mut got = [0; 4];
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(got, word.as_bytes());
    }
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 4]).await.unwrap(), 0);
}

#[tokio::test]
async fn streams_that_nobody_reads_leave_room_for_the_others() {
    let pour = |_: Request<RecvStream>, mut respond: SendResponse<Bytes>| async move {
        let mut send = respond.send_response(Response::new(()), false).unwrap();
        let mut left = 2 * STREAM_WINDOW as usize;
        while left > 0 {
            send.reserve_capacity(left.min(64 * 1024));
            let Some(Ok(room)) = poll_fn(|cx| send.poll_capacity(cx)).await else { return };
            let count = room.min(left);
            send.send_data(BytesMut::zeroed(count).freeze(), count == left).unwrap();
            left -= count;
        }
    };
    let mut origin = origin(|_| {}, pour).await;
    let mut stalled = Vec::new();
    for _ in 0..MAX_STREAMS - 1 {
        stalled.push(ask(&origin, GET).await);
    }
    assert!(origin.has_room());
    // Each goes on until its own window is full.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (mut stream, _) = ask(&origin, GET).await;
    assert!(!origin.has_room() && origin.is_open() && origin.is_in_use());
    let mut count = 0;
    let mut space = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut space).await.unwrap() {
            0 => break,
            more => count += more,
        }
    }
    assert!(count > 2 * STREAM_WINDOW as usize, "{count}");
    drop((stalled, stream));
    assert!(origin.has_room() && !origin.is_in_use());
}

/// Reads what is sent there, and answers nothing but that it has seen the settings.
async fn silent(mut far: DuplexStream) {
    far.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let mut space = [0; 4096];
    while far.read(&mut space).await.is_ok_and(|count| count > 0) {}
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_has_gone_without_a_word_is_found_out() {
    let (near, far) = duplex(64 * 1024);
    tokio::spawn(silent(far));
    let mut origin = begin(near).await;
    tokio::time::sleep(10 * QUIET).await;
    assert!(origin.is_open(), "nobody waits for anything");
    let begun = Instant::now();
    let (mut stream, fate) = ask(&origin, GET).await;
    let (_, ended) = read(&mut stream).await;
    assert!(ended.is_err() && fate.take().is_none(), "it may have been looked at");
    let most = Limits::default().answer_time + 4 * QUIET;
    assert!(begun.elapsed() >= Limits::default().answer_time && begun.elapsed() <= most, "{:?}", begun.elapsed());
    assert!(!origin.is_open());
}

#[tokio::test(start_paused = true)]
async fn an_origin_that_is_there_is_not_asked_too_often() {
    let (near, mut far) = duplex(64 * 1024);
    let pings = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&pings);
    tokio::spawn(async move {
        far.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let mut preface = [0; 24];
        far.read_exact(&mut preface).await.unwrap();
        loop {
            let mut head = [0; 9];
            if far.read_exact(&mut head).await.is_err() {
                return;
            }
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            far.read_exact(&mut payload).await.unwrap();
            if head[3] == 6 {
                counted.fetch_add(1, Ordering::Relaxed);
                far.write_all(&[&[0, 0, 8, 6, 1, 0, 0, 0, 0], &payload[..]].concat()).await.unwrap();
            }
        }
    });
    let mut origin = begin(near).await;
    let (_stream, _) = ask(&origin, GET).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let count = pings.load(Ordering::Relaxed);
    assert!((3..=12).contains(&count), "{count} in an hour");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(origin.send.poll_ready(&mut cx), Poll::Ready(Ok(()))), "what is on it goes on");
    assert!(!origin.is_open(), "and no more is sent on one that is so old");
}

#[tokio::test(start_paused = true)]
async fn requests_are_sent_elsewhere_while_an_origin_says_nothing_also_when_it_may_not_be_asked_again() {
    let (near, mut far) = duplex(64 * 1024);
    tokio::spawn(async move {
        far.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        let mut space = [0; 4096];
        // It answers the first question, and then no other.
        while far.read(&mut space).await.is_ok_and(|count| count > 0) {
            if space.get(3) == Some(&6) && space.get(4) == Some(&0) {
                let pong = [&[0, 0, 8, 6, 1, 0, 0, 0, 0], &space[9..17]].concat();
                far.write_all(&pong).await.unwrap();
            }
        }
    });
    let mut origin = begin(near).await;
    let (_stream, _) = ask(&origin, GET).await;
    assert!(origin.seems_alive());
    // One tick in which it has sent its settings, one after which it is asked, one in which it has answered, and one in which it
    // says nothing.
    tokio::time::sleep(4 * QUIET + QUIET / 2).await;
    assert!(origin.is_open() && !origin.seems_alive());
}

#[tokio::test]
async fn a_connection_is_worn_after_many_requests() {
    let mut origin = origin(|_| {}, |_, _| std::future::ready(())).await;
    for _ in 0..MAX_REQUESTS {
        assert!(origin.is_open());
        drop(origin.open());
    }
    assert!(!origin.is_open());
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags][..], &stream.to_be_bytes(), payload].concat()
}

/// Reads a frame: its kind, and its stream.
async fn next_frame(far: &mut DuplexStream) -> (u8, u32) {
    let mut head = [0; 9];
    far.read_exact(&mut head).await.unwrap();
    let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
    far.read_exact(&mut payload).await.unwrap();
    (head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]))
}

/// The other end of a connection that speaks in frames.
async fn raw() -> (Origin, DuplexStream) {
    let (near, mut far) = duplex(256 * 1024);
    far.write_all(&frame(4, 0, 0, &[])).await.unwrap();
    let origin = begin(near).await;
    far.read_exact(&mut [0; 24]).await.unwrap();
    (origin, far)
}

#[tokio::test]
async fn heads_that_nobody_reads_do_not_pile_up() {
    let (mut origin, mut far) = raw().await;
    let (_stream, _) = ask(&origin, GET).await;
    while next_frame(&mut far).await != (1, 1) {}
    let interim = frame(1, 4, 1, &[&[0, 7], &b":status"[..], &[3], &b"103"[..]].concat());
    far.write_all(&interim.repeat(16)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(origin.is_open(), "so many may come");
    far.write_all(&interim.repeat(100)).await.unwrap();
    let is_closed = async {
        while origin.is_open() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), is_closed).await.expect("it ends");
}

#[tokio::test]
async fn requests_that_were_broken_off_do_not_end_the_connection_however_long_their_origin_goes_on() {
    const MANY: u32 = 900;
    let (mut origin, mut far) = raw().await;
    let counted = tokio::spawn(async move {
        for _ in 0..MANY {
            while next_frame(&mut far).await.0 != 3 {}
        }
        far
    });
    for _ in 0..MANY {
        drop(ask(&origin, POST_WITHOUT_END).await);
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    let mut far = counted.await.unwrap();
    // For longer than the library remembers a stream by itself.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    tokio::spawn(async move {
        for _ in 0..4 {
            for number in 0..MANY {
                far.write_all(&frame(0, 0, 2 * number + 1, b"late")).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        far.write_all(&frame(1, 5, 2 * MANY + 1, &[0x88])).await.unwrap();
        std::future::pending::<()>().await;
    });
    let (mut stream, _) = ask(&origin, GET).await;
    let (text, ended) = read(&mut stream).await;
    ended.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(origin.is_open());
}

const POST_WITHOUT_END: &[u8] = b"POST / HTTP/1.1\r\nHost: news.test\r\nContent-Length: 9\r\n\r\nhello";

#[tokio::test]
async fn of_a_long_upload_that_is_refused_nothing_is_lost() {
    let refuse = |_, mut respond: SendResponse<Bytes>| async move { respond.send_reset(Reason::REFUSED_STREAM) };
    let origin = origin(|_| {}, refuse).await;
    let body = vec![b'a'; 300_000];
    let (mut stream, fate) = origin.open();
    let head = format!("POST / HTTP/1.1\r\nHost: news.test\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut written = 0;
    let ended = poll_fn(|cx| {
        use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
        while written < body.len() {
            match std::pin::Pin::new(&mut stream).poll_write(cx, &body[written..]) {
                Poll::Ready(count) => written += count.expect("it is no error yet"),
                Poll::Pending => break,
            }
        }
        std::pin::Pin::new(&mut stream).poll_read(cx, &mut ReadBuf::new(&mut [0; 1]))
    })
    .await;
    assert!(ended.is_err());
    let (why, kept) = fate.take().unwrap();
    assert_eq!((why, kept.map(|kept| kept.len())), (Unanswered::Refused, Some(written)));
}
