//! Squid from Debian's packages, set up to do the same work: one process, no cache, connections kept on both sides. To issue
//! leaves it has programs beside it, as it must.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Result, ensure};

use super::{Place, Start};
use crate::load::name;
use crate::machine::descriptors;
use crate::secure::NAME;
use crate::target::HOST;

/// What it does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Forwarding {
        logs: bool,
    },
    /// It ends the TLS inside of each CONNECT, and asks the origin once there is a request: less work than to ask it first.
    Intercepting,
}

/// What issues its leaves. A Squid without TLS does not have it.
pub(super) const ISSUER: &str = "/usr/lib/squid/security_file_certgen";

pub(super) fn start(place: &Place<'_>, program: &str, doing: Doing) -> Result<Start> {
    let (address, folder) = (place.address, place.folder.display());
    let logs = doing != Doing::Forwarding { logs: false };
    let mut hosts = format!("127.0.0.1 {HOST}\n127.0.0.1 {NAME}\n");
    let mut intercepting = (String::new(), String::new());
    if doing == Doing::Intercepting {
        for number in 0..place.starter.names {
            writeln!(hosts, "127.0.0.1 {}", name(number))?;
        }
        intercepting = intercept(place)?;
    }
    let (options, more) = intercepting;
    let (log, hosts) = (place.folder.join("access.log"), place.write("hosts", &hosts)?);
    // A buffer that is never full: Squid 5 breaks off an upload that fills it (its bug 5405), as that of any client does
    // that is faster than the origin.
    // `stdio:` writes in the process itself; the default starts another process for it.
    let access_log = if logs { format!("stdio:{} logformat=squid", log.display()) } else { "none".to_owned() };
    let file = place.write(
        "squid.conf",
        &format!(
            "http_port {address}{options}
http_access allow all
hosts_file {hosts}
access_log {access_log}
buffered_logs on
cache deny all
cache_mem 8 MB
cache_log {folder}/cache.log
cache_store_log none
coredump_dir {folder}
pid_filename {folder}/squid.pid
max_filedescriptors {descriptors}
client_persistent_connections on
server_persistent_connections on
forwarded_for delete
client_request_buffer_max_size 64 MB
pinger_enable off
shutdown_lifetime 0 seconds
{more}",
            hosts = hosts.display(),
            descriptors = descriptors(),
        ),
    )?;
    let mut command = place.cores.on_proxy_core(program);
    command.args(["-N", "-f"]).arg(&file);
    Ok(Start { command, log: logs.then_some(log) })
}

/// What it is told of interception: behind the port, and in lines of their own.
fn intercept(place: &Place<'_>) -> Result<(String, String)> {
    let leaves = place.folder.join("leaves");
    // It runs as a user of its own, who must be able to read and write these.
    let authority = place.write("authority.pem", &std::fs::read_to_string(&place.starter.origin.authority.file)?)?;
    let made = Command::new(ISSUER).args(["-c", "-s"]).arg(&leaves).args(["-M", "64MB"]).output()?;
    ensure!(made.status.success(), "{ISSUER}: {}", String::from_utf8_lossy(&made.stderr));
    Command::new("chmod").args(["-R", "a+rwX"]).arg(&leaves).output()?;
    let (leaves, authority) = (leaves.display(), authority.display());
    Ok((
        format!(" ssl-bump tls-cert={authority} generate-host-certificates=on dynamic_cert_mem_cache_size=64MB"),
        format!(
            "sslcrtd_program {ISSUER} -s {leaves} -M 64MB
sslcrtd_children 4 startup=1 idle=1
ssl_bump bump all
tls_outgoing_options cafile={authority}
acl CONNECT method CONNECT
"
        ),
    ))
}
