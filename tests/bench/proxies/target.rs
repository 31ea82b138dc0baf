//! What is measured: a proxy that runs, or none.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::instructions::Counter;
use crate::machine::{Cores, cpu_time, family};
use crate::origin::Origin;
use crate::peer::{Peer, Place};
use crate::{bulk, inside, relay, vestibule};

/// The name of the origin. Each proxy resolves it from a file.
pub(crate) const HOST: &str = "bench.test";

/// How long a proxy may take to start: callgrind makes it fifty times slower.
const PATIENCE: Duration = Duration::from_secs(120);

/// A kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Vestibule,
    /// Another build of it.
    Beside,
    Peer(Peer),
    /// The bare relay.
    Relay,
    /// No proxy at all.
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
    /// What counts its instructions.
    counter: Option<Counter>,
    /// How many names inside it was asked for.
    pub(crate) fresh: Cell<usize>,
    /// Whether it speaks HTTP/2 with clients inside.
    pub(crate) speaks_h2: bool,
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
    /// Whether instructions are counted.
    pub(crate) instructions: bool,
    /// How many hosts are known to targets that read them from a file, besides the usual ones.
    pub(crate) names: usize,
}

/// The kinds that `wanted` names; all, when it names none. Another build is there when it is named. Peers that are not
/// there are given apart.
pub(crate) fn kinds(wanted: &[String], beside: Option<&str>) -> (Vec<Kind>, Vec<Kind>) {
    let all = [Kind::Vestibule].into_iter().chain(beside.map(|_| Kind::Beside));
    let all = all.chain(Peer::ALL.map(Kind::Peer)).chain([Kind::Relay, Kind::Direct]);
    let wanted =
        |kind: &Kind| wanted.is_empty() || *kind == Kind::Beside || wanted.iter().any(|name| name == kind.name());
    all.filter(wanted).partition(|kind| !matches!(kind, Kind::Peer(peer) if peer.program().is_none()))
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vestibule => "vestibule",
            Self::Beside => "beside",
            Self::Peer(peer) => peer.name(),
            Self::Relay => "relay",
            Self::Direct => "direct",
        }
    }

    pub(crate) fn version(self) -> Option<String> {
        let program = match self {
            Self::Vestibule => vestibule::program().ok()?,
            Self::Peer(peer) => return peer.version(),
            Self::Beside | Self::Relay | Self::Direct => return None,
        };
        let output = Command::new(program).arg("--version").output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned)
    }

    /// Whether it is a program that this one has built.
    pub(crate) fn is_ours(self) -> bool {
        self.is_vestibule() || self == Self::Relay || matches!(self, Self::Peer(peer) if peer.is_built())
    }

    /// Whether people sign in at it.
    pub(crate) fn is_vestibule(self) -> bool {
        matches!(self, Self::Vestibule | Self::Beside)
    }

    /// Whether it reads requests. What does not is connected to the origin from the beginning.
    pub(crate) fn reads_requests(self) -> bool {
        !matches!(self, Self::Relay | Self::Direct | Self::Peer(Peer::HaproxyTcp))
    }

    /// Whether it can tunnel.
    pub(crate) fn tunnels(self) -> bool {
        self.tunnels_at_most() > 0
    }

    /// How many tunnels it can hold, if descriptors last.
    pub(crate) fn tunnels_at_most(self) -> usize {
        match self {
            Self::Peer(peer) => peer.tunnels_at_most(),
            Self::Vestibule | Self::Beside => vestibule::connections() - 8,
            _ => usize::MAX,
        }
    }

    /// Whether it forwards requests, one after the other, on connections that stay open.
    pub(crate) fn forwards(self) -> bool {
        self != Self::Peer(Peer::HaproxyTcp)
    }

    /// Whether it ends the TLS of clients.
    pub(crate) fn intercepts(self) -> bool {
        self.is_vestibule() || matches!(self, Self::Peer(Peer::Hudsucker | Peer::SquidBump))
    }

    pub(crate) fn keeps_connections(self) -> bool {
        self.forwards() && self != Self::Peer(Peer::Tinyproxy)
    }

    /// How the origin is called: those that have no file of hosts, or read it too late, are given its address.
    fn host(self) -> &'static str {
        match self {
            Self::Peer(Peer::Tinyproxy | Peer::Apache | Peer::TrafficServer) => "127.0.0.1",
            _ => HOST,
        }
    }
}

impl Starter<'_> {
    /// A command for one of our own programs, on the proxy's core. Its counters, if it is counted, go to `folder`.
    pub(crate) fn command(&self, program: &str, folder: &Path) -> Result<Command> {
        std::fs::create_dir_all(folder)?;
        if !self.instructions {
            return Ok(self.cores.on_proxy_core(program));
        }
        let words = Counter::before(folder);
        let mut words = words.iter();
        let mut command = self.cores.on_proxy_core(words.next().context("a word")?);
        command.args(words).arg(program);
        Ok(command)
    }

    /// Where a target that listens at this address has its files.
    pub(crate) fn folder(&self, kind: Kind, address: SocketAddr) -> PathBuf {
        self.folder.join(format!("{}-{}", kind.name(), address.port()))
    }

    /// Starts a target and waits for its first answer.
    pub(crate) fn start(&self, kind: Kind) -> Result<Target> {
        let (address, origin, name) = (free_address()?, self.origin.address, kind.name());
        let folder = self.folder(kind, address);
        let (mut command, log) = match kind {
            Kind::Vestibule => vestibule::command(self, &vestibule::program()?, address, &folder)?,
            Kind::Beside => vestibule::command(self, self.beside.unwrap_or_default(), address, &folder)?,
            Kind::Peer(peer) => {
                let place = Place { starter: self, cores: self.cores, folder: &folder, address, origin };
                let start = peer.start(&place, &peer.program().context("it is not installed")?)?;
                (start.command, start.log)
            }
            Kind::Relay => {
                let own = std::env::current_exe()?;
                let mut command = self.command(&own.display().to_string(), &folder)?;
                command.args([relay::WORD, &address.to_string(), &origin.to_string()]);
                (command, None)
            }
            Kind::Direct => {
                let (cold_start, cookie) = (Duration::ZERO, None);
                return Ok(Target {
                    kind,
                    name,
                    address: origin,
                    process: None,
                    cold_start,
                    cookie,
                    log: None,
                    counter: None,
                    fresh: Cell::new(0),
                    speaks_h2: false,
                });
            }
        };
        let started = Instant::now();
        let process = Process(command.spawn().with_context(|| format!("{name} does not start"))?);
        let (cold_start, cookie) = (Duration::ZERO, None);
        let counter = self.instructions.then(|| Counter::of(process.id(), &folder));
        let (fresh, speaks_h2) = (Cell::new(0), false);
        let target =
            Target { kind, name, address, process: Some(process), cold_start, cookie, log, counter, fresh, speaks_h2 };
        target.wait_for_answer(origin).with_context(|| format!("{name} does not answer"))?;
        Ok(Target { cold_start: started.elapsed(), ..target })
    }

    /// Starts a target, and signs in where that means something.
    pub(crate) fn start_signed_in(&self, kind: Kind) -> Result<Target> {
        let mut target = self.start(kind)?;
        if kind.is_vestibule() {
            target.cookie = Some(self.practice.sign_in(target.address, self.origin.address)?);
        }
        Ok(target)
    }
}

impl Target {
    /// The CPU time that the proxy has used; or its instructions, if those are counted.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        if let Some(counter) = &self.counter {
            return counter.read();
        }
        self.process.as_ref().map_or(Ok(Duration::ZERO), |process| cpu_time(process.id()))
    }

    /// A request as this target wants it: in absolute-form for a proxy, in origin-form for an origin.
    pub(crate) fn request(&self, origin: &Origin, method: &str, path: &str, more: &str) -> Vec<u8> {
        let authority = self.authority(origin);
        let target = if self.kind.reads_requests() { format!("http://{authority}{path}") } else { path.to_owned() };
        format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: bench\r\nAccept: */*\r\n{more}\r\n")
            .into_bytes()
    }

    /// What opens a tunnel; nothing where there is no need to.
    pub(crate) fn opening(&self, origin: &Origin) -> Vec<u8> {
        if !self.kind.reads_requests() {
            return Vec::new();
        }
        let authority = self.authority(origin);
        format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: bench\r\n\r\n").into_bytes()
    }

    /// The request inside a tunnel: in origin-form for every target.
    pub(crate) fn inner_request(&self, origin: &Origin, path: &str) -> Vec<u8> {
        let authority = self.authority(origin);
        format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n").into_bytes()
    }

    fn authority(&self, origin: &Origin) -> String {
        format!("{}:{}", self.kind.host(), origin.address.port())
    }

    /// Makes sure that the proxy forwards, tunnels, and knows who is signed in. What is inside a CONNECT only if `inside`: an older build that is
    /// measured beside this one may know of none.
    pub(crate) fn check(&self, origin: &Origin, inside: bool) -> Result<()> {
        let mut ways = vec![String::new()];
        ways.extend(self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")));
        for way in &ways {
            let mut stream = bulk::open(self.address, &[])?;
            stream.write_all(&self.request(origin, "GET", "/", way))?;
            bulk::read_head(&mut stream)?;
        }
        if inside && self.kind.intercepts() {
            inside::check(self, origin).context("inside a CONNECT")?;
        }
        if self.kind.tunnels() {
            bulk::open(self.address, &self.opening(origin))?;
        }
        if let Some(log) = self.log.as_ref().filter(|_| self.cookie.is_some()) {
            std::thread::sleep(Duration::from_millis(300));
            let log = std::fs::read_to_string(log)?;
            for surrogate in ["client-address", "origin-cookie"] {
                ensure!(log.contains(&format!("\"surrogate\":\"{surrogate}\"")), "nobody is known by {surrogate}");
            }
        }
        Ok(())
    }

    /// Waits for the first byte of an answer, whatever it says.
    fn wait_for_answer(&self, origin: SocketAddr) -> Result<()> {
        let authority = format!("{}:{}", self.kind.host(), origin.port());
        let target = if self.kind.reads_requests() { format!("http://{authority}/") } else { "/".to_owned() };
        let request = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Ok(mut stream) = TcpStream::connect(self.address) {
                stream.set_read_timeout(Some(PATIENCE))?;
                let sent = stream.write_all(request.as_bytes());
                if sent.is_ok() && stream.read(&mut [0; 1]).is_ok_and(|count| count == 1) {
                    return Ok(());
                }
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        bail!("no answer within {PATIENCE:?}")
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
        // Children outlive a parent that is killed. Any of them may have ended by itself.
        for child in family(self.id()).into_iter().skip(1) {
            drop(Command::new("kill").args(["-KILL", &child.to_string()]).output());
        }
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A loopback address that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
