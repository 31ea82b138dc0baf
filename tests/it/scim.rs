//! People and groups that an identity provider pushes, by real requests to the real program.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::node::{Node, Setup};
use super::operator::say;
use super::raw::{connect, read_head};
use super::realms::fabrikam;
use super::world::{PATIENCE, World};

/// The object ID of B.Simon.
const SIMON: &str = "6a1f0c52-8d3b-4b7e-a2c9-1f4e5d6c7b01";

const CONTOSO: &str = "[[directory]]\nname = \"contoso\"\nrealms = [\"contoso\"]\nscim = true\n";

/// A store that several nodes share.
const SHARED: &str =
    "[session.redis]\nservers = [\"redis://127.0.0.1:6379\"]\nsecret = \"a secret that all nodes of this test have\"\n";

/// An identity provider's provisioning: curl, with a token.
struct Provisioner {
    address: SocketAddr,
    token: String,
    /// The authority to trust, where TLS is spoken.
    trusted: Option<PathBuf>,
}

/// An answer.
struct Answer {
    status: u16,
    body: Value,
}

impl Provisioner {
    /// One with a fresh token of the node's directory.
    fn new(node: &Node) -> Self {
        Self::of(node, "contoso")
    }

    /// One with a fresh token of the directory of this name.
    fn of(node: &Node, directory: &str) -> Self {
        let (code, token, said) = say(node, &["scim", "token", "new", directory]);
        assert_eq!(code, Some(0), "{said}");
        Self { address: node.listener("scim"), token: token.trim().to_owned(), trusted: None }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let path = path.replace(' ', "%20").replace('"', "%22").replace('[', "%5B").replace(']', "%5D");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--write-out", "\n%{http_code}", "--request", method]);
        curl.args(["--header", &format!("Authorization: Bearer {}", self.token)]);
        let url = match &self.trusted {
            Some(authority) => {
                curl.args(["--cacert", authority.to_str().unwrap()]);
                curl.args(["--connect-to", &format!("scim.test:443:{}", self.address)]);
                format!("https://scim.test/scim/v2{path}")
            }
            None => format!("http://{}/scim/v2{path}", self.address),
        };
        if !body.is_null() {
            curl.args(["--header", "Content-Type: application/scim+json; charset=utf-8", "--data-binary", "@-"]);
        }
        let mut running =
            curl.arg(url).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let sent = if body.is_null() { String::new() } else { body.to_string() };
        running.stdin.take().unwrap().write_all(sent.as_bytes()).unwrap();
        let output = running.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) =
            text.rsplit_once('\n').unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let body = serde_json::from_str(body).unwrap_or_default();
        Answer { status: status.parse().unwrap(), body }
    }

    fn create(&self, path: &str, body: &Value) -> String {
        let answer = self.ask("POST", path, body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// Plays a sequence of requests, each with what must come of it.
    fn play(&self, name: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scim").join(name);
        let steps: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert!(steps.len() > 20, "{name} is too short");
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for step in steps {
            let fill = |value: &Value| {
                let filled =
                    known.iter().fold(value.to_string(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id));
                serde_json::from_str::<Value>(&filled).unwrap()
            };
            let (about, request) = (&step["about"], fill(&step["request"]));
            let (method, path) = request.as_str().unwrap().split_once(' ').unwrap();
            let answer = self.ask(method, path, &fill(&step["send"]));
            assert_eq!(json!(answer.status), step["status"], "{name}: {about}: {}", answer.body);
            assert!(
                step["body"].is_null() || is_within(&fill(&step["body"]), &answer.body),
                "{name}: {about}: {:#}",
                answer.body
            );
            for pointer in step["absent"].as_array().into_iter().flatten() {
                assert!(answer.body.pointer(pointer.as_str().unwrap()).is_none(), "{name}: {about}: {pointer}");
            }
            for (name, pointer) in step["keep"].as_object().into_iter().flatten() {
                let id = answer.body.pointer(pointer.as_str().unwrap()).unwrap();
                known.insert(name.clone(), id.as_str().unwrap().to_owned());
            }
        }
    }
}

/// Whether all of `wanted` is in `found`. Lists must have the same length.
fn is_within(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().all(|(name, wanted)| found.get(name).is_some_and(|found| is_within(wanted, found)))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| is_within(wanted, found))
        }
        (wanted, found) => wanted == found,
    }
}

/// A node whose directory is pushed, in the clear on this machine.
fn node(world: &World, folder: &Path, more: &str) -> Node {
    Setup::new(world, folder).config(CONTOSO).config(&format!("[scim]\nlisten = \"127.0.0.1:0\"\n{more}")).start()
}

#[test]
fn what_entra_and_a_validator_send_is_answered_as_they_expect() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let node = node(&world, folder.path(), "");
    let entra = Provisioner::new(&node);
    // Each leaves nothing behind, but the last.
    for name in ["entra-users.json", "entra-groups.json", "validator.json"] {
        entra.play(name);
    }
}

#[test]
fn a_test_suite_that_others_have_written_finds_no_mistake() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = root.join("target/scim2-tester");
    assert!(
        packages.join("complete").is_file(),
        "the packages of tests/it/scim_client are missing, and `make test` installs them"
    );
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let node = node(&world, folder.path(), "");
    let own = Provisioner::new(&node);
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", packages).arg(root.join("tests/it/scim_client/check.py"));
    let checked = python.args([&format!("http://{}/scim/v2", own.address), &own.token]).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout) + String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
}

#[test]
fn tokens_are_made_listed_and_revoked_by_command() {
    let mut builder = World::build();
    let (chain, key) = builder.certify_files("scim.test");
    let (world, folder) = (builder.start(), tempfile::tempdir().unwrap());
    let node = node(&world, folder.path(), &format!("certificate = {chain:?}\nkey = {key:?}"));
    let first = Provisioner { trusted: Some(world.web.clone()), ..Provisioner::new(&node) };
    let second = Provisioner { trusted: Some(world.web.clone()), ..Provisioner::new(&node) };
    for token in [&first, &second] {
        assert_eq!(token.ask("GET", "/Users", &Value::Null).status, 200);
    }
    let (code, _, said) = say(&node, &["scim", "token", "new", "contoso"]);
    assert!(code == Some(1) && said.contains("two valid tokens"), "{said}");
    let (code, _, said) = say(&node, &["scim", "token", "new", "fabrikam"]);
    assert!(code == Some(1) && said.contains("these are: contoso"), "{said}");
    let (_, listed, _) = say(&node, &["scim", "token", "list"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(!listed.contains(&first.token[20..]) && !listed.contains("never"), "{listed}");
    let id = listed.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    assert_eq!(say(&node, &["scim", "token", "revoke", id]).0, Some(0));
    assert_eq!(first.ask("GET", "/Users", &Value::Null).status, 401);
    assert_eq!(second.ask("GET", "/Users", &Value::Null).status, 200);
    let (code, _, said) = say(&node, &["scim", "token", "revoke", id]);
    assert!(code == Some(1) && said.contains("no token is called"), "{said}");
    // In the clear, nothing is answered.
    let plain = Command::new("curl")
        .args(["--silent", "--noproxy", "*", &format!("http://{}/scim/v2/Users", second.address)])
        .output();
    assert!(plain.unwrap().stdout.is_empty());
    // A restart knows the token that is left.
    node.stop();
    let node = self::node(&world, folder.path(), &format!("certificate = {chain:?}\nkey = {key:?}"));
    let again = Provisioner { address: node.listener("scim"), ..second };
    assert_eq!(again.ask("GET", "/Users", &Value::Null).status, 200);
}

#[test]
fn whoever_is_disabled_or_deleted_loses_their_sessions_at_once_and_each_change_is_recorded() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let node = node(&world, folder.path(), "");
    let entra = Provisioner::new(&node);
    let person = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "B.Simon@contoso.com", "externalId": SIMON, "active": true });
    for by in ["active", "delete"] {
        let id = entra.create("/Users", &person);
        let browser = node.browser(&world);
        browser.arrive("http://news.test/");
        let mut tunnel = connect(node.proxy, [127, 0, 0, 1].into());
        tunnel.write_all(b"CONNECT mail.test:443 HTTP/1.1\r\nHost: mail.test:443\r\n\r\n").unwrap();
        assert!(read_head(&mut tunnel).starts_with("HTTP/1.1 200"));
        let begun = Instant::now();
        if by == "active" {
            let body = json!({ "Operations": [{ "op": "Replace", "path": "active", "value": "False" }] });
            assert_eq!(entra.ask("PATCH", &format!("/Users/{id}"), &body).status, 200);
        } else {
            assert_eq!(entra.ask("DELETE", &format!("/Users/{id}"), &Value::Null).status, 204);
        }
        // The tunnel ends by itself.
        tunnel.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(tunnel.read(&mut [0; 16]).unwrap_or(0), 0, "{by}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{by}: {:?}", begun.elapsed());
        let (_, sessions, _) = say(&node, &["sessions", "list", "--user", "B.Simon@contoso.com", "--json"]);
        assert_eq!(sessions, "", "{by}");
        if by == "active" {
            assert_eq!(entra.ask("DELETE", &format!("/Users/{id}"), &Value::Null).status, 204);
        }
    }
    let audit = std::fs::read_to_string(world.folder().join("audit.log")).unwrap();
    let records = audit.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let records: Vec<Value> = records.filter(|record| record["audit"] == "provisioned").collect();
    let changes: Vec<_> =
        records.iter().map(|record| (record["command"].as_str().unwrap(), record["outcome"].as_str())).collect();
    let wanted = [
        ("create User", None),
        ("change User", Some("disabled")),
        ("delete User", None),
        ("create User", None),
        ("delete User", None),
    ];
    assert_eq!(changes, wanted);
    assert!(records.iter().all(|record| record["user"] == "B.Simon@contoso.com" && record["client"] == "127.0.0.1"));
    assert!(records.iter().all(|record| record["by"].as_str().unwrap().ends_with(" of contoso")));
}

#[test]
fn a_tenants_token_neither_sees_nor_touches_another_tenants_people() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let other = format!(
        "{}[[directory]]\nname = \"fabrikam\"\nrealms = [\"fabrikam\"]\nscim = true\n",
        fabrikam(world.folder())
    );
    let config = format!("{CONTOSO}{other}[scim]\nlisten = \"127.0.0.1:0\"\n");
    let node = Setup::new(&world, folder.path()).config(&config).start();
    let (own, other) = (Provisioner::of(&node, "contoso"), Provisioner::of(&node, "fabrikam"));
    let person = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "B.Simon@contoso.com", "externalId": SIMON, "active": true });
    let id = own.create("/Users", &person);
    let browser = node.browser(&world);
    browser.arrive("http://news.test/");
    // Neither by its identifier nor by its names.
    let list = "/Users?filter=userName eq \"B.Simon@contoso.com\"";
    assert_eq!(own.ask("GET", list, &Value::Null).body["totalResults"], 1);
    assert_eq!(other.ask("GET", list, &Value::Null).body["totalResults"], 0);
    let disable = json!({ "Operations": [{ "op": "Replace", "path": "active", "value": false }] });
    for (method, body) in [("GET", &Value::Null), ("PATCH", &disable), ("PUT", &person), ("DELETE", &Value::Null)] {
        assert_eq!(other.ask(method, &format!("/Users/{id}"), body).status, 404, "{method}");
    }
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Staff", "members": [{ "value": id }] });
    let foreign = other.ask("POST", "/Groups", &group);
    assert!(foreign.status == 400 || foreign.body["members"].as_array().is_none_or(Vec::is_empty), "{}", foreign.body);
    // Somebody of the same name and object ID there is somebody else, whatever becomes of them.
    let double = other.create("/Users", &person);
    assert_eq!(other.ask("PATCH", &format!("/Users/{double}"), &disable).status, 200);
    assert_eq!(other.ask("DELETE", &format!("/Users/{double}"), &Value::Null).status, 204);
    assert_eq!(own.ask("GET", &format!("/Users/{id}"), &Value::Null).body["active"], true);
    let page = browser.go("http://news.test/");
    assert_eq!((page.status, page.redirects), (200, 0), "{page:#?}");
}

#[test]
fn what_a_client_changes_is_recorded_even_if_it_hangs_up() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let node = node(&world, folder.path(), "");
    let entra = Provisioner::new(&node);
    for number in 0..30 {
        let body = format!("{{\"userName\":\"u{number}@contoso.com\"}}");
        let head = format!(
            "POST /scim/v2/Users HTTP/1.1\r\nHost: scim.test\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
            entra.token,
            body.len()
        );
        let mut stream = std::net::TcpStream::connect(entra.address).unwrap();
        stream.write_all((head + &body).as_bytes()).unwrap();
        // Some hang up before the request is read, some while it is carried out.
        std::thread::sleep(Duration::from_millis(number % 3));
    }
    let begun = Instant::now();
    loop {
        let made = entra.ask("GET", "/Users?count=0", &Value::Null).body["totalResults"].as_u64().unwrap();
        let audit = std::fs::read_to_string(world.folder().join("audit.log")).unwrap();
        let recorded = audit.lines().filter(|line| line.contains("\"command\":\"create User\"")).count() as u64;
        if made > 0 && made == recorded && begun.elapsed() > Duration::from_secs(1) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{made} were made, and {recorded} are recorded");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn groups_that_are_pushed_reach_rules_at_once() {
    let rule = "[[policy.rule]]\nname = \"staff\"\ngroups = [\"aaaaaaaa-0000-0000-0000-000000000001\"]\ndestinations = [\"news.test\"]\neffect = \"block\"\n";
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let node = node(&world, folder.path(), rule);
    let entra = Provisioner::new(&node);
    let id = entra.create("/Users", &json!({ "userName": "B.Simon@contoso.com", "externalId": SIMON }));
    let group = json!({ "displayName": "Staff", "externalId": "AAAAAAAA-0000-0000-0000-000000000001" });
    let group = entra.create("/Groups", &group);
    let browser = node.browser(&world);
    browser.arrive("http://news.test/");
    let patch = |operation: Value| {
        let body = json!({ "Operations": [operation] });
        assert_eq!(entra.ask("PATCH", &format!("/Groups/{group}"), &body).status, 204);
    };
    let waits_for = |status: u16| {
        let begun = Instant::now();
        while browser.go("http://news.test/").status != status {
            assert!(begun.elapsed() < PATIENCE, "no {status}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    patch(json!({ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": id }] }));
    waits_for(403);
    patch(json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") }));
    waits_for(200);
}

#[test]
fn the_listener_moves_with_a_reload_and_tokens_stay() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let node = node(&world, folder.path(), "");
    let before = Provisioner::new(&node);
    assert_eq!(before.ask("GET", "/Users", &Value::Null).status, 200);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = node.folder.join("node.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let moved = text
        .replace("[scim]\nlisten = \"127.0.0.1:0\"", &format!("[scim]\nlisten = \"{free}\"\nrequests_per_minute = 2"));
    assert_ne!(moved, text);
    std::fs::write(&file, moved).unwrap();
    let (code, _, said) = say(&node, &["reload"]);
    assert_eq!(code, Some(0), "{said}");
    let after = Provisioner { address: free, token: before.token.clone(), trusted: None };
    let statuses = [(); 5].map(|()| after.ask("GET", "/Users", &Value::Null).status);
    assert_eq!(statuses[0], 200, "{statuses:?}");
    // Of five, three fall into one minute, even if another one begins between them.
    assert!(statuses.contains(&429), "{statuses:?}");
    let begun = Instant::now();
    while std::net::TcpStream::connect(before.address).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "the old address is still open");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_was_answered_survives_a_crash() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let node = node(&world, folder.path(), "");
    let entra = Provisioner::new(&node);
    let token = entra.token.clone();
    let (tell, told) = std::sync::mpsc::channel();
    let pushing = std::thread::spawn(move || {
        for number in 0..10_000 {
            let body = json!({ "userName": format!("u{number}@contoso.com") });
            // Nothing is answered when the node is gone in the middle.
            match entra.ask("POST", "/Users", &body).status {
                201 => tell.send(number).unwrap(),
                _ => return,
            }
        }
    });
    let answered = (0..20).map(|_| told.recv_timeout(PATIENCE).unwrap()).max().unwrap();
    node.kill();
    let answered = told.iter().max().unwrap_or(answered);
    pushing.join().unwrap();
    let node = self::node(&world, folder.path(), "");
    let entra = Provisioner { address: node.listener("scim"), token, trusted: None };
    for number in 0..=answered {
        let found = entra.ask("GET", &format!("/Users?filter=userName eq \"u{number}@contoso.com\""), &Value::Null);
        assert_eq!(found.body["totalResults"], 1, "u{number} of {answered} was answered and is lost");
    }
}

#[test]
fn mistakes_in_the_section_are_named_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/contoso.xml");
    let check = |more: &str| {
        let text = format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\n[portal]\nurl = \"https://portal.contoso.com\"\nlisten = \"127.0.0.1:0\"\n\
             [[realm]]\nname = \"contoso\"\ndomains = [\"contoso.com\"]\nentity_id = \"https://portal.contoso.com\"\nmetadata = {example:?}\n{more}"
        );
        let file = folder.path().join("vestibule.toml");
        std::fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .env_clear()
            .args(["check-config", "--file-only"])
            .arg(&file)
            .output();
        let output = output.unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    for (more, wanted) in [
        (format!("{CONTOSO}[scim]\nlisten = \"0.0.0.0:8444\""), "in the clear"),
        (CONTOSO.to_owned(), "nothing listens for it"),
        ("[scim]\nlisten = \"127.0.0.1:8444\"".to_owned(), "no directory is pushed"),
        (format!("{CONTOSO}[scim]\nlisten = \"127.0.0.1:8444\"\nkey = \"x\""), "`certificate` is missing"),
        (format!("{CONTOSO}[scim]\nlisten = \"127.0.0.1:8444\"\nurl = \"http://x\""), "is not an https address"),
        (
            format!("{CONTOSO}[scim]\nlisten = \"127.0.0.1:8444\"\nrequest_per_minute = 7"),
            "did you mean `requests_per_minute`?",
        ),
        (format!("{CONTOSO}[scim]\nlisten = \"127.0.0.1:8444\"\nrequests_per_minute = 0"), "no request would be taken"),
        (format!("{CONTOSO}[scim]\nlisten = \"127.0.0.1:8444\"\npinned = true\n{SHARED}"), "no longer needed"),
        (format!("{CONTOSO}[scim]\nlisten = \"127.0.0.1:8444\"\npinned = true"), "shares its sessions with no other"),
        (format!("{CONTOSO}owner = \"scim\"\n[scim]\nlisten = \"127.0.0.1:8444\""), "one source"),
    ] {
        let said = check(&more);
        assert!(said.contains(wanted), "{more}\n{said}");
    }
    for more in ["", SHARED] {
        let good = check(&format!("{CONTOSO}[scim]\nlisten = \"127.0.0.1:8444\"\n{more}"));
        assert!(!good.contains("error"), "{good}");
    }
}
