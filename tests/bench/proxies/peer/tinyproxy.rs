//! tinyproxy: a thread a connection, and none of them is kept.

use anyhow::Result;

use super::{Place, Start};
use crate::machine::descriptors;

pub(super) fn start(place: &Place<'_>, program: &str) -> Result<Start> {
    let (address, log) = (place.address, place.folder.join("access.log"));
    let file = place.write(
        "tinyproxy.conf",
        &format!(
            "Port {port}
Listen {ip}
Timeout 600
MaxClients {many}
LogFile \"{log}\"
LogLevel Connect
PidFile \"{folder}/pid\"
Allow 127.0.0.1
",
            port = address.port(),
            ip = address.ip(),
            many = descriptors() / 2,
            log = log.display(),
            folder = place.folder.display(),
        ),
    )?;
    let mut command = place.cores.on_proxy_core(program);
    command.args(["-d", "-c"]).arg(file);
    // Its log has several lines a request, so they are not counted.
    Ok(Start { command, log: None })
}
