//! Tunnels whose first message is read before anything passes, where that is configured: the host that it names must be that of
//! the CONNECT, or nobody who is let through to one site could go to another behind the same front.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::Proxy;
use super::decide::Sought;
use super::identity::Identity;
use crate::net::within;
use crate::observe::{Reason, Recorder};
use crate::policy::Access;
use crate::wire::client_hello::{ClientHello, Error as NameError, MAX_OCTETS};
use crate::wire::h1::Connection;
use crate::wire::kind::RequestKind;
use crate::wire::target::Host;
use crate::wire::{Destination, Scheme};

impl Proxy {
    /// Waits until one side has said something, and reads the client's first message if it is one of TLS. What was read is
    /// kept on both sides. A server that speaks first, and what is not TLS, passes: there is no name in that. What begins as TLS
    /// and cannot be read, or does not go on, does not pass: a server might still find a name in it.
    pub(super) async fn check_name(
        &self,
        connection: &mut Connection,
        origin: &mut Connection,
        (destination, kind): (&Destination, RequestKind),
        identity: Option<&Identity>,
        recorder: &Recorder,
    ) -> Result<(), Reason> {
        let reading = async {
            loop {
                match ClientHello::read(&connection.unread) {
                    Ok(Some(hello)) => return Ok(Some(hello)),
                    Ok(None) if connection.unread.len() <= MAX_OCTETS => {}
                    Err(NameError::NotTls) => return Ok(None),
                    Ok(None) | Err(NameError::Malformed) => return Err(Reason::ServerNameDiffers),
                }
                let has_begun = !connection.unread.is_empty();
                let is_the_clients = poll_fn(|cx| {
                    // The client first: if both have said something, its name counts.
                    if let Poll::Ready(read) = connection.poll_fill(cx) {
                        return Poll::Ready(read.is_ok_and(|count| count > 0).then_some(true));
                    }
                    match has_begun {
                        true => Poll::Pending,
                        false => origin.poll_fill(cx).map(|_| Some(false)),
                    }
                });
                match is_the_clients.await {
                    Some(true) => {}
                    Some(false) => return Ok(None),
                    None => return Err(Reason::ClientLeft),
                }
            }
        };
        let read = within(self.limits.head_time, reading).await.map_err(|_| Reason::ClientLeft)?;
        let Some(hello) = read? else { return Ok(()) };
        if hello.is_for(destination) {
            return Ok(());
        }
        match (&hello.server_name, &destination.host) {
            // Old software names none.
            (None, _) => Ok(()),
            (Some(_), Host::Domain(_)) => Err(Reason::ServerNameDiffers),
            // Whoever looks names up by itself asks for an address: then the name must be one that is tunnelled, too.
            (Some(name), Host::Ipv4(_) | Host::Ipv6(_)) => {
                let authority = format!("{name}:{}", destination.port);
                let named = Destination::of_authority(Scheme::Https, &authority).map(Arc::new);
                let named = named.map_err(|_| Reason::ServerNameDiffers)?;
                let sought = Sought { destination: &named, access: Access::Connect(kind), request: None };
                let session = identity.map(|identity| (&*identity.session, identity.surrogate));
                if self.has_tunnelled(session, recorder, sought) { Ok(()) } else { Err(Reason::HttpRequestDenied) }
            }
        }
    }
}
