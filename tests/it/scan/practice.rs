//! A practice ICAP server: what it says depends on the path of the service that is asked.

use std::cell::RefCell;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::super::raw::Wire;

/// What it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// The last part of the service's address.
    pub(crate) service: String,
    /// The head of the ICAP request.
    pub(crate) head: String,
    /// The heads that it encapsulates.
    pub(crate) inner: String,
    /// What came of the body.
    pub(crate) body: Vec<u8>,
    /// Which connection it came on.
    pub(crate) connection: usize,
}

impl Seen {
    /// A field of the ICAP request.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// An ICAP server on a port of its own. It ends with the test program.
pub(crate) struct Practice {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// How many messages are being read, and how many there were at most.
    open: Arc<Mutex<(usize, usize)>>,
    connections: Arc<AtomicUsize>,
}

impl Practice {
    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// How many messages came at the same time, at most.
    pub(crate) fn most_open(&self) -> usize {
        self.open.lock().unwrap().1
    }

    pub(crate) fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// The same behind TLS.
    pub(crate) fn start_tls(tls: Arc<ServerConfig>) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").unwrap(), Some(tls))
    }

    pub(crate) fn on(listener: TcpListener) -> Self {
        Self::listen(listener, None)
    }

    fn listen(listener: TcpListener, tls: Option<Arc<ServerConfig>>) -> Self {
        let (address, seen) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<Seen>>>::default());
        let open = Arc::<Mutex<(usize, usize)>>::default();
        let (all, count, connections) = (Arc::clone(&seen), Arc::clone(&open), Arc::<AtomicUsize>::default());
        let number = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (all, connection) = (Arc::clone(&all), number.fetch_add(1, Ordering::Relaxed));
                let (count, tls) = (Arc::clone(&count), tls.clone());
                std::thread::spawn(move || {
                    let stream = stream.unwrap();
                    let stream: Box<dyn Wire> = match tls {
                        None => Box::new(stream),
                        Some(tls) => Box::new(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream)),
                    };
                    Visit::new(Shared(Rc::new(RefCell::new(stream))), connection, &all, &count).serve();
                });
            }
        });
        Self { address, seen, open, connections }
    }

    /// The address of a service.
    pub(crate) fn url(&self, service: &str) -> String {
        format!("icap://{}/{service}", self.address)
    }

    /// What was asked of a service so far, without OPTIONS.
    pub(crate) fn seen(&self, service: &str) -> Vec<Seen> {
        let all = self.seen.lock().unwrap().clone();
        all.into_iter().filter(|seen| seen.service == service && seen.method != "OPTIONS").collect()
    }

    /// How often a service was asked what it can do.
    pub(crate) fn options(&self, service: &str) -> usize {
        let all = self.seen.lock().unwrap();
        all.iter().filter(|seen| seen.service == service && seen.method == "OPTIONS").count()
    }
}

/// A connection of which one half reads and the other writes.
#[derive(Clone)]
struct Shared(Rc<RefCell<Box<dyn Wire>>>);

impl Read for Shared {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(octets)
    }
}

impl Write for Shared {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

struct Visit<'a> {
    reader: BufReader<Shared>,
    stream: Shared,
    connection: usize,
    all: &'a Mutex<Vec<Seen>>,
    open: &'a Mutex<(usize, usize)>,
}

impl<'a> Visit<'a> {
    fn new(stream: Shared, connection: usize, all: &'a Mutex<Vec<Seen>>, open: &'a Mutex<(usize, usize)>) -> Self {
        Self { reader: BufReader::new(stream.clone()), stream, connection, all, open }
    }

    fn serve(&mut self) {
        while let Some(mut seen) = self.read_head() {
            let at = {
                let mut all = self.all.lock().unwrap();
                all.push(seen.clone());
                all.len() - 1
            };
            let goes_on = if seen.method == "OPTIONS" { self.options(&seen) } else { self.answer(&mut seen) };
            self.all.lock().unwrap()[at] = seen;
            if !goes_on {
                return;
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.reader.read_line(&mut line).ok()? > 0).then_some(line)
    }

    fn read_head(&mut self) -> Option<Seen> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push_str(&self.line()?);
        }
        let mut words = head.split(' ');
        let (method, url) = (words.next()?.to_owned(), words.next()?);
        let service = url.rsplit('/').next()?.to_owned();
        let (connection, body) = (self.connection, Vec::new());
        let mut seen = Seen { method, service, head: head.clone(), inner: String::new(), body, connection };
        let length: usize = seen.field("encapsulated")?.rsplit('=').next()?.parse().ok()?;
        let mut inner = vec![0; length];
        self.reader.read_exact(&mut inner).ok()?;
        seen.inner = String::from_utf8(inner).unwrap();
        Some(seen)
    }

    /// Reads chunks up to the end of the body, or of the preview. Gives whether that is all.
    fn read_body(&mut self, body: &mut Vec<u8>) -> Option<bool> {
        loop {
            let line = self.line()?;
            let (size, rest) = line.trim_end().split_once(';').unwrap_or((line.trim_end(), ""));
            let size = usize::from_str_radix(size, 16).ok()?;
            let mut chunk = vec![0; size + 2];
            self.reader.read_exact(&mut chunk).ok()?;
            if size == 0 {
                return Some(rest.trim() == "ieof");
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    fn say(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).and_then(|()| self.stream.flush()).is_ok()
    }

    fn options(&mut self, seen: &Seen) -> bool {
        let more = match seen.service.as_str() {
            "whole" | "echo" | "stream" | "short" => "",
            "pictures" => "Preview: 16\r\nAllow: 204\r\nTransfer-Preview: *\r\nTransfer-Ignore: gif\r\n",
            "zero" => "Preview: 0\r\nAllow: 204\r\n",
            "one" => "Preview: 16\r\nAllow: 204\r\nMax-Connections: 1\r\n",
            _ => "Preview: 16\r\nAllow: 204\r\n",
        };
        let more = if seen.service == "whole" { "Allow: 204\r\n" } else { more };
        self.say(&format!(
            "ICAP/1.0 200 OK\r\nMethods: REQMOD, RESPMOD\r\nISTag: \"one\"\r\nOptions-TTL: 3600\r\n{more}Encapsulated: null-body=0\r\n\r\n"
        ));
        false
    }

    fn answer(&mut self, seen: &mut Seen) -> bool {
        let has_body = !seen.head.contains("null-body");
        let has_preview = seen.field("preview").is_some();
        let mut is_all = !has_body;
        let mut body = Vec::new();
        if seen.service == "stream" {
            return self.stream_back(seen);
        }
        {
            let mut open = self.open.lock().unwrap();
            open.0 += 1;
            open.1 = open.1.max(open.0);
        }
        if has_body {
            let Some(ends) = self.read_body(&mut body) else { return false };
            is_all = ends || !has_preview;
        }
        let wants_all = !matches!(seen.service.as_str(), "peek" | "other" | "down" | "garbage" | "closes");
        if !is_all && wants_all {
            self.say("ICAP/1.0 100 Continue\r\n\r\n");
            if self.read_body(&mut body).is_none() {
                return false;
            }
        }
        seen.body = body;
        self.open.lock().unwrap().0 -= 1;
        match seen.service.as_str() {
            "found" => self.found(seen),
            "other" | "gate" => self.instead("a page of the scanner's own"),
            "echo" => self.give_back(seen),
            "asks" => self.another_request(seen, "a.test/asked?safe=1"),
            "strays" => self.another_request(seen, "evil.test/"),
            "garbage" => self.say("HTTP/1.1 200 OK\r\n\r\n"),
            "hundred" => self.say("ICAP/1.0 100 Continue\r\n\r\n"),
            "breaks" | "short" => {
                self.say("ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=38\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\n9\r\nhalf");
                false
            }
            "down" => self.say("ICAP/1.0 503 Overloaded\r\n\r\n"),
            "closes" => false,
            "waits" => {
                // Until the other side has closed.
                let mut octet = [0];
                while self.reader.read(&mut octet).is_ok_and(|count| count > 0) {}
                seen.body = b"left".to_vec();
                false
            }
            "slow" => {
                std::thread::sleep(std::time::Duration::from_secs(3600));
                false
            }
            _ => self.say("ICAP/1.0 204 No Content\r\nISTag: \"one\"\r\n\r\n"),
        }
    }

    fn found(&mut self, seen: &Seen) -> bool {
        let head = "HTTP/1.0 403 Forbidden\r\nContent-Type: text/html\r\n\r\n";
        let name = if seen.inner.contains("repair") { 1 } else { 2 };
        self.say(&format!(
            "ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution={name}; Threat=Test.<b>Virus</b>;\r\n\
             X-Violations-Found: 1\r\n\t-\r\n\tTest\r\n\t0\r\n\t{name}\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{head}7\r\ncleaned\r\n0\r\n\r\n",
            head.len()
        ))
    }

    fn instead(&mut self, text: &str) -> bool {
        let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 999\r\n\r\n";
        self.say(&format!(
            "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{head}{:x}\r\n{text}\r\n0\r\n\r\n",
            head.len(),
            text.len()
        ))
    }

    /// The answer as it came: what a server does that may not say 204.
    fn give_back(&mut self, seen: &Seen) -> bool {
        let at = seen.inner.find("\r\n\r\n").unwrap() + 4;
        let head = &seen.inner[at..];
        self.say(&format!("ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{head}", head.len()));
        for chunk in seen.body.chunks(10_000) {
            self.say(&format!("{:x}\r\n", chunk.len()));
            drop(self.stream.write_all(chunk));
            self.say("\r\n");
        }
        self.say("0\r\n\r\n")
    }

    /// The answer as it comes: each chunk is given back before the next one is read.
    fn stream_back(&mut self, seen: &mut Seen) -> bool {
        let at = seen.inner.find("\r\n\r\n").unwrap() + 4;
        let head = seen.inner[at..].to_owned();
        self.say(&format!("ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{head}", head.len()));
        loop {
            let Some(line) = self.line() else { return false };
            let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            if self.reader.read_exact(&mut chunk).is_err() {
                return false;
            }
            seen.body.extend_from_slice(&chunk[..size]);
            self.say(&line);
            drop(self.stream.write_all(&chunk));
            if size == 0 {
                return true;
            }
        }
    }

    fn another_request(&mut self, seen: &Seen, place: &str) -> bool {
        let host = place.split('/').next().unwrap();
        let method = seen.inner.split(' ').next().unwrap();
        let head = format!("{method} http://{place} HTTP/1.1\r\nHost: {host}\r\nX-Scanner: was here\r\n\r\n");
        let (kind, body) =
            if seen.body.is_empty() { ("null-body", "") } else { ("req-body", "8\r\nby asked\r\n0\r\n\r\n") };
        self.say(&format!("ICAP/1.0 200 OK\r\nEncapsulated: req-hdr=0, {kind}={}\r\n\r\n{head}{body}", head.len()))
    }
}
