//! haproxy, in front of the one origin. It has no log here: its log goes to a syslog server, which there is none of.

use anyhow::Result;

use super::{Place, Start};
use crate::machine::descriptors;

pub(super) fn start(place: &Place<'_>, program: &str, mode: &str) -> Result<Start> {
    let (address, origin) = (place.address, place.origin);
    // It counts two descriptors for a connection, two for a pipe, and does not start where they may not suffice.
    let many = descriptors().saturating_sub(500) / 2;
    let options = if mode == "http" { "option http-keep-alive\n    http-reuse always" } else { "option splice-auto" };
    let file = place.write(
        "haproxy.cfg",
        &format!(
            "global
    nbthread 1
    maxconn {many}
    maxpipes 100
defaults
    mode {mode}
    {options}
    timeout connect 10s
    timeout client 1h
    timeout server 1h
frontend clients
    bind {address}
    default_backend origins
backend origins
    server origin {origin}
"
        ),
    )?;
    let mut command = place.cores.on_proxy_core(program);
    command.args(["-db", "-f"]).arg(file);
    Ok(Start { command, log: None })
}
