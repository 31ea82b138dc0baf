//! Connections to origins: those of HTTP/1.1, which one request has at a time, and those of HTTP/2, which several share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::Version;

use super::Through;
use crate::policy::{Faults, Lane};
use crate::wire::h1::Connection;
use crate::wire::h2::origin::{Fate, Origin};

/// What a request needs of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Any will do.
    Any,
    /// It must be of HTTP/1.1, so that the request has it for itself.
    Http1,
    /// It must be able to become a WebSocket: the only stream of a connection of HTTP/2, where the origin takes them so (RFC 8441)
    /// and one is idle, else a new connection of HTTP/1.1.
    WebSocket,
}

/// An HTTP/1.1 connection to an origin, or a stream of HTTP/2 that looks like one.
#[derive(Debug)]
pub struct OriginConnection {
    /// The connection itself.
    pub connection: Connection,
    /// The parent that it goes through.
    pub through: Option<Through>,
    /// The address that was dialled.
    pub origin: SocketAddr,
    /// Our address towards it.
    pub egress: SocketAddr,
    /// What a rule has accepted of its certificate.
    pub accepted: Faults,
    /// For a stream of HTTP/2: what becomes of its request. Such a stream is for one request.
    pub stream: Option<Arc<Fate>>,
}

impl OriginConnection {
    /// The version of HTTP in which requests are sent on it.
    pub fn version(&self) -> Version {
        if self.stream.is_some() { Version::HTTP_2 } else { Version::HTTP_11 }
    }
}

/// A connection of HTTP/2.
#[derive(Debug)]
pub(super) struct Multiplexed {
    pub(super) connection: Origin,
    pub(super) lane: Lane,
    pub(super) through: Option<Through>,
    pub(super) origin: SocketAddr,
    pub(super) egress: SocketAddr,
    pub(super) accepted: Faults,
    /// When a request was last sent on it, or when it was opened.
    pub(super) since: Instant,
}

impl Multiplexed {
    /// Whether a request that needs this can be sent on it now.
    pub(super) fn suits(&mut self, wants: Wants) -> bool {
        let is_able = match wants {
            Wants::Any => true,
            Wants::Http1 => false,
            Wants::WebSocket => self.connection.takes_web_sockets() && !self.connection.is_in_use(),
        };
        is_able && self.connection.has_room() && self.connection.seems_alive() && self.connection.is_open()
    }

    /// A stream for one request to where the connection leads.
    pub(super) fn open(&mut self) -> Box<OriginConnection> {
        let (stream, fate) = self.connection.open();
        self.since = Instant::now();
        Box::new(OriginConnection {
            connection: Connection::new(stream),
            through: self.through.clone(),
            origin: self.origin,
            egress: self.egress,
            accepted: self.accepted,
            stream: Some(fate),
        })
    }
}
