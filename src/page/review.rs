//! Where people ask that a site be allowed which a rule has refused.

use std::fmt::Write as _;

/// A web address or a mail address. In a web address, `{site}`, `{rule}` and `{id}` are replaced; a mail holds the same
/// in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Web(String),
    Mail(String),
    /// A page of the portal asks, and tells a service of the operator's.
    Portal,
}

/// The text is neither a web address nor a mail address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a web address, such as https://help.example.com/new?site={{site}}&rule={{rule}}&id={{id}}, nor a \
     mail address"
)]
pub struct NotAReview(String);

/// What was refused, as the page names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused<'a> {
    /// The host.
    pub(super) site: &'a str,
    /// The rule.
    pub(super) rule: &'a str,
    /// The request ID.
    pub(super) id: &'a str,
    /// The mail's subject.
    pub(super) subject: &'a str,
    /// The mail's text.
    pub(super) text: &'a str,
}

impl Review {
    /// The mail address of a help contact.
    pub(super) fn mail(address: &str) -> Self {
        Self(Kind::Mail(address.to_owned()))
    }

    /// Asking on a page of the portal, which tells a service of the operator's.
    pub fn at_portal() -> Self {
        Self(Kind::Portal)
    }

    /// Whether that is how one asks.
    pub fn is_at_portal(&self) -> bool {
        self.0 == Kind::Portal
    }

    /// The target of the link; empty where a page of the portal asks.
    pub(super) fn link(&self, refused: Refused<'_>) -> String {
        match &self.0 {
            Kind::Web(address) => {
                let parts = [("{site}", refused.site), ("{rule}", refused.rule), ("{id}", refused.id)];
                // In one pass: `{rule}` inside a site's name must not be replaced.
                let mut link = String::new();
                let mut rest = address.as_str();
                while let Some(start) = rest.find('{') {
                    let (before, from) = rest.split_at(start);
                    link.push_str(before);
                    let place = parts.iter().find(|(name, _)| from.starts_with(name));
                    rest = match place {
                        Some((name, value)) => {
                            link.push_str(&encoded(value));
                            from.get(name.len()..).unwrap_or_default()
                        }
                        None => {
                            link.push('{');
                            from.get(1..).unwrap_or_default()
                        }
                    };
                }
                link + rest
            }
            Kind::Portal => String::new(),
            // RFC 6068 §5: a blank is %20, and a line ends with %0D%0A.
            Kind::Mail(address) => {
                let text = refused.text.replace('\n', "\r\n");
                format!("mailto:{address}?subject={}&body={}", encoded(refused.subject), encoded(&text))
            }
        }
    }
}

impl std::str::FromStr for Review {
    type Err = NotAReview;

    fn from_str(text: &str) -> Result<Self, NotAReview> {
        let wrong = || NotAReview(text.to_owned());
        if let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
            let filled = text.replace(['{', '}'], "x");
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let is_address = url::Url::parse(&filled).is_ok() && !host.contains(['{', '@']);
            return if is_address { Ok(Self(Kind::Web(text.to_owned()))) } else { Err(wrong()) };
        }
        let address = text.strip_prefix("mailto:").unwrap_or(text);
        let (account, domain) = address.split_once('@').ok_or_else(wrong)?;
        let is_plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
        };
        if is_plain(account) && is_plain(domain) { Ok(Self::mail(address)) } else { Err(wrong()) }
    }
}

/// A text as a part of a query: everything but the unreserved characters (RFC 3986 §2.3) as `%XX`.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into a String never fails.
            write!(out, "%{byte:02X}").ok();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Refused<'_> =
        Refused { site: "a{rule}.test", rule: "No gambling & co.", id: "q1", subject: "Blocked: é", text: "one\ntwo" };

    #[test]
    fn a_link_carries_what_was_refused_and_nothing_of_it_changes_the_link() {
        for (text, link) in [
            (
                "https://help.test/new?s={site}&r={rule}&i={id}#{x}",
                "https://help.test/new?s=a%7Brule%7D.test&r=No%20gambling%20%26%20co.&i=q1#{x}",
            ),
            ("https://help.test/new", "https://help.test/new"),
            ("help@contoso.com", "mailto:help@contoso.com?subject=Blocked%3A%20%C3%A9&body=one%0D%0Atwo"),
            ("mailto:help@contoso.com", "mailto:help@contoso.com?subject=Blocked%3A%20%C3%A9&body=one%0D%0Atwo"),
        ] {
            assert_eq!(text.parse::<Review>().unwrap().link(REFUSED), link);
        }
    }

    #[test]
    fn nothing_but_a_web_or_mail_address_is_one() {
        for text in [
            "",
            "javascript:alert(1)",
            "ask Anna",
            "help@",
            "@contoso.com",
            "a b@contoso.com",
            "a@b?cc=c@d",
            "https://",
            "https://{site}/x",
            "https://user@help.test/",
            "ftp://help.test/",
        ] {
            assert_eq!(text.parse::<Review>(), Err(NotAReview(text.to_owned())), "{text}");
        }
    }
}
