//! The load: many small exchanges at the same time, on the origin's thread.

use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use mio::Interest;
use mio::net::TcpStream;
use rustls::ClientConfig;

use crate::h2::End;
use crate::origin::{BODY, Borrowed, Origin, Turning, find};
use crate::secure::{self, Wire};

/// Before the figures count: connections are opened, on both sides of the proxy.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long it goes on at most, beyond what it should take, for a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be done, again and again.
pub(crate) struct Work<'a> {
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
    /// What is done inside of the CONNECT, in the place of `opening` and `request`.
    pub(crate) inside: Option<Inside<'a>>,
}

/// TLS inside a CONNECT, which the proxy is to end.
pub(crate) struct Inside<'a> {
    pub(crate) config: Arc<ClientConfig>,
    /// The port of the origin.
    pub(crate) port: u16,
    /// How many names have been asked for, where each connection asks for a new one.
    pub(crate) fresh: Option<&'a Cell<usize>>,
    /// Whether anything is asked for after the handshake.
    pub(crate) asks: bool,
    /// How many requests are under way at the same time over HTTP/2; none where that is not spoken.
    pub(crate) streams: Option<usize>,
}

/// Names that there are, where each connection asks for a new one.
pub(crate) const MOST_NAMES: usize = 60_000;

impl Inside<'_> {
    /// The host of the next connection.
    fn host(&self) -> Result<String> {
        let Some(fresh) = self.fresh else { return Ok(secure::NAME.to_owned()) };
        let number = fresh.get();
        ensure!(number < MOST_NAMES, "all {MOST_NAMES} names have been asked for: measure less");
        fresh.set(number + 1);
        Ok(name(number))
    }
}

/// One of the names.
pub(crate) fn name(number: usize) -> String {
    format!("n{number}.{}", secure::NAME)
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
    stream: Wire,
    since: Instant,
    /// Still to be sent.
    unsent: Vec<u8>,
    request: Vec<u8>,
    state: State,
    /// The host of what is done inside.
    host: String,
    /// For HTTP/2.
    end: Option<End>,
    /// What has arrived of an answer that is not complete.
    partial: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The CONNECT is to be answered.
    Opening,
    /// Both ends shake hands.
    Shaking,
    /// The request is to be answered.
    Open,
    /// Nothing more is wanted, and the other end is to close.
    Closing,
}

struct Load<'a> {
    work: &'a Work<'a>,
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
    work: &Work<'_>,
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
        let stream = Wire::plain(TcpStream::connect(self.work.address)?);
        let (mut host, mut opening, mut request) =
            (String::new(), self.work.opening.clone(), self.work.request.clone());
        if let Some(inside) = &self.work.inside {
            host = inside.host()?;
            let fields = format!("HTTP/1.1\r\nHost: {host}:{}\r\nUser-Agent: bench\r\n", inside.port);
            opening = format!("CONNECT {host}:{} {fields}\r\n", inside.port).into_bytes();
            request = format!("GET / {fields}Accept: */*\r\n\r\n").into_bytes();
        }
        let state = if opening.is_empty() { State::Open } else { State::Opening };
        let unsent = if opening.is_empty() { request.clone() } else { opening };
        let mut connection = Connection { stream, since, unsent, request, state, host, end: None, partial: Vec::new() };
        drop(connection.stream.tcp.set_nodelay(true));
        // Within one machine a connection is there at once.
        connection.send()?;
        let interest = if connection.unsent.is_empty() && self.work.inside.is_none() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        self.turning.registry().register(&mut connection.stream.tcp, Turning::token(place), interest)?;
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
                Ok(0) if connection.state == State::Closing => return Ok(note(&mut self.latencies, connection.since)),
                Ok(0) => bail!("the connection was closed before its answer was complete"),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if connection.state != State::Shaking || connection.stream.is_shaking() {
                        return Ok(false);
                    }
                    if self.work.inside.as_ref().is_some_and(|inside| !inside.asks) {
                        connection.state = State::Closing;
                        connection.stream.finish()?;
                        return Ok(false);
                    }
                    connection.state = State::Open;
                    match self.work.inside.as_ref().and_then(|inside| Some((inside.port, inside.streams?))) {
                        Some((port, streams)) => connection.begin_h2(port, streams)?,
                        None => connection.ask()?,
                    }
                    continue;
                }
                // It may be closed without a word.
                Err(_) if connection.state == State::Closing => {
                    return Ok(note(&mut self.latencies, connection.since));
                }
                Err(error) => return Err(error.into()),
            };
            let arrived = self.buffer.get(..count).unwrap_or_default();
            if let Some(end) = &mut connection.end {
                let (mut out, answers) = end.take(arrived)?;
                for _ in 0..answers {
                    out.extend(end.ask());
                    note(&mut self.latencies, connection.since);
                }
                if answers > 0 {
                    connection.since = Instant::now();
                }
                connection.unsent.extend(out);
                connection.send()?;
                continue;
            }
            connection.partial.extend_from_slice(arrived);
            let short = count < self.buffer.len() && !connection.stream.is_secure();
            if connection.state == State::Opening && is_opened(&connection.partial)? {
                connection.partial.clear();
                match &self.work.inside {
                    Some(inside) => {
                        connection.state = State::Shaking;
                        connection.stream.secure(&inside.config, &connection.host)?;
                    }
                    None => {
                        connection.state = State::Open;
                        connection.ask()?;
                    }
                }
            } else if connection.state == State::Open && is_complete(&connection.partial, &mut self.length)? {
                note(&mut self.latencies, connection.since);
                if !self.work.keep_alive {
                    return Ok(true);
                }
                connection.since = Instant::now();
                connection.partial.clear();
                connection.ask()?;
            }
            if short {
                return Ok(false);
            }
        }
    }
}

/// Notes how long an exchange took, which is over now. True.
fn note(latencies: &mut Vec<u32>, since: Instant) -> bool {
    latencies.push(u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX));
    true
}

impl Connection {
    fn begin_h2(&mut self, port: u16, streams: usize) -> Result<()> {
        ensure!(self.stream.is_h2(), "it does not agree on HTTP/2");
        let (mut end, first) = End::client(&format!("{}:{port}", self.host));
        self.unsent.extend(first);
        for _ in 0..streams {
            self.unsent.extend(end.ask());
        }
        self.end = Some(end);
        self.send()
    }

    fn ask(&mut self) -> Result<()> {
        self.unsent.extend_from_slice(&self.request);
        self.send()
    }

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
