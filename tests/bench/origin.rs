//! The origin: answers 64 bytes to everything, or as many as the path says, as cheaply as can be.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// What the small answer holds.
pub(crate) const BODY: &[u8; 64] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";

/// What one write of a large answer takes.
const CHUNK: usize = 256 * 1024;

const LISTENER: Token = Token(usize::MAX);

/// Where the origin listens.
pub(crate) struct Origin {
    /// Small answers; any number of connections, on one thread.
    pub(crate) small: SocketAddr,
    /// Large answers: `GET /N` is answered with N bytes. A thread a connection.
    pub(crate) large: SocketAddr,
}

impl Origin {
    /// Starts it; it ends with this program.
    pub(crate) fn start() -> Result<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (small, large) = (TcpListener::bind(any)?, std::net::TcpListener::bind(any)?);
        let addresses = Self { small: small.local_addr()?, large: large.local_addr()? };
        thread::spawn(move || serve_small(small));
        thread::spawn(move || {
            for stream in large.incoming().flatten() {
                // A peer that has had enough closes.
                thread::spawn(move || drop(serve_large(stream)));
            }
        });
        Ok(addresses)
    }
}

fn serve_small(mut listener: TcpListener) -> io::Result<()> {
    let answer = [head(BODY.len() as u64).as_bytes(), BODY].concat();
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    let mut free = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    drop(stream.set_nodelay(true));
                    let place = free.pop().unwrap_or(connections.len());
                    poll.registry().register(&mut stream, Token(place), Interest::READABLE)?;
                    match connections.get_mut(place) {
                        Some(slot) => *slot = Some(stream),
                        None => connections.push(Some(stream)),
                    }
                }
                continue;
            }
            let place = event.token().0;
            let Some(slot) = connections.get_mut(place) else { continue };
            if let Some(stream) = slot
                && !answer_small(stream, &answer, &mut buffer)
            {
                *slot = None;
                free.push(place);
            }
        }
    }
}

/// Answers what has arrived. False: the connection is done.
fn answer_small(stream: &mut TcpStream, answer: &[u8], buffer: &mut [u8]) -> bool {
    loop {
        let count = match stream.read(buffer) {
            Ok(0) => return false,
            Ok(count) => count,
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        };
        // A head is sent in one piece, by these peers, and arrives so.
        let request = buffer.get(..count).unwrap_or_default();
        if !request.ends_with(b"\r\n\r\n") || stream.write_all(answer).is_err() {
            return false;
        }
        if find(request, b"Connection: close").is_some() {
            return false;
        }
        // An edge-triggered socket that gave less than was asked for is empty (epoll(7)).
        if count < buffer.len() {
            return true;
        }
    }
}

fn serve_large(mut stream: std::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let chunk = vec![b'v'; CHUNK];
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = stream.read(&mut buffer)?;
        let request = String::from_utf8_lossy(buffer.get(..count).unwrap_or_default());
        let path = request.split(' ').nth(1).unwrap_or_default();
        let Ok(mut left) = path.trim_start_matches('/').parse::<u64>() else { return Ok(()) };
        stream.write_all(head(left).as_bytes())?;
        while left > 0 {
            let part = chunk.get(..usize::try_from(left).unwrap_or(CHUNK)).unwrap_or(&chunk);
            stream.write_all(part)?;
            left -= part.len() as u64;
        }
    }
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
