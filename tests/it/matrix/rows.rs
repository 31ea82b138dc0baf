//! The rows of the table.

use super::Sort;

/// One kind of request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) method: &'static str,
    pub(super) host: &'static str,
    pub(super) target: &'static str,
    /// What tells the kind: lines of a head.
    pub(super) fields: &'static [(&'static str, &'static str)],
    pub(super) body: &'static str,
    /// By which transports it can come.
    pub(super) by: By,
    kind: Kind,
}

/// By which transports a request can come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum By {
    Any,
    /// Browsers send such fields over https only, or a proxy knows no such request over http.
    Https,
    /// The host is known for http only.
    Http,
    /// HTTP/2 has another way of doing it.
    Http1,
}

/// What would become of the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Navigation,
    Form,
    Preflight,
    Probe,
    SubResource,
    Tool,
    Garden,
    /// To a blocked destination, and what is said there.
    Blocked(Said),
    Reserved,
    Arrival,
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Said {
    /// The origin's own answer.
    Origin,
    /// The way to the portal.
    Portal(u16),
    /// A problem document that names the portal.
    Problem,
    /// A text that names the portal.
    Text,
    /// A page, a problem document or a text that names the rule.
    DeniedPage,
    DeniedProblem,
    DeniedText,
    /// The path is ours.
    Reserved,
    /// A ticket that nobody knows leads to the site's front page.
    Arrival,
}

const CHROMIUM: (&str, &str) = ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36");
const UPGRADE: (&str, &str) = ("Upgrade-Insecure-Requests", "1");
const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const ANY: (&str, &str) = ("Accept", "*/*");
const CURL: (&str, &str) = ("User-Agent", "curl/7.88.1");

const fn row(
    name: &'static str,
    method: &'static str,
    target: &'static str,
    fields: &'static [(&'static str, &'static str)],
    by: By,
    kind: Kind,
) -> Row {
    let (host, body) =
        ("news.test", if method.len() == 4 && matches!(method.as_bytes(), b"POST") { "a=1" } else { "" });
    Row { name, method, host, target, fields, body, by, kind }
}

const fn at(host: &'static str, row: Row) -> Row {
    Row { host, ..row }
}

pub(super) const ROWS: &[Row] = &[
    row("navigation", "GET", "/a?b=c", &[CHROMIUM, UPGRADE, HTML], By::Any, Kind::Navigation),
    row("navigation that only says what it accepts", "GET", "/a", &[CHROMIUM, HTML], By::Any, Kind::Navigation),
    row("navigation by HEAD", "HEAD", "/a", &[CHROMIUM, UPGRADE], By::Any, Kind::Navigation),
    row(
        "https navigation",
        "GET",
        "/a?b=c",
        &[CHROMIUM, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")],
        By::Https,
        Kind::Navigation,
    ),
    row(
        "navigation that a service worker passes on",
        "GET",
        "/a",
        &[CHROMIUM, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "empty")],
        By::Https,
        Kind::Navigation,
    ),
    row(
        "frame",
        "GET",
        "/f",
        &[CHROMIUM, UPGRADE, HTML, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")],
        By::Https,
        Kind::SubResource,
    ),
    row(
        "form in a frame",
        "POST",
        "/f",
        &[CHROMIUM, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")],
        By::Https,
        Kind::SubResource,
    ),
    row(
        "embedded document",
        "GET",
        "/f",
        &[CHROMIUM, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "embed")],
        By::Https,
        Kind::SubResource,
    ),
    row("form", "POST", "/order", &[CHROMIUM, UPGRADE, HTML], By::Any, Kind::Form),
    row("https form", "POST", "/order", &[CHROMIUM, ("Sec-Fetch-Mode", "navigate")], By::Https, Kind::Form),
    row(
        "preflight",
        "OPTIONS",
        "/api",
        &[CHROMIUM, ("Origin", "http://other.test"), ("Access-Control-Request-Method", "PUT")],
        By::Any,
        Kind::Preflight,
    ),
    row("OPTIONS that is none", "OPTIONS", "/api", &[CHROMIUM, ANY], By::Any, Kind::SubResource),
    row("XHR", "GET", "/api", &[CHROMIUM, HTML, ("X-Requested-With", "XMLHttpRequest")], By::Any, Kind::SubResource),
    row("fetch", "POST", "/api", &[CHROMIUM, ANY, ("Origin", "http://other.test")], By::Any, Kind::SubResource),
    row("https fetch", "GET", "/api", &[CHROMIUM, HTML, ("Sec-Fetch-Mode", "cors")], By::Https, Kind::SubResource),
    row("image", "GET", "/i.png", &[CHROMIUM, ("Accept", "image/avif,image/*")], By::Any, Kind::SubResource),
    row(
        "https image",
        "GET",
        "/i.png",
        &[CHROMIUM, ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")],
        By::Https,
        Kind::SubResource,
    ),
    row("script", "GET", "/s.js", &[CHROMIUM, ANY], By::Any, Kind::SubResource),
    row(
        "worker",
        "GET",
        "/w.js",
        &[CHROMIUM, ("Sec-Fetch-Mode", "same-origin"), ("Sec-Fetch-Dest", "worker")],
        By::Https,
        Kind::SubResource,
    ),
    row(
        "service worker",
        "GET",
        "/sw.js",
        &[
            CHROMIUM,
            ("Service-Worker", "script"),
            ("Sec-Fetch-Mode", "same-origin"),
            ("Sec-Fetch-Dest", "serviceworker"),
        ],
        By::Https,
        Kind::SubResource,
    ),
    row(
        "WebSocket",
        "GET",
        "/ws",
        &[CHROMIUM, ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")],
        By::Http1,
        Kind::SubResource,
    ),
    row(
        "background traffic",
        "POST",
        "/report",
        &[CHROMIUM, ("Content-Type", "text/ping")],
        By::Any,
        Kind::SubResource,
    ),
    row("tool", "GET", "/t", &[CURL, ANY], By::Any, Kind::Tool),
    row("tool that says nothing", "GET", "/t", &[], By::Any, Kind::Tool),
    row("tool that takes HTML, too", "GET", "/t", &[("User-Agent", "Java/17.0.15"), HTML], By::Any, Kind::Tool),
    row(
        "tool that offers an upgrade",
        "GET",
        "/t",
        &[("User-Agent", "Apache-HttpClient/5.4"), ("Connection", "Upgrade"), ("Upgrade", "TLS/1.2")],
        By::Http1,
        Kind::Tool,
    ),
    row(
        "tool that says that it is a script",
        "GET",
        "/t",
        &[CURL, ("X-Requested-With", "XMLHttpRequest")],
        By::Any,
        Kind::Tool,
    ),
    row("tool that writes", "DELETE", "/t", &[("User-Agent", "git/2.39")], By::Any, Kind::Tool),
    at("connectivitycheck.gstatic.com", row("probe", "GET", "/generate_204", &[CHROMIUM], By::Http, Kind::Probe)),
    at("mail.test", row("walled garden", "GET", "/g", &[CHROMIUM, UPGRADE], By::Any, Kind::Garden)),
    at("mail.test", row("walled garden by a tool", "GET", "/g", &[CURL], By::Any, Kind::Garden)),
    at(
        "shop.test",
        row("blocked page", "GET", "/b", &[CHROMIUM, UPGRADE, HTML], By::Any, Kind::Blocked(Said::DeniedPage)),
    ),
    at("shop.test", row("blocked form", "POST", "/b", &[CHROMIUM, UPGRADE], By::Any, Kind::Blocked(Said::DeniedPage))),
    at(
        "shop.test",
        row(
            "blocked image",
            "GET",
            "/b",
            &[CHROMIUM, ("Accept", "image/*")],
            By::Any,
            Kind::Blocked(Said::DeniedProblem),
        ),
    ),
    at("shop.test", row("blocked tool", "GET", "/b", &[CURL], By::Any, Kind::Blocked(Said::DeniedText))),
    row("reserved path", "GET", "/.well-known/vestibule/x", &[CHROMIUM, UPGRADE], By::Any, Kind::Reserved),
    row(
        "ticket by POST",
        "POST",
        "/.well-known/vestibule/arrive?ticket=x",
        &[CHROMIUM, UPGRADE],
        By::Any,
        Kind::Reserved,
    ),
    row("forged ticket", "GET", "/.well-known/vestibule/arrive?ticket=x", &[CHROMIUM, UPGRADE], By::Any, Kind::Arrival),
];

impl Row {
    /// What is answered to somebody on such a network.
    pub(super) fn said(&self, sort: Sort) -> Said {
        match (self.kind, sort) {
            (Kind::Reserved, _) => Said::Reserved,
            (Kind::Arrival, _) => Said::Arrival,
            (Kind::Blocked(said), _) => said,
            (Kind::Garden | Kind::Preflight, _) | (_, Sort::Open | Sort::Known) => Said::Origin,
            (Kind::Navigation | Kind::Probe, _) => Said::Portal(302),
            (Kind::Form, _) => Said::Portal(303),
            (Kind::SubResource | Kind::Tool, Sort::Lenient) => Said::Origin,
            (Kind::SubResource, Sort::Required) => Said::Problem,
            (Kind::Tool, Sort::Required) => Said::Text,
        }
    }

    /// The status of this answer.
    pub(super) fn status(&self, said: Said) -> u16 {
        if said == Said::Origin && self.kind == Kind::Probe { 204 } else { said.status() }
    }

    /// The rule that lets it through.
    pub(super) fn rule(&self) -> &'static str {
        if self.is_garden() { "walled-garden" } else { "default" }
    }

    pub(super) fn is_blocked(&self) -> bool {
        matches!(self.kind, Kind::Blocked(_))
    }

    pub(super) fn is_garden(&self) -> bool {
        self.kind == Kind::Garden
    }

    /// Whether it never gets as far as asking who it is.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Reserved | Kind::Arrival)
    }

    /// The target without its query, as records have it.
    pub(super) fn path(&self) -> &'static str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl Said {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Origin => 200,
            Self::Portal(status) => status,
            Self::Arrival => 302,
            Self::Problem | Self::Text => 511,
            Self::DeniedPage | Self::DeniedProblem | Self::DeniedText => 403,
            Self::Reserved => 400,
        }
    }

    pub(super) fn error_type(self) -> Option<&'static str> {
        match self {
            Self::Origin | Self::Portal(_) | Self::Arrival => None,
            Self::Reserved => Some("http_request_error"),
            _ => Some("http_request_denied"),
        }
    }

    pub(super) fn content_type(self) -> Option<&'static str> {
        match self {
            Self::Problem | Self::DeniedProblem => Some("application/problem+json"),
            Self::Text | Self::DeniedText => Some("text/plain; charset=utf-8"),
            Self::DeniedPage | Self::Reserved => Some("text/html; charset=utf-8"),
            Self::Origin | Self::Portal(_) | Self::Arrival => None,
        }
    }

    /// Decision, rule and reason of the record.
    pub(super) fn record(self) -> (&'static str, Option<&'static str>, Option<&'static str>) {
        match self {
            Self::Origin => ("permitted", None, None),
            Self::Portal(_) => ("challenged", None, None),
            Self::Problem | Self::Text => ("denied", Some("unidentified"), self.error_type()),
            Self::DeniedPage | Self::DeniedProblem | Self::DeniedText => {
                ("denied", Some("blocked-list"), self.error_type())
            }
            Self::Reserved => ("rejected", None, self.error_type()),
            Self::Arrival => ("local", None, Some("ticket-unknown")),
        }
    }
}

/// One kind of CONNECT.
#[derive(Debug)]
pub(super) struct Connect {
    pub(super) name: &'static str,
    pub(super) authority: &'static str,
    pub(super) agent: &'static str,
    /// The Proxy Error Type, where it is another one than that of a refusal by rule.
    pub(super) error: Option<&'static str>,
    way: Way,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    /// As anybody must sign in.
    SignIn,
    Garden,
    Blocked,
    /// Nobody may go there.
    Never,
    Portal,
}

/// What becomes of a CONNECT.
#[derive(Clone, Copy, Debug)]
pub(super) enum Becomes {
    Tunnel,
    Interception,
    Refusal,
    /// The portal itself is at its end.
    Portal,
}

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36";

const fn connect(name: &'static str, authority: &'static str, agent: &'static str, way: Way) -> Connect {
    Connect { name, authority, agent, error: None, way }
}

pub(super) const CONNECTS: &[Connect] = &[
    connect("CONNECT of a browser", "news.test:443", BROWSER, Way::SignIn),
    connect("CONNECT of a tool", "news.test:443", "curl/7.88.1", Way::SignIn),
    connect("CONNECT for a WebSocket", "news.test:80", BROWSER, Way::SignIn),
    connect("CONNECT to the walled garden", "mail.test:443", BROWSER, Way::Garden),
    connect("CONNECT to a blocked site", "shop.test:443", BROWSER, Way::Blocked),
    connect("CONNECT of a tool to a blocked site", "shop.test:443", "git/2.39", Way::Blocked),
    connect("CONNECT to a port for mail", "news.test:25", BROWSER, Way::Never),
    Connect {
        error: Some("destination_ip_prohibited"),
        ..connect("CONNECT to a private address", "10.0.0.1:443", BROWSER, Way::Never)
    },
    connect("CONNECT to the portal", "portal.vestibule.test:443", BROWSER, Way::Portal),
];

impl Connect {
    /// What becomes of it on such a network.
    pub(super) fn expected(&self, sort: Sort) -> Becomes {
        let is_browser = self.agent.starts_with("Mozilla/");
        match (self.way, sort) {
            (Way::Portal, _) => Becomes::Portal,
            (Way::Garden, _) | (Way::SignIn, Sort::Open | Sort::Known) => Becomes::Tunnel,
            (Way::SignIn, Sort::Lenient) if !is_browser => Becomes::Tunnel,
            // Inside, a browser shows the page that says why.
            (Way::Blocked, _) if is_browser => Becomes::Interception,
            (Way::SignIn, _) => Becomes::Interception,
            (Way::Blocked | Way::Never, _) => Becomes::Refusal,
        }
    }
}

impl Becomes {
    pub(super) fn status(self) -> u16 {
        if matches!(self, Self::Refusal) { 403 } else { 200 }
    }

    pub(super) fn decision(self) -> &'static str {
        match self {
            Self::Tunnel => "permitted",
            Self::Interception => "challenged",
            Self::Refusal => "denied",
            Self::Portal => "local",
        }
    }
}
