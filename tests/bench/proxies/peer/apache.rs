//! Apache with mod_proxy: one process of its event model, and a thread for each connection that is being served.

use anyhow::Result;

use super::{Place, Start};

/// As many threads as one process may have (ThreadLimit): more idle tunnels than these it cannot hold.
pub(super) const THREADS: usize = 4096;

pub(super) fn start(place: &Place<'_>, program: &str) -> Result<Start> {
    let (address, port, log) = (place.address, place.origin.port(), place.folder.join("access.log"));
    let modules = ["mpm_event", "authz_core", "proxy", "proxy_http", "proxy_connect"];
    let modules = modules.map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    // The log is not a module of its own in Debian's build. Without AcceptFilter, a start needs no protocol list.
    let file = place.write(
        "apache.conf",
        &format!(
            "{modules}ServerRoot {folder}
ServerName bench.test
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Mutex posixsem
Listen {address}
User www-data
Group www-data
ErrorLog {folder}/error.log
LogFormat \"%h %l %u %t \\\"%r\\\" %>s %b\" common
CustomLog {log} common
BufferedLogs On
Timeout 3600
KeepAlive On
KeepAliveTimeout 600
MaxKeepAliveRequests 0
ServerLimit 1
StartServers 1
ThreadLimit {THREADS}
ThreadsPerChild {THREADS}
MaxRequestWorkers {THREADS}
AsyncRequestWorkerFactor 4
ProxyRequests On
ProxyVia On
AllowCONNECT {port}
<Proxy \"*\">
    Require all granted
</Proxy>
",
            modules = modules.concat(),
            folder = place.folder.display(),
            log = log.display(),
        ),
    )?;
    let mut command = place.cores.on_proxy_core(program);
    command.args(["-D", "FOREGROUND", "-f"]).arg(file);
    Ok(Start { command, log: Some(log) })
}
