//! The rows of the table: what is done, and how its figures are read.

use anyhow::Result;

use crate::Plan;
use crate::bulk::Bulk;
use crate::h2;
use crate::inside;
use crate::load::{self, Done, Inside, Work};
use crate::origin::Origin;
use crate::peer::Peer;
use crate::secure::{self, HTTP_11};
use crate::target::{Kind, Target};

/// One row.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    kind: Doing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// GETs on so many connections that stay open.
    Get(usize),
    /// A connection for each GET.
    NewConnection,
    /// CONNECT, one exchange, close.
    Connect,
    /// Bytes through so many tunnels.
    Tunnels(usize),
    /// One large answer.
    Download,
    /// One large request.
    Upload,
    /// CONNECT and a handshake inside, on a connection each.
    Handshake { client: Client, asks: bool },
    /// GETs inside of so many CONNECTs that stay open.
    GetInside(usize),
    /// GETs over HTTP/2, eight at a time, inside of so many.
    StreamInside(usize),
    /// One large answer inside.
    DownloadInside,
}

/// What a client inside has had to do with the proxy before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    /// It asks for a host that the proxy has a leaf for.
    Known,
    /// It resumes a session.
    Resuming,
    /// It asks for a host that nobody has asked for.
    Fresh,
}

/// How somebody who is signed in is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    ByAddress,
    ByCookie,
}

/// All rows, in their order.
pub(crate) const ROWS: &[Row] = &[
    Row { name: "get-1", title: "GET of 64 bytes, 1 connection", kind: Doing::Get(1) },
    Row { name: "get-64", title: "GET of 64 bytes, 64 connections", kind: Doing::Get(64) },
    Row { name: "get-512", title: "GET of 64 bytes, 512 connections", kind: Doing::Get(512) },
    Row { name: "new", title: "a new connection for each GET, 64 at a time", kind: Doing::NewConnection },
    Row { name: "connect", title: "CONNECT, one exchange, close; 64 at a time", kind: Doing::Connect },
    Row { name: "tunnel-1", title: "bytes through 1 tunnel", kind: Doing::Tunnels(1) },
    Row { name: "tunnel-16", title: "bytes through 16 tunnels", kind: Doing::Tunnels(16) },
    Row { name: "download", title: "one download over plain http", kind: Doing::Download },
    Row { name: "upload", title: "one upload over plain http", kind: Doing::Upload },
    Row {
        name: "tls",
        title: "intercepted: CONNECT, handshake, close; 16 at a time",
        kind: Doing::Handshake { client: Client::Known, asks: false },
    },
    Row {
        name: "tls-resumed",
        title: "intercepted: the same, resuming a session",
        kind: Doing::Handshake { client: Client::Resuming, asks: false },
    },
    Row {
        name: "tls-fresh",
        title: "intercepted: the same, a new host each time",
        kind: Doing::Handshake { client: Client::Fresh, asks: false },
    },
    Row {
        name: "tls-get",
        title: "intercepted: CONNECT, handshake, GET, close; 16 at a time",
        kind: Doing::Handshake { client: Client::Known, asks: true },
    },
    Row {
        name: "tls-fresh-get",
        title: "intercepted: the same, a new host each time",
        kind: Doing::Handshake { client: Client::Fresh, asks: true },
    },
    Row { name: "inside-1", title: "intercepted: GET inside, 1 connection", kind: Doing::GetInside(1) },
    Row { name: "inside-64", title: "intercepted: GET inside, 64 connections", kind: Doing::GetInside(64) },
    Row {
        name: "inside-h2",
        title: "intercepted: GET inside over HTTP/2, 8 connections, 8 at a time on each",
        kind: Doing::StreamInside(8),
    },
    Row { name: "inside-download", title: "intercepted: one download inside", kind: Doing::DownloadInside },
];

/// How many new connections are under way at the same time.
const AT_A_TIME: usize = 64;

/// The same of handshakes, with each of which the load has as much to do as the proxy.
const HANDSHAKES: usize = 16;

/// More than any window can take.
const ENDLESS: &str = "/1000000000000000";

impl Row {
    /// Whether the row says anything about this target.
    pub(crate) fn applies_to(&self, target: &Target) -> bool {
        let kind = target.kind;
        match self.kind {
            Doing::StreamInside(_) => kind.intercepts() && target.speaks_h2,
            Doing::Handshake { .. } | Doing::GetInside(_) | Doing::DownloadInside => kind.intercepts(),
            _ if kind == Kind::Peer(Peer::SquidBump) => false,
            Doing::Get(_) => kind.keeps_connections(),
            // What a line in a log costs shows where there is a line for little work.
            _ if kind == Kind::Peer(Peer::SquidUnlogged) => false,
            Doing::Connect | Doing::Tunnels(_) => kind.tunnels(),
            Doing::NewConnection | Doing::Download | Doing::Upload => kind.forwards(),
        }
    }

    /// Whether it is about what is inside a CONNECT.
    pub(crate) fn is_inside(&self) -> bool {
        matches!(
            self.kind,
            Doing::StreamInside(_) | Doing::Handshake { .. } | Doing::GetInside(_) | Doing::DownloadInside
        )
    }

    /// The ways to be known that are measured.
    pub(crate) fn variants(&self, target: &Target) -> Vec<Known> {
        match (self.kind, &target.cookie) {
            (Doing::Get(_), Some(_)) => vec![Known::ByAddress, Known::ByCookie],
            _ => vec![Known::ByAddress],
        }
    }

    /// What the table calls a target that is used in this way.
    pub(crate) fn label(target: &Target, known: Known) -> String {
        match known {
            Known::ByCookie => format!("{}, by cookie", target.name),
            Known::ByAddress => target.name.to_owned(),
        }
    }

    /// Whether an operation is a megabyte.
    pub(crate) fn is_bulk(&self) -> bool {
        matches!(self.kind, Doing::Tunnels(_) | Doing::Download | Doing::Upload | Doing::DownloadInside)
    }

    /// Does it once.
    pub(crate) fn measure(&self, plan: &Plan, target: &Target, origin: &Origin, known: Known) -> Result<Done> {
        let cookie = match (known, &target.cookie) {
            (Known::ByCookie, Some(cookie)) => format!("Cookie: {cookie}\r\n"),
            _ => String::new(),
        };
        let small = |connections, more: &str, keep_alive| Work {
            address: target.address,
            connections,
            opening: Vec::new(),
            request: target.request(origin, "GET", "/", more),
            keep_alive,
            inside: None,
        };
        let bulk =
            |opening, request| Bulk { origin, address: target.address, opening, request, sleeping: plan.sleeping };
        let run = |work: &Work<'_>| load::run(work, origin, plan.window, plan.sleeping, || target.cpu());
        let cpu = || target.cpu();
        match self.kind {
            Doing::Get(connections) => run(&small(connections, &cookie, true)),
            Doing::NewConnection => run(&small(AT_A_TIME, "Connection: close\r\n", false)),
            Doing::Connect => {
                let (opening, request) = (target.opening(origin), target.inner_request(origin, "/"));
                run(&Work { opening, request, ..small(AT_A_TIME, "", false) })
            }
            Doing::Tunnels(number) => {
                let bulk = bulk(target.opening(origin), target.inner_request(origin, ENDLESS));
                bulk.tunnels(number, plan.window, cpu)
            }
            Doing::Download => {
                let request = target.request(origin, "GET", &format!("/{}", plan.download), "");
                bulk(Vec::new(), request).download(plan.download, cpu)
            }
            Doing::Handshake { client, asks } => {
                let config = secure::client(client == Client::Resuming, &[HTTP_11])?;
                let fresh = (client == Client::Fresh).then_some(&target.fresh);
                let inside = Some(Inside { config, port: origin.secure.port(), fresh, asks, streams: None });
                run(&Work { inside, ..small(HANDSHAKES, "", false) })
            }
            Doing::GetInside(connections) => {
                let (config, port) = (secure::client(false, &[HTTP_11])?, origin.secure.port());
                let inside = Some(Inside { config, port, fresh: None, asks: true, streams: None });
                run(&Work { inside, ..small(connections, "", true) })
            }
            Doing::StreamInside(connections) => {
                let (config, port) = (secure::client(false, &[h2::ALPN])?, origin.h2.port());
                let inside = Some(Inside { config, port, fresh: None, asks: true, streams: Some(8) });
                run(&Work { inside, ..small(connections, "", true) })
            }
            Doing::DownloadInside => inside::download(target, origin, plan.download, plan.sleeping),
            Doing::Upload => {
                let length = format!("Content-Length: {}\r\n", plan.download);
                bulk(Vec::new(), target.request(origin, "POST", "/", &length)).upload(plan.download, cpu)
            }
        }
    }
}
