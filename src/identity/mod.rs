//! Who somebody is, and where they come from.

pub mod block;
pub mod evidence;
pub mod fold;
pub mod logon_name;
pub mod network;
pub mod range;
pub mod realm;
pub mod risk;
pub mod user;

pub use block::ClientBlock;
pub use evidence::{Strength, Surrogate};
pub use logon_name::LogonName;
pub use network::{Network, Networks};
pub use realm::{ForeignNames, Realm};
pub use risk::Risk;
pub use user::{GUEST, Groups, User};
