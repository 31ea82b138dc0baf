//! HTTP/2 on both sides of an interception: towards clients, and towards origins.

mod bodies;
mod client;
mod ends;
mod grpc;
mod hostile;
mod origin;
mod sides;
mod sockets;

use super::world::{Builder, World};

const OPEN: [u8; 4] = [127, 0, 5, 1];

/// Everything from the network `open` is intercepted.
const ALL: &str = "[[policy.standing]]\nname = \"look inside\"\nnetworks = [\"open\"]\nintercept = true\n";

/// A world in which one network needs no sign-in.
fn open() -> Builder {
    World::build().network("open", "127.0.5.0/24", "sign_in = \"none\"")
}
