//! The way of a person through identity providers that are not ours: npm's samlp, and Lasso.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::json;
use vestibule::clock::SignedDuration;

use super::world::World;

/// The claim in which both send an address.
const MAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";

/// An identity provider in a process of its own. It ends when this is dropped.
struct Foreign {
    process: Child,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl Foreign {
    fn start(program: &str, script: &str, settings: &Path) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/foreign_idp").join(script);
        let mut command = Command::new(program);
        let started = command.arg(script).arg(settings).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process =
            started.unwrap_or_else(|error| panic!("{program} is needed, `make test` installs it: {error}"));
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let port = line.trim().parse();
        let port = port.unwrap_or_else(|_| panic!("{program} needs samlp or lasso, and `make test` installs them"));
        Self { process, said, port }
    }

    /// Tells it something, and waits until it is done.
    fn tell(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.said.read_line(&mut answer).unwrap();
        assert_eq!(answer, "done\n");
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

/// A certificate, and its key.
fn make_key(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let files = (folder.join(format!("{name}.cer")), folder.join(format!("{name}.key")));
    let mut command = Command::new("openssl");
    command.args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=foreign -keyout".split(' ')).arg(&files.1);
    let output = command.arg("-out").arg(&files.0).output();
    let output = output.unwrap_or_else(|error| panic!("openssl is needed, and `make test` installs it: {error}"));
    assert!(output.status.success(), "{output:?}");
    files
}

fn write(path: PathBuf, text: &str) -> PathBuf {
    std::fs::write(&path, text).unwrap();
    path
}

/// The identity providers of npm's samlp, and a world whose realms are as `realms` says for the certificates of ours and
/// of theirs.
fn samlp(realms: impl Fn(&Path, &str) -> String) -> (World, Foreign) {
    let mut builder = World::build().network("shared", "127.0.7.0/24", "shared = true");
    let keys = ["first", "second", "third"].map(|name| make_key(builder.folder(), name));
    let (own, own_key) = make_key(builder.folder(), "own");
    let (chain, key) = builder.certify_files("idp.foreign.test");
    let signing: Vec<_> = keys.iter().map(|(cert, key)| json!({ "cert": cert, "key": key })).collect();
    let settings = json!({ "tls": { "cert": chain, "key": key }, "signing": signing, "sp": own });
    let settings = write(builder.folder().join("samlp.json"), &settings.to_string());
    let foreign = Foreign::start("node", "idp.js", &settings);
    let own = format!("key = [{{ certificate = {own:?}, private = {{ file = {own_key:?} }} }}]\n");
    builder = builder.host("idp.foreign.test:443", foreign.address()).config(&realms(&keys[0].0, &own));
    (builder.start(), foreign)
}

/// A realm by hand.
fn by_hand(name: &str, certificate: &Path, more: &str) -> String {
    format!(
        "[[realm]]\nname = \"{name}\"\ndomains = [\"{name}.test\"]\nentity_id = \"urn:vestibule:{name}\"\n\
         issuer = \"urn:foreign:{name}\"\nlogin_url = \"https://idp.foreign.test/{name}\"\n\
         certificate = {certificate:?}\nidentity_claims = [\"{MAIL}\"]\n{more}"
    )
}

/// Signs in by the realm of this name, and says how it ended.
fn sign_in(world: &World, realm: &str, client: [u8; 4], wanted: &str) -> (u16, String) {
    let browser = world.browser().at(client);
    let logon = browser.go(wanted);
    let handover = browser.submit(&logon, logon.form(), &[("account", &format!("b.simon@{realm}.test"))]);
    // A request by POST waits for a click, as it does where scripts don't run.
    let posted = handover.body.contains("name=\"SAMLRequest\"");
    let answer = if posted { browser.submit(&handover, handover.form(), &[]) } else { handover };
    let page = browser.submit(&answer, answer.form(), &[]);
    (page.status, page.heading().to_owned())
}

fn good() -> (u16, String) {
    (200, "This is news.test".to_owned())
}

#[test]
fn an_identity_provider_that_is_not_ours_signs_people_in_however_it_signs_and_is_asked() {
    let (world, _idp) = samlp(|certificate, own| {
        let signed = format!("{own}sign_requests = true\n");
        [
            by_hand("assertion", certificate, ""),
            by_hand("response", certificate, &format!("{own}binding = \"post\"\n")),
            by_hand("both", certificate, ""),
            by_hand("encrypted", certificate, own),
            by_hand("strict", certificate, &signed),
        ]
        .concat()
    });
    for realm in ["assertion", "response", "both", "encrypted", "strict"] {
        assert_eq!(sign_in(&world, realm, [127, 0, 7, 1], &format!("http://news.test/{realm}?q=1")), good(), "{realm}");
        let path = format!("/{realm}");
        let record = world.record(|record| record["path"] == path.as_str() && record["decision"] == "permitted");
        assert_eq!(record["user"], format!("b.simon@{realm}.test"));
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
}

#[test]
fn a_request_that_must_be_signed_and_is_not_goes_nowhere() {
    let (world, _idp) = samlp(|certificate, own| by_hand("strict", certificate, own));
    let browser = world.browser();
    let logon = browser.go("http://news.test/");
    let refused = browser.submit(&logon, logon.form(), &[("account", "b.simon@strict.test")]);
    assert!(refused.status == 500 && refused.body.contains("MUST be signed"), "{refused:?}");
}

#[test]
fn a_signed_request_by_post_is_taken() {
    let post = |own: &str| format!("{own}sign_requests = true\nbinding = \"post\"\n");
    let (world, _idp) = samlp(|certificate, own| by_hand("strict", certificate, &post(own)));
    assert_eq!(sign_in(&world, "strict", [127, 0, 7, 1], "http://news.test/"), good());
}

#[test]
fn metadata_are_followed_when_a_key_changes_and_kept_when_they_go_away() {
    let (world, mut idp) = samlp(|_, _| {
        format!(
            "[[realm]]\nname = \"both\"\ndomains = [\"both.test\"]\nentity_id = \"urn:vestibule:both\"\n\
             metadata_url = \"https://idp.foreign.test/metadata/both\"\nidentity_claims = [\"{MAIL}\"]\n"
        )
    });
    // They are fetched as soon as we start; nobody says when they are there.
    let begun = std::time::Instant::now();
    loop {
        let browser = world.browser();
        let logon = browser.go("http://news.test/");
        let page = browser.submit(&logon, logon.form(), &[("account", "b.simon@both.test")]);
        if page.status == 200 {
            break;
        }
        let heading = "This portal cannot send you to your sign-in page";
        assert_eq!((page.status, page.heading()), (503, heading), "{page:?}");
        assert!(begun.elapsed() < super::world::PATIENCE, "the metadata were not fetched");
    }
    let mut client = 10;
    let mut attempt = || {
        client += 1;
        sign_in(&world, "both", [127, 0, 7, client], "http://news.test/")
    };
    // Both clocks go on: an answer that is dated before its request is refused.
    let later = |idp: &mut Foreign| {
        world.clock.advance(SignedDuration::from_mins(5));
        idp.tell("later");
    };
    let refused = || (403, "The sign-in was not accepted".to_owned());
    assert_eq!(attempt(), good());
    idp.tell("roll");
    assert_eq!(attempt(), good(), "the new key was fetched");
    idp.tell("roll");
    assert_eq!(attempt(), refused(), "it was fetched a moment ago");
    later(&mut idp);
    assert_eq!(attempt(), good(), "the next key was fetched");
    idp.tell("down");
    assert_eq!(attempt(), good(), "what was known is kept");
    idp.tell("roll");
    later(&mut idp);
    assert_eq!(attempt(), refused(), "nobody says what the new key is");
    idp.tell("up");
    later(&mut idp);
    assert_eq!(attempt(), good(), "the metadata are back");
}

/// The metadata of the identity provider by Lasso.
fn lasso_metadata(certificate: &Path) -> String {
    let pem = std::fs::read_to_string(certificate).unwrap();
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let service = |binding: &str| {
        format!(
            "<SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-{binding}\" \
             Location=\"https://idp.lasso.test/sso\"/>"
        )
    };
    format!(
        "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"urn:lasso\"><IDPSSODescriptor \
         WantAuthnRequestsSigned=\"true\" protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
         <KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data>\
         <X509Certificate>{text}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>{}{}</IDPSSODescriptor>\
         </EntityDescriptor>",
        service("Redirect"),
        service("POST")
    )
}

/// It wants signed requests by its metadata, so the realm signs without being told.
#[test]
fn an_identity_provider_that_knows_us_by_our_metadata_alone_takes_requests_and_encrypts_for_us() {
    let mut builder = World::build().network("shared", "127.0.7.0/24", "shared = true");
    let (certificate, key) = make_key(builder.folder(), "lasso");
    let (own, own_key) = make_key(builder.folder(), "own");
    let (chain, tls_key) = builder.certify_files("idp.lasso.test");
    let metadata = write(builder.folder().join("lasso.xml"), &lasso_metadata(&certificate));
    let settings = json!({
        "tls": { "cert": chain, "key": tls_key },
        "signing": { "cert": certificate, "key": key },
        "metadata": metadata,
    });
    let settings = write(builder.folder().join("lasso.json"), &settings.to_string());
    let mut idp = Foreign::start("/usr/bin/python3", "idp.py", &settings);
    for (realm, more) in
        [("lasso", ""), ("lasso-post", "binding = \"post\"\nsign_metadata = true\nforeign_names = [\"lasso.test\"]\n")]
    {
        builder = builder.config(&format!(
            "[[realm]]\nname = \"{realm}\"\ndomains = [\"{realm}.test\"]\nentity_id = \"urn:vestibule:{realm}\"\n\
             metadata = {metadata:?}\nidentity_claims = [\"{MAIL}\"]\n{more}\
             key = [{{ certificate = {own:?}, private = {{ file = {own_key:?} }} }}]\n"
        ));
    }
    let world = builder.host("idp.lasso.test:443", idp.address()).start();
    for realm in ["lasso", "lasso-post"] {
        let ours = world.browser().go(&format!("https://portal.vestibule.test/saml/metadata?realm={realm}"));
        assert_eq!(ours.status, 200);
        let file = write(world.path("sp"), &ours.body);
        idp.tell(&format!("sp {}", file.display()));
    }
    assert_eq!(sign_in(&world, "lasso", [127, 0, 7, 1], "http://news.test/"), good());
    assert_eq!(sign_in(&world, "lasso-post", [127, 0, 7, 2], "http://news.test/"), good());
    idp.tell("encrypt");
    assert_eq!(sign_in(&world, "lasso", [127, 0, 7, 3], "http://news.test/"), good());
    assert_eq!(sign_in(&world, "lasso-post", [127, 0, 7, 4], "http://news.test/"), good());
}
