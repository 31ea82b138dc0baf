//! curl, as people use it.

use std::path::Path;

use super::super::browser::{Browser, Page};
use super::super::origin::Origin;
use super::super::world::World;
use super::origins::{Server, nginx, python};

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

fn world() -> (World, Vec<Server>) {
    let mut builder = World::build();
    let (chain, key) = builder.certify_files("nginx.test");
    let nginx = nginx(builder.folder(), &chain, &key);
    let python = python(&builder.folder().join("python"));
    let bad = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nEVIL!");
    let builder = builder.host("nginx.test:80", nginx.plain).host("nginx.test:443", nginx.secure);
    let world = builder.host("python.test:80", python.plain).host("bad.test:80", bad.address).start();
    world.browser().arrive("http://news.test/");
    (world, vec![nginx, python])
}

fn check(page: &Page, status: u16, body: &str) {
    assert_eq!((page.exit, page.status), (0, status), "{page:?}");
    assert_eq!(page.body, body, "{page:?}");
}

#[test]
fn what_curl_does_with_nginx_and_python_works_through_the_proxy() {
    let (world, _servers) = world();
    let browser = world.browser();
    for site in ["http://nginx.test", "http://python.test", "https://nginx.test"] {
        let curl = |path: &str, options: &[&str]| browser.bare_curl(&format!("{site}{path}"), options);
        check(&curl("/letters.txt", &[]), 200, LETTERS);
        let head = curl("/letters.txt", &["-I"]);
        assert_eq!((head.exit, head.status, head.value("content-length")), (0, 200, "26"), "{head:?}");
        check(&curl("/letters.txt", &["--http1.0"]), 200, LETTERS);
        assert_eq!(curl("/nothing", &[]).status, 404, "{site}");
        // What a server said about a file says that it has not changed.
        let modified = curl("/letters.txt", &[]).value("last-modified").to_owned();
        check(&curl("/letters.txt", &["-H", &format!("If-Modified-Since: {modified}")]), 304, "");
        // Two requests on one connection, one after the other.
        let again = format!("{site}/data.json");
        let page = curl("/letters.txt", &["-o", "/dev/null", &again]);
        assert!(
            page.exit == 0 && page.messages.contains("Re-using existing connection"),
            "{page:?}\n{}",
            page.messages
        );
    }
    for site in ["http://nginx.test", "https://nginx.test"] {
        let curl = |path: &str, options: &[&str]| browser.bare_curl(&format!("{site}{path}"), options);
        check(&curl("/letters.txt", &["-r", "2-4"]), 206, "cde");
        check(&curl("/zipped/letters.txt", &["--compressed"]), 200, LETTERS);
        check(&curl("/moved", &["-L"]), 200, LETTERS);
        uploads(&browser, site, world.path("upload").as_path());
    }
    // http through a tunnel
    check(&browser.bare_curl("http://nginx.test/letters.txt", &["-p"]), 200, LETTERS);
}

/// curl asks for 100 Continue before it sends much; nginx refuses what is too much before it has come.
fn uploads(browser: &Browser<'_>, site: &str, file: &Path) {
    let name = file.display().to_string();
    let put = |path: &str, options: &[&str]| {
        browser.bare_curl(&format!("{site}{path}"), &[&["-T", &name, "-H", "Expect: 100-continue"], options].concat())
    };
    std::fs::write(file, "much ".repeat(400_000)).unwrap();
    let page = put("/echo/length", &[]);
    assert!([201, 204].contains(&page.status) && page.exit == 0, "{page:?}");
    assert!(page.messages.contains("< HTTP/1.1 100 Continue"), "{}", page.messages);
    check(&browser.bare_curl(&format!("{site}/echo/length"), &[]), 200, &"much ".repeat(400_000));
    let page = put("/echo/chunks", &["-H", "Transfer-Encoding: chunked"]);
    assert!([201, 204].contains(&page.status) && page.exit == 0, "{page:?}");
    check(&browser.bare_curl(&format!("{site}/echo/chunks"), &[]), 200, &"much ".repeat(400_000));
    std::fs::write(file, "too much ".repeat(1_000_000)).unwrap();
    let page = put("/echo/more", &[]);
    assert_eq!(page.status, 413, "{page:?}");
}

#[test]
fn curl_is_told_what_is_wrong_with_an_origin_that_answers_badly() {
    let (world, _servers) = world();
    let page = world.browser().bare_curl("http://bad.test/", &[]);
    assert_eq!((page.exit, page.status), (0, 502), "{page:?}");
    assert_eq!(page.proxy_status(), "vestibule; error=http_protocol_error");
    assert!(!page.body.contains("EVIL"), "{page:?}");
}
