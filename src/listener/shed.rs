//! Turns connections away that cannot be served: with an answer, at once, and for next to nothing.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What somebody hears who cannot be served. There is no room for more of it.
const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Cache-Control: no-store\r\nRetry-After: 5\r\nProxy-Status: vestibule; error=connection_limit_reached\r\n\
    Connection: close\r\nContent-Length: 69\r\n\r\n\
    The proxy has too many connections open. Try again in a few seconds.\n";

/// Connections that are turned away in one go when descriptors have run out.
const AT_ONCE: u32 = 64;

/// Connections that are turned away and still read from, so that the answer is not lost: a close with bytes unread
/// makes the other side's system throw it away.
const LINGERING: usize = 64;

/// How long one of them may take.
const LINGER: Duration = Duration::from_secs(1);

/// A descriptor that is kept for when there are none left.
#[derive(Debug)]
pub(super) struct Reserve {
    kept: Option<File>,
    plain_http: bool,
    lingering: Arc<Semaphore>,
}

impl Reserve {
    pub(super) fn new(plain_http: bool) -> Self {
        Self { kept: keep(), plain_http, lingering: Arc::new(Semaphore::new(LINGERING)) }
    }

    /// Turns those away who wait to be accepted, one after the other on the descriptor that was kept. Gives back how
    /// many: none when somebody else was faster to take it.
    pub(super) fn shed(&mut self, socket: &TcpListener) -> u32 {
        self.kept = None;
        let mut shed = 0;
        let mut context = Context::from_waker(Waker::noop());
        while shed < AT_ONCE {
            let Poll::Ready(Ok((stream, _))) = socket.poll_accept(&mut context) else { break };
            self.dismiss(&stream);
            shed += 1;
        }
        self.kept = keep();
        shed
    }

    /// Turns somebody away while there are descriptors left.
    pub(super) fn refuse(&self, stream: TcpStream) {
        match Arc::clone(&self.lingering).try_acquire_owned() {
            Ok(room) if self.plain_http => {
                tokio::spawn(async move {
                    drop(timeout(LINGER, linger(stream)).await);
                    drop(room);
                });
            }
            _ => self.dismiss(&stream),
        }
    }

    /// Nothing is waited for here: what has arrived is read, and what fits is written.
    fn dismiss(&self, stream: &TcpStream) {
        if self.plain_http {
            // A read clears what has arrived; a new connection has room for the answer.
            let mut arrived = [0; 4096];
            drop(stream.try_read(&mut arrived));
            drop(stream.try_write(ANSWER));
        }
    }
}

/// Answers, and reads until the other side has closed.
async fn linger(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(ANSWER).await?;
    stream.shutdown().await?;
    let mut arrived = [0; 1024];
    while stream.read(&mut arrived).await? > 0 {}
    Ok(())
}

/// Whether the process or the system has no descriptors, or no memory, left (accept(2)).
pub(super) fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shortage = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| shortage.iter().any(|errno| errno.raw_os_error() == code))
}

fn keep() -> Option<File> {
    File::open("/dev/null").ok()
}
