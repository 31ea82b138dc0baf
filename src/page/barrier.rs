//! The portal's pages about what a rule puts before a site: a warning to read, a block that some people can override.

use crate::clock::SignedDuration;
use crate::page::html::Forms;
use crate::page::{Denied, Guest, Locale, page};

/// A warning to read before a person goes on.
#[derive(Clone, Debug)]
pub struct Warning {
    /// The host that they were about to visit, if they come from there.
    pub place: Option<String>,
    /// The rule.
    pub rule: String,
    /// What the rule says, in the operator's words.
    pub message: Option<String>,
    /// How long they are not warned again.
    pub lasts: SignedDuration,
    /// The path that the form is sent to.
    pub action: String,
    /// The sealed return token.
    pub returning: Option<String>,
    /// The request ID, for the help desk.
    pub request_id: String,
    /// Whether they have passed so much in a short time that they have to wait.
    pub is_late: bool,
    /// The token that shows that the form came from this page.
    pub csrf: String,
}

page!(Warning, "warning.html", |_| Forms::Own);

impl Warning {
    fn paragraphs(&self) -> Vec<String> {
        self.message.as_deref().map(Guest::paragraphs).unwrap_or_default()
    }
}

/// A block that a person may override.
#[derive(Clone, Debug)]
pub struct Override {
    /// What was refused; its place is empty if they come from nowhere in particular.
    pub denied: Denied,
    /// How they can open it; `None` if they cannot.
    pub key: Option<OverrideKey>,
    /// Whether they have to say why.
    pub reason: bool,
    /// What they have written there.
    pub written: String,
    /// What was wrong with the form that they sent.
    pub mistake: Option<OverrideMistake>,
    /// How long it stays open.
    pub lasts: SignedDuration,
    /// The path that the form is sent to.
    pub action: String,
    /// The sealed return token.
    pub returning: Option<String>,
    /// The token that shows that the form came from this page.
    pub csrf: String,
}

page!(Override, "override.html", |page| if page.key.is_some() { Forms::Own } else { Forms::None });

/// How somebody can open what is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverrideKey {
    /// By a password.
    Password,
    /// As a member of a group.
    Member,
}

/// Why a block stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverrideMistake {
    /// The password is wrong, or there is none.
    Password,
    /// They have not said why.
    Reason,
    /// They, or others at their client address, have tried too often.
    TooMany,
}

impl OverrideMistake {
    fn key(self) -> &'static str {
        match self {
            Self::Password => "override-wrong",
            Self::Reason => "override-no-reason",
            Self::TooMany => "override-too-many",
        }
    }
}

impl Override {
    fn paragraphs(&self) -> Vec<String> {
        self.denied.message.as_deref().map(Guest::paragraphs).unwrap_or_default()
    }

    fn takes_password(&self) -> bool {
        self.key == Some(OverrideKey::Password)
    }

    /// What is wrong with a field.
    fn mistake_at(&self, mistake: OverrideMistake, t: &Locale) -> Option<String> {
        self.mistake.filter(|own| *own == mistake).map(|mistake| t.say(mistake.key()))
    }
}

/// A span of time in the largest unit that fits it, without its fractions of a minute.
fn span(time: &SignedDuration, t: &Locale) -> String {
    let minutes = time.as_secs().max(0).unsigned_abs().div_ceil(60);
    let number = |minutes: u64| usize::try_from(minutes).unwrap_or(usize::MAX);
    match minutes {
        1.. if minutes.is_multiple_of(24 * 60) => t.count("token-days", "days", number(minutes / (24 * 60))),
        1.. if minutes.is_multiple_of(60) => t.count("span-hours", "hours", number(minutes / 60)),
        _ => t.count("span-minutes", "minutes", number(minutes)),
    }
}

impl Warning {
    fn lasts(&self, t: &Locale) -> String {
        t.with("warning-remember", "time", span(&self.lasts, t))
    }
}

impl Override {
    fn lasts(&self, t: &Locale) -> String {
        let key = if self.takes_password() { "override-password-lead" } else { "override-member-lead" };
        t.with(key, "time", span(&self.lasts, t))
    }
}
