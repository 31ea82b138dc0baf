//! A restart signs nobody out, however the program ended; and what happens when the disk does not take it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::browser::Browser;
use super::node::Setup;
use super::world::World;

/// An address on a network where nothing but a cookie tells people apart.
const SHARED: [u8; 4] = [127, 0, 7, 1];

const PORTAL: &str = "https://portal.vestibule.test";

fn world() -> World {
    World::build().network("shared", "127.0.7.0/24", "shared = true").start()
}

#[test]
fn a_crash_signs_nobody_out_and_nobody_back_in() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let setup = Setup::new(&world, folder.path());
    let node = setup.start();
    let (home, shared) = (node.browser(&world), node.browser(&world).at(SHARED));
    home.arrive("http://news.test/");
    shared.arrive("http://news.test/");
    let leaver = node.browser(&world).at(SHARED);
    leaver.arrive("http://shop.test/");
    leaver.sign_out();
    node.kill();

    let node = setup.start();
    let [home, shared, leaver] = [home, shared, leaver].map(|browser| node.take_over(browser));
    // By the client address alone: nothing in the jar, and a tunnel.
    let bare = Browser { jar: None, ..node.browser(&world) };
    let page = bare.go("https://mail.test/inbox");
    assert_eq!((page.status, page.connect, page.redirects), (200, 200, 0), "{page:#?}");
    node.last_record_has(
        "mail.test",
        &[("user", "B.Simon@contoso.com".into()), ("surrogate", "client-address".into())],
    );
    // By the origin's cookie, which a key of the time before opens.
    let page = shared.go("http://news.test/again");
    assert_eq!((page.status, page.redirects), (200, 0), "{page:#?}");
    node.last_record_has("news.test", &[("surrogate", "origin-cookie".into())]);
    // By the portal's.
    let page = shared.go("http://shop.test/");
    assert_eq!((page.status, page.redirects, page.heading()), (200, 3, "This is shop.test"), "{page:#?}");
    assert_eq!(home.go(&format!("{PORTAL}/me")).heading(), "You are signed in");
    // Who signed out before the crash stays signed out.
    assert_eq!(leaver.go("http://shop.test/").heading(), "Sign in");
}

#[test]
fn a_sign_in_that_was_under_way_goes_on_after_a_restart() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let setup = Setup::new(&world, folder.path());
    let node = setup.start();
    let browser = node.browser(&world).at(SHARED);
    let answer = browser.until_answer(&browser.go("http://news.test/?q=1"), "CONTOSO\\bsimon", "simon");
    node.signal("-TERM");
    node.wait_for_event("stopped");
    drop(node);
    let browser = setup.start().take_over(browser);
    // The node has just been dropped: this is what a proxy that is away looks like.
    assert_eq!(browser.go("http://news.test/").exit, 7);
    let node = setup.start();
    let browser = node.take_over(browser);
    let page = browser.submit(&answer, answer.form(), &[]);
    assert_eq!((page.status, page.url.as_str()), (200, "http://news.test/?q=1"), "{page:#?}");
}

#[test]
fn every_sign_in_that_was_answered_survives_a_crash_in_the_middle_of_many() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let setup = Setup::new(&world, folder.path()).config("[session]\nmax_per_person = 10000");
    let node = setup.start();
    let (answered, stop) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let begun = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..6_u8 {
            let (node, world, answered, stop, begun) = (&node, &world, &answered, &stop, &begun);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    begun.fetch_add(1, Ordering::Relaxed);
                    let browser = node.browser(world).at([127, 0, 7, 10 + number]);
                    let logon = browser.go(PORTAL);
                    if !logon.body.contains("<form") {
                        continue;
                    }
                    let idp = browser.submit(&logon, logon.form(), &[("account", "CONTOSO\\bsimon")]);
                    if !idp.body.contains("<form") {
                        continue;
                    }
                    let answer = browser.submit(&idp, idp.form(), &[("password", "simon")]);
                    if !answer.body.contains("SAMLResponse") {
                        continue;
                    }
                    browser.submit(&answer, answer.form(), &[]);
                    if browser.cookie("portal.vestibule.test", "__Host-vestibule").is_some() {
                        answered.lock().unwrap().push(browser);
                    }
                }
            });
        }
        let patience = Instant::now();
        while answered.lock().unwrap().len() < 30 {
            assert!(patience.elapsed() < Duration::from_secs(120), "too few sign-ins");
            std::thread::sleep(Duration::from_millis(10));
        }
        node.signal("-KILL");
        stop.store(true, Ordering::Relaxed);
    });
    drop(node);
    let node = setup.start();
    let answered = answered.into_inner().unwrap();
    for browser in answered {
        let browser = node.take_over(browser);
        let page = browser.go(&format!("{PORTAL}/me"));
        assert_eq!(page.heading(), "You are signed in", "a sign-in that was answered is lost: {page:#?}");
    }
}

#[test]
fn a_full_disk_is_said_and_sign_ins_go_on() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    // Everything else that is written at the start is shorter than this.
    let node = Setup::new(&world, folder.path()).longest_file(200).start();
    node.wait_for_event("the session store can't be written: going on in memory");
    let browser = node.browser(&world).at(SHARED);
    browser.arrive("http://news.test/");
    let page = browser.go("http://shop.test/");
    assert_eq!((page.status, page.redirects), (200, 3), "{page:#?}");
}
