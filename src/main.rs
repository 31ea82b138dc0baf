//! Vestibule, the program.
fn main() {}
