//! The risk of accounts, as Microsoft Entra ID Protection has it: who is at risk, since when, and what rules do about it.

pub mod config;
mod episode;
mod poll;
mod table;
mod user;

pub use config::RiskRule;
pub use episode::{Episode, Episodes, RiskStep, Stage};
pub use poll::{RiskReport, RiskSync};
pub use table::RiskChange;
pub(super) use table::RiskTable;
pub use user::{RiskState, RiskyUser};
