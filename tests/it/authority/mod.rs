//! The interception authority: the operator's own, its leaves, and how another one follows it.

mod exports;
pub(crate) mod pki;
mod roll_over;

use std::path::Path;

use serde_json::Value;
use vestibule::admin;
use vestibule::authority::{Authority, Config, Whereabouts};
use vestibule::clock::Clock;
use vestibule::config_path::ConfigPath;
use vestibule::faults::Faults;
use vestibule::secret::Secret;

use super::node::Setup;
use super::world::{Builder, World};
use pki::{Files, Pki, Sub};

/// Everything from the network `open` is intercepted.
const ALL: &str = "[[policy.standing]]\nname = \"look inside\"\nnetworks = [\"open\"]\nintercept = true\n";

const OPEN: [u8; 4] = [127, 0, 5, 1];

fn open() -> Builder {
    World::build().network("open", "127.0.5.0/24", "sign_in = \"none\"").config(ALL)
}

fn path(path: &Path) -> Option<ConfigPath> {
    Some(ConfigPath::new(path.to_str().unwrap()).unwrap())
}

fn given(files: &Files, chain: Option<&Path>) -> Config {
    let chain = chain.and_then(path);
    Config { certificate: path(&files.certificate), key: path(&files.key), chain, ..Config::default() }
}

fn authority(config: Config) -> Authority {
    let source = Whereabouts { folder: "/nowhere".into(), config, own_names: Vec::new() };
    Authority::open(source, Clock::system()).unwrap()
}

/// The lines that name it in a configuration file.
fn section(files: &Files, chain: &Path) -> String {
    format!("[authority]\ncertificate = {:?}\nkey = {:?}\nchain = {chain:?}\n", files.certificate, files.key)
}

/// What is wrong with an authority, as check-config would say it.
fn faults(config: &Config) -> Vec<String> {
    let mut faults = Faults::default();
    config.check(Clock::system().now(), &mut faults);
    faults.into_vec().into_iter().map(|fault| format!("{} / {}", fault.message, fault.help)).collect()
}

#[test]
fn leaves_under_any_authority_pass_the_strictest_check_of_openssl() {
    let pki = Pki::new();
    let between = Sub {
        name: "Contoso Policy CA",
        extensions: Sub::default().extensions.replace("pathlen:0", "pathlen:1"),
        ..Sub::default()
    };
    let between = pki.sub(&between);
    let rsa = pki.sub(&Sub { name: "RSA", key: &["-newkey", "rsa:2048"], by: Some(&between), ..Sub::default() });
    let small = pki.sub(&Sub {
        name: "P-256",
        key: &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        ..Sub::default()
    });
    // The root first: clients get all that they need in their order, whatever that of the file is.
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    let chain = pki.path("chain.pem");
    std::fs::write(&chain, text(&pki.root) + &text(&between.certificate)).unwrap();
    let own = Authority::ephemeral("Vestibule test", Clock::system()).unwrap();
    let own_root = pki.path("own.pem");
    std::fs::write(&own_root, own.certificate_pem()).unwrap();
    let long = format!("{}.{}.test", "a".repeat(60), "b".repeat(60));
    for (authority, root, shown) in [
        (own, &own_root, 0),
        (authority(given(&rsa, Some(&chain))), &pki.root, 2),
        (authority(given(&small, Some(&pki.root))), &pki.root, 1),
    ] {
        for host in [
            "mail.test",
            "*.mail.test",
            "intranet",
            "under_score.test",
            "xn--mnchen-3ya.test",
            &long,
            "192.0.2.7",
            "2001:db8::1",
        ] {
            let (text, _) = authority.issue_pem(host).unwrap();
            let (leaf, above) = text.split_at(text.find("-----END").unwrap() + "-----END CERTIFICATE-----\n".len());
            assert_eq!(above.matches("BEGIN").count(), shown, "all but the root are shown");
            std::fs::write(pki.path("leaf.pem"), leaf).unwrap();
            std::fs::write(pki.path("above.pem"), above).unwrap();
            let asked = host.replace("*.", "any.");
            let name = if asked.parse::<std::net::IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
            let mut arguments =
                vec!["verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-no-CAstore", name, &asked];
            arguments.extend(["-CAfile", root.to_str().unwrap()]);
            if shown > 0 {
                arguments.extend(["-untrusted", "above.pem"]);
            }
            arguments.push("leaf.pem");
            pki.openssl(&arguments);
            let said = pki.openssl(&[
                "x509",
                "-in",
                "leaf.pem",
                "-noout",
                "-ext",
                "subjectAltName,keyUsage,extendedKeyUsage",
                "-subject",
            ]);
            assert!(said.contains("Digital Signature") && said.contains("TLS Web Server Authentication"), "{said}");
            let has_no_subject = host.len() > 64 || host.parse::<std::net::IpAddr>().is_ok();
            assert_eq!(said.contains("Subject Alternative Name: critical"), has_no_subject, "{said}");
        }
    }
    // Where names are constrained, an address is not taken for one.
    let limits = "nameConstraints = critical, permitted;DNS:shop.test, permitted;IP:192.0.2.0/255.255.255.0\n";
    let limited = pki.sub(&Sub { name: "Limited", extensions: Sub::default().extensions + limits, ..Sub::default() });
    let (text, _) = authority(given(&limited, Some(&pki.root))).issue_pem("192.0.2.7").unwrap();
    std::fs::write(pki.path("leaf.pem"), &text).unwrap();
    pki.openssl(&[
        "verify",
        "-x509_strict",
        "-verify_ip",
        "192.0.2.7",
        "-CAfile",
        "root.pem",
        "-untrusted",
        "leaf.pem",
        "leaf.pem",
    ]);
    // No leaf outlives what issues it.
    let short = pki.sub(&Sub { name: "Short", days: "5", ..Sub::default() });
    let (text, _) = authority(given(&short, Some(&pki.root))).issue_pem("mail.test").unwrap();
    std::fs::write(pki.path("leaf.pem"), text).unwrap();
    let end = |file: &str| pki.openssl(&["x509", "-in", file, "-noout", "-enddate"]);
    assert_eq!(end("leaf.pem"), end(short.certificate.to_str().unwrap()));
}

#[test]
fn an_authority_is_read_in_every_form_that_a_pki_gives_out() {
    let pki = Pki::new();
    let files = pki.sub(&Sub::default());
    let (key, certificate) = (files.key.to_str().unwrap(), files.certificate.to_str().unwrap());
    pki.openssl(&[
        "pkcs8",
        "-topk8",
        "-v2",
        "aes-256-cbc",
        "-in",
        key,
        "-out",
        "locked.key",
        "-passout",
        "pass:s3cret",
    ]);
    pki.openssl(&["ec", "-in", key, "-out", "sec1.key"]);
    pki.openssl(&[
        "pkcs12",
        "-export",
        "-inkey",
        key,
        "-in",
        certificate,
        "-certfile",
        "root.pem",
        "-out",
        "all.p12",
        "-passout",
        "pass:s3cret",
    ]);
    let password = || Some(Secret::new("s3cret".to_owned()));
    let base = || given(&files, Some(&pki.root));
    let with_key = |name: &str, key_password| Config { key: path(&pki.path(name)), key_password, ..base() };
    let archive =
        |name: &str, key_password| Config { pkcs12: path(&pki.path(name)), key_password, ..Config::default() };
    for config in
        [base(), with_key("locked.key", password()), with_key("sec1.key", None), archive("all.p12", password())]
    {
        assert_eq!(faults(&config), [""; 0]);
        let published = authority(config).issuing().published().certificates.clone();
        assert_eq!(published.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Contoso Root"]);
    }
    for (config, wanted) in [
        (with_key("locked.key", None), "is encrypted, and there is no `key_password`"),
        (with_key("locked.key", Some(Secret::new("wrong".into()))), "cannot be decrypted / is `key_password` right?"),
        (archive("all.p12", None), "cannot be decrypted / is `key_password` right?"),
        (archive("locked.key", None), "is not a PKCS #12 file"),
        (Config { key: None, ..base() }, "the certificate's `key` is missing"),
        (Config { pkcs12: path(&pki.path("all.p12")), ..base() }, "`certificate` names the authority already"),
    ] {
        assert!(faults(&config)[0].contains(wanted), "{wanted}: {:?}", faults(&config));
        let shown = format!("{config:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("wrong"), "{shown}");
    }
    // What Windows Server 2016 and older software write.
    let legacy =
        ["-export", "-legacy", "-inkey", key, "-in", certificate, "-out", "old.p12", "-passout", "pass:s3cret"];
    pki.openssl(&[&["pkcs12"], &legacy[..]].concat());
    let said = faults(&archive("old.p12", password()));
    assert!(
        said[0].contains("no longer safe (RC2 or 3DES) / encrypt it anew: openssl pkcs12 -legacy -in "),
        "{said:?}"
    );
}

#[test]
fn whatever_is_wrong_with_an_authority_of_ones_own_is_said_before_it_is_used() {
    let pki = Pki::new();
    let good = Sub::default;
    let lines = |from: &str, to: &str| good().extensions.replace(from, to);
    let fit = pki.sub(&good());
    let sub = |name: &'static str, extensions: String| pki.sub(&Sub { name, extensions, ..good() });
    let root = Some(&*pki.root);
    let server = sub("A server", lines("CA:TRUE, pathlen:0", "CA:FALSE"));
    let unsigning = sub("No signer", lines("keyCertSign, ", ""));
    let mail = sub("Mail only", good().extensions + "extendedKeyUsage = emailProtection\n");
    let weak = pki.sub(&Sub { name: "Weak", key: &["-newkey", "rsa:1024"], ..good() });
    let edwards = pki.sub(&Sub { name: "Ed25519", key: &["-newkey", "ed25519"], ..good() });
    let over = pki.sub(&Sub { name: "Over", days: "-1", ..good() });
    // The one above allows none below it.
    let below = pki.sub(&Sub { name: "Too deep", by: Some(&fit), ..good() });
    let both = pki.path("both.pem");
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    std::fs::write(&both, text(&fit.certificate) + &text(&pki.root)).unwrap();
    let with_over = pki.path("with-over.pem");
    std::fs::write(&with_over, text(&over.certificate) + &text(&pki.root)).unwrap();
    let stranger = Files { certificate: fit.certificate.clone(), key: server.key.clone() };
    for (config, wanted) in [
        (given(&server, root), "is not the certificate of an authority (CA:TRUE)"),
        (given(&unsigning, root), "may not sign certificates (keyCertSign)"),
        (given(&mail, root), "may not vouch for servers (extended key usage)"),
        (given(&weak, root), "browsers take no certificate that such a key has signed"),
        (given(&edwards, root), "browsers take no certificate that such a key has signed"),
        (given(&over, root), "was valid only until"),
        (given(&fit, Some(&with_over)), "was valid only until"),
        (given(&fit, Some(&with_over)), "it is left out"),
        (given(&below, Some(&both)), "allows fewer authorities below it (pathlen) than there are"),
        (given(&stranger, root), "the key is not that of the certificate"),
        (given(&fit, None), "the root is not there: "),
        (given(&fit, Some(&below.certificate)), "has no part in the chain"),
        (given(&fit, Some(&fit.key)), "holds no certificate"),
    ] {
        let said = faults(&config);
        assert!(said.iter().any(|line| line.contains(wanted)), "{wanted}: {said:?}");
    }
    assert_eq!(faults(&given(&fit, root)), [""; 0]);
    // That one is over is no reason to serve nobody.
    assert!(authority(given(&over, root)).issue("shop.test").is_ok());
    assert_eq!(shown(given(&fit, Some(&with_over))), (1, 1));
    // One that stands in two files is shown and published once.
    let whole = Files { certificate: both.clone(), key: fit.key.clone() };
    assert_eq!((faults(&given(&whole, Some(&both))), shown(given(&whole, Some(&both)))), (Vec::new(), (1, 1)));
}

/// How many certificates are shown beside a leaf, and how many are published.
fn shown(config: Config) -> (usize, usize) {
    let issuing = authority(config).issuing();
    (issuing.intermediates().len(), issuing.published().certificates.len())
}

#[test]
fn an_authority_of_ones_own_intercepts_for_clients_that_know_the_root_alone() {
    let pki = Pki::new();
    let files = pki.sub(&Sub::default());
    let next = pki.sub(&Sub { name: "Contoso Interception 2", key: &["-newkey", "rsa:2048"], ..Sub::default() });
    let world = open().config(&section(&files, &pki.root)).start();
    let browser = world.browser().at(OPEN).trusting(&pki.root);
    for _ in 0..2 {
        let page = browser.ask("https://shop.test/");
        assert_eq!((page.status, page.issuer()), (200, Some("Contoso Interception")), "{page:#?}");
    }
    let stranger = world.browser().at(OPEN).trusting(&world.web);
    assert_eq!(stranger.ask("https://shop.test/").exit, 60, "it does not know the root");
    // Another one takes its place while the program runs.
    std::fs::copy(&next.certificate, &files.certificate).unwrap();
    std::fs::copy(&next.key, &files.key).unwrap();
    world.reload(|text| text).unwrap();
    let page = browser.ask("https://shop.test/");
    assert_eq!((page.status, page.issuer()), (200, Some("Contoso Interception 2")), "{page:#?}");
    // One that cannot be used does not.
    std::fs::write(&files.key, "no key").unwrap();
    let said = world.reload(|text| text).unwrap_err();
    assert!(said.contains("holds no private key"), "{said}");
    assert_eq!(browser.ask("https://shop.test/").issuer(), Some("Contoso Interception 2"));
    assert!(!world.folder().join("authority.key").exists(), "none is made beside it");
}

#[test]
fn what_the_authority_may_not_vouch_for_is_refused_and_never_tunnelled() {
    let pki = Pki::new();
    let limited = Sub::default().extensions
        + "nameConstraints = critical, permitted;DNS:shop.test, permitted;DNS:vestibule.test\n";
    let files = pki.sub(&Sub { extensions: limited, ..Sub::default() });
    let world = open()
        .config("unreadable = \"tunnel\"\nclient_certificate = \"tunnel\"\n")
        .config(&section(&files, &pki.root))
        .start();
    let browser = world.browser().at(OPEN).trusting(&pki.root);
    let page = browser.ask("https://shop.test/");
    assert_eq!((page.status, page.issuer()), (200, Some("Contoso Interception")), "{page:#?}");
    let page = browser.ask("https://news.test/");
    assert_eq!((page.connect, page.status), (403, 0), "{page:#?}");
    let record = |record: &Value| record["host"] == "news.test" && record["method"] == "CONNECT";
    world.last_record_has(record, &[("reason", "outside-authority".into()), ("decision", "denied".into())]);
    let mut failed = Vec::new();
    admin::client::ask(world.folder(), "interception failures", &Value::Null, |item| failed.push(item)).unwrap();
    assert_eq!(
        (&failed[0]["site"], &failed[0]["reason"]),
        (&"news.test:443".into(), &"outside-authority".into()),
        "{failed:?}"
    );
    // Nobody is asked to sign in under a certificate that no browser takes.
    let stranger = world.browser().trusting(&pki.root);
    assert_eq!(stranger.ask("https://news.test/").connect, 403);
    world.last_record_has(record, &[("reason", "outside-authority".into()), ("decision", "denied".into())]);
}

#[test]
fn an_authority_with_permitted_names_has_them_in_its_certificate_with_those_it_needs_itself() {
    let world = open().config("[authority]\npermitted_names = [\"shop.test\"]\n").start();
    let said = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(world.folder().join("authority.pem"))
        .output();
    let said = String::from_utf8(said.unwrap().stdout).unwrap();
    let at = said.find("X509v3 Name Constraints: critical").unwrap_or_else(|| panic!("{said}"));
    for part in
        ["DNS:shop.test", "DNS:portal.vestibule.test", "DNS:trust.vestibule.invalid", "Excluded", "IP:0.0.0.0/0.0.0.0"]
    {
        assert!(said[at..].contains(part), "{part}: {said}");
    }
    let browser = world.browser().at(OPEN);
    assert_eq!(browser.ask("https://shop.test/").issuer(), Some("Vestibule interception"));
    assert_eq!(browser.ask("https://mail.test/").connect, 403);
}

#[test]
fn that_an_authority_ends_is_said_at_a_start_and_counted() {
    let pki = Pki::new();
    let files = pki.sub(&Sub { days: "20", ..Sub::default() });
    let world = World::new();
    let metrics = "[metrics]\nlisten = \"127.0.0.1:0\"\n";
    let node = Setup::new(&world, &world.path("short")).config(&(section(&files, &pki.root) + metrics)).start();
    let text = "a certificate of the interception authority is valid only until then";
    node.wait_for_event(text);
    let events = node.events();
    let event = events.iter().find(|event| event["fields"]["message"].as_str().unwrap_or_default().starts_with(text));
    let event = event.unwrap();
    assert_eq!((&event["fields"]["role"], &event["fields"]["days"]), (&"intermediate".into(), &19.into()), "{event}");
    let checked = std::process::Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .env_clear()
        .args(["check-config", "--file-only"])
        .arg(node.folder.join("node.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("authority: Contoso Interception (intermediate) is valid only until "), "{said} {checked:?}");
    let figures = node.browser(&world).ask_directly(&format!("http://{}/metrics", node.listener("metrics")), &[]);
    let left = figures.body.lines().find_map(|line| {
        let line = line.strip_prefix("vestibule_authority_expires_seconds{role=\"intermediate\"")?;
        line.split_once("} ")?.1.parse::<i64>().ok()
    });
    assert!((19 * 86_400 - 3600..20 * 86_400).contains(&left.unwrap()), "{}", figures.body);
}
