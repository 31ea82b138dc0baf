//! The other core: the origin and, while something is measured, the load, on one thread.
//!
//! Whoever sends to a socket pays for waking the thread that sleeps in wait for it, and on a virtual machine that is
//! dear: it would be charged to the proxy. So while something is measured this thread never sleeps, and there is one
//! thread, or two that never sleep would take turns of milliseconds each. `--sleeping` shows the difference.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;

use crate::h2::End;
use crate::secure::{Authority, Wire};

/// What the small answer holds.
pub(crate) const BODY: &[u8; 64] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";

/// What one read or write of something large takes.
pub(crate) const CHUNK: usize = 256 * 1024;

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const SECURE: Token = Token(usize::MAX - 2);
const H2: Token = Token(usize::MAX - 3);
/// The load's first token; those below are the origin's own.
const LOAD: usize = 1 << 32;

/// Answers 64 bytes to everything, or N to `GET /N`; reads what is posted, and answers it then.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    /// Where it speaks TLS, and HTTP/1.1.
    pub(crate) secure: SocketAddr,
    /// Where it speaks TLS, and HTTP/2 to whoever offers it.
    pub(crate) h2: SocketAddr,
    /// Its certificate there.
    pub(crate) certificate: CertificateDer<'static>,
    /// Who vouches for it.
    pub(crate) authority: Authority,
    shared: Arc<Shared>,
}

struct Shared {
    turning: Mutex<Turning>,
    waker: Waker,
    /// Somebody else wants to make it turn.
    wanted: AtomicBool,
    given_back: Condvar,
}

/// The loop, held by whoever makes it turn.
pub(crate) struct Turning {
    poll: Poll,
    events: Events,
    listener: TcpListener,
    /// The listeners for TLS.
    secure: [(TcpListener, Arc<ServerConfig>); 2],
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Large exchanges that can go on without waiting for an event.
    ready: Vec<usize>,
    answer: Vec<u8>,
    buffer: Vec<u8>,
}

struct Connection {
    stream: Wire,
    doing: Doing,
    /// The beginning of a head: some proxies send one line by line.
    partial: Vec<u8>,
    /// For HTTP/2.
    end: Option<End>,
}

enum Doing {
    Small,
    /// So many bytes are still to be sent.
    Sending(u64),
    /// So many bytes are still to be read.
    Reading(u64),
}

enum Next {
    Event,
    GoOn,
    Close,
}

/// The loop, borrowed from the thread that serves while nothing is measured.
pub(crate) struct Borrowed<'a>(MutexGuard<'a, Turning>, &'a Shared);

impl Origin {
    /// Starts it; it ends with this program.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (mut listener, mut tls, mut newer) =
            (TcpListener::bind(any)?, TcpListener::bind(any)?, TcpListener::bind(any)?);
        let (address, secure, h2, poll) =
            (listener.local_addr()?, tls.local_addr()?, newer.local_addr()?, Poll::new()?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        poll.registry().register(&mut tls, SECURE, Interest::READABLE)?;
        poll.registry().register(&mut newer, H2, Interest::READABLE)?;
        let authority = Authority::make(folder)?;
        let ([config, both], certificate) = authority.origin()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let turning = Turning {
            poll,
            events: Events::with_capacity(1024),
            listener,
            secure: [(tls, config), (newer, both)],
            connections: Vec::new(),
            free: Vec::new(),
            ready: Vec::new(),
            answer: [head(BODY.len() as u64).as_bytes(), BODY].concat(),
            buffer: vec![b'v'; CHUNK],
        };
        let (turning, wanted) = (Mutex::new(turning), AtomicBool::new(false));
        let shared = Arc::new(Shared { turning, waker, wanted, given_back: Condvar::new() });
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            let mut turning = own.lock();
            loop {
                let wanted = |_: &mut Turning| own.wanted.load(Ordering::SeqCst);
                turning = own.given_back.wait_while(turning, wanted).unwrap_or_else(PoisonError::into_inner);
                if turning.turn(None, &mut Vec::new()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { address, secure, h2, certificate, authority, shared })
    }

    /// Takes the loop over, to put a load on it.
    pub(crate) fn borrow(&self) -> Result<Borrowed<'_>> {
        self.shared.wanted.store(true, Ordering::SeqCst);
        self.shared.waker.wake()?;
        Ok(Borrowed(self.shared.lock(), &self.shared))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Turning> {
        self.turning.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.1.wanted.store(false, Ordering::SeqCst);
        self.1.given_back.notify_one();
    }
}

impl Deref for Borrowed<'_> {
    type Target = Turning;

    fn deref(&self) -> &Turning {
        &self.0
    }
}

impl DerefMut for Borrowed<'_> {
    fn deref_mut(&mut self) -> &mut Turning {
        &mut self.0
    }
}

impl Turning {
    /// Where the load registers its sockets.
    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// The token of the load's connection at `place`.
    pub(crate) fn token(place: usize) -> Token {
        Token(LOAD + place)
    }

    /// Serves what is there, and adds the places of the load's connections on which something happened to `arrived`.
    /// Waits for `timeout` at most while there is nothing, or for ever.
    pub(crate) fn turn(&mut self, timeout: Option<Duration>, arrived: &mut Vec<usize>) -> io::Result<()> {
        let timeout = if self.ready.is_empty() { timeout } else { Some(Duration::ZERO) };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let mut ready = std::mem::take(&mut self.ready);
        let mut accepting = false;
        for event in &self.events {
            match event.token() {
                LISTENER | SECURE | H2 => accepting = true,
                WAKER => {}
                Token(place) if place >= LOAD => arrived.push(place - LOAD),
                Token(place) => ready.push(place),
            }
        }
        ready.sort_unstable();
        ready.dedup();
        for place in ready {
            let Some(slot) = self.connections.get_mut(place) else { continue };
            let Some(connection) = slot else { continue };
            match connection.serve(&self.answer, &mut self.buffer) {
                Next::Event => {}
                Next::GoOn => self.ready.push(place),
                Next::Close => {
                    *slot = None;
                    self.free.push(place);
                }
            }
        }
        if accepting { self.accept() } else { Ok(()) }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            self.take(Wire::plain(stream))?;
        }
        for place in 0..self.secure.len() {
            while let Some((Ok((stream, _)), config)) =
                self.secure.get(place).map(|(tcp, config)| (tcp.accept(), Arc::clone(config)))
            {
                let wire = Wire::accept(stream, &config).map_err(io::Error::other)?;
                self.take(wire)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, mut stream: Wire) -> io::Result<()> {
        drop(stream.tcp.set_nodelay(true));
        let place = self.free.pop().unwrap_or(self.connections.len());
        self.poll.registry().register(&mut stream.tcp, Token(place), Interest::READABLE | Interest::WRITABLE)?;
        let connection = Some(Connection { stream, doing: Doing::Small, partial: Vec::new(), end: None });
        match self.connections.get_mut(place) {
            Some(slot) => *slot = connection,
            None => self.connections.push(connection),
        }
        Ok(())
    }
}

impl Connection {
    /// Does what can be done; one piece of something large, so that others have their turn.
    fn serve(&mut self, answer: &[u8], buffer: &mut [u8]) -> Next {
        match self.doing {
            Doing::Small => self.read_request(answer, buffer),
            Doing::Sending(left) => {
                let part = buffer.get(..usize::try_from(left).unwrap_or(CHUNK)).unwrap_or(buffer);
                match self.stream.write(part) {
                    Ok(count) if count as u64 == left => {
                        self.doing = Doing::Small;
                        Next::GoOn
                    }
                    Ok(count) => {
                        self.doing = Doing::Sending(left - count as u64);
                        Next::GoOn
                    }
                    Err(error) => Next::after(&error),
                }
            }
            Doing::Reading(left) => match self.stream.read(buffer) {
                Ok(0) => Next::Close,
                Ok(count) => self.has_read(left, count as u64, answer),
                Err(error) => Next::after(&error),
            },
        }
    }

    fn read_request(&mut self, answer: &[u8], buffer: &mut [u8]) -> Next {
        loop {
            let buffer = buffer.get_mut(..16 * 1024).unwrap_or_default();
            let count = match self.stream.read(buffer) {
                Ok(0) => return Next::Close,
                Ok(count) => count,
                Err(error) => return Next::after(&error),
            };
            let short = count < buffer.len() && !self.stream.is_secure();
            let mut request = buffer.get(..count).unwrap_or_default();
            if self.stream.is_h2() {
                match self.serve_h2(request) {
                    Ok(()) => continue,
                    Err(_) => return Next::Close,
                }
            }
            let whole;
            if !self.partial.is_empty() {
                whole = [&std::mem::take(&mut self.partial), request].concat();
                request = &whole;
            }
            let Some(end) = find(request, b"\r\n\r\n") else {
                self.partial = request.to_vec();
                continue;
            };
            if let Some(length) = posted(request, end) {
                return self.has_read(length, (request.len() - end - 4) as u64, answer);
            }
            if let Some(length) = asked_for(request) {
                self.doing = Doing::Sending(length);
                return if self.stream.write_all(head(length).as_bytes()).is_ok() { Next::GoOn } else { Next::Close };
            }
            let close = find(request, b"Connection: close").is_some();
            if end + 4 != request.len() || self.stream.write_all(answer).is_err() || close {
                return Next::Close;
            }
            // An edge-triggered socket that gave less than was asked for is empty (epoll(7)).
            if short {
                return Next::Event;
            }
        }
    }

    fn serve_h2(&mut self, arrived: &[u8]) -> Result<()> {
        let (end, mut out) = match self.end.take() {
            Some(end) => (end, Vec::new()),
            None => End::server(),
        };
        let end = self.end.insert(end);
        out.extend(end.take(arrived)?.0);
        Ok(self.stream.write_all(&out)?)
    }

    fn has_read(&mut self, left: u64, count: u64, answer: &[u8]) -> Next {
        let Some(left) = left.checked_sub(count) else { return Next::Close };
        self.doing = if left == 0 { Doing::Small } else { Doing::Reading(left) };
        if left == 0 && self.stream.write_all(answer).is_err() { Next::Close } else { Next::GoOn }
    }
}

impl Next {
    fn after(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::WouldBlock { Self::Event } else { Self::Close }
    }
}

/// The length of what follows the head of a POST.
fn posted(request: &[u8], end: usize) -> Option<u64> {
    let head = request.get(..end).filter(|head| head.starts_with(b"POST "))?;
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
}

/// N, of `GET /N`.
fn asked_for(request: &[u8]) -> Option<u64> {
    let target = request.strip_prefix(b"GET ")?.split(|byte| *byte == b' ').next()?;
    // A proxy may pass the absolute-form on, as haproxy does.
    std::str::from_utf8(target.rsplit(|byte| *byte == b'/').next()?).ok()?.parse().ok()
}

fn head(length: u64) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\nContent-Type: text/plain\r\n\
         Cache-Control: no-store\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// Where `part` begins in `whole`.
pub(crate) fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len()).position(|window| window == part)
}
