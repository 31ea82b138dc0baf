//! Rules that warn, and blocks that some people override: the page, the click, and what counts as passed afterwards.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use vestibule::clock::SignedDuration;
use vestibule::password::HashedPassword;

use super::browser::{Browser, Page};
use super::origin::Origin;

use super::world::{Builder, PATIENCE, World};

const PORTAL: &str = "https://portal.vestibule.test";

/// A client address on a network where an address never stands for anybody.
const SHARED: [u8; 4] = [127, 0, 7, 1];
/// What a script of a page asks with.
const SCRIPT: [&str; 4] = ["-A", "Mozilla/5.0", "-H", "Accept: */*"];

const DESK: [u8; 4] = [127, 0, 0, 1];

fn build() -> Builder {
    let hash = HashedPassword::of("correct horse").unwrap();
    let desk = World::build().network("desk", "127.0.0.1/32", "address_idle = \"12h\"\naddress_lifetime = \"1d\"");
    desk.network("shared", "127.0.7.0/24", "shared = true").config(&format!(
        "[[policy.rule]]\nname = \"Shops\"\ndestinations = [\"shop.test\"]\neffect = \"warn\"\n\
         message = \"Not with the <company> card.\"\n\
         [[policy.rule]]\nname = \"Mail\"\ndestinations = [\"mail.test\"]\neffect = \"block\"\n\
         override = {{ password = '{}', groups = [\"Marketing\"], for = \"10m\", reason = true }}",
        hash.expose()
    ))
}

/// Sends the first form of a page, and follows the page that goes on by itself.
fn pass(browser: &Browser<'_>, page: &Page, filled: &[(&str, &str)]) -> Page {
    let form = page.form();
    assert!(form.action.starts_with("/rule/"), "{page:#?}");
    let landed = browser.submit(page, form, filled);
    assert_eq!((landed.status, landed.heading()), (200, "You are signed in"), "{landed:#?}");
    browser.go(&format!("{PORTAL}{}", landed.value("refresh").strip_prefix("0; url=").unwrap()))
}

/// The audit records of this kind and outcome, as soon as there is one.
fn audited(world: &World, what: &str, outcome: &str) -> Vec<Value> {
    let begun = std::time::Instant::now();
    loop {
        let text = std::fs::read_to_string(world.folder().join("audit.log")).unwrap_or_default();
        let all = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found: Vec<_> = all.filter(|line| line["audit"] == what && line["outcome"] == outcome).collect();
        if !found.is_empty() || begun.elapsed() > PATIENCE {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_warning_is_read_once_an_hour_and_whatever_shows_no_page_waits_for_that() {
    for address in [DESK, SHARED] {
        let world = build().start();
        let browser = world.browser().at(address);
        browser.arrive("http://news.test/");
        let warning = browser.go("http://shop.test/x?y=1");
        assert_eq!((warning.status, warning.heading()), (200, "Before you go on"), "{warning:#?}");
        assert!(warning.url.starts_with(&format!("{PORTAL}/rule/")), "{}", warning.url);
        for part in ["<strong>shop.test</strong>", "Not with the &#60;company&#62; card.", "Shops", "for 1 hour."] {
            assert!(warning.body.contains(part), "{part} in {}", warning.body);
        }
        assert_eq!(warning.value("x-frame-options"), "DENY");
        // To look at it passes nothing.
        assert_eq!(browser.go(&warning.url).heading(), "Before you go on");
        let script = browser.bare_curl("http://shop.test/x.js", &SCRIPT);
        assert_eq!((script.status, script.value("content-type")), (403, "application/problem+json"), "{script:#?}");
        let problem: Value = serde_json::from_str(&script.body).unwrap();
        let key = warning.form().action;
        assert_eq!(
            (&problem["type"], &problem["rule"], &problem["status"], &problem["portal"], &problem["message"]),
            (
                &json!("tag:portal.vestibule.test,2026:vestibule:warning-unread"),
                &json!("Shops"),
                &json!(403),
                &json!(format!("{PORTAL}{key}")),
                &json!("Not with the <company> card.")
            )
        );
        let id = problem["request_id"].as_str().unwrap();
        assert_eq!(problem["instance"], format!("tag:portal.vestibule.test,2026:vestibule:request:{id}"));
        assert_eq!(script.proxy_status(), "vestibule; error=http_request_denied");
        let page = pass(&browser, &warning, &[]);
        assert_eq!((page.status, page.url.as_str()), (200, "http://shop.test/x?y=1"), "{page:#?}");
        assert_eq!(browser.go("http://shop.test/").redirects, 0);
        assert_eq!(browser.bare_curl("http://shop.test/x.js", &SCRIPT).status, 200);
        world.clock.advance(SignedDuration::from_secs(3601));
        assert_eq!(browser.go("http://shop.test/").heading(), "Before you go on", "once an hour");
        let read = audited(&world, "warning-read", "read");
        assert_eq!(read.len(), 1, "{read:#?}");
        let (user, rule) = ("B.Simon@contoso.com", "Shops");
        assert_eq!(
            (&read[0]["user"], &read[0]["rule"], &read[0]["destination"]),
            (&user.into(), &rule.into(), &"shop.test".into())
        );
        let warned = world.wait_for(|all| all.iter().any(|record| record["decision"] == "warned"));
        let warned = warned.iter().find(|record| record["decision"] == "warned").unwrap();
        assert_eq!((&warned["rule"], &warned["status"], &warned["user"]), (&rule.into(), &302.into(), &user.into()));
    }
}

#[test]
fn on_https_the_page_comes_from_inside_and_the_site_is_tunnelled_afterwards() {
    for address in [DESK, SHARED] {
        let world = build().start();
        let browser = world.browser().at(address);
        browser.arrive("http://news.test/");
        let warning = browser.go("https://shop.test/x?y=1");
        assert_eq!(warning.heading(), "Before you go on", "{warning:#?}");
        assert!(warning.messages.contains("Vestibule interception"), "{warning:#?}");
        let page = pass(&browser, &warning, &[]);
        assert_eq!((page.status, page.url.as_str()), (200, "https://shop.test/x?y=1"), "{page:#?}");
        let page = browser.go("https://shop.test/");
        let issuer = if address == SHARED { "Vestibule interception" } else { "Vestibule demo web" };
        assert_eq!((page.status, page.redirects, page.issuer()), (200, 0, Some(issuer)), "{page:#?}");
    }
}

#[test]
fn who_is_not_signed_in_signs_in_first() {
    let world = build().start();
    let browser = world.browser().at(SHARED);
    let logon = browser.go("http://shop.test/x?y=1");
    assert_eq!(logon.heading(), "Sign in", "{logon:#?}");
    let warning = browser.sign_in(&logon, "bsimon@contoso.com", "simon");
    assert_eq!(warning.heading(), "Before you go on", "{warning:#?}");
    assert_eq!(pass(&browser, &warning, &[]).url, "http://shop.test/x?y=1");
}

#[test]
fn a_form_that_a_warning_stops_is_not_sent_and_its_person_is_told_so() {
    let world = build().start();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let warning = browser.curl("http://shop.test/order", &["-L", "--data", "a=b"]);
    assert_eq!(warning.heading(), "Before you go on", "{warning:#?}");
    let unsent = pass(&browser, &warning, &[]);
    assert_eq!(unsent.heading(), "Your form was not sent", "{unsent:#?}");
    assert!(unsent.body.contains("A rule stopped the form") && unsent.body.contains("/go?r="), "{unsent:#?}");
    let (_, link) = unsent.body.split_once("href=\"/go?r=").unwrap();
    let page = browser.go(&format!("{PORTAL}/go?r={}", link.split('"').next().unwrap()));
    assert_eq!((page.status, page.url.as_str()), (200, "http://shop.test/order"), "{page:#?}");
    let sent = browser.curl("http://shop.test/order", &["-L", "--data", "a=b"]);
    assert_eq!((sent.status, sent.redirects), (200, 0), "{sent:#?}");
}

#[test]
fn a_tool_is_told_where_to_go_and_passes_once_its_person_has() {
    let world = build().start();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let text = browser.bare_curl("http://shop.test/", &[]);
    assert_eq!((text.status, text.value("content-type")), (403, "text/plain; charset=utf-8"), "{text:#?}");
    assert!(text.body.contains("A warning has to be read first") && text.body.contains("<company> card"), "{text:#?}");
    let (_, link) = text.body.split_once(&format!("{PORTAL}/rule/")).unwrap();
    let link = format!("{PORTAL}/rule/{}", link.lines().next().unwrap());
    let json = browser.bare_curl("http://shop.test/", &["-H", "Accept: application/json"]);
    assert_eq!((json.status, json.value("content-type")), (403, "application/problem+json"), "{json:#?}");
    let problem: Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!((&problem["portal"], &problem["host"]), (&link.as_str().into(), &"shop.test".into()));
    let tunnel = browser.bare_curl("https://shop.test/", &[]);
    assert_eq!((tunnel.connect, tunnel.exit), (403, 56), "a tool's CONNECT is not intercepted for a page: {tunnel:#?}");
    let denied = browser.bare_curl("http://mail.test/", &["-H", "Accept: application/problem+json"]);
    let problem: Value = serde_json::from_str(&denied.body).unwrap();
    assert_eq!(problem["type"], "tag:portal.vestibule.test,2026:vestibule:override-required");
    let warning = browser.go(&link);
    assert_eq!(warning.heading(), "Before you go on");
    assert_eq!(browser.submit(&warning, warning.form(), &[]).heading(), "You are signed in");
    assert_eq!(browser.bare_curl("http://shop.test/", &[]).status, 200);
    assert_eq!(browser.bare_curl("https://shop.test/", &[]).status, 200);
    assert_eq!(world.browser().at(SHARED).go(&link).heading(), "Sign in", "nobody reads it for nobody");
    assert_eq!(browser.go(&format!("{PORTAL}/rule/{}", "0".repeat(32))).status, 404);
}

#[test]
fn a_stranger_that_takes_json_is_told_in_it_how_to_become_known() {
    let world = build().start();
    let tool = world.browser().at(SHARED).without_cookies();
    let page = tool.bare_curl("http://news.test/", &["-H", "Accept: application/json"]);
    assert_eq!((page.status, page.value("content-type")), (407, "application/problem+json"), "{page:#?}");
    assert_eq!(page.values("proxy-authenticate").len(), 2, "{page:#?}");
    let problem: Value = serde_json::from_str(&page.body).unwrap();
    assert_eq!(problem["type"], "tag:portal.vestibule.test,2026:vestibule:sign-in-required");
    assert_eq!(problem["portal"], format!("{PORTAL}/tokens"));
    assert!(problem["terminal"].as_str().unwrap().starts_with(&format!("{PORTAL}/t/")), "{problem:#}");
    let page = tool.bare_curl("http://none.test:25/", &["-H", "Accept: application/json"]);
    let problem: Value = serde_json::from_str(&page.body).unwrap();
    assert_eq!((&problem["type"], &problem["title"]), (&"about:blank".into(), &"Forbidden".into()), "{problem:#}");
    assert!(
        tool.bare_curl("http://news.test/", &[]).body.contains("make a token"),
        "text for whoever asks for nothing"
    );
}

#[test]
fn nothing_is_passed_by_a_link_by_another_sites_form_or_with_another_browsers_token() {
    let world = build().start();
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    let warning = browser.go("http://shop.test/");
    let form = warning.form();
    let action = format!("{PORTAL}{}", form.action);
    let token = form.fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
    let other = world.browser().at(SHARED);
    let theirs = other.arrive("http://news.test/");
    assert_eq!(theirs.status, 200);
    let stolen = other.go("http://shop.test/").form().fields.into_iter().find(|(name, _)| name == "csrf").unwrap().1;
    let csrf =
        |token: &str| format!("csrf={}", url::form_urlencoded::byte_serialize(token.as_bytes()).collect::<String>());
    for (what, options) in [
        ("a link", vec!["-G".to_owned(), "--data".to_owned(), csrf(&token)]),
        ("no token", vec!["--data".to_owned(), "a=b".to_owned()]),
        ("another browser's token", vec!["--data".to_owned(), csrf(&stolen)]),
        (
            "another site's form",
            vec!["--data".to_owned(), csrf(&token), "-H".to_owned(), "Origin: http://news.test".to_owned()],
        ),
        (
            "the same as browsers mark it",
            vec!["--data".to_owned(), csrf(&token), "-H".to_owned(), "Sec-Fetch-Site: cross-site".to_owned()],
        ),
    ] {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let answer = browser.curl(&action, &options);
        assert!(answer.status == 403 || answer.heading() == "Before you go on", "{what}: {answer:#?}");
        assert_eq!(browser.go("http://shop.test/").heading(), "Before you go on", "{what}");
    }
    assert_eq!(pass(&browser, &warning, &[]).url, "http://shop.test/");
}

#[test]
fn a_block_opens_by_its_password_for_a_while_with_a_reason_that_is_kept() {
    let world = build().start();
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    let blocked = browser.go("http://mail.test/inbox?a=b");
    assert_eq!((blocked.status, blocked.heading()), (403, "This site is blocked"), "{blocked:#?}");
    assert!(blocked.body.contains("Whoever knows the password can open it for 10 minutes."), "{blocked:#?}");
    let send = |page: &Page, password, reason| {
        browser.submit(page, page.form(), &[("password", password), ("reason", reason)])
    };
    let bare = send(&blocked, "correct horse", " ");
    assert_eq!(bare.status, 403);
    assert!(bare.body.contains("Say why you need it."), "{bare:#?}");
    let wrong = send(&blocked, "wrong horse", "an order");
    assert_eq!(wrong.status, 403);
    assert!(
        wrong.body.contains("This is not the password.") && wrong.body.contains("value=\"an order\""),
        "{wrong:#?}"
    );
    assert!(!wrong.body.contains("wrong horse"), "what was typed is not shown");
    let refused = audited(&world, "override-refused", "wrong-password");
    assert_eq!(refused.len(), 1, "{refused:#?}");
    let page = pass(&browser, &blocked, &[("password", "correct horse"), ("reason", "an order\u{7} of 7 lamps")]);
    assert_eq!((page.status, page.url.as_str()), (200, "http://mail.test/inbox?a=b"), "{page:#?}");
    let opened = audited(&world, "block-overridden", "password");
    assert_eq!(
        (
            &opened[0]["user"],
            &opened[0]["rule"],
            &opened[0]["destination"],
            &opened[0]["reason"],
            &opened[0]["outcome"]
        ),
        (
            &"B.Simon@contoso.com".into(),
            &"Mail".into(),
            &"mail.test".into(),
            &"an order of 7 lamps".into(),
            &"password".into()
        )
    );
    world.last_record_has(|record| record["path"] == "/inbox", &[("decision", "overridden".into())]);
    // It is their own: nobody else is let in.
    let other = world.browser().at(SHARED);
    let logon = other.go("http://mail.test/");
    let page = other.sign_in(&logon, "AdeleV@contoso.com", "adele");
    assert_eq!(page.heading(), "This site is blocked", "{page:#?}");
    world.clock.advance(SignedDuration::from_secs(601));
    assert_eq!(browser.go("http://mail.test/").heading(), "This site is blocked");
}

#[test]
fn passwords_are_guessed_ten_times_and_members_of_the_group_need_none() {
    let world = build().start();
    let browser = world.browser().at(SHARED);
    browser.arrive("http://news.test/");
    let blocked = browser.go("http://mail.test/");
    let guess = |password| browser.submit(&blocked, blocked.form(), &[("password", password), ("reason", "an order")]);
    for attempt in 0..10 {
        assert_eq!(guess("a guess").status, 403, "{attempt}");
    }
    let late = guess("correct horse");
    assert_eq!((late.status, late.body.contains("too many attempts")), (429, true), "the right one, too: {late:#?}");
    assert_eq!(audited(&world, "override-refused", "too-many").len(), 1);
    let member = world.browser().at(SHARED);
    let logon = member.go("http://mail.test/");
    let page = member.sign_in(&logon, "AlexW@contoso.com", "alex");
    assert!(page.body.contains("You may open it for 10 minutes.") && !page.has_form("password"), "{page:#?}");
    assert_eq!(pass(&member, &page, &[("reason", "an order")]).url, "http://mail.test/");
    assert_eq!(audited(&world, "block-overridden", "member").len(), 1);
}

#[test]
fn what_was_passed_survives_a_reload_counts_in_every_browser_of_the_person_and_ends_with_the_session() {
    let world = build().start();
    let (browser, second) = (world.browser().at(SHARED), world.browser().at(SHARED));
    browser.arrive("http://news.test/");
    second.arrive("http://news.test/");
    let warning = browser.go("http://shop.test/");
    assert_eq!(pass(&browser, &warning, &[]).url, "http://shop.test/");
    let page = second.go("http://shop.test/");
    assert_eq!((page.heading(), page.url.as_str()), ("This is shop.test", "http://shop.test/"), "{page:#?}");
    world.reload(|text| text.replace("[\"mail.test\"]", "[\"mail.test\", \"post.test\"]")).unwrap();
    assert_eq!(browser.go("http://shop.test/").redirects, 0);
    let other_words = |text: String| text.replace("<company> card.", "<company> card, please.");
    world.reload(other_words).unwrap();
    let warning = browser.go("http://shop.test/");
    assert_eq!(warning.heading(), "Before you go on", "other words are read anew");
    assert_eq!(pass(&browser, &warning, &[]).url, "http://shop.test/");
    browser.sign_out();
    let logon = browser.go("http://shop.test/");
    let page = browser.sign_in(&logon, "bsimon@contoso.com", "simon");
    assert_eq!(page.heading(), "Before you go on", "a new session has passed nothing: {page:#?}");
}

#[test]
fn whoever_passes_much_in_a_short_time_is_told_to_wait() {
    let rules: String = (0..40)
        .map(|at| format!("[[policy.rule]]\nname = \"w{at}\"\ndestinations = [\"w{at}.test\"]\neffect = \"warn\"\n"))
        .collect();
    let world = World::build().network("desk", "127.0.0.1/32", "").config(&rules).start();
    let browser = world.browser();
    browser.arrive("http://news.test/");
    let pass = |at: u32| {
        let told = browser.bare_curl(&format!("http://w{at}.test/"), &["-H", "Accept: application/json"]);
        let problem: Value = serde_json::from_str(&told.body).unwrap();
        let page = browser.go(problem["portal"].as_str().unwrap());
        let passed = browser.submit(&page, page.form(), &[]);
        // The same form once more costs nothing, and counts for nothing.
        assert_eq!(browser.submit(&page, page.form(), &[]).status, passed.status);
        passed
    };
    for at in 0..30 {
        assert_eq!(pass(at).heading(), "You are signed in", "{at}");
    }
    let late = pass(30);
    assert_eq!((late.status, late.heading()), (429, "Before you go on"), "{late:#?}");
    assert!(late.body.contains("There have been too many attempts. Wait ten minutes"), "{late:#?}");
    let begun = std::time::Instant::now();
    while audited(&world, "warning-read", "read").len() < 30 {
        assert!(begun.elapsed() < PATIENCE, "each that was read is audited");
    }
    assert_eq!(audited(&world, "warning-read", "read").len(), 30, "and nothing twice");
    let other = world.browser().at([127, 0, 9, 1]);
    assert_eq!(other.arrive("http://news.test/").status, 200, "somebody else goes on");
}

/// The heads and documents that a service was sent.
type Told = Arc<Mutex<Vec<(String, Value)>>>;

/// A world in which reviews go to a service that answers so, and what it is told.
fn reviewed(answer: &'static str) -> (World, Told) {
    let (mut build, told) = (World::build(), Told::default());
    let own = Arc::clone(&told);
    let origin = Origin::start_tls(build.certify("hooks.test"), move |head, stream| {
        let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).unwrap();
        own.lock().unwrap().push((head.to_owned(), serde_json::from_slice(&body).unwrap()));
        drop(stream.write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes()));
    });
    let build = build.host("hooks.test:443", origin.address).network("shared", "127.0.7.0/24", "shared = true");
    let build = build.portal("review = { webhook = \"https://hooks.test/in?key=1\", token = \"very secret\" }");
    let rules = "[[policy.rule]]\nname = \"No shops\"\ndestinations = [\"shop.test\"]\neffect = \"block\"\nmessage = \"Ask the desk.\"";
    (build.config(rules).start(), told)
}

#[test]
fn a_review_is_told_to_the_operators_service_and_the_person_is_told_what_came_of_it() {
    for (answer, status, heading) in
        [("204 No Content", 200, "Your request has been sent"), ("500 Oh", 502, "Your request could not be sent")]
    {
        let (world, told) = reviewed(answer);
        let browser = world.browser().at(SHARED);
        browser.arrive("http://news.test/");
        let denied = browser.go("http://shop.test/secret?x");
        assert_eq!((denied.status, denied.body.contains("Ask the desk.")), (403, true), "{denied:#?}");
        let (_, link) = denied.body.split_once(&format!("href=\"{PORTAL}/review?q=")).unwrap();
        let link = format!("{PORTAL}/review?q={}", link.split('"').next().unwrap());
        let page = browser.go(&link);
        assert_eq!(page.heading(), "Ask for this site", "{page:#?}");
        assert!(told.lock().unwrap().is_empty(), "nobody is told by a link");
        let answer = browser.submit(&page, page.form(), &[("reason", "for an order")]);
        assert_eq!((answer.status, answer.heading()), (status, heading), "{answer:#?}");
        let all = told.lock().unwrap().clone();
        let [(head, document)] = &all[..] else { panic!("once, and not again: {all:#?}") };
        assert!(head.starts_with("POST /in?key=1 HTTP/1.1\r\n"), "{head}");
        assert!(head.to_lowercase().contains("authorization: bearer very secret\r\n"), "{head}");
        let record = world.record(|record| record["path"] == "/secret" && record["decision"] == "denied");
        for (field, value) in [
            ("site", "shop.test"),
            ("rule", "No shops"),
            ("request_id", record["request_id"].as_str().unwrap()),
            ("user", "B.Simon@contoso.com"),
            ("reason", "for an order"),
            ("network", "shared"),
        ] {
            assert_eq!(document[field], value, "{field}");
        }
        let outcome = if status == 200 { "sent" } else { "not-sent" };
        assert_eq!(audited(&world, "review-asked", outcome).len(), 1);
        assert_eq!(browser.go(&format!("{PORTAL}/review?q=forged")).status, 404);
    }
}
