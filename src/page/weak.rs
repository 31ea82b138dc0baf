//! The page of a person who is known, by something that is too weak for a rule.

use crate::page::html::Forms;
use crate::page::{Denied, Guest, Locale, page};

/// A rule wants to be surer of who asks, and nothing on this connection would make it so.
#[derive(Clone, Debug)]
pub struct TooWeak(pub Denied);

page!(TooWeak, "too_weak.html", |_| Forms::None);

impl TooWeak {
    fn paragraphs(&self) -> Vec<String> {
        self.0.message.as_deref().map(Guest::paragraphs).unwrap_or_default()
    }

    /// Who is signed in.
    fn who(&self, t: &Locale) -> Option<String> {
        if self.0.guest { Some(t.say("denied-as-guest")) } else { self.0.user.clone() }
    }
}
