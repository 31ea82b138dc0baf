//! The proxy's pages, which appear on the origins that people asked for.

use askama::Template;

use crate::page::html::Forms;
use crate::page::{Brand, Cause, Locale, page};

/// A request did not get its answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Why.
    pub cause: Cause,
    /// The host that was asked for.
    pub place: String,
    /// The request's name, for the help desk.
    pub request_id: String,
}

page!(Failure, "failure.html", |_| Forms::None);

/// A rule refused the request.
#[derive(Clone, Debug)]
pub struct Denied {
    /// The host that was asked for.
    pub place: String,
    /// The rule.
    pub rule: String,
    /// Who was refused, when it is known.
    pub user: Option<String>,
    /// The request's name, for the help desk.
    pub request_id: String,
}

page!(Denied, "denied.html", |_| Forms::None);

/// A form was not sent on, because the person was not signed in.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// The form's method.
    pub method: String,
    /// The host that it was for.
    pub place: String,
    /// Where it was going.
    pub destination: String,
    /// The link that goes on to there.
    pub onward: String,
}

page!(Unsent, "unsent.html", |_| Forms::None);

/// The origin cookie does not come back, so that bouncing would never end.
#[derive(Clone, Debug)]
pub struct CookiesBlocked {
    /// The host that was asked for.
    pub place: String,
    /// The link that tries again.
    pub retry: String,
    /// The request's name, for the help desk.
    pub request_id: String,
}

page!(CookiesBlocked, "cookies_blocked.html", |_| Forms::None);

/// What somebody sees who opens the proxy's own address.
#[derive(Clone, Debug)]
pub struct ProxyHome {
    /// The address of the PAC file.
    pub pac: String,
    /// The portal's address.
    pub portal: String,
}

page!(ProxyHome, "proxy_home.html", |_| Forms::None);

/// What a tool is told that cannot show a page: plain text.
#[derive(Clone, Debug)]
pub struct ToolText {
    /// What it is about.
    pub subject: Subject,
    /// The destination.
    pub place: Option<String>,
    /// The portal's address.
    pub portal: String,
    /// The request's name, for the help desk.
    pub request_id: String,
}

/// What a tool is told about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Somebody must sign in first.
    SignIn,
    /// Somebody is signed in, and proved who they are too long ago.
    SignInAgain,
    /// A rule refused the request.
    Denied,
    /// The request did not get its answer.
    Failed(Cause),
}

impl Subject {
    fn key(&self) -> &'static str {
        match self {
            Self::SignIn => "tool-sign-in",
            Self::SignInAgain => "tool-sign-in-again",
            Self::Denied => "tool-denied",
            Self::Failed(cause) => cause.key(),
        }
    }
}

#[derive(Template)]
#[template(path = "tool.txt", config = "src/page/askama.toml", whitespace = "preserve")]
struct ToolView<'a> {
    page: &'a ToolText,
    brand: &'a Brand,
    t: &'a Locale,
}

impl ToolText {
    /// The text in the language of `locale`.
    pub fn render(&self, brand: &Brand, locale: &Locale) -> String {
        ToolView { page: self, brand, t: locale }.render().unwrap_or_default()
    }
}
