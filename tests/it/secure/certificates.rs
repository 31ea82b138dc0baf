//! Client certificates: strong, and anybody's until somebody signs in with one.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::super::browser::Browser;
use super::super::world::World;
use super::{SHARED, secure};

/// An authority for devices.
struct Devices {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Devices {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The options by which curl shows a certificate of this authority.
    fn issue(&self, folder: &Path, name: &str) -> Vec<String> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = [folder.join(format!("{name}.pem")), folder.join(format!("{name}.key"))];
        std::fs::write(&files[0], certificate.pem()).unwrap();
        std::fs::write(&files[1], key.serialize_pem()).unwrap();
        let [certificate, key] = files.map(|file| file.display().to_string());
        ["--proxy-cert".into(), certificate, "--proxy-key".into(), key].into()
    }
}

/// A browser without cookies, so that nothing but its certificate tells who it is.
fn browser<'a>(world: &'a World, certificate: &[String]) -> Browser<'a> {
    let mut browser = world.browser().at(SHARED).by_way_of("proxy.test", world.listener("secure").port());
    browser.options.extend_from_slice(certificate);
    browser
}

#[test]
fn a_certificate_stands_for_whoever_has_signed_in_with_it() {
    let devices = Devices::new();
    let builder = secure("names = [\"proxy.test\"], client_ca = \"devices.pem\"");
    std::fs::write(builder.folder().join("devices.pem"), &devices.pem).unwrap();
    let world = builder.start();
    let mine = devices.issue(world.folder(), "mine");
    let signed_in = browser(&world, &mine);
    let page = signed_in.arrive("http://news.test/first");
    assert_eq!(page.heading(), "This is news.test");
    // Another connection with the same certificate, and no cookie: https goes through unread.
    let page = browser(&world, &mine).without_cookies().go("https://mail.test/");
    assert_eq!((page.status, page.redirects, page.issuer()), (200, 0, Some("Vestibule demo web")), "{page:#?}");
    let record = world.record(|record| record["host"] == "mail.test" && record["method"] == "CONNECT");
    assert_eq!(
        (&record["surrogate"], &record["strength"]),
        (&"client-certificate".into(), &"strong".into()),
        "{record}"
    );
    assert_eq!(record["user"], "B.Simon@contoso.com", "{record}");
    let evidence = record["evidence"].as_str().unwrap();
    assert!(evidence.len() == 16 && evidence.bytes().all(|b| b.is_ascii_hexdigit()), "{record}");
    // Another certificate is nobody's, none at all is allowed, and one of another authority is not taken.
    let other = devices.issue(world.folder(), "other");
    for certificate in [&other[..], &[]] {
        let page = browser(&world, certificate).without_cookies().ask("https://mail.test/");
        assert_eq!((page.status, page.issuer()), (302, Some("Vestibule interception")), "{page:#?}");
    }
    let foreign = Devices::new().issue(world.folder(), "foreign");
    let page = browser(&world, &foreign).without_cookies().ask("http://news.test/");
    assert_eq!(page.status, 0, "{page:#?}");
    assert_ne!(page.exit, 0, "{page:#?}");
    // It ends with the session.
    signed_in.sign_out();
    let page = browser(&world, &mine).without_cookies().ask("https://mail.test/");
    assert_eq!(page.status, 302, "{page:#?}");
}
