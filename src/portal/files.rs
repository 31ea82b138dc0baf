//! What the portal gives to everybody: the authority's certificate, our metadata, and answers for machines.

use std::sync::Arc;

use aws_lc_rs::digest;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock::Timestamp;
use crate::page::{self, Trouble};
use crate::portal::{Certificate, RealmParts, Shared, Visit, fail, show};

type Portal = State<Arc<Shared>>;

/// What pages say about our authority.
pub(super) struct Authority {
    name: String,
    until: Timestamp,
    fingerprint: String,
}

impl Authority {
    /// Reads it from the certificate.
    pub(super) fn read(certificate: &Certificate) -> Self {
        let read = X509Certificate::from_der(&certificate.der).ok().map(|(_, read)| read);
        let name = read.as_ref().and_then(|read| read.subject().iter_common_name().next()?.as_str().ok());
        let until = read.as_ref().and_then(|read| Timestamp::from_second(read.validity().not_after.timestamp()).ok());
        let hash = digest::digest(&digest::SHA256, &certificate.der);
        let bytes: Vec<_> = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        Self {
            name: name.unwrap_or_default().to_owned(),
            until: until.unwrap_or_default(),
            fingerprint: bytes.join(":"),
        }
    }
}

/// `GET /certificate`.
pub(super) async fn certificate(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let Authority { name, until, fingerprint } = &portal.authority;
    let page = page::Certificate {
        name: name.clone(),
        until: *until,
        fingerprint: fingerprint.clone(),
        user_agent: visit.user_agent().to_owned(),
    };
    show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)))
}

/// `GET /certificate/authority.pem`.
pub(super) async fn authority_pem(State(portal): Portal) -> Response<Body> {
    let body = Body::from(portal.parts.authority.pem.clone());
    download(body, "application/x-pem-file", "attachment; filename=\"authority.pem\"")
}

/// `GET /certificate/authority.crt`: systems offer to install this type as soon as it is opened.
pub(super) async fn authority_der(State(portal): Portal) -> Response<Body> {
    let body = Body::from(portal.parts.authority.der.clone());
    download(body, "application/x-x509-ca-cert", "attachment; filename=\"authority.crt\"")
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

fn download(body: Body, kind: &'static str, disposition: &'static str) -> Response<Body> {
    let mut response = typed(body, kind);
    response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    response
}
