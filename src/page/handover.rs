//! The page that takes a message on to an identity provider by POST.

use crate::page::html::Forms;
use crate::page::{Locale, page};

/// A form that the browser submits at once, or, without scripts, when the person says so.
#[derive(Clone, Debug)]
pub struct Handover {
    /// Where the form leads.
    pub action: String,
    /// Its fields, by name.
    pub fields: Vec<(String, String)>,
    /// The origins that it may lead to, redirects included.
    pub origins: Vec<String>,
    /// What it is for.
    pub purpose: Purpose,
}

page!(Handover, "handover.html", |page| Forms::Submitted(&page.origins));

/// What a handover is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing in.
    SignIn,
    /// Signing out.
    SignOut,
}

/// The one script there is. It has the same text on every page, so that a content security policy can name it.
pub(super) const SCRIPT: &str = "document.forms[0].submit()";

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
