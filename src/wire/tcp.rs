//! What every TCP connection of ours has in common.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// How a connection to somebody who has gone without a word is found out: a laptop that was closed, a line that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// The time without a byte after which the system asks whether the other side is still there.
    pub keepalive: Duration,
    /// The time for which the other side may acknowledge nothing of what was sent, or asked.
    pub user_timeout: Duration,
}

impl Tcp {
    /// Sets it up on a socket. What is set on a listening one holds for all that it accepts.
    pub fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        // Nagle's algorithm and delayed acknowledgements together cost 40 ms an exchange.
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(self.keepalive))?;
        socket.set_tcp_user_timeout(Some(self.user_timeout))
    }
}
