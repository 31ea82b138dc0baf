//! Squid from Debian's packages, set up to do the same work: one process, no cache, connections kept on both sides.

use anyhow::Result;

use super::{Place, Start};
use crate::machine::descriptors;
use crate::target::HOST;

pub(super) fn start(place: &Place<'_>, program: &str, logs: bool) -> Result<Start> {
    let (address, folder) = (place.address, place.folder.display());
    let (log, hosts) = (place.folder.join("access.log"), place.write("hosts", &format!("127.0.0.1 {HOST}\n"))?);
    // A buffer that is never full: Squid 5 breaks off an upload that fills it (its bug 5405), as that of any client does
    // that is faster than the origin.
    // `stdio:` writes in the process itself; the default starts another process for it.
    let access_log = if logs { format!("stdio:{} logformat=squid", log.display()) } else { "none".to_owned() };
    let file = place.write(
        "squid.conf",
        &format!(
            "http_port {address}
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
",
            hosts = hosts.display(),
            descriptors = descriptors(),
        ),
    )?;
    let mut command = place.cores.on_proxy_core(program);
    command.args(["-N", "-f"]).arg(&file);
    Ok(Start { command, log: logs.then_some(log) })
}
