//! https that a rule has intercepted: what is seen and decided inside, and what becomes of what cannot be intercepted.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use serde_json::{Value, json};
use vestibule::admin;
use vestibule::authority::Authority;
use vestibule::clock::{Clock, SignedDuration, Timestamp};

use super::browser::Page;
use super::hours::wait_for_end;
use super::origin::Origin;
use super::raw::{Wire, read_head};
use super::reload::{echo, is_alive};
use super::world::{Builder, PATIENCE, World};

pub(crate) const OPEN: [u8; 4] = [127, 0, 5, 1];

const OURS: Option<&str> = Some("Vestibule interception");
const THEIRS: Option<&str> = Some("Vestibule demo web");

/// Everything from the network `open` is intercepted.
const ALL: &str = "[[policy.standing]]\nname = \"look inside\"\nnetworks = [\"open\"]\nintercept = true\n";

fn open() -> Builder {
    World::build().network("open", "127.0.5.0/24", "sign_in = \"none\"")
}

/// Answers with a field and a text.
fn saying(field: &'static str, text: &'static str) -> impl Fn(&str, &mut dyn Wire) + Send + Sync {
    move |_: &str, stream: &mut dyn Wire| {
        let length = text.len();
        drop(write!(stream, "HTTP/1.1 200 OK\r\n{field}Content-Length: {length}\r\nConnection: close\r\n\r\n{text}"));
    }
}

/// An origin of TLS at port 443 of a host.
fn origin(mut builder: Builder, host: &str, answer: impl Fn(&str, &mut dyn Wire) + Send + Sync + 'static) -> Builder {
    let tls = builder.certify(host);
    builder.host(&format!("{host}:443"), Origin::start_tls(tls, answer).address)
}

/// The authority of the web in this test, at a time that is off by so many days.
fn web_at(builder: &mut Builder, days: i64) -> Authority {
    builder.certify("nothing.test");
    let clock = Clock::by_hand(Clock::system().now());
    let authority = Authority::open_or_create(&builder.folder().join("web"), "Vestibule demo web", Clock::system());
    drop(authority.unwrap());
    clock.advance(SignedDuration::from_hours(24 * days));
    Authority::open_or_create(&builder.folder().join("web"), "Vestibule demo web", clock).unwrap()
}

/// What failed, as the program has counted it.
fn failures(world: &World) -> Vec<Value> {
    let mut found = Vec::new();
    let state = world.folder().join("state");
    let state = if state.exists() { state } else { world.folder().to_owned() };
    admin::client::ask(&state, "interception failures", &Value::Null, |item| found.push(item)).unwrap();
    found
}

fn reasons(world: &World, site: &str) -> Vec<String> {
    let of_site = failures(world).into_iter().filter(|item| item["site"] == site);
    of_site.map(|item| item["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_rule_has_https_of_those_whom_it_names_intercepted_and_nobody_elses() {
    let world = World::build()
        .config(
            "[[policy.standing]]\nname = \"spare mail\"\ndestinations = [\"mail.test\"]\nintercept = false\n\
             [[policy.standing]]\nname = \"look inside\"\nusers = [\"B.Simon@contoso.com\"]\nintercept = true\n\
             [[policy.rule]]\nname = \"no admin\"\ndestinations = [\"shop.test\"]\npaths = [\"/admin\"]\neffect = \"block\"\n",
        )
        .start();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    for _ in 0..2 {
        let page = browser.go("https://shop.test/basket?a=b");
        assert_eq!((page.status, page.redirects, page.issuer()), (200, 0, OURS), "{page:#?}");
        assert_eq!(page.heading(), "This is shop.test");
    }
    world.last_record_has(
        |record| record["host"] == "shop.test" && record["method"] == "GET",
        &[("user", "B.Simon@contoso.com".into()), ("path", "/basket".into()), ("decision", "permitted".into())],
    );
    world.last_record_has(
        |record| record["host"] == "shop.test" && record["method"] == "CONNECT",
        &[("user", "B.Simon@contoso.com".into()), ("terms", json!(["look inside"])), ("status", 200.into())],
    );
    // Each request inside is decided for itself, and what is refused is said on a page.
    let page = browser.go("https://shop.test/admin/users");
    assert_eq!((page.status, page.issuer()), (403, OURS), "{page:#?}");
    assert!(page.body.contains("no admin"), "{page:#?}");
    let tool = browser.bare_curl("https://shop.test/admin", &["-H", "Accept: application/json"]);
    assert_eq!((tool.status, tool.value("content-type")), (403, "application/problem+json"), "{tool:#?}");
    let page = browser.go("https://mail.test/");
    assert_eq!((page.status, page.issuer()), (200, THEIRS), "the first rule that says something counts: {page:#?}");
    // Somebody else is tunnelled.
    let other = world.browser().at([127, 0, 0, 2]);
    let logon = other.go("http://news.test/");
    other.sign_in(&logon, "AlexW@contoso.com", "alex");
    let page = other.go("https://shop.test/admin");
    assert_eq!((page.status, page.issuer()), (200, THEIRS), "{page:#?}");
}

#[test]
fn nobody_is_intercepted_to_be_asked_or_told_something_where_a_rule_spares_the_site() {
    let world = World::build()
        .network("lax", "127.0.6.0/24", "unidentified = \"allow\"")
        .network("strict", "127.0.7.0/24", "unidentified = \"refuse\"\nshared = true")
        .config(
            "[[policy.standing]]\nname = \"spare\"\ndestinations = [\"mail.test\", \"shut.test\"]\nintercept = false\n\
             [[policy.rule]]\nname = \"shut\"\ndestinations = [\"shut.test\", \"closed.test\"]\neffect = \"block\"\nauthenticate = false\n",
        )
        .start();
    let lax = world.browser().at([127, 0, 6, 1]);
    let page = lax.ask("https://mail.test/");
    assert_eq!((page.connect, page.status, page.issuer()), (200, 200, THEIRS), "`unidentified` decides: {page:#?}");
    let page = lax.ask("https://shop.test/");
    assert_eq!((page.connect, page.status, page.issuer()), (200, 302, OURS), "others are asked: {page:#?}");
    let strict = world.browser().at([127, 0, 7, 1]);
    assert_eq!(strict.ask("https://mail.test/").connect, 403);
    assert_eq!(strict.ask("https://shut.test/").connect, 403, "no page is shown there");
    let page = strict.ask("https://closed.test/");
    assert_eq!((page.connect, page.status, page.issuer()), (200, 403, OURS), "it is shown elsewhere: {page:#?}");
    world.last_record_has(|record| record["host"] == "mail.test", &[("decision", "denied".into())]);
}

#[test]
fn warnings_fields_and_alternatives_are_dealt_with_inside() {
    let seen = |head: &str, stream: &mut dyn Wire| {
        let text = head.to_owned();
        let length = text.len();
        let fields =
            "Alt-Svc: h3=\":443\"; ma=86400, h2=\"other.test:443\"\r\nStrict-Transport-Security: max-age=9\r\n";
        drop(write!(stream, "HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n{text}"));
    };
    let plain = Origin::start(saying("Alt-Svc: h3=\":443\"\r\n", "plain"));
    let world = origin(World::build(), "team.test", seen)
        .host("team.test:80", plain.address)
        .config(
            "[[policy.standing]]\nname = \"look inside\"\nintercept = true\n\
             [[policy.standing]]\nname = \"tenant\"\ndestinations = [\"team.test\"]\n\
             headers = { set = { Restrict-Access-To-Tenants = \"contoso.com\" } }\n\
             [[policy.rule]]\nname = \"careful\"\ndestinations = [\"shop.test\"]\neffect = \"warn\"\n",
        )
        .start();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let page = browser.curl("https://team.test/", &["-H", "Restrict-Access-To-Tenants: evil.example"]);
    assert_eq!((page.status, page.issuer()), (200, OURS), "{page:#?}");
    assert!(page.body.contains("Restrict-Access-To-Tenants: contoso.com\r\n"), "{page:#?}");
    assert!(!page.body.contains("evil.example"), "{page:#?}");
    assert_eq!(page.values("alt-svc"), ["h2=\"other.test:443\""], "{page:#?}");
    assert_eq!(page.value("strict-transport-security"), "max-age=9");
    let page = browser.ask("http://team.test/");
    assert_eq!((page.body.as_str(), page.values("alt-svc").len()), ("plain", 0), "{page:#?}");
    let page = browser.go("https://shop.test/basket");
    assert!(page.url.starts_with("https://portal.vestibule.test/rule/"), "{page:#?}");
    let page = browser.submit(&page, page.form(), &[]);
    let page = if page.status == 200 && page.url.contains("shop.test") {
        page
    } else {
        browser.go("https://shop.test/basket")
    };
    assert_eq!((page.status, page.heading(), page.issuer()), (200, "This is shop.test", OURS), "{page:#?}");
}

/// Hosts whose certificates have one fault each, and what pages and rules call it.
fn faulty(mut builder: Builder) -> Builder {
    let (old, young) = (web_at(&mut builder, -60), web_at(&mut builder, 60));
    let stranger = Authority::ephemeral("A stranger", Clock::system()).unwrap();
    let good = web_at(&mut builder, 0);
    let own = {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["self.test".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    };
    let tls = |(leaf, key): (CertificateDer<'static>, PrivateKeyDer<'static>)| {
        Arc::new(good.server_with(vec![leaf], key).unwrap())
    };
    for (host, server) in [
        ("expired.test", tls(old.issue("expired.test").unwrap())),
        ("young.test", tls(young.issue("young.test").unwrap())),
        ("name.test", tls(good.issue("another.test").unwrap())),
        ("stranger.test", tls(stranger.issue("stranger.test").unwrap())),
        ("self.test", tls(own)),
        ("both.test", tls(old.issue("another.test").unwrap())),
    ] {
        builder = builder.host(&format!("{host}:443"), Origin::start_tls(server, saying("", "hello")).address);
    }
    builder
}

const FAULTS: [(&str, &str, &str); 5] = [
    ("expired.test", "expired", "has expired"),
    ("young.test", "not-yet-valid", "is not valid yet"),
    ("name.test", "wrong-name", "made for another name"),
    ("stranger.test", "unknown-issuer", "nobody whom the proxy trusts"),
    ("self.test", "unknown-issuer", "nobody whom the proxy trusts"),
];

#[test]
fn what_is_wrong_with_an_origins_certificate_is_said_and_nothing_is_sent_there() {
    let world = faulty(open()).config(ALL).start();
    let browser = world.browser().at(OPEN);
    let mut listed = String::new();
    for (host, fault, said) in FAULTS {
        let page = browser.ask(&format!("https://{host}/"));
        assert_eq!((page.status, page.issuer()), (502, OURS), "{page:#?}");
        assert!(page.body.contains(said), "{host}: {page:#?}");
        assert_eq!(page.proxy_status(), "vestibule; error=tls_certificate_error");
        let failed = failures(&world).into_iter().find(|item| item["site"] == format!("{host}:443")).unwrap();
        assert_eq!((&failed["reason"], &failed["fault"]), (&"origin-certificate".into(), &fault.into()), "{failed}");
        assert!(failed["rule"].as_str().unwrap().contains(&format!("accept = [\"{fault}\"]")), "{failed}");
        listed += failed["rule"].as_str().unwrap();
    }
    // What is listed is put before the others as it is.
    world.reload(|text| text.replacen("[[policy.standing]]", &format!("{listed}[[policy.standing]]"), 1)).unwrap();
    for (host, _, _) in FAULTS {
        let page = browser.ask(&format!("https://{host}/"));
        assert_eq!((page.status, page.body.as_str(), page.issuer()), (200, "hello", OURS), "{host}: {page:#?}");
    }
}

#[test]
fn a_rule_accepts_one_fault_of_a_certificate_and_no_other_and_that_is_recorded() {
    let mut rules = ALL.to_owned();
    for (host, fault, _) in FAULTS {
        rules += &format!(
            "[[policy.standing]]\nname = \"accept {host}\"\ndestinations = [\"={host}\"]\naccept = [\"{fault}\"]\n"
        );
    }
    rules += "[[policy.standing]]\nname = \"half\"\ndestinations = [\"both.test\"]\naccept = [\"expired\"]\n";
    let world = faulty(open()).config(&rules).start();
    let browser = world.browser().at(OPEN);
    for (host, _, _) in FAULTS {
        for _ in 0..2 {
            let page = browser.ask(&format!("https://{host}/"));
            assert_eq!((page.status, page.body.as_str(), page.issuer()), (200, "hello", OURS), "{host}: {page:#?}");
        }
        // The request has used that connection; what was seen of the origin before says nothing of it.
        for (method, reason) in [("GET", "certificate-accepted".into()), ("CONNECT", Value::Null)] {
            let record = |record: &Value| record["host"] == host && record["method"] == method;
            let terms = json!(["look inside", format!("accept {host}")]);
            world.last_record_has(record, &[("reason", reason), ("terms", terms)]);
        }
    }
    let page = browser.ask("https://both.test/");
    assert_eq!(page.status, 502, "it is too old, which is accepted, and another one's: {page:#?}");
    assert!(page.body.contains("made for another name"), "{page:#?}");
}

/// A server whose certificate its issuer has revoked, as it says itself (OCSP stapling).
fn revoked(builder: &mut Builder, host: &str) -> Arc<ServerConfig> {
    let (chain, key) = builder.certify_files(host);
    let folder = builder.folder().join("ocsp");
    std::fs::create_dir(&folder).unwrap();
    let web = builder.folder().join("web");
    let (ca, ca_key) = (web.join("authority.pem"), web.join("authority.key"));
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").current_dir(&folder).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let serial = openssl(&["x509", "-noout", "-serial", "-in", &path(&chain)]);
    let serial = serial.trim().strip_prefix("serial=").unwrap();
    std::fs::write(
        folder.join("index.txt"),
        format!("R\t351231235959Z\t250101000000Z\t{serial}\tunknown\t/CN={host}\n"),
    )
    .unwrap();
    openssl(&["ocsp", "-issuer", &path(&ca), "-cert", &path(&chain), "-reqout", "request.der", "-no_nonce"]);
    openssl(&[
        "ocsp",
        "-index",
        "index.txt",
        "-rsigner",
        &path(&ca),
        "-rkey",
        &path(&ca_key),
        "-CA",
        &path(&ca),
        "-reqin",
        "request.der",
        "-respout",
        "response.der",
        "-ndays",
        "30",
    ]);
    let certificates: Vec<_> = CertificateDer::pem_file_iter(&chain).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&key).unwrap();
    let response = std::fs::read(folder.join("response.der")).unwrap();
    let mut server =
        ServerConfig::builder().with_no_client_auth().with_single_cert_with_ocsp(certificates, key, response).unwrap();
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(server)
}

#[test]
fn a_certificate_that_its_issuer_has_revoked_is_never_accepted() {
    let mut builder = open();
    let tls = revoked(&mut builder, "revoked.test");
    let all = "accept = [\"expired\", \"not-yet-valid\", \"wrong-name\", \"unknown-issuer\"]\n";
    let origin = Origin::start_tls(tls, saying("", "hello"));
    let world = builder.host("revoked.test:443", origin.address).config(&format!("{ALL}{all}")).start();
    let page = world.browser().at(OPEN).ask("https://revoked.test/");
    assert_eq!((page.status, page.issuer()), (502, OURS), "{page:#?}");
    assert!(page.body.contains("has been revoked"), "{page:#?}");
    assert!(origin.seen().iter().all(String::is_empty), "{:?}", origin.seen());
}

#[test]
fn an_origin_that_asks_for_a_certificate_of_the_client_is_refused_or_tunnelled_by_rule() {
    for (otherwise, connect) in [("refuse", 403), ("tunnel", 200)] {
        let mut builder = open();
        let (chain, key) = builder.certify_files("asks.test");
        let chain: Vec<_> = CertificateDer::pem_file_iter(&chain).unwrap().map(Result::unwrap).collect();
        let mut roots = RootCertStore::empty();
        let client_ca = Authority::ephemeral("Clients", Clock::system()).unwrap();
        roots.add(client_ca.certificate()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let key = PrivateKeyDer::from_pem_file(&key).unwrap();
        let server = ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let (counted, hello) = (Arc::clone(&count), saying("", "hello"));
        let origin = Origin::start_tls(Arc::new(server), move |head, stream| {
            counted.fetch_add(1, Ordering::SeqCst);
            hello(head, stream);
        });
        let rule = format!("{ALL}client_certificate = \"{otherwise}\"\n");
        let world = builder.host("asks.test:443", origin.address).config(&rule).start();
        let browser = world.browser().at(OPEN);
        for _ in 0..2 {
            let page = browser.ask("https://asks.test/");
            assert_eq!(page.connect, connect, "{page:#?}");
            assert_ne!(page.issuer(), OURS, "{page:#?}");
        }
        // A tunnel may also say how it was broken off.
        let reasons = ["client-certificate-wanted", "connection_terminated"].map(Value::from);
        let reasons = if connect == 403 { &reasons[..1] } else { &reasons[..] };
        let is_its = |record: &&Value| record["host"] == "asks.test" && record["terms"] == json!(["look inside"]);
        let all = world.wait_for(|all| all.iter().any(|record| is_its(&record)));
        assert!(all.iter().filter(is_its).all(|record| reasons.contains(&record["reason"])), "{all:#?}");
        let failed = failures(&world).into_iter().find(|item| item["site"] == "asks.test:443").unwrap();
        assert_eq!((&failed["reason"], &failed["count"]), (&"client-certificate-wanted".into(), &2.into()), "{failed}");
        if connect == 200 {
            // A client that has one gets through to the origin, which is the only one that sees it.
            let (own, own_key) = client_ca.issue_pem("eve").unwrap();
            let files = [world.path("client-cert"), world.path("client-key")];
            std::fs::write(&files[0], own).unwrap();
            std::fs::write(&files[1], own_key).unwrap();
            let page = browser.curl(
                "https://asks.test/",
                &["--cert", files[0].to_str().unwrap(), "--key", files[1].to_str().unwrap()],
            );
            // The leaf is one for servers, which this origin does not take: it is the origin that says so.
            assert_eq!((page.connect, page.issuer()), (200, THEIRS), "{page:#?}");
        }
    }
}

/// A server that speaks first, as SSH does, and says back what it is told.
fn banner() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                drop(stream.write_all(b"SSH-2.0-test\r\n"));
                let mut buffer = [0; 64];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    drop(stream.write_all(&buffer[..count]));
                }
            });
        }
    });
    address
}

#[test]
fn what_is_not_tls_is_refused_or_tunnelled_by_rule_and_a_server_may_speak_first() {
    for (otherwise, is_through) in [("refuse", false), ("tunnel", true)] {
        let rule = format!("{ALL}unreadable = \"{otherwise}\"\n");
        let world =
            origin(open(), "web.test", saying("", "hello")).host("ssh.test:443", banner()).config(&rule).start();
        let mut stream = world.connect(OPEN);
        write!(stream, "CONNECT ssh.test:443 HTTP/1.1\r\nHost: ssh.test:443\r\n\r\n").unwrap();
        let head = read_head(&mut stream);
        assert_eq!(head.starts_with("HTTP/1.1 200"), is_through, "{head}");
        if is_through {
            let mut said = [0; 14];
            stream.read_exact(&mut said).unwrap();
            assert_eq!(&said, b"SSH-2.0-test\r\n");
            stream.write_all(b"SSH-2.0-ours\r\n").unwrap();
            stream.read_exact(&mut said).unwrap();
            assert_eq!(&said, b"SSH-2.0-ours\r\n");
        } else {
            assert!(head.starts_with("HTTP/1.1 403"), "{head}");
        }
        // The origin speaks TLS, and the client does not.
        let mut stream = world.connect(OPEN);
        write!(stream, "CONNECT web.test:443 HTTP/1.1\r\nHost: web.test:443\r\n\r\nSSH-2.0-ours\r\n").unwrap();
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
        // What comes through is the origin's own complaint.
        assert_eq!(!rest.is_empty(), is_through, "{rest:?}");
        assert!(reasons(&world, "web.test:443").contains(&"protocol".to_owned()));
        assert!(reasons(&world, "ssh.test:443").contains(&"protocol".to_owned()));
    }
}

/// A handshake of a client with this name in it, inside of a CONNECT.
fn shake(
    world: &World,
    authority: &str,
    name: &str,
    change: impl FnOnce(&mut ClientConfig),
) -> (std::io::Result<()>, StreamOwned<ClientConnection, TcpStream>) {
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    finish(world, authority, name, config.with_root_certificates(roots(world)).with_no_client_auth(), change)
}

fn roots(world: &World) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&world.bundle).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    roots
}

fn finish(
    world: &World,
    authority: &str,
    name: &str,
    mut config: ClientConfig,
    change: impl FnOnce(&mut ClientConfig),
) -> (std::io::Result<()>, StreamOwned<ClientConnection, TcpStream>) {
    change(&mut config);
    let mut stream = world.connect(OPEN);
    write!(stream, "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: App/1\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut outcome = Ok(());
    while connection.is_handshaking() && outcome.is_ok() {
        outcome = connection.complete_io(&mut stream).map(drop);
    }
    (outcome, StreamOwned::new(connection, stream))
}

fn get(stream: &mut dyn Wire, host: &str) -> String {
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = Vec::new();
    drop(stream.read_to_end(&mut text));
    String::from_utf8(text).unwrap()
}

/// Who has issued the certificate that a client was shown.
fn issuer(stream: &StreamOwned<ClientConnection, TcpStream>) -> String {
    let leaf = stream.conn.peer_certificates().unwrap().first().unwrap();
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf).unwrap();
    leaf.issuer().to_string()
}

#[test]
fn a_name_in_the_handshake_that_is_not_the_connects_ends_the_connection() {
    let world = origin(open(), "front.test", saying("", "front"));
    let world =
        origin(world, "hidden.test", saying("", "hidden")).config(&format!("{ALL}unreadable = \"tunnel\"\n")).start();
    let (outcome, _) = shake(&world, "front.test:443", "hidden.test", |_| {});
    outcome.unwrap_err();
    world.last_record_has(
        |record| record["host"] == "front.test" && record["method"] == "CONNECT",
        &[("reason", "server-name-differs".into())],
    );
    assert_eq!(reasons(&world, "front.test:443"), ["server-name-differs"]);
    // Nor does the Host field inside lead elsewhere.
    let (outcome, mut stream) = shake(&world, "front.test:443", "front.test", |_| {});
    outcome.unwrap();
    let answer = get(&mut stream, "hidden.test");
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
}

#[test]
fn a_tunnel_to_one_site_leads_to_no_other_where_names_are_looked_at() {
    let rules = "[interception]\ntunnels = \"server-name\"\n[policy]\nblocked = [\"hidden.test\"]\n";
    for (setting, is_checked) in [(rules, true), ("", false)] {
        let world = origin(open(), "front.test", saying("", "front"));
        let world = world.host("ssh.test:443", banner()).config(setting).start();
        let (outcome, mut stream) = shake(&world, "front.test:443", "front.test", |_| {});
        outcome.unwrap();
        assert!(get(&mut stream, "front.test").ends_with("front") && issuer(&stream).contains("Vestibule demo web"));
        // A tunnel is recorded when both sides have closed it.
        drop(stream);
        let (outcome, _) = shake(&world, "front.test:443", "hidden.test", |_| {});
        outcome.unwrap_err();
        let is_its = |record: &Value| record["host"] == "front.test" && record["reason"] == "server-name-differs";
        if is_checked {
            world.wait_for(|all| all.iter().any(is_its));
        } else {
            let is_connect = |record: &&Value| record["host"] == "front.test" && record["method"] == "CONNECT";
            let all = world.wait_for(|all| all.iter().filter(is_connect).count() == 2);
            assert!(!all.iter().any(is_its), "{all:#?}");
        }
        // What begins as TLS and cannot be read might still hold a name.
        let mut stream = world.connect(OPEN);
        write!(stream, "CONNECT front.test:443 HTTP/1.1\r\nHost: front.test:443\r\n\r\n").unwrap();
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
        let pieces: Vec<u8> = [1, 0, 0, 60, 3, 3].into_iter().chain([7; 40]).collect();
        let records: Vec<u8> = pieces.iter().flat_map(|octet| [22, 3, 1, 0, 1, *octet]).collect();
        stream.write_all(&records).unwrap();
        if is_checked {
            let mut rest = Vec::new();
            drop(stream.read_to_end(&mut rest));
            assert!(rest.is_empty(), "nothing has come from the origin: {rest:?}");
            world.wait_for(|all| all.iter().filter(|record| is_its(record)).count() == 2);
        }
        drop(stream);
        // A server that speaks first, and a client that waits for it.
        let mut stream = world.connect(OPEN);
        write!(stream, "CONNECT ssh.test:443 HTTP/1.1\r\nHost: ssh.test:443\r\n\r\n").unwrap();
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
        let mut said = [0; 14];
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"SSH-2.0-test\r\n");
        stream.write_all(b"SSH-2.0-ours\r\n").unwrap();
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"SSH-2.0-ours\r\n");
    }
}

#[test]
fn whoever_asks_for_an_address_must_be_permitted_to_go_to_the_name_in_the_handshake() {
    let mut builder = open();
    let tls = builder.certify("front.test");
    let address = Origin::start_tls(tls, saying("", "front")).address;
    let world = builder
        .egress(&format!("allow = [\"127.0.0.1/32\"]\nconnect_ports = [443, {}]", address.port()))
        .config("[interception]\ntunnels = \"server-name\"\n[policy]\nblocked = [\"hidden.test\"]\n")
        .start();
    let (outcome, mut stream) = shake(&world, &address.to_string(), "front.test", |_| {});
    outcome.unwrap();
    assert!(get(&mut stream, "front.test").ends_with("front"));
    let (outcome, _) = shake(&world, &address.to_string(), "hidden.test", |_| {});
    outcome.unwrap_err();
    world.wait_for(|all| all.iter().any(|record| record["reason"] == "http_request_denied"));
}

#[test]
fn without_a_name_or_with_a_hidden_one_the_rule_says_what_becomes_of_it_and_grease_passes() {
    use rustls::client::{EchGreaseConfig, EchMode};
    use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128 as SUITE;
    use rustls::crypto::hpke::Hpke as _;
    for (otherwise, is_through) in [("refuse", false), ("tunnel", true)] {
        let rule = format!("{ALL}unreadable = \"{otherwise}\"\n");
        let world = origin(open(), "site.test", saying("", "hello")).config(&rule).start();
        let (outcome, stream) = shake(&world, "site.test:443", "site.test", |config| config.enable_sni = false);
        assert_eq!(outcome.is_ok(), is_through, "{outcome:?}");
        if is_through {
            assert!(issuer(&stream).contains("Vestibule demo web"), "{}", issuer(&stream));
        }
        let grease = |name: &str| {
            let (public, _) = SUITE.generate_key_pair().unwrap();
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = ClientConfig::builder_with_provider(provider);
            let config = config.with_ech(EchMode::Grease(EchGreaseConfig::new(SUITE, public))).unwrap();
            let config = config.with_root_certificates(roots(&world)).with_no_client_auth();
            finish(&world, "site.test:443", name, config, |_| {})
        };
        let (outcome, mut stream) = grease("site.test");
        outcome.unwrap();
        assert!(issuer(&stream).contains("Vestibule interception"), "{}", issuer(&stream));
        assert!(get(&mut stream, "site.test").ends_with("hello"));
        // With a real one, the name that is seen is another one's.
        let (outcome, _) = grease("front.test");
        outcome.unwrap_err();
        if !is_through {
            let is_connect = |record: &Value| record["host"] == "site.test" && record["method"] == "CONNECT";
            world.last_record_has(is_connect, &[("reason", "not-http".into())]);
        } else {
            world.wait_for(|all| {
                let last = all.iter().rfind(|record| record["host"] == "site.test" && record["method"] == "CONNECT");
                last.is_some_and(|record| record["bytes_in"].as_u64().unwrap_or_default() > 100)
            });
        }
    }
}

#[test]
fn both_sides_agree_on_the_newest_keys_and_resume_and_old_tls_works() {
    let groups = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut builder = open();
    let tls = builder.certify("site.test");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::clone(&groups);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (tls, seen) = (Arc::clone(&tls), Arc::clone(&seen));
            std::thread::spawn(move || {
                let mut stream = StreamOwned::new(rustls::ServerConnection::new(tls).unwrap(), stream);
                let head = read_head(&mut stream);
                let group = stream.conn.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
                let kind = format!("{:?}", stream.conn.handshake_kind());
                let cipher = stream.conn.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
                seen.lock().unwrap().push((group, kind, cipher));
                if !head.is_empty() {
                    drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"));
                    stream.conn.send_close_notify();
                    drop(stream.flush());
                }
            });
        }
    });
    let world = builder.host("site.test:443", address).config(ALL).start();
    let resumption = rustls::client::Resumption::in_memory_sessions(8);
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let (outcome, mut stream) =
            shake(&world, "site.test:443", "site.test", |config| config.resumption = resumption.clone());
        outcome.unwrap();
        assert!(get(&mut stream, "site.test").ends_with("ok"));
        kinds.push((
            format!("{:?}", stream.conn.handshake_kind()),
            stream.conn.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            stream.conn.negotiated_cipher_suite().map(|suite| suite.suite()),
        ));
    }
    // This client has AES with 256 bits first.
    let first = Some(rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
    assert_eq!(kinds[0], ("Some(Full)".to_owned(), Some("X25519MLKEM768".to_owned()), first), "{kinds:?}");
    let all = rustls::crypto::aws_lc_rs::default_provider();
    for only in &all.cipher_suites {
        let provider = rustls::crypto::CryptoProvider { cipher_suites: vec![*only], ..all.clone() };
        let config = ClientConfig::builder_with_provider(Arc::new(provider));
        let config = config.with_protocol_versions(&[only.version()]).unwrap();
        let config = config.with_root_certificates(roots(&world)).with_no_client_auth();
        let (outcome, mut stream) = finish(&world, "site.test:443", "site.test", config, |_| {});
        // Leaves have keys of elliptic curves.
        if format!("{:?}", only.suite()).contains("_RSA_") {
            outcome.unwrap_err();
            continue;
        }
        outcome.unwrap();
        assert_eq!(stream.conn.negotiated_cipher_suite(), Some(*only));
        assert!(get(&mut stream, "site.test").ends_with("ok"));
    }
    let (outcome, mut old) = {
        let config = ClientConfig::builder_with_protocol_versions(&[&rustls::version::TLS12]);
        finish(
            &world,
            "site.test:443",
            "site.test",
            config.with_root_certificates(roots(&world)).with_no_client_auth(),
            |_| {},
        )
    };
    outcome.unwrap();
    assert_eq!(old.conn.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));
    assert!(get(&mut old, "site.test").ends_with("ok"));
    let groups = groups.lock().unwrap();
    assert!(groups.iter().any(|(group, ..)| group.as_deref() == Some("X25519MLKEM768")), "{groups:?}");
    assert!(groups.iter().any(|(_, kind, _)| kind == "Some(Resumed)"), "{groups:?}");
    // This origin takes what it is offered first.
    let is_first = |cipher: &Option<String>| cipher.as_deref() == Some("TLS13_AES_128_GCM_SHA256");
    assert!(groups.iter().all(|(.., cipher)| is_first(cipher)), "{groups:?}");
}

#[test]
fn a_leaf_has_the_names_of_its_origin() {
    let mut builder = open();
    builder.certify("site.test");
    let web = web_at(&mut builder, 0);
    let (chain, key) = web.issue_for(&["site.test", "*.site.test", "www.other.test"]).unwrap();
    let tls = Arc::new(web.server_with(chain, key).unwrap());
    let world = builder.host("site.test:443", Origin::start_tls(tls, saying("", "hello")).address).config(ALL).start();
    let (outcome, stream) = shake(&world, "site.test:443", "site.test", |_| {});
    outcome.unwrap();
    let leaf = stream.conn.peer_certificates().unwrap().first().unwrap();
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap().value.to_owned();
    let names: Vec<String> = names.general_names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["DNSName(site.test)", "DNSName(*.site.test)", "DNSName(www.other.test)"]);
}

#[test]
fn software_that_trusts_nobody_is_listed_and_let_through_only_where_that_is_configured() {
    for (setting, is_let_through) in
        [("", false), ("[interception]\nauto_tunnel = { after = 3, for = \"1d\" }\n", true)]
    {
        let world = origin(open(), "pinned.test", saying("", "hello")).config(&format!("{ALL}{setting}")).start();
        let app = world.browser().at(OPEN).trusting(&world.web);
        let ask = || app.bare_curl("https://pinned.test/", &["-A", "BankApp/7"]);
        for _ in 0..3 {
            assert_eq!(ask().exit, 60, "it trusts the origin's authority alone");
        }
        world.wait_for(|all| all.iter().filter(|record| record["reason"] == "client-refused-certificate").count() == 3);
        let failed = failures(&world);
        assert_eq!(failed.len(), 1, "{failed:?}");
        let failed = &failed[0];
        assert_eq!(
            (&failed["site"], &failed["software"], &failed["reason"], &failed["count"]),
            (&"pinned.test:443".into(), &"BankApp/7".into(), &"client-refused-certificate".into(), &3.into())
        );
        let rule = failed["rule"].as_str().unwrap().to_owned();
        assert!(rule.contains("intercept = false"), "{rule}");
        let page = ask();
        assert_eq!((page.exit == 0, page.issuer() == THEIRS), (is_let_through, is_let_through), "{page:#?}");
        let browser = world.browser().at(OPEN);
        assert_eq!(browser.ask("https://pinned.test/").issuer(), OURS, "other software is intercepted as before");
        if is_let_through {
            let is_its = |record: &Value| record["host"] == "pinned.test" && record["reason"] == "auto-tunnel";
            world.wait_for(|all| all.iter().any(is_its));
            // What is open then ends with its time.
            let mut open = world.connect(OPEN);
            write!(open, "CONNECT pinned.test:443 HTTP/1.1\r\nHost: pinned.test:443\r\nUser-Agent: BankApp/7\r\n\r\n")
                .unwrap();
            assert!(read_head(&mut open).starts_with("HTTP/1.1 200"));
            let is_over = |record: &Value| record["host"] == "pinned.test" && record["reason"] == "auto-tunnel-over";
            world.clock.advance(SignedDuration::from_hours(23));
            std::thread::sleep(Duration::from_secs(2));
            assert!(!world.records().iter().any(is_over), "it is not over yet");
            world.clock.advance(SignedDuration::from_hours(2));
            assert_eq!(open.read(&mut [0]).unwrap(), 0, "it is closed");
            world.wait_for(|all| all.iter().any(is_over));
            assert_eq!(ask().exit, 60, "it is intercepted again");
            continue;
        }
        // What is listed spares the site, put before the others.
        world.reload(|text| text.replacen("[[policy.standing]]", &format!("{rule}[[policy.standing]]"), 1)).unwrap();
        let page = ask();
        assert_eq!((page.exit, page.issuer()), (0, THEIRS), "{page:#?}");
    }
}

#[test]
fn websockets_events_and_ranges_pass() {
    let (tell, told) = mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let answer = move |head: &str, stream: &mut dyn Wire| {
        if head.contains("Upgrade: websocket") {
            let accept = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
            drop(stream.write_all(accept.as_bytes()));
            drop(stream.flush());
            let mut buffer = [0; 64];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                drop(stream.write_all(&buffer[..count]));
                drop(stream.flush());
            }
        } else if head.starts_with("GET /events") {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n"));
            drop(stream.flush());
            told.lock().unwrap().recv().unwrap();
            drop(stream.write_all(b"9\r\ndata: b\n\n\r\n0\r\n\r\n"));
        } else {
            assert!(head.contains("Range: bytes=2-4\r\n"), "{head}");
            let head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/9\r\nContent-Length: 3\r\nConnection: close\r\n\r\ncde";
            drop(stream.write_all(head.as_bytes()));
        }
    };
    let world = origin(open(), "live.test", answer).config(ALL).start();
    let inside = || world.inside(OPEN, "live.test:443");
    let mut socket = inside();
    write!(
        socket,
        "GET /ws HTTP/1.1\r\nHost: live.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let head = read_head(&mut socket);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(issuer(&socket).contains("Vestibule interception"));
    for word in [b"one", b"two"] {
        socket.write_all(word).unwrap();
        let mut back = [0; 3];
        socket.read_exact(&mut back).unwrap();
        assert_eq!(&back, word);
    }
    let mut events = inside();
    write!(events, "GET /events HTTP/1.1\r\nHost: live.test\r\nAccept: text/event-stream\r\n\r\n").unwrap();
    let head = read_head(&mut events);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut first = [0; 14];
    events.read_exact(&mut first).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&first),
        "9\r\ndata: a\n\n\r\n",
        "it comes while the next one is not written yet"
    );
    tell.send(()).unwrap();
    events.read_exact(&mut first).unwrap();
    assert_eq!(String::from_utf8_lossy(&first), "9\r\ndata: b\n\n\r\n");
    let page = world.browser().at(OPEN).curl("https://live.test/file", &["-r", "2-4"]);
    assert_eq!((page.status, page.body.as_str(), page.issuer()), (206, "cde", OURS), "{page:#?}");
}

/// Octets that differ from place to place.
fn pattern(block: u64) -> Vec<u8> {
    let mut state = block.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..(1 << 17)).flat_map(next).collect()
}

#[test]
fn a_hundred_megabytes_pass_in_both_directions_unchanged() {
    use aws_lc_rs::digest::{Context, SHA256};
    const MIB: u64 = 100;
    let mut wanted = Context::new(&SHA256);
    (0..MIB).for_each(|block| wanted.update(&pattern(block)));
    let wanted = wanted.finish().as_ref().to_vec();
    let hash = wanted.clone();
    let answer = move |head: &str, stream: &mut dyn Wire| {
        if head.starts_with("GET") {
            drop(write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", MIB << 20));
            (0..MIB).for_each(|block| drop(stream.write_all(&pattern(block))));
            return;
        }
        let mut context = Context::new(&SHA256);
        let mut left = MIB << 20;
        let mut buffer = vec![0; 1 << 16];
        while left > 0 {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "{left} octets are missing");
            context.update(&buffer[..count]);
            left -= count as u64;
        }
        let text = if context.finish().as_ref() == hash { "same" } else { "other" };
        drop(write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len()));
    };
    let world = origin(open(), "bulk.test", answer).config(ALL).start();
    let file = world.path("bulk");
    let mut out = std::fs::File::create(&file).unwrap();
    (0..MIB).for_each(|block| out.write_all(&pattern(block)).unwrap());
    drop(out);
    let browser = world.browser().at(OPEN);
    let long = ["--max-time", "300", "-H", "Expect:"];
    let upload: Page =
        browser.bare_curl("https://bulk.test/up", &[&long[..], &["-T", file.to_str().unwrap()]].concat());
    assert_eq!((upload.status, upload.body.as_str(), upload.issuer()), (200, "same", OURS), "{upload:#?}");
    let mut stream = world.inside(OPEN, "bulk.test:443");
    write!(stream, "GET /down HTTP/1.1\r\nHost: bulk.test\r\nConnection: close\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (mut context, mut left, mut buffer) = (Context::new(&SHA256), MIB << 20, vec![0; 1 << 16]);
    while left > 0 {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "{left} octets are missing");
        context.update(&buffer[..count]);
        left -= count as u64;
    }
    assert_eq!(context.finish().as_ref(), wanted);
}

/// A tunnel that is open, unread.
fn tunnel(world: &World, host: &str) -> TcpStream {
    let mut stream = world.connect(OPEN);
    write!(stream, "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\nUser-Agent: a tool\r\n\r\n").unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{host}: {head}");
    stream
}

/// The same to a server that speaks first.
fn tunnel_to_banner(world: &World, host: &str) -> TcpStream {
    let (mut stream, mut said) = (tunnel(world, host), [0; 14]);
    stream.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"SSH-2.0-test\r\n");
    stream
}

#[test]
fn an_open_tunnel_ends_when_it_would_be_intercepted_by_a_new_configuration_or_by_hours_that_begin() {
    let minutes = Timestamp::now().as_second() / 60;
    let text = |minutes: i64| format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60);
    let hours = format!("schedule = {{ hours = [\"{}-{}\"] }}", text(minutes + 3), text(minutes + 60));
    let rules = format!(
        "[[policy.standing]]\nname = \"spare\"\ndestinations = [\"spared.test\"]\nintercept = false\n\
         [[policy.standing]]\nname = \"by hours\"\ndestinations = [\"hours.test\"]\nintercept = true\n{hours}\n\
         [[policy.standing]]\nname = \"what cannot be read\"\ndestinations = [\"ssh.test\"]\nintercept = true\nunreadable = \"tunnel\"\n"
    );
    let builder = ["plain.test", "spared.test", "hours.test"]
        .iter()
        .fold(open(), |builder, host| builder.host(&format!("{host}:443"), echo()));
    let world = builder.host("ssh.test:443", banner()).config(&rules).start();
    let [mut plain, mut spared, mut by_hours] =
        ["plain.test", "spared.test", "hours.test"].map(|host| tunnel(&world, host));
    let mut ssh = tunnel_to_banner(&world, "ssh.test");
    assert!([&mut plain, &mut spared, &mut by_hours, &mut ssh].into_iter().all(is_alive));
    world.clock.advance(SignedDuration::from_mins(4));
    wait_for_end(&mut by_hours);
    world.last_record_has(|record| record["host"] == "hours.test", &[("reason", "hours-over".into())]);
    assert!([&mut plain, &mut spared, &mut ssh].into_iter().all(is_alive), "their rules have no hours");
    world.reload(|text| format!("{text}\n{ALL}")).unwrap();
    wait_for_end(&mut plain);
    world.last_record_has(|record| record["host"] == "plain.test", &[("reason", "policy-changed".into())]);
    assert!(is_alive(&mut spared) && is_alive(&mut ssh), "nobody looks into these by the new rules either");
    world.reload(|text| text.replace("unreadable = \"tunnel\"", "unreadable = \"refuse\"")).unwrap();
    wait_for_end(&mut ssh);
    world.last_record_has(|record| record["host"] == "ssh.test", &[("reason", "policy-changed".into())]);
    assert!(is_alive(&mut spared));
}

#[test]
fn an_intercepted_connection_takes_its_limit_once_and_keeps_it_for_as_long_as_it_is_open() {
    let rule = format!("{ALL}unreadable = \"tunnel\"\nlimit = {{ connections = 1 }}\n");
    let answer = |_: &str, stream: &mut dyn Wire| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"));
    };
    let world = origin(open(), "site.test", answer).host("ssh.test:443", banner()).config(&rule).start();
    let status = |host: &str| {
        let mut stream = world.connect(OPEN);
        write!(stream, "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n").unwrap();
        read_head(&mut stream).get(9..12).unwrap().to_owned()
    };
    let wait_until_free = |host: &str| {
        let begun = Instant::now();
        while status(host) != "200" {
            assert!(begun.elapsed() < PATIENCE, "the place was not given back");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let mut inside = world.inside(OPEN, "site.test:443");
    for _ in 0..2 {
        // It has its place already, idle or not, and what is asked inside takes no other.
        assert_eq!(status("site.test"), "429");
        inside.write_all(b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n").unwrap();
        let head = read_head(&mut inside);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut body = [0; 5];
        inside.read_exact(&mut body).unwrap();
        assert_eq!(&body, b"hello");
    }
    world.last_record_has(
        |record| record["status"] == 429,
        &[("reason", "too-many-connections".into()), ("rule", "look inside".into())],
    );
    drop(inside);
    wait_until_free("site.test");
    // One that turns out to be a tunnel takes one place, too.
    wait_until_free("ssh.test");
    let begun = Instant::now();
    let mut ssh = loop {
        let mut stream = world.connect(OPEN);
        write!(stream, "CONNECT ssh.test:443 HTTP/1.1\r\nHost: ssh.test:443\r\n\r\n").unwrap();
        if read_head(&mut stream).starts_with("HTTP/1.1 200") {
            break stream;
        }
        assert!(begun.elapsed() < PATIENCE, "the place was not given back");
    };
    let mut said = [0; 14];
    ssh.read_exact(&mut said).unwrap();
    assert_eq!(status("site.test"), "429");
    assert!(is_alive(&mut ssh));
    drop(ssh);
    wait_until_free("site.test");
}
