//! Builds and serves the program.
pub mod demo;
