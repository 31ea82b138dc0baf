//! Routes and parents that do whatever a test wants.

use super::pool::{Lost, Pool, Wants};
use super::*;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::identity::Networks;
use crate::policy::{Access, Policy, Question, Store, Subject, Verdict};
use crate::wire::h1::Stream;
use crate::wire::{RequestKind, Scheme};

/// A parent that answers each connection with `answer`, and then sends back what it gets.
struct Fake {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Fake {
    async fn start(answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, connections) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicUsize>::default());
        let (seen, count) = (Arc::clone(&heads), Arc::clone(&connections));
        tokio::spawn(async move {
            loop {
                let mut stream = listener.accept().await.unwrap().0;
                count.fetch_add(1, Ordering::Relaxed);
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let mut head = vec![0; 4096];
                    let read = stream.read(&mut head).await.unwrap();
                    seen.lock().unwrap().push(String::from_utf8_lossy(&head[..read]).into_owned());
                    if answer == b"hang" {
                        return std::future::pending().await;
                    }
                    stream.write_all(answer).await.unwrap();
                    if answer.is_empty() {
                        return;
                    }
                    let (mut reader, mut writer) = stream.split();
                    drop(tokio::io::copy(&mut reader, &mut writer).await);
                });
            }
        });
        Self { address, heads, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

const TAKEN: &[u8] = b"HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n";

/// An address that refuses connections.
async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn parent(name: &str, url: &str, more: &str) -> parent::Config {
    toml::from_str(&format!("name = '{name}'\nurl = '{url}'\n{more}")).unwrap()
}

fn route(written: &str) -> Route {
    #[derive(serde::Deserialize)]
    struct Holder {
        route: Route,
    }
    toml::from_str::<Holder>(&format!("route = {written}")).unwrap().route
}

fn dialler(config: &Config) -> Dialler {
    let limit = Duration::from_secs(10);
    let limits = Limits { connect_time: limit, ..Limits::default() };
    Dialler::new(config, Vec::new(), OriginTls::new(Roots::default(), limit), &limits)
}

fn client() -> Option<SocketAddr> {
    "192.0.2.7:5000".parse().ok()
}

fn http(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// A permit of a rule with these options.
fn permit(destination: &Destination, options: &str) -> Permit {
    let rule = format!("[[rule]]\nname = 'a'\neffect = 'allow'\nauthenticate = false\n{options}");
    let policy = Policy::new(&toml::from_str(&rule).unwrap(), &[], []);
    let network = Arc::clone(Networks::new(&[]).of("192.0.2.7".parse().unwrap()));
    let destination = Arc::new(destination.clone());
    let (subject, access, store) = (Subject::Nobody, Access::Connect(RequestKind::Tool), Store::Known);
    match policy.decide(&Question::plain(subject, &network, &destination, access, store)) {
        Verdict::Permit(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn tunnel(authority: &str) -> Destination {
    Destination::of_authority(Scheme::Https, authority).unwrap()
}

async fn echoes(stream: &mut Stream) -> bool {
    let mut back = [0; 4];
    stream.write_all(b"ping").await.is_ok() && stream.read_exact(&mut back).await.is_ok() && &back == b"ping"
}

#[tokio::test]
async fn a_tunnel_goes_through_the_parent_that_the_default_names_and_not_where_it_is_direct() {
    let (hq, branch) = (Fake::start(TAKEN).await, Fake::start(TAKEN).await);
    let config = Config {
        parents: vec![
            parent("hq", &http(hq.address), "username = 'us'\npassword = 'them'"),
            parent("branch", &http(branch.address), ""),
        ],
        route: route("'hq'"),
        direct: vec!["127.0.0.9".to_owned().try_into().unwrap()],
        allow: vec!["127.0.0.9/32".parse().unwrap()],
        hosts: vec![FixedHost {
            host: "fixed.test".into(),
            port: Some(hq.address.port()),
            address: hq.address.ip(),
            dial_port: None,
        }],
        ..Config::default()
    };
    let dialler = dialler(&config);
    let mut dialled = dialler.dial(permit(&tunnel("far.test:443"), ""), client()).await.unwrap();
    assert!(echoes(&mut dialled.stream).await);
    let through = dialled.through.unwrap();
    assert_eq!((&*through.parent, through.absolute_form, dialled.origin), ("hq", false, hq.address));
    let head = hq.heads().remove(0);
    let via = std::str::from_utf8(dialler.via().line(http::Version::HTTP_11)).unwrap();
    assert_eq!(
        head,
        format!(
            "CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n{via}Proxy-Authorization: Basic dXM6dGhlbQ==\r\n\r\n"
        )
    );
    // A rule names another way.
    let dialled = dialler.dial(permit(&tunnel("far.test:443"), "route = 'branch'"), client()).await.unwrap();
    assert_eq!(dialled.origin, branch.address);
    assert!(!branch.heads()[0].contains("Authorization"), "each has its own credentials");
    let near = TcpListener::bind("127.0.0.9:0").await.unwrap().local_addr().unwrap();
    let refused = dialler.dial(permit(&tunnel(&near.to_string()), "private = true"), client()).await.unwrap_err();
    assert_eq!(refused, Error::Refused, "it was dialled directly, and nobody listens there");
    let fixed = tunnel(&format!("fixed.test:{}", hq.address.port()));
    let dialled = dialler.dial(permit(&fixed, "route = 'branch'"), client()).await.unwrap();
    assert!(dialled.through.is_none(), "a fixed address is dialled as it stands");
    assert_eq!(branch.connections(), 1);
}

#[tokio::test]
async fn a_permit_takes_what_was_kept_at_its_own_place_and_is_good_again_only_if_that_was_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = Destination::of_authority(Scheme::Http, &listener.local_addr().unwrap().to_string()).unwrap();
    let dialler = dialler(&Config { allow: vec!["127.0.0.1/32".parse().unwrap()], ..Config::default() });
    let pool = Arc::new(Pool::new(pool::Bounds { per_origin: 4, in_all: 4, idle: Duration::from_secs(60) }));
    let pin = Arc::<pool::Pin>::default();
    let lease = async |permit| dialler.lease(permit, client().unwrap(), &pool, Wants::Any).await.unwrap();
    let first = lease(permit(&here, "")).await;
    assert_eq!(*first.destination(), here);
    first.give_back();
    let elsewhere = Destination { port: 1, ..here.clone() };
    for other in [permit(&here, "private = true"), permit(&here, "route = 'direct'"), permit(&elsewhere, "")] {
        let unused = pool.take(other, Wants::Any).unwrap_err();
        assert!(pin.take(unused).is_err(), "it was opened for another place, or in another lane");
    }
    let permit = pool.take(permit(&here, ""), Wants::Any).unwrap().lost();
    let Lost::Idle(permit) = permit else { panic!("{permit:?}") };
    let permit = pool.take(permit, Wants::Any).unwrap_err();
    let mut second = lease(permit).await;
    second.pin(&pin);
    second.give_back();
    let permit = pin.take(self::permit(&here, "")).unwrap().lost();
    let Lost::Idle(permit) = permit else { panic!("{permit:?}") };
    let lost = lease(permit).await.lost();
    assert!(matches!(lost, Lost::UsedUp), "its own connection was opened: {lost:?}");
}

#[tokio::test]
async fn what_was_in_use_when_the_kept_ones_were_closed_is_not_kept_either() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = Destination::of_authority(Scheme::Http, &listener.local_addr().unwrap().to_string()).unwrap();
    let dialler = dialler(&Config { allow: vec!["127.0.0.1/32".parse().unwrap()], ..Config::default() });
    let pool = Arc::new(Pool::new(pool::Bounds { per_origin: 4, in_all: 4, idle: Duration::from_secs(60) }));
    let pin = Arc::<pool::Pin>::default();
    let lease = async || dialler.lease(permit(&here, ""), client().unwrap(), &pool, Wants::Any).await.unwrap();
    let (first, mut second) = (lease().await, lease().await);
    second.pin(&pin);
    pool.clear();
    first.give_back();
    second.give_back();
    let unused = pool.take(permit(&here, ""), Wants::Any).unwrap_err();
    assert!(pin.take(unused).is_err());
    // One that was pinned before is gone, too.
    let mut third = lease().await;
    third.pin(&pin);
    third.give_back();
    pool.clear();
    assert!(pin.take(permit(&here, "")).is_err());
    lease().await.give_back();
    assert!(pool.take(permit(&here, ""), Wants::Any).is_ok(), "those of the new turn are kept");
}

#[tokio::test]
async fn what_a_replaced_configuration_opens_is_not_kept_for_the_next_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialler = dialler(&Config { allow: vec!["127.0.0.1/32".parse().unwrap()], ..Config::default() });
    let pool = Arc::new(Pool::new(pool::Bounds { per_origin: 4, in_all: 4, idle: Duration::from_secs(60) }));
    let here = Destination::of_authority(Scheme::Http, &listener.local_addr().unwrap().to_string()).unwrap();
    let lease = async || dialler.lease(permit(&here, ""), client().unwrap(), &pool, Wants::Any).await.unwrap();
    lease().await.give_back();
    assert!(pool.take(permit(&here, ""), Wants::Any).is_ok());
    dialler.retire();
    pool.clear();
    lease().await.give_back();
    assert!(pool.take(permit(&here, ""), Wants::Any).is_err());
}

#[tokio::test]
async fn where_no_more_can_be_kept_whatever_was_used_longest_ago_makes_room() {
    let config = Config { allow: vec!["127.0.0.1/32".parse().unwrap()], ..Config::default() };
    let (dialler, mut origins) = (dialler(&config), Vec::new());
    for _ in 0..6 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = Destination::of_authority(Scheme::Http, &listener.local_addr().unwrap().to_string()).unwrap();
        origins.push((listener, here));
    }
    let pool = Arc::new(Pool::new(pool::Bounds { per_origin: 4, in_all: 4, idle: Duration::from_secs(60) }));
    for (_, here) in &origins {
        let lease = dialler.lease(permit(here, ""), client().unwrap(), &pool, Wants::Any).await.unwrap();
        lease.give_back();
        // What is taken again was used lately.
        if let Ok(lease) = pool.take(permit(&origins[0].1, ""), Wants::Any) {
            lease.give_back();
        }
    }
    let is_kept = origins.iter().map(|(_, here)| pool.take(permit(here, ""), Wants::Any).is_ok()).collect::<Vec<_>>();
    assert_eq!(is_kept, [true, false, false, true, true, true]);
    let none = Arc::new(Pool::new(pool::Bounds { per_origin: 4, in_all: 0, idle: Duration::from_secs(60) }));
    let lease = dialler.lease(permit(&origins[0].1, ""), client().unwrap(), &none, Wants::Any).await.unwrap();
    lease.give_back();
    assert!(none.take(permit(&origins[0].1, ""), Wants::Any).is_err(), "where nothing may be kept, nothing is");
}

#[tokio::test]
async fn what_a_parent_says_is_told_apart() {
    let cases: [(&'static [u8], &str); 11] = [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "ParentDenied(\"hq\")"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "Parent(\"hq\", Credentials)"),
        (b"HTTP/1.1 504 Gateway Timeout\r\n\r\n", "TimedOut"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "Unreachable(\"the parent \\\"hq\\\" answers 503\")"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 502 Bad Gateway\r\n\r\n", "Unreachable(\"the parent \\\"hq\\\" answers 502\")"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "Parent(\"hq\", Protocol(\"its answer is not HTTP\"))"),
        (b"", "Parent(\"hq\", Ended)"),
        (b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\n", "Parent(\"hq\", Protocol(\"it sends interim answers and no final one\"))"),
        (&[b'a'; 20_000], "Parent(\"hq\", Protocol(\"it sends something else\"))"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "ok"),
        (b"HTTP/1.0 299 \r\n\r\n", "ok"),
    ];
    for (answer, wanted) in cases {
        let hq = Fake::start(answer).await;
        let config =
            Config { parents: vec![parent("hq", &http(hq.address), "")], route: route("'hq'"), ..Config::default() };
        let result = dialler(&config).dial(permit(&tunnel("far.test:443"), ""), client()).await;
        let said = result.map_or_else(|error| format!("{error:?}"), |_| "ok".to_owned());
        assert_eq!(said, wanted, "{}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn a_parent_that_fails_is_left_alone_and_the_next_way_is_taken() {
    let (good, down) = (Fake::start(TAKEN).await, closed().await);
    let picky = Fake::start(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let config = Config {
        parents: vec![
            parent("down", &http(down), ""),
            parent("picky", &http(picky.address), ""),
            parent("good", &http(good.address), ""),
        ],
        route: route("['down', 'picky', 'good']"),
        ..Config::default()
    };
    let dialler = dialler(&config);
    for round in 1..=3 {
        let dialled = dialler.dial(permit(&tunnel("far.test:443"), ""), client()).await.unwrap();
        assert_eq!(&*dialled.through.unwrap().parent, "good");
        assert_eq!((picky.connections(), good.connections()), (1, round), "those that failed are left alone");
    }
    // Nothing else is left: they are asked all the same.
    let error = dialler.dial(permit(&tunnel("far.test:443"), "route = ['down', 'picky']"), client()).await.unwrap_err();
    assert_eq!((error, picky.connections()), (Error::Parent("picky".into(), ParentFault::Credentials), 2));
    let error = dialler.dial(permit(&tunnel("far.test:443"), "route = 'down'"), client()).await.unwrap_err();
    assert_eq!(error, Error::Parent("down".into(), ParentFault::NotReached(Box::new(Error::Refused))));
}

#[tokio::test]
async fn another_configuration_knows_what_the_last_one_has_learned_of_the_parents_that_stay_the_same() {
    let (gone, good) = (closed().await, Fake::start(TAKEN).await);
    let configured = |url: &str, more: &str| Config {
        parents: vec![parent("hq", url, more), parent("branch", &http(good.address), "")],
        route: route("['hq', 'branch']"),
        ..Config::default()
    };
    let before = dialler(&configured(&http(gone), ""));
    before.dial(permit(&tunnel("far.test:443"), ""), client()).await.unwrap();
    // That it is the very same knowledge, and not what it says at this moment: a parent is left alone for a second.
    let is_known = |other: &Dialler, before: &Dialler, at: usize| {
        Arc::ptr_eq(&other.parents[at].health, &before.parents[at].health)
    };
    let after = dialler(&configured(&http(gone), "probe = '5s'\nresolve = 'here'")).following(&before);
    assert_eq!([0, 1].map(|at| is_known(&after, &before, at)), [true, true]);
    assert!(after.parents.iter().all(|parent| parent.health.is_used()), "both are probed as before");
    let line = |dialler: &Dialler| dialler.via().line(http::Version::HTTP_11).to_vec();
    assert_eq!(line(&after), line(&before), "a request that is still on its way is known when it comes back");
    for (url, more) in [
        (http(good.address), ""),
        (http(gone), "username = 'us'\npassword = 'them'"),
        (http(gone), "proxy_protocol = true"),
        (format!("socks5://{gone}"), ""),
    ] {
        let other = dialler(&configured(&url, more)).following(&before);
        assert_eq!([0, 1].map(|at| is_known(&other, &before, at)), [false, true], "{url} {more}: another way to it");
    }
    // Inside TLS, whether other certificates are trusted matters, too.
    let inside = configured(&format!("https://{gone}"), "");
    let before = dialler(&inside);
    assert!(is_known(&dialler(&inside).following(&before), &before, 0));
    let (roots, limits) = (Roots::of(b"any other".to_vec().into()), Limits::default());
    let trusting = Dialler::new(&inside, Vec::new(), OriginTls::new(roots, limits.connect_time), &limits);
    assert!(!is_known(&trusting.following(&before), &before, 0));
}

#[tokio::test]
async fn what_a_parent_says_of_an_origin_is_an_answer_and_no_reason_for_another_way() {
    let (hq, backup) = (Fake::start(b"HTTP/1.1 403 Forbidden\r\n\r\n").await, Fake::start(TAKEN).await);
    let config = Config {
        parents: vec![parent("hq", &http(hq.address), ""), parent("backup", &http(backup.address), "")],
        route: route("['hq', 'backup']"),
        ..Config::default()
    };
    let dialler = dialler(&config);
    for round in 1..=2 {
        let error = dialler.dial(permit(&tunnel("far.test:443"), ""), client()).await.unwrap_err();
        assert_eq!(error, Error::ParentDenied("hq".into()));
        assert_eq!(
            (hq.connections(), backup.connections()),
            (round, 0),
            "one request must not put a parent out of use"
        );
    }
}

#[tokio::test]
async fn plain_http_is_left_to_an_http_parent_in_absolute_form() {
    let hq = Fake::start(TAKEN).await;
    let config = Config {
        parents: vec![
            parent("hq", &http(hq.address), "username = 'us'\npassword = 'them'"),
            parent("socks", &format!("socks5://{}", hq.address), ""),
        ],
        route: route("'hq'"),
        ..Config::default()
    };
    let plain = Destination::of_authority(Scheme::Http, "far.test").unwrap();
    let dialled = dialler(&config).dial(permit(&plain, ""), client()).await.unwrap();
    let through = dialled.through.unwrap();
    assert!(through.absolute_form && through.authorization.is_some());
}

#[tokio::test]
async fn an_address_that_may_not_be_dialled_is_not_asked_of_a_parent_either() {
    let hq = Fake::start(TAKEN).await;
    let config =
        Config { parents: vec![parent("hq", &http(hq.address), "")], route: route("'hq'"), ..Config::default() };
    let mut dialler = dialler(&config);
    dialler.own = vec!["203.0.113.1:8080".parse().unwrap()];
    for (authority, refused) in [
        ("127.0.0.1:443", true),
        ("10.0.0.1:443", true),
        ("169.254.169.254:80", true),
        ("[::1]:443", true),
        ("[::ffff:10.0.0.1]:443", true),
        ("[64:ff9b::a00:1]:443", true),
        ("0x7f.1:443", true),
        ("localhost:443", true),
        ("www.localhost:443", true),
        ("203.0.113.1:8080", true),
        ("1.1.1.1:443", false),
        ("far.test:443", false),
    ] {
        let result = dialler.dial(permit(&tunnel(authority), ""), client()).await;
        assert_eq!(
            matches!(result, Err(Error::Prohibited(_) | Error::OwnMachine(_) | Error::Myself(_))),
            refused,
            "{authority}: {result:?}"
        );
        let checked = dialler.check_found(&tunnel(authority), false).await;
        assert_eq!(checked.is_err(), refused, "{authority}, before sign-in");
    }
    assert_eq!(hq.connections(), 2);
    assert!(dialler.dial(permit(&tunnel("10.0.0.1:443"), "private = true"), client()).await.is_ok(), "a rule opens it");
    assert!(matches!(
        dialler.dial(permit(&tunnel("203.0.113.1:8080"), "private = true"), client()).await,
        Err(Error::Myself(_))
    ));
}

#[tokio::test]
async fn a_parent_is_never_this_proxy() {
    let own = Fake::start(TAKEN).await;
    let config =
        Config { parents: vec![parent("hq", &http(own.address), "")], route: route("'hq'"), ..Config::default() };
    let mut dialler = dialler(&config);
    dialler.own = vec![own.address];
    let error = dialler.dial(permit(&tunnel("far.test:443"), ""), client()).await.unwrap_err();
    let fault = ParentFault::NotReached(Box::new(Error::Myself(own.address)));
    assert_eq!((error, own.connections()), (Error::Parent("hq".into(), fault), 0));
}

#[tokio::test]
async fn origins_are_dialled_from_the_address_that_is_chosen() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let destination = tunnel(&listener.local_addr().unwrap().to_string());
    for (source, options, from) in [
        (None, "private = true", "127.0.0.1"),
        (Some("127.0.0.77"), "private = true", "127.0.0.77"),
        (Some("127.0.0.77"), "private = true\nroute = '127.0.0.78'", "127.0.0.78"),
        (None, "private = true\nroute = ['nobody', '127.0.0.79']", ""),
        (Some("::1"), "private = true", "127.0.0.1"),
        (None, "private = true\nroute = '::1'", ""),
    ] {
        let source = source.iter().map(|text| text.parse().unwrap()).collect();
        let config = Config { source, allow: vec!["127.0.0.1/32".parse().unwrap()], ..Config::default() };
        let found = dialler(&config).dial(permit(&destination, options), client()).await;
        assert_eq!(
            found.as_ref().map_or_else(|_| String::new(), |dialled| dialled.egress.ip().to_string()),
            from,
            "{options}"
        );
        if found.is_ok() {
            assert_eq!(listener.accept().await.unwrap().1.ip().to_string(), from, "{options}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_hangs_leaves_time_for_the_next_and_is_found_out_by_asking() {
    let (hangs, good) = (Fake::start(b"hang").await, Fake::start(TAKEN).await);
    let config = Config {
        parents: vec![
            parent("hangs", &format!("socks5://{}", hangs.address), ""),
            parent("mute", &http(hangs.address), "probe = '20s'"),
            parent("good", &http(good.address), ""),
        ],
        route: route("['hangs', 'good']"),
        ..Config::default()
    };
    let dialler = Arc::new(dialler(&config));
    let dialled = dialler.dial(permit(&tunnel("far.test:443"), ""), client()).await.unwrap();
    assert_eq!(&*dialled.through.unwrap().parent, "good");
    // This one takes connections and never answers: a request cannot tell whether the origin is to blame.
    let error = dialler.dial(permit(&tunnel("far.test:443"), "route = ['mute', 'good']"), client()).await.unwrap_err();
    assert_eq!(error, Error::TimedOut);
    let probing = {
        let dialler = Arc::clone(&dialler);
        tokio::spawn(async move { dialler.probe_parents().await })
    };
    let mute = dialler.parents.iter().find(|parent| &*parent.name == "mute").unwrap();
    while mute.health.is_up() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let dialled = dialler.dial(permit(&tunnel("far.test:443"), "route = ['mute', 'good']"), client()).await.unwrap();
    assert_eq!(&*dialled.through.unwrap().parent, "good");
    probing.abort();
}

/// A SOCKS parent that says each of `answers` in turn, and what it was told.
async fn socks(answers: &'static [&'static [u8]], more: &str) -> (Result<Dialled, Error>, Vec<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("socks5://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut stream: TcpStream = listener.accept().await.unwrap().0;
        let mut told = Vec::new();
        for answer in answers {
            let mut piece = vec![0; 1024];
            let read = stream.read(&mut piece).await.unwrap();
            piece.truncate(read);
            told.push(piece);
            stream.write_all(answer).await.unwrap();
        }
        told
    });
    let config = Config { parents: vec![parent("hq", &url, more)], route: route("'hq'"), ..Config::default() };
    let result = dialler(&config).dial(permit(&tunnel("far.test:443"), ""), client()).await;
    (result, serving.await.unwrap())
}

#[tokio::test]
async fn socks_is_spoken_to_the_letter() {
    let named = "username = 'us'\npassword = 'them'";
    let (result, told) = socks(&[&[5, 2], &[1, 0], &[5, 0, 0, 3, 2, b'a', b'b', 0, 80, b'h', b'i']], named).await;
    let mut stream = result.unwrap().stream;
    let mut first = [0; 2];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"hi", "what follows the answer is the origin's");
    assert_eq!(told[0], [5, 2, 0, 2]);
    assert_eq!(told[1], b"\x01\x02us\x04them");
    assert_eq!(told[2], b"\x05\x01\x00\x03\x08far.test\x01\xbb");
}

#[tokio::test]
async fn what_a_socks_parent_says_is_told_apart() {
    let named = "username = 'us'\npassword = 'them'";
    let cases: [(&'static [&'static [u8]], &str, &str); 12] = [
        (&[&[5, 0], &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]], "", "ok"),
        (&[&[5, 0], &[5, 1, 0, 1, 0, 0, 0, 0, 0, 0]], "", "Unreachable(\"the parent \\\"hq\\\" answers 1\")"),
        (&[&[5, 0], &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]], "", "ParentDenied(\"hq\")"),
        (&[&[5, 0], &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]], "", "Refused"),
        (&[&[5, 0], &[5, 6, 0, 1, 0, 0, 0, 0, 0, 0]], "", "TimedOut"),
        (
            &[&[5, 0], &[5, 7, 0, 1, 0, 0, 0, 0, 0, 0]],
            "",
            "Parent(\"hq\", Protocol(\"it does not support the request\"))",
        ),
        (&[&[5, 0], &[5, 0, 0, 9, 0, 0, 0, 0, 0, 0]], "", "Parent(\"hq\", Protocol(\"its answer is not SOCKS\"))"),
        (&[&[5, 0], &[4, 0, 0, 1, 0, 0, 0, 0, 0, 0]], "", "Parent(\"hq\", Protocol(\"its answer is not SOCKS\"))"),
        (&[&[5, 0xff]], "", "Parent(\"hq\", Credentials)"),
        (&[&[5, 2]], "", "Parent(\"hq\", Protocol(\"it does not speak SOCKS version 5\"))"),
        (&[&[5, 2], &[1, 1]], named, "Parent(\"hq\", Credentials)"),
        (&[b"HT"], "", "Parent(\"hq\", Protocol(\"it does not speak SOCKS version 5\"))"),
    ];
    for (answers, more, wanted) in cases {
        let (result, _) = socks(answers, more).await;
        let said = result.map_or_else(|error| format!("{error:?}"), |_| "ok".to_owned());
        assert_eq!(said, wanted, "{answers:?}");
    }
}

/// A DNS server that knows these names: an address each, or the name that another one stands for. It counts questions.
struct Names {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Names {
    async fn start(table: &'static [(&'static str, &'static [&'static str])]) -> Self {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), Arc::<AtomicUsize>::default());
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                count.fetch_add(1, Ordering::Relaxed);
                drop(socket.send_to(&respond(&packet[..length], table), from).await);
            }
        });
        Self { address, asked }
    }
}

/// RFC 1035 §4.1. Only addresses of version 4 are known.
fn respond(question: &[u8], table: &[(&str, &[&str])]) -> Vec<u8> {
    let (mut at, mut labels) = (12, Vec::new());
    while question[at] != 0 {
        let end = at + 1 + usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..end]).to_lowercase());
        at = end;
    }
    let (name, wants_v4) = (labels.join("."), question[at + 2] == 1);
    let known = table.iter().find(|(known, _)| *known == name).map(|(_, answers)| *answers);
    let (mut records, mut owner, mut count) = (Vec::new(), vec![0xc0, 12], 0_u8);
    for answer in known.unwrap_or_default() {
        match answer.parse::<std::net::Ipv4Addr>() {
            Ok(address) if wants_v4 => {
                records.extend([&owner[..], &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4], &address.octets()].concat());
                count += 1;
            }
            Ok(_) => {}
            Err(_) => {
                let target = encode(answer);
                let length = u8::try_from(target.len()).unwrap();
                records.extend([&owner[..], &[0, 5, 0, 1, 0, 0, 0, 60, 0, length], &target].concat());
                (owner, count) = (target, count + 1);
            }
        }
    }
    let authority = if count > 0 {
        Vec::new()
    } else {
        // RFC 2308 §3: how long nothing may be remembered.
        let times = [0, 0, 0, 1, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0, 60];
        [&encode("test")[..], &[0, 6, 0, 1, 0, 0, 0, 60, 0, 22, 0, 0], &times].concat()
    };
    let code = if known.is_some() { 0 } else { 3 };
    let header = [question[0], question[1], 0x81, 0x80 | code, 0, 1, 0, count, 0, u8::from(count == 0), 0, 0];
    [&header[..], &question[12..at + 5], &records, &authority].concat()
}

fn encode(name: &str) -> Vec<u8> {
    let labels =
        name.split('.').flat_map(|label| [&[u8::try_from(label.len()).unwrap()][..], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

#[tokio::test]
async fn what_a_name_leads_to_is_checked_however_it_leads_there() {
    let names = Names::start(&[
        ("public.test", &["1.1.1.1"]),
        ("inside.test", &["10.0.0.1"]),
        ("both.test", &["10.0.0.1", "1.1.1.1", "127.0.0.1"]),
        ("alias.test", &["inside.test", "10.0.0.1"]),
        ("chain.test", &["metadata.test", "169.254.169.254"]),
        ("good-alias.test", &["public.test", "1.1.1.1"]),
        ("empty.test", &[]),
    ])
    .await;
    let dialler = dialler(&Config { servers: vec![names.address], ..Config::default() });
    for (name, found) in [
        ("public.test", "1.1.1.1:443"),
        ("inside.test", "10.0.0.1 may not be dialled"),
        ("both.test", "1.1.1.1:443"),
        ("alias.test", "10.0.0.1 may not be dialled"),
        ("chain.test", "169.254.169.254 may not be dialled"),
        ("good-alias.test", "1.1.1.1:443"),
        ("empty.test", "the name has no address"),
        ("nowhere.test", "the name has no address"),
    ] {
        let candidates = dialler.candidates(&tunnel(&format!("{name}:443")), false).await;
        let said = candidates.map_or_else(
            |error| error.to_string(),
            |all| all.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" "),
        );
        assert_eq!(said, found, "{name}");
    }
}

#[tokio::test]
async fn what_is_known_of_a_name_is_not_asked_again_even_that_it_is_not_there() {
    let names = Names::start(&[("public.test", &["1.1.1.1"])]).await;
    let dialler = dialler(&Config { servers: vec![names.address], ..Config::default() });
    for name in ["public.test:443", "nowhere.test:443"] {
        drop(dialler.candidates(&tunnel(name), false).await);
        let asked = names.asked.load(Ordering::Relaxed);
        assert!(asked > 0);
        drop(dialler.candidates(&tunnel(name), false).await);
        assert_eq!(names.asked.load(Ordering::Relaxed), asked, "{name}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for_longer_than_the_limit() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let config = Config {
        servers: vec![silent.local_addr().unwrap()],
        dns_time: Duration::from_millis(200),
        ..Config::default()
    };
    let result = dialler(&config).dial(permit(&tunnel("far.test:443"), ""), client()).await;
    assert_eq!(result.unwrap_err(), Error::ResolverTimedOut);
}

#[tokio::test]
async fn a_fixed_name_opens_the_ports_that_it_is_meant_for_and_never_our_own() {
    let fixed =
        |host: &str, port| FixedHost { host: host.into(), port, address: "10.0.0.1".parse().unwrap(), dial_port: None };
    let config = Config { hosts: vec![fixed("wiki.test", None), fixed("news.test", Some(119))], ..Config::default() };
    let mut dialler = dialler(&config);
    dialler.own = vec!["10.0.0.1:8080".parse().unwrap()];
    for (authority, wanted) in [
        ("wiki.test:80", "open"),
        ("wiki.test:443", "open"),
        ("wiki.test:8443", "open"),
        ("wiki.test:22", "refused"),
        ("wiki.test:5432", "refused"),
        ("wiki.test:8080", "own"),
        ("news.test:119", "open"),
    ] {
        let found = match dialler.candidates(&tunnel(authority), false).await {
            Ok(_) => "open",
            Err(Error::Prohibited(_)) => "refused",
            Err(Error::Myself(_)) => "own",
            Err(_) => "",
        };
        assert_eq!(found, wanted, "{authority}");
    }
    for (authority, may) in [
        ("far.test", true),
        ("far.test:8081", true),
        ("far.test:25", false),
        ("far.test:22", false),
        ("news.test:119", true),
        ("wiki.test:119", false),
    ] {
        let plain = Destination::of_authority(Scheme::Http, authority).unwrap();
        assert_eq!(dialler.check_http_port(&plain).is_ok(), may, "{authority}");
    }
}

#[tokio::test]
async fn every_address_of_this_machine_is_ours_where_a_listener_takes_them_all() {
    for own in ["0.0.0.0:8080", "[::]:8080"] {
        let mut dialler = dialler(&Config::default());
        dialler.own = vec![own.parse().unwrap()];
        for (authority, is_own) in [
            ("127.0.0.1:8080", true),
            ("127.7.7.7:8080", true),
            ("[::1]:8080", true),
            ("0.0.0.0:8080", true),
            ("127.0.0.1:8081", false),
            ("1.1.1.1:8080", false),
        ] {
            let found = dialler.candidates(&tunnel(authority), true).await;
            assert_eq!(matches!(found, Err(Error::Myself(_))), is_own, "{authority} with {own}");
        }
    }
}

#[tokio::test]
async fn no_address_of_this_machine_is_dialled_unless_the_operator_names_it() {
    let fixed = FixedHost { host: "wiki.test".into(), port: None, address: ip("198.51.100.7"), dial_port: None };
    let wide = "198.51.100.0/24".parse().unwrap();
    let config =
        Config { hosts: vec![fixed], allow: vec![wide, "198.51.100.9/32".parse().unwrap()], ..Config::default() };
    let mut dialler = dialler(&config);
    dialler.machine = own::Own::of(&["198.51.100.7", "198.51.100.9", "1.1.1.1", "2606:4700::7"]);
    for (authority, private, is_refused) in [
        ("1.1.1.1:443", false, true),
        ("1.1.1.1:6379", true, true),
        ("[::ffff:1.1.1.1]:80", true, true),
        ("[64:ff9b::1.1.1.1]:80", true, true),
        ("[2002:101:101::1]:80", true, true),
        ("[2606:4700::7]:9090", false, true),
        ("127.0.0.1:80", true, true),
        ("[::]:80", true, true),
        ("198.51.100.7:80", true, true),
        ("198.51.100.8:80", false, false),
        ("198.51.100.9:80", false, false),
        ("wiki.test:443", false, false),
        ("wiki.test:6379", false, true),
        ("1.1.1.2:443", false, false),
    ] {
        let found = dialler.candidates(&tunnel(authority), private).await;
        assert_eq!(matches!(found, Err(Error::OwnMachine(_))), is_refused, "{authority}: {found:?}");
        if !authority.starts_with("wiki") {
            let asked_of_a_parent = dialler.check_literal(&tunnel(authority), private);
            assert_eq!(matches!(asked_of_a_parent, Err(Error::OwnMachine(_))), is_refused, "{authority}");
        }
    }
}

#[tokio::test]
async fn an_address_that_this_machine_has_since_a_moment_ago_is_not_served_either() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // Loopback stands for an address that has just come: allowed as a neighbour's would be, and not known as ours.
    let (mut from_any, mut from_chosen) = (dialler(&Config::default()), dialler(&Config::default()));
    from_chosen.sockets = Sockets::new(&[ip("127.0.0.77")], Limits::default().tcp());
    for dialler in [&mut from_any, &mut from_chosen] {
        let destination = tunnel(&format!("wiki.test:{port}"));
        let fixed = dialler.resolver.fixed(&destination);
        let wanted =
            Wanted { destination: &destination, fixed: fixed.as_ref(), private: true, here: false, client: None };
        let error =
            dialler.connect(wanted, &[SocketAddr::new(ip("127.0.0.1"), port)], dialler.sockets).await.unwrap_err();
        assert_eq!(error, Error::OwnMachine(ip("127.0.0.1")));
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
