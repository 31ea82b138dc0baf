//! Turns away connections that cannot be served: with an answer, at once, and at little cost.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::net::within;

/// The answer to a client that cannot be served. It is constant, so that it needs no memory.
const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Cache-Control: no-store\r\nRetry-After: 5\r\nProxy-Status: vestibule; error=connection_limit_reached\r\n\
    Connection: close\r\nContent-Length: 69\r\n\r\n\
    The proxy has too many connections open. Try again in a few seconds.\n";

/// How many connections are turned away in one go when descriptors have run out.
const AT_ONCE: u32 = 64;

/// How many connections that are turned away are read from for a while, so that the answer is not lost: a close with
/// unread bytes resets the connection, and the client's system may throw the answer away.
const LINGERING: usize = 64;

/// How long each of these is read from.
const LINGER: Duration = Duration::from_secs(1);

/// A descriptor that is kept in reserve for when there are none left.
#[derive(Debug)]
pub(super) struct Reserve {
    kept: Option<File>,
    lingering: Arc<Semaphore>,
}

impl Reserve {
    pub(super) fn new() -> Self {
        Self { kept: keep(), lingering: Arc::new(Semaphore::new(LINGERING)) }
    }

    /// Turns away the clients that wait to be accepted, one after the other, with the descriptor from the reserve.
    /// Gives how many: 0 if another thread has taken that descriptor in between.
    pub(super) fn shed(&mut self, socket: &TcpListener, plain_http: bool) -> u32 {
        self.kept = None;
        let mut shed = 0;
        let mut context = Context::from_waker(Waker::noop());
        while shed < AT_ONCE {
            let Poll::Ready(Ok((stream, _))) = socket.poll_accept(&mut context) else { break };
            dismiss(&stream, plain_http);
            shed += 1;
        }
        self.kept = keep();
        shed
    }

    /// Turns a client away while there are descriptors left.
    pub(super) fn refuse(&self, stream: TcpStream, plain_http: bool) {
        match Arc::clone(&self.lingering).try_acquire_owned() {
            Ok(room) if plain_http => {
                tokio::spawn(async move {
                    drop(within(LINGER, linger(stream)).await);
                    drop(room);
                });
            }
            _ => dismiss(&stream, plain_http),
        }
    }
}

/// Answers without waiting for anything: reads what has arrived, and writes what fits.
fn dismiss(stream: &TcpStream, plain_http: bool) {
    if plain_http {
        // Read first, so that the close resets less likely; the send buffer of a new connection has room for the
        // answer.
        let mut arrived = [0; 4096];
        drop(stream.try_read(&mut arrived));
        drop(stream.try_write(ANSWER));
    }
}

/// Answers, and reads until the client has closed.
async fn linger(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(ANSWER).await?;
    stream.shutdown().await?;
    let mut arrived = [0; 1024];
    while stream.read(&mut arrived).await? > 0 {}
    Ok(())
}

/// Whether the process or the system has no descriptors or no memory left (accept(2)).
pub(super) fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shortage = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| shortage.iter().any(|errno| errno.raw_os_error() == code))
}

fn keep() -> Option<File> {
    File::open("/dev/null").ok()
}
