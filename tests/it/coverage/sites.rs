//! The practice sites: five over http and https, one over http alone. They write down what arrives, and from where.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, LOCATION, ORIGIN,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use vestibule::authority::Authority;
use vestibule::clock::Clock;

use crate::chromium::site::socket;

/// The site that has no https.
pub(super) const PLAIN: &str = "plain.test";

/// The others. The second one is a part of the first one's site.
const HOSTS: [&str; 5] = ["north.test", "images.north.test", "east.test", "south.test", "west.test"];

/// Where a redirect leads from each site.
const NEXT: [(&str, &str); 6] = [
    ("north.test", "east.test"),
    ("east.test", "south.test"),
    ("south.test", PLAIN),
    (PLAIN, "west.test"),
    ("west.test", "north.test"),
    ("images.north.test", "north.test"),
];

/// A request that has arrived at a site.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) method: Method,
    /// As the browser names it.
    pub(super) url: String,
    /// The address of the site, and the one that it was asked from.
    pub(super) ends: (SocketAddr, SocketAddr),
}

/// All sites. They end when they are dropped.
pub(super) struct Sites {
    /// Lines of the configuration's `[dns.hosts]`.
    pub(super) hosts: String,
    arrivals: Arc<Arrivals>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Arrivals(Mutex<Vec<Arrival>>, Condvar);

/// One site over one scheme.
#[derive(Clone)]
struct Site {
    host: &'static str,
    scheme: &'static str,
    address: SocketAddr,
    arrivals: Arc<Arrivals>,
}

impl Sites {
    /// Starts them, under certificates of the authority in this folder that stands for those of the public web.
    pub(super) fn start(folder: &Path) -> Self {
        let web = Authority::open_or_create(&folder.join("web"), "Vestibule demo web", Clock::system()).unwrap();
        let runtime = Runtime::new().unwrap();
        let (arrivals, mut hosts) = (Arc::<Arrivals>::default(), String::new());
        for (host, scheme) in HOSTS.map(|host| (host, "https")).into_iter().chain(NEXT.map(|(host, _)| (host, "http")))
        {
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
            let address = listener.local_addr().unwrap();
            let tls = (scheme == "https").then(|| TlsAcceptor::from(web.server(host).unwrap()));
            let port = if tls.is_some() { 443 } else { 80 };
            hosts.push_str(&format!("\"{host}:{port}\" = \"{address}\"\n"));
            runtime.spawn(Site { host, scheme, address, arrivals: Arc::clone(&arrivals) }.listen(listener, tls));
        }
        Self { hosts, arrivals, _runtime: runtime }
    }

    /// What has arrived so far.
    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until each of these has arrived; false when one has not in time.
    pub(super) fn wait_for(&self, urls: &[String], time: Duration) -> bool {
        let begun = Instant::now();
        let mut all = self.arrivals.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if urls.iter().all(|url| all.iter().any(|arrival| arrival.url == *url)) {
                return true;
            }
            let Some(left) = time.checked_sub(begun.elapsed()) else { return false };
            all = self.arrivals.1.wait_timeout(all, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Site {
    async fn listen(self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        while let Ok((stream, from)) = listener.accept().await {
            let (site, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => site.serve(stream, from).await,
                    Some(tls) => {
                        let Ok(stream) = tls.accept(stream).await else { return };
                        site.serve(stream, from).await;
                    }
                }
            });
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, from: SocketAddr) {
        let service = hyper::service::service_fn(|request| {
            let site = self.clone();
            async move { Ok::<_, std::convert::Infallible>(site.answer(request, from).await) }
        });
        let server = hyper::server::conn::http1::Builder::new();
        drop(server.serve_connection(TokioIo::new(stream), service).with_upgrades().await);
    }

    async fn answer(&self, request: Request<Incoming>, from: SocketAddr) -> Response<Body> {
        let url = format!("{}://{}{}", self.scheme, self.host, request.uri().path());
        let arrival = Arrival { method: request.method().clone(), url, ends: (self.address, from) };
        self.arrivals.0.lock().unwrap_or_else(PoisonError::into_inner).push(arrival);
        self.arrivals.1.notify_all();
        let origin = request.headers().get(ORIGIN).cloned();
        let path = request.uri().path().to_owned();
        let kind = path.split('/').nth(2).unwrap_or_default();
        let mut response = match kind {
            "socket" => return socket(request.map(Body::new)).await,
            _ if request.method() == Method::OPTIONS => Response::new(Body::empty()),
            _ => match kind.strip_prefix("hop-").and_then(|rest| rest.split_once('-')) {
                Some((left, last)) => self.lead_on(&path, left.parse().unwrap(), last),
                None => content(kind, &path),
            },
        };
        allow(&mut response, origin);
        response
    }

    /// Redirects to the next site. The scheme stays, except where the next one has no https, and after it.
    fn lead_on(&self, path: &str, left: u32, last: &str) -> Response<Body> {
        let (_, next) = NEXT.into_iter().find(|(host, _)| *host == self.host).unwrap();
        let scheme = match (self.host, next) {
            (PLAIN, _) => "https",
            (_, PLAIN) => "http",
            _ => self.scheme,
        };
        let kind = if left == 1 { last.to_owned() } else { format!("hop-{}-{last}", left - 1) };
        let mut parts = path.split('/').skip(1);
        let (who, place) = (parts.next().unwrap(), parts.nth(1).unwrap());
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::FOUND;
        let location = format!("{scheme}://{next}/{who}/{kind}/{place}");
        response.headers_mut().insert(LOCATION, location.parse().unwrap());
        response
    }
}

/// What stands at a path of this kind.
fn content(kind: &str, path: &str) -> Response<Body> {
    const SCRIPT: &str = "text/javascript";
    let who = path.split('/').nth(1).unwrap_or_default();
    let (media, body): (_, Body) = match kind {
        "page"
        | "kept"
        | "form"
        | "form-from-elsewhere"
        | "frame"
        | "frame-in-sandbox"
        | "frame-by-form"
        | "object" => {
            let place = path.rsplit('/').next().unwrap_or_default();
            let page = format!(
                "<!doctype html><html lang=en><meta charset=utf-8><title>{kind}</title>\
                 <link rel=icon href=data:,><script src=/{who}/code/{place}></script><h1>A practice {kind}</h1>"
            );
            ("text/html", page.into())
        }
        "image" => ("image/svg+xml", r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>"#.into()),
        "code" | "worker" | "shared-worker" | "service-worker" => (SCRIPT, include_str!("loads.js").into()),
        "script" | "module" => (SCRIPT, "1;".into()),
        "style" => ("text/css", "p { color: #222 }".into()),
        "font" => ("font/ttf", include_bytes!("font.ttf").as_slice().into()),
        "events" | "events-with-cookies" => ("text/event-stream", "data: hello\n\n".into()),
        _ => ("text/plain", "came".into()),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// Everybody may read everything, and nothing is kept.
fn allow(response: &mut Response<Body>, origin: Option<HeaderValue>) {
    let fields = response.headers_mut();
    fields.insert("service-worker-allowed", HeaderValue::from_static("/"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.unwrap_or(HeaderValue::from_static("*")));
    fields.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    fields.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("x-practice, content-type"));
    fields.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("PUT"));
}
