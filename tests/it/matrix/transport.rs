//! The columns of the table: how a request can come.

use std::fmt::Write as _;
use std::net::TcpStream;

use http::{Method, Request};

use super::rows::{By, Connect, Row};
use super::{Place, Sort};
use crate::raw::{Answer, Wire, connect, read_head};
use crate::secure::client::Client;
use crate::world::World;

/// A way in which requests come. A new one is an implementation of this, and a line in [`TRANSPORTS`].
pub(super) trait Transport {
    fn name(&self) -> &'static str;

    /// Sends a request from a place, and reads the whole answer.
    fn ask(&self, world: &World, place: &Place, row: &Row) -> Answer;

    /// Asks for a tunnel, gives the status, and lets it go.
    fn connect(&self, world: &World, place: &Place, connect: &Connect) -> u16;

    /// Whether such a request can come this way.
    fn carries(&self, row: &Row) -> bool;

    /// Whether what it asks is asked inside a CONNECT.
    fn connects(&self) -> bool {
        false
    }

    /// Whether it has a CONNECT at all that another transport does not have.
    fn connects_at_all(&self) -> bool {
        true
    }

    /// Whether the origin is asked by https.
    fn is_secure(&self) -> bool {
        self.connects()
    }

    /// Whether the CONNECT before this request becomes a tunnel.
    fn is_tunnelled(&self, row: &Row, place: &Place) -> bool {
        let is_known = matches!(place.sort, Sort::Open | Sort::Known);
        self.connects() && !row.is_blocked() && (is_known || row.is_garden())
    }
}

pub(super) const TRANSPORTS: [&dyn Transport; 3] = [&Http1, &Inside, &Http2];

/// HTTP/1.1 in plain text.
struct Http1;

/// HTTP/1.1 in a TLS connection inside a CONNECT.
struct Inside;

/// HTTP/2 with a secure web proxy, for http.
struct Http2;

impl Place {
    fn connect(&self, world: &World) -> TcpStream {
        let to = if self.forwarded.is_some() { world.listener("behind") } else { world.proxy };
        connect(to, self.from.into())
    }

    /// The line of a head that names the client.
    fn line(&self) -> String {
        self.forwarded.map_or(String::new(), |client| format!("X-Forwarded-For: {client}\r\n"))
    }
}

fn exchange(stream: &mut dyn Wire, row: &Row, target: &str, more: &str) -> Answer {
    let mut head = format!("{} {target} HTTP/1.1\r\nHost: {}\r\n{more}", row.method, row.host);
    for (name, value) in row.fields {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    let upgrades = row.by == By::Http1;
    if !upgrades {
        head.push_str("Connection: close\r\n");
    }
    if !row.body.is_empty() {
        write!(head, "Content-Length: {}\r\n", row.body.len()).unwrap();
    }
    stream.write_all(format!("{head}\r\n{}", row.body).as_bytes()).unwrap();
    if upgrades { Answer::read_one(stream) } else { Answer::read(stream) }
}

fn ask_for_tunnel(stream: &mut TcpStream, place: &Place, authority: &str, agent: &str) -> u16 {
    let named = place.line();
    let head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {agent}\r\n{named}\r\n");
    std::io::Write::write_all(stream, head.as_bytes()).unwrap();
    let head = read_head(stream);
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{head:?}"))
}

impl Transport for Http1 {
    fn name(&self) -> &'static str {
        "http"
    }

    fn ask(&self, world: &World, place: &Place, row: &Row) -> Answer {
        let target = format!("http://{}{}", row.host, row.target);
        exchange(&mut place.connect(world), row, &target, &place.line())
    }

    fn connect(&self, world: &World, place: &Place, connect: &Connect) -> u16 {
        ask_for_tunnel(&mut place.connect(world), place, connect.authority, connect.agent)
    }

    fn carries(&self, row: &Row) -> bool {
        row.by != By::Https
    }
}

impl Transport for Inside {
    fn name(&self) -> &'static str {
        "https inside a CONNECT"
    }

    fn ask(&self, world: &World, place: &Place, row: &Row) -> Answer {
        let mut stream = place.connect(world);
        let authority = format!("{}:443", row.host);
        assert_eq!(ask_for_tunnel(&mut stream, place, &authority, "Mozilla/5.0"), 200, "{}", row.name);
        exchange(&mut world.handshake(stream, &authority), row, row.target, "")
    }

    fn connect(&self, _: &World, _: &Place, _: &Connect) -> u16 {
        unreachable!("it is the one of plain HTTP/1.1")
    }

    fn carries(&self, row: &Row) -> bool {
        row.by != By::Http
    }

    fn connects(&self) -> bool {
        true
    }

    fn connects_at_all(&self) -> bool {
        false
    }
}

impl Transport for Http2 {
    fn name(&self) -> &'static str {
        "HTTP/2"
    }

    fn ask(&self, world: &World, place: &Place, row: &Row) -> Answer {
        let mut client = Client::connect(world, place.from);
        let mut request = Request::builder().method(row.method).uri(format!("http://{}{}", row.host, row.target));
        let named = place.forwarded.map(|client| ("X-Forwarded-For", client));
        for (name, value) in row.fields.iter().copied().chain(named) {
            request = request.header(name, value);
        }
        let (response, mut send) = client.begin(request.body(()).unwrap(), row.body.is_empty());
        if !row.body.is_empty() {
            // Whoever has been answered already need not send it any more (RFC 9113 §8.1).
            drop(send.send_data(row.body.into(), true));
        }
        let answer = client.read(response);
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let fields = answer.fields.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        Answer { status: answer.status, fields, body: answer.text.into_bytes(), complete: true }
    }

    fn connect(&self, world: &World, place: &Place, connect: &Connect) -> u16 {
        let mut client = Client::connect(world, place.from);
        let request = Request::builder().method(Method::CONNECT).uri(connect.authority);
        let request = request.header("user-agent", connect.agent);
        let request = match place.forwarded {
            Some(client) => request.header("x-forwarded-for", client),
            None => request,
        };
        client.open(request.body(()).unwrap()).0.status().as_u16()
    }

    fn carries(&self, row: &Row) -> bool {
        matches!(row.by, By::Any | By::Http)
    }
}
