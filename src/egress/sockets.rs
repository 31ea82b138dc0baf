//! The sockets with which origins and parents are dialled.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};

use crate::net::Tcp;

/// How connections are opened: from which address of this machine, and with which TCP settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sockets {
    /// The address from which IPv4 is dialled; `None` for the system's choice.
    v4: Option<IpAddr>,
    v6: Option<IpAddr>,
    /// Whether only families with a chosen address are dialled.
    strict: bool,
    tcp: Tcp,
}

impl Sockets {
    /// Dials each family from the first of `sources` that is of that family.
    pub(super) fn new(sources: &[IpAddr], tcp: Tcp) -> Self {
        let first = |v4: bool| sources.iter().find(|source| source.is_ipv4() == v4).copied();
        Self { v4: first(true), v6: first(false), strict: false, tcp }
    }

    /// Dials only from this address, and so only its family.
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

    /// The address from which `address` is dialled, if one was chosen.
    pub(super) fn source(&self, address: &SocketAddr) -> Option<IpAddr> {
        if address.is_ipv4() { self.v4 } else { self.v6 }
    }
}
