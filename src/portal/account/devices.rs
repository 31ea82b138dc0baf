//! The page of devices: addresses of PAC files in which the proxy has a host name of its own, and files that set
//! devices up.
//!
//! The address of such a PAC file is a secret that the program does not keep. It is shown once, on a page whose own
//! address contains the secret, sealed for the browser that made it.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, after};
use crate::page::{DeviceNote, DeviceSetUp, Devices, NamedDevice, SetUpFile, Trouble};
use crate::portal::form::{self, Token};
use crate::portal::visit::with_parameters;
use crate::portal::{Shared, Visit, fail, files, nav, redirect, show};
use crate::seal::fingerprint;
use crate::session::bindings::{DeviceId, Issued};
use crate::session::names::Addresses;
use crate::session::{Session, SessionId, store};
use crate::setup::{self, System};

type Portal = State<Arc<Shared>>;

/// How long the buttons on the page work.
const PAGE_LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// How long the address of a new device can be shown, and its files downloaded.
const SHOWN: SignedDuration = SignedDuration::from_hours(1);

const DEVICE: &str = "device";
const MADE: &str = "device made";

/// A device that was made just now, for the browser that made it.
#[derive(Serialize, Deserialize)]
struct Made {
    session: SessionId,
    secret: String,
    title: String,
}

/// `GET /devices`.
pub(in crate::portal) async fn show_page(State(portal): Portal, Extension(visit): Extension<Visit>) -> Response<Body> {
    let Some(_) = &portal.parts.names else { return files::missing(&portal, &visit) };
    let Some(session) = visit.person(&portal).await else { return redirect(StatusCode::FOUND, "/") };
    visit.bind(&portal, &session, None).await;
    let Ok(devices) = portal.parts.bindings.devices(&session.user).await else { return away(&portal, &visit) };
    let token = Token::issue(&portal, &visit);
    let until = after(portal.parts.clock.now(), PAGE_LIFETIME);
    let devices = devices.into_iter().map(|device| NamedDevice {
        title: device.title,
        last_used: device.last_used,
        expires: device.expires,
        places: device.places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        signed_out: !device.is_signed_in,
        id: portal.parts.sealer.seal(DEVICE, &device.id, until),
    });
    let page = Devices {
        devices: devices.collect(),
        note: match visit.parameter("n") {
            Some("full") => Some(DeviceNote::Full),
            Some("removed") => Some(DeviceNote::Removed),
            _ => None,
        },
        bound_to_networks: portal.parts.bindings.bind_network(),
        nav: nav(&portal),
        csrf: token.text.clone(),
    };
    token.show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)))
}

/// `POST /devices`: makes a device, replaces one, or removes one.
pub(in crate::portal) async fn change(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    request: Request<Body>,
) -> Response<Body> {
    let form = match form::take(&portal, &visit, request).await {
        Ok(form) => form,
        Err(response) => return response,
    };
    if portal.parts.names.is_none() {
        return files::missing(&portal, &visit);
    }
    let Some(session) = visit.person(&portal).await else { return redirect(StatusCode::SEE_OTHER, "/") };
    let (sealer, now) = (&portal.parts.sealer, portal.parts.clock.now());
    let device: Option<DeviceId> = form.value("device").and_then(|token| sealer.open(DEVICE, token, now).ok());
    let bindings = &portal.parts.bindings;
    let done = match (form.value("do"), device) {
        (Some("make"), _) => {
            let title = form.value("title").unwrap_or_default();
            let browser = || visit.locale(&portal).device(visit.user_agent());
            let title = if title.trim().is_empty() { browser() } else { title.to_owned() };
            bindings.issue(&session, &title).await.map(|issued| set_up(&portal, &session, issued))
        }
        (Some("again"), Some(device)) => bindings
            .reissue(&session, device)
            .await
            .map(|issued| issued.map_or_else(|| "/devices".to_owned(), |issued| set_up(&portal, &session, issued))),
        (Some("remove"), Some(device)) => bindings
            .revoke(&session.user, device)
            .await
            .map(|removed| if removed.is_some() { "/devices?n=removed".to_owned() } else { "/devices".to_owned() }),
        _ => Ok("/devices".to_owned()),
    };
    match done {
        Ok(onward) => redirect(StatusCode::SEE_OTHER, &onward),
        Err(store::Error::Full) => redirect(StatusCode::SEE_OTHER, "/devices?n=full"),
        Err(store::Error::Away) => away(&portal, &visit),
    }
}

/// The address of the page that sets a new device up.
fn set_up(portal: &Shared, session: &Session, issued: Issued) -> String {
    let (user, device) = (&session.user.name, &issued.title);
    tracing::info!(
        user,
        session = session.id.short(),
        device,
        "a person has made a device: its PAC file has a proxy name of its own"
    );
    let made = Made { session: session.id, secret: issued.secret, title: issued.title };
    let until = after(portal.parts.clock.now(), SHOWN);
    with_parameters("/devices/new", &[("d", &portal.parts.sealer.seal(MADE, &made, until))])
}

/// The device that was made just now in this browser, and the token that holds it.
async fn made<'a>(portal: &Shared, visit: &'a Visit) -> Option<(Made, &'a str)> {
    let token = visit.parameter("d")?;
    let made: Made = portal.parts.sealer.open(MADE, token, portal.parts.clock.now()).ok()?;
    let session = visit.person(portal).await?;
    (session.id == made.session).then_some((made, token))
}

/// `GET /devices/new`.
pub(in crate::portal) async fn show_set_up(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
) -> Response<Body> {
    let (Some(names), Some((made, token))) = (&portal.parts.names, made(&portal, &visit).await) else {
        return redirect(StatusCode::FOUND, "/devices");
    };
    let files = System::ALL.into_iter().map(|system| {
        let path = format!("/devices/set-up/{}", system.slug());
        let with_certificate =
            system.takes_certificate().then(|| with_parameters(&path, &[("d", token), ("certificate", "yes")]));
        SetUpFile { system, href: with_parameters(&path, &[("d", token)]), with_certificate }
    });
    let page =
        DeviceSetUp { pac: names.pac(&made.secret), title: made.title, files: files.collect(), nav: nav(&portal) };
    show(StatusCode::OK, page.render(&portal.parts.brand, visit.locale(&portal)))
}

/// `GET /devices/set-up/{system}`.
pub(in crate::portal) async fn download(
    State(portal): Portal,
    Extension(visit): Extension<Visit>,
    Path(system): Path<String>,
) -> Response<Body> {
    let (Some(names), Some(system)) = (&portal.parts.names, System::of_slug(&system)) else {
        return files::missing(&portal, &visit);
    };
    let Some((made, _)) = made(&portal, &visit).await else { return redirect(StatusCode::FOUND, "/devices") };
    let with_certificate = visit.parameter("certificate").is_some();
    let file = file_for(&portal, names, &made, system, with_certificate);
    let mut response = Response::new(Body::from(file.text));
    let disposition = format!("attachment; filename=\"{}\"", file.name);
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        fields.insert(CONTENT_DISPOSITION, disposition);
    }
    response
}

fn file_for(portal: &Shared, names: &Addresses, made: &Made, system: System, with_certificate: bool) -> setup::File {
    let issuing = portal.parts.authority.issuing();
    let roots = files::roots(&issuing);
    system.file(&setup::Device {
        title: &portal.parts.brand.title,
        portal: portal.config.url.host(),
        pac: &names.pac(&made.secret),
        proxy: &names.proxy(&made.secret),
        authority: with_certificate.then_some(&roots),
        number: fingerprint(&format!("set-up {}", made.secret)),
    })
}

/// The page for when the store does not answer.
fn away(portal: &Shared, visit: &Visit) -> Response<Body> {
    fail(portal, visit, StatusCode::SERVICE_UNAVAILABLE, Trouble::Away)
}
