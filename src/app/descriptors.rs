//! How many descriptors the process may open, and how many connections that is enough for.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::wire::{Limits, Pipes};

/// Descriptors for everything but connections: listeners, files, name look-ups, connections kept for reuse.
const RESERVE: u64 = 256;

/// Takes all the descriptors that the process may have, and lowers the limits on connections to what they are enough
/// for: a connection takes one towards the client and one towards the origin, and some need a pipe. Without that, one
/// client could take them all, and nobody else would be served.
pub(super) fn fit(limits: Limits) -> Limits {
    let mut allowed = getrlimit(Resource::Nofile);
    allowed.current = allowed.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, allowed) {
        tracing::warn!(%error, "the limit on open files could not be raised");
    }
    let Some(descriptors) = getrlimit(Resource::Nofile).current else { return limits };
    let fitted = lower(limits, descriptors);
    if fitted != limits {
        tracing::warn!(
            descriptors,
            connections = fitted.connections,
            connections_per_client = fitted.connections_per_client,
            "limits on connections lowered to what the limit on open files allows; raise that (LimitNOFILE, ulimit -n)"
        );
    }
    fitted
}

fn lower(limits: Limits, descriptors: u64) -> Limits {
    let most = descriptors.saturating_sub(RESERVE) / (2 * Pipes::SHARE + 2) * Pipes::SHARE;
    let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
    let connections = limits.connections.min(most);
    // Where connections are scarce, no client may have more than half of them.
    let per_client = if connections < limits.connections { (connections / 2).max(1) } else { connections };
    Limits {
        connections,
        // The same share.
        connections_for_known: limits.connections_for_known.saturating_mul(connections) / limits.connections.max(1),
        connections_per_client: limits.connections_per_client.min(per_client),
        ..limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fit_into_the_descriptors_that_there_are() {
        let limits = Limits { connections: 15_000, connections_per_client: 2_000, ..Limits::default() };
        for (descriptors, connections, per_client) in
            [(1_048_576, 15_000, 2_000), (20_000, 9_280, 2_000), (1_024, 352, 176), (64, 1, 1)]
        {
            let fitted = lower(limits, descriptors);
            assert_eq!((fitted.connections, fitted.connections_per_client), (connections, per_client), "{descriptors}");
        }
    }
}
