//! The addresses of this machine. They are not dialled, because what listens on them often listens for this machine
//! alone.
//!
//! They are kept in a set, so that no request waits for the system. The set is read anew when the system says that an
//! address has come or gone (rtnetlink(7)), and every few seconds. An address that has come since then is seen on the
//! connection itself: if both its ends have the same address, it is a connection to this machine.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

use super::address::reached;

/// How old the set may become if the system says nothing.
const REFRESH: Duration = Duration::from_secs(5);

/// How long to wait after a change before reading, because changes come in bursts.
const SETTLING: Duration = Duration::from_millis(20);

/// RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR (rtnetlink(7)).
const GROUPS: u32 = 0x1 | 0x10 | 0x100;

/// The addresses of this machine.
#[derive(Debug)]
pub(super) struct Own {
    all: ArcSwap<HashSet<IpAddr>>,
}

impl Own {
    /// Reads the addresses that this machine has now.
    pub(super) fn new() -> Self {
        let own = Self { all: ArcSwap::default() };
        own.refresh();
        own
    }

    /// Whether `address` is one of this machine's, or leads to one of them.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        let all = self.all.load();
        let is_own = |address: IpAddr| address.is_loopback() || is_unspecified(address) || all.contains(&address);
        is_own(address.to_canonical()) || is_own(reached(address)) || embedded(address).is_some_and(is_own)
    }

    /// Reads them anew.
    pub(super) fn refresh(&self) {
        match if_addrs::get_if_addrs() {
            Ok(found) => {
                let found: HashSet<IpAddr> = found.iter().flat_map(addresses).map(|ip| ip.to_canonical()).collect();
                let before = self.all.load();
                if found != **before {
                    // At the start there were none, and nothing has changed.
                    if !before.is_empty() {
                        tracing::info!(
                            addresses = found.len(),
                            "the addresses of this machine have changed: from now on the proxy dials none of the new ones"
                        );
                    }
                    self.all.store(found.into());
                }
            }
            Err(error) => {
                tracing::error!(%error, "the addresses of this machine cannot be read: the proxy goes on dialling none of those that were read last");
            }
        }
    }

    /// Keeps the set up to date. Never returns.
    pub(super) async fn follow(&self) {
        let changes = changes();
        if let Err(error) = &changes {
            tracing::warn!(%error, "the system does not tell when addresses of this machine change: they are read every few seconds instead");
        }
        loop {
            match &changes {
                Ok(changes) => drop(timeout(REFRESH, told(changes)).await),
                Err(_) => sleep(REFRESH).await,
            }
            self.refresh();
        }
    }

    #[cfg(test)]
    pub(super) fn of(addresses: &[&str]) -> Self {
        Self { all: ArcSwap::from_pointee(addresses.iter().map(|text| text.parse().unwrap()).collect()) }
    }
}

/// Asks the system whether `address` is one of this machine's: if so, the system would choose that same address as the
/// source of a datagram to it. Nothing is sent.
pub(super) fn is_of_this_machine(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let source = || {
        let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
        socket.connect((address, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    source() == Some(address)
}

/// The addresses of an interface: its own, and the broadcast address of its network.
fn addresses(interface: &if_addrs::Interface) -> impl Iterator<Item = IpAddr> + use<> {
    let broadcast = match &interface.addr {
        if_addrs::IfAddr::V4(v4) => v4.broadcast.map(IpAddr::V4),
        if_addrs::IfAddr::V6(_) => None,
    };
    [Some(interface.ip()), broadcast].into_iter().flatten()
}

/// RFC 1122 §3.2.1.3: "this host on this network".
fn is_unspecified(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets().first() == Some(&0) || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unspecified(),
    }
}

/// The IPv4 address that is written in an IPv6 address: 6to4 (RFC 3056 §2), IPv4-compatible (RFC 4291 §2.5.5.1), local
/// NAT64 prefixes (RFC 8215), and Teredo's client (RFC 4380 §4).
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address.to_canonical() else { return None };
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match v6.segments() {
        [0x2002, high, low, ..] | [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => {
            Some(v4(high, low))
        }
        [0x2001, 0, _, _, _, _, high, low] => Some(v4(!high, !low)),
        _ => None,
    }
}

/// A socket on which the kernel says that an address of this network namespace has come or gone. It is a netlink
/// socket; since it delivers datagrams, a UDP socket's type can wait for it.
fn changes() -> io::Result<UdpSocket> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // Protocol 0 is NETLINK_ROUTE (netlink(7)).
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
    UdpSocket::from_std(std::net::UdpSocket::from(socket))
}

/// Waits until an address has changed, and then for further changes of the same burst. What has changed does not
/// matter, since everything is read anew; so it does not matter either if the socket's buffer has overflowed.
async fn told(changes: &UdpSocket) {
    let mut message = [0; 4096];
    drop(changes.recv(&mut message).await);
    sleep(SETTLING).await;
    while changes.try_recv(&mut message).is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_leads_to_this_machine_is_of_it() {
        let own = Own::of(&["198.51.100.7", "2606:4700::7", "fe80::1"]);
        for (address, is_own) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("0.0.0.0", true),
            ("0.1.2.3", true),
            ("::", true),
            ("255.255.255.255", true),
            ("::ffff:127.0.0.1", true),
            ("198.51.100.7", true),
            ("::ffff:198.51.100.7", true),
            ("64:ff9b::198.51.100.7", true),
            ("64:ff9b:1::198.51.100.7", true),
            ("64:ff9b::127.0.0.1", true),
            ("2002:c633:6407::1", true),
            ("2001:0:4136:e378:8000:63bf:39cc:9bf8", true),
            ("::198.51.100.7", true),
            ("2606:4700::5efe:198.51.100.7", true),
            ("2606:4700::7", true),
            ("fe80::1", true),
            ("198.51.100.8", false),
            ("64:ff9b::198.51.100.8", false),
            ("2002:c633:6408::1", false),
            ("2606:4700::8", false),
            ("1.1.1.1", false),
        ] {
            assert_eq!(own.has(address.parse().unwrap()), is_own, "{address}");
        }
    }

    #[test]
    fn the_addresses_of_this_machine_are_known() {
        assert!(Own::new().all.load().contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(is_of_this_machine("127.0.0.1".parse().unwrap()));
        assert!(!is_of_this_machine("1.1.1.1".parse().unwrap()));
        // The address that it has towards others, where it has one.
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("192.0.2.1:9").is_ok() {
            let address = socket.local_addr().unwrap().ip();
            assert!(is_of_this_machine(address) && Own::new().has(address), "{address}");
        }
    }
}
