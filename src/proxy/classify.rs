//! What kind of request it is: who would see the answer, and what they could do with it.
//!
//! There is no Sec-Fetch on http (measured in Chromium and Firefox), so http navigations are told by
//! `Upgrade-Insecure-Requests` and by Accept. `Sec-Fetch-Dest` is not asked for: a navigation that a service worker
//! answers arrives with an empty one.

use http::Method;

use crate::observe::Unidentified;
use crate::wire::h1::{Fields, RequestHead};
use crate::wire::{Destination, Probe};

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A person goes to a page: they can be sent to the portal.
    Navigation,
    /// A person sends a form: they can be sent to the portal, but the form is not sent on.
    FormNavigation,
    /// A CORS preflight: it carries no credentials by definition, and cannot be redirected.
    Preflight,
    /// A browser or system asks whether there is a captive portal.
    Probe,
    /// A page's script, image, frame content, socket or background traffic: nobody sees a page in its answer.
    SubResource,
    /// No browser: a person at a terminal may read the answer.
    Tool,
}

impl Kind {
    /// Why nobody is known who sends such a request.
    pub(super) fn unidentified(self) -> Unidentified {
        match self {
            Self::Navigation | Self::FormNavigation => Unidentified::Navigation,
            Self::Preflight => Unidentified::Preflight,
            Self::Probe => Unidentified::Probe,
            Self::SubResource => Unidentified::SubResource,
            Self::Tool => Unidentified::Tool,
        }
    }
}

/// Says what kind of request this is.
pub(super) fn classify(request: &RequestHead, destination: &Destination, probes: &[Probe]) -> Kind {
    let fields = &request.fields;
    let reads = request.method == Method::GET || request.method == Method::HEAD;
    if request.method == Method::OPTIONS
        && fields.contains("origin")
        && fields.contains("access-control-request-method")
    {
        return Kind::Preflight;
    }
    if reads && probes.iter().any(|probe| probe.is(destination, request.target.path())) {
        return Kind::Probe;
    }
    if is_navigation(fields) {
        return if reads { Kind::Navigation } else { Kind::FormNavigation };
    }
    if is_browser(fields) { Kind::SubResource } else { Kind::Tool }
}

/// Whether the client calls itself a browser. All a CONNECT tells; it decides nothing but the form of an answer.
pub(super) fn is_browser(fields: &Fields) -> bool {
    fields.contains("sec-fetch-mode")
        || fields.contains("upgrade")
        || fields.contains("x-requested-with")
        || fields
            .text("user-agent")
            .is_some_and(|agent| agent.starts_with("Mozilla/") && !agent.contains("PowerShell/"))
}

/// Whether the client may be a browser although it does not say so: on Apple's systems one process opens the connections
/// of all others. It must not be asked for a password, or people would see a box that asks them.
pub(super) fn may_be_browser(fields: &Fields) -> bool {
    let marks = ["CFNetwork/", "com.apple.WebKit"];
    is_browser(fields) || fields.text("user-agent").is_some_and(|agent| marks.iter().any(|mark| agent.contains(mark)))
}

/// Whether a person would see the answer.
pub(super) fn is_navigation(fields: &Fields) -> bool {
    if fields.contains("upgrade") || fields.contains("x-requested-with") {
        return false;
    }
    match fields.text("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => {
            fields.text("upgrade-insecure-requests") == Some("1")
                || fields.text("accept").is_some_and(|accept| accept.contains("text/html"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_by_what_browsers_send() {
        const CHROMIUM: (&str, &str) = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0");
        type Case = (Kind, &'static str, &'static str, &'static [(&'static str, &'static str)]);
        let cases: &[Case] = &[
            (Kind::Navigation, "GET", "http://a.test/", &[CHROMIUM, ("upgrade-insecure-requests", "1")]),
            (Kind::Navigation, "HEAD", "http://a.test/", &[("accept", "text/html,*/*;q=0.8")]),
            (
                Kind::Navigation,
                "GET",
                "https://a.test/",
                &[CHROMIUM, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "empty")],
            ),
            (Kind::FormNavigation, "POST", "https://a.test/", &[CHROMIUM, ("sec-fetch-mode", "navigate")]),
            (Kind::FormNavigation, "POST", "http://a.test/", &[CHROMIUM, ("upgrade-insecure-requests", "1")]),
            (
                Kind::SubResource,
                "GET",
                "https://a.test/",
                &[CHROMIUM, ("sec-fetch-mode", "cors"), ("accept", "text/html")],
            ),
            (Kind::SubResource, "GET", "http://a.test/x.png", &[CHROMIUM, ("accept", "image/*")]),
            (Kind::SubResource, "GET", "http://a.test/ws", &[("upgrade", "websocket"), ("accept", "text/html")]),
            (
                Kind::SubResource,
                "GET",
                "http://a.test/",
                &[("x-requested-with", "XMLHttpRequest"), ("accept", "text/html")],
            ),
            (
                Kind::Preflight,
                "OPTIONS",
                "http://a.test/",
                &[("origin", "http://b.test"), ("access-control-request-method", "PUT")],
            ),
            (Kind::Tool, "OPTIONS", "http://a.test/", &[]),
            (
                Kind::Tool,
                "GET",
                "http://a.test/",
                &[("user-agent", "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1")],
            ),
            (Kind::Tool, "GET", "http://a.test/", &[("user-agent", "curl/7.88.1"), ("accept", "*/*")]),
            (Kind::Probe, "GET", "http://connectivitycheck.gstatic.com/generate_204", &[CHROMIUM]),
            (Kind::SubResource, "GET", "http://connectivitycheck.gstatic.com/other", &[CHROMIUM]),
        ];
        for (kind, method, url, fields) in cases {
            let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let head = format!("{method} {url} HTTP/1.1\r\n{fields}\r\n");
            let request = RequestHead::parse(&head.into(), 9).unwrap();
            let scheme = if url.starts_with("https") { crate::wire::Scheme::Https } else { crate::wire::Scheme::Http };
            let destination = Destination::of_authority(scheme, request.target.authority().unwrap()).unwrap();
            assert_eq!(classify(&request, &destination, &Probe::known()), *kind, "{method} {url} {fields}");
        }
    }
}
