//! The settings of all our TCP connections.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// How to find out that the other side has gone without a word: a laptop was closed, a line was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// How long a connection is silent before the system asks whether the other side is still there.
    pub keepalive: Duration,
    /// How long the other side may leave what was sent, or asked, unacknowledged.
    pub user_timeout: Duration,
}

impl Tcp {
    /// Applies the settings to a socket. Connections inherit those of the listening socket that accepts them.
    pub fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        // Nagle's algorithm and delayed acknowledgements together would cost 40 ms for each exchange.
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(self.keepalive))?;
        socket.set_tcp_user_timeout(Some(self.user_timeout))
    }
}
