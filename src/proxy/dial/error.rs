//! Why there is no connection to an origin.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustix::io::Errno;

/// Why there is no connection to an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name does not exist, or has no address.
    #[error("the name has no address")]
    NameNotFound,
    /// The name could not be looked up.
    #[error("the name could not be looked up: {0}")]
    Resolver(String),
    /// The name was not looked up in time.
    #[error("the name was not looked up in time")]
    ResolverTimedOut,
    /// Every address of the host is one that may not be dialled.
    #[error("{0} may not be dialled")]
    Prohibited(IpAddr),
    /// Every address of the host is one of this machine, which the operator has not named.
    #[error("{0} is an address of this machine")]
    OwnMachine(IpAddr),
    /// The host is this proxy.
    #[error("{0} is this proxy")]
    Myself(SocketAddr),
    /// The request named a port that it may not.
    #[error("port {0} is not allowed")]
    Port(u16),
    /// The origin refuses connections.
    #[error("the origin refuses connections")]
    Refused,
    /// There is no way to the origin.
    #[error("there is no way to the origin: {0}")]
    Unreachable(String),
    /// The origin did not answer in time.
    #[error("the origin did not answer in time")]
    TimedOut,
    /// The origin's certificate is not one to trust.
    #[error("the origin's certificate is not one to trust: {0}")]
    Certificate(String),
    /// The origin speaks something else than TLS, or nothing at all.
    #[error("the origin does not speak TLS: {0}")]
    NoTls(String),
    /// The origin does not speak TLS as we do.
    #[error("TLS with the origin failed: {0}")]
    Tls(String),
    /// There are no descriptors, or no ports, left to dial with.
    #[error("there is no room for another connection")]
    NoRoom,
    /// The parent of this name cannot be used, for a reason of its own.
    #[error("the parent \"{0}\" cannot be used: {1}")]
    Parent(Arc<str>, ParentFault),
    /// The parent of this name lets nobody through to the destination.
    #[error("the parent \"{0}\" does not allow the destination")]
    ParentDenied(Arc<str>),
}

/// What is wrong with a parent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParentFault {
    /// It cannot be reached.
    #[error(transparent)]
    NotReached(Box<Error>),
    /// It does not take our name and password, or wants some and there are none.
    #[error("it does not take our credentials")]
    Credentials,
    /// It ended the connection instead of answering.
    #[error("it ended the connection")]
    Ended,
    /// It does not speak the protocol.
    #[error("it does not answer as a proxy does: {0}")]
    Protocol(&'static str),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ if is_shortage(&error) => Self::NoRoom,
            _ => Self::Unreachable(error.to_string()),
        }
    }
}

/// Whether this machine has run out of something. It has no more ports towards one address when the address is said
/// not to be available (connect(2)).
fn is_shortage(error: &io::Error) -> bool {
    let shortage = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::AGAIN, Errno::ADDRNOTAVAIL];
    error.raw_os_error().is_some_and(|code| shortage.iter().any(|errno| errno.raw_os_error() == code))
}

/// What goes wrong on a connection that a parent has taken.
impl From<io::Error> for ParentFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Protocol("it sends something else"),
            _ => Self::Ended,
        }
    }
}
