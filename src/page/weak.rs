//! The page of a person who is known, by something that is too weak for a rule.

use crate::page::html::Forms;
use crate::page::{Locale, page};

/// A rule wants to be surer of who asks, and nothing on this connection would make it so.
#[derive(Clone, Debug)]
pub struct TooWeak {
    /// The host that was asked for.
    pub place: String,
    /// The rule.
    pub rule: String,
    /// What the rule says of itself, in the operator's words.
    pub message: Option<String>,
    /// The account.
    pub user: Option<String>,
    /// Whether the person is a guest.
    pub guest: bool,
    /// The request ID, for the help desk.
    pub request_id: String,
}

page!(TooWeak, "too_weak.html", |_| Forms::None);

impl TooWeak {
    fn paragraphs(&self) -> Vec<String> {
        self.message.as_deref().map(crate::page::Guest::paragraphs).unwrap_or_default()
    }

    /// Who is signed in.
    fn who(&self, t: &Locale) -> Option<String> {
        if self.guest { Some(t.say("denied-as-guest")) } else { self.user.clone() }
    }
}
