//! Whole exchanges with our own service provider, in process.

use axum::body::Body;
use axum::http::Request;
use axum::http::header::{CONTENT_TYPE, COOKIE, LOCATION};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use url::Url;
use url::form_urlencoded;

use super::*;
use crate::clock::SignedDuration;
use crate::identity::{Groups, Realm, User};
use crate::saml::claims::{GROUPS, IDENTITY};
use crate::saml::request::Ask;
use crate::saml::{Binding, ClaimMap, Error, Expected, IdentityProvider, ServiceProvider, SignOut, request, response};

const ACS: &str = "https://portal.test/saml/acs";

/// A browser in front of the practice identity provider, and a service provider that trusts it.
struct World {
    idp: Router,
    trusted: IdentityProvider,
    sp: ServiceProvider,
    clock: Clock,
    cookie: String,
}

/// What the browser was shown.
struct Shown {
    status: StatusCode,
    html: String,
}

impl Shown {
    /// The value of a field of the form.
    fn field(&self, name: &str) -> Option<String> {
        let (_, rest) = self.html.split_once(&format!(" name=\"{name}\""))?;
        let (tag, _) = rest.split_once('>')?;
        let (_, value) = tag.split_once(" value=\"")?;
        let (value, _) = value.split_once('"')?;
        Some(value.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#38;", "&"))
    }
}

impl World {
    fn new() -> Self {
        let clock = Clock::by_hand("2026-11-21T10:00:00Z".parse().unwrap());
        let sp = ServiceProvider {
            entity_id: "https://auth.test/0123456789abcdef".into(),
            acs_url: ACS.into(),
            acs_aliases: vec![],
            ..ServiceProvider::default()
        };
        let app = App { identifier: sp.entity_id.clone(), reply_urls: vec![ACS.into()], logout_url: None };
        let practice = Practice::new("http://login.test/", vec![app], clock.clone()).unwrap();
        let trusted = IdentityProvider::from_metadata(&practice.metadata().unwrap()).unwrap();
        let by_hand = IdentityProvider::from_parts(
            &practice.entity_id(),
            &practice.sign_in_url(),
            Some(&practice.sign_out_url()),
            practice.certificate().as_bytes(),
        )
        .unwrap();
        let parts = |idp: &IdentityProvider| {
            let urls = (idp.sign_in_url(Binding::Redirect).cloned(), idp.sign_out().cloned());
            (idp.entity_id().to_owned(), urls, idp.certificates().to_vec())
        };
        assert!(parts(&by_hand) == parts(&trusted));
        Self { idp: practice.router(), trusted, sp, clock, cookie: String::new() }
    }

    async fn send(&mut self, request: Request<Body>) -> Shown {
        let response = self.idp.clone().oneshot(request).await.unwrap();
        assert!(response.headers().get(LOCATION).is_none());
        if let Some(cookie) = response.headers().get(SET_COOKIE) {
            self.cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Shown { status, html: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn get(&mut self, url: &Url) -> Shown {
        let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let request = Request::get(target).header(COOKIE, &self.cookie).body(Body::empty()).unwrap();
        self.send(request).await
    }

    fn request(&self, hint: Option<&str>) -> request::Request {
        let ask = Ask { relay_state: "relay <&\">", login_hint: hint, passive: false, force: false, ways: &[] };
        request::build(&self.sp, &self.trusted, &ask, self.clock.now()).unwrap()
    }

    async fn submit(&mut self, page: &Shown, fields: &[(&str, &str)]) -> Shown {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for name in ["SAMLRequest", "RelayState"] {
            form.append_pair(name, &page.field(name).unwrap());
        }
        let body = form.extend_pairs(fields).finish();
        let request = Request::post(format!("/{TENANT}/login"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    fn accept(&self, request: &request::Request, shown: &Shown) -> Result<User, Error> {
        assert_eq!(shown.field("RelayState").as_deref(), Some("relay <&\">"));
        let expected = Expected {
            service_provider: &self.sp,
            identity_provider: &self.trusted,
            endpoint: ACS,
            request_id: Some(&request.id),
            requested: self.clock.now(),
            anew: false,
            ways: &[],
            max_age: response::MAX_AGE,
            clock_skew: response::CLOCK_SKEW,
        };
        let accepted = response::accept(&shown.field("SAMLResponse").unwrap(), &expected, self.clock.now())?;
        let claims = ClaimMap {
            realm: Realm { name: "contoso".into(), domains: vec!["contoso.com".into()], ..Realm::default() },
            taken: Vec::new(),
            identity: IDENTITY.map(str::to_owned).to_vec(),
            groups: GROUPS.into(),
            tenant: Some(TENANT.to_uppercase()),
        };
        Ok(claims.user(&accepted).unwrap())
    }
}

#[tokio::test]
async fn a_person_types_a_password_once_and_is_known_from_then_on() {
    let mut world = World::new();
    let first = world.request(Some("bsimon@contoso.com"));
    let page = world.get(first.outgoing.url()).await;
    assert_eq!(page.field("login").as_deref(), Some("bsimon@contoso.com"));
    let wrong = world.submit(&page, &[("login", "bsimon@contoso.com"), ("password", "nomis")]).await;
    assert!(wrong.html.contains("incorrect") && wrong.field("SAMLResponse").is_none());
    let answer = world.submit(&wrong, &[("login", "B.Simon@contoso.com"), ("password", "simon")]).await;
    let user = world.accept(&first, &answer).unwrap();
    assert_eq!(
        user,
        User {
            realm: "contoso".into(),
            id: PEOPLE[0].object_id.into(),
            name: "B.Simon@contoso.com".into(),
            display_name: Some("B. Simon".into()),
            sam_account_name: Some("bsimon".into()),
            upn: Some("B.Simon@contoso.com".into()),
            email: Some("B.Simon@contoso.com".into()),
            groups: Groups::Known(vec!["Staff".into(), "Research".into()]),
            risk: crate::identity::Risk::Unknown,
        }
    );

    world.clock.advance(SignedDuration::from_hours(1));
    let again = world.request(Some("B.Simon@contoso.com"));
    let answer = world.get(again.outgoing.url()).await;
    assert_eq!(world.accept(&again, &answer).unwrap().name, "B.Simon@contoso.com");
    assert_eq!(world.accept(&first, &answer), Err(Error::WrongRequest));

    let other = world.request(Some("AlexW@contoso.com"));
    assert!(world.get(other.outgoing.url()).await.field("password").is_none());

    let Some(SignOut::Saml { request_url, .. }) = world.trusted.sign_out().cloned() else { panic!("no way out") };
    world.get(&request_url).await;
    let after = world.request(None);
    let page = world.get(after.outgoing.url()).await;
    assert_eq!(page.field("login").as_deref(), Some(""));
}

#[tokio::test]
async fn everybody_can_sign_in_and_whoever_has_too_many_groups_has_unknown_ones() {
    let mut world = World::new();
    for person in &PEOPLE {
        let request = world.request(None);
        let page = world.get(request.outgoing.url()).await;
        let answer = world.submit(&page, &[("login", person.mail), ("password", person.password)]).await;
        world.cookie.clear();
        match world.accept(&request, &answer) {
            Ok(user) => {
                assert_eq!(user.name, person.upn);
                assert_eq!(user.sam_account_name.as_deref(), person.sam_account_name);
                let known = person.groups.is_some_and(|groups| !groups.is_empty());
                assert_eq!(user.groups != Groups::Unknown, known, "{}", person.upn);
            }
            Err(Error::Status(status)) => {
                assert!(!person.assigned);
                assert_eq!(status.short(), "RequestDenied");
                assert!(status.message.unwrap().starts_with("AADSTS50105: "));
            }
            Err(error) => panic!("{}: {error}", person.upn),
        }
    }
}

#[tokio::test]
async fn cancel_sends_an_error_response_back() {
    let mut world = World::new();
    let request = world.request(None);
    let page = world.get(request.outgoing.url()).await;
    let answer = world.submit(&page, &[("login", ""), ("password", ""), ("cancel", "1")]).await;
    let Err(Error::Status(status)) = world.accept(&request, &answer) else { panic!("no Status") };
    assert_eq!((status.code.as_str(), status.short()), ("urn:oasis:names:tc:SAML:2.0:status:Responder", "AuthnFailed"));
}

#[tokio::test]
async fn what_entra_refuses_is_refused_in_its_words() {
    let mut world = World::new();
    let good = world.request(None);
    let edited = |from: &str, to: &str| {
        let (_, packed) = good.outgoing.url().query_pairs().find(|(name, _)| name == "SAMLRequest").unwrap();
        repack(&packed, from, to)
    };
    let issuer = "<saml:Issuer>https://auth.test/0123456789abcdef</saml:Issuer>";
    for (request, code) in [
        (String::new(), "AADSTS750054"),
        ("AAAA".to_owned(), "AADSTS750056"),
        (edited(issuer, "<saml:Issuer>https://auth.test/other</saml:Issuer>"), "AADSTS700016"),
        (edited("saml/acs", "elsewhere"), "AADSTS50011"),
        (
            edited(issuer, &format!("{issuer}<saml:Subject><saml:NameID>B.Simon</saml:NameID></saml:Subject>")),
            "AADSTS900236",
        ),
        (edited("ID=\"_", "ID=\"1"), "AADSTS7500529"),
    ] {
        let mut url = good.outgoing.url().clone();
        url.query_pairs_mut().clear().append_pair("SAMLRequest", &request);
        let page = world.get(&url).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{code}");
        assert!(page.html.contains(code), "{code}: {}", page.html);
    }
}

fn repack(packed: &str, from: &str, to: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use std::io::{Read as _, Write as _};
    let mut xml = String::new();
    let deflated = STANDARD.decode(packed).unwrap();
    flate2::read::DeflateDecoder::new(deflated.as_slice()).read_to_string(&mut xml).unwrap();
    assert!(xml.contains(from), "{xml}");
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(xml.replace(from, to).as_bytes()).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}
