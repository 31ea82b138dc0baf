//! Connections for requests: a new one, or a stream of one that another request opens at the same time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http::uri::Authority;

use super::opening::{Opening, Turn};
use super::pool::{Lease, OriginConnection, Pool, Wants};
use super::shared::Multiplexed;
use super::tls::Offer;
use super::{Dialled, Dialler, Error, Presented};
use crate::net::gather::{Gather, ReadAhead};
use crate::net::within;
use crate::policy::{Faults, Permit};
use crate::wire::Scheme;
use crate::wire::h1::{ByteStream, Connection, Stream};
use crate::wire::h2::origin::{Origin, has_room_in_all};

/// How often a request waits for a connection that another one opens, before it opens one of its own.
const MAX_WAITS: usize = 4;

/// HTTP/2, as ALPN names it (RFC 9113 §3.2).
pub(super) const HTTP_2: &[u8] = b"h2";

impl Dialler {
    /// A connection for HTTP to where the permit says, with TLS if the destination's scheme is https. The lease holds the permit,
    /// and its connection goes to `pool` when it is given back. Where the origin is known to speak HTTP/2, those who need a
    /// connection at the same time wait for one of them to open it.
    pub async fn lease(
        &self,
        permit: Permit,
        client: SocketAddr,
        pool: &Arc<Pool>,
        wants: Wants,
    ) -> Result<Lease, Error> {
        let mut permit = permit;
        let deadline = tokio::time::Instant::now() + self.limit;
        for _ in 0..MAX_WAITS {
            if !self.may_share(&permit, pool, wants) || !self.met.speaks_http_2(&permit) {
                break;
            }
            match pool.opening(&permit) {
                Turn::Ours(opening) => return self.lease_new(permit, client, pool, (wants, Some(opening))).await,
                Turn::Others(wait) => {
                    let is_there = within(deadline.saturating_duration_since(tokio::time::Instant::now()), wait.over())
                        .await
                        .unwrap_or(false);
                    permit = match pool.take(permit, wants) {
                        Ok(lease) => return Ok(lease),
                        Err(permit) => permit,
                    };
                    if !is_there {
                        break;
                    }
                }
            }
        }
        self.lease_new(permit, client, pool, (wants, None)).await
    }

    /// Notes that requests such as that of this permit are to be sent by HTTP/1.1, for a while.
    pub fn prefer_http_1(&self, permit: &Permit) {
        self.met.prefer_http_1(permit);
    }

    /// Whether a new connection to where the permit says may be one of HTTP/2.
    fn may_share(&self, permit: &Permit, pool: &Pool, wants: Wants) -> bool {
        wants == Wants::Any
            && permit.destination().scheme == Scheme::Https
            && !self.met.prefers_http_1(permit)
            && has_room_in_all()
            && pool.may_share(permit)
    }

    /// The pool's turn for connections that are opened now. Those of a configuration that is replaced have none: whatever is
    /// kept from now on was opened as the next one says.
    pub(super) fn turn(&self, pool: &Pool) -> u64 {
        // In this order: `retire` comes before the pools are cleared, so whoever finds the new turn finds that as well.
        let turn = pool.turn();
        if self.retired.load(Ordering::Acquire) { u64::MAX } else { turn }
    }

    async fn lease_new(
        &self,
        permit: Permit,
        client: SocketAddr,
        pool: &Arc<Pool>,
        (wants, opening): (Wants, Option<Opening>),
    ) -> Result<Lease, Error> {
        let turn = self.turn(pool);
        let may_share = self.may_share(&permit, pool, wants);
        let dialled = self.dial_by(&permit, Some(client)).await?;
        let (connection, is_shared) = match permit.destination().scheme {
            Scheme::Http => (Box::new(dialled.http_1(Faults::NONE)), false),
            Scheme::Https => {
                let offer = if may_share { dialled.offer() } else { Offer::Http1 };
                let (stream, way) = dialled.apart();
                let (shaken, _) = self
                    .tls
                    .meet(&permit.destination().host, ReadAhead::new(stream), permit.lane().accept, offer)
                    .await;
                let (stream, presented) = shaken?;
                Box::pin(self.begin(&permit, (stream, way), &presented, (pool, turn))).await?
            }
        };
        if let Some(opening) = opening.filter(|_| is_shared) {
            opening.has_worked();
        }
        Ok(pool.lease(connection, permit, turn))
    }

    /// Begins with the protocol on which was agreed. This is a stream of a connection of HTTP/2, which others share from now on if
    /// the second says so.
    pub(super) async fn begin<S: ByteStream + 'static>(
        &self,
        permit: &Permit,
        (stream, way): (S, Dialled<()>),
        presented: &Presented,
        (pool, turn): (&Arc<Pool>, u64),
    ) -> Result<(Box<OriginConnection>, bool), Error> {
        let Dialled { origin, egress, through, .. } = way;
        let accepted = presented.accepted;
        if presented.alpn.as_deref() != Some(HTTP_2) {
            let connection = Connection::new(Stream::Other(Box::new(Gather::new(stream))));
            let alone = OriginConnection { connection, through, origin, egress, accepted, stream: None };
            return Ok((Box::new(alone), false));
        }
        let authority = Authority::try_from(permit.destination().authority());
        let authority = authority.map_err(|_| Error::Unreachable("its name cannot be asked for".to_owned()))?;
        let connection = Origin::begin(stream, authority, &self.limits).await?;
        let (lane, since) = (permit.lane().clone(), Instant::now());
        let shared = Multiplexed { connection, lane, through, origin, egress, accepted, since };
        Ok(pool.share(permit, shared, turn))
    }
}

impl Dialled {
    /// What may be offered to the origin: a connection that a parent knows to be one client's cannot be shared.
    pub(super) fn offer(&self) -> Offer {
        let is_for_one = self.through.as_ref().is_some_and(|through| through.for_one_client);
        if is_for_one { Offer::Http1 } else { Offer::Http2 }
    }

    /// The stream, and how it was reached.
    pub(super) fn apart(self) -> (Stream, Dialled<()>) {
        let Self { stream, origin, egress, through } = self;
        (stream, Dialled { stream: (), origin, egress, through })
    }

    fn http_1(self, accepted: Faults) -> OriginConnection {
        let Self { stream, origin, egress, through } = self;
        OriginConnection { connection: Connection::new(stream), through, origin, egress, accepted, stream: None }
    }
}
