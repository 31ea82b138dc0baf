//! CONNECT at a parent (RFC 9110 §9.3.6).

use http::HeaderValue;
use tokio::io::AsyncWriteExt;

use super::Address;
use crate::egress::error::{Error, ParentFault};
use crate::egress::head::read_until;
use crate::wire::h1::Stream;

/// The most bytes that the head of a parent's answer may have.
const MAX_HEAD: usize = 16 * 1024;

/// How many interim answers may come before the final one.
const MAX_INTERIM: usize = 4;

/// Asks the parent for a tunnel to `authority`.
pub(super) async fn ask(
    stream: &mut Stream,
    parent: &std::sync::Arc<str>,
    authority: &str,
    authorization: Option<&HeaderValue>,
    via: &[u8],
) -> Result<(), Error> {
    let fault = |fault| Error::Parent(std::sync::Arc::clone(parent), fault);
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    request.extend_from_slice(via);
    put_authorization(&mut request, authorization);
    request.extend_from_slice(b"\r\n");
    let status = exchange(stream, &request).await.map_err(fault)?;
    match status {
        200..=299 => Ok(()),
        407 => Err(fault(ParentFault::Credentials)),
        403 => Err(Error::ParentDenied(std::sync::Arc::clone(parent))),
        504 => Err(Error::TimedOut),
        status => Err(Error::Unreachable(format!("the parent \"{parent}\" answers {status}"))),
    }
}

/// Asks the parent for any answer. What it answers does not matter, as long as it accepts our credentials.
pub(super) async fn probe(
    stream: &mut Stream,
    address: &Address,
    authorization: Option<&HeaderValue>,
) -> Result<(), ParentFault> {
    let mut request = format!("OPTIONS * HTTP/1.1\r\nHost: {address}\r\nMax-Forwards: 0\r\n").into_bytes();
    put_authorization(&mut request, authorization);
    request.extend_from_slice(b"Connection: close\r\n\r\n");
    match exchange(stream, &request).await? {
        407 => Err(ParentFault::Credentials),
        _ => Ok(()),
    }
}

fn put_authorization(request: &mut Vec<u8>, value: Option<&HeaderValue>) {
    if let Some(value) = value {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
}

/// Sends a request, reads the head of the final answer, and gives its status.
async fn exchange(stream: &mut Stream, request: &[u8]) -> Result<u16, ParentFault> {
    stream.write_all(request).await?;
    stream.flush().await?;
    for _ in 0..=MAX_INTERIM {
        let head = read_until(stream, b"\r\n\r\n", MAX_HEAD).await?;
        match status(&head).ok_or(ParentFault::Protocol("its answer is not HTTP"))? {
            100..=199 => {}
            status => return Ok(status),
        }
    }
    Err(ParentFault::Protocol("it sends interim answers and no final one"))
}

/// The status code in a status line (RFC 9112 §4).
fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    let (digits, after) = (rest.get(2..5)?, rest.get(5)?);
    let framed = rest.first()?.is_ascii_digit() && rest.get(1) == Some(&b' ') && matches!(after, b' ' | b'\r');
    let status: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (framed && (100..600).contains(&status)).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_line_has_a_status() {
        for (line, read) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Some(200)),
            ("HTTP/1.0 407 \r\n\r\n", Some(407)),
            ("HTTP/1.1 200\r\n\r\n", Some(200)),
            ("HTTP/2 200 OK\r\n\r\n", None),
            ("HTTP/1.1 20 OK\r\n\r\n", None),
            ("HTTP/1.1 2000 OK\r\n\r\n", None),
            ("HTTP/1.1  200 OK\r\n\r\n", None),
            ("HTTP/1.1 999 No\r\n\r\n", None),
            ("SSH-2.0-x\r\n\r\n", None),
            ("", None),
        ] {
            assert_eq!(status(line.as_bytes()), read, "{line}");
        }
    }
}
