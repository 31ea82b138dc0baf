//! Large answers: through tunnels, and as one download.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::load::Done;
use crate::origin::find;

/// What one read takes.
const CHUNK: usize = 256 * 1024;

/// Before the figures count.
const WARM_UP: Duration = Duration::from_millis(300);

/// Reads through `number` tunnels for `window`. An operation is a byte.
pub(crate) fn tunnels(
    address: SocketAddr,
    number: usize,
    opening: &[u8],
    request: &[u8],
    window: Duration,
    cpu: impl Fn() -> Result<Duration>,
) -> Result<Done> {
    let (bytes, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut readers = Vec::new();
    for _ in 0..number {
        let mut stream = open(address, opening)?;
        stream.write_all(request)?;
        let (bytes, stop) = (Arc::clone(&bytes), Arc::clone(&stop));
        readers.push(thread::spawn(move || {
            let mut buffer = vec![0; CHUNK];
            while !stop.load(Ordering::Relaxed) {
                match stream.read(&mut buffer) {
                    Ok(count) if count > 0 => drop(bytes.fetch_add(count as u64, Ordering::Relaxed)),
                    _ => return,
                }
            }
        }));
    }
    thread::sleep(WARM_UP);
    let (start, before, from) = (Instant::now(), cpu()?, bytes.load(Ordering::Relaxed));
    thread::sleep(window);
    let (time, after, to) = (start.elapsed(), cpu()?, bytes.load(Ordering::Relaxed));
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        ensure!(reader.join().is_ok(), "a reader broke off");
    }
    ensure!(to > from, "nothing arrived");
    Ok(Done { operations: to - from, time, cpu: after.saturating_sub(before), latencies: Vec::new() })
}

/// Downloads `length` bytes. An operation is a byte.
pub(crate) fn download(
    address: SocketAddr,
    request: &[u8],
    length: u64,
    cpu: impl Fn() -> Result<Duration>,
) -> Result<Done> {
    let (start, before) = (Instant::now(), cpu()?);
    let mut stream = open(address, &[])?;
    stream.write_all(request)?;
    let (_, rest) = read_head(&mut stream)?;
    let mut left = length.checked_sub(rest as u64).context("more than was asked for")?;
    let mut buffer = vec![0; CHUNK];
    while left > 0 {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "{left} bytes are missing");
        left = left.checked_sub(count as u64).context("more than was asked for")?;
    }
    let (time, after) = (start.elapsed(), cpu()?);
    Ok(Done { operations: length, time, cpu: after.saturating_sub(before), latencies: Vec::new() })
}

/// A connection, and a tunnel through it when `opening` is a CONNECT.
pub(crate) fn open(address: SocketAddr, opening: &[u8]) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    if !opening.is_empty() {
        stream.write_all(opening)?;
        let (_, rest) = read_head(&mut stream)?;
        ensure!(rest == 0, "something follows the answer to CONNECT");
    }
    Ok(stream)
}

/// Reads a head, which says 2xx, and says how many bytes of a body came with it.
pub(crate) fn read_head(stream: &mut TcpStream) -> Result<(String, usize)> {
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "closed before the answer");
        head.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if let Some(end) = find(&head, b"\r\n\r\n") {
            let rest = head.len() - end - 4;
            let text = String::from_utf8_lossy(head.get(..end).unwrap_or_default()).into_owned();
            ensure!(text.starts_with("HTTP/1.1 2"), "answered: {text}");
            return Ok((text, rest));
        }
    }
}
