//! A network of its own for all that is measured: no firewall of the machine between load, proxy and origin, and the
//! congestion control that Linux has by default.
//!
//! BBR paces what it sends, also to the same machine: a row about many bytes then tells how fast BBR thought that it might
//! send (three times as fast in one round as in the next, as was seen), and not what a proxy costs.

use std::env;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// Where the congestion control of new sockets is set, of the network that whoever opens it is in.
pub(crate) const CONGESTION: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

/// What Linux has by default (tcp(7)).
const USUAL: &str = "cubic";

/// Set for the program that has got a network of its own.
const INSIDE: &str = "VESTIBULE_BENCH_NETWORK";

/// Whether this program has a network of its own.
pub(crate) fn is_own() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Begins this program anew in a network of its own, where that is allowed; nothing outside changes. Returns when there is
/// nothing more to do.
pub(crate) fn enter() -> Result<()> {
    if is_own() {
        return furnish();
    }
    let may = Command::new("unshare").args(["--net", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    let program = env::current_exe().context("this program's own path")?;
    let failed = Command::new("unshare").arg("--net").arg(program).args(env::args_os().skip(1)).env(INSIDE, "1").exec();
    bail!("unshare: {failed}");
}

/// A new network has a loopback interface that is down, and the machine's congestion control.
fn furnish() -> Result<()> {
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).output().context("ip")?;
    ensure!(up.status.success(), "ip: {}", String::from_utf8_lossy(&up.stderr));
    // A kernel without it goes on with what it has, which is printed with the figures.
    drop(fs::write(CONGESTION, USUAL));
    Ok(())
}
