//! Which messages a scanner does not see, and what becomes of them.

use std::sync::Arc;

use http::{Method, StatusCode};

use super::unscanned::Unscanned;
use crate::icap::{OnFailure, OverSize, Partial, Scanner, media_type};
use crate::wire::h1::{Fields, Length, RequestHead, ResponseHead};

/// What becomes of a message that is not looked at, and the word for why.
pub(super) enum Unseen {
    /// It passes: it was not to be looked at.
    Skipped(&'static str),
    /// It passes, although it was to be looked at.
    Bypassed(&'static str),
    /// It is refused.
    Refused(&'static str, Unscanned),
}

/// Why a scanner does not see this request.
pub(super) fn unseen_request(scanner: &Scanner, head: &RequestHead) -> Option<Unseen> {
    let is_endless = head.method == Method::POST && is_grpc(media_type(head.fields.all("content-type")).as_deref());
    unseen(scanner, head.body, &head.fields, is_endless)
}

/// Why a scanner does not see this answer to `asked`.
pub(super) fn unseen_answer(scanner: &Scanner, asked: &RequestHead, head: &ResponseHead) -> Option<Unseen> {
    let name = || Arc::clone(&scanner.name);
    if head.status == StatusCode::PARTIAL_CONTENT {
        match scanner.config.partial {
            Partial::Scan => {}
            Partial::Pass => return Some(Unseen::Skipped("part")),
            Partial::Refuse => return Some(Unseen::Refused("part", Unscanned::Part(name()))),
        }
    }
    if let Some(unseen) = unseen(scanner, head.body, &head.fields, is_endless(asked, head)) {
        return Some(unseen);
    }
    // Nothing can be found in what the scanner cannot unpack.
    if head.fields.items("content-encoding").all(|coding| scanner.config.undoes(coding)) {
        return None;
    }
    Some(match scanner.config.on_failure {
        OnFailure::Bypass => Unseen::Bypassed("coding"),
        OnFailure::Refuse => Unseen::Refused("coding", Unscanned::Coding(name())),
    })
}

fn unseen(scanner: &Scanner, body: Length, fields: &Fields, is_endless: bool) -> Option<Unseen> {
    let wants = scanner.config.wants_type(media_type(fields.all("content-type")).as_deref());
    // Who names the types has decided for all of them.
    let is_endless = is_endless && scanner.config.types.is_empty() && !matches!(body, Length::Exact(_));
    if !body.is_none() && (!wants || is_endless) {
        return Some(Unseen::Skipped("type"));
    }
    match body {
        Length::Exact(length) if length > scanner.config.max_size.as_bytes() => Some(too_long(scanner)),
        _ => None,
    }
}

/// What becomes of a body that is longer than what the scanner looks at.
pub(super) fn too_long(scanner: &Scanner) -> Unseen {
    match scanner.config.over_size() {
        OverSize::Pass => Unseen::Skipped("size"),
        OverSize::Refuse => Unseen::Refused("size", Unscanned::TooLong(Arc::clone(&scanner.name))),
    }
}

/// Whether this is an answer without an end, for which nobody can wait. The origin alone cannot make one of any answer: the
/// request must have asked for it, and not in order to open a page or to save a file.
fn is_endless(asked: &RequestHead, head: &ResponseHead) -> bool {
    let written = media_type(head.fields.all("content-type"));
    if head.fields.contains("content-disposition") {
        return false;
    }
    if is_grpc(written.as_deref()) {
        return asked.method == Method::POST && is_grpc(media_type(asked.fields.all("content-type")).as_deref());
    }
    let wants_events = |item: &[u8]| {
        let range = item.split(|b| *b == b';').next().unwrap_or_default();
        range.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
    };
    written.as_deref() == Some("text/event-stream")
        && asked.fields.items("accept").any(wants_events)
        && asked.fields.all("sec-fetch-dest").all(|dest| dest == b"empty")
}

fn is_grpc(written: Option<&str>) -> bool {
    let Some(rest) = written.and_then(|written| written.strip_prefix("application/grpc")) else { return false };
    rest.is_empty() || rest.starts_with(['+', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_without_end_only_for_who_has_asked_for_that() {
        let events = "GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n";
        let call = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc+proto\r\nContent-Length: 0\r\n";
        let plain = "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n";
        for (asked, answered, is) in [
            (events, "Content-Type: text/event-stream; charset=utf-8\r\n", true),
            (&format!("{events}Sec-Fetch-Dest: empty\r\n"), "Content-Type: text/event-stream\r\n", true),
            (&format!("{events}Sec-Fetch-Dest: document\r\n"), "Content-Type: text/event-stream\r\n", false),
            (events, "Content-Type: text/event-stream\r\nContent-Disposition: attachment\r\n", false),
            (events, "Content-Type: application/zip\r\n", false),
            (events, "Content-Type: text/event-stream\r\nContent-Type: text/html\r\n", false),
            (plain, "Content-Type: text/event-stream\r\n", false),
            (plain, "Content-Type: application/grpc\r\n", false),
            (plain, "Content-Type: multipart/x-mixed-replace\r\n", false),
            (call, "Content-Type: application/grpc\r\n", true),
            (call, "Content-Type: application/grpc-web\r\n", true),
            (call, "Content-Type: application/grpcx\r\n", false),
            (call, "Content-Type: text/event-stream\r\n", false),
        ] {
            let head = RequestHead::parse(&format!("{asked}\r\n").into(), 9).unwrap();
            let answer = format!("HTTP/1.1 200 OK\r\n{answered}\r\n");
            let answer = ResponseHead::parse(&answer.into(), 9, &head.method).unwrap();
            assert_eq!(is_endless(&head, &answer), is, "{asked}{answered}");
        }
    }
}
