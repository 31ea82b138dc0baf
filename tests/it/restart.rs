//! A restart signs nobody out, however the program ended; and what happens when the disk does not take it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::browser::Browser;
use super::node::{Node, Setup};
use super::nodes::PEOPLE;
use super::operator::say;
use super::space::run;
use super::visitor::{Place, Visitor, Way};
use super::world::{PATIENCE, World, say_aside};

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

/// Sign-ins a minute in the test that kills the program, and how many there are: few in a test run, more by the environment.
const A_MINUTE: u32 = 1000;
const SIGN_INS: usize = 160;
const CRASHES: usize = 3;

#[test]
fn every_sign_in_that_was_answered_survives_a_crash_in_the_middle_of_many_once() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let setup = Setup::new(&world, folder.path()).config("[session]\nmax_per_person = 100000");
    let many = std::env::var("VESTIBULE_TEST_SIGN_INS").map_or(SIGN_INS, |text| text.parse().unwrap());
    let node = Mutex::new(Some(setup.start()));
    let place = || {
        // The lock is never held for long: whoever asks while there is no node waits for the next one.
        loop {
            if let Some(node) = node.lock().unwrap().as_ref() {
                return Place { proxy: node.proxy, portal: node.portal };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let way = Way::of(&world);
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let (answered, lost) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let late = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= many {
                        return;
                    }
                    // They come when they come, however long the ones before them take.
                    let due = Duration::from_secs(60) * u32::try_from(number).unwrap() / A_MINUTE;
                    match due.checked_sub(begun.elapsed()) {
                        Some(rest) => std::thread::sleep(rest),
                        None => drop(late.fetch_add(1, Ordering::Relaxed)),
                    }
                    let (account, password, name) = PEOPLE[number % PEOPLE.len()];
                    let from = Ipv4Addr::new(127, 0, 7, u8::try_from(number % 200 + 10).unwrap());
                    let mut visitor = Visitor::new(&way, from, place);
                    match visitor.sign_in("/", (account, password)) {
                        Ok(_) => answered.lock().unwrap().push((name, visitor.secret().unwrap().clone())),
                        // What nobody answered may or may not have been done.
                        Err(error) if error.kind() != std::io::ErrorKind::InvalidData => {
                            lost.lock().unwrap().push(name);
                        }
                        Err(error) => {
                            next.store(many, Ordering::Relaxed);
                            panic!("{error}");
                        }
                    }
                }
            });
        }
        scope.spawn(|| {
            for crash in 1..=CRASHES {
                let patience = Instant::now();
                while next.load(Ordering::Relaxed) < many * crash / (CRASHES + 1) {
                    assert!(patience.elapsed() < Duration::from_secs(300), "too few sign-ins");
                    std::thread::sleep(Duration::from_millis(3));
                }
                let mut held = node.lock().unwrap();
                held.take().unwrap().kill();
                assert!(is_sound(folder.path()), "the file is not sound");
                *held = Some(setup.start());
            }
        });
    });
    let (answered, lost) = (answered.into_inner().unwrap(), lost.into_inner().unwrap());
    let (rate, late) = (answered.len() as f64 / begun.elapsed().as_secs_f64() * 60.0, late.into_inner());
    let summary = format!(
        "{} sign-ins answered, {rate:.0} a minute ({late} of {many} begun late), {} not answered",
        answered.len(),
        lost.len()
    );
    say_aside(&summary);
    assert_eq!(answered.len() + lost.len(), many);
    for (name, secret) in &answered {
        let mut visitor = Visitor::new(&way, Ipv4Addr::new(127, 0, 7, 1), place);
        visitor.jar.insert(("portal.vestibule.test".into(), "__Host-vestibule".into()), secret.clone());
        let page = visitor.portal("/me", None).unwrap();
        assert!(page.status == 200 && page.text().contains(name), "a sign-in that was answered is lost: {page:?}");
    }
    let node = node.into_inner().unwrap().unwrap();
    let (_, listed, _) = say(&node, &["sessions", "list", "--json"]);
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (_, _, name) in PEOPLE {
        let count = |names: &mut dyn Iterator<Item = &str>| names.filter(|found| *found == name).count();
        let kept = count(&mut listed.iter().map(|session| session["user"].as_str().unwrap()));
        let told = count(&mut answered.iter().map(|(name, _)| *name));
        let unknown = count(&mut lost.iter().copied());
        assert!(
            (told..=told + unknown).contains(&kept),
            "{name}: {kept} sessions of {told} answered sign-ins; {summary}"
        );
    }
    node.stop();
    assert!(is_sound(folder.path()));
}

/// Whether a copy of the store's file is sound, as its own library sees it.
fn is_sound(folder: &Path) -> bool {
    let copy = folder.join("copy.redb");
    std::fs::copy(folder.join("sessions.redb"), &copy).unwrap();
    let mut database = redb::Database::open(&copy).unwrap();
    database.check_integrity().unwrap()
}

/// Changes the rows of a store that no program has open.
fn change_rows(folder: &Path, change: impl Fn(&[u8]) -> Vec<u8>) {
    use redb::ReadableTable as _;
    let sessions = redb::TableDefinition::<&[u8], &[u8]>::new("sessions");
    let database = redb::Database::open(folder.join("sessions.redb")).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut table = write.open_table(sessions).unwrap();
        let both = |(id, row): (redb::AccessGuard<'_, &[u8]>, redb::AccessGuard<'_, &[u8]>)| {
            (id.value().to_vec(), row.value().to_vec())
        };
        let rows: Vec<(Vec<u8>, Vec<u8>)> = table.iter().unwrap().map(|row| both(row.unwrap())).collect();
        assert!(!rows.is_empty());
        for (id, row) in rows {
            table.insert(id.as_slice(), change(&row).as_slice()).unwrap();
        }
    }
    write.commit().unwrap();
}

#[test]
fn a_row_that_somebody_has_changed_is_nobodys_and_a_restart_survives_it() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let setup = Setup::new(&world, folder.path());
    let node = setup.start();
    let browser = node.browser(&world).at(SHARED);
    browser.arrive("http://news.test/");
    node.stop();
    let rename = |row: &[u8]| {
        assert!(String::from_utf8_lossy(row).contains("B.Simon@contoso.com"));
        let mut row = row.to_vec();
        while let Some(at) = row.windows(7).position(|part| part == b"B.Simon") {
            row[at] = b'C';
        }
        row
    };
    change_rows(folder.path(), rename);
    let node = setup.start();
    let browser = node.take_over(browser);
    assert_eq!(browser.go("http://news.test/again").heading(), "Sign in");
    node.wait_for_event("the session store holds what this program did not write there");
    let said = node.events().iter().filter(|event| event["level"] == "ERROR").count();
    assert_eq!(said, 1, "{:#?}", node.events());
    browser.arrive("http://news.test/");
}

/// The cookies of somebody who has been at news.test, each with the address that it is for.
fn cookies_of(browser: &Browser<'_>) -> [(&'static str, String); 2] {
    [
        ("http://news.test/", format!("vestibule_s={}", browser.cookie("news.test", "vestibule_s").unwrap())),
        (PORTAL, format!("__Host-vestibule={}", browser.cookie("portal.vestibule.test", "__Host-vestibule").unwrap())),
    ]
}

/// Whoever shows these cookies of a session that was ended is nobody.
fn name_nobody(node: &Node, world: &World, cookies: &[(&str, String)]) {
    let bare = node.browser(world).at(SHARED);
    for (url, cookie) in cookies {
        let page = bare.curl(url, &["-H", &format!("Cookie: {cookie}")]);
        assert!(page.status != 200 || page.heading() == "Sign in", "the old cookie works again: {page:#?}");
    }
}

#[test]
fn a_sign_out_that_was_answered_while_the_disk_was_full_holds_after_a_crash() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let node = Setup::new(&world, folder.path()).start();
    let [stays, leaves] = [node.browser(&world).at(SHARED), node.browser(&world).at(SHARED)];
    stays.arrive("http://news.test/");
    leaves.arrive("http://news.test/");
    let shown = cookies_of(&leaves);
    node.stop();
    let log = tempfile::tempdir().unwrap();
    let node = Setup::new(&world, folder.path()).records_in(log.path()).longest_file(150).start();
    let leaves = node.take_over(leaves);
    let out = leaves.sign_out();
    node.wait_for_event("the session store cannot be written: going on in memory");
    assert!(!out.body.contains("cannot write"), "the journal has it: {out:#?}");
    node.kill();
    let node = Setup::new(&world, folder.path()).start();
    name_nobody(&node, &world, &shown);
    let stays = node.take_over(stays);
    let page = stays.go("http://news.test/again");
    assert_eq!((page.status, page.redirects), (200, 0), "{page:#?}");
}

#[test]
fn a_sign_out_that_nothing_takes_is_answered_with_how_far_it_holds_and_holds_once_the_disk_takes_it() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let node = Setup::new(&world, folder.path()).start();
    let browser = node.browser(&world).at(SHARED);
    browser.arrive("http://news.test/");
    let shown = cookies_of(&browser);
    node.stop();
    let log = tempfile::tempdir().unwrap();
    let node = Setup::new(&world, folder.path()).records_in(log.path()).read_only().start();
    let browser = node.take_over(browser);
    let out = browser.sign_out();
    assert!(out.body.contains("cannot write that down"), "{out:#?}");
    node.wait_for_event("the end of a session could not be written");
    name_nobody(&node, &world, &shown);
    // The disk takes it later, and the program does not end before that.
    run("chmod", &["-R", "u+w", folder.path().to_str().unwrap()]);
    node.wait_for_event("the session store is written again");
    node.kill();
    let node = Setup::new(&world, folder.path()).start();
    name_nobody(&node, &world, &shown);
}

#[test]
fn a_disk_that_can_only_be_read_at_the_start_is_said_and_nobody_is_signed_out() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let node = Setup::new(&world, folder.path()).start();
    let browser = node.browser(&world).at(SHARED);
    browser.arrive("http://news.test/");
    node.stop();
    // Records go elsewhere: they are needed.
    let log = tempfile::tempdir().unwrap();
    let setup = Setup::new(&world, folder.path()).records_in(log.path()).read_only();
    let node = setup.start();
    node.wait_for_event("the session store cannot be written: going on in memory");
    let browser = node.take_over(browser);
    let page = browser.go("http://news.test/again");
    assert_eq!((page.status, page.redirects), (200, 0), "what the file has is known: {page:#?}");
    let newcomer = node.browser(&world).at(SHARED);
    newcomer.arrive("http://shop.test/");
    let events = node.events();
    let said = events.iter().filter(|event| event["level"] == "ERROR").count();
    assert!((1..=4).contains(&said), "{events:#?}");
    drop(node);
    // Without a key of the authority nothing could be done.
    let empty = tempfile::tempdir().unwrap();
    let (code, said) = Setup::new(&world, empty.path()).records_in(log.path()).read_only().fail();
    assert!(code == Some(78) && said.contains("the folder of `state`") && said.contains("denied"), "{code:?} {said}");
}

#[test]
fn a_full_disk_is_said_and_sign_ins_go_on() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    // Everything else that is written at the start is shorter than this.
    let node = Setup::new(&world, folder.path()).longest_file(200).start();
    node.wait_for_event("the session store cannot be written: going on in memory");
    let browser = node.browser(&world).at(SHARED);
    browser.arrive("http://news.test/");
    let page = browser.go("http://shop.test/");
    assert_eq!((page.status, page.redirects), (200, 3), "{page:#?}");
    // Records are written for as long as there is room, and none in part.
    let begun = Instant::now();
    while !node.has_event("records not written") {
        assert!(begun.elapsed() < 6 * PATIENCE, "{:#?}", node.events());
        browser.bare_curl(&format!("http://news.test/[1-20]/{}", "x".repeat(1900)), &[]);
    }
    let text = std::fs::read_to_string(folder.path().join("access.log")).unwrap();
    assert!(text.ends_with('\n') && text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
}
