//! The page that sends a message on to an identity provider by POST.

use crate::page::html::{Forms, SCRIPT};
use crate::page::{Locale, page};

/// A form that a script submits at once, or the person by a button where scripts do not run.
#[derive(Clone, Debug)]
pub struct Handover {
    /// The address that the form is sent to.
    pub action: String,
    /// Its fields, by name.
    pub fields: Vec<(String, String)>,
    /// The origins that it may reach, redirects included.
    pub origins: Vec<String>,
    /// The purpose of the form.
    pub purpose: Purpose,
}

page!(Handover, "handover.html", |page| Forms::Submitted(&page.origins));

/// The purpose of a handover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing in.
    SignIn,
    /// Signing out.
    SignOut,
}

impl Handover {
    fn title(&self, t: &Locale) -> String {
        t.say(match self.purpose {
            Purpose::SignIn => "handover-sign-in",
            Purpose::SignOut => "handover-sign-out",
        })
    }

    fn script(&self) -> &'static str {
        SCRIPT
    }
}
