//! The portal's page on which people ask that a refusal be reviewed, and what became of that.

use crate::page::html::Forms;
use crate::page::{Locale, page};

/// Asks for a review of a refusal.
#[derive(Clone, Debug)]
pub struct AskReview {
    /// The host that was refused.
    pub place: String,
    /// The rule, or what decided like one.
    pub rule: String,
    /// The request ID.
    pub request_id: String,
    /// The account that asks, if it is known.
    pub user: Option<String>,
    /// Whether that is a guest.
    pub guest: bool,
    /// What is sealed in the address of the page.
    pub sealed: String,
    /// The token that shows that the form came from this page.
    pub csrf: String,
}

page!(AskReview, "ask_review.html", |_| Forms::Own);

/// What became of it.
#[derive(Clone, Debug)]
pub struct ReviewAsked {
    /// Whether whoever decides about it has been told.
    pub is_told: bool,
    /// The host that was refused.
    pub place: String,
    /// The request ID.
    pub request_id: String,
}

page!(ReviewAsked, "review_asked.html", |_| Forms::None);

/// A rule by the operator's name for it; what is no rule but decides like one, in our words.
pub(super) fn rule_words(rule: &str, t: &Locale) -> String {
    match rule {
        "blocked-list" => t.say("denied-blocked-list"),
        "default" => t.say("denied-default"),
        "unidentified" => t.say("denied-unidentified"),
        "offline" => t.say("denied-offline"),
        rule => rule.to_owned(),
    }
}

impl AskReview {
    fn rule_words(&self, t: &Locale) -> String {
        rule_words(&self.rule, t)
    }
}
