//! A portal, an identity provider and browsers, in one process and without sockets.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tower::ServiceExt as _;
use url::{Url, form_urlencoded};
use vestibule::app::demo::idp::{App, Practice};
use vestibule::clock::{Clock, SignedDuration};
use vestibule::identity::{Networks, Realm};
use vestibule::page::{Brand, Help};
use vestibule::portal::{Certificate, Config, Parts, Portal, RealmParts, Trust};
use vestibule::saml::{ClaimMap, IdentityProvider, Key, Mismatch, ServiceProvider, claims};
use vestibule::seal::Sealer;
use vestibule::session::pending::PendingSignIns;
use vestibule::session::returning::Return;
use vestibule::session::store::Store;
use vestibule::session::store::memory::Memory;
use vestibule::session::ticket::Tickets;
use vestibule::session::{self, Sessions};
use vestibule::wire::Peer;

pub(crate) const PORTAL: &str = "https://portal.test";
pub(crate) const ALIAS: &str = "/simplesaml/module.php/saml/sp/saml2-acs.php/ics-sp";
pub(crate) const CLIENT: &str = "192.0.2.7";

/// Everything that a sign-in needs.
pub(crate) struct World {
    pub(crate) portal: Portal,
    pub(crate) idp: Router,
    pub(crate) clock: Clock,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) tickets: Arc<Tickets>,
}

/// What can be different about a world.
pub(crate) struct Options {
    pub(crate) mismatch: Mismatch,
    pub(crate) attempts_per_minute: u32,
    pub(crate) max_sessions: usize,
    /// Our keys.
    pub(crate) keys: Vec<Arc<Key>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { mismatch: Mismatch::Accept, attempts_per_minute: 300, max_sessions: 100, keys: Vec::new() }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&Options::default())
    }

    pub(crate) fn with(options: &Options) -> Self {
        let clock = Clock::by_hand("2026-11-21T10:00:00Z".parse().unwrap());
        let store: Arc<dyn Store> = Arc::new(Memory::new(1000, clock.clone()));
        let session_config = session::Config { max: options.max_sessions, ..session::Config::default() };
        let sessions = Arc::new(Sessions::new(session_config, Arc::clone(&store), clock.clone()));
        let tickets = Arc::new(Tickets::new(Arc::clone(&store), clock.clone()));
        let pending = Arc::new(PendingSignIns::new(store, clock.clone(), SignedDuration::from_mins(30)));
        let sealer = Arc::new(Sealer::random());
        let sp = ServiceProvider {
            entity_id: "https://auth.test/0123456789abcdef".into(),
            acs_url: format!("{PORTAL}/saml/acs"),
            acs_aliases: vec![format!("{PORTAL}{ALIAS}")],
            keys: options.keys.clone(),
            ..ServiceProvider::default()
        };
        let app = App { identifier: sp.entity_id.clone(), reply_urls: vec![sp.acs_url.clone()] };
        let practice = Practice::new("https://login.test", vec![app], clock.clone()).unwrap();
        let realm = RealmParts {
            realm: Realm {
                name: "contoso".into(),
                domains: vec!["contoso.com".into()],
                netbios: vec![("CONTOSO".into(), "contoso.com".into())],
            },
            service_provider: Arc::new(sp),
            identity_provider: Arc::new(Trust::fixed(
                IdentityProvider::from_metadata(&practice.metadata().unwrap()).unwrap(),
                clock.clone(),
            )),
            claims: Arc::new(ClaimMap {
                realm: "contoso".into(),
                identity: claims::IDENTITY.map(str::to_owned).to_vec(),
                groups: claims::GROUPS.into(),
                tenant: None,
            }),
            mismatch: options.mismatch,
        };
        let authority = rcgen::generate_simple_self_signed(vec!["authority.test".into()]).unwrap().cert;
        let mut config = Config::new(PORTAL.parse().unwrap());
        config.attempts_per_minute = options.attempts_per_minute;
        let mut brand = Brand::new("Contoso Web", Brand::ACCENT);
        brand.help = Some(Help::new("help@contoso.com"));
        let parts = Parts {
            sessions: Arc::clone(&sessions),
            tickets: Arc::clone(&tickets),
            pending: Arc::clone(&pending),
            sealer: Arc::clone(&sealer),
            realms: vec![realm],
            authority: Certificate { der: Bytes::copy_from_slice(authority.der()), pem: authority.pem() },
            brand,
            clock: clock.clone(),
        };
        Self { portal: Portal::new(config, parts), idp: practice.router(), clock, sealer, sessions, tickets }
    }

    /// A challenge of the proxy, sealed.
    pub(crate) fn challenge(&self, destination: &str, unsent: Option<&str>) -> String {
        let url = Url::parse(destination).unwrap();
        let challenge = Return {
            origin: url.origin().ascii_serialization(),
            destination: destination.to_owned(),
            client: CLIENT.parse().unwrap(),
            challenge: "c1".into(),
            browser: [7; 16],
            unsent: unsent.map(str::to_owned),
        };
        challenge.seal(&self.sealer, self.clock.now())
    }

    /// A browser with nothing in its jars.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser {
            world: self,
            client: CLIENT.parse().unwrap(),
            language: "en".into(),
            jar: BTreeMap::new(),
            at_idp: String::new(),
        }
    }
}

/// A browser that keeps cookies as browsers do.
#[derive(Clone)]
pub(crate) struct Browser<'a> {
    world: &'a World,
    pub(crate) client: IpAddr,
    pub(crate) language: String,
    /// Name to value and whether it goes along with a POST from another site.
    pub(crate) jar: BTreeMap<String, (String, bool)>,
    at_idp: String,
}

/// An answer of the portal.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) text: String,
    pub(crate) bytes: Bytes,
}

/// What the identity provider gives the browser to post.
#[derive(Clone, Debug)]
pub(crate) struct Posting {
    pub(crate) response: String,
    pub(crate) relay_state: String,
}

impl Answer {
    pub(crate) fn location(&self) -> &str {
        self.fields.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of a hidden field.
    pub(crate) fn hidden(&self, name: &str) -> String {
        hidden(&self.text, name).unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    pub(crate) fn heading(&self) -> &str {
        let (_, rest) = self.text.split_once("<h1>").unwrap_or_else(|| panic!("no heading in {self:?}"));
        rest.split_once("</h1>").unwrap().0
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let start = format!("{name}=");
        let mut all = self.fields.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        all.find(|value| value.starts_with(&start)).map(str::to_owned)
    }
}

fn hidden(html: &str, name: &str) -> Option<String> {
    let (_, rest) = html.split_once(&format!(" name=\"{name}\" value=\""))?;
    Some(rest.split_once('"')?.0.replace("&#38;", "&").replace("&#60;", "<").replace("&#62;", ">"))
}

impl Browser<'_> {
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None, false, &[]).await
    }

    /// Sends one of the portal's own forms.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let more = [("origin", PORTAL), ("sec-fetch-site", "same-origin")];
        self.send(Method::POST, path, Some(body), false, &more).await
    }

    /// Sends a form that stands on another site.
    pub(crate) async fn post_across(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let more = [("origin", "https://login.test"), ("sec-fetch-site", "cross-site")];
        self.send(Method::POST, path, Some(body), true, &more).await
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<String>,
        cross_site: bool,
        more: &[(&str, &str)],
    ) -> Answer {
        let sent = self.jar.iter().filter(|(_, (_, none))| *none || !cross_site);
        let cookies: Vec<_> = sent.map(|(name, (value, _))| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(COOKIE, cookies.join("; "))
            .header(ACCEPT_LANGUAGE, &self.language)
            .header(USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.unwrap_or_default()))).unwrap();
        let peer = Peer {
            client: (self.client, 40_000).into(),
            listener: "portal".into(),
            network: Arc::clone(Networks::new(&[]).of(self.client)),
            place: None,
        };
        let (parts, body) = self.world.portal.handle(request, Arc::new(peer)).await.into_parts();
        self.keep(&parts.headers);
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, fields: parts.headers, text, bytes }
    }

    fn keep(&mut self, fields: &HeaderMap) {
        for cookie in fields.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()) {
            let (pair, attributes) = cookie.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(name.starts_with("__Host-"), "{cookie}");
            for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite="] {
                assert!(attributes.contains(attribute), "{attribute} in {cookie}");
            }
            if attributes.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), (value.to_owned(), attributes.contains("SameSite=None")));
            }
        }
    }

    /// Opens the logon page and types a name.
    pub(crate) async fn type_name(&mut self, returning: Option<&str>, account: &str) -> Answer {
        let page = self.get(&entrance(returning)).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let csrf = page.hidden("csrf");
        let mut fields = vec![("csrf", csrf.as_str()), ("account", account)];
        fields.extend(returning.map(|token| ("r", token)));
        self.post("/logon", &fields).await
    }

    /// Signs in at the identity provider that `answer` leads to, as the person with this password.
    pub(crate) async fn at_idp(&mut self, answer: &Answer, login: &str, password: &str) -> Posting {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        let page = self.ask_idp(Method::GET, answer.location(), String::new()).await;
        if let Some(posting) = posting(&page) {
            return posting;
        }
        let fields = [
            ("SAMLRequest", hidden(&page, "SAMLRequest").unwrap()),
            ("RelayState", hidden(&page, "RelayState").unwrap()),
            ("login", login.to_owned()),
            ("password", password.to_owned()),
        ];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let (_, rest) = page.split_once(" action=\"").unwrap();
        let action = rest.split_once('"').unwrap().0;
        let page = self.ask_idp(Method::POST, action, body).await;
        posting(&page).unwrap_or_else(|| panic!("no Response in {page}"))
    }

    async fn ask_idp(&mut self, method: Method, address: &str, body: String) -> String {
        let request = Request::builder()
            .method(method)
            .uri(address)
            .header(COOKIE, &self.at_idp)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(axum::body::Body::from(body))
            .unwrap();
        let response = self.world.idp.clone().oneshot(request).await.unwrap();
        if let Some(cookie) = response.headers().get(SET_COOKIE) {
            self.at_idp = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    /// Posts what the identity provider gave.
    pub(crate) async fn deliver(&mut self, posting: &Posting) -> Answer {
        let fields = [("SAMLResponse", posting.response.as_str()), ("RelayState", posting.relay_state.as_str())];
        self.post_across("/saml/acs", &fields).await
    }

    /// The whole way: B.Simon signs in.
    pub(crate) async fn sign_in(&mut self, returning: Option<&str>) -> Answer {
        let sent = self.type_name(returning, "B.Simon@contoso.com").await;
        let posting = self.at_idp(&sent, "B.Simon@contoso.com", "simon").await;
        let answer = self.deliver(&posting).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        answer
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        self.jar.contains_key(name)
    }
}

fn posting(page: &str) -> Option<Posting> {
    Some(Posting { response: hidden(page, "SAMLResponse")?, relay_state: hidden(page, "RelayState")? })
}

/// The portal's entrance.
pub(crate) fn entrance(returning: Option<&str>) -> String {
    returning.map_or("/".to_owned(), |token| format!("/?r={token}"))
}
