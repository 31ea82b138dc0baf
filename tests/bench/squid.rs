//! Squid from Debian's packages, set up to do the same work: one process, no cache, connections kept on both sides.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::machine::{Cores, descriptors};
use crate::target::HOST;

/// Where the program is.
pub(crate) fn program() -> Result<String> {
    // A user's PATH may lack the second folder, where Debian puts it.
    for path in ["/usr/local/sbin/squid", "/usr/sbin/squid"] {
        if Path::new(path).exists() {
            return Ok(path.to_owned());
        }
    }
    bail!("squid is not installed: `make bench` installs it, and `--targets vestibule,direct` does without")
}

/// The command that starts it on `address`, and its access log.
pub(crate) fn command(folder: &Path, cores: &Cores, address: SocketAddr, logs: bool) -> Result<(Command, PathBuf)> {
    let folder = folder.join(format!("squid-{}", address.port()));
    fs::create_dir_all(&folder)?;
    // Started as root, Squid writes its files as a user of its own.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
    if let Some(above) = folder.parent() {
        fs::set_permissions(above, fs::Permissions::from_mode(0o755))?;
    }
    let (file, log, hosts) = (folder.join("squid.conf"), folder.join("access.log"), folder.join("hosts"));
    fs::write(&hosts, format!("127.0.0.1 {HOST}\n"))?;
    // `stdio:` writes in the process itself; the default starts another process for it.
    let access_log = if logs { format!("stdio:{} logformat=squid", log.display()) } else { "none".to_owned() };
    let text = format!(
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
pinger_enable off
shutdown_lifetime 0 seconds
",
        hosts = hosts.display(),
        folder = folder.display(),
        descriptors = descriptors(),
    );
    fs::write(&file, text)?;
    let mut command = cores.on_proxy_core(&program()?);
    command.args(["-N", "-f"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    Ok((command, log))
}
