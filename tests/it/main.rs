//! What the program does, seen from outside.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails this way says enough")]

mod chromium;
mod portal;
