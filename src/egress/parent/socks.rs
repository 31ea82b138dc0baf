//! SOCKS version 5 (RFC 1928), with a name and a password where the parent wants them (RFC 1929).

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Host;
use zeroize::Zeroizing;

use crate::egress::error::{Error, ParentFault};
use crate::secret::Secret;
use crate::wire::h1::Stream;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NAME_AND_PASSWORD: u8 = 2;
const CONNECT: u8 = 1;

/// Agrees on a method of authentication, and authenticates.
pub(super) async fn greet(
    stream: &mut Stream,
    username: Option<&str>,
    password: Option<&Secret>,
) -> Result<(), ParentFault> {
    let offer: &[u8] = match username {
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, NAME_AND_PASSWORD],
        None => &[VERSION, 1, NO_AUTHENTICATION],
    };
    stream.write_all(offer).await?;
    stream.flush().await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    match (chosen, username) {
        ([VERSION, NO_AUTHENTICATION], _) => Ok(()),
        ([VERSION, NAME_AND_PASSWORD], Some(name)) => prove(stream, name, password.map_or("", Secret::expose)).await,
        ([VERSION, 0xff], _) => Err(ParentFault::Credentials),
        _ => Err(ParentFault::Protocol("it does not speak SOCKS version 5")),
    }
}

async fn prove(stream: &mut Stream, name: &str, password: &str) -> Result<(), ParentFault> {
    let mut message = Zeroizing::new(vec![1]);
    for part in [name, password] {
        // Cannot fail: the configuration is checked for the length.
        message.push(u8::try_from(part.len()).map_err(|_| ParentFault::Credentials)?);
        message.extend_from_slice(part.as_bytes());
    }
    stream.write_all(&message).await?;
    stream.flush().await?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await?;
    if answer[1] == 0 { Ok(()) } else { Err(ParentFault::Credentials) }
}

/// Asks for a connection to `host`.
pub(super) async fn ask(stream: &mut Stream, parent: &Arc<str>, host: &Host<String>, port: u16) -> Result<(), Error> {
    let fault = |fault| Error::Parent(Arc::clone(parent), fault);
    let mut request = vec![VERSION, CONNECT, 0];
    match host {
        Host::Ipv4(address) => {
            request.push(1);
            request.extend(address.octets());
        }
        Host::Ipv6(address) => {
            request.push(4);
            request.extend(address.octets());
        }
        Host::Domain(name) => {
            request.push(3);
            // A name that is too long for the field is too long for the DNS (RFC 1035 §2.3.4).
            request.push(u8::try_from(name.len()).map_err(|_| Error::NameNotFound)?);
            request.extend_from_slice(name.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    match exchange(stream, &request).await.map_err(fault)? {
        0 => Ok(()),
        2 => Err(Error::ParentDenied(Arc::clone(parent))),
        5 => Err(Error::Refused),
        6 => Err(Error::TimedOut),
        code @ (1 | 3 | 4) => Err(Error::Unreachable(format!("the parent \"{parent}\" answers {code}"))),
        _ => Err(fault(ParentFault::Protocol("it does not support the request"))),
    }
}

/// Sends a request, reads its answer (RFC 1928 §6) and not a byte more, and gives the reply code.
async fn exchange(stream: &mut Stream, request: &[u8]) -> Result<u8, ParentFault> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [VERSION, code, 0, kind] = head else { return Err(ParentFault::Protocol("its answer is not SOCKS")) };
    let bound = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err(ParentFault::Protocol("its answer is not SOCKS")),
    };
    // The address and port that it is bound to, which nobody needs.
    let mut rest = [0; 255 + 2];
    stream.read_exact(rest.get_mut(..bound + 2).unwrap_or_default()).await?;
    Ok(code)
}
