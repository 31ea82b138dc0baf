//! What the portal gives to everybody: the authority's certificate, our metadata, and answers for machines.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

use crate::authority::{Described, Issuing};
use crate::page::{self, Trouble};
use crate::portal::{RealmParts, Shared, Visit, fail, show};
use crate::setup;

type Portal = State<Arc<Shared>>;

/// `GET /certificate`.
pub(super) async fn certificate(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let issuing = portal.parts.authority.issuing();
    let root = |root: &Described| page::TrustedRoot {
        name: root.name.clone(),
        until: root.until,
        fingerprint: root.sha256.clone(),
    };
    let roots = issuing.published().certificates.iter().map(root).collect();
    let page = page::Certificate { roots, user_agent: visit.user_agent().to_owned() };
    show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)))
}

/// `GET /certificate/authority.pem`: all certificates; or the one that `?number=` names, as many programs read one from a file.
pub(super) async fn authority_pem(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let issuing = portal.parts.authority.issuing();
    let published = issuing.published();
    let Some(number) = visit.parameter("number") else {
        let body = Body::from(published.pem.clone());
        return download(body, "application/x-pem-file", "attachment; filename=\"authority.pem\"");
    };
    let Some((number, found)) = numbered(&published.certificates, number) else { return missing(&portal, &visit) };
    let disposition = format!("attachment; filename=\"authority-{number}.pem\"");
    download(Body::from(found.pem()), "application/x-pem-file", &disposition)
}

/// The certificate with this number, of which the first is 1.
fn numbered<'a>(all: &'a [Described], number: &str) -> Option<(usize, &'a Described)> {
    let number: usize = number.parse().ok()?;
    Some((number, all.get(number.checked_sub(1)?)?))
}

/// `GET /certificate/authority.crt`: systems offer to install this type as soon as it is opened. It holds one certificate: the
/// first, or the one that `?number=` names.
pub(super) async fn authority_der(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let issuing = portal.parts.authority.issuing();
    let number = visit.parameter("number").unwrap_or("1");
    let Some((_, found)) = numbered(&issuing.published().certificates, number) else {
        return missing(&portal, &visit);
    };
    download(Body::from(found.der.to_vec()), "application/x-x509-ca-cert", "attachment; filename=\"authority.crt\"")
}

/// `GET /certificate/authority.mobileconfig`: a profile for Apple's systems, with all certificates.
pub(super) async fn authority_profile(State(portal): Portal) -> Response<Body> {
    let issuing = portal.parts.authority.issuing();
    let roots = roots(&issuing);
    let text = setup::roots_profile(&portal.parts.brand.title, portal.config.url.host(), &roots);
    let disposition = "attachment; filename=\"authority.mobileconfig\"";
    download(Body::from(text), "application/x-apple-aspen-config", disposition)
}

/// What devices are to trust.
pub(super) fn roots(issuing: &Issuing) -> Vec<setup::Root<'_>> {
    issuing.published().certificates.iter().map(|root| setup::Root { name: &root.name, der: &root.der }).collect()
}

/// `GET /saml/metadata`: our metadata for the realm that `?realm=` names, or for the first one.
pub(super) async fn metadata(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let mut realms = portal.parts.realms.iter().zip(&portal.metadata);
    let found = match visit.parameter("realm") {
        None => realms.next(),
        Some(name) => realms.find(|(parts, _)| parts.realm.name == name),
    };
    match found {
        Some((_, Some(metadata))) => typed(Body::from(metadata.clone()), "application/samlmetadata+xml"),
        _ => missing(&portal, &visit),
    }
}

/// Our metadata for a realm.
pub(super) fn metadata_of(parts: &RealmParts) -> Option<Bytes> {
    let metadata = parts.service_provider.metadata();
    let metadata = metadata.inspect_err(|error| {
        tracing::error!(realm = parts.realm.name, %error, "our own metadata for this realm cannot be made: /saml/metadata has none for it");
    });
    metadata.ok().map(Bytes::from)
}

/// `GET /healthz`.
pub(super) async fn health() -> Response<Body> {
    typed(Body::from("ok\n"), "text/plain; charset=utf-8")
}

/// `GET /robots.txt`.
pub(super) async fn robots() -> Response<Body> {
    typed(Body::from("User-agent: *\nDisallow: /\n"), "text/plain; charset=utf-8")
}

/// Any other address.
pub(super) async fn not_found(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    missing(&portal, &visit)
}

/// The page that says that there is no such page.
pub(super) fn missing(portal: &Shared, visit: &Visit) -> Response<Body> {
    fail(portal, visit, StatusCode::NOT_FOUND, Trouble::NotFound)
}

/// An answer of this media type.
pub(super) fn typed(body: Body, kind: &'static str) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn download(body: Body, kind: &'static str, disposition: &str) -> Response<Body> {
    let mut response = typed(body, kind);
    if let Ok(disposition) = HeaderValue::from_str(disposition) {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    response
}
