//! The demo: everything that a person needs to try Vestibule, on one machine.
pub mod idp;
