//! Forms: read within limits, and accepted only from our own pages in the same browser.

use std::time::Duration;

use axum::body::Body;
use http::header::{CONTENT_TYPE, HeaderName, ORIGIN};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::clock::{SignedDuration, after};
use crate::page::{Html, Trouble};
use crate::portal::cookie::{self, SameSite};
use crate::portal::{Shared, Visit, fail, show};
use crate::seal::{self, fingerprint, random_text};
use crate::wire;

/// The largest of our own forms, in bytes.
const MAX_FORM: usize = 16 * 1024;

/// How long after a page was shown its form can be sent.
const LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// How long a form may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

const PURPOSE: &str = "form";

/// A form's fields, in their order.
pub(super) struct Form(Vec<(String, String)>);

/// Why a form is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// The browser did not send the cookie to which the token is bound.
    #[error("the form came without its cookie")]
    NoCookie,
    /// The form was sent by a page of another origin.
    #[error("the form came from another origin")]
    OtherOrigin,
    /// The token is missing, is forged, or belongs to another browser.
    #[error("the form's token is missing, or is not this browser's")]
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
        // A form whose declared length is too large is not even received.
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

/// The token that a page puts into its forms, and the cookie to which it is bound.
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

    /// A page whose forms have this token, as an answer.
    pub(super) fn show(&self, status: StatusCode, page: Html) -> Response<Body> {
        let mut response = show(status, page);
        self.set_cookie(&mut response);
        response
    }

    /// Sets the cookie, if the browser has none yet.
    pub(super) fn set_cookie(&self, response: &mut Response<Body>) {
        if let Some(value) = &self.fresh_cookie {
            cookie::set(response, cookie::FORM, value, SameSite::Lax, None);
        }
    }
}

/// Reads one of our own forms, and checks that a page of ours in this browser sent it. Else gives the answer to send.
pub(super) async fn take(portal: &Shared, visit: &Visit, request: Request<Body>) -> Result<Form, Response<Body>> {
    let form = read(portal, visit, request).await?;
    match check(portal, visit, &form) {
        Ok(()) => Ok(form),
        Err(_) => Err(fail(portal, visit, StatusCode::FORBIDDEN, Trouble::Form)),
    }
}

/// Reads one of our own forms without that check. If it cannot be read, gives the answer to send.
pub(super) async fn read(portal: &Shared, visit: &Visit, request: Request<Body>) -> Result<Form, Response<Body>> {
    Form::read(request, MAX_FORM).await.map_err(|trouble| {
        let is_long = matches!(trouble, Trouble::TooLarge);
        let status = if is_long { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
        fail(portal, visit, status, trouble)
    })
}

/// Checks that a page of ours in this browser sent `form`, and writes an event if not.
pub(super) fn check(portal: &Shared, visit: &Visit, form: &Form) -> Result<(), Error> {
    is_ours(portal, visit, form).inspect_err(|error| {
        tracing::info!(reason = %error, client = %visit.peer.client.ip(), request_id = visit.request_id, "a form was refused: it may not come from our own page in this browser");
    })
}

fn is_ours(portal: &Shared, visit: &Visit, form: &Form) -> Result<(), Error> {
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
