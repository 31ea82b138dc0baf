//! The addresses to which clients connect. They outlive a configuration if the next one names them as well.

use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;

use super::error::Error;
use super::outlet::Outlet;
use crate::config::Config;
use crate::listener::{Acceptor, End, Gate, Listener, Secure, Shared};
use crate::net::Limits;
use crate::wire::Entries;

/// How many connections to the portal's own listener may wait to be accepted.
const BACKLOG: i32 = 4096;

/// The name of the portal's own listener.
pub(super) const PORTAL: &str = "portal";

/// The name of the listener for SCIM.
pub(super) const SCIM: &str = "scim";

/// The name of the address for metrics among the listeners.
pub(super) const METRICS: &str = "metrics";

/// An address that is bound.
pub(super) struct Bound {
    /// The address as configured, in which the port may be 0.
    configured: SocketAddr,
    pub(super) address: SocketAddr,
    pub(super) end: End,
    /// How clients are let in; `None` until the first edges are there.
    pub(super) gate: Option<Arc<ArcSwap<Gate>>>,
}

/// How the clients of one address speak.
struct Speech {
    proxy_protocol: Vec<IpNet>,
    plain_http: bool,
    secure: Option<Arc<Secure>>,
}

/// All addresses of one configuration, in its order.
pub(super) struct Sockets {
    pub(super) proxies: Vec<Bound>,
    pub(super) portal: Bound,
    /// The listener for SCIM, if there is one.
    pub(super) scim: Option<Bound>,
    pub(super) outlet: Option<(SocketAddr, SocketAddr)>,
}

/// The addresses for a configuration that is not yet in force. If it never is, dropping this closes the new ones.
pub(super) struct Fresh {
    pub(super) sockets: Sockets,
    /// The acceptors of new addresses, by their place among the proxies; the portal's place comes after theirs, and SCIM's
    /// after that.
    pub(super) acceptors: Vec<(usize, Vec<Acceptor>)>,
    pub(super) outlet: Option<Outlet>,
    /// The ends of those that the configuration does not name any more.
    pub(super) gone: Vec<End>,
}

impl Sockets {
    /// Binds the addresses that a configuration names, with one socket for each worker. Those of `old` that it also
    /// names are taken over as they are.
    pub(super) fn bind(config: &Config, limits: &Limits, shared: &Shared, old: Option<&Self>) -> Result<Fresh, Error> {
        let workers = NonZero::new(limits.workers).unwrap_or(NonZero::<usize>::MIN);
        let mut kept: Vec<&Bound> = old.iter().flat_map(|old| &old.proxies).collect();
        let mut acceptors = Vec::new();
        let mut take = |name: &str, at: usize, configured, backlog, workers, kept: &mut Vec<&Bound>| {
            if let Some(same) = kept.iter().position(|one| one.configured == configured) {
                return Ok(kept.remove(same).again());
            }
            let listener = Listener::bind(configured, workers, backlog, limits.tcp(), &shared.finish)
                .map_err(|error| Error::Bind(name.to_owned(), configured, error))?;
            let (address, end) = (listener.address(), listener.end().clone());
            acceptors.push((at, listener.acceptors().collect()));
            Ok::<_, Error>(Bound { configured, address, end, gate: None })
        };
        let proxies = config.listeners.iter().enumerate().map(|(at, listener)| {
            take(&listener.name, at, listener.address, listener.backlog.into(), workers, &mut kept)
        });
        let proxies = proxies.collect::<Result<Vec<_>, _>>()?;
        let mut kept_portal: Vec<&Bound> = old.iter().map(|old| &old.portal).collect();
        let (at, one) = (proxies.len(), NonZero::<usize>::MIN);
        let portal = take(PORTAL, at, config.portal.listen, BACKLOG, one, &mut kept_portal)?;
        let mut kept_scim: Vec<&Bound> = old.iter().filter_map(|old| old.scim.as_ref()).collect();
        let scim =
            config.scim.listen.map(|listen| take(SCIM, at + 1, listen, BACKLOG, one, &mut kept_scim)).transpose()?;
        let gone = kept.iter().chain(&kept_portal).chain(&kept_scim).map(|bound| bound.end.clone()).collect();
        let wanted = config.metrics.listen;
        let same = old.and_then(|old| old.outlet).filter(|(configured, _)| Some(*configured) == wanted);
        let (outlet, at) = match (same, wanted) {
            (Some(same), _) => (None, Some(same)),
            (None, None) => (None, None),
            (None, Some(address)) => {
                let wrong = |error| Error::Bind(METRICS.to_owned(), address, error);
                let outlet = Outlet::bind(address).map_err(wrong)?;
                let at = outlet.address().unwrap_or(address);
                (Some(outlet), Some((address, at)))
            }
        };
        let sockets = Self { proxies, portal, scim, outlet: at };
        Ok(Fresh { sockets, acceptors, outlet, gone })
    }

    /// The addresses to which clients connect, the portal's and SCIM's last.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.proxies.iter().chain([&self.portal]).chain(&self.scim).map(|bound| bound.address).collect()
    }

    /// The socket at this place: that of a proxy, of the portal, or SCIM's.
    pub(super) fn at(&self, place: usize) -> &Bound {
        let after = place.checked_sub(self.proxies.len());
        let scim = self.scim.as_ref().filter(|_| after == Some(1));
        self.proxies.get(place).or(scim).unwrap_or(&self.portal)
    }

    /// Has clients let in as the edges of `config` say: each listener with its entry and its TLS.
    pub(super) fn open(&mut self, config: &Config, limits: &Limits, entries: &Entries, secure: &[Option<Arc<Secure>>]) {
        let ways = config.listeners.iter().zip(secure).map(|(listener, secure)| {
            let proxy_protocol = listener.proxy_protocol.clone();
            Speech { proxy_protocol, plain_http: secure.is_none(), secure: secure.clone() }
        });
        let own = |plain_http| Speech { proxy_protocol: Vec::new(), plain_http, secure: None };
        let is_plain = config.scim.certificate.is_none();
        let scim = self.scim.iter_mut().map(|bound| (bound, own(is_plain)));
        let all = self.proxies.iter_mut().zip(ways).chain([(&mut self.portal, own(false))]).chain(scim);
        for ((bound, Speech { proxy_protocol, plain_http, secure }), entry) in all.zip(entries.all()) {
            let (entry, head_time) = (Arc::clone(entry), limits.head_time);
            let gate = Arc::new(Gate { entry, proxy_protocol, plain_http, head_time, secure });
            match &bound.gate {
                Some(open) => open.store(gate),
                None => bound.gate = Some(Arc::new(ArcSwap::new(gate))),
            }
        }
    }
}

impl Bound {
    fn again(&self) -> Self {
        let (end, gate) = (self.end.clone(), self.gate.clone());
        Self { configured: self.configured, address: self.address, end, gate }
    }
}
