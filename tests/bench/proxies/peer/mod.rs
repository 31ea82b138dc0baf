//! The peers from Debian's packages, and those that are libraries (`tests/bench/peers`): how each is set up to do the same
//! work, in one process on one core, without a cache, with an access log where it has one.

mod apache;
mod haproxy;
mod library;
mod squid;
mod tinyproxy;
mod trafficserver;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::machine::Cores;
use crate::target::Starter;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Squid,
    /// Squid without an access log.
    SquidUnlogged,
    /// Squid that intercepts what is inside of a CONNECT.
    SquidBump,
    /// As a reverse proxy of the one origin: no forward proxy, so a bound.
    Haproxy,
    /// The same in its TCP mode: it reads nothing, so a bound for tunnels.
    HaproxyTcp,
    Tinyproxy,
    Apache,
    TrafficServer,
    /// A forward proxy of hyper alone.
    Hyper,
    /// One that intercepts, of hudsucker alone.
    Hudsucker,
}

/// Where one is started.
pub(crate) struct Place<'a> {
    pub(crate) starter: &'a Starter<'a>,
    pub(crate) cores: &'a Cores,
    pub(crate) folder: &'a Path,
    pub(crate) address: SocketAddr,
    pub(crate) origin: SocketAddr,
}

/// The command that starts it in the foreground, and its access log.
pub(crate) struct Start {
    pub(crate) command: Command,
    pub(crate) log: Option<PathBuf>,
}

impl Peer {
    pub(crate) const ALL: [Self; 10] = [
        Self::Squid,
        Self::SquidUnlogged,
        Self::SquidBump,
        Self::Haproxy,
        Self::HaproxyTcp,
        Self::Tinyproxy,
        Self::Apache,
        Self::TrafficServer,
        Self::Hyper,
        Self::Hudsucker,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Squid => "squid",
            Self::SquidUnlogged => "squid-unlogged",
            Self::SquidBump => "squid-bump",
            Self::Haproxy => "haproxy",
            Self::HaproxyTcp => "haproxy-tcp",
            Self::Tinyproxy => "tinyproxy",
            Self::Apache => "apache",
            Self::TrafficServer => "trafficserver",
            Self::Hyper => "hyper",
            Self::Hudsucker => "hudsucker",
        }
    }

    /// Whether it is one of those in `tests/bench/peers`.
    pub(crate) fn is_built(self) -> bool {
        matches!(self, Self::Hyper | Self::Hudsucker)
    }

    /// Where its program is, if it is installed, or built.
    pub(crate) fn program(self) -> Option<String> {
        if self.is_built() {
            return library::program(self.name());
        }
        if self == Self::SquidBump && !Path::new(squid::ISSUER).exists() {
            return None;
        }
        // A user's PATH may lack some of these folders, where Debian puts them.
        let folders = ["/usr/local/sbin", "/usr/sbin", "/usr/bin"];
        let paths = folders.map(|folder| format!("{folder}/{}", self.command_name()));
        paths.into_iter().find(|path| Path::new(path).exists())
    }

    fn command_name(self) -> &'static str {
        match self {
            Self::Squid | Self::SquidUnlogged | Self::SquidBump => "squid",
            Self::Haproxy | Self::HaproxyTcp => "haproxy",
            Self::Tinyproxy => "tinyproxy",
            Self::Apache => "apache2",
            Self::TrafficServer => "traffic_server",
            Self::Hyper | Self::Hudsucker => self.name(),
        }
    }

    /// How many tunnels it can hold, if descriptors last.
    pub(crate) fn tunnels_at_most(self) -> usize {
        match self {
            Self::Haproxy | Self::SquidBump => 0,
            // Some threads have other things to do.
            Self::Apache => apache::THREADS - 96,
            _ => usize::MAX,
        }
    }

    pub(crate) fn version(self) -> Option<String> {
        if self.is_built() {
            return library::version(self.name());
        }
        let word = if self == Self::TrafficServer { "-V" } else { "-v" };
        let output = Command::new(self.program()?).arg(word).output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).lines().find(|line| !line.is_empty()).map(str::to_owned)
    }

    /// Sets it up in a folder of its own.
    pub(crate) fn start(self, place: &Place<'_>, program: &str) -> Result<Start> {
        fs::create_dir_all(place.folder)?;
        // Started as root, some write their files as a user of their own.
        fs::set_permissions(place.folder, fs::Permissions::from_mode(0o777))?;
        if let Some(above) = place.folder.parent() {
            fs::set_permissions(above, fs::Permissions::from_mode(0o755))?;
        }
        let mut start = match self {
            Self::Squid => squid::start(place, program, squid::Doing::Forwarding { logs: true }),
            Self::SquidUnlogged => squid::start(place, program, squid::Doing::Forwarding { logs: false }),
            Self::SquidBump => squid::start(place, program, squid::Doing::Intercepting),
            Self::Haproxy => haproxy::start(place, program, "http"),
            Self::HaproxyTcp => haproxy::start(place, program, "tcp"),
            Self::Tinyproxy => tinyproxy::start(place, program),
            Self::Apache => apache::start(place, program),
            Self::TrafficServer => trafficserver::start(place, program),
            Self::Hyper => library::hyper(place, program),
            Self::Hudsucker => library::hudsucker(place, program),
        }?;
        start.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(start)
    }
}

impl Place<'_> {
    /// Writes a file into its folder.
    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let file = self.folder.join(name);
        if let Some(above) = file.parent() {
            fs::create_dir_all(above)?;
        }
        fs::write(&file, text)?;
        Ok(file)
    }
}
