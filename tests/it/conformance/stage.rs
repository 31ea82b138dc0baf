//! Plays scripts: the sockets of both sides, and the program between them, which many rows share.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::super::raw::connect;
use super::super::world::World;
use super::message::{Expected, Extent, Framing, Message};
use super::octets::{octets, shown};

/// How long a step may take. It is used up only by a row that fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many rows may tunnel at the same time.
const TUNNELS: usize = 16;

/// The program, and origins that it may tunnel to.
pub(crate) struct Stage {
    pub(crate) world: World,
    tunnels: Mutex<Vec<(usize, TcpListener)>>,
    /// How the program calls itself in Via.
    pseudonym: String,
}

/// One connection of one side.
struct Line {
    stream: TcpStream,
    arrived: Vec<u8>,
    closed: bool,
}

/// A row that is being played.
struct Play<'a> {
    stage: &'a Stage,
    origin: TcpListener,
    tunnel: Option<(usize, TcpListener)>,
    clients: Vec<Option<Line>>,
    origins: Vec<Option<Line>>,
    errors: Vec<Told>,
}

/// An error of ours, as a client was told: its access record must say the same.
struct Told {
    status: u16,
    error: String,
    body: String,
}

/// Plays a script against the program that all rows share.
#[track_caller]
pub(crate) fn play(script: &str) {
    static SHARED: Mutex<Weak<Stage>> = Mutex::new(Weak::new());
    let stage = {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            // Workers keep origin connections apart.
            let stage = Arc::new(Stage::new("workers = 1"));
            *shared = Arc::downgrade(&stage);
            stage
        })
    };
    if let Err(problem) = stage.outcome(script) {
        panic!("{problem}");
    }
}

impl Stage {
    /// A program with these limits, at which this machine's address is signed in.
    pub(crate) fn new(limits: &str) -> Self {
        let mut builder = World::build()
            .limits(limits)
            // Origins of the rows have ports that the system chooses, and one that nobody listens on.
            .egress("allow = [\"127.0.0.1/32\"]\nhttp_ports = [\"1-65535\"]")
            .host("o.test", "127.0.0.1")
            .host("r.test", "127.0.0.1");
        let mut tunnels = Vec::new();
        for number in 0..TUNNELS {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            builder = builder.host(&format!("t{number}.test:443"), listener.local_addr().unwrap());
            tunnels.push((number, listener));
        }
        let world = builder.start();
        world.browser().arrive("http://news.test/");
        let pseudonym = pseudonym(&world);
        Self { world, tunnels: Mutex::new(tunnels), pseudonym }
    }

    /// Plays a script, and says what is wrong.
    pub(crate) fn outcome(&self, script: &str) -> Result<(), String> {
        let mut play = Play {
            stage: self,
            origin: TcpListener::bind("127.0.0.1:0").unwrap(),
            tunnel: None,
            clients: Vec::new(),
            origins: Vec::new(),
            errors: Vec::new(),
        };
        if script.contains("t.test") {
            play.tunnel = self.tunnels.lock().unwrap_or_else(PoisonError::into_inner).pop();
            if let Some((_, listener)) = &play.tunnel {
                // A row that failed may have left something.
                listener.set_nonblocking(true).unwrap();
                while listener.accept().is_ok() {}
            }
        }
        let outcome = play.run(script);
        let tunnel = play.tunnel.take();
        drop(play);
        self.tunnels.lock().unwrap_or_else(PoisonError::into_inner).extend(tunnel);
        outcome
    }
}

impl Play<'_> {
    fn run(&mut self, script: &str) -> Result<(), String> {
        let port = self.origin.local_addr().unwrap().port();
        let tunnel = self.tunnel.as_ref().map_or(0, |(number, _)| *number);
        let mut steps = script.lines().map(str::trim).filter(|line| !line.is_empty());
        steps.try_for_each(|line| {
            let step = line.replace("o.test", &format!("o.test:{port}")).replace("PORT", &port.to_string());
            let step = step.replace("t.test", &format!("t{tunnel}.test")).replace("OURSELVES", &self.stage.pseudonym);
            self.step(&step).map_err(|problem| format!("{line}\n  {problem}"))
        })?;
        let broken = script.contains("O?");
        self.nothing_is_left(broken)?;
        self.errors.iter().try_for_each(|told| told.check(&self.stage.world))?;
        self.ask_once_more(port, broken).map_err(|problem| format!("asked once more: {problem}"))
    }

    fn step(&mut self, step: &str) -> Result<(), String> {
        let (side, action, rest) = (step.as_bytes()[0], step.as_bytes()[1], step[2..].trim_start());
        let is_client = (b'C'..=b'E').contains(&side);
        let place = usize::from(side - if is_client { b'C' } else { b'O' });
        if action == b'?' {
            return Ok(());
        }
        let line = self.line(is_client, place)?;
        let (framing, text) = match rest.split_once(' ') {
            Some(("HEAD", text)) if is_client => (Framing::HeadOnly, text),
            Some(("CONNECT", text)) if is_client => (Framing::Tunnel, text),
            _ if action == b'-' => (Framing::HeadOnly, rest),
            _ => (if is_client { Framing::Answer } else { Framing::Request }, rest),
        };
        let told = |(problem, raw): (String, Vec<u8>)| format!("{problem}, in {}", shown(&raw));
        match action {
            b'>' => line.send(&octets(rest)),
            b'<' | b'-' | b'~' | b'^' => {
                let (message, raw) = line.message(framing, action == b'~')?;
                let expected = Expected::parse(text);
                let outcome = match action {
                    b'^' => expected.check_loosely(&message),
                    b'~' => expected.check_beginning(&message, framing),
                    _ => expected.check(&message, framing),
                };
                outcome.map_err(|problem| told((problem, raw)))
            }
            b'=' => line.exactly(&octets(rest)),
            b',' => line.ends_after_at_most(&octets(rest)),
            b'.' => line.ends(),
            b'r' => {
                // RFC 9293 §3.10.7.4: a reset, as of a process that dies with something unread.
                socket2::SockRef::from(&line.stream).set_linger(Some(Duration::ZERO)).ok();
                let lines = if is_client { &mut self.clients } else { &mut self.origins };
                lines[place] = None;
                Ok(())
            }
            b'!' => line.stream.shutdown(Shutdown::Write).map_err(|error| error.to_string()),
            b'x' => {
                drop(line.stream.shutdown(Shutdown::Both));
                let lines = if is_client { &mut self.clients } else { &mut self.origins };
                lines[place] = None;
                Ok(())
            }
            b'#' => {
                let (mut message, mut raw) = line.message(framing, false)?;
                while message.start.starts_with("HTTP/1.1 1") {
                    (message, raw) = line.message(framing, false)?;
                }
                self.check_error(text, &message).map_err(|problem| told((problem, raw)))
            }
            other => Err(format!("what is {}?", other as char)),
        }
    }

    /// The connection at `place`, opened or accepted if it is new.
    fn line(&mut self, is_client: bool, place: usize) -> Result<&mut Line, String> {
        let lines = if is_client { &mut self.clients } else { &mut self.origins };
        while lines.len() <= place {
            let stream = if is_client {
                connect(self.stage.world.proxy, [127, 0, 0, 1].into())
            } else {
                accept(self.tunnel.as_ref().map_or(&self.origin, |(_, listener)| listener))?
            };
            lines.push(Some(Line::new(stream)));
        }
        lines[place].as_mut().ok_or_else(|| "the script has closed it".to_owned())
    }

    /// RFC 9209: an error of ours is one of these types, and the access record says the same.
    fn check_error(&mut self, expected: &str, message: &Message) -> Result<(), String> {
        let mut words = expected.split(' ');
        let (status, types) = (words.next().unwrap(), words.next().unwrap());
        if !message.start.starts_with(&format!("HTTP/1.1 {status}")) {
            return Err(format!("the start line is {:?}", message.start));
        }
        let proxy_status = message.value("proxy-status").ok_or("Proxy-Status is missing")?;
        let parameters = proxy_status.strip_prefix("vestibule; ").ok_or_else(|| format!("it is {proxy_status:?}"))?;
        let error = parameters.split("; ").find_map(|parameter| parameter.strip_prefix("error="));
        let error = error.filter(|error| types.split('/').any(|known| known == *error));
        let error = error.ok_or_else(|| format!("Proxy-Status is {proxy_status:?}"))?;
        let kind = message.value("content-type").ok_or("Content-Type is missing")?;
        let kinds = ["text/plain; charset=utf-8", "application/problem+json", "text/html; charset=utf-8"];
        let wanted = words.next().map_or(&kinds[..], |kind| match kind {
            "text" => &kinds[..1],
            "json" => &kinds[1..2],
            _ => &kinds[2..],
        });
        if !wanted.contains(&kind) {
            return Err(format!("Content-Type is {kind:?}"));
        }
        let body = String::from_utf8_lossy(&message.body).into_owned();
        self.errors.push(Told { status: status.parse().unwrap(), error: error.to_owned(), body });
        Ok(())
    }

    /// Nothing has arrived that the script did not expect.
    fn nothing_is_left(&mut self, broken: bool) -> Result<(), String> {
        let origins = self.origins.iter_mut().filter(|_| !broken);
        for line in self.clients.iter_mut().chain(origins).flatten() {
            line.take_what_is_there();
            if !line.arrived.is_empty() {
                return Err(format!("this was not expected: {}", shown(&line.arrived)));
            }
        }
        self.clients.clear();
        Ok(())
    }

    /// Asks the row's origin by another client. `broken`: it may have got the beginning of a request that was refused.
    fn ask_once_more(&mut self, port: u16, broken: bool) -> Result<(), String> {
        let mut client = Line::new(connect(self.stage.world.proxy, [127, 0, 0, 1].into()));
        let target = format!("http://o.test:{port}/once-more");
        client.send(format!("GET {target} HTTP/1.1\r\nHost: o.test:{port}\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut lines: Vec<Line> = self.origins.drain(..).flatten().collect();
        self.origin.set_nonblocking(true).unwrap();
        let begun = Instant::now();
        loop {
            if let Ok((stream, _)) = self.origin.accept() {
                stream.set_nonblocking(false).unwrap();
                lines.push(Line::new(stream));
            }
            lines.iter_mut().for_each(Line::take_what_is_there);
            let asked = lines.iter_mut().find(|line| line.arrived.starts_with(b"GET /once-more HTTP/1.1\r\n"));
            if let Some(line) = asked.filter(|line| line.arrived.ends_with(b"\r\n\r\n")) {
                line.arrived.clear();
                line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nonce-more")?;
                break;
            }
            if begun.elapsed() > PATIENCE {
                let arrived: Vec<_> = lines.iter().map(|line| shown(&line.arrived)).collect();
                client.take_what_is_there();
                return Err(format!("the origin has {arrived:?}, and the client has {}", shown(&client.arrived)));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        let (message, _) = client.message(Framing::Answer, false)?;
        if message.body != b"once-more" || !message.start.starts_with("HTTP/1.1 200") {
            return Err(format!("answered {message:?}"));
        }
        for line in &mut lines {
            line.take_what_is_there();
            // We send no absolute-form to origins: that is a part of a body.
            let may_be = line.arrived.is_empty()
                || broken && line.arrived.starts_with(b"GET http://")
                || broken && matches!(Message::read(&line.arrived, Framing::Request), Ok((_, Extent::Partial)));
            if !may_be {
                return Err(format!("the origin got {}", shown(&line.arrived)));
            }
        }
        Ok(())
    }
}

/// How the program calls itself in Via.
fn pseudonym(world: &World) -> String {
    let origin = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = Line::new(connect(world.proxy, [127, 0, 0, 1].into()));
    let authority = format!("o.test:{}", origin.local_addr().unwrap().port());
    client.send(format!("GET http://{authority}/ HTTP/1.1\r\nHost: {authority}\r\n\r\n").as_bytes()).unwrap();
    let mut line = Line::new(accept(&origin).unwrap());
    let (message, _) = line.message(Framing::Request, false).unwrap();
    message.value("via").unwrap().split(' ').nth(1).unwrap().to_owned()
}

impl Told {
    /// The access record is written when everything has ended, a connection that is left to its client's care, too.
    fn check(&self, world: &World) -> Result<(), String> {
        let told = |line: &&str| {
            let id = line.split_once("\"request_id\":\"").and_then(|(_, rest)| rest.split('"').next());
            id.is_some_and(|id| self.body.contains(id))
        };
        let begun = Instant::now();
        let record: serde_json::Value = loop {
            if let Some(line) = world.log_text().lines().rev().find(told)
                && let Ok(record) = serde_json::from_str(line)
            {
                break record;
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("no access record has the request id of {}", self.body));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        if record["status"] == self.status && record["reason"] == self.error.as_str() {
            Ok(())
        } else {
            Err(format!("the access record says {record}"))
        }
    }
}

fn accept(listener: &TcpListener) -> Result<TcpStream, String> {
    listener.set_nonblocking(true).unwrap();
    let begun = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                stream.set_nodelay(true).unwrap();
                return Ok(stream);
            }
            Err(_) if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_micros(200)),
            Err(_) => return Err("nobody connects to the origin".into()),
        }
    }
}

impl Line {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, arrived: Vec::new(), closed: false }
    }

    fn send(&mut self, octets: &[u8]) -> Result<(), String> {
        match self.stream.write_all(octets) {
            // Whoever has refused the beginning need not take the rest; what it says is read next.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
            other => other.map_err(|error| format!("cannot send: {error}")),
        }
    }

    /// Waits for more. An error says what was there instead of it.
    fn read(&mut self) -> Result<(), String> {
        let mut buffer = vec![0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.closed = true,
            Ok(count) => self.arrived.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(format!("nothing more arrives after {:?}", shown(&self.arrived)));
            }
            Err(_) => self.closed = true,
        }
        Ok(())
    }

    /// The next message, and its octets; one that breaks off, or one that does not.
    fn message(&mut self, framing: Framing, broken: bool) -> Result<(Message, Vec<u8>), String> {
        loop {
            let (message, extent) =
                Message::read(&self.arrived, framing).map_err(|why| format!("{why}, in {}", shown(&self.arrived)))?;
            match extent {
                Extent::Whole(_) if broken => return Err(format!("it is complete: {}", shown(&self.arrived))),
                Extent::Whole(length) => return Ok((message, self.arrived.drain(..length).collect())),
                Extent::UntilClosed if self.closed && !broken => {
                    return Ok((message, std::mem::take(&mut self.arrived)));
                }
                Extent::Partial if self.closed && broken => return Ok((message, std::mem::take(&mut self.arrived))),
                _ if self.closed => return Err(format!("closed after {:?}", shown(&self.arrived))),
                _ => self.read()?,
            }
        }
    }

    fn exactly(&mut self, expected: &[u8]) -> Result<(), String> {
        while self.arrived.len() < expected.len() && !self.closed {
            self.read()?;
        }
        let length = expected.len().min(self.arrived.len());
        let got: Vec<u8> = self.arrived.drain(..length).collect();
        if got == expected { Ok(()) } else { Err(format!("it gets {}", shown(&got))) }
    }

    fn ends_after_at_most(&mut self, octets: &[u8]) -> Result<(), String> {
        while !self.closed && octets.starts_with(&self.arrived) {
            self.read().map_err(|_| "it stays open")?;
        }
        let got = std::mem::take(&mut self.arrived);
        if octets.starts_with(&got) { Ok(()) } else { Err(format!("there is more: {}", shown(&got))) }
    }

    fn ends(&mut self) -> Result<(), String> {
        while !self.closed && self.arrived.is_empty() {
            self.read().map_err(|_| "it stays open")?;
        }
        if self.arrived.is_empty() { Ok(()) } else { Err(format!("there is more: {}", shown(&self.arrived))) }
    }

    fn take_what_is_there(&mut self) {
        self.stream.set_nonblocking(true).unwrap();
        while !self.closed && self.read().is_ok() {}
        self.stream.set_nonblocking(false).unwrap();
    }
}
