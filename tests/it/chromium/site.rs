//! Sites of the tests' own, over http and https, under any name.

use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use vestibule::app::demo::origin;
use vestibule::authority::Authority;
use vestibule::clock::Clock;

/// A name with a public suffix: Chromium tries https first for those, and not for `.test`.
pub(crate) const PUBLIC: &str = "www.contoso.com";
/// A site whose page is made of other sites.
pub(crate) const FRAMES: &str = "frames.test";

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

/// Starts the sites. Returns lines of the configuration's `[dns.hosts]`.
pub(crate) async fn start(folder: &Path) -> String {
    // The demo opens the same authority afterwards.
    let web = Authority::open_or_create(&folder.join("web"), "Vestibule demo web", Clock::system()).unwrap();
    let frames = Router::new().route("/", get(|| async { Html(FRAMES_PAGE) }));
    let mut hosts = String::new();
    for (host, router) in [(PUBLIC, origin::router()), (FRAMES, frames)] {
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
                    drop(server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await);
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
