//! The configuration of the shared store.

use std::time::Duration;

use redis::{ConnectionAddr, IntoConnectionInfo as _};
use serde::Deserialize;

use crate::config_path::ConfigPath;
use crate::egress::Roots;
use crate::faults::{Faults, at};
use crate::secret::Secret;

/// The `[session.redis]` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The servers: `redis://host:port`, or `rediss://host:port` for TLS. Name several for a cluster or for Sentinels.
    /// Without any, this node is alone.
    pub servers: Vec<Server>,
    /// The secret with which tokens are sealed, the same on all nodes. Whoever has it and the store can act as anybody.
    pub secret: Option<Secret>,
    /// Secrets that open tokens and seal none: the previous one, and the next one.
    pub other_secrets: Vec<Secret>,
    /// The user that the server's access control list knows. Default: its default user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// If set, the servers are Sentinels, and this is the name of the master that they watch.
    pub sentinel: Option<String>,
    /// Whether the servers belong to a cluster. Everything is kept in one of its slots.
    pub cluster: bool,
    /// Root certificates (PEM) to trust instead of the system's.
    pub ca: Option<ConfigPath>,
    /// What all key names begin with, in braces.
    pub prefix: String,
    /// How long a node that starts waits for the store's first answer. After that it serves without the store, and
    /// knows nobody.
    #[serde(deserialize_with = "crate::units::std_duration")]
    pub start_wait: Duration,
}

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether to use TLS.
    pub tls: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            secret: None,
            other_secrets: Vec::new(),
            username: None,
            password: None,
            sentinel: None,
            cluster: false,
            ca: None,
            prefix: "vestibule".to_owned(),
            start_wait: Duration::from_secs(5),
        }
    }
}

/// How a secret is made that nobody guesses.
const GOOD_SECRET: &str = "take at least 32 random characters: openssl rand -base64 32";

impl Config {
    /// Says what is wrong with it.
    pub fn check(&self, faults: &mut Faults) {
        if self.servers.is_empty() {
            return;
        }
        let is_short = |secret: &Secret| secret.expose().len() < 32;
        match &self.secret {
            None => {
                let help = "write the same random text on all nodes: openssl rand -base64 32";
                faults.note(at!["secret"], "nodes that share a store need a `secret`", help);
            }
            Some(secret) if is_short(secret) => faults.note(at!["secret"], "the secret can be guessed", GOOD_SECRET),
            Some(_) => {}
        }
        for (index, _) in self.other_secrets.iter().enumerate().filter(|(_, secret)| is_short(secret)) {
            faults.note(at!["other_secrets", index], "the secret can be guessed", GOOD_SECRET);
        }
        if self.cluster && self.sentinel.is_some() {
            faults.note(at!["sentinel"], "`sentinel` cannot stand beside `cluster = true`", "remove one of them");
        }
        if let Some(ca) = &self.ca {
            Roots::check(at!["ca"], ca, "", faults);
        }
    }
}

impl Server {
    pub(super) fn address(&self) -> ConnectionAddr {
        let (host, port) = (self.host.clone(), self.port);
        if self.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }
}

impl<'de> Deserialize<'de> for Server {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = String::deserialize(deserializer)?;
        let wrong =
            || D::Error::custom(format_args!("`{text}` is not a server, such as \"redis://redis.example.com:6379\""));
        // First, because the other error quotes the text, and errors of a configuration stand in events: it must not
        // show a password.
        if text.contains('@') {
            return Err(D::Error::custom("a server's address holds no secrets: use `username` and `password`"));
        }
        let read = text.as_str().into_connection_info().map_err(|_| wrong())?;
        match read.addr() {
            ConnectionAddr::Tcp(host, port) => Ok(Self { host: host.clone(), port: *port, tls: false }),
            ConnectionAddr::TcpTls { host, port, .. } => Ok(Self { host: host.clone(), port: *port, tls: true }),
            _ => Err(wrong()),
        }
    }
}
