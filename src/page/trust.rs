//! The page about our authority, and the mark by which the page shows whether this browser trusts that authority.
//!
//! The page names a style sheet at a host that nobody but our authority can vouch for: under `.invalid` (RFC 2606 §2) no
//! public authority issues certificates, and no resolver knows a name, so only the proxy answers there. A browser that
//! trusts the authority loads the sheet, which makes the page say so. No script is needed, and the sheet can be no
//! other than this: the page names its hash.

use crate::clock::Timestamp;
use crate::page::html::{Extras, Forms, hash_of};
use crate::page::page;

/// The host for which the proxy answers with a certificate of the interception authority.
pub const TRUST_HOST: &str = "trust.vestibule.invalid";

/// The path of the style sheet.
pub const TRUST_PATH: &str = "/trusted.css";

/// The address of the style sheet.
const ADDRESS: &str = "https://trust.vestibule.invalid/trusted.css";

/// The style sheet.
const SHEET: &str = ".when-trusted { display: block } .when-unknown { display: none }\n";

/// The style sheet, which a browser loads only if it trusts the authority.
pub fn trust_sheet() -> &'static str {
    SHEET
}

/// How to trust our authority.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Its certificates: one, or two while one authority follows another.
    pub roots: Vec<TrustedRoot>,
    /// The browser, by its `User-Agent`.
    pub user_agent: String,
}

/// A certificate of our authority.
#[derive(Clone, Debug)]
pub struct TrustedRoot {
    /// Its name.
    pub name: String,
    /// When it expires.
    pub until: Timestamp,
    /// SHA-256 of it, `AB:CD:…`.
    pub fingerprint: String,
}

page!(Certificate, "certificate.html", |_| Forms::None, Extras { script: None, sheet: Some(ADDRESS) });

/// A form in which the certificates can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A certificate alone (DER).
    Der,
    /// A configuration profile.
    Profile,
    /// A certificate alone, as text (PEM): of several in a file most programs read the first.
    Pem,
}

/// The forms, with the address and the key of the text of each.
const FORMS: [(Form, &str, &str); 3] = [
    (Form::Der, "/certificate/authority.crt", "certificate-der"),
    (Form::Profile, "/certificate/authority.mobileconfig", "certificate-profile"),
    (Form::Pem, "/certificate/authority.pem", "certificate-pem"),
];

/// The systems, by the keys of their texts, and the form that they take.
const SYSTEMS: [(&str, Form); 7] = [
    ("system-windows", Form::Der),
    ("system-macos", Form::Der),
    ("system-ios", Form::Profile),
    ("system-android", Form::Der),
    ("system-debian", Form::Pem),
    ("system-fedora", Form::Pem),
    ("system-firefox", Form::Pem),
];

/// A file that can be downloaded.
#[derive(Debug)]
struct Download {
    address: String,
    /// The key of its text.
    text: &'static str,
    /// Which certificate it holds, where it is not all.
    number: Option<usize>,
    /// Whether the visitor's system takes it.
    is_own: bool,
}

impl TrustedRoot {
    /// The fingerprint in four parts, each short enough for a line of a phone.
    fn groups(&self) -> Vec<String> {
        let bytes: Vec<_> = self.fingerprint.split(':').collect();
        bytes.chunks(8).map(|group| group.join(":")).collect()
    }
}

impl Certificate {
    fn address(&self) -> &'static str {
        ADDRESS
    }

    fn integrity(&self) -> String {
        hash_of(SHEET)
    }

    /// The visitor's system, if the `User-Agent` names a known one.
    fn own(&self) -> Option<&'static str> {
        let has = |mark: &str| self.user_agent.contains(mark);
        let system = match () {
            () if has("iPhone") || has("iPad") => "system-ios",
            () if has("Android") => "system-android",
            () if has("Windows") => "system-windows",
            () if has("Mac OS X") => "system-macos",
            // On Linux alone Firefox does not ask the system whom to trust.
            () if has("Firefox/") => "system-firefox",
            () if has("Fedora") || has("Red Hat") => "system-fedora",
            () if has("Linux") || has("CrOS") => "system-debian",
            () => return None,
        };
        Some(system)
    }

    /// What can be downloaded.
    fn downloads(&self) -> Vec<Download> {
        let wanted = SYSTEMS.iter().find(|(key, _)| Some(*key) == self.own()).map_or(Form::Der, |(_, form)| *form);
        let downloads = FORMS.into_iter().flat_map(|(form, address, text)| {
            let most = if form == Form::Profile { 1 } else { self.roots.len() };
            (1..=most).map(move |number| Download {
                // Without a number that of PEM holds all.
                address: if most == 1 || number == 1 && form == Form::Der {
                    address.to_owned()
                } else {
                    format!("{address}?number={number}")
                },
                text,
                number: (most > 1).then_some(number),
                is_own: form == wanted,
            })
        });
        downloads.collect()
    }

    /// All systems but the visitor's own.
    fn others(&self) -> Vec<&'static str> {
        SYSTEMS.iter().map(|(key, _)| *key).filter(|key| Some(*key) != self.own()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_mark_is_where_the_proxy_answers() {
        assert_eq!(ADDRESS, format!("https://{TRUST_HOST}{TRUST_PATH}"));
    }

    #[test]
    fn a_visitor_finds_the_steps_for_their_own_system_first() {
        for (user_agent, own, first) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:153.0) Gecko/20100101 Firefox/153.0",
                "windows",
                "/certificate/authority.crt",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15",
                "macos",
                "/certificate/authority.crt",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
                "ios",
                "/certificate/authority.mobileconfig",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/156.0.0.0 Mobile Safari/537.36",
                "android",
                "/certificate/authority.crt",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36", "debian", "/certificate/authority.pem"),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
                "firefox",
                "/certificate/authority.pem",
            ),
        ] {
            let root = || TrustedRoot { name: String::new(), until: Timestamp::UNIX_EPOCH, fingerprint: String::new() };
            let mut page = Certificate { roots: vec![root()], user_agent: user_agent.into() };
            let own = format!("system-{own}");
            let downloads = page.downloads();
            let wanted: Vec<_> = downloads.iter().filter(|it| it.is_own).map(|it| it.address.as_str()).collect();
            assert_eq!((page.own(), wanted), (Some(own.as_str()), vec![first]), "{user_agent}");
            assert_eq!(downloads.len(), 3);
            page.roots.push(root());
            let numbered: Vec<_> = page.downloads().into_iter().filter(|it| it.number.is_some()).collect();
            let numbered: Vec<_> =
                numbered.iter().filter_map(|it| it.address.strip_prefix("/certificate/authority.")).collect();
            assert_eq!(numbered, ["crt", "crt?number=2", "pem?number=1", "pem?number=2"]);
            assert_eq!(page.others().len(), SYSTEMS.len() - 1);
        }
    }
}
