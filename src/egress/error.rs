//! Why there is no connection to an origin.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustix::io::Errno;

use super::certificate::Flaw;

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
    /// None of the host's addresses may be dialled. Holds one of them.
    #[error("{0} may not be dialled")]
    Prohibited(IpAddr),
    /// The host's address is one of this machine, and the operator has not named it.
    #[error("{0} is an address of this machine")]
    OwnMachine(IpAddr),
    /// The address is one of this proxy's own listeners.
    #[error("{0} is this proxy")]
    Myself(SocketAddr),
    /// The request names a port that such requests may not name.
    #[error("port {0} is not allowed")]
    Port(u16),
    /// The origin refuses connections.
    #[error("the origin refuses connections")]
    Refused,
    /// The network has no route to the origin, or the connection failed for another reason.
    #[error("the origin cannot be reached: {0}")]
    Unreachable(String),
    /// The origin did not answer in time.
    #[error("the origin did not answer in time")]
    TimedOut,
    /// The origin's certificate is not valid, or nobody whom we trust vouches for it.
    #[error("the origin's certificate is not trusted: {1}")]
    Certificate(Flaw, String),
    /// The origin does not speak TLS, or says nothing.
    #[error("the origin does not speak TLS: {0}")]
    NoTls(String),
    /// The TLS handshake with the origin failed.
    #[error("TLS with the origin failed: {0}")]
    Tls(String),
    /// This machine has no descriptors or no ports left for another connection.
    #[error("there is no room for another connection")]
    NoRoom,
    /// The parent of this name cannot be used, and the fault is the parent's.
    #[error("the parent \"{0}\" cannot be used: {1}")]
    Parent(Arc<str>, ParentFault),
    /// The parent of this name refuses the destination.
    #[error("the parent \"{0}\" does not allow the destination")]
    ParentDenied(Arc<str>),
}

/// What is wrong with a parent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParentFault {
    /// It cannot be reached.
    #[error(transparent)]
    NotReached(Box<Error>),
    /// It does not accept our name and password, or wants some and none are configured.
    #[error("it does not accept our credentials")]
    Credentials,
    /// It closed the connection instead of answering.
    #[error("it closed the connection")]
    Ended,
    /// It does not speak its protocol as it should.
    #[error("it does not answer as a proxy does: {0}")]
    Protocol(&'static str),
}

impl Error {
    /// Whether something was waited for that did not come in time.
    pub fn is_late(&self) -> bool {
        match self {
            Self::TimedOut | Self::ResolverTimedOut => true,
            Self::Parent(_, ParentFault::NotReached(error)) => error.is_late(),
            _ => false,
        }
    }
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

/// Whether this machine has run out of something. EADDRNOTAVAIL means that it has no ports left towards one address
/// (connect(2)).
fn is_shortage(error: &io::Error) -> bool {
    let shortage = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::AGAIN, Errno::ADDRNOTAVAIL];
    error.raw_os_error().is_some_and(|code| shortage.iter().any(|errno| errno.raw_os_error() == code))
}

/// What an error on an established connection to a parent means.
impl From<io::Error> for ParentFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Protocol("it sends something else"),
            _ => Self::Ended,
        }
    }
}
