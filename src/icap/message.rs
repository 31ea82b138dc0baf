//! A message that is to be looked at, and what can come of that.

use std::task::{Context, Poll};

use http::Method;

use super::body::Body;
use super::finding::Finding;
use super::point::Outage;
use crate::wire::h1::{Connection, Length, RequestHead, ResponseHead};

/// Whatever goes on beside. It is called at each turn with the connection that the message comes from, and says when nobody
/// waits for an answer any more.
pub type Attend<'a> = &'a mut (dyn FnMut(&mut Connection, &mut Context<'_>) -> Poll<Gone> + Send);

/// Who has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The client.
    Client,
    /// The session of whoever asked has ended.
    Session,
}

/// A message that is to be looked at.
#[derive(Debug)]
pub struct Message<'a> {
    /// The method of the HTTP request.
    pub method: &'a Method,
    /// Its path.
    pub path: &'a str,
    /// Its head.
    pub request: &'a [u8],
    /// The head of the answer, if that is what is looked at.
    pub response: Option<&'a [u8]>,
    /// How long the body is.
    pub body: Length,
    /// What the scanner is told besides.
    pub told: &'a [(&'static str, String)],
}

/// What a service says of a message.
#[derive(Debug)]
pub enum Reply {
    /// It is as it should be.
    Clean,
    /// The service does not want to see it.
    Unwanted,
    /// Something was found in it.
    Found(Finding),
    /// This request is to be sent instead. `is_spent`: whether all of the one that came has been read.
    Request {
        /// Its head.
        head: Box<RequestHead>,
        /// Whether all of the request that came has been read.
        is_spent: bool,
    },
    /// This answer is to be given instead.
    Response {
        /// Its head.
        head: Box<ResponseHead>,
        /// Its body, if it answers a request that is not sent.
        body: Option<Box<Body>>,
        /// What the service has taken out of it.
        repaired: Option<Finding>,
        /// Whether it may be what came, unchanged, because the service was not free to say so.
        may_be_same: bool,
    },
}

/// Why there is no reply.
#[derive(Debug)]
pub enum Trouble {
    /// Nobody waits for it.
    Gone(Gone),
    /// Whoever sends the message has broken it off.
    Lost,
    /// Its framing is not valid.
    Broken(String),
    /// It did not go on arriving.
    Late,
    /// The scanner has failed. `is_whole`: whether the message can still be passed on.
    Scanner {
        /// Why.
        failure: Outage,
        /// Whether the message can still be passed on.
        is_whole: bool,
    },
    /// It is longer than what is looked at.
    TooLong {
        /// Whether it can still be passed on.
        is_whole: bool,
    },
}

impl From<Outage> for Trouble {
    fn from(failure: Outage) -> Self {
        Self::Scanner { failure, is_whole: true }
    }
}
