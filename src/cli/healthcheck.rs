//! `vestibule healthcheck`: for container engines, where there is no curl.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::{Failure, environment};
use crate::app::HEALTH_PATH;
use crate::config;

/// A program that does not answer within this is not well.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the proxy at `address`, or where the configuration says that it listens, how it is.
pub(super) fn healthcheck(address: Option<SocketAddr>, file: &Path) -> Result<(), Failure> {
    let address = match address {
        Some(address) => address,
        None => listening_at(file)?,
    };
    match ask(address) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(answer) => Err(Failure::new(format!("{address} answered: {}", answer.lines().next().unwrap_or("nothing")))),
        Err(error) => Err(Failure::new(format!("{address} did not answer: {error}"))),
    }
}

/// The first listener, as it is reached from this machine.
fn listening_at(file: &Path) -> Result<SocketAddr, Failure> {
    let config = config::load(file, &environment).map_err(|problems| Failure::config(&problems))?;
    let listener = config.listeners.first().ok_or_else(|| Failure::new("the configuration has no listener"))?;
    let mut address = listener.address;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    Ok(address)
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
