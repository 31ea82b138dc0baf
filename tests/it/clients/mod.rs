//! Real clients in front of real origins: curl, Chromium and Firefox; nginx, Python, and one that answers badly.

pub(crate) mod browsers;
mod curl;
pub(crate) mod origins;
