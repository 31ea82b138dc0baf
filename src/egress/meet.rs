//! Meets an origin before the TLS of a client is ended in its place: what the origin shows decides what the client sees, and
//! whether it is intercepted at all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use tokio::sync::OnceCell;

use super::lease::HTTP_2;
use super::pool::Pool;
use super::tls::Offer;
use super::{Dialler, Error};
use crate::net::gather::ReadAhead;
use crate::policy::{Faults, Lane, Permit};
use crate::wire::Destination;

/// How long it is remembered what an origin has shown.
const SHOWN: Duration = Duration::from_secs(300);

/// How long it is remembered that it has shown nothing. Short, because it may be started at any moment.
const AWAY: Duration = Duration::from_secs(5);

/// How long it is remembered that an origin asks for a certificate of the client.
const ASKED: Duration = Duration::from_secs(24 * 3600);

/// How long it is remembered that an origin wants HTTP/1.1, although it has agreed on HTTP/2.
const PREFERRED: Duration = Duration::from_secs(3600);

/// Origins that are remembered. Beyond that, those that nobody asks for are forgotten.
const MAX_ORIGINS: u64 = 20_000;

/// What an origin has shown in its handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// The hosts for which its certificate was issued, as they stand in it.
    pub names: Vec<String>,
    /// The protocol on which it has agreed (RFC 7301), if it has.
    pub alpn: Option<Vec<u8>>,
    /// What a rule has accepted of its certificate.
    pub accepted: Faults,
    /// Whether it asks for a certificate of the client. Nothing else is known of such an origin.
    pub asks_certificate: bool,
}

/// What was met, and when.
type Meeting = OnceCell<(Instant, Result<Arc<Presented>, Error>)>;

/// Origins that were met.
#[derive(Debug)]
pub(super) struct Met {
    all: Cache<(Destination, Lane), Arc<Meeting>>,
    /// Those that ask for a certificate of the client.
    askers: Cache<(Destination, Lane), ()>,
    /// Those that want HTTP/1.1, although they have agreed on HTTP/2.
    http_1: Cache<(Destination, Lane), ()>,
}

impl Default for Met {
    fn default() -> Self {
        Self {
            all: Cache::builder().max_capacity(MAX_ORIGINS).time_to_live(SHOWN).build(),
            askers: Cache::builder().max_capacity(MAX_ORIGINS).time_to_live(ASKED).build(),
            http_1: Cache::builder().max_capacity(MAX_ORIGINS).time_to_live(PREFERRED).build(),
        }
    }
}

impl Met {
    /// Whether the origin to which the permit leads has agreed on HTTP/2.
    pub(super) fn speaks_http_2(&self, permit: &Permit) -> bool {
        let meeting = self.all.get(&key_of(permit));
        let met = meeting.as_ref().and_then(|meeting| meeting.get());
        met.is_some_and(|(_, met)| met.as_ref().is_ok_and(|presented| presented.alpn.as_deref() == Some(HTTP_2)))
    }

    /// Whether it wants HTTP/1.1 all the same.
    pub(super) fn prefers_http_1(&self, permit: &Permit) -> bool {
        self.http_1.contains_key(&key_of(permit))
    }

    /// Notes that it does.
    pub(super) fn prefer_http_1(&self, permit: &Permit) {
        self.http_1.insert(key_of(permit), ());
        // Clients that come from now on are told so in their own handshake.
        self.all.invalidate(&key_of(permit));
    }
}

impl Dialler {
    /// Shakes hands with the origin to which the permit leads, unless that was done a short while ago, and keeps the connection
    /// in `pool` for the request that follows. Several who ask at the same time wait for one handshake. The permit comes back:
    /// nothing was sent, and where the origin turns out to be one that cannot be intercepted, a tunnel uses it up.
    pub async fn meet(
        &self,
        permit: Permit,
        client: SocketAddr,
        pool: &Arc<Pool>,
    ) -> (Permit, Result<Arc<Presented>, Error>) {
        let key = key_of(&permit);
        if self.met.askers.contains_key(&key) {
            return (permit, Ok(Arc::new(Presented { asks_certificate: true, ..Presented::default() })));
        }
        if self.met.all.get(&key).is_some_and(|meeting| is_old(&meeting)) {
            self.met.all.invalidate(&key);
        }
        let meeting = self.met.all.get_with(key.clone(), Arc::default);
        let met = async { (Instant::now(), self.shake(&permit, client, pool).await.map(Arc::new)) };
        let (_, met) = meeting.get_or_init(|| met).await;
        let met = met.clone();
        if met.as_ref().is_ok_and(|presented| presented.asks_certificate) {
            self.met.askers.insert(key, ());
        }
        (permit, met)
    }

    async fn shake(&self, permit: &Permit, client: SocketAddr, pool: &Arc<Pool>) -> Result<Presented, Error> {
        let turn = self.turn(pool);
        let dialled = self.dial_by(permit, Some(client)).await?;
        let offer = if self.met.prefers_http_1(permit) { Offer::Http1 } else { dialled.offer() };
        let (stream, way) = dialled.apart();
        let shaken =
            self.tls.meet(&permit.destination().host, ReadAhead::new(stream), permit.lane().accept, offer).await;
        let (shaken, asks_certificate) = shaken;
        let (stream, presented) = match shaken {
            // It would refuse whoever has none, or answer otherwise: no connection of ours is of use to the client.
            Ok(_) | Err(Error::Tls(_) | Error::NoTls(_)) if asks_certificate => {
                return Ok(Presented { asks_certificate, ..Presented::default() });
            }
            Ok(shaken) => shaken,
            // It was there, so it is TLS that it does not speak.
            Err(Error::TimedOut) => return Err(Error::NoTls("it did not answer in time".into())),
            Err(error) => return Err(error),
        };
        if way.through.as_ref().is_none_or(|through| !through.for_one_client) {
            let (connection, _) = Box::pin(self.begin(permit, (stream, way), &presented, (pool, turn))).await?;
            if connection.stream.is_none() {
                pool.put(permit, connection, turn);
            }
        }
        Ok(presented)
    }
}

fn key_of(permit: &Permit) -> (Destination, Lane) {
    (Destination::clone(permit.destination()), permit.lane().clone())
}

fn is_old(meeting: &Meeting) -> bool {
    meeting.get().is_some_and(|(when, met)| met.is_err() && when.elapsed() >= AWAY)
}
