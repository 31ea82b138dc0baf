//! One service of a scanner: what it can do, whether it works, and the connections to it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Mutex as Turn, Notify};

use super::config::Address;
use super::head::{self, AnswerHead, Direction, Malformed};
use super::options::{self, Options};
use crate::egress::client::{self, Client};
use crate::net::within;
use crate::policy::Purpose;
use crate::wire::h1::{Connection, ReadError};

/// The most octets of the head of an answer.
pub(super) const MOST_HEAD: usize = 64 * 1024;

/// The most fields in it.
pub(super) const MOST_FIELDS: usize = 200;

/// How long a connection is kept for the next message.
const IDLE: Duration = Duration::from_secs(30);

/// After how many failures in a row a service counts as down.
const FAILURES: u32 = 3;

/// How many connections each client may have at least, if there are as many.
const LEAST_SHARE: usize = 4;

/// How long it is then left alone: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Why a scanner has not looked at a message.
#[derive(Debug, thiserror::Error)]
pub enum Outage {
    /// It cannot be reached.
    #[error(transparent)]
    Dial(#[from] client::Error),
    /// It has failed before, and is left alone for a while.
    #[error("it does not work at the moment")]
    Down,
    /// All connections that it takes are in use, and none became free in time.
    #[error("all connections to it are in use")]
    Busy,
    /// It has not answered in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// The connection broke.
    #[error("the connection to it broke")]
    Lost,
    /// Its answer is none.
    #[error("its answer is not valid: {0}")]
    Malformed(#[from] Malformed),
    /// It refuses, or cannot.
    #[error("it answers {0}")]
    Status(u16),
    /// It does not look at messages in this direction.
    #[error("it does not do {}", .0.as_str())]
    NoMethod(Direction),
    /// It says what is out of place here.
    #[error("its answer is out of place")]
    OutOfPlace,
    /// The message comes too slowly for a connection to wait for it, and could not be kept until it is here.
    #[error("the message came too slowly")]
    Slow,
    /// A body that it wants whole could not be kept here.
    #[error("the message could not be kept while it looked at it")]
    NoRoom,
}

impl Outage {
    /// The word for it in records.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Dial(_) => "unreachable",
            Self::Down => "down",
            Self::Busy => "busy",
            Self::TimedOut => "timed-out",
            Self::Lost => "connection-lost",
            Self::Malformed(_) | Self::OutOfPlace => "bad-answer",
            Self::Status(_) => "status",
            Self::NoMethod(_) => "no-method",
            Self::Slow => "slow",
            Self::NoRoom => "no-room",
        }
    }

    /// Whether it may say something about the service.
    fn is_its_own(&self) -> bool {
        !matches!(self, Self::Down) && !self.is_of_crowd()
    }

    /// Whether it says that messages of others are not looked at either. What a service says of one message, or does not say,
    /// may be the message's doing.
    fn is_general(&self) -> bool {
        matches!(self, Self::Dial(_) | Self::NoMethod(_))
    }

    /// Whether somebody who fills connections or the disk can bring it about: that must not open a way past the scanner.
    pub fn is_of_crowd(&self) -> bool {
        matches!(self, Self::Busy | Self::Slow | Self::NoRoom)
    }
}

/// One service.
#[derive(Debug)]
pub struct Point {
    /// Where it is.
    pub address: Address,
    /// What it is to look at.
    pub direction: Direction,
    /// The name of its scanner.
    pub scanner: Arc<str>,
    connect_time: Duration,
    answer_time: Duration,
    most: usize,
    state: Mutex<State>,
    /// One asks at a time what it can do.
    asking: Turn<()>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    /// How many connections the service takes, as far as it has ever said.
    theirs: Option<usize>,
    /// How many each client has.
    shares: HashMap<IpAddr, usize>,
    options: Option<Arc<Options>>,
    /// When they must be asked for again.
    until: Instant,
    failures: u32,
    /// Until when it is left alone.
    down_until: Option<Instant>,
    pause: Duration,
    /// Whether it has been said that it does not work.
    is_said: bool,
    in_use: usize,
    kept: Vec<Spare>,
}

/// A connection that waits for the next message. It belongs to the thread that opened it.
#[derive(Debug)]
struct Spare {
    connection: Connection,
    thread: ThreadId,
    since: Instant,
}

/// A connection in use.
#[derive(Debug)]
pub struct Channel {
    /// The connection.
    pub connection: Connection,
    /// Whether it has been used before, and may have been closed since.
    pub was_kept: bool,
    _seat: Seat,
}

/// One of the connections that may be in use.
#[derive(Debug)]
struct Seat {
    point: Arc<Point>,
    /// The client whose message it is for; none for what the service can do.
    owner: Option<IpAddr>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.point.lock();
        state.in_use -= 1;
        if let Some(owner) = self.owner
            && let Some(count) = state.shares.get_mut(&owner)
        {
            *count -= 1;
            if *count == 0 {
                state.shares.remove(&owner);
            }
        }
        drop(state);
        // All of them: the first that waits may have as many as it may have.
        self.point.freed.notify_waiters();
    }
}

impl Point {
    /// A service of which nothing is known yet.
    pub fn new(scanner: &Arc<str>, direction: Direction, address: Address, config: &super::Config) -> Self {
        let state = State {
            theirs: None,
            shares: HashMap::new(),
            options: None,
            until: Instant::now(),
            failures: 0,
            down_until: None,
            pause: PAUSE.0,
            is_said: false,
            in_use: 0,
            kept: Vec::new(),
        };
        Self {
            address,
            direction,
            scanner: Arc::clone(scanner),
            connect_time: config.connect_time.std(),
            answer_time: config.answer_time.std(),
            most: config.connections,
            state: Mutex::new(state),
            asking: Turn::default(),
            freed: Notify::new(),
        }
    }

    /// Whether it works, as far as is known.
    pub fn is_up(&self) -> bool {
        self.lock().down_until.is_none()
    }

    /// How long it may take for an answer.
    pub fn answer_time(&self) -> Duration {
        self.answer_time
    }

    /// What it can do. Asks for that if it is not known. A service that has failed is not asked here, so that its failures
    /// cost each request nothing.
    pub async fn options(self: &Arc<Self>, client: &Client) -> Result<Arc<Options>, Outage> {
        if let Some(known) = self.known()? {
            return Ok(known);
        }
        let _turn = self.asking.lock().await;
        match self.known()? {
            Some(known) => Ok(known),
            None => self.ask(client).await,
        }
    }

    fn known(&self) -> Result<Option<Arc<Options>>, Outage> {
        let state = self.lock();
        if state.down_until.is_some() { Err(Outage::Down) } else { Ok(state.options.clone()) }
    }

    /// Whether it is time to ask what it can do: at first, when what is known has become old, and when it has been left alone for
    /// long enough after a failure. Closes connections that have been kept for too long.
    pub fn is_due(&self) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        state.kept.retain(|spare| now.duration_since(spare.since) < IDLE);
        match state.down_until {
            Some(until) => now >= until,
            None => state.options.is_none() || now >= state.until,
        }
    }

    /// Asks what it can do, unless somebody is doing that.
    pub async fn tend(self: &Arc<Self>, client: &Client) {
        if let Ok(_turn) = self.asking.try_lock() {
            // What came of it is noted.
            drop(self.ask(client).await);
        }
    }

    async fn ask(self: &Arc<Self>, client: &Client) -> Result<Arc<Options>, Outage> {
        // It counts among the connections that the service takes.
        let Ok(_seat) = within(self.connect_time, self.seat(None)).await else {
            return Err(self.put_off(Outage::Busy));
        };
        let asked = async {
            self.make_room();
            let mut connection = self.connect(client).await?;
            let request = head::options(&self.address.url, &self.address.authority);
            connection.write_all(&request, self.answer_time).await.map_err(|_| Outage::Lost)?;
            let answer = read_head(&mut connection).await?;
            let options = Options::of(&answer).ok_or(Outage::Status(answer.status))?;
            if options.looks_at(self.direction) { Ok(Arc::new(options)) } else { Err(Outage::NoMethod(self.direction)) }
        };
        let asked = within(self.answer_time, asked).await.unwrap_or(Err(Outage::TimedOut));
        match asked {
            Ok(options) => {
                self.note_options(&options);
                Ok(options)
            }
            Err(failure) => {
                let works = {
                    let state = self.lock();
                    state.options.is_some() && state.failures == 0 && state.down_until.is_none()
                };
                // As long as it looks at messages, what was known of it holds.
                if works && !matches!(failure, Outage::NoMethod(_)) {
                    return Err(self.put_off(failure));
                }
                self.note_down(&failure);
                Err(failure)
            }
        }
    }

    /// It is asked again later.
    fn put_off(&self, failure: Outage) -> Outage {
        let mut state = self.lock();
        let later = Instant::now() + PAUSE.1;
        (state.until, state.down_until) = (later, state.down_until.map(|_| later));
        failure
    }

    fn note_options(&self, options: &Arc<Options>) {
        let mut state = self.lock();
        let was_down = state.down_until.take().is_some();
        let is_news = was_down || state.options.as_ref().is_none_or(|before| before != options);
        state.options = Some(Arc::clone(options));
        state.theirs = options.connections;
        (state.until, state.failures, state.pause, state.is_said) = (Instant::now() + options.ttl, 0, PAUSE.0, false);
        drop(state);
        if is_news {
            tracing::info!(
                scanner = &*self.scanner,
                url = self.address.url,
                method = self.direction.as_str(),
                service = options.service,
                preview = options.preview,
                allows_204 = options.allows_204,
                connections = options.connections,
                istag = options.istag,
                "the scanner answers"
            );
        }
    }

    /// It does not work: it is left alone for a while, each time for longer.
    fn note_down(&self, failure: &Outage) {
        let mut state = self.lock();
        state.down_until = Some(Instant::now() + state.pause);
        state.pause = (state.pause * 2).min(PAUSE.1);
        state.options = None;
        state.kept.clear();
        let is_news = !std::mem::replace(&mut state.is_said, true);
        drop(state);
        if is_news {
            tracing::warn!(
                scanner = &*self.scanner,
                url = self.address.url,
                method = self.direction.as_str(),
                reason = %failure,
                "the scanner does not work: until it does, what it should look at is refused, or passes, as its `on_failure` says"
            );
        }
    }

    /// Notes how a message went.
    pub fn note(&self, outcome: Result<(), &Outage>) {
        match outcome {
            Ok(()) => self.lock().failures = 0,
            Err(failure) if failure.is_its_own() => {
                let is_down = {
                    let mut state = self.lock();
                    state.failures += 1;
                    let has_failed = state.failures >= FAILURES && state.down_until.is_none();
                    if has_failed && !failure.is_general() {
                        // Whether that is the service's fault shows when it is asked what it can do.
                        state.until = Instant::now();
                    }
                    has_failed && failure.is_general()
                };
                if is_down {
                    self.note_down(failure);
                }
            }
            Err(_) => {}
        }
    }

    /// Notes the state that an answer shows. Where it is another one, the service is asked soon what it can do now.
    pub fn note_istag(&self, answer: &AnswerHead) {
        let Some(istag) = options::istag(answer) else { return };
        let mut state = self.lock();
        if state.options.as_ref().is_some_and(|known| known.istag.as_ref().is_some_and(|before| *before != istag)) {
            state.until = Instant::now();
        }
    }

    /// A connection for a message of `owner`: one that was kept, unless a `fresh` one is wanted, or a new one. Waits until there
    /// is one to be had. A client has a quarter of the connections at most, so that nobody can take them all.
    pub async fn link(self: &Arc<Self>, client: &Client, owner: IpAddr, fresh: bool) -> Result<Channel, Outage> {
        let seat = within(self.connect_time, self.seat(Some(owner))).await.map_err(|_| Outage::Busy)?;
        if !fresh && let Some(connection) = self.take() {
            return Ok(Channel { connection, was_kept: true, _seat: seat });
        }
        self.make_room();
        Ok(Channel { connection: self.connect(client).await?, was_kept: false, _seat: seat })
    }

    /// Gives a connection back on which another message may follow.
    pub fn give_back(&self, link: Channel) {
        let Channel { connection, _seat: seat, .. } = link;
        let mut state = self.lock();
        if state.kept.len() < self.most {
            state.kept.push(Spare { connection, thread: thread::current().id(), since: Instant::now() });
        }
        drop(state);
        drop(seat);
    }

    async fn seat(self: &Arc<Self>, owner: Option<IpAddr>) -> Seat {
        loop {
            // From here on nothing that becomes free is missed.
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if self.lock().sit(self.most, owner) {
                return Seat { point: Arc::clone(self), owner };
            }
            freed.await;
        }
    }

    /// The connection of this thread that was used last, if it is still open.
    fn take(&self) -> Option<Connection> {
        let (here, now) = (thread::current().id(), Instant::now());
        loop {
            let mut state = self.lock();
            let at = state.kept.iter().rposition(|spare| spare.thread == here)?;
            let Spare { mut connection, since, .. } = state.kept.remove(at);
            drop(state);
            if now.duration_since(since) < IDLE && connection.is_idle() {
                return Some(connection);
            }
        }
    }

    /// Closes a connection of another thread if there would be more than the service takes.
    fn make_room(&self) {
        let mut state = self.lock();
        let bound = state.bound(self.most);
        while state.in_use + state.kept.len() > bound && !state.kept.is_empty() {
            state.kept.remove(0);
        }
    }

    async fn connect(&self, client: &Client) -> Result<Connection, Outage> {
        let dialled =
            within(self.connect_time, client.reach(self.address.scheme, &self.address.authority, Purpose::Scan)).await;
        Ok(Connection::new(dialled.unwrap_or(Err(client::Error::TimedOut(self.connect_time)))?))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How many connections there may be.
    fn bound(&self, most: usize) -> usize {
        most.min(self.theirs.unwrap_or(most)).max(1)
    }

    /// Takes one of them, if one is free.
    fn sit(&mut self, most: usize, owner: Option<IpAddr>) -> bool {
        let bound = self.bound(most);
        if self.in_use >= bound {
            return false;
        }
        if let Some(owner) = owner {
            let share = self.shares.entry(owner).or_default();
            if *share >= (bound / 4).max(LEAST_SHARE) {
                return false;
            }
            *share += 1;
        }
        self.in_use += 1;
        true
    }
}

/// Reads the head of an answer.
async fn read_head(connection: &mut Connection) -> Result<AnswerHead, Outage> {
    let octets = std::future::poll_fn(|cx| connection.poll_head(cx, MOST_HEAD, false)).await;
    parse_head(octets)
}

/// What was read where the head of an answer should be.
pub(super) fn parse_head(read: Result<Option<Bytes>, ReadError>) -> Result<AnswerHead, Outage> {
    match read {
        Ok(Some(octets)) => Ok(AnswerHead::parse(&octets, MOST_FIELDS)?),
        Ok(None) | Err(ReadError::Lost) => Err(Outage::Lost),
        Err(ReadError::Head(_)) => Err(Malformed::StatusLine.into()),
    }
}
