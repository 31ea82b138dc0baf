//! Clients that write and read bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::world::{PATIENCE, World};

/// A byte stream to a server.
pub(crate) trait Wire: Read + Write + Send {}

impl<S: Read + Write + Send> Wire for S {}

/// An answer, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the message ended as its own framing says.
    pub(crate) complete: bool,
}

impl World {
    /// A connection to the proxy from a client address.
    pub(crate) fn connect(&self, from: [u8; 4]) -> TcpStream {
        connect(self.proxy, from.into())
    }

    /// Sends `request` to the proxy on a connection of its own, and reads until the proxy closes.
    pub(crate) fn send(&self, request: &str) -> Answer {
        self.send_from([127, 0, 0, 1], request)
    }

    /// The same from another client address.
    pub(crate) fn send_from(&self, from: [u8; 4], request: &str) -> Answer {
        let mut stream = self.connect(from);
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(&mut stream)
    }

    /// Asks for a tunnel to `authority`, and speaks TLS to whoever is at its end.
    pub(crate) fn inside(&self, from: [u8; 4], authority: &str) -> StreamOwned<ClientConnection, TcpStream> {
        let mut stream = self.connect(from);
        write!(stream, "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: Mozilla/5.0\r\n\r\n").unwrap();
        let head = read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        self.handshake(stream, authority)
    }

    /// Speaks TLS on a stream that is open.
    pub(crate) fn handshake(&self, stream: TcpStream, authority: &str) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        for certificate in rustls::pki_types::CertificateDer::pem_file_iter(&self.bundle).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let host = authority.rsplit_once(':').unwrap().0.to_owned();
        let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(host).unwrap()).unwrap();
        StreamOwned::new(connection, stream)
    }
}

/// A connection to `to` from a client address.
pub(crate) fn connect(to: SocketAddr, from: IpAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::for_address(to), socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads to the end of a head and not a byte further.
pub(crate) fn read_head(stream: &mut dyn Wire) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            // Whoever needed the rest says so.
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Reads until the other side closes, or breaks off.
pub(crate) fn read_all(stream: &mut dyn Wire) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("the connection stays open after {:?}", String::from_utf8_lossy(&all))
        }
        // A connection that was reset, or closed without TLS's goodbye, has ended, too.
        _ => all,
    }
}

impl Answer {
    /// Reads until the other side closes.
    pub(crate) fn read(stream: &mut dyn Wire) -> Self {
        Self::parse(&read_all(stream))
    }

    /// Reads one answer, as its Content-Length says, and leaves the connection open.
    pub(crate) fn read_one(stream: &mut dyn Wire) -> Self {
        let head = read_head(stream);
        let mut answer = Self::parse(head.as_bytes());
        let length = answer.value("content-length").parse().unwrap_or(0);
        answer.body = vec![0; length];
        stream.read_exact(&mut answer.body).unwrap();
        answer.complete = true;
        answer
    }

    /// An answer that has been read.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self::parse(bytes)
    }

    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let fields: Vec<_> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Self { status: status.unwrap(), fields, body: bytes[end + 4..].to_vec(), complete: true };
        if answer.value("transfer-encoding") == "chunked" {
            (answer.body, answer.complete) = unchunk(&answer.body);
        } else if let Ok(length) = answer.value("content-length").parse::<usize>() {
            answer.complete = answer.body.len() == length;
        }
        answer
    }

    /// The values of a field, joined.
    pub(crate) fn value(&self, name: &str) -> String {
        let values = self.fields.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        values.collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What `Proxy-Status` says besides the request's name, which it has.
    pub(crate) fn proxy_status(&self) -> String {
        super::browser::without_request(&self.value("proxy-status"))
    }

    /// The Proxy Error Type that it gives.
    pub(crate) fn error_type(&self) -> String {
        self.proxy_status().trim_start_matches("vestibule; error=").to_owned()
    }
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else { return (body, false) };
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size) = size else { return (body, false) };
        rest = &rest[end + 2..];
        if size == 0 {
            return (body, rest == b"\r\n");
        }
        if rest.len() < size + 2 {
            body.extend_from_slice(rest);
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}
