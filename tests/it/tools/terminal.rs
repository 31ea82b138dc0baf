//! Terminal sign-in: a shell asks and waits, a person approves it in a browser.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use vestibule::clock::SignedDuration;

use super::super::browser::{Form, Page};
use super::super::chromium::{Stage, Trust};
use super::super::world::PATIENCE;
use super::{PORTAL, csrf, signed_in, token_in, world};

/// A shell that runs the line which the README gives, and then asks for a page.
struct Shell {
    process: Child,
    said: std::path::PathBuf,
}

impl Shell {
    /// `web` is whom the device trusts: the portal has a certificate as from a public authority.
    fn start(folder: &std::path::Path, proxy: std::net::SocketAddr, web: &std::path::Path, then: &str) -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let said = folder.join(format!("shell-{number}"));
        let script = format!("eval \"$(curl -fsS -x http://{proxy} {PORTAL}/terminal)\" && {then}");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("CURL_CA_BUNDLE", web);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(std::fs::File::create(&said).unwrap());
        Self { process: command.spawn().unwrap(), said }
    }

    /// What it has said so far, as soon as there is this in it.
    fn says(&self, part: &str) -> String {
        let begun = Instant::now();
        loop {
            let text = std::fs::read_to_string(&self.said).unwrap();
            if text.contains(part) {
                return text;
            }
            assert!(begun.elapsed() < 3 * PATIENCE, "the shell does not say {part:?}: {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The address that it says is to be opened.
    fn address(&self) -> String {
        let text = self.says("Ctrl-C");
        let (_, rest) = text.split_once("    https://").unwrap_or_else(|| panic!("no address: {text}"));
        format!("https://{}", rest.lines().next().unwrap())
    }

    /// Waits for its end: whether all went well, and what it has written.
    fn end(mut self) -> (bool, String) {
        let begun = Instant::now();
        while self.process.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < 3 * PATIENCE, "the shell does not end: {}", self.says(""));
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut text = String::new();
        self.process.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        (self.process.wait().unwrap().success(), text)
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn decide(browser: &super::Browser<'_>, page: &Page, decision: &str) -> Page {
    let action = page.url.strip_prefix(PORTAL).unwrap().to_owned();
    let form = Form { action, fields: vec![("csrf".into(), csrf(page))] };
    browser.submit(page, form, &[("decision", decision)])
}

const PRINT: &str = "curl -fsS http://news.test/from-a-terminal && printf '\\n%s\\n' \"$https_proxy\"";

#[test]
fn a_terminal_is_signed_in_with_one_line_and_ends_with_the_browser_that_approved_it() {
    let world = world().start();
    let shell = Shell::start(world.folder(), world.proxy, &world.bundle, PRINT);
    let address = shell.address();
    let code = address.rsplit('/').next().unwrap().to_owned();
    assert!(address.starts_with("https://portal.vestibule.test/t/") && address.len() == 41, "{address}");
    assert!(shell.says(&format!("must show the code {code}")).contains("Waiting"));
    // Whoever is not signed in does so first, and comes back.
    let browser = world.browser().at(super::SHARED);
    let logon = browser.go(&address);
    assert_eq!(logon.heading(), "Sign in");
    let page = browser.sign_in(&logon, "CONTOSO\\bsimon", "simon");
    assert_eq!((page.url.as_str(), page.heading()), (address.as_str(), "Is this your terminal?"), "{page:#?}");
    let curl = format!("curl/{}", curl_version());
    for part in [code.as_str(), "127.0.0.1", &curl, "B.Simon@contoso.com", "at another address than this browser"] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
    let page = decide(&browser, &page, "approve");
    assert!(page.body.contains("Approved. Your terminal goes on"), "{page:#?}");
    let said = shell.says("Signed in as B.Simon@contoso.com until");
    assert!(!said.contains("vst_"), "{said}");
    let (good, written) = shell.end();
    assert!(good && written.contains("This is news.test"), "{written}");
    let token = token_in(&written);
    let record = world.record(|record| record["path"] == "/from-a-terminal");
    assert_eq!((&record["user"], &record["surrogate"]), (&"B.Simon@contoso.com".into(), &"proxy-token".into()));
    // It is listed, is no cookie, and ends with the browser.
    let list = browser.go(&format!("{PORTAL}/tokens"));
    assert!(list.body.contains("<span class=\"tag\">Terminal</span>") && list.body.contains(&curl), "{list:#?}");
    assert_eq!(browser.tool("http://news.test/", &token, &[]).status, 200);
    browser.sign_out();
    let page = browser.tool("http://news.test/", &token, &[]);
    assert!(page.status == 407 && page.body.contains("has been revoked"), "{page:#?}");
    // Codes are in no record.
    let log = world.log_text();
    assert!(!log.contains(&code) && !log.contains("vst_"), "{log}");
    let paths: Vec<_> =
        world.records().iter().filter_map(|record| record["path"].as_str().map(str::to_owned)).collect();
    assert!(paths.contains(&"/terminal".to_owned()) && paths.contains(&"/t".to_owned()), "{paths:?}");
}

#[test]
fn a_terminal_that_is_refused_is_told_so_and_a_code_works_once() {
    let world = world().start();
    let browser = signed_in(&world);
    let shell = Shell::start(world.folder(), world.proxy, &world.bundle, PRINT);
    let address = shell.address();
    let page = browser.go(&address);
    let refused = decide(&browser, &page, "refuse");
    assert!(refused.body.contains("Refused."), "{refused:#?}");
    shell.says("The terminal was refused.");
    assert_eq!(shell.end(), (false, String::new()));
    for page in [browser.go(&address), decide(&browser, &page, "approve"), browser.go(&format!("{PORTAL}/t/BBBB-BBBB"))]
    {
        assert!(page.body.contains("No terminal asks with this code."), "{page:#?}");
    }
    assert!(browser.go(&format!("{PORTAL}/tokens")).body.contains("No tool and no terminal is signed in."));
}

#[test]
fn a_page_that_is_opened_approves_nothing_and_neither_does_a_form_from_elsewhere() {
    let world = world().start();
    let browser = signed_in(&world);
    let shell = Shell::start(world.folder(), world.proxy, &world.bundle, "true");
    let page = browser.go(&shell.address());
    let action = page.url.strip_prefix(PORTAL).unwrap().to_owned();
    let form = |csrf: &str| Form { action: action.clone(), fields: vec![("csrf".into(), csrf.to_owned())] };
    assert_eq!(browser.submit(&page, form("forged"), &[("decision", "approve")]).status, 403);
    let foreign = browser.curl(
        &page.url,
        &["-H", "Origin: http://news.test", "--data", &format!("csrf={}&decision=approve", csrf(&page))],
    );
    assert_eq!(foreign.status, 403, "{foreign:#?}");
    assert_eq!(browser.go(&page.url).heading(), "Is this your terminal?", "nobody has decided");
}

#[test]
fn nobody_guesses_a_code_or_collects_what_was_approved_for_another() {
    let world = world().start();
    let browser = signed_in(&world);
    let asking =
        |from: [u8; 4], path: &str| world.browser().at(from).bare_curl(&format!("{PORTAL}/terminal{path}"), &[]);
    let begun = asking([127, 0, 7, 5], "").body;
    let collect =
        begun.split_once("https://portal.vestibule.test/terminal/").unwrap().1.split_once('\'').unwrap().0.to_owned();
    let (_, address) = begun.split_once("    https://").unwrap();
    let address = format!("https://{}", address.split_once('\'').unwrap().0);
    let page = browser.go(&address);
    assert!(decide(&browser, &page, "approve").body.contains("Approved."));
    let collected = |from: [u8; 4], code: &str| asking(from, &format!("/{code}")).body;
    assert!(collected([127, 0, 7, 6], &collect).contains("The code is not good any more"), "from another address");
    let user_code: String = address.rsplit('/').next().unwrap().replace('-', "");
    assert!(collected([127, 0, 7, 5], &format!("{user_code}AAAAAAAAAAAAAAAAAAAAAA")).contains("not good"));
    let script = collected([127, 0, 7, 5], &collect);
    assert!(script.contains("export http_proxy='http://token:vst_"), "{script}");
    assert!(collected([127, 0, 7, 5], &collect).contains("not good"), "once");
    // Codes are looked up a few times a minute, and asked for a few times.
    let guesses: Vec<_> = (0..40).map(|_| browser.ask(&format!("{PORTAL}/t/BBBB-BBBB")).status).collect();
    assert!(guesses[..20].iter().all(|status| *status == 303) && guesses[39] == 429, "{guesses:?}");
    let asked: Vec<_> = (0..25).map(|_| asking([127, 0, 7, 8], "").status).collect();
    assert!(asked[..20].iter().all(|status| *status == 200) && asked[24] == 429, "{asked:?}");
}

#[test]
fn nothing_that_comes_without_tls_is_run_or_signs_anybody_in() {
    let world = world().start();
    let browser = signed_in(&world);
    let plain =
        |path: &str| world.send_from([127, 0, 7, 5], &format!("GET {path} HTTP/1.0\r\nHost: proxy.test\r\n\r\n"));
    let answer = plain("/terminal");
    let text = answer.text();
    assert_eq!(answer.status, 403, "{text}");
    assert!(text.lines().all(|line| line.starts_with('#')), "a shell does nothing with it: {text}");
    let line = format!("    eval \"$(curl -fsS -x http://{} {PORTAL}/terminal)\"", world.proxy);
    assert!(text.contains(&line) && text.contains("Without TLS anybody on the way"), "{text}");
    // Nor is a token given out that was asked for over TLS.
    let begun = world.browser().at([127, 0, 7, 5]).bare_curl(&format!("{PORTAL}/terminal"), &[]).body;
    let collect = begun.split_once("https://portal.vestibule.test/terminal/").unwrap().1.split_once('\'').unwrap().0;
    let (_, address) = begun.split_once("    https://").unwrap();
    let page = browser.go(&format!("https://{}", address.split_once('\'').unwrap().0));
    assert!(decide(&browser, &page, "approve").body.contains("Approved."));
    let answer = plain(&format!("/terminal/{collect}"));
    assert!(answer.status == 403 && !answer.text().contains("vst_"), "{}", answer.text());
    let script = world.browser().at([127, 0, 7, 5]).bare_curl(&format!("{PORTAL}/terminal/{collect}"), &[]).body;
    assert!(script.contains("export http_proxy='http://token:vst_"), "{script}");
    // No page offers it either.
    let page = browser.go(&format!("{PORTAL}/tokens"));
    assert!(page.body.contains(&format!("-x http://{} {PORTAL}/terminal)", world.proxy)), "{page:#?}");
    assert!(
        !page.body.contains("--cacert") && !page.body.contains(" -k"),
        "its certificate is a public one: {page:#?}"
    );
}

#[test]
fn a_refusal_says_how_the_terminal_can_be_signed_in_and_it_works() {
    let world = world().start();
    let browser = signed_in(&world);
    let tool = world.browser().at([127, 0, 7, 5]);
    let refused = tool.bare_curl("http://news.test/", &[]);
    assert_eq!(refused.status, 407, "{refused:#?}");
    let line =
        |start: &str| refused.body.lines().map(str::trim).find(|line| line.starts_with(start)).unwrap().to_owned();
    let page = browser.go(&line("https://portal.vestibule.test/t/"));
    assert!(decide(&browser, &page, "approve").body.contains("Approved."));
    let script =
        format!("{} && printf %s \"$http_proxy\"", line("eval").replace("curl ", "curl --interface 127.0.7.5 "));
    let output = Command::new("sh").args(["-c", &script]).env("CURL_CA_BUNDLE", &world.bundle).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let token = token_in(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(tool.tool("http://news.test/", &token, &[]).status, 200);
    // So many refusals are no reason to remember that many codes.
    let texts: Vec<_> = (0..10).map(|_| tool.bare_curl("http://news.test/", &[]).body).collect();
    assert!(texts[9].contains("/tokens") && !texts[9].contains("/t/"), "{}", texts[9]);
    // A day later it is over.
    world.clock.advance(SignedDuration::from_hours(12));
    let page = tool.tool("http://news.test/", &token, &[]);
    assert!(page.status == 407 && page.body.contains("has expired"), "{page:#?}");
}

#[test]
fn a_terminal_is_approved_in_chromium() {
    let stage = Stage::open();
    let folder = tempfile::tempdir().unwrap();
    let shell = Shell::start(folder.path(), stage.proxy, &stage.authorities(Trust::Web)[0].1, PRINT);
    let browser = stage.browser(Trust::Web);
    browser.open(&shell.address());
    browser.sign_in("bsimon@contoso.com", "simon");
    browser.wait_text("Is this your terminal?");
    let code = shell.address().rsplit('/').next().unwrap().to_owned();
    assert!(browser.text().contains(&code), "{}", browser.text());
    browser.click("button[value=approve]");
    browser.wait_text("Approved. Your terminal goes on in a moment");
    let (good, written) = shell.end();
    assert!(good && written.contains("This is news.test"), "{written}");
}

fn curl_version() -> String {
    let output = Command::new("curl").arg("--version").output().unwrap();
    String::from_utf8_lossy(&output.stdout).split_whitespace().nth(1).unwrap().to_owned()
}
