//! One connection inside of a CONNECT: to see that it is intercepted, and to download something large.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use mio::Interest;
use mio::net::TcpStream;

use crate::bulk;
use crate::h2;
use crate::load::Done;
use crate::origin::{CHUNK, Origin, Turning, find};
use crate::secure::{self, HTTP_11, NAME, Wire};
use crate::target::Target;

/// How long nothing may arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes sure that the proxy ends the client's TLS, and forwards what is inside.
pub(crate) fn check(target: &Target, origin: &Origin) -> Result<()> {
    let (mut inside, mut octets) = (Asking::open(target, origin.secure.port(), "/", HTTP_11, false)?, Vec::new());
    inside.read_until(origin, |part| {
        octets.extend_from_slice(part);
        find(&octets, b"\r\n\r\n").is_some()
    })?;
    let head = String::from_utf8_lossy(&octets);
    ensure!(head.starts_with("HTTP/1.1 200"), "answered: {head}");
    ensure!(inside.wire.certificate() != Some(&origin.certificate), "it does not intercept");
    Ok(())
}

/// Whether the proxy agrees with a client on HTTP/2, where the origin speaks it, too.
pub(crate) fn speaks_h2(target: &Target, origin: &Origin) -> Result<bool> {
    let mut inside = Asking::open(target, origin.h2.port(), "/", h2::ALPN, false)?;
    inside.read_until(origin, |_| true)?;
    Ok(inside.wire.is_h2())
}

/// Downloads `length` bytes. An operation is a byte.
pub(crate) fn download(target: &Target, origin: &Origin, length: u64, sleeping: bool) -> Result<Done> {
    let (start, before) = (Instant::now(), target.cpu()?);
    let mut inside = Asking::open(target, origin.secure.port(), &format!("/{length}"), HTTP_11, sleeping)?;
    let (mut head, mut body) = (Some(Vec::new()), 0);
    inside.read_until(origin, |part| {
        body += part.len() as u64;
        if let Some(octets) = &mut head {
            octets.extend_from_slice(part);
            let Some(end) = find(octets, b"\r\n\r\n") else { return false };
            body = (octets.len() - end - 4) as u64;
            head = None;
        }
        body >= length
    })?;
    let (time, cpu) = (start.elapsed(), target.cpu()?.saturating_sub(before));
    Ok(Done { operations: length, time, cpu, latencies: Vec::new() })
}

/// A connection on which something is asked for, once both ends have shaken hands.
struct Asking {
    wire: Wire,
    request: Option<Vec<u8>>,
    sleeping: bool,
}

impl Asking {
    fn open(target: &Target, port: u16, path: &str, protocol: &[u8], sleeping: bool) -> Result<Self> {
        let authority = format!("{NAME}:{port}");
        let opening = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: bench\r\n\r\n");
        let stream = bulk::open(target.address, opening.as_bytes())?;
        stream.set_nonblocking(true)?;
        let mut wire = Wire::plain(TcpStream::from_std(stream));
        wire.secure(&secure::client(false, &[protocol, HTTP_11])?, NAME)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: bench\r\n\r\n");
        Ok(Self { wire, request: Some(request.into_bytes()), sleeping })
    }

    fn read_until(&mut self, origin: &Origin, mut is_enough: impl FnMut(&[u8]) -> bool) -> Result<()> {
        let (mut turning, mut buffer, mut last) = (origin.borrow()?, vec![0; CHUNK], Instant::now());
        let both = Interest::READABLE | Interest::WRITABLE;
        turning.registry().register(&mut self.wire.tcp, Turning::token(0), both)?;
        let (mut events, rest) = (Vec::new(), Duration::from_millis(if self.sleeping { 50 } else { 0 }));
        loop {
            ensure!(last.elapsed() < PATIENCE, "nothing arrives any more");
            match self.wire.read(&mut buffer) {
                Ok(0) => bail!("closed before the end"),
                Ok(count) => {
                    last = Instant::now();
                    if is_enough(buffer.get(..count).unwrap_or_default()) {
                        return Ok(());
                    }
                    turning.turn(Some(Duration::ZERO), &mut events)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.wire.is_h2() && !self.wire.is_shaking() {
                        return Ok(());
                    }
                    if let Some(request) = self.request.take_if(|_| !self.wire.is_shaking()) {
                        self.wire.write_all(&request)?;
                    }
                    turning.turn(Some(rest), &mut events)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
