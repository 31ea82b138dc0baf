//! The bounds on everything that comes from the network.

use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use serde::Deserialize;

use super::Tcp;
use super::count::Bounds;
use crate::faults::{Faults, at};
use crate::units;

/// How long a client may take to send what it was about to send, or to begin on a connection that it has just opened.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// The most threads that move people's bytes.
const MAX_WORKERS: usize = 1024;

/// Bounds on size, time and count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a message head.
    #[serde(deserialize_with = "units::length")]
    pub head_bytes: usize,
    /// Fields in a message head.
    pub head_fields: usize,
    /// From the opening of a connection, or the end of the exchange before, to the end of a head.
    #[serde(deserialize_with = "units::std_duration")]
    pub head_time: Duration,
    /// How long no byte of a body may move in either direction.
    #[serde(deserialize_with = "units::std_duration")]
    pub body_idle: Duration,
    /// From the end of a request to the head of its answer.
    #[serde(deserialize_with = "units::std_duration")]
    pub answer_time: Duration,
    /// How long looking up a name and opening a connection to an origin may take.
    #[serde(deserialize_with = "units::std_duration")]
    pub connect_time: Duration,
    /// How long no byte may move in a tunnel in either direction.
    #[serde(deserialize_with = "units::std_duration")]
    pub tunnel_idle: Duration,
    /// How long a tunnel may be open.
    #[serde(deserialize_with = "units::std_duration")]
    pub tunnel_time: Duration,
    /// How long a connection is silent before the system asks whether the other side is still there (keepalive).
    #[serde(deserialize_with = "units::std_duration")]
    pub tcp_keepalive: Duration,
    /// How long the other side of a connection may leave what was sent unacknowledged.
    #[serde(deserialize_with = "units::std_duration")]
    pub tcp_user_timeout: Duration,
    /// How long an idle origin connection is kept for reuse.
    #[serde(deserialize_with = "units::std_duration")]
    pub origin_idle: Duration,
    /// Origin connections kept for reuse, per origin.
    pub origin_idle_connections: usize,
    /// Client connections at the same time, on all listeners.
    pub connections: usize,
    /// How many of `connections` are reserved for clients at which somebody has been known within a day.
    pub connections_for_known: usize,
    /// Client connections at the same time from one client: an IPv4 address, or an IPv6 network (/64).
    pub connections_per_client: usize,
    /// Client connections at the same time from one IPv6 site (/48).
    pub connections_per_site: usize,
    /// How many threads move people's bytes; 0 for as many as there are processors.
    pub workers: usize,
    /// Streams at the same time on one HTTP/2 connection. Each tunnel is a stream.
    pub h2_streams: u32,
    /// How long an HTTP/2 connection may be without a stream.
    #[serde(deserialize_with = "units::std_duration")]
    pub h2_idle: Duration,
    /// Bytes a second of CORS preflights that pass without sign-in, and of their answers, for one client (an IPv4
    /// address or an IPv6 /64). On a named network where an address stands for nobody, it is eight times as much.
    #[serde(deserialize_with = "units::length")]
    pub preflights_per_client: usize,
    /// The same for all clients together.
    #[serde(deserialize_with = "units::length")]
    pub preflights: usize,
    /// How long a program that is stopping says that it is not ready and serves as before, so that load balancers
    /// notice.
    #[serde(deserialize_with = "units::std_duration")]
    pub unready_time: Duration,
    /// How long a program that is stopping then waits for exchanges under way.
    #[serde(deserialize_with = "units::std_duration")]
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            head_fields: 100,
            head_time: Duration::from_secs(30),
            body_idle: Duration::from_secs(120),
            answer_time: Duration::from_secs(120),
            connect_time: Duration::from_secs(20),
            tunnel_idle: Duration::from_secs(3600),
            tunnel_time: Duration::from_secs(30 * 24 * 3600),
            tcp_keepalive: Duration::from_secs(60),
            tcp_user_timeout: Duration::from_secs(120),
            origin_idle: Duration::from_secs(60),
            origin_idle_connections: 512,
            connections: 15_000,
            connections_for_known: 3_000,
            connections_per_client: 2_000,
            connections_per_site: 8_000,
            workers: 0,
            h2_streams: 256,
            h2_idle: Duration::from_secs(600),
            preflights_per_client: 32 * 1024,
            preflights: 1024 * 1024,
            unready_time: Duration::ZERO,
            drain_time: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// Says what is wrong with them.
    pub fn check(&self, faults: &mut Faults) {
        if self.head_bytes < 8 * 1024 {
            let help = "browsers send up to 8 KiB of cookies alone; the default is \"64KiB\"";
            faults.note(at!["head_bytes"], "many requests would not fit", help);
        }
        if self.workers > MAX_WORKERS {
            let message = format!("more than {MAX_WORKERS} threads would only wait for each other");
            faults.note(at!["workers"], message, "0 stands for as many as there are processors");
        }
        let counts = [
            ("head_fields", self.head_fields),
            ("connections", self.connections),
            ("connections_per_client", self.connections_per_client),
        ];
        for (key, _) in counts.into_iter().filter(|(_, count)| *count == 0) {
            faults.note(at![key], format!("with `{key} = 0` nothing could be served"), "");
        }
        let times = [
            ("head_time", self.head_time),
            ("body_idle", self.body_idle),
            ("answer_time", self.answer_time),
            ("connect_time", self.connect_time),
            ("tunnel_idle", self.tunnel_idle),
            ("tunnel_time", self.tunnel_time),
            ("tcp_keepalive", self.tcp_keepalive),
            ("tcp_user_timeout", self.tcp_user_timeout),
            ("h2_idle", self.h2_idle),
        ];
        for (key, _) in times.into_iter().filter(|(_, time)| time.is_zero()) {
            faults.note(at![key], format!("with `{key} = \"0s\"` nothing could be served"), "");
        }
    }

    /// The settings of every TCP connection.
    pub fn tcp(&self) -> Tcp {
        Tcp { keepalive: self.tcp_keepalive, user_timeout: self.tcp_user_timeout }
    }

    /// How long a program that is stopping waits for the next request on a connection whose client has not been told
    /// yet that the connection will be closed.
    pub fn last_wait(&self) -> Duration {
        (self.unready_time + LAST_WAIT).min(self.head_time)
    }

    /// The bounds on client connections.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            all: self.connections,
            // A quarter at most: if places are few, people who sign in for the first time need them, too.
            for_known: self.connections_for_known.min(self.connections / 4),
            of_client: self.connections_per_client,
            of_site: self.connections_per_site.max(self.connections_per_client),
        }
    }

    /// A builder of HTTP/1.1 servers (hyper) with these bounds.
    pub fn server(&self) -> http1::Builder {
        let mut server = http1::Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_time)
            .max_headers(self.head_fields)
            .max_header_size(self.head_bytes)
            .max_buf_size(self.head_bytes.max(128 * 1024))
            .half_close(false);
        server
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with limits that differ from the usual ones in this, by key.
    fn wrong(change: impl FnOnce(&mut Limits)) -> Vec<String> {
        let mut limits = Limits::default();
        change(&mut limits);
        let mut faults = Faults::default();
        limits.check(&mut faults);
        faults.into_vec().iter().map(|fault| format!("{:?}: {}", fault.path, fault.message)).collect()
    }

    #[test]
    fn limits_by_which_nothing_could_be_served_are_said_by_their_key() {
        assert_eq!(wrong(|_| {}), [""; 0]);
        for (found, key) in [
            (wrong(|limits| limits.head_bytes = 8 * 1024 - 1), "head_bytes"),
            (wrong(|limits| limits.workers = MAX_WORKERS + 1), "workers"),
            (wrong(|limits| limits.connections_per_client = 0), "connections_per_client"),
            (wrong(|limits| limits.h2_idle = Duration::ZERO), "h2_idle"),
            (wrong(|limits| limits.tunnel_time = Duration::ZERO), "tunnel_time"),
        ] {
            assert!(found.len() == 1 && found[0].starts_with(&format!("[Key({key:?})]")), "{key}: {found:?}");
        }
    }
}
