//! The PROXY protocol (HAProxy's specification, versions 1 and 2): a load balancer says by it which client a connection
//! is of.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// The beginning of version 2 (§2.2). No client of HTTP or TLS begins like this.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The beginning of version 1 (§2.1).
pub const WORD: &[u8] = b"PROXY ";

/// The most bytes of a line of version 1, including its end.
const MAX_LINE: usize = 107;

/// The most bytes of addresses and extensions in version 2: far more than the known ones take.
const MAX_REST: usize = 4096;

/// The extension that holds a checksum (§2.2.3).
const CRC32C: u8 = 3;

/// Why a header cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection broke, or ended inside the header.
    #[error("the connection was lost inside the PROXY header")]
    Lost(#[from] io::Error),
    /// What arrived is something else.
    #[error("there is no PROXY header")]
    Missing,
    /// It breaks the rules of the specification.
    #[error("the PROXY header is not valid: {0}")]
    Invalid(&'static str),
}

/// Reads a header and not a byte more. Gives the client that it names; `None` if the sender speaks for itself (a health
/// check), or for a client without an address.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, Error> {
    // No header of either version is shorter than this.
    let mut first = [0; SIGNATURE.len()];
    stream.read_exact(&mut first).await?;
    if first == SIGNATURE {
        let mut fixed = [0; 4];
        stream.read_exact(&mut fixed).await?;
        let [command, family, high, low] = fixed;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > MAX_REST {
            return Err(Error::Invalid("it is too long"));
        }
        let mut rest = vec![0; length];
        stream.read_exact(&mut rest).await?;
        return version_2(command, family, &rest);
    }
    if !first.starts_with(WORD) {
        return Err(Error::Missing);
    }
    let mut line = first.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == MAX_LINE {
            return Err(Error::Invalid("its line has no end"));
        }
        line.push(stream.read_u8().await?);
    }
    version_1(&line)
}

fn version_1(line: &[u8]) -> Result<Option<SocketAddr>, Error> {
    let text = std::str::from_utf8(line).map_err(|_| Error::Invalid("it is not text"))?;
    let mut words = text.trim_end_matches("\r\n").split(' ').skip(1);
    let family = words.next();
    if family == Some("UNKNOWN") {
        return Ok(None);
    }
    let words: Vec<&str> = words.collect();
    let [source, destination, port, other_port] = *words else {
        return Err(Error::Invalid("it does not have two addresses and two ports"));
    };
    let address = |text: &str| -> Option<IpAddr> {
        match family? {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    // A port has no sign and no leading zero (§2.1).
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| port.to_string() == text);
    match (address(source), address(destination), number(port), number(other_port)) {
        (Some(source), Some(_), Some(port), Some(_)) => Ok(Some(SocketAddr::new(source, port))),
        _ => Err(Error::Invalid("its addresses or ports are not valid")),
    }
}

fn version_2(command: u8, family: u8, rest: &[u8]) -> Result<Option<SocketAddr>, Error> {
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(Error::Invalid("its command is not known")),
    };
    let short = Error::Invalid("it is too short");
    let (source, extensions) = match family {
        // TCP over IPv4: two addresses, two ports.
        0x11 => {
            let (addresses, extensions) = rest.split_first_chunk::<12>().ok_or(short)?;
            let [a, b, c, d, _, _, _, _, high, low, _, _] = *addresses;
            let source = SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low]));
            (Some(source), extensions)
        }
        0x21 => {
            let (addresses, extensions) = rest.split_first_chunk::<36>().ok_or(short)?;
            let source = addresses.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets));
            let port = addresses.get(32..34).and_then(|port| port.try_into().ok()).map(u16::from_be_bytes);
            (source.zip(port).map(|(source, port)| SocketAddr::new(source.into(), port)), extensions)
        }
        // AF_UNSPEC (§2.2): it names no address, and what follows does not matter.
        0x00 => return Ok(None),
        // A UNIX socket: it has no network address.
        0x31 => (None, rest.get(216..).ok_or(short)?),
        _ => return Err(Error::Invalid("its transport is not TCP")),
    };
    check_extensions(command, family, rest, extensions)?;
    Ok(source.filter(|_| !is_local))
}

/// Checks that extensions are complete, and that their checksum is right if there is one (§2.2.3). Nothing else in them
/// is used.
fn check_extensions(command: u8, family: u8, rest: &[u8], mut extensions: &[u8]) -> Result<(), Error> {
    while let Some(([kind, high, low], after)) = extensions.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, others) = after.split_at_checked(length).ok_or(Error::Invalid("an extension is cut off"))?;
        if *kind == CRC32C {
            let at = rest.len() - after.len();
            let wanted =
                <[u8; 4]>::try_from(value).map_err(|_| Error::Invalid("its checksum does not have four octets"))?;
            let length = u16::try_from(rest.len()).unwrap_or(u16::MAX).to_be_bytes();
            let mut whole = [&SIGNATURE[..], &[command, family], &length, rest].concat();
            if let Some(value) = whole.get_mut(SIGNATURE.len() + 4 + at..).and_then(|rest| rest.get_mut(..4)) {
                value.fill(0);
            }
            if crc32c(&whole).to_be_bytes() != wanted {
                return Err(Error::Invalid("its checksum is wrong"));
            }
        }
        extensions = others;
    }
    if extensions.is_empty() { Ok(()) } else { Err(Error::Invalid("an extension is cut off")) }
}

/// CRC32c (RFC 4960 appendix B).
fn crc32c(octets: &[u8]) -> u32 {
    !octets.iter().fold(!0, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

/// A header of version 2 that names `client`, and the address at which it is served.
pub fn encode(client: SocketAddr, served: SocketAddr) -> Vec<u8> {
    let mut header = [&SIGNATURE[..], &[0x21]].concat();
    let (family, addresses) = match (client.ip(), served.ip()) {
        (IpAddr::V4(client), IpAddr::V4(served)) => (0x11, [client.octets(), served.octets()].concat()),
        (client, served) => (0x21, [mapped(client).octets(), mapped(served).octets()].concat()),
    };
    header.push(family);
    header.extend(u16::try_from(addresses.len() + 4).unwrap_or(0).to_be_bytes());
    header.extend(addresses);
    header.extend(client.port().to_be_bytes());
    header.extend(served.port().to_be_bytes());
    header
}

/// A header of version 2 that says that we speak for ourselves (LOCAL).
pub fn encode_local() -> Vec<u8> {
    [&SIGNATURE[..], &[0x20, 0, 0, 0]].concat()
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn parse(octets: &[u8]) -> Result<Option<String>, String> {
        let mut stream = octets;
        let found = read(&mut stream).await.map_err(|error| error.to_string())?;
        assert_eq!(stream, b"GET /", "more or less than the header was read");
        Ok(found.map(|client| client.to_string()))
    }

    #[tokio::test]
    async fn version_1_is_one_line() {
        for (line, read) in [
            ("PROXY TCP4 192.0.2.7 192.0.2.1 5000 8080\r\n", Ok(Some("192.0.2.7:5000"))),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 5000 8080\r\n", Ok(Some("[2001:db8::7]:5000"))),
            ("PROXY UNKNOWN\r\n", Ok(None)),
            ("PROXY UNKNOWN ffff:f...f:ffff 65535 65535\r\n", Ok(None)),
            ("PROXY TCP4 2001:db8::7 192.0.2.1 5000 8080\r\n", Err("addresses or ports are not valid")),
            ("PROXY TCP4 192.0.2.07 192.0.2.1 5000 8080\r\n", Err("addresses or ports are not valid")),
            ("PROXY TCP4 192.0.2.7 192.0.2.1 05000 8080\r\n", Err("addresses or ports are not valid")),
            ("PROXY TCP4 192.0.2.7 192.0.2.1 +5000 8080\r\n", Err("addresses or ports are not valid")),
            ("PROXY TCP4 192.0.2.7 192.0.2.1 65536 8080\r\n", Err("addresses or ports are not valid")),
            ("PROXY TCP4  192.0.2.7 192.0.2.1 5000 8080\r\n", Err("it does not have two addresses and two ports")),
            ("PROXY TCP4 192.0.2.7 192.0.2.1 5000\r\n", Err("it does not have two addresses and two ports")),
            ("PROXY UDP4 192.0.2.7 192.0.2.1 5000 8080\r\n", Err("addresses or ports are not valid")),
            ("GET http://a.test/ HTTP/1.1\r\n", Err("there is no PROXY header")),
            ("proxy tcp4 192.0.2.7 192.0.2.1 5000 8080\r\n", Err("there is no PROXY header")),
        ] {
            check(line, parse(format!("{line}GET /").as_bytes()).await, read);
        }
        let endless = format!("PROXY TCP4 {}", "1".repeat(200));
        check("endless", parse(endless.as_bytes()).await, Err("its line has no end"));
        check("cut off", parse(b"PROXY TCP4 192.0.2.7 192").await, Err("was lost"));
    }

    fn check(what: &str, found: Result<Option<String>, String>, wanted: Result<Option<&str>, &str>) {
        match (found, wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(found.as_deref(), wanted, "{what}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{what}: {error}"),
            (found, _) => panic!("{what}: {found:?}"),
        }
    }

    #[tokio::test]
    async fn version_2_is_told_by_its_length_and_its_extensions_are_checked() {
        let four = [192, 0, 2, 7, 192, 0, 2, 1, 0x13, 0x88, 0x1f, 0x90];
        let header = |command: u8, family: u8, rest: &[u8]| {
            let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
            [&SIGNATURE[..], &[command, family], &length, rest].concat()
        };
        let with = |extension: &[u8]| header(0x21, 0x11, &[&four[..], extension].concat());
        // An authority (a host name) and the checksum of the whole.
        let mut summed = with(b"\x02\x00\x03abc\x03\x00\x04\0\0\0\0");
        let sum = crc32c(&summed).to_be_bytes();
        let end = summed.len();
        summed[end - 4..].copy_from_slice(&sum);
        let mut wrong = summed.clone();
        wrong[16] ^= 1;
        for (what, header, read) in [
            ("IPv4", header(0x21, 0x11, &four), Ok(Some("192.0.2.7:5000"))),
            ("a health check", header(0x20, 0x11, &four), Ok(None)),
            ("a bare health check", encode_local(), Ok(None)),
            ("no address", header(0x21, 0, &[1, 2, 3]), Ok(None)),
            ("UNIX", header(0x21, 0x31, &[0; 216]), Ok(None)),
            ("an extension", with(&[4, 0, 2, 0, 0]), Ok(Some("192.0.2.7:5000"))),
            ("a checksum", summed, Ok(Some("192.0.2.7:5000"))),
            ("a wrong checksum", wrong, Err("checksum is wrong")),
            ("half an extension", with(&[4, 0, 2, 0]), Err("cut off")),
            ("half an extension's head", with(&[4, 0]), Err("cut off")),
            ("UDP", header(0x21, 0x12, &four), Err("transport is not TCP")),
            ("too short", header(0x21, 0x11, &four[..11]), Err("too short")),
            ("another version", header(0x31, 0x11, &four), Err("command is not known")),
            ("another command", header(0x22, 0x11, &four), Err("command is not known")),
            ("too long", header(0x21, 0x11, &[0; 5000]), Err("too long")),
        ] {
            check(what, parse(&[&header[..], b"GET /"].concat()).await, read);
        }
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[tokio::test]
    async fn what_is_written_is_read_again() {
        for (client, served, read) in [
            ("192.0.2.7:5000", "198.51.100.1:443", "192.0.2.7:5000"),
            ("[2001:db8::7]:5000", "[2001:db8::1]:443", "[2001:db8::7]:5000"),
            ("192.0.2.7:5000", "[2001:db8::1]:443", "[::ffff:192.0.2.7]:5000"),
        ] {
            let header = encode(client.parse().unwrap(), served.parse().unwrap());
            check(client, parse(&[&header[..], b"GET /"].concat()).await, Ok(Some(read)));
        }
    }
}
