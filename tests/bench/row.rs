//! The rows of the table: what is done, and how its figures are read.

use anyhow::Result;

use crate::load::{self, Done, Work};
use crate::origin::Origin;
use crate::target::{Kind, Target};
use crate::{Plan, bulk};

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
];

/// How many new connections are under way at the same time.
const AT_A_TIME: usize = 64;

/// More than any window can take.
const ENDLESS: &str = "/1000000000000000";

impl Row {
    /// Whether the row says anything about this target.
    pub(crate) fn applies_to(&self, target: &Target) -> bool {
        // What a line in a log costs shows where there is a line for little work.
        target.kind != Kind::SquidUnlogged || matches!(self.kind, Doing::Get(_))
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
        matches!(self.kind, Doing::Tunnels(_) | Doing::Download)
    }

    /// Does it once.
    pub(crate) fn measure(&self, plan: &Plan, target: &Target, origin: &Origin, known: Known) -> Result<Done> {
        let cookie = match (known, &target.cookie) {
            (Known::ByCookie, Some(cookie)) => format!("Cookie: {cookie}\r\n"),
            _ => String::new(),
        };
        let small = |connections, more: &str, keep_alive| Work {
            address: target.way_to(origin.small),
            connections,
            opening: Vec::new(),
            request: target.request(origin.small, "/", more),
            keep_alive,
        };
        let cpu = || target.cpu();
        let way = target.way_to(origin.large);
        match self.kind {
            Doing::Get(connections) => load::run(&small(connections, &cookie, true), plan.window, cpu),
            Doing::NewConnection => load::run(&small(AT_A_TIME, "Connection: close\r\n", false), plan.window, cpu),
            Doing::Connect => {
                let (opening, request) = (target.opening(origin.small), Target::inner_request(origin.small, "/"));
                let work = Work { opening, request, ..small(AT_A_TIME, "", false) };
                load::run(&work, plan.window, cpu)
            }
            Doing::Tunnels(number) => {
                let request = Target::inner_request(origin.large, ENDLESS);
                bulk::tunnels(way, number, &target.opening(origin.large), &request, plan.window, cpu)
            }
            Doing::Download => {
                let request = target.request(origin.large, &format!("/{}", plan.download), "");
                bulk::download(way, &request, plan.download, cpu)
            }
        }
    }
}
