//! What people see in a real browser: Chromium, with a fresh profile in each test.

mod access;
mod barriers;
mod cookies;
mod driver;
mod history;
mod http_first;
mod https_first;
mod inspection;
mod late;
mod names;
mod parts;
mod planted;
mod secure;
pub(crate) mod site;
mod stage;
mod surer;
mod tabs;
mod test_sso;
mod upgrade;
mod worker;

pub(crate) use driver::ENTER;
pub(crate) use stage::{Browser, Place, Stage, Trust, bare_browser, certutil, names};
