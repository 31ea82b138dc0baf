//! Takes requests and answers them: identify → decide → act → record.

pub mod dial;
