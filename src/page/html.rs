//! A rendered page and the header fields that must go with it.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use crate::page::{Brand, Locale};

/// The script of this page. It has the same text every time, so that a content security policy can name its hash.
pub(super) const SCRIPT: &str = "document.forms[0].submit()";

/// A rendered page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Html {
    text: String,
    policy: String,
    language: String,
}

/// Where the forms of a page may be sent, redirects included (Chromium checks those as well).
pub(super) enum Forms<'a> {
    /// The page has no forms.
    None,
    /// To the page's own origin.
    Own,
    /// To the page's own origin, which may redirect to these.
    OwnAnd(&'a [String]),
    /// To these, by a script that submits them.
    Submitted(&'a [String]),
}

/// What a page uses besides forms: a script, a style sheet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extras {
    /// A script inside, of exactly this text.
    pub(super) script: Option<&'static str>,
    /// The address of a style sheet. The browser takes it only if it has the hash that the page names.
    pub(super) sheet: Option<&'static str>,
}

/// The hash of a text, as a content security policy or an `integrity` names it.
pub(super) fn hash_of(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes())))
}

impl Html {
    pub(super) fn new(text: String, brand: &Brand, locale: &Locale, forms: &Forms<'_>, extras: Extras) -> Self {
        let form_action = match forms {
            Forms::None => "'none'".to_owned(),
            Forms::Own => "'self'".to_owned(),
            Forms::OwnAnd(origins) => format!("'self' {}", origins.join(" ")),
            Forms::Submitted(origins) => origins.join(" "),
        };
        let script = match forms {
            Forms::Submitted(_) => Some(SCRIPT),
            _ => extras.script,
        };
        let script = script.map(|script| format!("; script-src '{}'", hash_of(script))).unwrap_or_default();
        let sheet = extras.sheet.map(|address| format!(" {address}")).unwrap_or_default();
        let policy = format!(
            "default-src 'none'; style-src '{}'{sheet}; img-src 'self' data:; form-action {form_action}; \
             frame-ancestors 'none'; base-uri 'none'{script}",
            brand.style_hash()
        );
        Self { text, policy, language: locale.tag().to_owned() }
    }

    /// The page's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value of its `Content-Security-Policy`.
    pub fn content_security_policy(&self) -> &str {
        &self.policy
    }

    /// The page as an answer, with the fields that forbid framing, sniffing of its type, caching and foreign referrers.
    pub fn into_response(self, status: StatusCode) -> Response<Bytes> {
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        let policy = value(&self.policy);
        let language = value(&self.language);
        let mut response = Response::new(Bytes::from(self.text));
        *response.status_mut() = status;
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        fields.insert(header::CONTENT_LANGUAGE, language);
        fields.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        fields.insert(header::CONTENT_SECURITY_POLICY, policy);
        fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        fields.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        // Not `no-referrer`: with it browsers send `Origin: null` for the page's own forms.
        fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        response
    }
}
