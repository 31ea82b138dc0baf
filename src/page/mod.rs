//! The pages that people see. Each is a plain value, rendered for a brand and in a language.
//!
//! A page is complete in itself: no script, no other file, its style sheet inside. So the proxy can answer with one on
//! any origin. A script may make a page of the portal more convenient (`COPY`); its content security policy names the
//! hash. Texts are in `locales/`; a new language needs a file there and a line in `locale`.

mod appeal;
mod barrier;
mod brand;
mod cause;
mod colour;
mod consent;
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
mod weak;

pub use appeal::{AskReview, ReviewAsked};
pub use barrier::{Override, OverrideKey, OverrideMistake, Warning};
pub use brand::{Brand, Help};
pub use cause::{Cause, Trouble, Untrusted};
pub use colour::{Colour, NotAColour};
pub use consent::{ConsentOutcome, Consented};
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
pub use trust::{Certificate, TRUST_HOST, TRUST_PATH, TrustedRoot, trust_sheet};
pub use weak::TooWeak;

/// The script of the buttons that copy the text before them. Without scripts the buttons stay hidden.
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
