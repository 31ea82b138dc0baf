//! The pages of tokens and terminals: the list, a new token, the question whether a terminal is the person's own, and
//! the text for a tool.

use askama::Template;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::page::html::{Extras, Forms};
use crate::page::terminal::{Curl, authority_hint};
use crate::page::{Brand, COPY, Locale, Nav, page};
use crate::secret::Secret;

/// A person's tokens and terminals, and the form that makes a token.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The account, as access records show it.
    pub account: String,
    /// The tokens and terminals.
    pub items: Vec<TokenItem>,
    /// A notice at the top of the page.
    pub note: Option<TokensNote>,
    /// What was typed into the form.
    pub draft: TokenDraft,
    /// Everything that is wrong with what was typed.
    pub mistakes: Vec<TokenMistake>,
    /// The lifetimes that the form offers, in days.
    pub lifetimes: Vec<i64>,
    /// The person's client address.
    pub client: String,
    /// The network that the client address belongs to.
    pub network: String,
    /// How a terminal's curl reaches the portal.
    pub curl: Curl,
    /// The most tokens that a person may have.
    pub most: usize,
    /// The other pages.
    pub nav: Nav,
    /// The token that shows that a form came from this page.
    pub csrf: String,
}

page!(Tokens, "tokens.html", |_| Forms::Own, Extras { script: Some(COPY), sheet: None });

/// One token or terminal.
#[derive(Clone, Debug)]
pub struct TokenItem {
    /// The name that the person gave it.
    pub name: String,
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// When it was made.
    pub made: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When and where it was last used.
    pub last_use: Option<(Timestamp, String)>,
    /// The networks where it works; empty for everywhere.
    pub networks: String,
    /// The destinations that it works for; empty for all.
    pub destinations: String,
    /// The value that the button sends to revoke it.
    pub end: String,
}

/// What was typed for a new token.
#[derive(Clone, Debug, Default)]
pub struct TokenDraft {
    /// Its name.
    pub name: String,
    /// The networks where it works.
    pub networks: String,
    /// The destinations that it works for.
    pub destinations: String,
    /// Its lifetime, in days.
    pub days: i64,
}

/// What is wrong with what was typed for a new token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenMistake {
    /// It has no name.
    NoName,
    /// This entry is not a network.
    Network(String),
    /// There are too many networks.
    TooManyNetworks,
    /// This entry is not a destination.
    Destination(String),
    /// There are too many destinations.
    TooManyDestinations,
    /// The person has as many tokens as are allowed.
    Full,
}

impl Tokens {
    fn authority_hint(&self, t: &Locale) -> String {
        authority_hint(t, &self.curl.portal)
    }

    fn mistake_at(&self, field: &str, t: &Locale) -> Option<String> {
        self.mistakes.iter().find(|mistake| mistake.field() == field).map(|mistake| match mistake {
            TokenMistake::NoName => t.say("token-mistake-name"),
            TokenMistake::Network(entry) => t.with("token-mistake-network", "entry", entry),
            TokenMistake::Destination(entry) => t.with("token-mistake-destination", "entry", entry),
            TokenMistake::TooManyNetworks | TokenMistake::TooManyDestinations => t.say("token-mistake-many"),
            TokenMistake::Full => t.count("token-mistake-full", "most", self.most),
        })
    }

    /// Whether the page puts the cursor into this field: the first one with a mistake.
    fn begins_at(&self, field: &str) -> bool {
        ["name", "networks", "destinations"].into_iter().find(|at| self.is_wrong(at)) == Some(field)
    }

    fn is_wrong(&self, field: &str) -> bool {
        self.mistakes.iter().any(|mistake| mistake.field() == field)
    }

    fn days(&self, days: &i64, t: &Locale) -> String {
        t.count("token-days", "days", usize::try_from(*days).unwrap_or_default())
    }

    /// Whether the fields that restrict a token are shown open.
    fn is_narrow(&self) -> bool {
        !self.draft.networks.is_empty() || !self.draft.destinations.is_empty()
    }

    fn script(&self) -> &'static str {
        COPY
    }
}

impl TokenMistake {
    /// The field that the mistake is shown at; `form` if it concerns none.
    fn field(&self) -> &'static str {
        match self {
            Self::NoName => "name",
            Self::Network(_) | Self::TooManyNetworks => "networks",
            Self::Destination(_) | Self::TooManyDestinations => "destinations",
            Self::Full => "form",
        }
    }
}

/// A notice on the page of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokensNote {
    /// A token or terminal was revoked.
    Revoked,
    /// A terminal was approved.
    Approved,
    /// A terminal was refused.
    Refused,
    /// No terminal asks with the code in the address.
    NoTerminal,
    /// The new token has already been shown, and is not shown again.
    Shown,
}

impl TokensNote {
    fn key(self) -> &'static str {
        match self {
            Self::Revoked => "tokens-note-revoked",
            Self::Approved => "terminal-decided-approved",
            Self::Refused => "terminal-decided-refused",
            Self::NoTerminal => "tokens-note-no-terminal",
            Self::Shown => "tokens-note-shown",
        }
    }

    fn is_warning(self) -> bool {
        self == Self::NoTerminal
    }
}

/// A new token. The page is shown once.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The name that the person gave it.
    pub name: String,
    /// The token.
    pub token: Secret,
    /// When it ends.
    pub expires: Timestamp,
    /// Where tools reach the proxy: `http://host:port` or `https://host:port`.
    pub proxy: String,
    /// The other pages.
    pub nav: Nav,
}

page!(NewToken, "new_token.html", |_| Forms::None, Extras { script: Some(COPY), sheet: None });

impl NewToken {
    fn script(&self) -> &'static str {
        COPY
    }

    /// The lines to copy, for each tool.
    fn lines(&self) -> Vec<(&'static str, Vec<String>)> {
        let (url, token, proxy) = (with_token(&self.proxy, &self.token), self.token.expose(), &self.proxy);
        let url = url.expose();
        let (host, port) = proxy.rsplit_once(':').unwrap_or((proxy, ""));
        let host = host.split_once("://").map_or(host, |(_, host)| host);
        vec![
            (
                "token-for-shell",
                vec![format!("export http_proxy={url} https_proxy={url} HTTP_PROXY={url} HTTPS_PROXY={url}")],
            ),
            ("token-for-curl", vec![format!("curl --proxy {proxy} --proxy-user token:{token} https://example.com/")]),
            ("token-for-wget", vec![format!("wget -e https_proxy={url} https://example.com/")]),
            ("token-for-git", vec![format!("git config --global http.proxy {url}")]),
            ("token-for-pip", vec![format!("pip config set global.proxy {url}")]),
            ("token-for-npm", vec![format!("npm config set proxy {url}"), format!("npm config set https-proxy {url}")]),
            (
                "token-for-apt",
                vec![format!("Acquire::http::Proxy \"{url}\";"), format!("Acquire::https::Proxy \"{url}\";")],
            ),
            (
                "token-for-docker",
                vec![format!(
                    "{{ \"proxies\": {{ \"default\": {{ \"httpProxy\": \"{url}\", \"httpsProxy\": \"{url}\" }} }} }}"
                )],
            ),
            ("token-for-powershell", vec![format!("$env:HTTP_PROXY = $env:HTTPS_PROXY = \"{url}\"")]),
            ("token-for-other", vec![host.to_owned(), port.to_owned(), "token".to_owned(), token.to_owned()]),
        ]
    }
}

/// The URL of a proxy, with a token as its user information.
pub fn with_token(proxy: &str, token: &Secret) -> Secret {
    let (scheme, place) = proxy.split_once("://").unwrap_or(("http", proxy));
    Secret::new(format!("{scheme}://token:{}@{place}", token.expose()))
}

/// The question whether a terminal that asks is the person's own.
#[derive(Clone, Debug)]
pub struct TerminalAsks {
    /// The code that the terminal shows.
    pub code: String,
    /// The terminal's client address.
    pub client: String,
    /// Whether the browser has another client address.
    pub is_elsewhere: bool,
    /// The `User-Agent` of the tool.
    pub user_agent: String,
    /// When it asked.
    pub asked: Timestamp,
    /// When its sign-in would expire.
    pub until: Timestamp,
    /// The account that it would be signed in with.
    pub account: String,
    /// The token that shows that the form came from this page.
    pub csrf: String,
}

page!(TerminalAsks, "terminal_asks.html", |_| Forms::Own);

/// The text for a tool that has no valid token: plain text.
#[derive(Clone, Debug)]
pub struct TokenText {
    /// What is wrong with the tool's token; `None` if it sent none.
    pub wrong: Option<WrongToken>,
    /// How the terminal that the tool runs in can be signed in.
    pub terminal: Option<TerminalHint>,
    /// The destination.
    pub place: Option<String>,
    /// The portal's address.
    pub portal: String,
    /// How a terminal's curl reaches the portal.
    pub curl: Curl,
    /// The request ID, for the help desk.
    pub request_id: String,
}

/// How a terminal can be signed in.
#[derive(Clone, Debug)]
pub struct TerminalHint {
    /// The address to open in a browser.
    pub address: String,
    /// The code to compare there.
    pub code: String,
    /// The code that only the terminal knows.
    pub device_code: Secret,
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongToken {
    /// No such token exists.
    Unknown,
    /// It has expired.
    Expired,
    /// It has been revoked.
    Revoked,
    /// It belongs to another person than the user name beside it says.
    Person,
    /// It does not work on this network.
    Network,
    /// It does not work for this destination.
    Destination,
    /// The client has sent too many wrong tokens.
    TooMany,
    /// It cannot be looked up: the session store does not answer.
    Away,
}

impl WrongToken {
    fn key(self) -> &'static str {
        match self {
            Self::Unknown => "tool-token-unknown",
            Self::Expired => "tool-token-expired",
            Self::Revoked => "tool-token-revoked",
            Self::Person => "tool-token-person",
            Self::Network => "tool-token-network",
            Self::Destination => "tool-token-destination",
            Self::TooMany => "tool-token-too-many",
            Self::Away => "tool-token-away",
        }
    }
}

#[derive(Template)]
#[template(path = "token.txt", config = "src/page/askama.toml", whitespace = "preserve")]
struct TokenView<'a> {
    page: &'a TokenText,
    brand: &'a Brand,
    t: &'a Locale,
}

impl TokenText {
    fn proxy_with_token(&self) -> String {
        with_token(&self.curl.proxy, &Secret::new("vst_...".to_owned())).expose().to_owned()
    }

    fn authority_hint(&self, locale: &Locale) -> Option<String> {
        self.curl.needs_authority().then(|| authority_hint(locale, &self.portal))
    }

    /// The text in the language of `locale`.
    pub fn render(&self, brand: &Brand, locale: &Locale) -> String {
        TokenView { page: self, brand, t: locale }.render().unwrap_or_default()
    }
}
