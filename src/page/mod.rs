//! The pages that people see: each is a plain value that is rendered for a brand in a language.
//!
//! A page needs nothing but itself: no script, no file from elsewhere, one style sheet inside. So the proxy can answer
//! with one on any origin. A script may make a page of the portal more convenient (`COPY`); its content security policy
//! names the hash. Text is in `locales/`; a new language is a new file there and a line in `locale`.

mod brand;
mod cause;
mod colour;
mod decided;
mod devices;
mod guest;
mod handover;
mod html;
mod locale;
mod nav;
mod number;
mod portal;
mod proxy;
mod review;
mod sign_in;
mod terminal;
mod test_sso;
mod tokens;
mod trust;

pub use brand::{Brand, Help};
pub use cause::{Cause, Trouble};
pub use colour::{Colour, NotAColour};
pub use decided::TerminalDecided;
pub use devices::{DeviceNote, DeviceSetUp, Devices, NamedDevice, SetUpFile};
pub use guest::Guest;
pub use handover::{Handover, Purpose};
pub use html::Html;
pub use locale::{Locale, Locales};
pub use nav::Nav;
pub use portal::{Connected, Device, Elsewhere, LandingNote, Onward, Reach, SignInFailure, SignedIn, SignedOut};
pub use proxy::{CookiesBlocked, Denied, Failure, ProxyHome, Subject, ToolText, Unsent};
pub use review::{NotAReview, Review};
pub use sign_in::{Logon, Mistake, Note};
pub use terminal::{Curl, TerminalPointer, TerminalScript};
pub use test_sso::{
    TestCertificate, TestCheck, TestClaim, TestField, TestOutcome, TestReport, TestResult, TestStart, TestStep,
};
pub use tokens::{
    NewToken, TerminalAsks, TerminalHint, TokenDraft, TokenItem, TokenMistake, TokenText, Tokens, TokensNote,
    WrongToken, with_token,
};
pub use trust::{Certificate, TRUST_HOST, TRUST_PATH, trust_sheet};

/// What makes the buttons work that copy what stands before them. They are hidden where there is no script.
const COPY: &str = include_str!("copy.js");

/// Gives a page type its `render`: the template sees the page, the brand and the language.
macro_rules! page {
    ($page:ident, $template:tt, $forms:expr) => {
        $crate::page::page!($page, $template, $forms, $crate::page::html::Extras::default());
    };
    ($page:ident, $template:tt, $forms:expr, $extras:expr) => {
        const _: () = {
            #[derive(askama::Template)]
            #[template(path = $template, config = "src/page/askama.toml")]
            struct View<'a> {
                page: &'a $page,
                brand: &'a $crate::page::Brand,
                t: &'a $crate::page::Locale,
            }

            impl $page {
                /// The page in the language of `locale`.
                pub fn render(&self, brand: &$crate::page::Brand, locale: &$crate::page::Locale) -> $crate::page::Html {
                    let text = askama::Template::render(&View { page: self, brand, t: locale });
                    let forms: fn(&$page) -> $crate::page::html::Forms<'_> = $forms;
                    $crate::page::Html::new(text.unwrap_or_default(), brand, locale, &forms(self), $extras)
                }
            }
        };
    };
}
use page;

#[cfg(test)]
mod tests;
