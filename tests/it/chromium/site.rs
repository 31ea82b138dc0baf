//! Sites of the tests' own, over http and https, under any name.

use std::net::SocketAddr;
use std::path::Path;

use aws_lc_rs::digest;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, STRICT_TRANSPORT_SECURITY};
use axum::http::{Response, StatusCode};
use axum::response::Html;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use vestibule::app::demo::origin;
use vestibule::authority::Authority;
use vestibule::clock::Clock;

/// A name with a public suffix: Chromium tries https first for those, and not for `.test`.
pub(crate) const PUBLIC: &str = "www.contoso.com";
/// A site whose page is made of other sites.
pub(crate) const FRAMES: &str = "frames.test";

/// Two sites below one domain.
pub(crate) const MALL: [&str; 2] = ["shop.mall.test", "evil.mall.test"];

/// The origins of the page that is made of five: its own, and those of an image, a fetch, a frame and a WebSocket.
pub(crate) const FIVE: [&str; 5] = ["page.test", "image.test", "fetch.test", "frame.test", "socket.test"];

/// What the page of five origins asks for. A service worker there is only over https.
const FIVE_PAGE: &str = r#"<!doctype html><html lang=en><title>five</title><h1>A page of five origins</h1>
<p id=said></p>
<script>
const late = (what, time) => new Promise(done => setTimeout(() => done(what), time));
const image = address => new Promise(done => {
  const image = new Image();
  image.onload = () => done("shown");
  image.onerror = () => done("broken");
  image.src = address + "?" + Math.random();
});
const fetched = address => fetch(address, { cache: "no-store" }).then(it => it.ok ? "came" : "failed", () => "failed");
const framed = address => Promise.race([late("blank", 4000), new Promise(done => {
  addEventListener("message", event => event.data === "framed" && done("framed"));
  document.querySelectorAll("iframe").forEach(frame => frame.remove());
  const frame = document.createElement("iframe");
  frame.src = address;
  document.body.append(frame);
})]);
const socket = address => new Promise(done => {
  const socket = new WebSocket(address);
  socket.onmessage = event => done(event.data);
  socket.onerror = socket.onclose = () => done("closed");
});
const worker = async () => {
  if (!("serviceWorker" in navigator)) return "none";
  await navigator.serviceWorker.register("/worker.js").catch(() => null);
  const active = (await navigator.serviceWorker.ready).active;
  const channel = new MessageChannel();
  const answer = new Promise(done => channel.port1.onmessage = event => done(event.data));
  active.postMessage("ask", [channel.port2]);
  return answer;
};
async function ask() {
  const plain = location.protocol, sockets = plain === "https:" ? "wss:" : "ws:";
  const said = await Promise.all([
    image(`${plain}//image.test/picture.svg`), fetched(`${plain}//fetch.test/fetched`),
    framed(`${plain}//frame.test/frame`), socket(`${sockets}//socket.test/socket`), worker(),
  ]);
  const names = ["image", "fetch", "frame", "socket", "worker"];
  document.getElementById("said").textContent = names.map((name, at) => `${name} ${said[at]}`).join(", ");
}
ask();
</script>"#;

const FIVE_FRAME: &str = "<!doctype html><html lang=en><title>part</title><p>A part of another page</p>\
                          <script>parent.postMessage(\"framed\", \"*\")</script>";

/// It asks another origin by itself.
const FIVE_WORKER: &str = r#"addEventListener("install", () => skipWaiting());
addEventListener("message", event => event.waitUntil(
  fetch("https://fetch.test/by-worker", { cache: "no-store" }).then(it => it.ok ? "came" : "failed", () => "failed")
    .then(said => event.ports[0].postMessage(said))));"#;

/// All that the five origins have.
fn five() -> Router {
    let script = [(CONTENT_TYPE, "text/javascript")];
    let came = || async { ([(ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (CONTENT_TYPE, "text/plain")], "came") };
    Router::new()
        .route("/", get(|| async { Html(FIVE_PAGE) }))
        .route("/frame", get(|| async { Html(FIVE_FRAME) }))
        .route("/worker.js", get(move || async move { (script, FIVE_WORKER) }))
        .route("/fetched", get(came))
        .route("/by-worker", get(came))
        .route("/socket", get(socket))
        .fallback_service(origin::router())
}

/// Says hello on a WebSocket (RFC 6455).
pub(crate) async fn socket(mut request: Request) -> Response<Body> {
    const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let key = request.headers().get("sec-websocket-key").map_or("", |key| key.to_str().unwrap()).to_owned();
    let accept = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let mut stream = TokioIo::new(upgraded);
        drop(stream.write_all(b"\x81\x05hello").await);
        // Until the browser says goodbye (RFC 6455 §5.5.1), or goes.
        if stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {
            drop(stream.write_all(b"\x88\x02\x03\xe8").await);
            drop(stream.shutdown().await);
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", STANDARD.encode(accept.as_ref()))
        .body(Body::empty())
        .unwrap()
}

/// What the page at [`FRAMES`] asks other origins for, besides its frames.
const FRAMES_PAGE: &str = r#"<!doctype html><html lang=en><title>frames</title><h1>A page of other sites</h1>
<iframe src="http://shop.test/frame"></iframe>
<iframe src="https://shop.test/secure-frame"></iframe>
<p id=said></p>
<script>
async function ask() {
  const image = address => new Promise(done => {
    const image = new Image();
    image.onload = () => done("shown");
    image.onerror = () => done("broken");
    image.src = address + "?" + Math.random();
  });
  const fetched = address => fetch(address, { mode: "no-cors", cache: "no-store" }).then(() => "came", () => "failed");
  const said = await Promise.all([
    image("http://shop.test/picture.svg"), image("https://shop.test/picture.svg"),
    fetched("http://shop.test/fetched"), fetched("https://shop.test/fetched"),
  ]);
  document.getElementById("said").textContent = said.join(" ");
}
ask();
</script>"#;

/// A site whose service worker writes down every address that it is asked for, and answers where tickets arrive.
pub(crate) const SPY: &str = "evil.test";

const SPY_PAGE: &str = r#"<!doctype html><html lang=en><title>spy</title><h1>A page with a worker</h1>
<p id=said></p>
<script>
const say = text => document.getElementById("said").textContent = text;
(async () => {
  if (!("serviceWorker" in navigator)) return say("no worker here");
  await navigator.serviceWorker.register("/worker.js");
  await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller)
    await new Promise(done => navigator.serviceWorker.addEventListener("controllerchange", done));
  say("The worker watches");
})().catch(error => say(String(error)));
</script>"#;

const SPY_WORKER: &str = r#"addEventListener("install", event => event.waitUntil(skipWaiting()));
addEventListener("activate", event => event.waitUntil(clients.claim()));
addEventListener("fetch", event => {
  const asked = event.request.url, path = new URL(asked).pathname;
  const noted = caches.open("seen").then(seen => seen.put("/?" + encodeURIComponent(asked), new Response("")));
  const read = async () => {
    await noted;
    const seen = await (await caches.open("seen")).keys();
    return new Response(seen.map(it => decodeURIComponent(new URL(it.url).search.slice(1))).join("\n"));
  };
  if (path === "/seen" || path.startsWith("/.well-known/vestibule/")) event.respondWith(read());
  else event.waitUntil(noted);
});"#;

/// What the spy has. From its first page on, browsers ask for it over https only (RFC 6797).
fn spy() -> Router {
    let (page, strict) = (Html(SPY_PAGE), (STRICT_TRANSPORT_SECURITY, "max-age=3600"));
    Router::new()
        .route("/", get(move || async move { ([strict], page) }))
        .route("/worker.js", get(|| async { ([(CONTENT_TYPE, "text/javascript")], SPY_WORKER) }))
        .fallback_service(origin::router())
}

/// Starts the sites. Returns lines of the configuration's `[dns.hosts]`.
pub(crate) async fn start(folder: &Path) -> String {
    // The demo opens the same authority afterwards.
    let web = Authority::open_or_create(&folder.join("web"), "Vestibule demo web", Clock::system()).unwrap();
    let frames = Router::new().route("/", get(|| async { Html(FRAMES_PAGE) }));
    let mut hosts = String::new();
    let sites = [(PUBLIC, origin::router()), (FRAMES, frames), (SPY, spy())].into_iter();
    let sites = sites.chain(FIVE.map(|host| (host, five()))).chain(MALL.map(|host| (host, origin::router())));
    for (host, router) in sites {
        let (plain, plain_address) = bind().await;
        let (secure, secure_address) = bind().await;
        hosts.push_str(&format!("\"{host}:80\" = \"{plain_address}\"\n\"{host}:443\" = \"{secure_address}\"\n"));
        let over_tls = router.clone();
        tokio::spawn(async move { axum::serve(plain, router).await });
        let acceptor = TlsAcceptor::from(web.server(host).unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = secure.accept().await {
                let (acceptor, router) = (acceptor.clone(), over_tls.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let server = hyper::server::conn::http1::Builder::new();
                    let served = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
                    drop(served.with_upgrades().await);
                });
            }
        });
    }
    hosts
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
