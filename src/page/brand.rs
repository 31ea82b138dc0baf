//! What an operator can change about the look: title, logo, colour, help contact.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;

use crate::page::{Colour, Review};

/// The look of all pages. The style sheet and its hash are made once.
#[derive(Clone, Debug)]
pub struct Brand {
    /// The name at the top of each page and in the window's title.
    pub title: String,
    /// The logo, as a `data:` URL.
    pub logo: Option<String>,
    /// Where people get help.
    pub help: Option<Help>,
    /// Where people ask that a site be allowed which a rule has refused.
    pub review: Option<Review>,
    /// The time zone in which pages write times.
    pub time_zone: TimeZone,
    style: String,
    style_hash: String,
}

/// Where people get help: a web address, a mail address, a telephone number, or free text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Help {
    text: String,
    address: Option<String>,
}

const SHEET: &str = include_str!("style.css");

/// The backgrounds of `style.css` behind links: the darker of the light ones, and the lighter of the dark ones.
const LIGHT: Colour = Colour::rgb(0xf3, 0xf5, 0xf8);
const DARK: Colour = Colour::rgb(0x18, 0x1d, 0x26);

impl Brand {
    /// The colour of buttons and links where the operator names none.
    pub const ACCENT: Colour = Colour::rgb(0x24, 0x5b, 0xdb);

    /// A brand without logo and help contact, with times in UTC.
    pub fn new(title: impl Into<String>, accent: Colour) -> Self {
        let style = sheet(accent);
        let hash = digest::digest(&digest::SHA256, style.as_bytes());
        let style_hash = format!("sha256-{}", STANDARD.encode(hash));
        Self { title: title.into(), logo: None, help: None, review: None, time_zone: TimeZone::UTC, style, style_hash }
    }

    /// The contents of the style element.
    pub(super) fn style(&self) -> &str {
        &self.style
    }

    /// The style element's hash, as a content security policy names it.
    pub(super) fn style_hash(&self) -> &str {
        &self.style_hash
    }
}

impl Default for Brand {
    fn default() -> Self {
        Self::new("Vestibule", Self::ACCENT)
    }
}

impl Help {
    /// Reads the operator's text; only web, mail and telephone addresses become links.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let address = if text.starts_with("https://") || text.starts_with("http://") {
            Some(text.clone())
        } else if text.contains('@') && !text.contains(char::is_whitespace) {
            Some(format!("mailto:{text}"))
        } else if text.len() > 4
            && text.starts_with('+')
            && text.chars().all(|c| c.is_ascii_digit() || "+ -()".contains(c))
        {
            Some(format!("tel:{}", text.replace([' ', '-', '(', ')'], "")))
        } else {
            None
        };
        Self { text, address }
    }

    /// The text that people read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The target of the link, if the text is an address.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }
}

/// The style sheet with the accent's colours, light and dark.
fn sheet(accent: Colour) -> String {
    let mut sheet = SHEET.trim().to_owned();
    for (open, background, ratio, close) in
        [("", LIGHT, 4.5, ""), ("@media (prefers-color-scheme: dark) { ", DARK, 6.5, " }")]
    {
        let button = accent.readable_on(background, 3.0);
        let (on_button, link) = (button.text(), accent.readable_on(background, ratio));
        // Writing into a String never fails.
        write!(sheet, "\n{open}:root {{ --accent: {button}; --on-accent: {on_button}; --link: {link} }}{close}").ok();
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_help_contact_becomes_a_link_only_when_it_is_one() {
        for (text, address) in [
            ("https://help.contoso.com/", Some("https://help.contoso.com/")),
            ("help@contoso.com", Some("mailto:help@contoso.com")),
            ("+49 30 123-456", Some("tel:+4930123456")),
            ("javascript:alert(1)", None),
            ("Room 12, Anna @ the desk", None),
        ] {
            assert_eq!(Help::new(text).address(), address, "{text}");
        }
    }

    #[test]
    fn the_backgrounds_named_here_are_those_of_the_style_sheet() {
        for colour in [LIGHT, DARK] {
            assert!(SHEET.contains(&colour.to_string()), "{colour}");
        }
        assert!(!SHEET.contains('<'), "it stands inside of an element");
    }
}
