//! The portal's cookies. Each has an explicit `SameSite`, the `__Host-` prefix, and no use outside of the portal.
//!
//! | cookie | `SameSite` | for |
//! |---|---|---|
//! | `__Host-vestibule` | Lax | the session |
//! | `__Host-vestibule-was` | None | which session a new sign-in replaces, and whose shared name it may take; it signs nobody in |
//! | `__Host-vestibule-to` | Lax | where the last sign-in led, for people who go back to it |
//! | `__Host-vestibule-out` | None | the sign-out that the identity provider was told of |
//! | `__Host-vestibule-op` | Lax | the realm that an operator may test |
//! | `__Host-vestibule-new` | Lax | a new token on its way to the one page that shows it, sealed |
//! | `__Host-vestibule-form` | Lax | binds form tokens to the browser |
//! | `__Host-vestibule-p-<id>` | None | binds one pending sign-in to the browser |
//!
//! Browsers send only those with `SameSite=None` with the identity provider's cross-site POST.

use axum::body::Body;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response};

use crate::clock::SignedDuration;

/// The session.
pub const SESSION: &str = "__Host-vestibule";

/// The session that a new sign-in replaces.
pub(super) const PREVIOUS: &str = "__Host-vestibule-was";

/// Where the last sign-in led: its return token.
pub(super) const DESTINATION: &str = "__Host-vestibule-to";

/// The sign-out that the identity provider was told of.
pub(super) const LEAVING: &str = "__Host-vestibule-out";

/// The realm that an operator may test.
pub(super) const OPERATOR: &str = "__Host-vestibule-op";

/// A new token on its way to the page that shows it.
pub(super) const NEW_TOKEN: &str = "__Host-vestibule-new";

/// The longest value of a cookie. Browsers refuse a name and value of more than 4096 octets together (RFC 6265bis
/// §5.7).
pub(super) const MAX_VALUE: usize = 4000;

/// Binds form tokens to the browser.
pub(super) const FORM: &str = "__Host-vestibule-form";

/// What the names of pending sign-ins' cookies begin with.
const PENDING: &str = "__Host-vestibule-p-";

/// How many pending sign-ins one browser may have: the cookies of more would make its requests too large.
pub(super) const MAX_PENDING: usize = 8;

/// When browsers send a cookie with requests that come from other sites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SameSite {
    /// On navigations by GET.
    Lax,
    /// Always.
    None,
}

/// The name of the cookie of the pending sign-in `id`.
pub(super) fn pending(id: &str) -> String {
    format!("{PENDING}{id}")
}

/// The identifiers of the pending sign-ins of which this browser has cookies.
pub(super) fn pending_ids(fields: &HeaderMap) -> Vec<String> {
    let values = fields.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.split('=').next());
    names.filter_map(|name| name.trim().strip_prefix(PENDING)).map(str::to_owned).collect()
}

/// Gives the browser a cookie, for `lifetime` or until it is closed.
pub(super) fn set(
    response: &mut Response<Body>,
    name: &str,
    value: &str,
    same_site: SameSite,
    lifetime: Option<SignedDuration>,
) {
    let age = lifetime.map(|lifetime| format!("; Max-Age={}", lifetime.as_secs().max(0))).unwrap_or_default();
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite={same_site:?}{age}");
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// Removes a cookie from the browser.
pub(super) fn remove(response: &mut Response<Body>, name: &str) {
    set(response, name, "", SameSite::Lax, Some(SignedDuration::ZERO));
}
