//! What is measured: a proxy that runs, or none.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::machine::{Cores, cpu_time};
use crate::origin::Origin;
use crate::{bulk, squid, vestibule};

/// The name of the origin. Each proxy resolves it from a file.
pub(crate) const HOST: &str = "bench.test";

/// How long a proxy may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Vestibule,
    /// Another build of it.
    Beside,
    Squid,
    /// Squid without an access log.
    SquidUnlogged,
    Direct,
}

/// A target that runs. Dropping it ends it.
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) process: Option<Process>,
    /// From the start of the process to the first byte of its first answer.
    pub(crate) cold_start: Duration,
    /// The cookie of somebody who is signed in, for the origin with small answers.
    pub(crate) cookie: Option<String>,
    log: Option<PathBuf>,
}

/// A process that ends with its owner.
pub(crate) struct Process(Child);

/// Starts targets.
pub(crate) struct Starter<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) cores: &'a Cores,
    pub(crate) origin: &'a Origin,
    pub(crate) practice: &'a vestibule::Practice,
    /// Another build of Vestibule.
    pub(crate) beside: Option<&'a str>,
}

/// The kinds that `wanted` names; all, when it names none. Another build is there when it is named.
pub(crate) fn kinds(wanted: &[String], beside: Option<&str>) -> Vec<Kind> {
    let all = [Kind::Vestibule, Kind::Squid, Kind::SquidUnlogged, Kind::Direct];
    let wanted = all.into_iter().filter(|kind| wanted.is_empty() || wanted.iter().any(|name| name == kind.name()));
    wanted.chain(beside.map(|_| Kind::Beside)).collect()
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vestibule => "vestibule",
            Self::Beside => "beside",
            Self::Squid => "squid",
            Self::SquidUnlogged => "squid-unlogged",
            Self::Direct => "direct",
        }
    }

    pub(crate) fn version(self) -> Option<String> {
        let (program, word) = match self {
            Self::Vestibule => (vestibule::PROGRAM.to_owned(), "--version"),
            Self::Squid => (squid::program().ok()?, "-v"),
            Self::Beside | Self::SquidUnlogged | Self::Direct => return None,
        };
        let output = Command::new(program).arg(word).output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
    }
}

impl Starter<'_> {
    /// Starts a target and waits for its first answer.
    pub(crate) fn start(&self, kind: Kind) -> Result<Target> {
        let (address, origin) = (free_address()?, self.origin);
        let (mut command, log) = match kind {
            Kind::Vestibule => vestibule::command(self, vestibule::PROGRAM, address)?,
            Kind::Beside => vestibule::command(self, self.beside.unwrap_or_default(), address)?,
            Kind::Squid => squid::command(self.folder, self.cores, address, true)?,
            Kind::SquidUnlogged => squid::command(self.folder, self.cores, address, false)?,
            Kind::Direct => {
                let name = kind.name();
                let (cold_start, cookie) = (Duration::ZERO, None);
                return Ok(Target { kind, name, address: origin.small, process: None, cold_start, cookie, log: None });
            }
        };
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("{} does not start", kind.name()))?;
        let process = Process(child);
        wait_for_answer(address, origin.small)?;
        let cold_start = started.elapsed();
        let name = kind.name();
        Ok(Target { kind, name, address, process: Some(process), cold_start, cookie: None, log: Some(log) })
    }

    /// Starts a target, and signs in where that means something.
    pub(crate) fn start_signed_in(&self, kind: Kind) -> Result<Target> {
        let mut target = self.start(kind)?;
        if matches!(kind, Kind::Vestibule | Kind::Beside) {
            target.cookie = Some(self.practice.sign_in(target.address, self.origin.small)?);
        }
        Ok(target)
    }
}

impl Target {
    /// The CPU time that the proxy has used.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        self.process.as_ref().map_or(Ok(Duration::ZERO), |process| cpu_time(process.id()))
    }

    /// Where to connect for what `origin` serves.
    pub(crate) fn way_to(&self, origin: SocketAddr) -> SocketAddr {
        if self.kind == Kind::Direct { origin } else { self.address }
    }

    /// A request as this target wants it: in absolute-form for a proxy, in origin-form for an origin.
    pub(crate) fn request(&self, origin: SocketAddr, path: &str, more: &str) -> Vec<u8> {
        let authority = format!("{HOST}:{}", origin.port());
        let target = if self.kind == Kind::Direct { path.to_owned() } else { format!("http://{authority}{path}") };
        format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: bench\r\nAccept: */*\r\n{more}\r\n")
            .into_bytes()
    }

    /// What opens a tunnel; nothing where there is no proxy.
    pub(crate) fn opening(&self, origin: SocketAddr) -> Vec<u8> {
        if self.kind == Kind::Direct {
            return Vec::new();
        }
        let authority = format!("{HOST}:{}", origin.port());
        format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: bench\r\n\r\n").into_bytes()
    }

    /// The request inside a tunnel: in origin-form for every target.
    pub(crate) fn inner_request(origin: SocketAddr, path: &str) -> Vec<u8> {
        let port = origin.port();
        format!("GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n").into_bytes()
    }

    /// Makes sure that the proxy forwards, tunnels, and knows who is signed in.
    pub(crate) fn check(&self, origin: &Origin) -> Result<()> {
        let mut ways = vec![String::new()];
        ways.extend(self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")));
        for way in &ways {
            let mut stream = bulk::open(self.way_to(origin.small), &[])?;
            stream.write_all(&self.request(origin.small, "/", way))?;
            bulk::read_head(&mut stream)?;
        }
        bulk::open(self.way_to(origin.small), &self.opening(origin.small))?;
        if let Some(log) = self.log.as_ref().filter(|_| self.cookie.is_some()) {
            std::thread::sleep(Duration::from_millis(300));
            let log = std::fs::read_to_string(log)?;
            for surrogate in ["client-address", "origin-cookie"] {
                ensure!(log.contains(&format!("\"surrogate\":\"{surrogate}\"")), "nobody is known by {surrogate}");
            }
        }
        Ok(())
    }

    /// How many requests the access log holds, where there is one.
    pub(crate) fn records(&self) -> Result<Option<usize>> {
        let Some(log) = &self.log else { return Ok(None) };
        // What is written last is written a little later.
        std::thread::sleep(Duration::from_millis(300));
        match std::fs::read(log) {
            Ok(bytes) => Ok(Some(bytes.iter().filter(|byte| **byte == b'\n').count())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl Process {
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A loopback address that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Waits for the first byte of an answer, whatever it says.
fn wait_for_answer(proxy: SocketAddr, origin: SocketAddr) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Ok(mut stream) = TcpStream::connect(proxy) {
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "GET http://{HOST}:{0}/ HTTP/1.1\r\nHost: {HOST}:{0}\r\n\r\n", origin.port())?;
            if stream.read(&mut [0; 1]).is_ok_and(|count| count == 1) {
                return Ok(());
            }
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    bail!("no answer within {PATIENCE:?}")
}
