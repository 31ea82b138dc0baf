//! Everything that the demo starts, and the names under which it is reached.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::idp::{self, Practice};
use super::origin;
use crate::app::{self, App, Reloader, build};
use crate::authority::{self, Authority};
use crate::clock::Clock;
use crate::config;
use crate::net::{Limits, accept};
use crate::saml::config::{ACS_PATH, SLO_PATH};

/// The portal's origin in the demo.
pub const PORTAL: &str = "https://portal.vestibule.test";
/// The practice identity provider's origin.
pub const LOGIN: &str = "https://login.vestibule.test";
/// The practice origins' names, each over http and https.
pub const ORIGINS: [&str; 3] = ["news.test", "mail.test", "shop.test"];
/// The host that a browser asks to find out whether there is a captive portal.
const PROBE: &str = "connectivitycheck.gstatic.com";
/// Our entity ID, after the pattern of Trend Micro Web Security.
const ENTITY_ID: &str = "https://auth.vestibule.test/0123456789abcdef";

/// How many connections each practice site serves at the same time.
const MAX_CONNECTIONS: usize = 10_000;

/// The demo, with its sockets bound.
#[derive(Debug)]
pub struct Demo {
    app: App,
    reloader: Reloader,
    stop: CancellationToken,
    files: Files,
}

/// Lines for sections of the demo's configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines<'a> {
    /// For `[portal]`.
    pub portal: &'a str,
    /// For `[egress]`.
    pub egress: &'a str,
}

/// The files that a person needs.
#[derive(Clone, Debug)]
pub struct Files {
    /// The interception authority's certificate.
    pub authority: PathBuf,
    /// The certificate that stands for the public web's authorities: it vouches for the portal, the practice identity
    /// provider and the practice origins.
    pub web: PathBuf,
    /// Both, for curl.
    pub bundle: PathBuf,
    /// The folder of them all.
    pub folder: PathBuf,
}

/// Why the demo cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket cannot be bound, or a file cannot be read or written.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// An authority cannot be made or read.
    #[error(transparent)]
    Authority(#[from] authority::Error),
    /// The practice identity provider's key cannot be made.
    #[error("the practice identity provider's key cannot be made: {0}")]
    Key(String),
    /// The demo's own configuration is wrong.
    #[error("the demo's configuration is wrong: {0}")]
    Config(#[from] config::Problems),
    /// The program cannot be built.
    #[error(transparent)]
    App(#[from] app::Error),
}

impl Demo {
    /// Binds everything. Files go to `folder`; `extra` is added to the configuration.
    pub async fn start(folder: &Path, proxy: SocketAddr, extra: &str, clock: &Clock) -> Result<Self, Error> {
        Self::start_with(folder, proxy, Lines::default(), extra, clock).await
    }

    /// As [`start`](Self::start), with more lines for sections that the demo's configuration has already.
    pub async fn start_with(
        folder: &Path,
        proxy: SocketAddr,
        Lines { portal, egress }: Lines<'_>,
        extra: &str,
        clock: &Clock,
    ) -> Result<Self, Error> {
        let files = Files {
            authority: folder.join(authority::CERTIFICATE_FILE),
            web: folder.join("web").join(authority::CERTIFICATE_FILE),
            bundle: folder.join("both.pem"),
            folder: folder.to_owned(),
        };
        let web = Authority::open_or_create(&folder.join("web"), "Vestibule demo web", clock.clone())?;
        let stop = CancellationToken::new();
        let practice = Practice::new(
            LOGIN,
            vec![idp::App {
                identifier: ENTITY_ID.into(),
                reply_urls: vec![format!("{PORTAL}{ACS_PATH}")],
                logout_url: Some(format!("{PORTAL}{SLO_PATH}")),
            }],
            clock.clone(),
        )
        .map_err(|error| Error::Key(error.to_string()))?;
        let idp_certificate = folder.join("login.cer");
        write(&idp_certificate, &practice.certificate())?;
        let (portal_certificate, portal_key) = portal_files(folder, &web)?;

        let mut hosts = String::new();
        let issuer = practice.entity_id();
        let (login_url, logout_url) = (practice.sign_in_url(), practice.sign_out_url());
        let login = serve_tls("login.vestibule.test", practice.router(), &web, &stop).await?;
        name(&mut hosts, "login.vestibule.test", 443, login);
        for host in ORIGINS {
            name(&mut hosts, host, 443, serve_tls(host, origin::router(), &web, &stop).await?);
        }
        let plain = serve_plain(origin::router(), &stop).await?;
        for host in ORIGINS.iter().chain(&[PROBE]) {
            name(&mut hosts, host, 80, plain);
        }

        let text = format!(
            r#"
state = {state:?}
[[listener]]
address = "{proxy}"
[[network]]
name = "this-machine"
addresses = ["127.0.0.0/8", "::1/128"]
[portal]
url = "{PORTAL}"
listen = "127.0.0.1:0"
title = "Vestibule demo"
help = "This is a demo: nobody is on call."
certificate = {portal_certificate:?}
key = {portal_key:?}
{portal}
[[realm]]
name = "contoso"
domains = ["contoso.com"]
netbios = {{ CONTOSO = "contoso.com" }}
entity_id = "{ENTITY_ID}"
issuer = "{issuer}"
login_url = "{login_url}"
logout_url = "{logout_url}"
certificate = {idp_certificate:?}
[egress]
trust = [{web:?}]
{egress}
[[pac.file]]
name = "proxy"
portal = "proxy"
idp = "proxy"
[dns.hosts]
{hosts}
{extra}
"#,
            state = folder.display().to_string(),
            portal_certificate = portal_certificate.display().to_string(),
            portal_key = portal_key.display().to_string(),
            idp_certificate = idp_certificate.display().to_string(),
            web = files.web.display().to_string(),
        );
        let config = config::parse(&text, "demo.toml", folder, &|_| None)?;
        write(&folder.join("demo.toml"), &text)?;
        let app = build(&config, clock)?;
        let file = folder.join("demo.toml");
        let reloader = Reloader::new(&app, text, move |_| config::load_with_text(&file, &|_| None), |_| {});
        let app = app.reloaded_by(&reloader);
        let authority = app.authority().certificate_pem();
        write(&files.bundle, &format!("{authority}{}", read(&files.web)?))?;
        Ok(Self { app, reloader, stop, files })
    }

    /// The program that the demo is about.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// What reads its configuration, the file `demo.toml`, again.
    pub fn reloader(&self) -> &Reloader {
        &self.reloader
    }

    /// The address of the proxy.
    pub fn proxy(&self) -> SocketAddr {
        let found = self.app.addresses().into_iter().find(|(name, _)| name == "proxy").map(|(_, address)| address);
        found.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The files that a person needs.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Serves until `stop` fires.
    pub async fn run(self, stop: CancellationToken) -> io::Result<()> {
        let served = self.app.run(stop).await;
        self.stop.cancel();
        served
    }
}

/// Makes the portal's certificate, as a public authority would: browsers trust it before they trust ours.
fn portal_files(folder: &Path, web: &Authority) -> Result<(PathBuf, PathBuf), Error> {
    let (certificate, key) = (folder.join("portal.pem"), folder.join("portal.key"));
    let (leaf, private) = web.issue_pem("portal.vestibule.test")?;
    write(&certificate, &leaf)?;
    write(&key, &private)?;
    Ok((certificate, key))
}

fn name(hosts: &mut String, host: &str, port: u16, address: SocketAddr) {
    // Writing into a string does not fail.
    writeln!(hosts, "\"{host}:{port}\" = \"{address}\"").ok();
}

async fn serve_plain(router: Router, stop: &CancellationToken) -> Result<SocketAddr, Error> {
    let (listener, address) = origin::bind().await.map_err(|error| Error::Io("a practice origin".into(), error))?;
    tokio::spawn(serve(listener, router, None, stop.clone()));
    Ok(address)
}

async fn serve_tls(host: &str, router: Router, web: &Authority, stop: &CancellationToken) -> Result<SocketAddr, Error> {
    let server = web.server(host)?;
    let (listener, address) = origin::bind().await.map_err(|error| Error::Io(host.to_owned(), error))?;
    tokio::spawn(serve(listener, router, Some(server), stop.clone()));
    Ok(address)
}

async fn serve(listener: TcpListener, router: Router, tls: Option<Arc<ServerConfig>>, stop: CancellationToken) {
    let answer = |(stream, _): (TcpStream, SocketAddr)| {
        let (router, tls) = (router.clone(), tls.clone());
        async move {
            drop(stream.set_nodelay(true));
            let server = Limits::default().server();
            let service = TowerToHyperService::new(router);
            match tls {
                None => drop(server.serve_connection(TokioIo::new(stream), service).await),
                Some(tls) => {
                    if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                        drop(server.serve_connection(TokioIo::new(stream), service).await);
                    }
                }
            }
        }
    };
    accept::each(|context| listener.poll_accept(context), MAX_CONNECTIONS, &stop, answer).await;
}

/// Writes a file that only its owner may read, because some hold keys.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Error::Io(path.display().to_string(), error))
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::Io(path.display().to_string(), error))
}
