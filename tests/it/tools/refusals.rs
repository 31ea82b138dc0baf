//! Tools that are not known, and tokens that are not good: what each is told, and what it is not.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vestibule::clock::SignedDuration;

use super::super::origin::Origin;
use super::super::raw::{Answer, read_all, read_head};
use super::super::secure::client::Client;
use super::super::world::World;
use super::{SHARED, signed_in, world};

const STRANGER: [u8; 4] = [127, 0, 7, 2];

fn basic(user: &str, token: &str) -> String {
    format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{token}")))
}

#[test]
fn a_tool_gets_407_and_the_connection_stays_open() {
    let world = world().start();
    let token = signed_in(&world).make_token("mine", &[]);
    let mut stream = world.connect(STRANGER);
    for (request, first) in [
        ("GET http://news.test/ HTTP/1.1\r\nHost: news.test\r\n", "GET"),
        ("CONNECT mail.test:443 HTTP/1.1\r\nHost: mail.test:443\r\n", "CONNECT"),
        ("POST http://news.test/ HTTP/1.1\r\nHost: news.test\r\nContent-Length: 3\r\n", "POST"),
    ] {
        let body = if first == "POST" { "a=1" } else { "" };
        write!(stream, "{request}User-Agent: git/2.47.3\r\n\r\n{body}").unwrap();
        let answer = Answer::read_one(&mut stream);
        assert_eq!(answer.status, 407, "{first}: {answer:#?}");
        // RFC 9110 §11.7.1
        let asked = answer.value("proxy-authenticate");
        let realm = "realm=\"Vestibule demo: make a token at https://portal.vestibule.test/tokens\"";
        assert_eq!(asked, format!("Basic {realm}, charset=\"UTF-8\", Bearer {realm}"), "{first}");
        assert_eq!((answer.value("connection").as_str(), answer.value("cache-control").as_str()), ("", "no-store"));
        assert_eq!(answer.value("content-type"), "text/plain; charset=utf-8");
        let said = answer.text();
        for part in [
            "Sign-in required",
            "https://portal.vestibule.test/t/",
            "/terminal/",
            "https://portal.vestibule.test/tokens",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
    // On the same connection the tool is let through as soon as it shows its token.
    let shown = basic("token", &token);
    write!(stream, "GET http://news.test/ HTTP/1.1\r\nHost: news.test\r\n{shown}\r\n").unwrap();
    assert_eq!(Answer::read_one(&mut stream).status, 200);
    write!(stream, "CONNECT mail.test:443 HTTP/1.1\r\nHost: mail.test:443\r\n{shown}\r\n").unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_browser_is_never_asked_for_a_password() {
    const CHROMIUM: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0\r\n";
    const APPLE: &str = "User-Agent: com.apple.WebKit.Networking/20617.1 CFNetwork/1568.1 Darwin/24.0\r\n";
    let world = world().start();
    for (request, status) in [
        ("GET http://news.test/ HTTP/1.1\r\nHost: news.test\r\nAccept: text/html\r\n", 302),
        ("GET http://news.test/x.png HTTP/1.1\r\nHost: news.test\r\nAccept: image/*\r\n", 511),
        ("CONNECT news.test:443 HTTP/1.1\r\nHost: news.test:443\r\n", 200),
    ] {
        for credentials in ["", &basic("alice", "password"), &basic("token", "vst_x")] {
            let mut stream = world.connect(STRANGER);
            write!(stream, "{request}{CHROMIUM}{credentials}\r\n").unwrap();
            let head = read_head(&mut stream);
            assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {head}");
            assert!(!head.to_ascii_lowercase().contains("proxy-authenticate"), "{head}");
        }
    }
    // One that says so only inside.
    let mut stream = world.connect(STRANGER);
    write!(stream, "CONNECT news.test:443 HTTP/1.1\r\nHost: news.test:443\r\n{APPLE}\r\n").unwrap();
    assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
}

#[test]
fn each_way_of_showing_a_token_works_and_no_origin_sees_it() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    let world = world().host("seen.test:80", origin.address).start();
    let token = signed_in(&world).make_token("mine", &[]);
    let ways = [
        basic("token", &token),
        basic("", &token),
        basic(&token, ""),
        basic("B.Simon@contoso.com", &token),
        basic("bsimon", &token),
        basic("CONTOSO\\bsimon", &token),
        format!("Proxy-Authorization: Bearer {token}\r\n"),
        format!("proxy-authorization: bearer {token}\r\n"),
    ];
    for way in &ways {
        let answer = world.send_from(
            STRANGER,
            &format!("GET http://seen.test/ HTTP/1.1\r\nHost: seen.test\r\n{way}Connection: close\r\n\r\n"),
        );
        assert_eq!(answer.status, 200, "{way}: {answer:#?}");
    }
    let seen = origin.seen();
    assert_eq!(seen.len(), ways.len());
    for head in seen {
        assert!(!head.to_ascii_lowercase().contains("proxy-auth") && !head.contains("vst_"), "{head}");
    }
    let answer = world.send_from(
        STRANGER,
        &format!(
            "GET http://seen.test/ HTTP/1.1\r\nHost: seen.test\r\n{}Connection: close\r\n\r\n",
            basic("alexw", &token)
        ),
    );
    assert!(answer.status == 407 && answer.text().contains("belongs to somebody else"), "{answer:#?}");
    world.last_record_has(|record| record["host"] == "seen.test", &[("reason", "token-of-another-person".into())]);
}

#[test]
fn a_token_is_good_within_its_scope_and_its_owner_is_told_so() {
    let world = world().network("lab", "127.0.8.0/24", "shared = true").start();
    let browser = signed_in(&world);
    let narrow = browser.make_token("narrow", &[("networks", "lab"), ("destinations", "news.test")]);
    let ask = |from: [u8; 4], url: &str| world.browser().at(from).tool(url, &narrow, &[]);
    assert_eq!(ask([127, 0, 8, 1], "http://news.test/").status, 200);
    assert_eq!(ask([127, 0, 8, 1], "https://news.test/").status, 200);
    for (from, url, said, reason) in [
        (SHARED, "http://news.test/x", "not for the network", "token-not-for-network"),
        ([127, 0, 8, 1], "http://shop.test/x", "not for this destination", "token-not-for-destination"),
    ] {
        let page = ask(from, url);
        assert!(page.status == 407 && page.body.contains(said), "{page:#?}");
        world.last_record_has(
            |record| record["path"] == "/x",
            &[("reason", reason.into()), ("user", serde_json::Value::Null)],
        );
    }
    let page = ask([127, 0, 8, 1], "https://shop.test/");
    assert_eq!((page.status, page.connect), (0, 407), "{page:#?}");
}

#[test]
fn unknown_and_malformed_tokens_look_alike_and_guessing_is_limited() {
    let world = world().config("[session.tokens]\nattempts_per_minute = 5").start();
    let browser = signed_in(&world);
    let token = browser.make_token("mine", &[]);
    let unmade = vestibule::session::tool::token::make();
    let ask = |from: [u8; 4], token: &str| {
        let close = "Connection: close\r\n";
        world.send_from(
            from,
            &format!("GET http://news.test/ HTTP/1.1\r\nHost: news.test\r\n{}{close}\r\n", basic("token", token)),
        )
    };
    let strip = |answer: &Answer| {
        // Each request has a name of its own.
        let plain = |value: &String| value.split("; details=\"request ").next().unwrap().to_owned();
        let fields = answer.fields.iter().filter(|(name, _)| name != "date" && name != "content-length");
        let fields: Vec<_> = fields.map(|(name, value)| (name.clone(), plain(value))).collect();
        let lines: Vec<_> =
            answer.text().lines().filter(|line| !line.starts_with("Request ID")).map(str::to_owned).collect();
        (answer.status, fields, lines)
    };
    let (malformed, unknown) = (ask(STRANGER, "vst_0"), ask(STRANGER, unmade.expose()));
    assert_eq!(strip(&malformed), strip(&unknown));
    assert!(unknown.status == 407 && unknown.text().contains("is not good"), "{unknown:#?}");
    for _ in 0..3 {
        assert_eq!(ask(STRANGER, "vst_0").status, 407);
    }
    for guess in ["vst_0", vestibule::session::tool::token::make().expose()] {
        let answer = ask(STRANGER, guess);
        assert_eq!((answer.status, answer.value("retry-after").as_str()), (429, "60"), "{answer:#?}");
    }
    assert_eq!(ask(STRANGER, &token).status, 200, "a good one is taken all the same");
    assert_eq!(ask([127, 0, 7, 3], "vst_0").status, 407, "others are not concerned");
    world.last_record_has(|record| record["status"] == 429, &[("reason", "token-too-many-attempts".into())]);
}

#[test]
fn credentials_for_another_proxy_do_no_harm_to_whoever_is_known_otherwise() {
    let world = World::build().network("lenient", "127.0.9.0/24", "unidentified = \"allow\"").start();
    world.browser().arrive("http://news.test/");
    let ask = |from: [u8; 4]| {
        world
            .send_from(
                from,
                &format!(
                    "GET http://news.test/ HTTP/1.1\r\nHost: news.test\r\n{}Connection: close\r\n\r\n",
                    basic("CORP\\alice", "hunter2")
                ),
            )
            .status
    };
    assert_eq!(ask([127, 0, 0, 1]), 200, "known by the address");
    assert_eq!(ask([127, 0, 9, 1]), 200, "let through unknown");
    assert_eq!(ask([127, 0, 0, 2]), 407, "nobody");
}

#[test]
fn revoking_a_token_closes_its_tunnels_and_so_does_its_end() {
    let tunnel = Origin::start(|_, stream| {
        drop(stream.write_all(b"tunnelled"));
        drop(stream.read(&mut [0]));
    });
    let world = world().host("tunnel.test:443", tunnel.address).start();
    let browser = signed_in(&world);
    let open = |token: &str| {
        let mut stream = world.connect(STRANGER);
        let shown = basic("token", token);
        write!(stream, "CONNECT tunnel.test:443 HTTP/1.1\r\nHost: tunnel.test:443\r\n{shown}\r\nHELO\r\n\r\n").unwrap();
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
        let mut bytes = [0; 9];
        stream.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"tunnelled");
        stream
    };
    let (first, second) = (browser.make_token("first", &[]), browser.make_token("second", &[]));
    let (mut ended, mut expired) = (open(&first), open(&second));
    browser.revoke("first");
    assert_eq!(read_all(&mut ended), b"");
    let record = world.record(|record| record["host"] == "tunnel.test");
    assert_eq!((&record["reason"], &record["evidence"]), (&"session-ended".into(), &"first".into()));
    world.clock.advance(SignedDuration::from_hours(30 * 24 + 1));
    assert_eq!(read_all(&mut expired), b"");
}

#[test]
fn a_network_can_do_without_tokens() {
    let world = World::build().network("shared", "127.0.7.0/24", "shared = true\ntokens = false").start();
    let browser = signed_in(&world);
    let token = browser.make_token("mine", &[]);
    let page = browser.tool("http://shop.test/", &token, &[]);
    assert_eq!((page.status, page.values("proxy-authenticate").len()), (511, 0), "{page:#?}");
    assert_eq!(world.browser().tool("http://shop.test/", &token, &[]).status, 200, "from another network it is good");
}

#[test]
fn over_tls_a_tool_is_asked_and_known_as_over_anything_else() {
    let listener = "[[listener]]\nname = \"secure\"\naddress = \"127.0.0.1:0\"\ntls = { names = [\"proxy.test\"] }\n";
    let world = world().config(listener).start();
    let token = signed_in(&world).make_token("mine", &[]);
    let port = world.listener("secure").port();
    let tool = world.browser().at(STRANGER).by_way_of("proxy.test", port);
    let page = tool.bare_curl("http://news.test/x", &[]);
    assert_eq!((page.status, page.values("proxy-authenticate").len()), (407, 2), "{page:#?}");
    assert_eq!(tool.bare_curl("https://mail.test/", &[]).connect, 407);
    assert_eq!(tool.tool("http://news.test/x", &token, &[]).status, 200);
    let page = tool.tool("https://mail.test/", &token, &[]);
    assert_eq!((page.connect, page.status, page.issuer()), (200, 200, Some("Vestibule demo web")), "{page:#?}");
    world.last_record_has(
        |record| record["listener"] == "secure" && record["host"] == "mail.test" && record["status"] == 200,
        &[("surrogate", "proxy-token".into()), ("evidence", "mine".into())],
    );
    // HTTP/2: one connection, on which each request says for itself who asks.
    let mut client = Client::connect(&world, STRANGER);
    let shown = format!("Bearer {token}");
    for (fields, status) in
        [(&[][..], 407), (&[("proxy-authorization", shown.as_str())], 200), (&[("user-agent", "git/2.47.3")], 407)]
    {
        let answer = client.get("http://news.test/x", fields);
        assert_eq!(
            (answer.status, answer.fields.get_all("proxy-authenticate").iter().count() > 0),
            (status, status == 407)
        );
    }
    assert_eq!(client.tunnel("mail.test:443", "git/2.47.3").0.status(), 407);
    // A terminal that asks over TLS is given a proxy that it reaches over TLS.
    let output = std::process::Command::new("curl")
        .args(["-qfsS", "--noproxy", "*", "--cacert"])
        .arg(&world.bundle)
        .args(["--resolve", &format!("proxy.test:{port}:127.0.0.1"), &format!("https://proxy.test:{port}/terminal")])
        .output()
        .unwrap();
    let script = String::from_utf8_lossy(&output.stdout);
    assert!(script.contains(&format!("'https://proxy.test:{port}/terminal/")), "{output:?}");
}
