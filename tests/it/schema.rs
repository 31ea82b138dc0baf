//! Our SAML documents against the schemas of the standard, which Debian packages.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vestibule::clock::Timestamp;
use vestibule::saml::binding::{Binding, Outgoing};
use vestibule::saml::request::{self, Ask, Options};
use vestibule::saml::{IdentityProvider, Key, ServiceProvider};
use vestibule::secret::Secret;

/// Where the packages opensaml-schemas and xmltooling-schemas put them.
const SAML: &str = "/usr/share/xml/opensaml";
const W3C: &str = "/usr/share/xml/xmltooling";

/// The schemas import each other by addresses on the Web; nothing is fetched.
fn catalog(folder: &Path) -> PathBuf {
    let systems = [
        ("http://www.w3.org/TR/2002/REC-xmldsig-core-20020212/xmldsig-core-schema.xsd", "xmldsig-core-schema.xsd"),
        ("http://www.w3.org/TR/2002/REC-xmlenc-core-20021210/xenc-schema.xsd", "xenc-schema.xsd"),
        ("http://www.w3.org/2001/xml.xsd", "xml.xsd"),
    ];
    let lines = systems.map(|(address, file)| format!("<system systemId=\"{address}\" uri=\"file://{W3C}/{file}\"/>"));
    let path = folder.join("catalog.xml");
    let text = format!("<catalog xmlns=\"urn:oasis:names:tc:entity:xmlns:xml:catalog\">{}</catalog>", lines.concat());
    std::fs::write(&path, text).unwrap();
    path
}

fn validate(folder: &Path, schema: &str, document: &str) -> Output {
    let schema = format!("{SAML}/saml-schema-{schema}-2.0.xsd");
    assert!(Path::new(&schema).is_file(), "opensaml-schemas is needed, and `make test` installs it");
    let file = folder.join("document.xml");
    std::fs::write(&file, document).unwrap();
    let mut command = Command::new("xmllint");
    command.args(["--noout", "--nonet", "--schema", &schema]).arg(&file).env("XML_CATALOG_FILES", catalog(folder));
    let output = command.output();
    output.unwrap_or_else(|error| panic!("xmllint is needed, and `make test` installs it: {error}"))
}

fn make_key(folder: &Path, kind: &str) -> (PathBuf, PathBuf) {
    let files = (folder.join(format!("{}.cer", kind.replace(':', "-"))), folder.join(kind.replace(':', "-")));
    let curve: &[&str] = if kind == "ec" { &["-pkeyopt", "ec_paramgen_curve:P-256"] } else { &[] };
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", kind, "-nodes", "-days", "2", "-subj", "/CN=own"]).args(curve);
    let output = command.arg("-keyout").arg(&files.1).arg("-out").arg(&files.0).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    files
}

fn metadata(folder: &Path, more: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let text = std::fs::read_to_string(root.join("minimal.toml")).unwrap();
    let text = text.replace("contoso.xml", &root.join("contoso.xml").display().to_string());
    let (head, tail) = text.split_once("[[realm]]\n").unwrap();
    let file = folder.join("vestibule.toml");
    std::fs::write(&file, format!("{head}[[realm]]\n{more}\n{tail}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    let output = command.args(["metadata", "--config"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn our_metadata_are_valid_with_everything_and_with_nothing_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let (rsa, ec) = (make_key(folder.path(), "rsa:2048"), make_key(folder.path(), "ec"));
    let key = |(certificate, key): &(PathBuf, PathBuf)| {
        format!("{{ certificate = {certificate:?}, private = {{ file = {key:?} }} }}")
    };
    let all = |first, second| {
        format!(
            "acs_aliases = [\"/ssoAssert?cmpID=1&x=2\", \"/other\"]\nsign_metadata = true\nsign_requests = true\n\
             name_id_format = \"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\"\nkey = [{}, {}]",
            key(first),
            key(second)
        )
    };
    for more in [String::new(), all(&rsa, &ec), all(&ec, &rsa)] {
        let document = metadata(folder.path(), &more);
        let output = validate(folder.path(), "metadata", &document);
        assert!(output.status.success(), "{document}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let whole = metadata(folder.path(), &all(&rsa, &ec));
    let wrong = whole.replace("index=\"0\" isDefault", "isDefault");
    assert!(!validate(folder.path(), "metadata", &wrong).status.success(), "the schema was not looked at");
}

#[test]
fn our_requests_are_valid_however_much_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = make_key(folder.path(), "rsa:2048");
    let certificate = std::fs::read(certificate).unwrap();
    let key = Key::read(&certificate, &Secret::new(std::fs::read_to_string(key).unwrap())).unwrap();
    let idp = IdentityProvider::from_parts("urn:idp", "https://login.test/?a=1&b=2", None, &certificate).unwrap();
    let full = Options {
        binding: Some(Binding::Post),
        signed: true,
        force_authn: true,
        name_id_format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".into()),
        authn_context: vec!["urn:oasis:names:tc:SAML:2.0:ac:classes:Password".into()],
    };
    for (requests, passive) in [
        (Options { binding: Some(Binding::Post), ..Options::default() }, false),
        (Options { binding: Some(Binding::Post), ..Options::default() }, true),
        (full.clone(), false),
        (full, true),
    ] {
        let us = ServiceProvider {
            entity_id: "urn:us".into(),
            acs_url: "https://portal.test/saml/acs".into(),
            keys: vec![Arc::new(key.clone())],
            requests,
            ..ServiceProvider::default()
        };
        let ask = Ask { relay_state: "state", login_hint: None, passive, force: false, ways: &[] };
        let Outgoing::Submit(form) = request::build(&us, &idp, &ask, Timestamp::now()).unwrap().outgoing else {
            panic!("no form")
        };
        let document = String::from_utf8(STANDARD.decode(&form.fields[0].1).unwrap()).unwrap();
        let output = validate(folder.path(), "protocol", &document);
        assert!(output.status.success(), "{document}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}
