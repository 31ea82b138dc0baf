//! The proxy's pages, which appear on the origins that people asked for.

use std::net::{IpAddr, Ipv6Addr};

use askama::Template;

use crate::page::html::Forms;
use crate::page::review::Refused;
use crate::page::{Brand, Cause, Locale, Review, page};

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

impl Failure {
    /// The host, with the port where that is what matters.
    fn whole_place(&self) -> String {
        match self.cause {
            Cause::PortNotAllowed(port) if self.place.parse::<Ipv6Addr>().is_ok() => format!("[{}]:{port}", self.place),
            Cause::PortNotAllowed(port) => format!("{}:{port}", self.place),
            _ => self.place.clone(),
        }
    }

    /// What happened. Where a name leads is nobody's business; an address that was asked for by itself is called one.
    fn what(&self, t: &Locale) -> String {
        let bare = self.place.trim_start_matches('[').trim_end_matches(']');
        let is_address = self.cause == Cause::NotAllowed && bare.parse::<IpAddr>().is_ok();
        self.cause.part(if is_address { "itself" } else { "what" }, t)
    }
}

/// A rule refused the request.
#[derive(Clone, Debug)]
pub struct Denied {
    /// The host that was asked for.
    pub place: String,
    /// The rule.
    pub rule: String,
    /// Who was refused, when it is known.
    pub user: Option<String>,
    /// Whether that is a guest.
    pub guest: bool,
    /// The portal's address.
    pub portal: String,
    /// The request's name, for the help desk.
    pub request_id: String,
}

page!(Denied, "denied.html", |_| Forms::None);

impl Denied {
    /// The rule, in the operator's words; what decides without being a rule, in ours.
    fn rule_words(&self, t: &Locale) -> String {
        match self.rule.as_str() {
            "blocked-list" => t.say("denied-blocked-list"),
            "default" => t.say("denied-default"),
            "unidentified" => t.say("denied-unidentified"),
            "offline" => t.say("denied-offline"),
            rule => rule.to_owned(),
        }
    }

    /// The way on: a link, and what its button says.
    fn way_on(&self, brand: &Brand, t: &Locale) -> Option<(String, String)> {
        if self.guest {
            return Some((format!("{}/?account=1", self.portal), t.say("guest-account")));
        }
        let rule = self.rule_words(t);
        let (site, id) = (self.place.as_str(), self.request_id.as_str());
        let text = t.with_all("denied-mail", &[("site", site), ("rule", &rule), ("id", id)]);
        let subject = t.with("denied-mail-subject", "site", site);
        let refused = Refused { site, rule: &rule, id, subject: &subject, text: &text };
        if let Some(review) = &brand.review {
            return Some((review.link(refused), t.say("denied-review")));
        }
        let address = brand.help.as_ref()?.address()?;
        let address = address.strip_prefix("mailto:").map(|mail| Review::mail(mail).link(refused));
        let address = address.or_else(|| brand.help.as_ref()?.address().map(str::to_owned))?;
        Some((address, t.say("denied-ask")))
    }
}

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
    fn part(&self, part: &str, t: &Locale) -> String {
        match self {
            Self::SignIn => t.part("tool-sign-in", part),
            Self::SignInAgain => t.part("tool-sign-in-again", part),
            Self::Denied => t.part("tool-denied", part),
            Self::Failed(cause) => cause.part(part, t),
        }
    }

    fn title(&self, t: &Locale) -> String {
        match self {
            Self::SignIn => t.say("tool-sign-in"),
            Self::SignInAgain => t.say("tool-sign-in-again"),
            Self::Denied => t.say("tool-denied"),
            Self::Failed(cause) => cause.title(t),
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
