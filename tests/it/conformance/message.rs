//! Messages, as they arrive and as a script expects them.

use super::octets::{octets, shown};

/// A message, or as much of it as has arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) start: String,
    /// By name in lower case; several lines of one name are one.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// More is to come.
    Partial,
    /// It takes so many of the octets that arrived.
    Whole(usize),
    /// It ends with its connection.
    UntilClosed,
}

/// What a message of this kind may have behind its head, whatever its fields say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Request,
    Answer,
    /// An answer to HEAD, or a request whose body comes later.
    HeadOnly,
    /// An answer to CONNECT.
    Tunnel,
}

impl Message {
    /// Reads what has arrived.
    pub(crate) fn read(arrived: &[u8], framing: Framing) -> Result<(Self, Extent), String> {
        let Some(end) = arrived.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok((Self::default(), Extent::Partial));
        };
        let head = latin1(&arrived[..end]);
        let mut lines = head.split("\r\n");
        let mut message = Self { start: lines.next().unwrap_or_default().to_owned(), ..Self::default() };
        message.fields = fields(lines)?;
        let (rest, head) = (&arrived[end + 4..], end + 4);
        let status = message.start.split(' ').nth(1).unwrap_or_default();
        let empty = matches!(framing, Framing::HeadOnly | Framing::Tunnel)
            || framing == Framing::Answer && (status.starts_with('1') || status == "204" || status == "304");
        let length = message.value("content-length").map(str::to_owned);
        let extent = if empty {
            Extent::Whole(head)
        } else if let Some(coding) = message.value("transfer-encoding") {
            if coding != "chunked" || length.is_some() {
                return Err(format!("framed by {coding:?} and {length:?}"));
            }
            let chunks = unchunk(rest)?;
            message.body = chunks.body;
            message.trailers = chunks.trailers;
            chunks.length.map_or(Extent::Partial, |length| Extent::Whole(head + length))
        } else if let Some(length) = length {
            let length: usize = length.parse().map_err(|_| format!("a Content-Length of {length:?}"))?;
            message.body = rest[..length.min(rest.len())].to_vec();
            if rest.len() < length { Extent::Partial } else { Extent::Whole(head + length) }
        } else if framing == Framing::Request {
            Extent::Whole(head)
        } else {
            message.body = rest.to_vec();
            Extent::UntilClosed
        };
        Ok((message, extent))
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

struct Chunks {
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
    /// How many octets they took, when the last one is there.
    length: Option<usize>,
}

fn unchunk(octets: &[u8]) -> Result<Chunks, String> {
    let (mut rest, mut chunks) = (octets, Chunks { body: Vec::new(), trailers: Vec::new(), length: None });
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size = usize::from_str_radix(&size, 16).map_err(|_| format!("a chunk size of {size:?}"))?;
        rest = &rest[end + 2..];
        if size == 0 {
            // The trailer section ends with an empty line, and begins with it where there is none.
            let line = [b"\r\n", rest].concat();
            if let Some(end) = line.windows(4).position(|four| four == b"\r\n\r\n") {
                let text = latin1(&line[..end]);
                chunks.trailers = fields(text.split("\r\n").skip(1))?;
                chunks.length = Some(octets.len() - rest.len() + end + 2);
            }
            return Ok(chunks);
        }
        chunks.body.extend_from_slice(&rest[..size.min(rest.len())]);
        if rest.len() < size + 2 {
            return Ok(chunks);
        }
        if &rest[size..size + 2] != b"\r\n" {
            return Err("a chunk that does not end where it should".into());
        }
        rest = &rest[size + 2..];
    }
    Ok(chunks)
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<(String, String)>, String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| format!("a line without a colon: {line:?}"))?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim_matches([' ', '\t']));
        match fields.iter_mut().find(|(known, _)| *known == name) {
            // Lines of this one mean something else when they are joined (RFC 9110 §5.3).
            Some((_, values)) if name == "set-cookie" => *values = format!("{values} / {value}"),
            Some((_, values)) => *values = format!("{values}, {value}"),
            None => fields.push((name, value.to_owned())),
        }
    }
    Ok(fields)
}

/// A field may hold any octet (RFC 9110 §5.5): each is a character here.
fn latin1(octets: &[u8]) -> String {
    octets.iter().map(|octet| char::from(*octet)).collect()
}

/// A message that a script expects.
pub(crate) struct Expected {
    start: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    trailers: Vec<(String, String)>,
}

impl Expected {
    /// `GET / HTTP/1.1|Host: o.test||body||trailer`, or `200|Content-Length: 2||hi`.
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, "||");
        let mut part = || parts.next().unwrap_or_default();
        let (head, body, trailers) = (part(), part(), part());
        let text = |part: &str| latin1(&octets(part));
        let head = text(head);
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let start = lines.next().unwrap().to_owned();
        let start = if start.as_bytes()[0].is_ascii_digit() { format!("HTTP/1.1 {start}") } else { start };
        let trailers = text(trailers);
        Self {
            start,
            fields: fields(lines).unwrap(),
            body: octets(body),
            trailers: fields(trailers.split("\r\n").filter(|line| !line.is_empty())).unwrap(),
        }
    }

    /// What is wrong with `message`, if anything is.
    pub(crate) fn check(&self, message: &Message, framing: Framing) -> Result<(), String> {
        let is_answer = self.start.starts_with("HTTP/");
        let same_start = if is_answer {
            // The reason phrase means nothing (RFC 9112 §4).
            message.start == self.start || message.start.starts_with(&format!("{} ", self.start))
        } else {
            message.start == self.start
        };
        if !same_start {
            return Err(format!("the start line is {:?}", message.start));
        }
        for (name, value) in &self.fields {
            let found = message.value(name).ok_or_else(|| format!("{name} is missing"))?;
            let same = match value.strip_suffix('*') {
                Some(beginning) => found.starts_with(beginning),
                None if name == "connection" => options(found).eq(options(value)) || found.eq_ignore_ascii_case(value),
                None => found == value,
            };
            if !same {
                return Err(format!("{name} is {found:?}"));
            }
        }
        for (name, value) in &message.fields {
            if self.fields.iter().all(|(expected, _)| expected != name) && !goes_without_saying(name, value) {
                return Err(format!("there is {name}: {value}"));
            }
        }
        // What is our own, and what is only interim, need not name us.
        let needs_via = framing != Framing::Tunnel && !message.start.starts_with("HTTP/1.1 1");
        if needs_via && self.fields.iter().all(|(name, _)| name != "via") {
            let via = message.value("via").ok_or("via is missing")?;
            let own = via.split_once(' ').filter(|(protocol, _)| ["1.0", "1.1"].contains(protocol));
            if !own.is_some_and(|(_, name)| name.starts_with("vestibule-") && !name.contains(',')) {
                return Err(format!("via is {via:?}"));
            }
        }
        self.check_body(message)
    }

    /// The same for a message that breaks off: of what came last, a part may be missing.
    pub(crate) fn check_beginning(&self, message: &Message, framing: Framing) -> Result<(), String> {
        let body = if self.body.starts_with(&message.body) { self.body.clone() } else { message.body.clone() };
        self.check(&Message { body, ..message.clone() }, framing)
    }

    /// The same for an answer of ours: these fields are there, others may be, and the body is what we like.
    pub(crate) fn check_loosely(&self, message: &Message) -> Result<(), String> {
        let statuses = self.start.trim_start_matches("HTTP/1.1 ").split(',');
        if !statuses.into_iter().any(|status| message.start.starts_with(&format!("HTTP/1.1 {status}"))) {
            return Err(format!("the start line is {:?}", message.start));
        }
        for (name, value) in &self.fields {
            let found = message.value(name).ok_or_else(|| format!("{name} is missing"))?;
            if !found.starts_with(value.trim_end_matches('*')) {
                return Err(format!("{name} is {found:?}"));
            }
        }
        Ok(())
    }

    fn check_body(&self, message: &Message) -> Result<(), String> {
        if message.body != self.body {
            return Err(format!("the body is {}", shown(&message.body)));
        }
        if message.trailers != self.trailers {
            return Err(format!("the trailers are {:?}", message.trailers));
        }
        Ok(())
    }
}

/// What a message may have without a word in the script: what is our own business with the next hop.
fn goes_without_saying(name: &str, value: &str) -> bool {
    match name {
        "via" | "date" | "trailer" => true,
        // We understand trailers, whatever the client does (RFC 9110 §10.1.4).
        "te" => value == "trailers",
        "connection" => options(value).next().is_none(),
        _ => false,
    }
}

/// What Connection says besides whether the connection stays open, and besides TE.
fn options(value: &str) -> impl Iterator<Item = String> {
    let options = value.split(',').map(|option| option.trim().to_ascii_lowercase());
    options.filter(|option| !["close", "keep-alive", "te", ""].contains(&option.as_str()))
}
