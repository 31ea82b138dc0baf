//! Large messages: through tunnels, as one download, as one upload; on the origin's thread.

use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use mio::Interest;
use mio::net::TcpStream;
use socket2::SockRef;

use crate::load::Done;
use crate::origin::{BODY, CHUNK, Origin, Turning, find};

/// Before the figures count.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long nothing may arrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// `MSG_TRUNC`: what has arrived is thrown away and not copied (tcp(7)), or this core would be the one that is measured.
const DISCARD: i32 = 0x20;

/// Whom to ask, and for what.
pub(crate) struct Bulk<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) address: SocketAddr,
    /// A CONNECT, where one is needed.
    pub(crate) opening: Vec<u8>,
    pub(crate) request: Vec<u8>,
    pub(crate) sleeping: bool,
}

/// Connections that read as fast as they can.
struct Reading<'a> {
    bulk: &'a Bulk<'a>,
    streams: Vec<TcpStream>,
    /// Those that can go on without waiting for an event.
    ready: Vec<usize>,
    buffer: Vec<MaybeUninit<u8>>,
    bytes: u64,
    last: Instant,
}

impl Bulk<'_> {
    /// Reads through `number` tunnels for `window`. An operation is a byte.
    pub(crate) fn tunnels(&self, number: usize, window: Duration, cpu: impl Fn() -> Result<Duration>) -> Result<Done> {
        let mut reading = self.reading(number)?;
        let warm = Instant::now() + WARM_UP;
        reading.read_until(|_| Instant::now() >= warm)?;
        let (start, before, from) = (Instant::now(), cpu()?, reading.bytes);
        reading.read_until(|_| start.elapsed() >= window)?;
        let (time, after) = (start.elapsed(), cpu()?);
        ensure!(reading.bytes > from, "nothing arrived");
        Ok(done(reading.bytes - from, time, after.saturating_sub(before)))
    }

    /// Downloads `length` bytes. An operation is a byte.
    pub(crate) fn download(&self, length: u64, cpu: impl Fn() -> Result<Duration>) -> Result<Done> {
        let (start, before) = (Instant::now(), cpu()?);
        let mut reading = self.reading(1)?;
        reading.read_until(|bytes| bytes >= length)?;
        Ok(done(length, start.elapsed(), cpu()?.saturating_sub(before)))
    }

    /// Uploads `length` bytes. An operation is a byte.
    pub(crate) fn upload(&self, length: u64, cpu: impl Fn() -> Result<Duration>) -> Result<Done> {
        let (start, before) = (Instant::now(), cpu()?);
        let mut stream = open(self.address, &self.opening)?;
        stream.write_all(&self.request)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let mut turning = self.origin.borrow()?;
        turning.registry().register(&mut stream, Turning::token(0), Interest::READABLE | Interest::WRITABLE)?;
        let (chunk, mut left, mut answer, mut last) = (vec![b'v'; CHUNK], length, Vec::new(), Instant::now());
        let mut events = Vec::new();
        while !answer.ends_with(BODY) {
            ensure!(last.elapsed() < PATIENCE, "{left} bytes could not be sent");
            let part = chunk.get(..usize::try_from(left).unwrap_or(CHUNK)).unwrap_or(&chunk);
            let outcome = if left > 0 { stream.write(part) } else { read_more(&mut stream, &mut answer) };
            match outcome {
                Ok(0) => bail!("the connection was closed before the answer: {}", String::from_utf8_lossy(&answer)),
                Ok(count) => {
                    left = left.saturating_sub(count as u64);
                    last = Instant::now();
                    turning.turn(Some(Duration::ZERO), &mut events)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => turning.turn(self.rest(), &mut events)?,
                Err(error) => bail!("{error}, {left} bytes before the end"),
            }
        }
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "answered: {}", String::from_utf8_lossy(&answer));
        Ok(done(length, start.elapsed(), cpu()?.saturating_sub(before)))
    }

    /// Connections on which the head of an answer has arrived.
    fn reading(&self, number: usize) -> Result<Reading<'_>> {
        let (mut streams, mut bytes) = (Vec::new(), 0);
        for _ in 0..number {
            let mut stream = open(self.address, &self.opening)?;
            stream.write_all(&self.request)?;
            bytes += read_head(&mut stream)? as u64;
            stream.set_nonblocking(true)?;
            streams.push(TcpStream::from_std(stream));
        }
        let (ready, buffer) = ((0..number).collect(), vec![MaybeUninit::uninit(); CHUNK]);
        Ok(Reading { bulk: self, streams, ready, buffer, bytes, last: Instant::now() })
    }

    fn rest(&self) -> Option<Duration> {
        Some(if self.sleeping { Duration::from_millis(50) } else { Duration::ZERO })
    }
}

impl Reading<'_> {
    fn read_until(&mut self, enough: impl Fn(u64) -> bool) -> Result<()> {
        let mut turning = self.bulk.origin.borrow()?;
        for (place, stream) in self.streams.iter_mut().enumerate() {
            // A second time it is there already.
            drop(turning.registry().register(stream, Turning::token(place), Interest::READABLE));
        }
        while !enough(self.bytes) {
            ensure!(self.last.elapsed() < PATIENCE, "nothing arrives any more after {} bytes", self.bytes);
            let rest = if self.ready.is_empty() { self.bulk.rest() } else { Some(Duration::ZERO) };
            turning.turn(rest, &mut self.ready)?;
            self.ready.sort_unstable();
            self.ready.dedup();
            for place in std::mem::take(&mut self.ready) {
                let Some(stream) = self.streams.get_mut(place) else { continue };
                match SockRef::from(&*stream).recv_with_flags(&mut self.buffer, DISCARD) {
                    Ok(0) => ensure!(enough(self.bytes), "closed after {} bytes", self.bytes),
                    Ok(count) => {
                        self.bytes += count as u64;
                        self.last = Instant::now();
                        self.ready.push(place);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

fn done(operations: u64, time: Duration, cpu: Duration) -> Done {
    Done { operations, time, cpu, latencies: Vec::new() }
}

fn read_more(stream: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<usize> {
    let mut buffer = [0; 4096];
    let count = stream.read(&mut buffer)?;
    answer.extend_from_slice(buffer.get(..count).unwrap_or_default());
    Ok(count)
}

/// A connection, and a tunnel through it when `opening` is a CONNECT.
pub(crate) fn open(address: SocketAddr, opening: &[u8]) -> Result<std::net::TcpStream> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    if !opening.is_empty() {
        stream.write_all(opening)?;
        ensure!(read_head(&mut stream)? == 0, "something follows the answer to CONNECT");
    }
    Ok(stream)
}

/// Reads a head, which says 2xx, and says how many bytes of a body came with it.
pub(crate) fn read_head(stream: &mut std::net::TcpStream) -> Result<usize> {
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "closed before the answer");
        head.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if let Some(end) = find(&head, b"\r\n\r\n") {
            let text = String::from_utf8_lossy(head.get(..end).context("a head")?).into_owned();
            // tinyproxy answers CONNECT as HTTP/1.0.
            ensure!(text.starts_with("HTTP/1.") && text.get(8..10) == Some(" 2"), "answered: {text}");
            return Ok(head.len() - end - 4);
        }
    }
}
