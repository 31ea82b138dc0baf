//! How many descriptors the process may open, and for how many connections that is enough.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::net::{Limits, Pipes};

/// Descriptors for everything else than client connections: listeners, files, name look-ups, connections kept for
/// reuse.
const RESERVE: u64 = 256;

/// The fewest descriptors with which the program serves anybody.
pub(super) const LEAST: u64 = 512;

/// How many descriptors the process may open, if those are too few.
pub(super) fn too_few() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum.filter(|allowed| *allowed < LEAST)
}

/// Raises the process's limit on descriptors as far as it may, and lowers the limits on connections to what that
/// allows: a connection takes one descriptor towards the client and one towards the origin, and some need a pipe.
/// Otherwise one client could use up all descriptors, and nobody else would be served.
pub(super) fn fit(limits: Limits) -> Limits {
    let mut allowed = getrlimit(Resource::Nofile);
    allowed.current = allowed.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, allowed) {
        tracing::warn!(%error, "the limit on open files cannot be raised: it stays as it is");
    }
    let Some(descriptors) = getrlimit(Resource::Nofile).current else { return limits };
    let fitted = lower(limits, descriptors);
    if fitted != limits {
        tracing::warn!(
            descriptors,
            connections = fitted.connections,
            connections_per_client = fitted.connections_per_client,
            "the limits on connections are lowered to what the limit on open files allows: raise that one (LimitNOFILE, ulimit -n)"
        );
    }
    fitted
}

fn lower(limits: Limits, descriptors: u64) -> Limits {
    let most = descriptors.saturating_sub(RESERVE) / (2 * Pipes::SHARE + 2) * Pipes::SHARE;
    let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
    let connections = limits.connections.min(most);
    // If the limit had to be lowered, no client may have more than half of the connections.
    let per_client = if connections < limits.connections { (connections / 2).max(1) } else { connections };
    Limits {
        connections,
        // Lowered in proportion.
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
        for (descriptors, connections, per_client, for_known) in [
            (1_048_576, 15_000, 2_000, 3_000),
            (20_000, 9_280, 2_000, 1_856),
            (1_024, 352, 176, 70),
            (LEAST, 112, 56, 22),
        ] {
            let fitted = lower(limits, descriptors);
            let found = (fitted.connections, fitted.connections_per_client, fitted.connections_for_known);
            assert_eq!(found, (connections, per_client, for_known), "{descriptors}");
        }
    }
}
