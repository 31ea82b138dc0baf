//! What a proxy costs that does nothing: its start, its memory, the memory of tunnels that nobody uses.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::Plan;
use crate::bulk::open;
use crate::machine::{descriptors, resident};
use crate::peer::Peer;
use crate::report::Report;
use crate::target::{Kind, Starter, Target};

/// Descriptors that are not for tunnels.
const SPARE: usize = 600;

/// How long a process may take to come to rest.
const REST: Duration = Duration::from_millis(700);

/// Starts each kind a few times, then holds tunnels open through it.
pub(crate) fn measure(plan: &Plan, starter: &Starter<'_>, kinds: &[Kind], report: &mut Report) -> Result<()> {
    let proxies = || kinds.iter().copied().filter(|kind| ![Kind::Direct, Kind::Peer(Peer::SquidBump)].contains(kind));
    for _ in 0..if plan.wants("start") { plan.starts } else { 0 } {
        for kind in proxies() {
            let target = starter.start(kind)?;
            report.start(kind.name(), target.cold_start);
        }
    }
    for kind in proxies().filter(|_| plan.wants("idle-tunnels")) {
        println!("Idle tunnels through {} …", kind.name());
        let target = starter.start_signed_in(kind)?;
        if let Some(process) = &target.process {
            match tunnels(plan, starter, &target, process.id()) {
                Ok((idle, tunnels)) => report.idle(kind.name(), idle, tunnels),
                Err(error) if matches!(kind, Kind::Peer(_)) => {
                    println!("{} gave up, and is not measured: {error:#}", kind.name());
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// The memory at rest, the number of tunnels, and what each of them adds, in bytes.
fn tunnels(plan: &Plan, starter: &Starter<'_>, target: &Target, process: u32) -> Result<(u64, Option<(usize, f64)>)> {
    sleep(REST);
    let idle = resident(process)?;
    // This program holds two ends of each, and so does the proxy.
    let number = plan.tunnels.min(descriptors().saturating_sub(SPARE) / 2).min(target.kind.tunnels_at_most());
    if number == 0 {
        return Ok((idle, None));
    }
    let opening = target.opening(starter.origin);
    let open = |place| open(target.address, &opening).with_context(|| format!("tunnel {place} of {number}"));
    let held = (0..number).map(open).collect::<Result<Vec<_>>>()?;
    sleep(REST);
    let full = resident(process)?;
    drop(held);
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let each = full.saturating_sub(idle) as f64 / number as f64;
    Ok((idle, Some((number, each))))
}
