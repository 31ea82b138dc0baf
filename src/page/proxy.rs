//! The proxy's pages, which appear on the origins that people asked for.

use std::net::{IpAddr, Ipv6Addr};

use askama::Template;

use crate::page::appeal::rule_words;
use crate::page::html::Forms;
use crate::page::review::Refused;
use crate::page::{Brand, Cause, Locale, Review, page};

/// The origin's answer to a request did not arrive.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Why it did not arrive.
    pub cause: Cause,
    /// The host that was asked for.
    pub place: String,
    /// The request ID, for the help desk.
    pub request_id: String,
}

page!(Failure, "failure.html", |_| Forms::None);

impl Failure {
    /// The host, and the port if the port is the cause.
    fn whole_place(&self) -> String {
        match self.cause {
            Cause::PortNotAllowed(port) if self.place.parse::<Ipv6Addr>().is_ok() => format!("[{}]:{port}", self.place),
            Cause::PortNotAllowed(port) => format!("{}:{port}", self.place),
            _ => self.place.clone(),
        }
    }

    /// What happened. The page does not tell which address a name has; only an address that was asked for is called
    /// one.
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
    /// What the rule says of itself, in the operator's words.
    pub message: Option<String>,
    /// The account that was refused, if it is known.
    pub user: Option<String>,
    /// Whether the person is a guest.
    pub guest: bool,
    /// Where what bars the way can be passed, if it can.
    pub pass: Option<String>,
    /// The page of the portal where a review can be asked for, if that is how it is done.
    pub review: Option<String>,
    /// The portal's address.
    pub portal: String,
    /// The request ID, for the help desk.
    pub request_id: String,
}

page!(Denied, "denied.html", |_| Forms::None);

impl Denied {
    /// The rule by the operator's name for it; what is no rule but decides like one, in our words.
    fn rule_words(&self, t: &Locale) -> String {
        rule_words(&self.rule, t)
    }

    /// The way on: a link, and the text of its button.
    pub(super) fn way_on(&self, brand: &Brand, t: &Locale) -> Option<(String, String)> {
        if let Some(pass) = &self.pass {
            return Some((pass.clone(), t.say("denied-pass")));
        }
        if self.guest {
            return Some((format!("{}/?account=1", self.portal), t.say("guest-account")));
        }
        let rule = self.rule_words(t);
        let (site, id) = (self.place.as_str(), self.request_id.as_str());
        let text = t.with_all("denied-mail", &[("site", site), ("rule", &rule), ("id", id)]);
        let subject = t.with("denied-mail-subject", "site", site);
        let refused = Refused { site, rule: &rule, id, subject: &subject, text: &text };
        if let Some(address) = &self.review {
            return Some((address.clone(), t.say("denied-review")));
        }
        if let Some(review) = brand.review.as_ref().filter(|review| !review.is_at_portal()) {
            return Some((review.link(refused), t.say("denied-review")));
        }
        let address = brand.help.as_ref()?.address()?;
        let address = address.strip_prefix("mailto:").map(|mail| Review::mail(mail).link(refused));
        let address = address.or_else(|| brand.help.as_ref()?.address().map(str::to_owned))?;
        Some((address, t.say("denied-ask")))
    }
}

/// A form was not sent on, because the person was not signed in, or a rule barred its way.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// The form's method.
    pub method: String,
    /// Whether a rule barred its way, which the person has passed by now.
    pub halted: bool,
    /// The host that it was for.
    pub place: String,
    /// The address that it was for.
    pub destination: String,
    /// The link that leads on to that address.
    pub onward: String,
}

page!(Unsent, "unsent.html", |_| Forms::None);

/// The origin cookie does not come back, so that challenges would never end.
#[derive(Clone, Debug)]
pub struct CookiesBlocked {
    /// The host that was asked for.
    pub place: String,
    /// The link that tries again.
    pub retry: String,
    /// Whether it does come back, but together with cookies of the same name that contradict it.
    pub contradict: bool,
    /// The request ID, for the help desk.
    pub request_id: String,
}

page!(CookiesBlocked, "cookies_blocked.html", |_| Forms::None);

/// The page at the proxy's own address.
#[derive(Clone, Debug)]
pub struct ProxyHome {
    /// The address of the PAC file.
    pub pac: String,
    /// The portal's address.
    pub portal: String,
}

page!(ProxyHome, "proxy_home.html", |_| Forms::None);

/// The answer for a tool that cannot show a page: plain text.
#[derive(Clone, Debug)]
pub struct ToolText {
    /// The subject.
    pub subject: Subject,
    /// What the rule says of itself, in the operator's words.
    pub message: Option<String>,
    /// The destination.
    pub place: Option<String>,
    /// The portal's address.
    pub portal: String,
    /// The request ID, for the help desk.
    pub request_id: String,
}

/// The subject of such a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Somebody must sign in first.
    SignIn,
    /// The person is signed in, but proved who they are too long ago.
    SignInAgain,
    /// The person is known, by something that is too weak for a rule.
    TooWeak,
    /// The same, and a token would be strong enough.
    TokenWanted,
    /// A rule refused the request.
    Denied,
    /// A rule warns of it, and nobody has read the warning yet.
    Warned,
    /// A rule refused the request, and some people can override that.
    Overridable,
    /// The origin's answer did not arrive.
    Failed(Cause),
}

impl Subject {
    fn part(&self, part: &str, t: &Locale) -> String {
        match self {
            Self::SignIn => t.part("tool-sign-in", part),
            Self::SignInAgain => t.part("tool-sign-in-again", part),
            Self::TooWeak => t.part("tool-too-weak", part),
            Self::TokenWanted => t.part("tool-token-wanted", part),
            Self::Denied => t.part("tool-denied", part),
            Self::Warned => t.part("tool-warned", part),
            Self::Overridable => t.part("tool-overridable", part),
            Self::Failed(cause) => cause.part(part, t),
        }
    }

    fn title(&self, t: &Locale) -> String {
        match self {
            Self::SignIn => t.say("tool-sign-in"),
            Self::SignInAgain => t.say("tool-sign-in-again"),
            Self::TooWeak => t.say("tool-too-weak"),
            Self::TokenWanted => t.say("tool-token-wanted"),
            Self::Denied => t.say("tool-denied"),
            Self::Warned => t.say("tool-warned"),
            Self::Overridable => t.say("tool-overridable"),
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
