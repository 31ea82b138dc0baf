//! Tells the kind of a request: who would see the answer, and what they could do with it.
//!
//! On http, browsers send no Sec-Fetch fields (measured in Chromium and Firefox). There, a request is a navigation if
//! the browser marks it by `Upgrade-Insecure-Requests`, or if it prefers HTML and its sender calls itself a browser. On
//! https, `Sec-Fetch-Dest: document` is not required, because a navigation that a service worker forwards has an empty
//! one. Frames do not count as navigations, because the portal refuses to be framed, and would leave them blank.

use http::Method;

use super::h1::{Fields, RequestHead};
use super::probe::{self, Probes};
use super::{Destination, Scheme};

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// A person opens a page: they can be sent to the portal.
    Navigation,
    /// A person sends a form: they can be sent to the portal, but the content of the form is lost.
    FormNavigation,
    /// A CORS preflight: by definition it carries no credentials, and it cannot be redirected.
    Preflight,
    /// A browser or system tests whether there is a captive portal.
    Probe,
    /// A page's script, image, frame, socket or background traffic: nobody would see a page in the answer.
    SubResource,
    /// A program that is not a browser. A person at a terminal may read the answer.
    Tool,
}

/// The kind of this request.
pub fn classify(request: &RequestHead, destination: &Destination, probes: &Probes) -> RequestKind {
    let fields = &request.fields;
    let reads = request.method == Method::GET || request.method == Method::HEAD;
    if request.method == Method::OPTIONS
        && fields.contains("origin")
        && fields.contains("access-control-request-method")
    {
        return RequestKind::Preflight;
    }
    if reads && is_probe(request, destination, probes) {
        return RequestKind::Probe;
    }
    if is_navigation(fields) {
        return if reads { RequestKind::Navigation } else { RequestKind::FormNavigation };
    }
    if is_browser(fields) { RequestKind::SubResource } else { RequestKind::Tool }
}

/// Whether a browser or system tests for a captive portal: at a known address, or at one that looks like such. A page
/// that requests such an address sends a Referer or an Origin, and a system does not.
fn is_probe(request: &RequestHead, destination: &Destination, probes: &Probes) -> bool {
    let (fields, path) = (&request.fields, request.target.path());
    if probes.has(destination, path) {
        return true;
    }
    let is_asked_by_a_page = fields.contains("referer") || fields.contains("origin");
    destination.scheme == Scheme::Http
        && !is_asked_by_a_page
        && (probe::is_path(path) || fields.text("user-agent").is_some_and(probe::is_user_agent))
}

/// Whether the client calls itself a browser. For a CONNECT nothing else is known. It decides only about the form of an
/// answer.
///
/// Libraries that work like a browser's `fetch` (undici) send `Sec-Fetch-Mode`, too, but not the `User-Agent` of a
/// browser. Browsers also send `Sec-Fetch-Dest`.
pub fn is_browser(fields: &Fields) -> bool {
    let is_named = match fields.text("user-agent") {
        Some(agent) => NAMES.iter().any(|name| agent.starts_with(name)) && !agent.contains("PowerShell/"),
        None => fields.contains("sec-fetch-mode"),
    };
    is_named || fields.contains("sec-fetch-dest")
}

/// How the `User-Agent` of browsers begins.
const NAMES: [&str; 2] = ["Mozilla/", "Opera/"];

/// How the `User-Agent` of text browsers begins, whose users can read the portal. They run no scripts, so their
/// requests that do not prefer HTML are treated like a tool's.
const TEXT_BROWSERS: [&str; 8] = ["Lynx/", "w3m/", "Links ", "ELinks/", "Links/", "NetSurf/", "Dillo/", "edbrowse/"];

/// Whether the client may be a browser although it does not call itself one: on Apple's systems, one process opens the
/// connections of all others. It must not get 407, because the system would then show people a dialogue that asks for a
/// password.
pub fn may_be_browser(fields: &Fields) -> bool {
    let marks = ["CFNetwork/", "com.apple.WebKit"];
    is_browser(fields) || fields.text("user-agent").is_some_and(|agent| marks.iter().any(|mark| agent.contains(mark)))
}

/// Destinations that browsers fetch in the mode `navigate`, although they are parts of a page (Fetch §3.4, Fenced
/// Frame).
const FRAMES: [&str; 5] = ["iframe", "frame", "embed", "object", "fencedframe"];

/// Whether a person would see the answer as a page.
pub fn is_navigation(fields: &Fields) -> bool {
    // Android's web views send their application's name in `X-Requested-With` with every request, so only the value of
    // scripts counts.
    let by_script = fields.text("x-requested-with").is_some_and(|by| by.eq_ignore_ascii_case("XMLHttpRequest"));
    if by_script || fields.items("upgrade").any(|protocol| protocol.eq_ignore_ascii_case(b"websocket")) {
        return false;
    }
    match fields.text("sec-fetch-mode") {
        Some(mode) => mode == "navigate" && !fields.text("sec-fetch-dest").is_some_and(|dest| FRAMES.contains(&dest)),
        None => {
            fields.text("upgrade-insecure-requests") == Some("1")
                || (fields.text("accept").is_some_and(prefers_html) && (is_browser(fields) || is_text_browser(fields)))
        }
    }
}

fn is_text_browser(fields: &Fields) -> bool {
    let agent = fields.text("user-agent");
    agent.is_some_and(|agent| TEXT_BROWSERS.iter().any(|name| agent.starts_with(name)))
}

/// Whether an Accept field prefers HTML (RFC 9110 §12.5.1): its first type is HTML, without a weight or with the
/// highest.
fn prefers_html(accept: &str) -> bool {
    let mut parts = accept.split(',').next().unwrap_or_default().split(';').map(str::trim);
    let wanted = parts.next().unwrap_or_default();
    let is_html = ["text/html", "application/xhtml+xml"].iter().any(|html| wanted.eq_ignore_ascii_case(html));
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    is_html && weight.is_none_or(|weight| weight.trim_end_matches(['0', '.']) == "1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Probe;

    type Field = (&'static str, &'static str);

    const CHROMIUM: Field = (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    );
    const FIREFOX: Field = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0");
    const SAFARI: Field = (
        "user-agent",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15",
    );
    const EXPLORER: Field = ("user-agent", "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko");
    const HTML: Field =
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8");
    const ANY: Field = ("accept", "*/*");
    const UPGRADE: Field = ("upgrade-insecure-requests", "1");

    fn kind(method: &str, url: &str, fields: &[Field]) -> RequestKind {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("{method} {url} HTTP/1.1\r\n{fields}\r\n");
        let request = RequestHead::parse(&head.into(), 9).unwrap();
        let scheme = if url.starts_with("https") { Scheme::Https } else { Scheme::Http };
        let destination = Destination::of_authority(scheme, request.target.authority().unwrap()).unwrap();
        classify(&request, &destination, &Probe::known().into())
    }

    #[test]
    fn people_on_the_way_to_a_page_over_http_are_told_from_everything_else() {
        let navigations: &[&[Field]] = &[
            &[CHROMIUM, UPGRADE, HTML],
            &[FIREFOX, HTML, UPGRADE],
            &[SAFARI, UPGRADE, HTML],
            &[EXPLORER, ("accept", "text/html, application/xhtml+xml, */*")],
            &[
                ("user-agent", "Mozilla/5.0 (compatible; Konqueror/5.0; Linux)"),
                ("accept", "text/html, text/*;q=0.9, */*;q=0.5"),
            ],
            &[
                ("user-agent", "Opera/9.80 (X11; Linux x86_64) Presto/2.12.388 Version/12.16"),
                ("accept", "text/html, application/xml;q=0.9, */*;q=0.1"),
            ],
            // Web views of Android name their application, whatever they ask for.
            &[
                ("user-agent", "Mozilla/5.0 (Linux; Android 16; wv) Chrome/140 Mobile"),
                UPGRADE,
                HTML,
                ("x-requested-with", "com.example.mail"),
            ],
            // Text browsers.
            &[
                ("user-agent", "w3m/0.5.3+git20230121"),
                ("accept", "text/html, text/*;q=0.5, image/*, application/*, audio/*, inode/*"),
            ],
            &[
                ("user-agent", "Lynx/2.9.0dev.12 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.7.8"),
                ("accept", "text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01"),
            ],
            &[
                ("user-agent", "ELinks/0.13.2 (textmode; Linux 6.1 x86_64; 80x24-2)"),
                ("accept", "text/html, */*;q=0.1"),
            ],
            &[("user-agent", "curl/8.5.0"), UPGRADE],
        ];
        for fields in navigations {
            assert_eq!(kind("GET", "http://a.test/", fields), RequestKind::Navigation, "{fields:?}");
            assert_eq!(kind("HEAD", "http://a.test/", fields), RequestKind::Navigation, "{fields:?}");
            assert_eq!(kind("POST", "http://a.test/", fields), RequestKind::FormNavigation, "{fields:?}");
        }
        let parts: &[&[Field]] = &[
            &[CHROMIUM, ("accept", "image/avif,image/webp,image/apng,*/*;q=0.8")],
            &[FIREFOX, ANY],
            &[SAFARI, ("accept", "text/css,*/*;q=0.1")],
            &[EXPLORER, ANY],
            // A script that takes a page apart, and one that would rather have something else.
            &[CHROMIUM, ("accept", "text/html, */*; q=0.01"), ("x-requested-with", "XMLHttpRequest")],
            &[CHROMIUM, ("accept", "application/json, text/html;q=0.5")],
            &[CHROMIUM, ("accept", "text/html;q=0.1, application/json")],
            &[CHROMIUM, ("connection", "Upgrade"), ("upgrade", "websocket"), HTML, UPGRADE],
        ];
        for fields in parts {
            assert_eq!(kind("GET", "http://a.test/x", fields), RequestKind::SubResource, "{fields:?}");
        }
    }

    #[test]
    fn tools_are_tools_whatever_they_accept_or_offer() {
        let tools: &[&[Field]] = &[
            &[],
            &[("user-agent", "curl/8.5.0"), ANY],
            &[("user-agent", "curl/8.5.0"), ("accept", "text/html")],
            &[
                ("user-agent", "curl/8.5.0"),
                ANY,
                ("connection", "Upgrade, HTTP2-Settings"),
                ("upgrade", "h2c"),
                ("http2-settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
            ],
            &[("user-agent", "Wget/1.21.3"), ANY, ("accept-encoding", "identity")],
            &[("user-agent", "Java/17.0.15"), ("accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2")],
            &[("user-agent", "Java/1.8.0_402"), ("accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2")],
            &[
                ("user-agent", "pip/24.0"),
                (
                    "accept",
                    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
                ),
            ],
            &[("user-agent", "Apache-HttpClient/5.4 (Java/17)"), ("connection", "Upgrade"), ("upgrade", "TLS/1.2")],
            &[
                ("user-agent", "newsboat/2.30 (Linux x86_64)"),
                ("accept", "application/rss+xml,application/atom+xml,text/html;q=0.9,*/*;q=0.1"),
            ],
            &[
                ("user-agent", "FreshRSS/1.24.0 (Linux; https://freshrss.org)"),
                ("accept", "text/html,application/rss+xml;q=0.9"),
            ],
            &[("user-agent", "Liferea/1.14.1 (Linux; https://lzone.de/liferea/)"), HTML],
            &[("user-agent", "Go-http-client/1.1"), ("accept-encoding", "gzip")],
            &[("user-agent", "python-requests/2.31.0"), ANY],
            &[("user-agent", "Debian APT-HTTP/1.3 (2.6.1)")],
            &[("user-agent", "git/2.39.2"), ANY],
            // Node's fetch marks its requests as a browser does, in part.
            &[("user-agent", "node"), ANY, ("accept-language", "*"), ("sec-fetch-mode", "cors")],
            &[("user-agent", "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1")],
            &[
                ("user-agent", "Mozilla/5.0 (Linux; Debian GNU/Linux 12; en-US) PowerShell/7.4.1"),
                ("accept", "text/html"),
            ],
            &[("user-agent", "my-script"), ("x-requested-with", "XMLHttpRequest")],
            &[("user-agent", "Links (2.28; Linux 6.1 x86_64; GNU C 12.2; text)"), ANY],
        ];
        for fields in tools {
            for method in ["GET", "POST"] {
                assert_eq!(kind(method, "http://a.test/a.pom", fields), RequestKind::Tool, "{fields:?}");
            }
        }
        assert_eq!(kind("OPTIONS", "http://a.test/", &[]), RequestKind::Tool);
    }

    #[test]
    fn frames_are_parts_of_a_page_and_what_a_service_worker_answers_is_not() {
        let over_https = |mode: &'static str, dest: &'static str| {
            kind(
                "GET",
                "https://a.test/",
                &[CHROMIUM, HTML, UPGRADE, ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)],
            )
        };
        for dest in ["document", "empty", "something-new"] {
            assert_eq!(over_https("navigate", dest), RequestKind::Navigation, "{dest}");
        }
        for dest in ["iframe", "frame", "embed", "object", "fencedframe"] {
            assert_eq!(over_https("navigate", dest), RequestKind::SubResource, "{dest}");
        }
        assert_eq!(over_https("cors", "empty"), RequestKind::SubResource);
        assert_eq!(over_https("websocket", "websocket"), RequestKind::SubResource);
        let navigate = ("sec-fetch-mode", "navigate");
        assert_eq!(
            kind("GET", "https://a.test/", &[CHROMIUM, navigate]),
            RequestKind::Navigation,
            "without a destination"
        );
        assert_eq!(kind("POST", "https://a.test/", &[CHROMIUM, navigate]), RequestKind::FormNavigation);
        let frame = [CHROMIUM, navigate, ("sec-fetch-dest", "iframe")];
        assert_eq!(kind("POST", "https://a.test/", &frame), RequestKind::SubResource, "a form in a frame");
    }

    #[test]
    fn preflights_carry_nobody() {
        let asking = [("origin", "http://b.test"), ("access-control-request-method", "PUT")];
        assert_eq!(kind("OPTIONS", "http://a.test/", &asking), RequestKind::Preflight);
    }

    #[test]
    fn probes_are_known_by_list_and_by_shape() {
        let probes: &[(&str, &[Field])] = &[
            ("http://connectivitycheck.gstatic.com/generate_204", &[CHROMIUM]),
            ("http://networkcheck.kde.org/", &[]),
            // No list has these.
            ("http://captive.browser.test/generate_204", &[CHROMIUM]),
            ("http://wifi.vendor.test/a/gen_204", &[("user-agent", "Dalvik/2.1.0 (Linux; U; Android 16)")]),
            (
                "http://www.airport.test/library/test/success.html",
                &[("user-agent", "CaptiveNetworkSupport-481.100.4 wispr")],
            ),
            ("http://check.distribution.test/nm-check.txt", &[]),
            ("http://www.msft.test/", &[("user-agent", "Microsoft NCSI")]),
        ];
        for (url, fields) in probes {
            assert_eq!(kind("GET", url, fields), RequestKind::Probe, "{url}");
            assert_ne!(kind("POST", url, fields), RequestKind::Probe, "{url}");
        }
        let page = [CHROMIUM, ("referer", "http://video.test/watch")];
        assert_eq!(kind("GET", "http://video.test/generate_204", &page), RequestKind::SubResource, "a page's beacon");
        assert_eq!(kind("GET", "https://video.test/generate_204", &[CHROMIUM]), RequestKind::SubResource, "over https");
        assert_eq!(kind("GET", "http://connectivitycheck.gstatic.com/other", &[CHROMIUM]), RequestKind::SubResource);
    }
}
