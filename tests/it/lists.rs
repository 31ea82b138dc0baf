//! Lists of destinations: fetched, kept, refreshed while requests are answered, and what operators are told of them.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::node::{Node, Setup};
use super::operator::say;
use super::origin::Origin;
use super::raw::{connect, read_head};
use super::world::{Builder, PATIENCE, World};

const FETCHED: &str = "a list has new content";
const NOT_FETCHED: &str = "a list could not be fetched";

/// What the origin of lists answers.
#[derive(Clone, Default)]
struct Published(Arc<Mutex<Vec<Document>>>);

#[derive(Clone)]
struct Document {
    path: String,
    /// From the status line to the last field.
    head: String,
    body: Vec<u8>,
}

impl Published {
    /// Publishes a list with this `ETag`.
    fn list(&self, path: &str, tag: &str, text: &str) {
        let head = format!("HTTP/1.1 200 OK\r\nETag: \"{tag}\"\r\nContent-Length: {}\r\n", text.len());
        self.answer(path, head, text);
    }

    fn answer(&self, path: &str, head: impl Into<String>, body: impl Into<Vec<u8>>) {
        let mut all = self.0.lock().unwrap();
        all.retain(|document| document.path != path);
        all.push(Document { path: path.to_owned(), head: head.into(), body: body.into() });
    }

    /// The origin, and a world in which it is `lists.test`.
    fn origin(&self) -> (Builder, Origin) {
        let (mut build, own) = (World::build(), self.clone());
        let origin = Origin::start_tls(build.certify("lists.test"), move |head, stream| {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let found = own.0.lock().unwrap().iter().find(|document| document.path == path).cloned();
            let Some(Document { head: fields, body, .. }) = found else { return };
            let tag = fields.lines().find_map(|line| line.strip_prefix("ETag: "));
            let lower = head.to_lowercase();
            let is_known = tag.is_some_and(|tag| lower.lines().any(|line| line == format!("if-none-match: {tag}")));
            let answer = match is_known {
                true => b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_vec(),
                false => [format!("{fields}Connection: close\r\n\r\n").as_bytes(), &body].concat(),
            };
            drop(stream.write_all(&answer));
        });
        (build.host("lists.test:443", origin.address), origin)
    }
}

fn list(name: &str, path: &str, lines: &str) -> String {
    format!("[[list]]\nname = {name:?}\nurl = \"https://lists.test{path}\"\nrefresh = \"1s\"\n{lines}\n")
}

/// How many events there are whose message begins so, about this list.
fn told(node: &Node, list: &str, message: &str) -> usize {
    let is_it = |event: &&Value| {
        event["fields"]["message"].as_str().is_some_and(|found| found.starts_with(message))
            && event["fields"]["list"] == list
    };
    node.events().iter().filter(is_it).count()
}

/// Waits until one more of them is there than there were.
fn wait_for_more(node: &Node, list: &str, message: &str, before: usize) {
    let begun = Instant::now();
    while told(node, list, message) <= before {
        assert!(begun.elapsed() < PATIENCE, "no `{message}` of {list} in {:#?}", node.events());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn found(node: &Node, asked: &str) -> String {
    let (code, said, error) = say(node, &["lists", "find", asked]);
    assert_eq!(code, Some(0), "{error}");
    said
}

/// What is told of one list, as JSON.
fn item(node: &Node, name: &str) -> Value {
    let (_, listed, error) = say(node, &["lists", "--json"]);
    let items = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    items.into_iter().find(|item| item["list"] == name).unwrap_or_else(|| panic!("{listed}{error}"))
}

#[test]
fn a_list_is_fetched_when_there_is_a_newer_one_and_a_broken_one_changes_nothing() {
    let published = Published::default();
    let (build, origin) = published.origin();
    published.list("/far.txt", "one", "||bad.test^\nwhat is this\n");
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let setup = Setup::new(&world, folder.path()).config(&list("far", "/far.txt", ""));
    let node = setup.start();
    node.wait_for_event(FETCHED);
    assert_eq!(found(&node, "www.bad.test"), "far: by bad.test, and everything below it\n");
    assert_eq!(found(&node, "good.test"), "no list holds good.test\n");
    let (_, listed, _) = say(&node, &["lists"]);
    assert!(listed.starts_with("far: 1 entries, ") && listed.contains("from https://lists.test/far.txt"), "{listed}");
    assert!(listed.contains("line 2: `what is this`: this is neither a name nor an address\n"), "{listed}");
    // As long as it is the same one, it is not sent again.
    let begun = Instant::now();
    while !origin.seen().iter().any(|head| head.to_lowercase().contains("if-none-match: \"one\"")) {
        assert!(begun.elapsed() < PATIENCE, "{:#?}", origin.seen());
        std::thread::sleep(Duration::from_millis(20));
    }
    published.list("/far.txt", "two", "||worse.test^\n");
    wait_for_more(&node, "far", FETCHED, 1);
    assert_eq!(
        (found(&node, "worse.test").lines().count(), found(&node, "bad.test").as_str()),
        (1, "no list holds bad.test\n")
    );

    for (head, body, why) in [
        ("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n", "", "500"),
        ("HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/\r\nContent-Length: 0\r\n", "", "elsewhere.test"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n", "cut.test\n", "connection"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 23\r\n", "<!DOCTYPE html>\n<html>\n", "web page"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n", "a b\nc d\n", "no line of it can be used"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n", "\u{1f}\u{0}\u{0}\u{0}", "no line of it can be used"),
    ] {
        let before = told(&node, "far", NOT_FETCHED);
        published.answer("/far.txt", head, body);
        wait_for_more(&node, "far", NOT_FETCHED, before);
        let error = item(&node, "far")["error"].as_str().unwrap().to_owned();
        assert!(error.contains(why), "{head}: {error}");
        assert!(found(&node, "worse.test").starts_with("far: "), "{head}");
    }
    // Nor does a start.
    node.stop();
    let node = setup.start();
    assert!(found(&node, "worse.test").starts_with("far: "));
    wait_for_more(&node, "far", NOT_FETCHED, 0);
    assert!(found(&node, "worse.test").starts_with("far: "));
    published.list("/far.txt", "three", "||last.test^\n");
    wait_for_more(&node, "far", FETCHED, 0);
    assert_eq!(item(&node, "far")["error"], Value::Null);
    let left = std::fs::read_dir(node.folder.join("lists")).unwrap().map(|entry| entry.unwrap().path());
    let left: Vec<_> = left.filter(|path| path.extension().is_some_and(|end| end == "part" || end == "new")).collect();
    assert_eq!(left, <[&Path; 0]>::default(), "nothing is left half-way");
}

#[test]
fn a_list_whose_digest_is_published_is_taken_with_that_digest_alone() {
    let published = Published::default();
    let (build, _origin) = published.origin();
    let digest = |text: &str| {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        hash.as_ref().iter().map(|octet| format!("{octet:02x}")).collect::<String>()
    };
    let (good, other) = ("good.test\n", "other.test\n");
    published.list("/beside.txt", "one", other);
    published.list("/beside.txt.sha256", "one", &format!("{}  beside.txt\n", digest(good)));
    published.list("/fixed.txt", "one", good);
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let lists = list("beside", "/beside.txt", "sha256_url = \"https://lists.test/beside.txt.sha256\"")
        + &list("fixed", "/fixed.txt", &format!("sha256 = {:?}", digest(good)));
    let node = Setup::new(&world, folder.path()).config(&lists).start();
    wait_for_more(&node, "beside", NOT_FETCHED, 0);
    let error = item(&node, "beside")["error"].as_str().unwrap().to_owned();
    assert_eq!(error, format!("its SHA-256 is {}, not {}", digest(other), digest(good)));
    wait_for_more(&node, "fixed", FETCHED, 0);
    assert_eq!(found(&node, "good.test"), "fixed: by good.test, and everything below it\n");
    published.list("/beside.txt", "two", good);
    wait_for_more(&node, "beside", FETCHED, 0);
    // What is fixed stays, whatever is there now: it is not even asked for.
    published.list("/fixed.txt", "two", other);
    let before = told(&node, "beside", FETCHED);
    published.list("/beside.txt", "three", other);
    published.list("/beside.txt.sha256", "three", &digest(other));
    wait_for_more(&node, "beside", FETCHED, before);
    assert_eq!(found(&node, "other.test"), "beside: by other.test, and everything below it\n");
    assert_eq!(found(&node, "good.test"), "fixed: by good.test, and everything below it\n");
}

#[test]
fn a_list_that_loses_more_than_half_is_taken_when_an_operator_says_so() {
    let published = Published::default();
    let (build, _origin) = published.origin();
    let lines = |count: u32| (0..count).map(|number| format!("n{number}.test\n")).collect::<String>();
    published.list("/far.txt", "one", &lines(200));
    published.answer("/gone.txt", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n", "");
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let lists = list("far", "/far.txt", "") + &list("gone", "/gone.txt", "");
    let rule = "[policy]\nblocked_lists = [\"gone\"]\n";
    let node = Setup::new(&world, folder.path()).config(&lists).config(rule).start();
    wait_for_more(&node, "far", FETCHED, 0);
    published.list("/far.txt", "two", "Maintenance\n");
    wait_for_more(&node, "far", NOT_FETCHED, 0);
    let error = || item(&node, "far")["error"].as_str().unwrap_or_default().to_owned();
    assert!(error().contains("single words"), "{}", error());
    let before = told(&node, "far", NOT_FETCHED);
    published.list("/far.txt", "three", &lines(20));
    say(&node, &["lists", "refresh", "far"]);
    wait_for_more(&node, "far", NOT_FETCHED, before);
    assert!(error().contains("it has 20 entries, and 200 before"), "{}", error());
    assert!(found(&node, "n199.test").starts_with("far: "));
    let before = told(&node, "far", FETCHED);
    let (code, _, _) = say(&node, &["lists", "refresh", "--accept", "far"]);
    assert_eq!(code, Some(0));
    wait_for_more(&node, "far", FETCHED, before);
    assert_eq!(found(&node, "n199.test"), "no list holds n199.test\n");
    // What never came blocks nothing, and that is said.
    let said = "a list could not be fetched: it holds nothing yet, so nothing of it is blocked";
    assert!(told(&node, "gone", said) > 0, "{:#?}", node.events());
    let (_, listed, _) = say(&node, &["lists"]);
    assert!(listed.contains("never read: it holds nothing yet, so nothing of it is blocked"), "{listed}");
}

#[test]
fn files_are_read_again_when_they_change_and_lists_are_told_where_no_program_runs() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let categories = folder.path().join("blacklists");
    for (path, text) in
        [("adult/domains", "adult.test\n"), ("adult/urls", "site.test/x\n"), ("bank/domains", "bank.test\n")]
    {
        let path = categories.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, "127.0.0.1 localhost\n0.0.0.0 ads.test\n").unwrap();
    let lists = "[[list]]\nname = \"ut1\"\nfolder = \"blacklists\"\n[[list]]\nname = \"ads\"\nfile = \"hosts\"\n\
                 [[list]]\nname = \"own\"\nentries = [\"=exact.test\", \"10.0.0.0/8\"]\n";
    let node = Setup::new(&world, folder.path()).config(lists).start();
    assert_eq!(found(&node, "https://www.site.test/x/y"), "ut1/adult: by what begins with site.test/x\n");
    assert_eq!(found(&node, "ads.test"), "ads: by ads.test, that host alone\n");
    assert_eq!(found(&node, "www.ads.test"), "no list holds www.ads.test\n");
    std::fs::write(&hosts, "0.0.0.0 ads.test\n0.0.0.0 more.test\n").unwrap();
    std::fs::write(categories.join("bank/domains"), "bank.test\nother.test\n").unwrap();
    wait_for_more(&node, "ads", FETCHED, 0);
    wait_for_more(&node, "ut1", FETCHED, 0);
    assert_eq!(found(&node, "more.test"), "ads: by more.test, that host alone\n");
    assert_eq!(found(&node, "other.test"), "ut1/bank: by other.test, and everything below it\n");
    let (code, _, said) = say(&node, &["lists", "refresh"]);
    assert!(code == Some(1) && said.contains("no list is fetched"), "{said}");

    let file = node.folder.join("node.toml");
    node.stop();
    let alone = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vestibule"));
        let output = command.env_clear().args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let config = file.display().to_string();
    let (code, listed) = alone(&["lists", "--config", &config]);
    let names: Vec<_> =
        listed.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(':').next()).collect();
    assert_eq!((code, names), (Some(0), vec!["ut1/adult", "ut1/bank", "ads", "own"]), "{listed}");
    assert_eq!(alone(&["lists", "find", "10.1.2.3", "--config", &config]).1, "own: by 10.1.2.3\n");
    let (code, checked) = alone(&["check-config", &config]);
    assert!(code == Some(0) && checked.contains("list ads: 2 entries, "), "{checked}");
}

#[test]
fn a_list_is_refreshed_under_requests_and_ends_the_tunnels_that_it_forbids() {
    let published = Published::default();
    let (build, _origin) = published.origin();
    published.list("/far.txt", "0", "other.test\n");
    let (world, folder) = (build.start(), tempfile::tempdir().unwrap());
    let rule = "[[policy.rule]]\nname = \"not what is listed\"\nlists = [\"far\"]\neffect = \"block\"\n";
    let node = Setup::new(&world, folder.path()).config(&list("far", "/far.txt", "")).config(rule).start();
    wait_for_more(&node, "far", FETCHED, 0);
    let browser = node.browser(&world);
    browser.arrive("http://news.test/");
    let mut tunnel = connect(node.proxy, [127, 0, 0, 1].into());
    tunnel.write_all(b"CONNECT mail.test:443 HTTP/1.1\r\nHost: mail.test:443\r\n\r\n").unwrap();
    assert!(read_head(&mut tunnel).starts_with("HTTP/1.1 200"));
    let mut seen = std::collections::BTreeSet::new();
    for round in 1..=4 {
        let (text, wanted) = if round % 2 == 1 { ("news.test\n", 403) } else { ("other.test\n", 200) };
        let before = told(&node, "far", FETCHED);
        published.list("/far.txt", &round.to_string(), text);
        let begun = Instant::now();
        while told(&node, "far", FETCHED) <= before {
            assert!(begun.elapsed() < PATIENCE, "{:#?}", node.events());
            let status = browser.go("http://news.test/").status;
            assert!([200, 403].contains(&status), "{status}: it is answered by one policy or the other");
            seen.insert(status);
        }
        assert_eq!(browser.go("http://news.test/").status, wanted, "round {round}");
        let rule = if wanted == 403 { "not what is listed" } else { "default" };
        node.last_record_has("news.test", &[("rule", json!(rule))]);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [200, 403]);
    // A tunnel goes on under lists that do not forbid it, and ends with one that does.
    published.list("/far.txt", "last", "mail.test\n");
    let mut rest = Vec::new();
    tunnel.read_to_end(&mut rest).unwrap();
    node.last_record_has("mail.test", &[("reason", json!("policy-changed"))]);
}

#[test]
fn a_new_list_is_in_force_whatever_has_become_of_files_that_it_has_nothing_to_do_with() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let (template, listed) = (folder.path().join("own.pac"), folder.path().join("listed.txt"));
    std::fs::write(&template, "function FindProxyForURL(url, host) { return \"PROXY proxy.test:8080\"; }\n").unwrap();
    std::fs::write(&listed, "other.test\n").unwrap();
    let more = "[[pac.file]]\nname = \"own\"\ntemplate = \"own.pac\"\n[[list]]\nname = \"own\"\nfile = \"listed.txt\"\n\
                [[policy.rule]]\nname = \"not what is listed\"\nlists = [\"own\"]\neffect = \"block\"\n";
    let node = Setup::new(&world, folder.path()).config(more).start();
    let browser = node.browser(&world);
    browser.arrive("http://news.test/");
    std::fs::remove_file(&template).unwrap();
    std::fs::write(&listed, "other.test\nnews.test\n").unwrap();
    wait_for_more(&node, "own", FETCHED, 0);
    assert_eq!(browser.go("http://news.test/").status, 403);
}
