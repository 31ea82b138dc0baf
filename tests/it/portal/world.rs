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
use vestibule::authority::Authority;
use vestibule::clock::{Clock, SignedDuration};
use vestibule::identity::{ForeignNames, Networks, Realm};
use vestibule::page::{Brand, Curl, Help};
use vestibule::policy::{self, Policy};
use vestibule::portal::{Config, Operators, Parts, Portal, RealmParts, Switch, Tools, Trust};
use vestibule::saml::config::Enabled;
use vestibule::saml::request;
use vestibule::saml::{ClaimMap, IdentityProvider, Key, Mismatch, ServiceProvider, SignOut, claims};
use vestibule::seal::Sealer;
use vestibule::session::pending::PendingSignIns;
use vestibule::session::returning::Return;
use vestibule::session::store::Store;
use vestibule::session::store::memory::Memory;
use vestibule::session::terminal::Terminals;
use vestibule::session::ticket::Tickets;
use vestibule::session::{self, Bindings, SessionId, Sessions};
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
    pub(crate) bindings: Arc<Bindings>,
    pub(crate) operators: Arc<Operators>,
    /// The identity provider's certificate, in PEM.
    pub(crate) certificate: String,
    pub(crate) state: tempfile::TempDir,
    networks: Networks,
}

/// What can be different about a world.
pub(crate) struct Options {
    pub(crate) mismatch: Mismatch,
    pub(crate) attempts_per_minute: u32,
    pub(crate) max_sessions: usize,
    /// Our keys.
    pub(crate) keys: Vec<Arc<Key>>,
    /// How people sign out at the identity provider: not at all, or as it says, or as is given here.
    pub(crate) sign_out: Option<Option<SignOut>>,
    /// The identity provider's certificate (DER), in place of the practice one's.
    pub(crate) certificate: Option<Vec<u8>>,
    /// Whether a sign-in may begin at the identity provider.
    pub(crate) idp_initiated: bool,
    /// Whether people may sign in.
    pub(crate) enabled: Enabled,
    /// The realm's domains, and those of others whose people it may name.
    pub(crate) domains: Vec<String>,
    pub(crate) foreign_names: ForeignNames,
    /// How the realm asks.
    pub(crate) requests: request::Options,
    /// Until when the identity provider's metadata are valid, if they say so.
    pub(crate) valid_until: Option<&'static str>,
    /// Whether the identity provider's metadata could be fetched.
    pub(crate) fetched: bool,
    /// What guests agree to.
    pub(crate) guest_terms: Option<String>,
    /// A network, if its addresses hold the client's.
    pub(crate) network: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mismatch: Mismatch::Accept,
            attempts_per_minute: 300,
            max_sessions: 100,
            sign_out: Some(None),
            certificate: None,
            idp_initiated: false,
            enabled: Enabled::Yes,
            keys: Vec::new(),
            domains: vec!["contoso.com".into()],
            foreign_names: ForeignNames::Refused,
            requests: request::Options::default(),
            valid_until: None,
            fetched: true,
            guest_terms: None,
            network: "",
        }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&Options::default())
    }

    #[expect(clippy::too_many_lines, reason = "a list of parts")]
    pub(crate) fn with(options: &Options) -> Self {
        let clock = Clock::by_hand("2026-11-21T10:00:00Z".parse().unwrap());
        let store: Arc<dyn Store> = Arc::new(Memory::new(1000, clock.clone()));
        let session_config = session::Config { max: options.max_sessions, ..session::Config::default() };
        let sessions = Arc::new(Sessions::new(session_config, Arc::clone(&store), clock.clone()));
        let tickets = Arc::new(Tickets::new(Arc::clone(&store), clock.clone()));
        let names = session::names::Config {
            domain: Some("proxy.test".into()),
            max_per_person: 3,
            ..session::names::Config::default()
        };
        let addresses = names.addresses(Some(8443));
        let bindings = Bindings::new(names, Arc::clone(&sessions), Arc::clone(&store), clock.clone());
        let bindings = Arc::new(bindings);
        let records = Arc::clone(&store);
        let pending = Arc::new(PendingSignIns::new(store, clock.clone(), SignedDuration::from_mins(30)));
        let sealer = Arc::new(Sealer::random());
        let sp = ServiceProvider {
            entity_id: "https://auth.test/0123456789abcdef".into(),
            acs_url: format!("{PORTAL}/saml/acs"),
            acs_aliases: vec![format!("{PORTAL}{ALIAS}")],
            slo_url: Some(format!("{PORTAL}/saml/slo")),
            keys: options.keys.clone(),
            requests: options.requests.clone(),
            ..ServiceProvider::default()
        };
        let app = App {
            identifier: sp.entity_id.clone(),
            reply_urls: vec![sp.acs_url.clone()],
            logout_url: Some(format!("{PORTAL}/saml/slo")),
        };
        let practice = Practice::new("https://login.test", vec![app], clock.clone()).unwrap();
        let certificate = practice.certificate();
        let mut metadata = practice.metadata().unwrap();
        if let Some(until) = options.valid_until {
            metadata = metadata.replacen(" entityID=", &format!(" validUntil=\"{until}\" entityID="), 1);
        }
        let mut trusted = IdentityProvider::from_metadata(&metadata).unwrap();
        if let Some(certificate) = &options.certificate {
            let (name, sign_out) = (trusted.entity_id().to_owned(), trusted.sign_out().cloned());
            let idp = IdentityProvider::from_parts(&name, &practice.sign_in_url(), None, certificate);
            trusted = idp.unwrap().signing_out_by(sign_out);
        }
        if let Some(sign_out) = &options.sign_out {
            trusted = trusted.signing_out_by(sign_out.clone());
        }
        let state = tempfile::tempdir().unwrap();
        let written = "name = 'contoso'\ndomains = ['contoso.com']\nentity_id = 'urn:us'\nmetadata = '/contoso.xml'";
        let written = vestibule::saml::Config { enabled: options.enabled, ..toml::from_str(written).unwrap() };
        let switch = Arc::new(Switch::read(&written, state.path()));
        let operators = Arc::new(Operators::ephemeral());
        let networks: Vec<vestibule::identity::network::Config> = match options.network {
            "" => Vec::new(),
            options => {
                let text = format!("name = \"office\"\naddresses = [\"192.0.2.0/24\"]\n{options}");
                vec![toml::from_str(&text).unwrap()]
            }
        };
        let known = Realm {
            name: "contoso".into(),
            domains: options.domains.clone(),
            netbios: vec![("CONTOSO".into(), "contoso.com".into())],
            foreign_names: options.foreign_names.clone(),
        };
        let realm = RealmParts {
            realm: known.clone(),
            service_provider: Arc::new(sp),
            identity_provider: Arc::new(match options.fetched {
                true => Trust::fixed(trusted, clock.clone()),
                false => Trust::renewable(&"https://login.test/metadata".parse().unwrap(), None, clock.clone()),
            }),
            claims: Arc::new(ClaimMap {
                realm: known,
                taken: vec!["fabrikam.com".into()],
                identity: claims::IDENTITY.map(str::to_owned).to_vec(),
                groups: claims::GROUPS.into(),
                tenant: None,
            }),
            mismatch: options.mismatch,
            idp_initiated: options.idp_initiated,
            switch: Arc::clone(&switch),
        };
        let mut config = Config::new(PORTAL.parse().unwrap());
        config.attempts_per_minute = options.attempts_per_minute;
        let mut brand = Brand::new("Contoso Web", Brand::ACCENT);
        brand.help = Some(Help::new("help@contoso.com"));
        let parts = Parts {
            sessions: Arc::clone(&sessions),
            tickets: Arc::clone(&tickets),
            bindings: Arc::clone(&bindings),
            names: addresses,
            pending: Arc::clone(&pending),
            sealer: Arc::clone(&sealer),
            realms: vec![realm],
            authority: Arc::new(Authority::ephemeral("Vestibule test", clock.clone()).unwrap()),
            tools: Some(Tools {
                tokens: session::Tokens::default(),
                terminals: Arc::new(Terminals::new(Arc::clone(&records), clock.clone())),
                networks: vec!["office".into()],
                proxy: "http://proxy.test:8080".into(),
                curl: Curl::default(),
            }),
            operators: Arc::clone(&operators),
            policy: Arc::new(Policy::new(&policy::Config::default(), &[], [])),
            hook: None,
            ring: None,
            notified: None,
            signals: None,
            brand,
            guest_terms: options.guest_terms.clone(),
            ways: Vec::new(),
            directories: Arc::default(),
            clock: clock.clone(),
            audit: Arc::default(),
            metrics: Arc::default(),
        };
        Self {
            portal: Portal::new(config, parts, Arc::default()),
            idp: practice.router(),
            clock,
            sealer,
            sessions,
            tickets,
            bindings,
            operators,
            certificate,
            state,
            networks: Networks::new(&networks),
        }
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
            within: None,
            halt: None,
            ways: Vec::new(),
            evidence: None,
            shown: Vec::new(),
            node: 0,
            planted: false,
            kept: None,
        };
        challenge.seal(&self.sealer, self.clock.now())
    }

    /// Where the identity provider's people sign in.
    pub(crate) fn sign_in_url(&self) -> String {
        format!("https://login.test/{}/saml2", vestibule::app::demo::idp::TENANT)
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
        let network = Arc::clone(self.world.networks.of(self.client));
        let peer = Peer::new((self.client, 40_000).into(), "portal", network);
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
        self.at_provider(method, address, body).await.1
    }

    /// Opens an address of the identity provider: where it leads, and its page.
    pub(crate) async fn at_provider(&mut self, method: Method, address: &str, body: String) -> (String, String) {
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
        let location = response.headers().get(LOCATION).map_or("", |value| value.to_str().unwrap()).to_owned();
        let page = response.into_body().collect().await.unwrap().to_bytes().to_vec();
        (location, String::from_utf8(page).unwrap())
    }

    /// Begins a sign-in, even where the realm is off: by a test.
    pub(crate) async fn begin_anywhere(&mut self) -> Answer {
        let link = self.world.operators.test_link(PORTAL, "contoso", self.world.clock.now());
        let page = self.get(link.strip_prefix(PORTAL).unwrap()).await;
        self.post("/test-sso", &[("csrf", &page.hidden("csrf")), ("t", &page.hidden("t"))]).await
    }

    /// Presses the tile of our application at the identity provider, as somebody who has signed in there.
    pub(crate) async fn press_tile(&mut self) -> Posting {
        let address = format!("https://login.test/{}/tile", vestibule::app::demo::idp::TENANT);
        let (_, page) = self.at_provider(Method::GET, &address, String::new()).await;
        let response = hidden(&page, "SAMLResponse").unwrap_or_else(|| panic!("no Response in {page}"));
        Posting { response, relay_state: "https://evil.test/".into() }
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

    /// The session of this browser.
    pub(crate) fn session(&self) -> Arc<session::Session> {
        self.world.sessions.find(SessionId::of_secret(&self.jar["__Host-vestibule"].0)).unwrap()
    }

    pub(crate) fn holds(&self, name: &str) -> bool {
        self.jar.contains_key(name)
    }
}

pub(crate) fn posting(page: &str) -> Option<Posting> {
    Some(Posting { response: hidden(page, "SAMLResponse")?, relay_state: hidden(page, "RelayState")? })
}

/// The portal's entrance.
pub(crate) fn entrance(returning: Option<&str>) -> String {
    returning.map_or("/".to_owned(), |token| format!("/?r={token}"))
}
