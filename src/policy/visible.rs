//! What is seen of a URL: its path and query, where they are not inside a tunnel.
//!
//! A path is compared by all that servers may read it as ([`crate::lists::path`]), and without letter case, because there are
//! servers to which it makes no difference.

use std::cell::OnceCell;

use serde::Deserialize;
use url::Host;

use crate::identity::fold::fold;
use crate::lists::path::{self, Beginning, Quorum, SeenPath};

/// The beginning of a path, which ends with a segment: `/admin` is `/admin` and `/admin/users`, but not `/administration`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PathPrefix(Beginning);

/// What a URL may hold anywhere, in whatever case.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Keyword(String);

/// What is wrong with a path or a keyword.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No path.
    #[error(
        "`{0}` is no path: it begins with `/` and holds no `?`, `#` or `*`, such as \"/admin\" (with all below it)"
    )]
    NotAPath(String),
    /// Nothing that could be looked for.
    #[error("`{0}` is no keyword: write at least two characters, without spaces")]
    NotAKeyword(String),
}

impl TryFrom<String> for PathPrefix {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        if !text.starts_with('/') || text.contains(['?', '#', '*']) || text.contains(char::is_whitespace) {
            return Err(Error::NotAPath(text));
        }
        Ok(Self(Beginning::of(&text)))
    }
}

impl TryFrom<String> for Keyword {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        if text.chars().count() < 2 || text.contains(char::is_whitespace) {
            return Err(Error::NotAKeyword(text));
        }
        Ok(Self(fold(&text)))
    }
}

impl PathPrefix {
    /// Whether all paths that begin like `other` begin so.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.covers(&other.0)
    }

    /// Whether so many readings of the path that is asked for begin so.
    pub(super) fn begins(&self, target: &Target<'_>, quorum: Quorum) -> bool {
        self.0.begins(&target.path, quorum)
    }
}

impl Keyword {
    /// Whether whatever holds `other` holds it.
    pub fn covers(&self, other: &Self) -> bool {
        self.is_in(&other.0)
    }

    /// Whether a host's name holds it, as it is sent or as people write it.
    pub(super) fn is_in_host(&self, host: &Host<String>) -> bool {
        let Host::Domain(name) = host else { return false };
        self.is_in(name) || name.contains("xn--") && self.is_in(&fold(&idna::domain_to_unicode(name).0))
    }

    /// Whether so many readings of the target hold it.
    pub(super) fn is_in_target(&self, target: &Target<'_>, quorum: Quorum) -> bool {
        let mut texts = target.texts();
        match quorum {
            Quorum::One => texts.any(|text| self.is_in(text)),
            // Where servers take another path for it, the keyword must not be in what they leave out of that.
            Quorum::All => {
                let is_in_query = |text: &str| text.split_once('?').is_some_and(|(_, query)| self.is_in(query));
                texts.all(|text| self.is_in(text))
                    && (target.path.is_plain()
                        || target.texts().all(is_in_query) && is_in_query(target.sent)
                        || target.path.meets(Quorum::All, |text| self.is_in(text)))
            }
        }
    }

    /// Whether `text` holds it, which is ASCII or folded.
    fn is_in(&self, text: &str) -> bool {
        let wanted = self.0.as_bytes();
        text.as_bytes().windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
    }
}

/// A path and query that was asked for, with what servers may read it as. It allocates only where that is not how it was
/// written, and once.
pub(super) struct Target<'a> {
    sent: &'a str,
    path: SeenPath<'a>,
    /// Decoded once, and twice.
    decodings: OnceCell<[String; 2]>,
}

impl<'a> Target<'a> {
    pub(super) fn new(sent: &'a str) -> Self {
        Self { sent, path: SeenPath::of(sent), decodings: OnceCell::new() }
    }

    /// The path of it.
    pub(super) fn path(&self) -> &SeenPath<'a> {
        &self.path
    }

    /// All of it, in each way in which it may be decoded.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let is_plain = self.sent.is_ascii() && !self.sent.contains('%');
        let decodings = (!is_plain).then(|| self.decodings.get_or_init(|| path::decodings(self.sent)));
        let sent = is_plain.then_some(self.sent);
        sent.into_iter().chain(decodings.into_iter().flatten().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_with_whole_segments_of_what_a_server_would_read() {
        let begins = |prefix: &str, target: &str| {
            let (prefix, target) = (PathPrefix::try_from(prefix.to_owned()).unwrap(), Target::new(target));
            (prefix.begins(&target, Quorum::One), prefix.begins(&target, Quorum::All))
        };
        let (all, one, none) = ((true, true), (true, false), (false, false));
        for (target, wanted) in [
            ("/admin", all),
            ("/admin?x=1", all),
            ("/admin/", all),
            ("/ADMIN/users", all),
            ("/%61dmin", all),
            ("/x/../admin", all),
            ("/x/%2e%2e/admin", all),
            ("//admin", all),
            ("/./admin", all),
            ("\\admin", one),
            ("/admin%2fusers", one),
            ("/admin;x", one),
            ("/administration", none),
            ("/admi", none),
            ("/x/admin", none),
            ("/admin/../x", none),
            ("/x?y=/admin", none),
            ("", none),
            ("*", none),
        ] {
            assert_eq!(begins("/Admin/", target), wanted, "{target}");
        }
        for target in ["/", "/x", "", "/..;/x"] {
            assert_eq!(begins("/", target), all, "{target}");
        }
        for target in ["/B\u{dc}CHER/x", "/B%C3%9CCHER", "/b%FCcher"] {
            assert_eq!(begins("/b\u{fc}cher", target), all, "{target}");
        }
        assert_eq!(begins("/b%C3%BCcher", "/B%C3%9CCHER"), all);
    }

    #[test]
    fn a_keyword_is_found_anywhere_in_whatever_case_and_however_it_is_encoded() {
        for (keyword, target, is_in) in [
            ("Casino", "/a?b=CASINOS", true),
            ("casino", "/c%61sino", true),
            ("casino", "/c%2561sino", true),
            ("casino", "/x?y=c%2561sino", true),
            ("casino", "/cas/ino", false),
            ("casino", "", false),
            ("b\u{fc}cher", "/B%C3%9CCHER", true),
            ("B\u{dc}CHER", "/b%c3%bccher", true),
            ("b\u{fc}cher", "/?q=B%DCCHER", true),
            ("b\u{fc}cher", "/B%25C3%259CCHER", true),
            ("b\u{fc}cher", "/bucher", false),
            ("\u{43a}\u{430}\u{437}\u{438}\u{43d}\u{43e}", "/%D0%9A%D0%90%D0%97%D0%98%D0%9D%D0%9E", true),
            ("\u{3bf}\u{3b4}\u{3bf}\u{3c2}", "/%CE%9F%CE%94%CE%9F%CE%A3", true),
        ] {
            let (word, target) = (Keyword::try_from(keyword.to_owned()).unwrap(), Target::new(target));
            assert_eq!(word.is_in_target(&target, Quorum::One), is_in, "{keyword} {}", target.sent);
        }
        let host = |host: &str| Host::parse(host).unwrap();
        for (keyword, name, is_in) in [
            ("casino", "www.casino.test", true),
            ("b\u{fc}cher", "xn--bcher-kva.example", true),
            ("B\u{dc}CHER", "www.xn--bcher-kva.example", true),
            ("bcher-kva", "xn--bcher-kva.example", true),
            ("b\u{fc}cher", "bucher.example", false),
            ("example", "192.0.2.1", false),
        ] {
            let word = Keyword::try_from(keyword.to_owned()).unwrap();
            assert_eq!(word.is_in_host(&host(name)), is_in, "{keyword} {name}");
        }
    }

    #[test]
    fn a_keyword_lets_nothing_through_that_some_server_does_not_read() {
        let word = Keyword::try_from("public".to_owned()).unwrap();
        for (target, all) in [
            ("/public/x", true),
            ("/x%20y/public", true),
            ("/x?y=Public", true),
            ("/x%20y?public", true),
            ("/%70ublic", true),
            ("/%2570ublic", false),
            ("/public/../secret", false),
            ("/public/..;/secret", false),
            ("/secret;public", false),
            ("/secret%3fpublic/../x", false),
            ("/secret/..%5cpublic%5c..", false),
        ] {
            assert_eq!(word.is_in_target(&Target::new(target), Quorum::All), all, "{target}");
        }
    }

    #[test]
    fn slips_are_found() {
        for wrong in ["admin", "/a*", "/a?b", "/a b", ""] {
            assert!(PathPrefix::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        for wrong in ["", "a", "a b"] {
            assert!(Keyword::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
