//! What a proxy costs that does nothing: its start, its memory, the memory of tunnels that nobody uses.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::Plan;
use crate::bulk::open;
use crate::machine::{descriptors, resident};
use crate::report::Report;
use crate::target::{Kind, Starter, Target};

/// Descriptors that are not for tunnels.
const SPARE: usize = 300;

/// How long a process may take to come to rest.
const REST: Duration = Duration::from_millis(700);

/// Starts each kind a few times, then holds tunnels open through it.
pub(crate) fn measure(plan: &Plan, starter: &Starter<'_>, kinds: &[Kind], report: &mut Report) -> Result<()> {
    let proxies = || kinds.iter().copied().filter(|kind| matches!(kind, Kind::Vestibule | Kind::Beside | Kind::Squid));
    for _ in 0..plan.starts {
        for kind in proxies() {
            let target = starter.start(kind)?;
            report.start(kind.name(), target.cold_start);
        }
    }
    for kind in proxies() {
        let target = starter.start_signed_in(kind)?;
        if let Some(process) = &target.process {
            let (idle, number, each) = tunnels(plan, starter, &target, process.id())?;
            report.idle(kind.name(), idle, number, each);
        }
    }
    Ok(())
}

/// The memory at rest, the number of tunnels, and what each of them adds, in bytes.
fn tunnels(plan: &Plan, starter: &Starter<'_>, target: &Target, process: u32) -> Result<(u64, usize, f64)> {
    sleep(REST);
    let idle = resident(process)?;
    // This program holds two ends of each, and so does the proxy.
    let number = plan.tunnels.min(descriptors().saturating_sub(SPARE) / 2);
    let opening = target.opening(starter.origin.small);
    let held = (0..number).map(|_| open(target.address, &opening)).collect::<Result<Vec<_>>>()?;
    sleep(REST);
    let full = resident(process)?;
    drop(held);
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let each = full.saturating_sub(idle) as f64 / number as f64;
    Ok((idle, number, each))
}
