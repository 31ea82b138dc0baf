//! The page that says what came of the consent of an administrator of a tenant.

use crate::page::html::Forms;
use crate::page::page;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentOutcome {
    /// It was granted.
    Granted,
    /// It was not, and why, in the words of whoever refused it.
    Refused(String),
    /// The answer belongs to no question of ours, or to one that is too old.
    Stale,
}

/// What came of a consent.
#[derive(Clone, Debug)]
pub struct Consented {
    /// What came of it.
    pub outcome: ConsentOutcome,
    /// The directory's name.
    pub directory: String,
}

page!(Consented, "consented.html", |_| Forms::None);

impl Consented {
    fn is_granted(&self) -> bool {
        self.outcome == ConsentOutcome::Granted
    }

    /// Why it was refused, if it was.
    fn why(&self) -> Option<&str> {
        match &self.outcome {
            ConsentOutcome::Refused(why) => Some(why),
            _ => None,
        }
    }
}
