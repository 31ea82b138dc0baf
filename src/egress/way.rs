//! The ways of a route, tried in order: direct, or through a parent.

use std::net::SocketAddr;
use std::time::Duration;

use http::Version;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::error::{Error, ParentFault};
use super::own::is_of_this_machine;
use super::parent::{Parent, Protocol, Resolve};
use super::sockets::Sockets;
use super::{Dialled, Dialler, Wanted, race};
use crate::net::proxy_protocol;
use crate::net::within;
use crate::policy::{Hop, Route};
use crate::wire::Scheme;
use crate::wire::h1::Stream;
use crate::wire::target::Host;

impl Dialler {
    /// Tries each way in turn. The next one is tried only if the fault is a parent's. What a parent says about the
    /// origin counts as an answer, and no other way is tried.
    pub(super) async fn by_route(&self, wanted: Wanted<'_>, route: &Route) -> Result<Dialled, Error> {
        if let [Hop::Direct] = route.hops() {
            return self.straight_to(wanted, self.sockets).await;
        }
        Box::pin(self.by_turns(wanted, route)).await
    }

    async fn by_turns(&self, wanted: Wanted<'_>, route: &Route) -> Result<Dialled, Error> {
        let until = Instant::now() + self.limit;
        let is_up = |hop: &&Hop| self.parent(hop).is_none_or(|parent| parent.health.is_up());
        let mut hops: Vec<&Hop> = route.hops().iter().filter(is_up).collect();
        if hops.is_empty() {
            // All parents have failed lately. Try them all the same: they may work again.
            hops = route.hops().iter().collect();
        }
        let mut left = u32::try_from(hops.len()).unwrap_or(u32::MAX);
        let mut last = Error::Unreachable("the route names no way".to_owned());
        for hop in hops {
            // Each way gets its share of the time, so that one that hangs leaves time for the next.
            let share = until.saturating_duration_since(Instant::now()) / left.max(1);
            left = left.saturating_sub(1);
            last = match self.by_hop(wanted, hop, share).await {
                Err(error @ Error::Parent(..)) => {
                    tracing::debug!(%error, "a parent cannot be used for this request: the proxy tries the next way of the route, if there is one");
                    error
                }
                result => return result,
            };
        }
        Err(last)
    }

    async fn by_hop(&self, wanted: Wanted<'_>, hop: &Hop, share: Duration) -> Result<Dialled, Error> {
        match hop {
            Hop::Direct => self.straight_to(wanted, self.sockets).await,
            Hop::Source(source) => self.straight_to(wanted, self.sockets.only_from(*source)).await,
            Hop::Parent(name) => match self.parent(hop) {
                // Boxed, so that a connection without a parent is not as large as one through TLS and greetings.
                Some(parent) => Box::pin(self.through(wanted, parent, share)).await,
                // Cannot happen: the configuration is checked for it.
                None => Err(Error::Unreachable(format!("there is no parent \"{name}\""))),
            },
        }
    }

    async fn straight_to(&self, wanted: Wanted<'_>, sockets: Sockets) -> Result<Dialled, Error> {
        let mut candidates = self.candidates_of(wanted).await?;
        candidates.retain(|address| sockets.reach(address));
        self.connect(wanted, &candidates, sockets).await
    }

    /// Connects to one of `candidates`, but never to an address that turns out to be one of this machine's.
    pub(super) async fn connect(
        &self,
        wanted: Wanted<'_>,
        candidates: &[SocketAddr],
        sockets: Sockets,
    ) -> Result<Dialled, Error> {
        // With a chosen source address, a connection to this machine looks like any other (its ends have different
        // addresses), so the system is asked.
        let is_hidden = |address: &SocketAddr| {
            let (to, from) = (address.ip(), sockets.source(address));
            !wanted.here && from.is_some_and(|from| from != to) && !self.opens_own(wanted, to) && is_of_this_machine(to)
        };
        if let Some(own) = candidates.iter().find(|address| is_hidden(address)) {
            return Err(Error::OwnMachine(own.ip()));
        }
        let (stream, dialled) = race::connect(candidates, sockets).await?;
        // The unspecified address leads to one of this machine's: the connection says to which.
        let origin = if dialled.ip().is_unspecified() { stream.peer_addr()? } else { dialled };
        let egress = stream.local_addr()?;
        // Both ends have the same address, and it is not in the set: this machine has had it only for a moment.
        if origin.ip() == egress.ip() && !wanted.here && !self.opens_own(wanted, origin.ip()) {
            self.machine.refresh();
            return Err(Error::OwnMachine(origin.ip()));
        }
        Ok(Dialled { stream: Stream::Plain(stream), origin, egress, through: None })
    }

    async fn through(&self, wanted: Wanted<'_>, parent: &Parent, share: Duration) -> Result<Dialled, Error> {
        let Wanted { destination, private, client, .. } = wanted;
        parent.health.use_it();
        // Before the parent is dialled, so that a destination that we refuse does not count as its failure.
        self.check_literal(destination, private)?;
        let found = match (&destination.host, parent.resolve) {
            (Host::Domain(_), Resolve::Here) => self.candidates(destination, private).await?.first().copied(),
            _ => None,
        };
        let (mut stream, origin, egress) = self.reach(parent, client, share).await?;
        let absolute_form = destination.scheme == Scheme::Http && parent.takes_absolute_form();
        if !absolute_form {
            let host = found.map_or_else(|| destination.host.clone(), |found| host_of(&found));
            let asked = parent.ask(&mut stream, (&host, destination.port), self.via.line(Version::HTTP_11)).await;
            match &asked {
                // It may have closed the connection because of the origin: that says nothing about the parent.
                Err(Error::Parent(_, ParentFault::Ended)) => {}
                Err(Error::Parent(_, fault)) => note_failure(parent, fault),
                _ => note_success(parent),
            }
            asked?;
        }
        Ok(Dialled { stream, origin, egress, through: Some(parent.through(absolute_form)) })
    }

    /// Opens a connection to a parent, for a client or for ourselves, up to where a request can be sent, within
    /// `limit`. Notes a failure. Does not note a success: only an answer shows that the parent works.
    pub(super) async fn reach(
        &self,
        parent: &Parent,
        client: Option<SocketAddr>,
        limit: Duration,
    ) -> Result<(Stream, SocketAddr, SocketAddr), Error> {
        let reached = match within(limit, self.open(parent, client)).await {
            Ok(reached) => reached,
            Err(_) => Err(ParentFault::NotReached(Box::new(Error::TimedOut))),
        };
        reached.map_err(|fault| {
            note_failure(parent, &fault);
            parent.fault(fault)
        })
    }

    async fn open(
        &self,
        parent: &Parent,
        client: Option<SocketAddr>,
    ) -> Result<(Stream, SocketAddr, SocketAddr), ParentFault> {
        let address = &parent.address;
        let not_reached = |error: Error| ParentFault::NotReached(Box::new(error));
        let found = self.resolver.resolve_at(&address.host, address.port).await.map_err(not_reached)?;
        if let Some(own) = found.iter().find(|socket| self.is_own(**socket)) {
            return Err(not_reached(Error::Myself(*own)));
        }
        let connected = race::connect(&found, self.sockets).await.map_err(|error| not_reached(error.into()))?;
        let (mut tcp, origin) = connected;
        let egress = tcp.local_addr().map_err(|error| not_reached(error.into()))?;
        if parent.proxy_protocol {
            let header = client.map_or_else(proxy_protocol::encode_local, |from| proxy_protocol::encode(from, egress));
            tcp.write_all(&header).await?;
        }
        let mut stream = match address.protocol {
            Protocol::Https => {
                let tls = self.tls.connect(&address.host, tcp).await.map_err(not_reached)?;
                Stream::Other(Box::new(tls))
            }
            Protocol::Http | Protocol::Socks5 => Stream::Plain(tcp),
        };
        parent.greet(&mut stream).await?;
        Ok((stream, origin, egress))
    }
}

/// Notes that a parent has answered.
pub(super) fn note_success(parent: &Parent) {
    if parent.health.works() {
        tracing::info!(parent = %parent.name, "a parent works again, and is used");
    }
}

/// Notes that a parent has failed, so that it is not tried for a while.
pub(super) fn note_failure(parent: &Parent, fault: &ParentFault) {
    if parent.health.fails() {
        tracing::warn!(parent = %parent.name, %fault, "a parent has failed: for a while the proxy does not try it, and uses the other ways of its routes");
    }
}

fn host_of(socket: &SocketAddr) -> Host<String> {
    match socket.ip() {
        std::net::IpAddr::V4(address) => Host::Ipv4(address),
        std::net::IpAddr::V6(address) => Host::Ipv6(address),
    }
}
