//! Forms: read within limits, and taken only from our own pages in the same browser.

use std::time::Duration;

use axum::body::Body;
use http::header::{CONTENT_TYPE, HeaderName, ORIGIN};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::clock::{SignedDuration, after};
use crate::page::Trouble;
use crate::portal::cookie::{self, SameSite};
use crate::portal::{Shared, Visit, show};
use crate::seal::{self, fingerprint, random_text};
use crate::wire;

/// The largest of our own forms, in bytes.
pub(super) const MAX_FORM: usize = 16 * 1024;

/// How long a page may stay open before its form is sent.
const LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// How long a form may take to come in.
const PATIENCE: Duration = Duration::from_secs(30);

const PURPOSE: &str = "form";

/// A form's fields, in their order.
pub(super) struct Form(Vec<(String, String)>);

/// Why a form is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// The browser did not send the cookie that the token is bound to.
    #[error("the form came without its cookie")]
    NoCookie,
    /// The form was sent by a page of another origin.
    #[error("the form came from another origin")]
    OtherOrigin,
    /// The token is missing, forged, or another browser's.
    #[error("the form's token is missing or not this browser's")]
    BadToken,
    /// The page was open for too long.
    #[error("the form's token has expired")]
    Expired,
}

impl Form {
    /// Reads a form of at most `max` bytes.
    pub(super) async fn read(request: Request<Body>, max: usize) -> Result<Self, Trouble> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Trouble::Form);
        }
        // What says that it is too large is not even received.
        if request.body().size_hint().lower() > max as u64 {
            return Err(Trouble::TooLarge);
        }
        let body = Limited::new(request.into_body(), max).collect();
        let Ok(body) = tokio::time::timeout(PATIENCE, body).await else { return Err(Trouble::Form) };
        match body {
            Ok(body) => wire::form::parse(&body.to_bytes()).map(Self).map_err(|_| Trouble::Form),
            Err(error) if error.is::<LengthLimitError>() => Err(Trouble::TooLarge),
            Err(_) => Err(Trouble::Form),
        }
    }

    /// The first value of a field.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The value of a field that must be there exactly once.
    pub(super) fn only(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter().filter(|(found, _)| found == name);
        let (_, value) = all.next()?;
        all.next().is_none().then_some(value.as_str())
    }
}

/// What a page puts into its forms, and the cookie that it goes with.
pub(super) struct Token {
    /// The value of the hidden field `csrf`.
    pub(super) text: String,
    fresh_cookie: Option<String>,
}

impl Token {
    /// A token for this browser's forms.
    pub(super) fn issue(portal: &Shared, visit: &Visit) -> Self {
        let known = visit.cookie(cookie::FORM).filter(|value| !value.is_empty());
        let fresh_cookie = known.is_none().then(random_text);
        let bound_to = fingerprint(known.or(fresh_cookie.as_deref()).unwrap_or_default());
        let expires = after(portal.parts.clock.now(), LIFETIME);
        Self { text: portal.parts.sealer.seal(PURPOSE, &bound_to, expires), fresh_cookie }
    }

    /// Gives the browser the cookie, when it has none yet.
    pub(super) fn set_cookie(&self, response: &mut Response<Body>) {
        if let Some(value) = &self.fresh_cookie {
            cookie::set(response, cookie::FORM, value, SameSite::Lax, None);
        }
    }
}

/// Reads one of our own forms, and checks that it was sent by a page of ours in this browser; else the answer.
pub(super) async fn take(portal: &Shared, visit: &Visit, request: Request<Body>) -> Result<Form, Response<Body>> {
    let fail =
        |status, trouble| show(status, visit.trouble(trouble, None).render(&portal.parts.brand, visit.locale(portal)));
    let form = Form::read(request, MAX_FORM).await.map_err(|trouble| match trouble {
        Trouble::TooLarge => fail(StatusCode::PAYLOAD_TOO_LARGE, trouble),
        trouble => fail(StatusCode::BAD_REQUEST, trouble),
    })?;
    if let Err(error) = check(portal, visit, &form) {
        tracing::info!(reason = %error, client = %visit.peer.client.ip(), request_id = visit.request_id, "form refused");
        return Err(fail(StatusCode::FORBIDDEN, Trouble::Form));
    }
    Ok(form)
}

/// Checks that `form` was sent by a page of ours in this browser.
pub(super) fn check(portal: &Shared, visit: &Visit, form: &Form) -> Result<(), Error> {
    let foreign_origin = visit.field(&ORIGIN).is_some_and(|origin| origin != portal.config.url.to_string());
    let site = visit.field(&HeaderName::from_static("sec-fetch-site"));
    if foreign_origin || site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(Error::OtherOrigin);
    }
    let cookie = visit.cookie(cookie::FORM).filter(|value| !value.is_empty()).ok_or(Error::NoCookie)?;
    let token = form.only("csrf").ok_or(Error::BadToken)?;
    let bound_to: [u8; 16] =
        portal.parts.sealer.open(PURPOSE, token, portal.parts.clock.now()).map_err(|error| match error {
            seal::Error::Expired => Error::Expired,
            seal::Error::Forged => Error::BadToken,
        })?;
    if bound_to == fingerprint(cookie) { Ok(()) } else { Err(Error::BadToken) }
}
