//! HTTP/2 (RFC 9113), as far as a load and an origin need it that expect nothing but small requests and small answers: heads
//! are sent as octets that never change, and are not read.

use anyhow::{Result, bail, ensure};

use crate::origin::BODY;

/// The name of the protocol (RFC 9113 §3.1).
pub(crate) const ALPN: &[u8] = b"h2";

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

/// Flags: of SETTINGS and PING, of DATA and HEADERS, of HEADERS.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// One end of a connection: what has arrived of a frame that is not whole.
pub(crate) struct End {
    partial: Vec<u8>,
    is_server: bool,
    /// The stream of a client's next request.
    next: u32,
    /// What a client sends as the head of each request.
    request: Vec<u8>,
}

impl End {
    /// The origin's end, and what it sends first.
    pub(crate) fn server() -> (Self, Vec<u8>) {
        let own = Self { partial: Vec::new(), is_server: true, next: 0, request: Vec::new() };
        (own, frame(SETTINGS, 0, 0, &[]))
    }

    /// The load's end, which asks `authority` for `/`, and what it sends first.
    pub(crate) fn client(authority: &str) -> (Self, Vec<u8>) {
        // GET / by https, indexed (RFC 7541 §6.1); then fields that are not (§6.2.2), none longer than 126 octets.
        let mut request = vec![0x82, 0x84, 0x87];
        for (name, value) in [(&[0x01][..], authority), (&[0x0f, 58 - 15], "bench"), (&[0x0f, 19 - 15], "*/*")] {
            request.extend_from_slice(name);
            request.push(u8::try_from(value.len()).unwrap_or(u8::MAX) & 0x7f);
            request.extend_from_slice(value.as_bytes());
        }
        // The window of the connection is never used up.
        let window = (i32::MAX - 65_535).to_be_bytes();
        let first = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(WINDOW_UPDATE, 0, 0, &window)].concat();
        (Self { partial: Vec::new(), is_server: false, next: 1, request }, first)
    }

    /// Another request.
    pub(crate) fn ask(&mut self) -> Vec<u8> {
        let stream = self.next;
        self.next += 2;
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &self.request)
    }

    /// Takes what has arrived. Gives what is to be sent, and how many answers are complete.
    pub(crate) fn take(&mut self, arrived: &[u8]) -> Result<(Vec<u8>, usize)> {
        let (mut out, mut answers, mut at) = (Vec::new(), 0, 0);
        self.partial.extend_from_slice(arrived);
        if self.is_server && self.next == 0 {
            if self.partial.len() < PREFACE.len() {
                return Ok((out, answers));
            }
            ensure!(self.partial.starts_with(PREFACE), "no preface");
            (self.next, at) = (1, PREFACE.len());
        }
        while let Some(head) = self.partial.get(at..at + HEAD) {
            let &[a, b, c, kind, flags, d, e, f, g] = head else { break };
            let (length, stream) = (u32::from_be_bytes([0, a, b, c]) as usize, u32::from_be_bytes([d, e, f, g]));
            let Some(payload) = self.partial.get(at + HEAD..at + HEAD + length) else { break };
            at += HEAD + length;
            match kind {
                SETTINGS if flags & ACK == 0 => out.extend(frame(SETTINGS, ACK, 0, &[])),
                PING if flags & ACK == 0 => out.extend(frame(PING, ACK, 0, payload)),
                HEADERS if self.is_server => {
                    // Status 200, and the length: `64`.
                    out.extend(frame(HEADERS, END_HEADERS, stream, &[0x88, 0x0f, 28 - 15, 2, b'6', b'4']));
                    out.extend(frame(DATA, END_STREAM, stream, BODY));
                }
                HEADERS => ensure!(payload.iter().take(4).any(|octet| *octet == 0x88), "the status is not 200"),
                DATA if flags & END_STREAM != 0 => answers += 1,
                // RST_STREAM, GOAWAY.
                3 | 7 => bail!("the other end has broken off: {payload:?}"),
                _ => {}
            }
        }
        self.partial.drain(..at);
        Ok((out, answers))
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let mut octets = vec![a, b, c, kind, flags];
    octets.extend_from_slice(&stream.to_be_bytes());
    octets.extend_from_slice(payload);
    octets
}
