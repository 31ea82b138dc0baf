//! Has scanners look at what passes, where a rule says so, and says what becomes of it.
//!
//! A request comes here before it is sent, and an answer before any of it reaches the client. What passes goes on through the
//! code that would have passed it on without a scanner; `Connection::resume` gives that code what was read meanwhile.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response};
use tokio::io::AsyncReadExt as _;

use super::answer::Refusal;
use super::client::Client;
use super::forward::{Answered, Failure};
use super::identity::Identity;
use super::unscanned::{Infected, Unscanned};
use super::unseen::{Unseen, too_long, unseen_answer, unseen_request};
use super::watch::Watch;
use super::{Proxy, heads};
use crate::icap::{
    self, Body, Direction, Gone, Look, Message, OnFailure, Reply, Requests, Scanner, Tell, Trouble, Verdict,
};
use crate::net::within;
use crate::observe::audit::{Entry, What};
use crate::observe::record::Scan;
use crate::observe::{Reason, Recorder};
use crate::policy::{Manner, Permit};
use crate::session::returning::RESERVED_PATH;
use crate::wire::Destination;
use crate::wire::field::Hop;
use crate::wire::h1::{Connection, RequestHead, ResponseHead};

/// How much of a page is read that a scanner gives in the place of the origin's answer.
const MOST_PAGE: u64 = 1024 * 1024;

/// Whose message it is, and which scanners look at it.
pub(super) struct Scanning<'a> {
    names: Arc<[Arc<str>]>,
    client: &'a Client,
    identity: Option<&'a Identity>,
    destination: Arc<Destination>,
}

/// Why a message does not go on.
pub(super) enum Stop {
    /// It is refused.
    Refuse(Refusal),
    /// The scanner answers.
    Answer(Box<Response<Bytes>>),
}

impl Proxy {
    /// Has a request looked at before it is sent.
    pub(super) async fn scan_request(
        &self,
        scanning: &Scanning<'_>,
        connection: &mut Connection,
        head: &mut RequestHead,
        recorder: &mut Recorder,
        watch: &mut Watch,
    ) -> Result<(), Stop> {
        let destination = &*scanning.destination;
        for name in &*scanning.names {
            let scanner = self.scanner(name, recorder)?;
            let Some(point) = scanner.point(Direction::Reqmod) else { continue };
            let has_body = !head.body.is_none();
            if !has_body && scanner.config.requests == Requests::WithBody {
                continue;
            }
            if let Some(unseen) = unseen_request(scanner, head) {
                pass_unseen(scanner, unseen, recorder)?;
                continue;
            }
            if head.expects_continue() && has_body && connection.unread.is_empty() {
                // The client waits for that, and the scanner wants to see the body before the origin does.
                let told = connection.write_all(b"HTTP/1.1 100 Continue\r\n\r\n", self.limits.body_idle).await;
                told.map_err(|_| gone(Gone::Client, recorder))?;
            }
            let (encoded, told) =
                (heads::of_request(head, destination, true), scanning.told(&scanner.config.tell, None));
            let message = Message {
                method: &head.method,
                path: head.target.path(),
                request: &encoded,
                response: None,
                body: head.body,
                told: &told,
            };
            let mut attend = |_: &mut Connection, cx: &mut Context<'_>| watch.poll(cx).map(|()| Gone::Session);
            let looked = self.look_with(scanner, point, scanning).at(&message, connection, &mut attend).await;
            match self.weigh(scanner, Direction::Reqmod, looked, destination, head, recorder)? {
                None => {}
                Some(Reply::Request { head: other, is_spent }) => {
                    *head = changed(head, *other, destination, is_spent).ok_or_else(|| {
                        tracing::warn!(
                            scanner = &**name,
                            request_id = %recorder.id(),
                            "the scanner changes where a request goes, or its method: it is refused"
                        );
                        note(recorder, scanner, Verdict::Refused, Some("bad-answer"), None);
                        recorder.reason = Some(Reason::ScannerFailed);
                        Stop::Refuse(Refusal::Unscanned(Unscanned::Failed(Arc::clone(name))))
                    })?;
                }
                Some(Reply::Response { head, body, .. }) => {
                    let page = within(point.answer_time(), page_of(*head, body)).await.ok().flatten();
                    return Err(page.map_or_else(
                        || Stop::Refuse(Refusal::Unscanned(Unscanned::Failed(Arc::clone(name)))),
                        |page| Stop::Answer(Box::new(page)),
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Has an answer looked at before any of it reaches the client.
    pub(super) async fn scan_answer(
        &self,
        scanning: &Scanning<'_>,
        connection: &mut Connection,
        answered: &mut Answered,
        asked: &RequestHead,
        recorder: &mut Recorder,
        watch: &mut Watch,
    ) -> Result<(), Stop> {
        let destination = &*scanning.destination;
        let Answered { lease, head, upload } = answered;
        let (origin, through) = (lease.connection.origin, lease.connection.through.is_some());
        let from = &mut lease.connection.connection;
        for name in &*scanning.names {
            let scanner = self.scanner(name, recorder)?;
            let Some(point) = scanner.point(Direction::Respmod) else { continue };
            if head.body.is_none() {
                continue;
            }
            if let Some(unseen) = unseen_answer(scanner, asked, head) {
                pass_unseen(scanner, unseen, recorder)?;
                continue;
            }
            let request = heads::of_request(asked, destination, false);
            let encoded = heads::of_response(head);
            let told = scanning.told(&scanner.config.tell, Some(origin.ip()).filter(|_| !through));
            let message = Message {
                method: &asked.method,
                path: asked.target.path(),
                request: &request,
                response: Some(&encoded),
                body: head.body,
                told: &told,
            };
            // What is left of the request goes on meanwhile, as it would without a scanner.
            let mut attend = |from: &mut Connection, cx: &mut Context<'_>| {
                if !upload.poll_more(connection, &mut from.stream, cx) && connection.poll_gone(cx).is_ready() {
                    return Poll::Ready(Gone::Client);
                }
                watch.poll(cx).map(|()| Gone::Session)
            };
            let looked = self.look_with(scanner, point, scanning).at(&message, from, &mut attend).await;
            if let Some(Reply::Response { head: other, .. }) =
                self.weigh(scanner, Direction::Respmod, looked, destination, asked, recorder)?
            {
                *head = *other;
                recorder.status = head.status.as_u16();
            }
        }
        Ok(())
    }

    fn named(&self, scanning: Option<&Scanning<'_>>) -> Vec<&Arc<Scanner>> {
        let names = scanning.into_iter().flat_map(|scanning| scanning.names.iter());
        names.filter_map(|name| self.scanners.get(name)).collect()
    }

    /// Asks for no coding that a scanner of the answer cannot undo.
    pub(super) fn ask_readable(&self, scanning: Option<&Scanning<'_>>, head: &mut RequestHead) {
        for scanner in self.named(scanning) {
            if scanner.point(Direction::Respmod).is_some() {
                heads::cut_codings(&mut head.fields, |coding| scanner.config.undoes(coding));
            }
        }
    }

    /// Notes that nobody looks at what comes after a change of the protocol.
    pub(super) fn note_unread(&self, scanning: Option<&Scanning<'_>>, recorder: &mut Recorder) {
        for scanner in self.named(scanning) {
            note(recorder, scanner, Verdict::Skipped, Some("upgrade"), None);
        }
    }

    /// Notes that nobody looks into a tunnel, although a rule wants it.
    pub(super) fn note_tunnel(&self, permit: &Permit, recorder: &mut Recorder) {
        for name in permit.scan().iter().flat_map(|names| names.iter()) {
            if let Some(scanner) = self.scanners.get(name) {
                note(recorder, scanner, Verdict::Skipped, Some("tunnel"), None);
            }
        }
    }

    fn look_with<'a>(&'a self, scanner: &'a Scanner, point: &'a Arc<icap::Point>, scanning: &Scanning<'_>) -> Look<'a> {
        let (client, owner) = (self.scanners.client(), scanning.client.peer.client.ip().to_canonical());
        Look { point, config: &scanner.config, space: &scanner.space, client, idle: self.limits.body_idle, owner }
    }

    /// The scanner of this name. The configuration is checked for it; if it should not be there all the same, nothing passes.
    fn scanner(&self, name: &Arc<str>, recorder: &mut Recorder) -> Result<&Arc<Scanner>, Stop> {
        self.scanners.get(name).ok_or_else(|| {
            recorder.reason = Some(Reason::ScannerFailed);
            Stop::Refuse(Refusal::Unscanned(Unscanned::Failed(Arc::clone(name))))
        })
    }

    /// What becomes of a message that was looked at. None if it goes on as it is.
    fn weigh(
        &self,
        scanner: &Scanner,
        direction: Direction,
        looked: Result<Reply, Trouble>,
        destination: &Destination,
        head: &RequestHead,
        recorder: &mut Recorder,
    ) -> Result<Option<Reply>, Stop> {
        let is_upload = direction == Direction::Reqmod;
        match looked {
            Ok(Reply::Clean) => note(recorder, scanner, Verdict::Clean, None, None),
            Ok(Reply::Unwanted) => note(recorder, scanner, Verdict::Skipped, Some("service"), None),
            Ok(Reply::Found(found)) => {
                let address = destination.url(head.target.path());
                let infected =
                    Infected { scanner: Arc::clone(&scanner.name), threat: found.threat, address, is_upload };
                return Err(self.found(scanner, infected, recorder));
            }
            Ok(other) => {
                let (repaired, may_be_same) = match &other {
                    Reply::Response { repaired, may_be_same, .. } => (repaired.as_ref(), *may_be_same && !is_upload),
                    _ => (None, false),
                };
                let is_clean = may_be_same && repaired.is_none();
                let verdict = if is_clean { Verdict::Clean } else { Verdict::Modified };
                note(recorder, scanner, verdict, None, repaired.map(|found| found.threat.clone()));
                return Ok(Some(other));
            }
            Err(trouble) => return troubled(trouble, scanner, is_upload, recorder).map(|()| None),
        }
        Ok(None)
    }

    /// Something was found: it is refused, recorded, and told to the operators.
    fn found(&self, scanner: &Scanner, infected: Infected, recorder: &mut Recorder) -> Stop {
        note(recorder, scanner, Verdict::Found, None, Some(infected.threat.clone()));
        recorder.reason = Some(Reason::MalwareFound);
        let user = recorder.user.as_deref();
        let request_id = recorder.id().to_string();
        tracing::warn!(
            request_id,
            scanner = &*scanner.name,
            threat = infected.threat,
            user = user.map(|user| &*user.name),
            realm = user.map(|user| &*user.realm),
            client = %recorder.client.ip(),
            address = infected.address,
            upload = infected.is_upload,
            "a scanner has found malware: it was not passed on"
        );
        let entry = Entry {
            user: user.map(|user| &*user.name),
            realm: user.map(|user| &*user.realm),
            session: recorder.session.as_deref(),
            client: Some(recorder.client.ip()),
            network: Some(&recorder.network),
            by: Some(&scanner.name),
            subject: Some(&infected.threat),
            rule: recorder.rule.as_deref(),
            destination: Some(&infected.address),
            request_id: Some(&request_id),
            ..Entry::default()
        };
        self.audit.record(What::MalwareFound, entry);
        Stop::Refuse(Refusal::Unscanned(Unscanned::Infected(Box::new(infected))))
    }
}

impl<'a> Scanning<'a> {
    /// What is looked at of what is permitted; none where no rule wants it. A preflight that passes without sign-in has nothing
    /// in it to look at.
    pub(super) fn of(permit: &Permit, client: &'a Client, identity: Option<&'a Identity>) -> Option<Self> {
        let names = permit.scan().filter(|_| permit.manner() != Manner::Preflight)?;
        Some(Self { names, client, identity, destination: Arc::clone(permit.destination()) })
    }

    /// What a scanner is told of the people, as it was configured (draft-stecher-icap-subid).
    fn told(&self, tell: &[Tell], origin: Option<IpAddr>) -> Vec<(&'static str, String)> {
        let field = |tell: &Tell| match tell {
            Tell::ClientIp => Some(("X-Client-IP", self.client.peer.client.ip().to_canonical().to_string())),
            Tell::ServerIp => Some(("X-Server-IP", origin?.to_canonical().to_string())),
            Tell::User => {
                let user = format!("Local://{}", self.identity?.session.user.name);
                Some(("X-Authenticated-User", STANDARD.encode(user)))
            }
        };
        tell.iter().filter_map(field).collect()
    }
}

fn pass_unseen(scanner: &Scanner, unseen: Unseen, recorder: &mut Recorder) -> Result<(), Stop> {
    match unseen {
        Unseen::Skipped(why) => {
            note(recorder, scanner, Verdict::Skipped, Some(why), None);
            Ok(())
        }
        Unseen::Bypassed(why) => {
            note(recorder, scanner, Verdict::Bypassed, Some(why), None);
            Ok(())
        }
        Unseen::Refused(why, unscanned) => {
            note(recorder, scanner, Verdict::Refused, Some(why), None);
            recorder.reason = Some(Reason::NotScanned);
            Err(Stop::Refuse(Refusal::Unscanned(unscanned)))
        }
    }
}

/// What becomes of a message of which a scanner has said nothing.
fn troubled(trouble: Trouble, scanner: &Scanner, is_upload: bool, recorder: &mut Recorder) -> Result<(), Stop> {
    let failure = match trouble {
        Trouble::Gone(who) => return Err(gone(who, recorder)),
        Trouble::TooLong { is_whole } => {
            let pass = too_long(scanner);
            let lost = || Unseen::Refused("size", Unscanned::TooLong(Arc::clone(&scanner.name)));
            return pass_unseen(scanner, if is_whole { pass } else { lost() }, recorder);
        }
        Trouble::Scanner { failure, is_whole } => {
            let word = failure.as_str();
            tracing::debug!(scanner = &*scanner.name, request_id = %recorder.id(), reason = %failure, "a scanner has not looked at a message");
            if is_whole && scanner.config.on_failure == OnFailure::Bypass && !failure.is_of_crowd() {
                note(recorder, scanner, Verdict::Bypassed, Some(word), None);
                return Ok(());
            }
            note(recorder, scanner, Verdict::Refused, Some(word), None);
            recorder.reason = Some(Reason::ScannerFailed);
            return Err(Stop::Refuse(Refusal::Unscanned(Unscanned::Failed(Arc::clone(&scanner.name)))));
        }
        Trouble::Lost if is_upload => return Err(gone(Gone::Client, recorder)),
        Trouble::Lost => {
            recorder.reason = Some(Reason::HttpResponseIncomplete);
            Failure::BadAnswer("its body breaks off".into())
        }
        Trouble::Broken(why) if is_upload => Failure::BadBody(why),
        Trouble::Broken(_) => Failure::BadAnswer("its body is not framed as it should be".into()),
        Trouble::Late if is_upload => Failure::BodyTimedOut,
        Trouble::Late => Failure::AnswerTimedOut,
    };
    Err(Stop::Refuse(Refusal::Origin(failure)))
}

/// Nobody waits for what the scanner says.
fn gone(who: Gone, recorder: &mut Recorder) -> Stop {
    Stop::Refuse(Refusal::Origin(match who {
        Gone::Client => {
            recorder.reason = Some(Reason::ClientLeft);
            Failure::ClientLeft
        }
        Gone::Session => Failure::SessionEnded,
    }))
}

/// Counts what came of a message, and records it; of several, what is worst.
fn note(
    recorder: &mut Recorder,
    scanner: &Scanner,
    verdict: Verdict,
    why: Option<&'static str>,
    threat: Option<String>,
) {
    scanner.count(verdict);
    let rank = |word: &str| Verdict::ALL.iter().position(|verdict| verdict.as_str() == word);
    if recorder.scan.as_ref().is_some_and(|before| rank(before.verdict) > rank(verdict.as_str())) {
        return;
    }
    let scanner = Arc::clone(&scanner.name);
    recorder.scan = Some(Box::new(Scan { verdict: verdict.as_str(), scanner, why, threat }));
}

/// The request that is sent in the place of `before`. It goes where that one would have gone, by the same method, because that
/// is what was permitted.
fn changed(before: &RequestHead, after: RequestHead, destination: &Destination, is_spent: bool) -> Option<RequestHead> {
    let goes_there = |authority: &str| destination.check_host_field(authority).is_ok();
    let goes_there = after.fields.all("host").all(|host| std::str::from_utf8(host).is_ok_and(goes_there))
        && after.target.authority().is_none_or(goes_there);
    let is_ours = after.target.path().starts_with(RESERVED_PATH);
    let is_same = goes_there && !is_ours && after.method == before.method && after.method != Method::CONNECT;
    // What the client has said of its connection is not in the new head.
    let is_last = !before.is_persistent() || !is_spent;
    is_same.then(|| RequestHead { version: before.version, received: before.received, is_last, ..after })
}

/// The page that a scanner gives in the place of the origin's answer. None if it cannot be read, or is too long.
async fn page_of(head: ResponseHead, body: Option<Box<Body>>) -> Option<Response<Bytes>> {
    let mut octets = Vec::new();
    if let Some(body) = body {
        body.plain().take(MOST_PAGE + 1).read_to_end(&mut octets).await.ok()?;
    }
    if octets.len() as u64 > MOST_PAGE {
        return None;
    }
    let mut response = Response::new(Bytes::from(octets));
    *response.status_mut() = head.status;
    let hop = Hop::of(&head.fields);
    for (name, value) in head.fields.iter().filter(|(name, _)| !hop.has(name)) {
        let is_cookie = name.eq_ignore_ascii_case(b"set-cookie");
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            && !is_cookie
        {
            response.headers_mut().append(name, value);
        }
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Scheme;

    #[test]
    fn a_scanner_changes_a_request_but_not_where_it_goes() {
        let head = |text: &str| RequestHead::parse(&text.to_owned().into(), 9).unwrap();
        let before = head("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        let destination = Destination::of_authority(Scheme::Http, "a.test").unwrap();
        for (text, may) in [
            ("GET http://a.test/b?safe=1 HTTP/1.1\r\nHost: a.test\r\nX-A: b\r\n\r\n", true),
            ("GET /b HTTP/1.1\r\nHost: a.test:80\r\n\r\n", true),
            ("GET http://a.test/ HTTP/1.1\r\n\r\n", true),
            ("GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", false),
            ("GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n", false),
            ("GET http://a.test:81/ HTTP/1.1\r\nHost: a.test:81\r\n\r\n", false),
            (&format!("GET http://a.test{RESERVED_PATH}arrive HTTP/1.1\r\nHost: a.test\r\n\r\n"), false),
            ("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n", false),
            ("POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", false),
        ] {
            let after = changed(&before, head(text), &destination, true);
            assert_eq!(after.is_some(), may, "{text}");
            assert!(after.is_none_or(|after| !after.is_persistent()), "{text}");
        }
    }
}
