//! A practice identity provider that answers as Microsoft Entra ID does: its addresses, claims, times and refusals.
//!
//! It is a part of the demo and of tests. Its people are those in Microsoft's documentation, their passwords are
//! printed, and its key is made at the start and forgotten at the end.

mod answer;
mod key;
mod logout;
mod page;
mod people;
mod request;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

pub use people::{PEOPLE, Person};

use crate::clock::{Clock, Timestamp};
use crate::saml::redirect;
use crate::seal;
use key::Key;
use request::{Refusal, SignIn};

/// The tenant's identifier.
pub const TENANT: &str = "0b5f2d6e-4c1a-4f0e-9d3c-7a1e5b8c2f46";
/// The cookie by which a browser that has signed in is known again.
const COOKIE: &str = "PRACTICEAUTH";

/// An application that people may sign in to.
#[derive(Clone, Debug)]
pub struct App {
    /// *Identifier*: the service provider's entity ID.
    pub identifier: String,
    /// *Reply URLs*: where Responses may be sent. The first one is used if a request names none.
    pub reply_urls: Vec<String>,
    /// *Logout Url*: where messages of Single Logout are sent, if anywhere.
    pub logout_url: Option<String>,
}

/// The practice identity provider.
pub struct Practice {
    base_url: String,
    apps: Vec<App>,
    key: Key,
    clock: Clock,
    signed_in: Mutex<HashMap<String, Session>>,
}

#[derive(Clone)]
struct Session {
    person: &'static Person,
    since: Timestamp,
    /// The applications to which it has vouched for the person, and the SessionIndex that each was told.
    vouched: Vec<(String, String)>,
}

/// What the sign-in page sends.
#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "SAMLRequest")]
    request: String,
    #[serde(rename = "RelayState")]
    relay_state: Option<String>,
    #[serde(default)]
    login: String,
    #[serde(default)]
    password: String,
    cancel: Option<String>,
}

impl Practice {
    /// A practice identity provider at `base_url` (an origin, such as `https://login.test`) that knows these
    /// applications. Makes its key, which takes a moment. Fails if the key cannot be made.
    pub fn new(base_url: &str, apps: Vec<App>, clock: Clock) -> Result<Self, rcgen::Error> {
        let base_url = base_url.trim_end_matches('/').to_owned();
        Ok(Self { base_url, apps, key: Key::generate()?, clock, signed_in: Mutex::default() })
    }

    /// Its entity ID.
    pub fn entity_id(&self) -> String {
        format!("https://sts.windows.net/{TENANT}/")
    }

    /// Where people sign in: Entra's *Login URL*.
    pub fn sign_in_url(&self) -> String {
        format!("{}/{TENANT}/saml2", self.base_url)
    }

    /// Where people sign out: Entra's *Logout URL*.
    pub fn sign_out_url(&self) -> String {
        format!("{}/{TENANT}/saml2/logout", self.base_url)
    }

    /// Its signing certificate, in PEM: Entra's *Certificate (Base64)*.
    pub fn certificate(&self) -> String {
        self.key.certificate_pem()
    }

    /// Its metadata, with the two WS-Federation roles that Entra puts before the SAML one.
    pub fn metadata(&self) -> Option<String> {
        answer::metadata(&self.entity_id(), &self.sign_in_url(), &self.sign_out_url(), &self.key)
    }

    /// Serves it.
    pub fn router(self) -> Router {
        Router::new()
            .route(&format!("/{TENANT}/saml2"), get(begin))
            .route(&format!("/{TENANT}/login"), post(submit))
            .route(&format!("/{TENANT}/tile"), get(tile))
            .route(&format!("/{TENANT}/saml2/logout"), get(sign_out).post(sign_out))
            .route(&format!("/{TENANT}/federationmetadata/2007-06/federationmetadata.xml"), get(metadata))
            .with_state(Arc::new(self))
    }

    fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let token = cookie_of(headers)?;
        self.signed_in.lock().unwrap_or_else(PoisonError::into_inner).get(&token).cloned()
    }

    fn begin_session(&self, session: Session) -> String {
        let token = seal::random_text();
        self.signed_in.lock().unwrap_or_else(PoisonError::into_inner).insert(token.clone(), session);
        token
    }

    fn end_session(&self, headers: &HeaderMap) -> Option<Session> {
        self.signed_in.lock().unwrap_or_else(PoisonError::into_inner).remove(&cookie_of(headers)?)
    }

    /// Remembers the SessionIndex that an application was told.
    fn remember(&self, token: &str, identifier: &str, index: String) {
        if let Some(session) = self.signed_in.lock().unwrap_or_else(PoisonError::into_inner).get_mut(token) {
            session.vouched.push((identifier.to_owned(), index));
        }
    }

    fn set_cookie(&self, token: &str, more: &str) -> [(HeaderName, String); 1] {
        let secure = if self.base_url.starts_with("https:") { "; Secure" } else { "" };
        [(SET_COOKIE, format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax{secure}{more}"))]
    }

    /// A page that posts a Response for this person to the application.
    fn vouch(&self, request: &SignIn, session: &Session, token: &str) -> Response {
        if !session.person.assigned {
            let message = format!(
                "AADSTS50105: Your administrator has configured the application to block users unless they are \
                 specifically granted access. The signed in user '{}' is blocked because they are not assigned.",
                session.person.upn
            );
            return self.fail(request, "Responder", "RequestDenied", &message);
        }
        let now = self.clock.now();
        let answer = answer::success(&self.entity_id(), request, session.person, session.since, now, &self.key);
        let page = answer.and_then(|(xml, index)| {
            self.remember(token, &request.audience, index);
            page::redirect(request, &xml)
        });
        show(page)
    }

    /// A page that posts an error Response to the application.
    fn fail(&self, request: &SignIn, code: &str, subcode: &str, message: &str) -> Response {
        let xml = answer::failure(&self.entity_id(), request, [code, subcode, message], self.clock.now());
        show(xml.and_then(|xml| page::redirect(request, &xml)))
    }
}

async fn begin(State(idp): State<Arc<Practice>>, headers: HeaderMap, Query(query): Query<request::Query>) -> Response {
    let request = match request::read(&query, &idp.apps) {
        Ok(request) => request,
        Err(refusal) => return refuse(&refusal),
    };
    let hint = query.login_hint.as_deref().unwrap_or_default();
    let known = idp.session(&headers).filter(|_| !request.force);
    match known {
        Some(session) if hint.is_empty() || session.person.is_called(hint) => {
            idp.vouch(&request, &session, &cookie_of(&headers).unwrap_or_default())
        }
        _ if request.passive => {
            let message = "AADSTS50058: A silent sign-in request was sent but no user is signed in.";
            idp.fail(&request, "Responder", "NoPassive", message)
        }
        _ => show(page::sign_in(&request, &query.request, hint, false)),
    }
}

/// The tile of the first application, as in *My Apps*: sends an unsolicited Response there.
async fn tile(State(idp): State<Arc<Practice>>, headers: HeaderMap) -> Response {
    let (Some(session), Some(app)) = (idp.session(&headers), idp.apps.first()) else { return show(page::signed_out()) };
    let request = SignIn {
        id: String::new(),
        audience: app.identifier.clone(),
        reply_url: app.reply_urls.first().cloned().unwrap_or_default(),
        relay_state: None,
        force: false,
        passive: false,
        way: request::PASSWORD.to_owned(),
    };
    idp.vouch(&request, &session, &cookie_of(&headers).unwrap_or_default())
}

async fn submit(State(idp): State<Arc<Practice>>, Form(typed): Form<Typed>) -> Response {
    let query = request::Query { request: typed.request, relay_state: typed.relay_state, login_hint: None };
    let request = match request::read(&query, &idp.apps) {
        Ok(request) => request,
        Err(refusal) => return refuse(&refusal),
    };
    if typed.cancel.is_some() {
        let message = "AADSTS65004: User declined to sign in.";
        return idp.fail(&request, "Responder", "AuthnFailed", message);
    }
    let Some(person) = Person::sign_in(&typed.login, &typed.password) else {
        return show(page::sign_in(&request, &query.request, &typed.login, true));
    };
    let session = Session { person, since: idp.clock.now(), vouched: Vec::new() };
    let token = idp.begin_session(session.clone());
    (idp.set_cookie(&token, ""), idp.vouch(&request, &session, &token)).into_response()
}

/// A person signs out here, or an application asks for it. Entra tells all applications that know the person; this one
/// tells only the first.
async fn sign_out(State(idp): State<Arc<Practice>>, headers: HeaderMap, uri: Uri) -> Response {
    let session = idp.end_session(&headers);
    let onward = match uri.query().map(redirect::read) {
        Some(Ok(asked)) if asked.is_request => logout::answer(&idp, &asked),
        // An application's answer to our own request.
        Some(Ok(_)) => None,
        _ => session.and_then(|session| logout::tell(&idp, &session)),
    };
    let page = match onward {
        Some(address) => (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response(),
        None => show(page::signed_out()),
    };
    (idp.set_cookie("", "; Max-Age=0"), page).into_response()
}

async fn metadata(State(idp): State<Arc<Practice>>) -> Response {
    let Some(xml) = idp.metadata() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    ([(CONTENT_TYPE, "application/samlmetadata+xml")], xml).into_response()
}

/// A page as a response; an internal error for `None`, a page that could not be made.
fn show(page: Option<String>) -> Response {
    let Some(html) = page else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    ([(CACHE_CONTROL, "no-store")], Html(html)).into_response()
}

fn refuse(refusal: &Refusal) -> Response {
    (StatusCode::BAD_REQUEST, show(page::refused(&refusal.to_string()))).into_response()
}

fn cookie_of(headers: &HeaderMap) -> Option<String> {
    let fields = headers.get_all("cookie").iter().filter_map(|field| field.to_str().ok());
    let mut cookies = fields.flat_map(cookie::Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == COOKIE).map(|cookie| cookie.value().to_owned())
}

#[cfg(test)]
#[path = "idp/tests.rs"]
mod tests;
