//! Several realms beside each other: each identity provider speaks for its own people alone.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use vestibule::app::demo::idp::TENANT;

use super::browser::{Browser, Page};
use super::node::{Node, Setup};
use super::operator::say;
use super::origin::Origin;
use super::world::{Builder, World};

/// A realm of others, whose identity provider vouches for the people of `contoso.com`: it is the same one.
pub(crate) fn fabrikam(world: &Path) -> String {
    let certificate = world.join("login.cer");
    format!(
        "[[realm]]\nname = \"fabrikam\"\ndomains = [\"fabrikam.com\"]\nentity_id = \"https://auth.vestibule.test/0123456789abcdef\"\n\
         issuer = \"https://sts.windows.net/{TENANT}/\"\nlogin_url = \"https://login.vestibule.test/{TENANT}/saml2\"\n\
         certificate = {certificate:?}\n"
    )
}

/// A world with that realm, and more lines of it.
pub(crate) fn beside(lines: &str) -> Builder {
    let world = World::build();
    let realm = fabrikam(world.folder()) + lines;
    world.config(&realm)
}

/// Somebody of the other realm signs in, and their identity provider calls them B.Simon of Contoso.
fn sign_in_as_another(browser: &Browser<'_>) -> Page {
    let logon = browser.go("http://news.test/");
    assert_eq!(logon.heading(), "Sign in");
    let there = browser.submit(&logon, logon.form(), &[("account", "eve@fabrikam.com")]);
    assert!(there.has_form("password"), "{there:#?}");
    let answer = browser.submit(&there, there.form(), &[("login", "B.Simon@contoso.com"), ("password", "simon")]);
    assert!(answer.has_form("SAMLResponse"), "{answer:#?}");
    browser.submit(&answer, answer.form(), &[])
}

fn audited(world: &World) -> Vec<Value> {
    let text = std::fs::read_to_string(world.folder().join("audit.log")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn an_identity_provider_cannot_pass_its_people_off_as_another_realms() {
    let world = beside("").start();
    let browser = world.browser();
    let page = sign_in_as_another(&browser);
    assert_eq!((page.status, page.heading()), (403, "Your account belongs to another domain"), "{page:#?}");
    assert!(page.body.contains("foreign_names"), "it says what an administrator can do: {page:#?}");
    assert_eq!(browser.go("http://news.test/").heading(), "Sign in", "nobody is signed in");
    let refused: Vec<_> = audited(&world).into_iter().filter(|entry| entry["audit"] == "sign-in-refused").collect();
    assert_eq!((refused.len(), &refused[0]["realm"]), (1, &json!("fabrikam")), "{refused:?}");
    assert!(refused[0]["reason"].as_str().unwrap().contains("does not speak for the domain of `B.Simon@contoso.com`"));
    // Contoso's own sign in as ever.
    world.browser().arrive("http://news.test/");
    let own = |record: &Value| record["user"] == "B.Simon@contoso.com";
    let records = world.wait_for(|all| all.iter().any(own));
    assert!(records.iter().filter(|record| own(record)).all(|record| record["realm"] == "contoso"), "{records:#?}");
}

#[test]
fn where_a_realm_may_name_guests_they_are_nobody_else_in_rules_and_records() {
    let rules = "[[policy.rule]]\nname = \"simon\"\nusers = [\"contoso/B.SIMON@contoso.com\"]\ndestinations = [\"shop.test\"]\n\
                 effect = \"allow\"\n[[policy.rule]]\nname = \"staff\"\ngroups = [\"contoso/STAFF\"]\n\
                 destinations = [\"mail.test\"]\neffect = \"allow\"\n[[policy.rule]]\nname = \"nobody else\"\n\
                 destinations = [\"shop.test\", \"mail.test\"]\neffect = \"block\"";
    let world = beside("foreign_names = [\"contoso.com\"]").network("shared", "127.0.7.0/24", "shared = true");
    let world = world.config(rules).start();
    let (guest, own) = (world.browser().at([127, 0, 7, 1]), world.browser().at([127, 0, 7, 2]));
    assert_eq!(sign_in_as_another(&guest).heading(), "This is news.test");
    own.arrive("http://news.test/");
    for host in ["shop.test", "mail.test"] {
        assert_eq!(guest.go(&format!("http://{host}/")).status, 403, "{host}");
        assert_eq!(own.go(&format!("http://{host}/")).heading(), format!("This is {host}"));
        for (realm, rule) in
            [("fabrikam", "nobody else"), ("contoso", if host == "shop.test" { "simon" } else { "staff" })]
        {
            world.record(|record| {
                record["host"] == host
                    && record["realm"] == realm
                    && record["user"] == "B.Simon@contoso.com"
                    && record["rule"] == rule
            });
        }
    }
    let signed_in = audited(&world).into_iter().filter(|entry| entry["audit"] == "sign-in");
    assert_eq!(signed_in.map(|entry| entry["realm"].clone()).collect::<Vec<_>>(), ["fabrikam", "contoso"]);
}

/// Metadata of the practice identity provider under this name, with another address to sign out at.
fn metadata(world: &Path, issuer: &str, sign_out: &str) -> String {
    let pem = std::fs::read_to_string(world.join("login.cer")).unwrap();
    let certificate: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let binding = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
    format!(
        "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{issuer}\"><IDPSSODescriptor \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\"><KeyDescriptor use=\"signing\"><KeyInfo \
         xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data>\
         </KeyInfo></KeyDescriptor><SingleLogoutService Binding=\"{binding}\" Location=\"{sign_out}\"/><SingleSignOnService \
         Binding=\"{binding}\" Location=\"https://login.vestibule.test/{TENANT}/saml2\"/></IDPSSODescriptor></EntityDescriptor>"
    )
}

fn practice() -> String {
    format!("https://sts.windows.net/{TENANT}/")
}

/// Serves metadata at `meta.test`, as they are published at the time.
fn publish(build: &mut Builder, published: &Arc<Mutex<String>>) -> Origin {
    let published = Arc::clone(published);
    Origin::start_tls(build.certify("meta.test"), move |_, stream| {
        let body = published.lock().unwrap().clone();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        drop(stream.write_all((head + &body).as_bytes()));
    })
}

/// The worst of a roll-over: the identity provider signs with a new key, and besides its certificate publishes two that
/// nobody can use.
#[test]
fn at_a_roll_over_by_address_people_sign_in_whatever_stands_beside_the_new_key() {
    let published = Arc::new(Mutex::new(String::new()));
    let mut build = World::build();
    let source = publish(&mut build, &published);
    let world = build.host("meta.test:443", source.address).start();
    let now = metadata(world.folder(), &practice(), "https://login.vestibule.test/out");
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/saml/metadata");
    let last_key = |name: &str| {
        let text = std::fs::read_to_string(format!("{fixtures}/{name}")).unwrap();
        let key = text.rsplit_once("<KeyDescriptor").unwrap().1.split_once("</KeyDescriptor>").unwrap().0.to_owned();
        format!("<KeyDescriptor{key}</KeyDescriptor>")
    };
    let (head, rest) = now.split_once("<KeyDescriptor").unwrap();
    let (new, tail) = rest.split_once("</KeyDescriptor>").unwrap();
    let with = |keys: String| format!("{head}{keys}{tail}");
    // So far it has signed with another key.
    *published.lock().unwrap() = with(last_key("roll-over-good.xml"));
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(&world, folder.path()).config(
        "[[realm]]\nname = \"fabrikam\"\ndomains = [\"fabrikam.com\"]\nforeign_names = [\"contoso.com\"]\n\
         entity_id = \"https://auth.vestibule.test/0123456789abcdef\"\nmetadata_url = \"https://meta.test/metadata.xml\"",
    );
    let node = setup.start();
    node.wait_for_event("new metadata of the identity provider");
    *published.lock().unwrap() = with(format!(
        "{}<KeyDescriptor{new}</KeyDescriptor>{}",
        last_key("roll-over-weak.xml"),
        last_key("roll-over-empty.xml")
    ));
    let signed_in = sign_in_as_another(&node.browser(&world));
    assert_eq!((signed_in.status, signed_in.heading()), (200, "This is news.test"), "{signed_in:#?}");
    node.wait_for_event("one of the certificates: wanted is a certificate, and this is nothing; it is left out");
}

#[test]
fn hosts_that_metadata_name_later_are_closed_until_an_operator_opens_them() {
    let published = Arc::new(Mutex::new(String::new()));
    let mut build = World::build();
    let source = publish(&mut build, &published);
    let world = build.host("meta.test:443", source.address).start();
    *published.lock().unwrap() = metadata(world.folder(), &practice(), "https://login.vestibule.test/out");
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(&world, folder.path()).config(
        "[[realm]]\nname = \"fabrikam\"\ndomains = [\"fabrikam.com\"]\nentity_id = \"urn:us\"\n\
         metadata_url = \"https://meta.test/metadata.xml\"\nmetadata_refresh = \"1s\"\n[policy]\nblocked = [\"shop.test\"]\n\
         walled_garden = [\"shop.test\"]",
    );
    let node = setup.start();
    node.wait_for_event("new metadata of the identity provider");
    let stranger = node.browser(&world);
    let asked = |node: &Node, host: &str| node.browser(&world).bare_curl(&format!("http://{host}/"), &[]).status;
    assert_eq!(asked(&node, "news.test"), 407, "nobody is known");
    *published.lock().unwrap() = metadata(world.folder(), &practice(), "http://news.test/out");
    node.wait_for_event("the identity provider's metadata name hosts that nobody can reach before signing in");
    assert_eq!(asked(&node, "news.test"), 407, "metadata open nothing by themselves");
    assert_eq!(stranger.go("http://news.test/").heading(), "Sign in");
    // Nor does a restart, for which these are the first metadata that it sees.
    node.stop();
    let node = setup.start();
    assert_eq!(asked(&node, "news.test"), 407);

    let (code, listed, _) = say(&node, &["realms"]);
    assert_eq!(code, Some(0));
    let (_, own) = listed.split_once("fabrikam: on\n").unwrap_or_else(|| panic!("{listed}"));
    assert!(own.contains("  open before sign-in: login.vestibule.test, meta.test\n"), "{listed}");
    assert!(own.contains("  waiting: news.test\n  to open them: vestibule realms accept fabrikam\n"), "{listed}");
    let mut check = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    let checked = check.env_clear().arg("check-config").arg(node.folder.join("node.toml")).output().unwrap();
    let checked = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.contains("realm `fabrikam`: news.test: nobody reaches these before signing in"), "{checked}");
    for (arguments, why) in [
        (&["realms", "accept", "fabrikam", "shop.test"][..], "`shop.test` is not a host of `fabrikam` that waits"),
        (&["realms", "accept", "contoso"], "no host of `contoso` waits"),
        (&["realms", "accept", "nobody"], "there is no realm `nobody`"),
    ] {
        let (code, _, said) = say(&node, arguments);
        assert!(code == Some(1) && said.contains(why), "{arguments:?}: {said}");
    }
    let (code, opened, _) = say(&node, &["realms", "accept", "fabrikam", "news.test"]);
    assert_eq!((code, opened.as_str()), (Some(0), "open from now on: news.test\n"));
    assert_eq!(asked(&node, "news.test"), 200);
    node.last_record_has("news.test", &[("rule", json!("walled-garden")), ("user", Value::Null)]);
    assert_eq!(asked(&node, "shop.test"), 403, "what is blocked is blocked, whatever garden it stands in");
    let accepted: Vec<_> = audited(&world).into_iter().filter(|entry| entry["audit"] == "hosts-accepted").collect();
    assert_eq!((&accepted[0]["realm"], &accepted[0]["subject"]), (&json!("fabrikam"), &json!("news.test")));
    assert!(accepted[0]["by"].as_str().unwrap().starts_with("operator (uid "), "{accepted:?}");
    node.stop();
    assert_eq!(asked(&setup.start(), "news.test"), 200, "it stays so");
}

#[test]
fn a_passed_test_counts_for_the_identity_provider_that_was_tested_and_not_for_what_its_file_is_called() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let out = "https://login.vestibule.test/out";
    let file = folder.path().join("fabrikam.xml");
    std::fs::write(&file, metadata(world.folder(), &practice(), out)).unwrap();
    let start = |path: &str| {
        let realm = format!(
            "[[realm]]\nname = \"fabrikam\"\ndomains = [\"contoso.example\"]\nforeign_names = [\"contoso.com\"]\n\
             entity_id = \"https://auth.vestibule.test/0123456789abcdef\"\nmetadata = {path:?}\nenabled = \"after-test\""
        );
        Setup::new(&world, folder.path()).config(&realm).start()
    };
    let state = |node: &Node| {
        let (_, listed, _) = say(node, &["realms", "--json"]);
        let items = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let realm = items.into_iter().find(|item| item["realm"] == "fabrikam").unwrap();
        realm["state"].as_str().unwrap().to_owned()
    };
    let node = start("fabrikam.xml");
    assert_eq!(state(&node), "waits-for-test");
    let link = say(&node, &["test-sso", "fabrikam"]).1;
    let link = link.lines().find(|line| line.starts_with("https://")).unwrap();
    let browser = node.browser(&world);
    let page = browser.go(link);
    let there = browser.submit(&page, page.form(), &[]);
    let answer = browser.submit(&there, there.form(), &[("login", "B.Simon@contoso.com"), ("password", "simon")]);
    let result = browser.submit(&answer, answer.form(), &[]);
    assert_eq!(result.heading(), "The test has passed", "{result:#?}");
    assert_eq!(state(&node), "on");
    node.stop();
    for same in
        ["./fabrikam.xml".to_owned(), format!("../{}/fabrikam.xml", name_of(folder.path())), file.display().to_string()]
    {
        let node = start(&same);
        assert_eq!(state(&node), "on", "{same}");
        node.stop();
    }
    std::fs::write(&file, metadata(world.folder(), "https://sts.windows.net/another/", out)).unwrap();
    let node = start("fabrikam.xml");
    assert_eq!(state(&node), "waits-for-test", "another identity provider in the same file");
    let browser = node.browser(&world);
    let logon = browser.go("http://news.test/");
    let page = browser.submit(&logon, logon.form(), &[("account", "eve@contoso.example")]);
    assert!(page.body.contains("is not switched on yet"), "{page:#?}");
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap().to_str().unwrap().to_owned()
}
