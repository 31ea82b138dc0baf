//! Other people's programs at the other end of a connection.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::world::PATIENCE;

/// A program that runs until it is dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Peer {
    /// Starts a Debian program, which will listen at `address`.
    pub(crate) fn start(package: &str, address: SocketAddr, command: &mut Command) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{package}: {error}: install it with `apt install {package}`"));
        let mut peer = Self { address, child };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = peer.child.try_wait().unwrap() {
                panic!("{package} has ended: {status}");
            }
            assert!(begun.elapsed() < 3 * PATIENCE, "{package} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        peer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Where a program can listen that is told its port. The system gives none of these to whoever takes any (`bind` with 0, or
/// `connect`: `net.ipv4.ip_local_port_range`), so that none is gone until the program has begun to listen.
pub(crate) fn free() -> SocketAddr {
    const PORTS: std::ops::Range<u32> = 10_000..30_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Other test programs begin elsewhere.
    let first = std::process::id().wrapping_mul(0x9e37_79b9) >> 16;
    for _ in PORTS {
        let number = (first + NEXT.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(PORTS.start + number).unwrap()));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("all ports are taken");
}

/// Where nobody listens, and nobody can while this program runs.
pub(crate) fn closed() -> SocketAddr {
    static HELD: OnceLock<(Socket, SocketAddr)> = OnceLock::new();
    let hold = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        (socket, address)
    };
    HELD.get_or_init(hold).1
}

/// The first of these that is there; the last word if none is.
fn program(paths: &[&str]) -> PathBuf {
    paths.iter().map(PathBuf::from).find(|path| path.exists()).unwrap_or_else(|| paths[paths.len() - 1].into())
}

/// Squid with the lines of `config`, in a folder of its own.
pub(crate) fn squid(folder: &Path, address: SocketAddr, config: &str) -> Peer {
    let folder = folder.join(format!("squid-{}", address.port()));
    fs::create_dir_all(&folder).unwrap();
    // Started as root, Squid works as a user of its own.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(folder.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let (file, shown) = (folder.join("squid.conf"), folder.display());
    let text = format!(
        "{config}
cache deny all
access_log none
cache_log {shown}/cache.log
coredump_dir {shown}
pid_filename {shown}/squid.pid
pinger_enable off
max_filedescriptors 1024
shutdown_lifetime 0 seconds
"
    );
    fs::write(&file, text).unwrap();
    let mut command = Command::new(program(&["/usr/sbin/squid", "squid"]));
    Peer::start("squid-openssl", address, command.args(["-N", "-f"]).arg(&file))
}

/// A SOCKS 5 server that wants this name and password.
pub(crate) fn microsocks(address: SocketAddr, name: &str, password: &str) -> Peer {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let mut command = Command::new("microsocks");
    Peer::start("microsocks", address, command.args(["-i", &ip, "-p", &port, "-u", name, "-P", password]))
}

/// HAProxy with the sections of `config`.
pub(crate) fn haproxy(folder: &Path, address: SocketAddr, config: &str) -> Peer {
    let file = folder.join(format!("haproxy-{}.cfg", address.port()));
    let times = "defaults\n mode tcp\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n";
    fs::write(&file, format!("{times}{config}\n")).unwrap();
    let mut command = Command::new(program(&["/usr/sbin/haproxy", "haproxy"]));
    Peer::start("haproxy", address, command.args(["-db", "-f"]).arg(&file))
}
