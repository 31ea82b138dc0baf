//! One message, looked at by one service: a preview, the rest if it is wanted, and what the service says of it.
//!
//! Nothing that was read is lost. While the service sees a preview, the octets stay where they have arrived. What it is sent
//! after that is kept in a spool, and `from` is made to give it once more. So whatever passes is passed on by the code that
//! would have passed it on without a scanner, octet for octet.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use http::Method;

use super::body::Body;
use super::config::Config;
use super::fetch::{Fetch, beside};
use super::finding::Finding;
use super::head::{AnswerHead, Direction, Envelope, HeadKind, Malformed, put_chunk};
use super::message::{Attend, Gone, Message, Reply, Trouble};
use super::options::{Options, Transfer};
use super::peek::Peek;
use super::point::{self, Channel, MOST_FIELDS, MOST_HEAD, Outage, Point};
use super::sender::{Sender, Stuck};
use super::spool::{Kept, Space, Spool};
use crate::egress::client::Client;
use crate::wire::h1::{Connection, Length, RequestHead, ResponseHead, Stream, head_length};

/// How long a connection to a service waits, all in all, for a message that comes slowly. After that the message is kept until
/// it is here, and shown once more: whoever lets many messages drip must not have all the connections.
const GRACE: Duration = Duration::from_secs(5);

/// What a message is looked at with.
#[derive(Debug)]
pub struct Look<'a> {
    /// The service.
    pub point: &'a Arc<Point>,
    /// What is written of its scanner.
    pub config: &'a Config,
    /// Where bodies are kept.
    pub space: &'a Arc<Space>,
    /// Opens connections.
    pub client: &'a Client,
    /// How long no octet of the message may come.
    pub idle: Duration,
    /// The client whose message it is.
    pub owner: IpAddr,
}

impl Look<'_> {
    /// Has the service look at `message`, whose body comes from `from`. Afterwards `from` gives the body that is to be passed
    /// on, if one is.
    pub async fn at(&self, message: &Message<'_>, from: &mut Connection, attend: Attend<'_>) -> Result<Reply, Trouble> {
        let (mut is_fresh, mut is_here) = (false, false);
        let looked = loop {
            match self.once(message, from, attend, (is_fresh, is_here)).await {
                // A connection that was kept may have been closed meanwhile. Nothing of the message is lost.
                Err(Trouble::Scanner { failure: Outage::Lost, is_whole: true }) if !is_fresh => is_fresh = true,
                Err(Trouble::Scanner { failure: Outage::Slow, is_whole: true }) if !is_here => {
                    let (spool, most) = (self.place(message), self.config.max_size.as_bytes());
                    Fetch { spool, most, idle: self.idle }.all(message.body, from, attend).await?;
                    is_here = true;
                }
                looked => break looked,
            }
        };
        match &looked {
            // Nobody was asked.
            Ok(Reply::Unwanted) => {}
            Ok(_) => self.point.note(Ok(())),
            Err(Trouble::Scanner { failure, .. }) => self.point.note(Err(failure)),
            Err(_) => {}
        }
        looked
    }

    async fn once(
        &self,
        message: &Message<'_>,
        from: &mut Connection,
        attend: Attend<'_>,
        (is_fresh, is_here): (bool, bool),
    ) -> Result<Reply, Trouble> {
        let options = beside(self.point.options(self.client), from, attend).await??;
        let has_body = !message.body.is_none();
        let transfer = options.transfer.of(message.path);
        if transfer == Transfer::Ignore && has_body {
            return Ok(Reply::Unwanted);
        }
        let preview = self.preview(&options).filter(|_| has_body && transfer == Transfer::Preview);
        let mut peek = Peek::new(message.body);
        if let Some(most) = preview {
            peek.fill(from, most, self.idle, attend).await?;
        }
        let spool = has_body.then(|| self.place(message)).flatten();
        let asking = Envelope {
            direction: self.point.direction,
            address: &self.point.address.url,
            authority: &self.point.address.authority,
            may_be_unmodified: options.allows_204 && (spool.is_some() || !has_body),
            preview: preview.map(|most| most.min(peek.content.len())),
            told: message.told,
            request: message.request,
            response: message.response,
            has_body,
        };
        let link = beside(self.point.link(self.client, self.owner, is_fresh), from, attend).await??;
        Asked {
            look: self,
            message,
            since: (!is_here).then(Instant::now),
            may_be_same: !asking.may_be_unmodified,
            link,
            sender: first(&asking, &peek),
            peek,
            spool,
        }
        .go(from, attend, asking.preview)
        .await
    }

    fn place(&self, message: &Message<'_>) -> Option<Spool> {
        self.space.place(if let Length::Exact(length) = message.body { Some(length) } else { None })
    }

    /// How much is shown first.
    fn preview(&self, options: &Options) -> Option<usize> {
        let most =
            self.config.preview.map_or(usize::MAX, |most| usize::try_from(most.as_bytes()).unwrap_or(usize::MAX));
        options.preview.map(|wanted| wanted.min(most))
    }
}

/// What is sent first: the heads, and the preview with its end.
fn first(asking: &Envelope<'_>, peek: &Peek) -> Sender {
    let mut out = BytesMut::from(&asking.encode()[..]);
    if let Some(shown) = asking.preview.filter(|_| asking.has_body) {
        put_chunk(&mut out, peek.content.get(..shown).unwrap_or_default());
        // RFC 3507 §4.5: whether that is all of it.
        out.extend_from_slice(if peek.is_all(shown) { b"0; ieof\r\n\r\n" } else { b"0\r\n\r\n" });
    }
    Sender::new(out)
}

/// A message that the service has been sent, if only in part.
struct Asked<'a> {
    look: &'a Look<'a>,
    message: &'a Message<'a>,
    /// Since when it has its connection. None if all of the message is here.
    since: Option<Instant>,
    may_be_same: bool,
    link: Channel,
    sender: Sender,
    peek: Peek,
    spool: Option<Spool>,
}

impl Asked<'_> {
    async fn go(mut self, from: &mut Connection, attend: Attend<'_>, preview: Option<usize>) -> Result<Reply, Trouble> {
        let has_body = !self.message.body.is_none();
        let is_all = preview.is_some_and(|shown| self.peek.is_all(shown));
        if preview.is_none() && has_body {
            self.begin_rest(0);
        }
        let mut answer = self.answer(from, attend).await?;
        if let Some(shown) = preview.filter(|_| answer.status == 100 && !is_all) {
            self.take_peeked(from)?;
            self.begin_rest(shown);
            answer = self.answer(from, attend).await?;
        }
        self.look.point.note_istag(&answer);
        // Some say that by other words than 200. What is repaired comes with a 200 only.
        if let Some(found) = Finding::of(&answer).filter(|found| !found.is_repaired || answer.status != 200) {
            return Ok(Reply::Found(found));
        }
        match answer.status {
            204 => self.unmodified(from, &answer),
            200 => self.modified(from, attend, answer).await,
            100 | 206 => Err(self.fail(Outage::OutOfPlace, from)),
            status => Err(self.fail(Outage::Status(status), from)),
        }
    }

    /// Goes on with the rest of the body, after what was shown.
    fn begin_rest(&mut self, shown: usize) {
        let most = self.look.config.max_size.as_bytes();
        let rest = most.saturating_sub(self.peek.content.len() as u64);
        let content = self.peek.content.split_off(shown.min(self.peek.content.len()));
        self.sender.go_on(&content, self.peek.reader.clone(), self.spool.take(), rest);
    }

    /// Takes what was looked through into the spool.
    fn take_peeked(&mut self, from: &mut Connection) -> Result<(), Trouble> {
        let count = self.peek.at.min(from.unread.len());
        if let Some(spool) = &mut self.spool {
            let pushed = spool.push(from.unread.get(..count).unwrap_or_default());
            // Nothing has been taken yet.
            pushed.map_err(|_| Trouble::Scanner { failure: Outage::NoRoom, is_whole: true })?;
        }
        from.unread.advance(count);
        Ok(())
    }

    /// Sends, and waits for the head of the next answer. An answer may come before everything has been sent.
    async fn answer(&mut self, from: &mut Connection, attend: Attend<'_>) -> Result<AnswerHead, Trouble> {
        let (idle, patience) = (self.look.idle, self.look.point.answer_time());
        let is_request = self.look.point.direction == Direction::Reqmod;
        let since = self.since;
        let left = || since.map(|since| GRACE.saturating_sub(since.elapsed()));
        let Self { link: Channel { connection, .. }, sender, .. } = self;
        let mut progress = None;
        let read = poll_fn(|cx| {
            let sent = sender.poll(from, &mut connection.stream, cx);
            match connection.poll_head(cx, MOST_HEAD, false) {
                Poll::Ready(read) => return Poll::Ready(point::parse_head(read).map_err(Stop::Scanner)),
                Poll::Pending => {}
            }
            if let Poll::Ready(Err(stuck)) = sent {
                return Poll::Ready(Err(Stop::Stuck(stuck)));
            }
            if let Poll::Ready(gone) = attend(from, cx) {
                return Poll::Ready(Err(Stop::Gone(gone)));
            }
            // A request comes from the client, and only while nothing more of it is wanted does a read say that it has gone.
            if is_request && sender.is_read() && from.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Stop::Gone(Gone::Client)));
            }
            if progress != Some((sender.moved, sender.waits)) {
                progress = Some((sender.moved, sender.waits));
                let wait = left().map_or(idle, |left| idle.min(left));
                connection.deadline.set(if sender.waits { wait } else { patience });
            }
            connection.deadline.poll(cx).map(|()| {
                Err(match left() {
                    _ if !sender.waits => Stop::Scanner(Outage::TimedOut),
                    Some(Duration::ZERO) => Stop::Scanner(Outage::Slow),
                    _ => Stop::Late,
                })
            })
        })
        .await;
        connection.deadline.lift();
        read.map_err(|stop| self.trouble(stop, from))
    }

    /// What it means that nothing was read.
    fn trouble(&mut self, stop: Stop, from: &mut Connection) -> Trouble {
        match stop {
            Stop::Gone(gone) => Trouble::Gone(gone),
            Stop::Late => Trouble::Late,
            Stop::Stuck(Stuck::Lost) => Trouble::Lost,
            Stop::Stuck(Stuck::Malformed(why)) => Trouble::Broken(why),
            Stop::Stuck(Stuck::TooLong) => Trouble::TooLong { is_whole: self.restore(from) },
            // What could not be written to the disk is gone.
            Stop::Stuck(Stuck::Spool(_)) => Trouble::Scanner { failure: Outage::NoRoom, is_whole: false },
            Stop::Scanner(failure) => self.fail(failure, from),
        }
    }

    /// Has `from` give once more what was taken from it. False if that was not kept.
    fn restore(&mut self, from: &mut Connection) -> bool {
        let was_taken = self.sender.has_rest();
        let spool = self.sender.take_spool().or_else(|| self.spool.take());
        match spool {
            Some(spool) if was_taken => {
                from.resume(Box::new(Kept::from(spool)));
                true
            }
            _ => !was_taken,
        }
    }

    fn fail(&mut self, failure: Outage, from: &mut Connection) -> Trouble {
        Trouble::Scanner { failure, is_whole: self.restore(from) }
    }

    /// The message is as it should be.
    fn unmodified(mut self, from: &mut Connection, answer: &AnswerHead) -> Result<Reply, Trouble> {
        if answer.encapsulated.is_some_and(|part| part.has_body || part.head.is_some()) || !self.restore(from) {
            return Err(Trouble::Scanner { failure: Outage::OutOfPlace, is_whole: false });
        }
        if answer.is_persistent() && self.sender.is_whole() && self.link.connection.unread.is_empty() {
            self.look.point.give_back(self.link);
        }
        Ok(Reply::Clean)
    }

    /// Something else is to be passed on, or nothing.
    async fn modified(
        mut self,
        from: &mut Connection,
        attend: Attend<'_>,
        answer: AnswerHead,
    ) -> Result<Reply, Trouble> {
        let repaired = Finding::of(&answer);
        let Some(part) = answer.encapsulated else { return Err(self.fail(Malformed::Encapsulated.into(), from)) };
        let Some((kind, length)) = part.head else { return Err(self.fail(Malformed::Encapsulated.into(), from)) };
        let octets = match self.encapsulated(from, attend, length).await {
            Ok(octets) => octets,
            Err(stop) => return Err(self.trouble(stop, from)),
        };
        let keeps = answer.is_persistent() && self.sender.is_whole();
        match (kind, self.look.point.direction) {
            (HeadKind::Request, Direction::Reqmod) => {
                let Ok(head) = RequestHead::parse(&octets, MOST_FIELDS) else {
                    return Err(self.fail(Malformed::Head.into(), from));
                };
                self.request(from, attend, head, part.has_body, keeps).await
            }
            (HeadKind::Response, direction) => {
                let Ok(head) = ResponseHead::parse(&octets, MOST_FIELDS, self.message.method) else {
                    return Err(self.fail(Malformed::Head.into(), from));
                };
                if head.status.is_informational() {
                    return Err(self.fail(Malformed::Head.into(), from));
                }
                Ok(self.response(from, (direction, head), part.has_body, keeps, repaired))
            }
            (HeadKind::Request, Direction::Respmod) => Err(self.fail(Malformed::Encapsulated.into(), from)),
        }
    }

    /// Reads an encapsulated head, which is `length` octets long, while the rest is sent.
    async fn encapsulated(&mut self, from: &mut Connection, attend: Attend<'_>, length: usize) -> Result<Bytes, Stop> {
        let patience = self.look.point.answer_time();
        let Self { link: Channel { connection, .. }, sender, .. } = self;
        connection.deadline.set(patience);
        let octets = poll_fn(|cx| {
            loop {
                if connection.unread.len() >= length {
                    return Poll::Ready(Ok(connection.unread.split_to(length).freeze()));
                }
                match connection.poll_fill(cx) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Stop::Scanner(Outage::Lost))),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending => break,
                }
            }
            if let Poll::Ready(Err(stuck)) = sender.poll(from, &mut connection.stream, cx) {
                return Poll::Ready(Err(Stop::Stuck(stuck)));
            }
            if let Poll::Ready(gone) = attend(from, cx) {
                return Poll::Ready(Err(Stop::Gone(gone)));
            }
            connection.deadline.poll(cx).map(|()| Err(Stop::Scanner(Outage::TimedOut)))
        })
        .await?;
        connection.deadline.lift();
        // One head, and nothing behind it (RFC 3507 §4.4.1).
        if head_length(&octets) == Some(length) { Ok(octets) } else { Err(Stop::Scanner(Malformed::Head.into())) }
    }

    /// Another request is to be sent.
    async fn request(
        mut self,
        from: &mut Connection,
        attend: Attend<'_>,
        head: RequestHead,
        has_body: bool,
        keeps: bool,
    ) -> Result<Reply, Trouble> {
        // Another one is sent: what was kept of this one is not needed any more.
        drop(self.sender.take_spool());
        // The client's connection is needed for the answer, so all of its request must have been read by now.
        if !self.sender.is_read() {
            self.finish(from, attend).await?;
        }
        // What is left of it must never be taken for the next request.
        let has_rest = self.sender.has_rest();
        let is_spent = if has_rest { self.sender.is_read() } else { self.peek.reader.is_done() };
        if !has_rest {
            from.unread.advance(self.peek.at.min(from.unread.len()));
        }
        let body = if has_body { Length::Chunked } else { Length::NONE };
        if has_body {
            from.resume(Box::new(Body::new(Arc::clone(self.look.point), self.link, keeps)));
        } else if keeps && self.link.connection.unread.is_empty() {
            self.look.point.give_back(self.link);
        }
        Ok(Reply::Request { head: Box::new(RequestHead { body, ..head }), is_spent })
    }

    /// Sends the rest, although an answer has begun. What the service gives back meanwhile is kept, so that it does not wait
    /// for us while we wait for it.
    async fn finish(&mut self, from: &mut Connection, attend: Attend<'_>) -> Result<(), Trouble> {
        let (idle, patience) = (self.look.idle, self.look.point.answer_time());
        let Some(mut back) = self.look.space.place(None) else { return Err(self.fail(Outage::NoRoom, from)) };
        let Self { link: Channel { connection, .. }, sender, .. } = self;
        let (mut progress, mut came, mut is_open) = (None, 0, true);
        let sent = poll_fn(|cx| {
            while is_open {
                match back.poll_ready(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Stop::Scanner(Outage::NoRoom))),
                    Poll::Pending => break,
                }
                if connection.unread.is_empty() {
                    match connection.poll_fill(cx) {
                        Poll::Ready(Ok(count)) if count > 0 => {}
                        Poll::Ready(_) => is_open = false,
                        Poll::Pending => break,
                    }
                }
                if back.push(&connection.unread).is_err() {
                    return Poll::Ready(Err(Stop::Scanner(Outage::NoRoom)));
                }
                came += connection.unread.len();
                connection.unread.clear();
            }
            if let Poll::Ready(sent) = sender.poll(from, &mut connection.stream, cx) {
                return Poll::Ready(sent.map_err(Stop::Stuck));
            }
            if let Poll::Ready(gone) = attend(from, cx) {
                return Poll::Ready(Err(Stop::Gone(gone)));
            }
            if progress != Some((sender.moved, came, sender.waits)) {
                progress = Some((sender.moved, came, sender.waits));
                connection.deadline.set(if sender.waits { idle } else { patience });
            }
            let late = if sender.waits { Stop::Late } else { Stop::Scanner(Outage::TimedOut) };
            connection.deadline.poll(cx).map(|()| Err(late))
        })
        .await;
        connection.deadline.lift();
        if let Err(stop) = sent {
            return Err(self.trouble(stop, from));
        }
        connection.resume(Box::new(Kept::from(back)));
        Ok(())
    }

    /// Another answer is to be given.
    fn response(
        self,
        from: &mut Connection,
        (direction, head): (Direction, ResponseHead),
        has_body: bool,
        keeps: bool,
        repaired: Option<Finding>,
    ) -> Reply {
        let Self { look, link, mut sender, may_be_same, message, .. } = self;
        drop(sender.take_spool());
        let is_bodiless = message.method == Method::HEAD
            || matches!(head.status, http::StatusCode::NO_CONTENT | http::StatusCode::NOT_MODIFIED);
        let has_body = has_body && !is_bodiless;
        let length = if has_body { Length::Chunked } else { Length::NONE };
        let head = Box::new(ResponseHead { body: length, ..head });
        let mut body = has_body.then(|| Box::new(Body::new(Arc::clone(look.point), link, keeps)));
        if direction == Direction::Respmod {
            // What is left of the origin's answer is nobody's; the connection cannot be used for another one.
            let origin = std::mem::replace(from, Connection::new(Stream::Other(Box::new(tokio::io::empty()))));
            if let Some(body) = body.take() {
                let body = if sender.is_whole() { *body } else { body.while_sending(sender, origin) };
                from.resume(Box::new(body));
            }
        }
        Reply::Response { head, body, repaired, may_be_same }
    }
}

/// Why nothing was read.
enum Stop {
    Gone(Gone),
    Late,
    Stuck(Stuck),
    Scanner(Outage),
}
