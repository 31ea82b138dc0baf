//! A tunnel that is open, and all that is held for it. Thousands may be open while nothing moves through them, so nothing else is.

use super::Proxy;
use super::relay::{Bounds, Streams, relay_streams};
use super::until::Leave;
use crate::observe::Recorder;
use crate::session::InUse;
use crate::wire::h1::{Connection, Stream};

/// A tunnel that is open. The streams are closed first when it is dropped, and its record is written last.
pub(super) struct Tunnel {
    streams: Streams,
    leave: Leave,
    /// Keeps the client address in use by which its person is known.
    _in_use: Option<InUse>,
    recorder: Recorder,
}

impl Tunnel {
    /// The tunnel from the client at the end of `connection`, who was answered already, to `far`.
    // A connection is handed on in its box, and only what the tunnel needs leaves it.
    #[expect(clippy::boxed_local, reason = "the caller has it boxed")]
    pub(super) fn new(
        proxy: &Proxy,
        connection: Box<Connection>,
        far: Stream,
        leave: Leave,
        in_use: Option<InUse>,
        recorder: Recorder,
    ) -> Self {
        let (bounds, pipes) = (Bounds::of(&proxy.limits), proxy.pipes.clone());
        let Connection { stream: near, unread, .. } = *connection;
        let streams = Streams { near, far, early: Vec::from(unread), bounds, pipes };
        Self { streams, leave, _in_use: in_use, recorder }
    }

    /// Moves bytes for as long as there is leave. The tunnel is done then, and is to be dropped.
    pub(super) async fn run(&mut self) {
        let (moved, end) = relay_streams(&mut self.streams, &mut self.leave, &self.recorder).await;
        (self.recorder.bytes_in, self.recorder.bytes_out) = (moved.there, moved.back);
        self.recorder.reason = end.reason().or(self.recorder.reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F: Future>(_: impl FnOnce(&'static mut Tunnel) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_tunnel_through_which_nothing_moves_costs_a_small_task() {
        // With what Tokio adds (some 130 octets), 1024 are allocated for the task.
        let size = size_of::<Tunnel>() + size(Tunnel::run);
        assert!(size <= 880, "{size} octets");
    }
}
