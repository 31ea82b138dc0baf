//! The mark: a style sheet at a host for which only our authority can vouch. The portal's page about the authority
//! loads it, and so shows whether the browser trusts the authority. It is the same for everybody, and loads nothing
//! else.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::page::{TRUST_HOST, TRUST_PATH, trust_sheet};
use crate::wire::target::Host;
use crate::wire::{Destination, Scheme};

/// Whether this is the host of the mark.
pub(super) fn is_mark(destination: &Destination) -> bool {
    destination.scheme == Scheme::Https
        && destination.port == 443
        && matches!(&destination.host, Host::Domain(name) if name == TRUST_HOST)
}

/// The mark, which only the portal's page may load.
pub(super) fn answer(method: &Method, path: &str, portal: &str) -> Response<Bytes> {
    let is_there = path == TRUST_PATH && (method == Method::GET || method == Method::HEAD);
    let mut response = Response::new(Bytes::from_static(if is_there { trust_sheet().as_bytes() } else { b"" }));
    *response.status_mut() = if is_there { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let fields = response.headers_mut();
    if let Ok(portal) = HeaderValue::try_from(portal) {
        fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, portal);
    }
    for (name, value) in [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        // A browser that has stopped trusting us must not be told what it saw before.
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ] {
        fields.insert(name, HeaderValue::from_static(value));
    }
    response
}
