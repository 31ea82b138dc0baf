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
    /// The authority's name.
    pub name: String,
    /// When its certificate expires.
    pub until: Timestamp,
    /// SHA-256 of the certificate, `AB:CD:…`.
    pub fingerprint: String,
    /// The browser, by its `User-Agent`.
    pub user_agent: String,
}

page!(Certificate, "certificate.html", |_| Forms::None, Extras { script: None, sheet: Some(ADDRESS) });

/// The systems, by the keys of their texts, and whether they take the PEM file.
const SYSTEMS: [(&str, bool); 7] = [
    ("system-windows", false),
    ("system-macos", false),
    ("system-ios", false),
    ("system-android", false),
    ("system-debian", true),
    ("system-fedora", true),
    ("system-firefox", true),
];

impl Certificate {
    /// The fingerprint in four parts, each short enough for a line of a phone.
    fn groups(&self) -> Vec<String> {
        let bytes: Vec<_> = self.fingerprint.split(':').collect();
        bytes.chunks(8).map(|group| group.join(":")).collect()
    }

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

    /// Whether the visitor's system takes the PEM file.
    fn wants_pem(&self) -> bool {
        SYSTEMS.iter().any(|(key, pem)| Some(*key) == self.own() && *pem)
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
        for (user_agent, own, pem) in [
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:153.0) Gecko/20100101 Firefox/153.0", "windows", false),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15", "macos", false),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "ios", false),
            ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/156.0.0.0 Mobile Safari/537.36", "android", false),
            ("Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36", "debian", true),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", "firefox", true),
        ] {
            let page = Certificate {
                name: String::new(),
                until: Timestamp::UNIX_EPOCH,
                fingerprint: String::new(),
                user_agent: user_agent.into(),
            };
            let own = format!("system-{own}");
            assert_eq!((page.own(), page.wants_pem()), (Some(own.as_str()), pem), "{user_agent}");
            assert_eq!(page.others().len(), SYSTEMS.len() - 1);
        }
    }
}
