//! The load: many small exchanges at the same time, on the origin's thread.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use mio::Interest;
use mio::net::TcpStream;

use crate::origin::{BODY, Borrowed, Origin, Turning, find};

/// Before the figures count: connections are opened, on both sides of the proxy.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long it goes on at most, beyond what it should take, for a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be done, again and again.
pub(crate) struct Work {
    /// Whom to connect to.
    pub(crate) address: SocketAddr,
    /// How many exchanges are under way at the same time.
    pub(crate) connections: usize,
    /// What is sent, and answered 2xx without a body, before the request: a CONNECT.
    pub(crate) opening: Vec<u8>,
    /// The request.
    pub(crate) request: Vec<u8>,
    /// Whether a connection is used again.
    pub(crate) keep_alive: bool,
}

/// What was done.
pub(crate) struct Done {
    /// Exchanges, from connecting (where that is part of it) to the last byte of the answer.
    pub(crate) operations: u64,
    pub(crate) time: Duration,
    /// What the proxy used for it.
    pub(crate) cpu: Duration,
    /// How long each took, in microseconds, in order of size.
    pub(crate) latencies: Vec<u32>,
}

struct Connection {
    stream: TcpStream,
    since: Instant,
    /// Still to be sent.
    unsent: Vec<u8>,
    opened: bool,
    /// What has arrived of an answer that is not complete.
    partial: Vec<u8>,
}

struct Load<'a> {
    work: &'a Work,
    turning: Borrowed<'a>,
    sleeping: bool,
    connections: Vec<Option<Connection>>,
    /// How long the answer is, once one has been seen.
    length: usize,
    latencies: Vec<u32>,
    buffer: Vec<u8>,
}

/// Does `work` for `window`; `cpu` tells what the proxy has used so far.
pub(crate) fn run(
    work: &Work,
    origin: &Origin,
    window: Duration,
    sleeping: bool,
    cpu: impl Fn() -> Result<Duration>,
) -> Result<Done> {
    let mut load = Load {
        work,
        turning: origin.borrow()?,
        sleeping,
        connections: Vec::new(),
        length: 0,
        latencies: Vec::new(),
        buffer: vec![0; 16 * 1024],
    };
    for place in 0..work.connections {
        load.connections.push(None);
        load.connect(place)?;
    }
    load.go_on_until(Instant::now() + WARM_UP, work.connections)?;
    load.latencies.clear();
    let (start, before) = (Instant::now(), cpu()?);
    load.go_on_until(start + window, 1)?;
    let (time, after) = (start.elapsed(), cpu()?);
    let mut latencies = load.latencies;
    latencies.sort_unstable();
    Ok(Done { operations: latencies.len() as u64, time, cpu: after.saturating_sub(before), latencies })
}

impl Load<'_> {
    /// Goes on until `end`, and until there have been so many answers.
    fn go_on_until(&mut self, end: Instant, answers: usize) -> Result<()> {
        let mut arrived = Vec::new();
        loop {
            let now = Instant::now();
            if now >= end && self.latencies.len() >= answers {
                return Ok(());
            }
            ensure!(now < end + PATIENCE, "{} answers in all this time", self.latencies.len());
            let rest = end.saturating_duration_since(now).max(Duration::from_millis(1));
            self.turning.turn(Some(if self.sleeping { rest } else { Duration::ZERO }), &mut arrived)?;
            for place in arrived.drain(..) {
                if self.serve(place)? {
                    self.connect(place)?;
                }
            }
        }
    }

    fn connect(&mut self, place: usize) -> Result<()> {
        let since = Instant::now();
        let stream = TcpStream::connect(self.work.address)?;
        let opened = self.work.opening.is_empty();
        let unsent = if opened { self.work.request.clone() } else { self.work.opening.clone() };
        let mut connection = Connection { stream, since, unsent, opened, partial: Vec::new() };
        drop(connection.stream.set_nodelay(true));
        // Within one machine a connection is there at once.
        connection.send()?;
        let interest =
            if connection.unsent.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
        self.turning.registry().register(&mut connection.stream, Turning::token(place), interest)?;
        if let Some(slot) = self.connections.get_mut(place) {
            *slot = Some(connection);
        }
        Ok(())
    }

    /// Does what can be done on a connection. True: it is done with, and a new one is wanted.
    fn serve(&mut self, place: usize) -> Result<bool> {
        let Some(Some(connection)) = self.connections.get_mut(place) else { return Ok(false) };
        connection.send()?;
        loop {
            let count = match connection.stream.read(&mut self.buffer) {
                Ok(0) => bail!("the connection was closed before its answer was complete"),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            let arrived = self.buffer.get(..count).unwrap_or_default();
            connection.partial.extend_from_slice(arrived);
            let short = count < self.buffer.len();
            if !connection.opened && is_opened(&connection.partial)? {
                connection.opened = true;
                connection.partial.clear();
                connection.unsent.extend_from_slice(&self.work.request);
                connection.send()?;
            } else if connection.opened && is_complete(&connection.partial, &mut self.length)? {
                let now = Instant::now();
                let took = now.duration_since(connection.since).as_micros();
                self.latencies.push(u32::try_from(took).unwrap_or(u32::MAX));
                if !self.work.keep_alive {
                    return Ok(true);
                }
                connection.since = now;
                connection.partial.clear();
                connection.unsent.extend_from_slice(&self.work.request);
                connection.send()?;
            }
            if short {
                return Ok(false);
            }
        }
    }
}

impl Connection {
    fn send(&mut self) -> Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Whether a CONNECT has been answered.
fn is_opened(answer: &[u8]) -> Result<bool> {
    let Some(end) = find(answer, b"\r\n\r\n") else { return Ok(false) };
    check_status(answer)?;
    ensure!(end + 4 == answer.len(), "something follows the answer to CONNECT");
    Ok(true)
}

/// Whether the answer is there, whole. All answers are alike, so the first one tells how long the others are.
fn is_complete(answer: &[u8], length: &mut usize) -> Result<bool> {
    if answer.len() == *length && answer.ends_with(BODY) && answer.get(8..12) == Some(b" 200") {
        return Ok(true);
    }
    let Some(end) = find(answer, b"\r\n\r\n") else { return Ok(false) };
    check_status(answer)?;
    let body = answer.get(end + 4..).context("a body")?;
    if body.len() < BODY.len() {
        return Ok(false);
    }
    ensure!(body == BODY, "the body is not the origin's");
    *length = answer.len();
    Ok(true)
}

fn check_status(answer: &[u8]) -> Result<()> {
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    // tinyproxy answers CONNECT as HTTP/1.0.
    let good = line.starts_with(b"HTTP/1.") && line.get(8..10) == Some(b" 2");
    ensure!(good, "answered: {}", String::from_utf8_lossy(line));
    Ok(())
}
