//! `vestibule healthcheck`: for container engines, where there is no curl.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Failure;
use crate::app::HEALTH_PATH;

/// A program that does not answer within this is not well.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the proxy at `address` how it is.
pub(super) fn healthcheck(address: SocketAddr) -> Result<(), Failure> {
    match ask(address) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(answer) => Err(Failure::new(format!("{address} answered: {}", answer.lines().next().unwrap_or("nothing")))),
        Err(error) => Err(Failure::new(format!("{address} did not answer: {error}"))),
    }
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {HEALTH_PATH} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(1024).read_to_string(&mut answer)?;
    Ok(answer)
}
