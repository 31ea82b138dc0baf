//! The way of a person through an identity provider that is not ours: npm's samlp.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::world::{Builder, World};

/// The claim in which samlp sends an address.
const MAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";

/// Starts the identity provider, and a world in which it answers for three domains.
fn start(mut builder: Builder) -> (World, std::process::Child) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests/it/foreign_idp");
    assert!(folder.join("node_modules/samlp").is_dir(), "samlp is needed, and `make test` installs it");
    let (signing, signing_key) = make_key(builder.folder());
    let (chain, key) = builder.certify_files("idp.foreign.test");
    let mut command = Command::new("node");
    command.arg(folder.join("idp.js")).args([&signing, &signing_key, &chain, &key]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("node is needed, and `make test` installs it: {error}"));
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().parse().unwrap_or_else(|_| panic!("the identity provider did not start"));
    builder = builder.host("idp.foreign.test:443", SocketAddr::from(([127, 0, 0, 1], port)));
    for signed in ["assertion", "response", "both"] {
        builder = builder.config(&format!(
            "[[realm]]\nname = \"{signed}\"\ndomains = [\"{signed}.test\"]\nentity_id = \"urn:vestibule:{signed}\"\n\
             issuer = \"urn:foreign:{signed}\"\nlogin_url = \"https://idp.foreign.test/{signed}\"\n\
             certificate = {signing:?}\nidentity_claims = [\"{MAIL}\"]\n"
        ));
    }
    (builder.start(), child)
}

/// A certificate to sign with, and its key.
fn make_key(folder: &Path) -> (PathBuf, PathBuf) {
    let files = (folder.join("signing.cer"), folder.join("signing.key"));
    let mut command = Command::new("openssl");
    command.args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=foreign -keyout".split(' ')).arg(&files.1);
    let output = command.arg("-out").arg(&files.0).output();
    let output = output.unwrap_or_else(|error| panic!("openssl is needed, and `make test` installs it: {error}"));
    assert!(output.status.success(), "{output:?}");
    files
}

#[test]
fn an_identity_provider_that_is_not_ours_signs_people_in() {
    let (world, mut idp) = start(World::build().network("shared", "127.0.7.0/24", "shared = true"));
    for signed in ["assertion", "response", "both"] {
        let browser = world.browser().at([127, 0, 7, 1]);
        let wanted = format!("http://news.test/{signed}?q=1");
        let logon = browser.go(&wanted);
        let page = browser.sign_in(&logon, &format!("b.simon@{signed}.test"), "");
        assert_eq!((page.status, page.url.as_str()), (200, wanted.as_str()), "{signed}: {page:?}");
        assert_eq!(page.heading(), "This is news.test");
        let path = format!("/{signed}");
        let record = world.record(|record| record["path"] == path.as_str() && record["decision"] == "permitted");
        assert_eq!(record["user"], format!("b.simon@{signed}.test"));
    }
    // One realm's identity provider does not answer for another realm's people.
    let browser = world.browser().at([127, 0, 7, 2]);
    let (first, second) = (browser.go("http://news.test/1"), browser.go("http://shop.test/2"));
    let first = browser.until_answer(&first, "b.simon@assertion.test", "");
    let second = browser.until_answer(&second, "CONTOSO\\bsimon", "simon");
    let (mut crossed, other) = (first.form(), second.form());
    crossed.fields.retain(|(name, _)| name == "SAMLResponse");
    crossed.fields.extend(other.fields.into_iter().filter(|(name, _)| name == "RelayState"));
    let page = browser.submit(&first, crossed, &[]);
    assert_eq!((page.status, page.heading()), (403, "The sign-in was not accepted"), "{page:?}");
    assert_eq!(browser.cookie("portal.vestibule.test", "__Host-vestibule"), None);
    drop(idp.stdin.take());
    idp.wait().unwrap();
}
