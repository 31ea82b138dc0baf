//! What an operator says to a running node, and what comes of it.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use super::browser::Form;
use super::node::{Node, Setup};
use super::raw::{connect, read_head};
use super::tools::{csrf, token_in};
use super::world::World;

const SHARED: [u8; 4] = [127, 0, 7, 1];

/// Says it: the exit code, standard output and standard error.
pub(crate) fn say(node: &Node, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.env_clear().args(arguments).arg("--config").arg(node.folder.join("node.toml"));
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn sessions_are_listed_shown_and_ended_with_their_tunnels() {
    let (world, folder) =
        (World::build().network("shared", "127.0.7.0/24", "shared = true").start(), tempfile::tempdir().unwrap());
    let node = Setup::new(&world, folder.path()).start();
    let home = node.browser(&world);
    home.arrive("http://news.test/");
    let other = node.browser(&world).at(SHARED);
    let logon = other.go("http://news.test/");
    assert_eq!(other.sign_in(&logon, "AlexW@contoso.com", "alex").heading(), "This is news.test");
    let mut tunnel = connect(node.proxy, [127, 0, 0, 1].into());
    tunnel.write_all(b"CONNECT mail.test:443 HTTP/1.1\r\nHost: mail.test:443\r\n\r\n").unwrap();
    assert!(read_head(&mut tunnel).starts_with("HTTP/1.1 200"));

    let (code, listed, _) = say(&node, &["sessions", "list"]);
    assert_eq!(code, Some(0));
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines.len() == 3 && lines[0].starts_with("SESSION"), "{listed}");
    let (_, listed, _) = say(&node, &["sessions", "list", "--user", "b.simon@contoso.com", "--json"]);
    let simon: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&simon["user"], &simon["client"]), (&"B.Simon@contoso.com".into(), &"127.0.0.1".into()));
    // The access log's short name is enough.
    let id = simon["session"].as_str().unwrap();
    let (code, shown, _) = say(&node, &["sessions", "show", &id[..8]]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((code, &shown["session"], &shown["realm"]), (Some(0), &simon["session"], &"contoso".into()));
    let secret = home.cookie("portal.vestibule.test", "__Host-vestibule").unwrap();
    assert!(!listed.contains(&secret) && !shown.to_string().contains(&secret));

    // Tools are listed as such, and end like anything else.
    let new = home.go("https://portal.vestibule.test/tokens");
    let form = Form { action: "/tokens".into(), fields: vec![("csrf".into(), csrf(&new))] };
    let token = token_in(&home.submit(&new, form, &[("name", "build server"), ("networks", "shared")]).body);
    let tool = node.browser(&world).at([127, 0, 7, 2]);
    assert_eq!(tool.tool("http://news.test/", &token, &[]).status, 200);
    let (_, listed, _) = say(&node, &["sessions", "list"]);
    let line =
        listed.lines().find(|line| line.ends_with("personal build server")).unwrap_or_else(|| panic!("{listed}"));
    assert!(line.contains("  127.0.7.2  "), "where it was used last: {line}");
    let shown = say(&node, &["sessions", "show", line.split(' ').next().unwrap()]).1;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["tool"]["kind"], &shown["tool"]["networks"][0]), (&"personal".into(), &"shared".into()));
    let (code, _, _) = say(&node, &["sessions", "end", shown["session"].as_str().unwrap()]);
    assert_eq!((code, tool.tool("http://news.test/", &token, &[]).status), (Some(0), 407));

    let (code, ended, said) = say(&node, &["sessions", "end", id]);
    assert_eq!((code, said.as_str()), (Some(0), "1 ended\n"), "{ended}");
    assert_eq!(tunnel.read(&mut [0; 16]).unwrap(), 0, "the tunnel is closed");
    assert_eq!(home.go("http://news.test/").heading(), "Sign in");
    assert_eq!(other.go("http://news.test/").heading(), "This is news.test", "nobody else's");
    let event = node.events().into_iter().find(|event| event["fields"]["reason"] == "operator").unwrap();
    assert_eq!((&event["fields"]["message"], &event["fields"]["user"]), (&"session ended".into(), &simon["user"]));
    assert!(event["fields"]["by"].as_str().unwrap().starts_with("operator (uid "), "{event}");

    for (arguments, why) in [
        (&["sessions", "end", id][..], "there is no such session"),
        (&["sessions", "show", "0123"], "give 8 characters"),
        (&["sessions", "show", "nothex!!"], "hexadecimal digits only"),
        (&["sessions", "end", "--user", "nobody"], "there is no such session"),
    ] {
        let (code, _, said) = say(&node, arguments);
        assert!(code == Some(1) && said.contains(why), "{arguments:?}: {said}");
    }
    let (code, ended, _) = say(&node, &["sessions", "end", "--user", "alexw@contoso.com"]);
    assert_eq!((code, ended.lines().count()), (Some(0), 2));
    assert_eq!(other.go("http://news.test/").heading(), "Sign in");
    node.signal("-TERM");
    node.wait_for_event("stopped");
    let (code, _, said) = say(&node, &["sessions", "list"]);
    assert!(code == Some(1) && said.contains("does the program run"), "{said}");
}
