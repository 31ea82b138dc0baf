//! The sockets that origins and parents are dialled with.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};

use crate::wire::Tcp;

/// How connections are opened: from which address of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sockets {
    /// The address that IPv4 is dialled from; the system's choice when there is none.
    v4: Option<IpAddr>,
    v6: Option<IpAddr>,
    /// Whether nothing is dialled that neither of them can reach.
    strict: bool,
    tcp: Tcp,
}

impl Sockets {
    /// Dials from the first of `sources` that is of the family that is dialled.
    pub(super) fn new(sources: &[IpAddr], tcp: Tcp) -> Self {
        let first = |v4: bool| sources.iter().find(|source| source.is_ipv4() == v4).copied();
        Self { v4: first(true), v6: first(false), strict: false, tcp }
    }

    /// Dials from this address alone, and so one family alone.
    pub(super) fn only_from(&self, source: IpAddr) -> Self {
        Self { strict: true, ..Self::new(&[source], self.tcp) }
    }

    /// Whether `address` can be dialled.
    pub(super) fn reach(&self, address: &SocketAddr) -> bool {
        !self.strict || self.source(address).is_some()
    }

    /// Connects to `address`.
    pub(super) async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        self.tcp.apply(&SockRef::from(&socket))?;
        if let Some(source) = self.source(&address) {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        socket.connect(address).await
    }

    /// The address of ours that `address` is dialled from, where one was chosen.
    pub(super) fn source(&self, address: &SocketAddr) -> Option<IpAddr> {
        if address.is_ipv4() { self.v4 } else { self.v6 }
    }
}
