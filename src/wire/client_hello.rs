//! The first message of a TLS client (RFC 8446 §4.1.2), read from octets that are kept: whom it wants to reach, and how.
//!
//! rustls reads it, too, but does not say whether the client uses Encrypted Client Hello (RFC 9849), and uses the octets up.
//! What is read here decides alone what becomes of the connection; whoever ends its TLS reads it anew.

use std::net::IpAddr;

use super::Destination;
use super::target::Host;

/// The first octet of a TLS connection: a record with a handshake message (RFC 8446 §5.1).
pub const HANDSHAKE: u8 = 22;

/// The longest message that is read. Browsers send less than 2 KiB, with a key share that resists quantum computers.
const MAX_MESSAGE: usize = 16 * 1024;

/// Records over which it may be spread.
const MAX_RECORDS: usize = 32;

/// As many octets as [`ClientHello::read`] may have to see.
pub const MAX_OCTETS: usize = MAX_MESSAGE + MAX_RECORDS * RECORD_HEAD;

const RECORD_HEAD: usize = 5;
const MAX_RECORD: usize = 16 * 1024;
const CLIENT_HELLO: u8 = 1;

/// Protocols that a client may offer, and extensions that it may have.
const MAX_ITEMS: usize = 64;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
/// RFC 9849 §5.
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// What a client says before anything is decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The host that it names (RFC 6066 §3), in lower case.
    pub server_name: Option<String>,
    /// The protocols that it offers (RFC 7301), the one that it likes best first. Empty: it leaves that open.
    pub alpn: Vec<Vec<u8>>,
    /// Whether it has an Encrypted Client Hello, or what looks like one (GREASE, RFC 9849 §6.2): nobody but the server can
    /// tell one from the other.
    pub has_ech: bool,
}

/// Why there is no ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is another protocol.
    #[error("it is not TLS")]
    NotTls,
    /// It is broken, or longer than any that a client sends.
    #[error("its first message is not valid")]
    Malformed,
}

impl ClientHello {
    /// Reads the message from the first octets of a connection; `None` while there are too few of them.
    pub fn read(octets: &[u8]) -> Result<Option<Self>, Error> {
        let Some(message) = message(octets)? else { return Ok(None) };
        Self::of(&message).map(Some).ok_or(Error::Malformed)
    }

    /// Reads a message, without its head.
    fn of(message: &[u8]) -> Option<Self> {
        let mut rest = Octets(message);
        let version = rest.number(2)?;
        // The version, the random number; the session identifier, the cipher suites, the ways of compression.
        if version >> 8 != 3 {
            return None;
        }
        rest.take(32)?;
        let session = rest.list(1)?;
        let suites = rest.list(2)?;
        let compression = rest.list(1)?;
        if session.0.len() > 32 || suites.0.is_empty() || suites.0.len() % 2 != 0 || compression.0.is_empty() {
            return None;
        }
        let mut hello = Self::default();
        // RFC 5246 §7.4.1.2: a client of TLS 1.2 may have no extensions.
        if rest.0.is_empty() {
            return Some(hello);
        }
        let mut extensions = rest.list(2)?;
        if !rest.0.is_empty() {
            return None;
        }
        let mut seen: Vec<u16> = Vec::new();
        while !extensions.0.is_empty() {
            let kind = u16::try_from(extensions.number(2)?).ok()?;
            let data = extensions.list(2)?;
            // RFC 8446 §4.2: there is no more than one of a kind.
            if seen.contains(&kind) || seen.len() == MAX_ITEMS {
                return None;
            }
            seen.push(kind);
            match kind {
                SERVER_NAME => hello.server_name = Some(server_name(data)?),
                ALPN => hello.alpn = protocols(data)?,
                ENCRYPTED_CLIENT_HELLO => hello.has_ech = true,
                _ => {}
            }
        }
        Some(hello)
    }

    /// Whether it names the destination of the CONNECT that it came through, or none, where that is an address: an address
    /// never stands there (RFC 6066 §3).
    pub fn is_for(&self, destination: &Destination) -> bool {
        match (&self.server_name, &destination.host) {
            (Some(name), Host::Domain(host)) => name == host.trim_end_matches('.'),
            (None, Host::Domain(_)) | (Some(_), _) => false,
            (None, Host::Ipv4(_) | Host::Ipv6(_)) => true,
        }
    }

    /// Whether a server that speaks one of these protocols can be at the other end.
    pub fn takes(&self, protocols: &[&[u8]]) -> bool {
        self.alpn.is_empty() || self.alpn.iter().any(|offered| protocols.contains(&offered.as_slice()))
    }
}

/// The ClientHello without the heads of the records that carry it, and without its own.
fn message(octets: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let mut rest = Octets(octets);
    let mut found = Vec::new();
    for _ in 0..MAX_RECORDS {
        match (rest.0.first(), rest.0.get(1)) {
            (Some(kind), _) if *kind != HANDSHAKE => return Err(not_tls(&found)),
            (_, Some(major)) if *major != 3 => return Err(not_tls(&found)),
            _ => {}
        }
        let Some(head) = rest.take(RECORD_HEAD) else { return Ok(None) };
        let length = Octets(head).skip(3).and_then(|mut head| head.number(2)).unwrap_or_default();
        if length == 0 || length > MAX_RECORD {
            return Err(not_tls(&found));
        }
        let part = rest.take(length);
        found.extend_from_slice(part.unwrap_or(rest.0));
        // What has come of it may say already that it is something else, or too long.
        if let Some(kind) = found.first()
            && *kind != CLIENT_HELLO
        {
            return Err(Error::Malformed);
        }
        let mut head = Octets(&found);
        if let Some(length) = head.skip(1).and_then(|mut head| head.number(3)) {
            if length > MAX_MESSAGE {
                return Err(Error::Malformed);
            }
            if let Some(whole) = found.get(4..4 + length) {
                // Nothing can follow it in its record: the server has not answered (RFC 8446 §5.1).
                return if part.is_some() && found.len() == 4 + length {
                    Ok(Some(whole.to_vec()))
                } else {
                    Err(Error::Malformed)
                };
            }
        }
        if part.is_none() {
            return Ok(None);
        }
    }
    Err(Error::Malformed)
}

fn not_tls(found: &[u8]) -> Error {
    if found.is_empty() { Error::NotTls } else { Error::Malformed }
}

/// RFC 6066 §3: a list with one name of the only type that there is.
fn server_name(data: Octets<'_>) -> Option<String> {
    let mut data = data;
    let mut names = data.list(2)?;
    let kind = names.number(1)?;
    let name = names.list(2)?;
    if kind != 0 || !names.0.is_empty() || !data.0.is_empty() {
        return None;
    }
    let name = std::str::from_utf8(name.0).ok()?;
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    let is_good = !name.is_empty() && name.len() <= 253 && name.bytes().all(is_name);
    // RFC 6066 §3: no dot at its end, and no address.
    let is_good = is_good && !name.ends_with('.') && name.parse::<IpAddr>().is_err();
    is_good.then(|| name.to_ascii_lowercase())
}

fn protocols(data: Octets<'_>) -> Option<Vec<Vec<u8>>> {
    let mut data = data;
    let mut list = data.list(2)?;
    let mut found = Vec::new();
    while !list.0.is_empty() {
        let protocol = list.list(1)?;
        if protocol.0.is_empty() || found.len() == MAX_ITEMS {
            return None;
        }
        found.push(protocol.0.to_vec());
    }
    (data.0.is_empty() && !found.is_empty()).then_some(found)
}

/// What is left to read.
#[derive(Clone, Copy)]
struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// What is left after the next octets.
    fn skip(&mut self, count: usize) -> Option<Self> {
        self.take(count)?;
        Some(*self)
    }

    /// A number of so many octets, three at most.
    fn number(&mut self, octets: usize) -> Option<usize> {
        let taken = self.take(octets)?;
        Some(taken.iter().fold(0, |number, octet| number << 8 | usize::from(*octet)))
    }

    /// What a length of so many octets stands before.
    fn list(&mut self, octets: usize) -> Option<Self> {
        let length = self.number(octets)?;
        self.take(length).map(Octets)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::Scheme;

    /// What a client of rustls sends.
    fn sent(host: &str, alpn: &[&str]) -> Vec<u8> {
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = rustls::pki_types::ServerName::try_from(host.to_owned()).unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut octets = Vec::new();
        client.write_tls(&mut octets).unwrap();
        octets
    }

    /// A message of these extensions, in one record.
    fn made(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        let mut all = Vec::new();
        for (kind, data) in extensions {
            all.extend(kind.to_be_bytes());
            all.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            all.extend(data);
        }
        body.extend(u16::try_from(all.len()).unwrap().to_be_bytes());
        body.extend(all);
        let mut octets = vec![22, 3, 1];
        octets.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
        octets.push(1);
        octets.extend(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
        octets.extend(body);
        octets
    }

    /// The extension that names this host.
    fn naming(host: &str) -> (u16, Vec<u8>) {
        let length = u16::try_from(host.len()).unwrap();
        let mut data = (length + 3).to_be_bytes().to_vec();
        data.push(0);
        data.extend(length.to_be_bytes());
        data.extend(host.as_bytes());
        (SERVER_NAME, data)
    }

    /// The same octets of the message, in records of this length.
    fn spread(octets: &[u8], length: usize) -> Vec<u8> {
        let records = octets[5..]
            .chunks(length)
            .map(|part| [&[22, 3, 1][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat());
        records.collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_real_clients_message_is_read_however_it_arrives() {
        let octets = sent("Mail.Example.test", &["h2", "http/1.1"]);
        let wanted = ClientHello {
            server_name: Some("mail.example.test".into()),
            alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            has_ech: false,
        };
        for end in 0..octets.len() {
            assert_eq!(ClientHello::read(&octets[..end]), Ok(None), "{end}");
        }
        assert_eq!(ClientHello::read(&octets), Ok(Some(wanted.clone())));
        assert_eq!(ClientHello::read(&spread(&octets, octets.len() / 20)), Ok(Some(wanted.clone())));
        assert_eq!(ClientHello::read(&spread(&octets, 10)), Err(Error::Malformed), "too many records");
        let to = |text: &str| Destination::of_authority(Scheme::Https, text).unwrap();
        assert!(wanted.is_for(&to("mail.example.test:443")) && !wanted.is_for(&to("example.test:443")));
        assert!(!wanted.is_for(&to("192.0.2.7:443")) && wanted.takes(&[b"http/1.1"]) && !wanted.takes(&[b"h3"]));
        let nameless = ClientHello::read(&sent("192.0.2.7", &[])).unwrap().unwrap();
        assert!(nameless.is_for(&to("192.0.2.7:443")) && !nameless.is_for(&to("a.test:443")));
        assert!(nameless.takes(&[b"http/1.1"]), "it leaves the protocol open");
    }

    #[test]
    fn what_is_not_tls_is_told_from_what_is_broken() {
        for other in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"GET / HTTP/1.1\r\n", b"\x16\x02", b"\x16\x03\x01\0\0", b"\0"] {
            assert_eq!(ClientHello::read(other), Err(Error::NotTls), "{other:?}");
        }
        assert_eq!(ClientHello::read(b""), Ok(None));
        // A ServerHello.
        assert_eq!(ClientHello::read(b"\x16\x03\x03\0\x04\x02"), Err(Error::Malformed));
        let good = made(&[naming("a.test")]);
        assert_eq!(ClientHello::read(&good).unwrap().unwrap().server_name.as_deref(), Some("a.test"));
        let mut longer = good.clone();
        longer.push(0x17);
        assert_eq!(
            ClientHello::read(&longer).unwrap().unwrap().server_name.as_deref(),
            Some("a.test"),
            "another record"
        );
        for broken in [
            made(&[naming("a.test"), naming("a.test")]),
            made(&[naming("")]),
            made(&[naming("a.test.")]),
            made(&[naming("192.0.2.7")]),
            made(&[naming("a b")]),
            made(&[naming("b\u{fc}cher.test")]),
            made(&[(ALPN, vec![0, 0])]),
            made(&[(ALPN, vec![0, 2, 0, 0])]),
            made(&[(SERVER_NAME, vec![0, 4, 0, 0, 9, b'a'])]),
        ] {
            assert_eq!(ClientHello::read(&broken), Err(Error::Malformed), "{broken:?}");
        }
        let hidden = made(&[(ENCRYPTED_CLIENT_HELLO, vec![0; 20]), naming("front.test")]);
        assert!(ClientHello::read(&hidden).unwrap().unwrap().has_ech);
    }

    proptest! {
        /// Whatever comes, it is read or refused, and what was refused is not read when more comes.
        #[test]
        fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
            let whole = ClientHello::read(&octets);
            for end in 0..octets.len() {
                match ClientHello::read(&octets[..end]) {
                    Ok(None) => {}
                    early => prop_assert_eq!(&early, &whole),
                }
            }
        }

        /// A good message in which something is changed never reads as another host without being well formed.
        #[test]
        fn a_changed_message_is_read_or_refused(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut octets = made(&[naming("host.test"), (ALPN, vec![0, 3, 2, b'h', b'2'])]);
            for (at, octet) in changes {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
            octets.truncate(cut.index(octets.len()) + 1);
            if let Ok(Some(hello)) = ClientHello::read(&octets) {
                let is_name = |name: &String| name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._".contains(&octet));
                prop_assert!(hello.server_name.iter().all(is_name));
            }
        }
    }
}
