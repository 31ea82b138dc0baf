//! A client that signs people in without a browser's weight, for tests that need very many sign-ins.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use url::{Position, Url, form_urlencoded};

use super::raw::{Answer, Wire};
use super::world::World;

const PORTAL: &str = "portal.vestibule.test";
const LOGIN: &str = "login.vestibule.test";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36";

/// How long an answer may take on a machine that has much to do.
const SLOWEST: Duration = Duration::from_secs(60);

/// Somebody's account and password.
pub(crate) type Person = (&'static str, &'static str);

/// How the identity provider is reached, and whom TLS trusts.
pub(crate) struct Way {
    idp: SocketAddr,
    tls: Arc<ClientConfig>,
}

/// A node's addresses.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) proxy: SocketAddr,
    pub(crate) portal: SocketAddr,
}

/// A client with its cookies. It asks for a place before each request, so that it can go to another node each time.
pub(crate) struct Visitor<'a, N: FnMut() -> Place> {
    pub(crate) way: &'a Way,
    pub(crate) from: Ipv4Addr,
    pub(crate) next: N,
    /// By host and name.
    pub(crate) jar: BTreeMap<(String, String), String>,
}

impl Way {
    pub(crate) fn of(world: &World) -> Self {
        let text = std::fs::read_to_string(world.folder().join("demo.toml")).unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("\"{LOGIN}:"))).unwrap();
        let idp = line.rsplit('"').nth(1).unwrap().parse().unwrap();
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(&world.bundle).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Self { idp, tls: Arc::new(tls.with_root_certificates(roots).with_no_client_auth()) }
    }
}

impl<'a, N: FnMut() -> Place> Visitor<'a, N> {
    pub(crate) fn new(way: &'a Way, from: Ipv4Addr, next: N) -> Self {
        Self { way, from, next, jar: BTreeMap::new() }
    }

    /// Signs in at the portal's page with this path. Gives its answer to the Response: when it is there, the person is
    /// signed in.
    pub(crate) fn sign_in(&mut self, path: &str, (account, password): Person) -> io::Result<Answer> {
        let logon = self.portal(path, None)?.text();
        let mut form = vec![("csrf", hidden(&logon, "csrf")?), ("account", account.to_owned())];
        form.extend(hidden(&logon, "r").ok().map(|token| ("r", token)));
        let sent = self.portal("/logon", Some(&form))?;
        let asked = self.ask(&sent.value("location"), None)?.text();
        let form = [
            ("SAMLRequest", hidden(&asked, "SAMLRequest")?),
            ("RelayState", hidden(&asked, "RelayState")?),
            ("login", account.to_owned()),
            ("password", password.to_owned()),
        ];
        let action = Url::parse(&format!("https://{LOGIN}/")).unwrap().join(&after(&asked, " action=\"")?).unwrap();
        let answered = self.ask(action.as_str(), Some(&form))?.text();
        let form = ["SAMLResponse", "RelayState"].map(|name| hidden(&answered, name).map(|value| (name, value)));
        let form = form.into_iter().collect::<io::Result<Vec<_>>>()?;
        let signed_in = self.portal("/saml/acs", Some(&form))?;
        // What was only begun when its node was killed may have to be begun again: nobody was told that they are signed in.
        if signed_in.value("location") == "/again" {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the portal does not know the sign-in any more"));
        }
        if self.secret().is_some() { Ok(signed_in) } else { Err(unexpected(&signed_in.text())) }
    }

    /// Goes to a page of plain http as somebody unknown, signs in on the way, and follows the redirects to it.
    pub(crate) fn arrive(&mut self, url: &str, person: Person) -> io::Result<Answer> {
        let challenged = self.ask(url, None)?;
        let portal = Url::parse(&challenged.value("location")).map_err(|_| unexpected(&challenged.text()))?;
        let path = format!("{}?{}", portal.path(), portal.query().unwrap_or_default());
        let mut answer = self.sign_in(&path, person)?;
        let mut url = portal;
        for _ in 0..8 {
            let location = answer.value("location");
            if location.is_empty() {
                return Ok(answer);
            }
            url = url.join(&location).unwrap();
            answer = self.ask(url.as_str(), None)?;
        }
        Err(unexpected("it goes round in circles"))
    }

    /// The secret of the session at the portal.
    pub(crate) fn secret(&self) -> Option<&String> {
        self.jar.get(&(PORTAL.to_owned(), "__Host-vestibule".to_owned()))
    }

    pub(crate) fn portal(&mut self, path: &str, form: Option<&[(&str, String)]>) -> io::Result<Answer> {
        self.ask(&format!("https://{PORTAL}{path}"), form)
    }

    /// One request on a connection of its own.
    fn ask(&mut self, url: &str, form: Option<&[(&str, String)]>) -> io::Result<Answer> {
        let url = Url::parse(url).map_err(|_| unexpected(url))?;
        let host = url.host_str().unwrap().to_owned();
        let target = match url.scheme() {
            "http" => url.as_str(),
            _ => &url[Position::BeforePath..],
        };
        let place = (self.next)();
        let cookies: Vec<_> = self
            .jar
            .iter()
            .filter(|((at, _), _)| *at == host)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let body = form.map(|fields| form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish());
        let method = if form.is_some() { "POST" } else { "GET" };
        let mut text = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {AGENT}\r\nAccept: text/html\r\n\
             Upgrade-Insecure-Requests: 1\r\nCookie: {}\r\nConnection: close\r\n",
            cookies.join("; ")
        );
        if let Some(body) = &body {
            let (origin, site) = if target == "/saml/acs" { (LOGIN, "cross-site") } else { (&*host, "same-origin") };
            text += &format!(
                "Origin: https://{origin}\r\nSec-Fetch-Site: {site}\r\nContent-Length: {}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\n",
                body.len()
            );
        }
        text += &format!("\r\n{}", body.unwrap_or_default());
        let answer = match (url.scheme(), &*host) {
            ("http", _) => exchange(&mut connect(place.proxy, self.from)?, &text),
            (_, LOGIN) => self.inside(self.way.idp, LOGIN, &text),
            _ => self.inside(place.portal, PORTAL, &text),
        }?;
        for (_, cookie) in answer.fields.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let key = (host.clone(), name.to_owned());
            if cookie.contains("Max-Age=0") {
                self.jar.remove(&key);
            } else {
                self.jar.insert(key, value.to_owned());
            }
        }
        Ok(answer)
    }

    fn inside(&self, to: SocketAddr, name: &'static str, text: &str) -> io::Result<Answer> {
        let connection = ClientConnection::new(Arc::clone(&self.way.tls), ServerName::try_from(name).unwrap());
        exchange(&mut StreamOwned::new(connection.unwrap(), connect(to, self.from)?), text)
    }
}

fn connect(to: SocketAddr, from: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from.into(), 0).into())?;
    socket.connect(&to.into())?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(SLOWEST))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request and reads until the other side closes. An answer that is not whole is none.
fn exchange(stream: &mut dyn Wire, text: &str) -> io::Result<Answer> {
    stream.write_all(text.as_bytes())?;
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    if !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        return Err(read.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()));
    }
    let answer = Answer::of_bytes(&bytes);
    if answer.complete { Ok(answer) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn hidden(page: &str, name: &str) -> io::Result<String> {
    after(page, &format!(" name=\"{name}\" value=\""))
}

/// What stands in `page` from behind `start` to the next quotation mark.
fn after(page: &str, start: &str) -> io::Result<String> {
    let value = page.split_once(start).and_then(|(_, rest)| rest.split_once('"')).ok_or_else(|| unexpected(page))?.0;
    Ok(value.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#38;", "&"))
}

fn unexpected(page: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, page.to_owned())
}
