use std::fs;
use std::sync::Arc;

use tempfile::TempDir;
use url::Host;

use super::*;
use crate::egress::client::Validators;
use crate::lists::Part;
use crate::observe::Exposition;

fn config(text: &str) -> Config {
    toml::from_str(text).unwrap()
}

fn shelf() -> (TempDir, Shelf) {
    let state = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(state.path(), &Clock::by_hand(Timestamp::UNIX_EPOCH));
    (state, shelf)
}

/// Whether the list of that name holds the host.
fn holds(shelf: &Shelf, config: &Config, name: &str, host: &str) -> bool {
    let lists = shelf.lists(std::slice::from_ref(config));
    lists.id(name).is_some_and(|id| lists.contains(id, &Host::parse(host).unwrap(), None))
}

fn only(shelf: &Shelf, config: &Config) -> Part {
    shelf.find(config).unwrap().sets().next().unwrap().1
}

#[test]
fn a_file_that_has_changed_is_read_again_and_one_that_has_not_stays_the_same() {
    let (state, shelf) = shelf();
    let file = state.path().join("list.txt");
    fs::write(&file, "# mine\na.test\nb..test\n").unwrap();
    let list = config(&format!("name = 'own'\nfile = {file:?}"));
    shelf.take_up(std::slice::from_ref(&list));
    assert!(holds(&shelf, &list, "own", "www.a.test"));
    let (before, copy) = (only(&shelf, &list), shelf.lists(std::slice::from_ref(&list)));
    assert_eq!((before.report.unusable, before.report.first[0].line), (1, 3));
    shelf.take_up(std::slice::from_ref(&list));
    assert!(Arc::ptr_eq(&before.set, &only(&shelf, &list).set), "it is not read again");
    fs::write(&file, "other.test\n").unwrap();
    shelf.take_up(std::slice::from_ref(&list));
    assert!(holds(&shelf, &list, "own", "other.test") && !holds(&shelf, &list, "own", "a.test"));
    assert!(copy.contains(copy.id("own").unwrap(), &Host::parse("a.test").unwrap(), None), "a copy stays as it was");
    // What becomes of a file that cannot be used: what was known stays, and it is said.
    for broken in ["<!DOCTYPE html>\n<title>Sign in</title>\n", "what is\nthis\tthen\n"] {
        fs::write(&file, broken).unwrap();
        shelf.take_up(std::slice::from_ref(&list));
        assert!(holds(&shelf, &list, "own", "other.test"), "{broken}");
        assert!(shelf.find(&list).unwrap().error.is_some(), "{broken}");
    }
    fs::remove_file(&file).unwrap();
    shelf.take_up(std::slice::from_ref(&list));
    assert!(holds(&shelf, &list, "own", "other.test"));
    shelf.keep_only(&[]);
    assert!(shelf.find(&list).is_none());
}

#[test]
fn a_folder_of_categories_is_a_list_for_each_of_them() {
    let (state, shelf) = shelf();
    let folder = state.path().join("blacklists");
    for (path, text) in [
        ("adult/domains", "adult.test\n192.0.2.1\n"),
        ("adult/urls", "site.test/adult\n"),
        ("adult/expressions", "(x|y)\n"),
        ("finance/trading/domains", "trade.test\n"),
        ("domains", "nowhere.test\n"),
    ] {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    std::os::unix::fs::symlink("adult", folder.join("porn")).unwrap();
    std::os::unix::fs::symlink(state.path(), folder.join("out")).unwrap();
    let list = config(&format!("name = 'ut1'\nfolder = {folder:?}"));
    shelf.take_up(std::slice::from_ref(&list));
    let names: Vec<String> = shelf.find(&list).unwrap().sets().map(|(name, _)| name).collect();
    assert_eq!(names, ["ut1/adult", "ut1/finance/trading", "ut1/porn"]);
    assert!(holds(&shelf, &list, "ut1/porn", "www.adult.test") && !holds(&shelf, &list, "ut1/adult", "trade.test"));
    let lists = shelf.lists(std::slice::from_ref(&list));
    let items = found(&lists, "https://www.site.test/adult/1").unwrap();
    let said: Vec<_> = items.iter().map(|item| item["list"].as_str().unwrap()).collect();
    assert_eq!(said, ["ut1/adult", "ut1/porn"]);
    assert_eq!(found(&lists, "192.0.2.1").unwrap().len(), 2);
    assert_eq!(found(&lists, "2001:db8::1").unwrap().len(), 0);
    assert!(found(&lists, "no host").is_err());
    // Named whole, it is all of them; and what it has not is said.
    assert!(holds(&shelf, &list, "ut1", "www.adult.test") && holds(&shelf, &list, "ut1", "trade.test"));
    let said = shelf.missing(["ut1/adlut"].into_iter(), std::slice::from_ref(&list));
    assert!(said[0].starts_with("list ut1/adlut: `ut1` has no category `adlut`"), "{said:?}");
    // A category that is changed is noticed.
    fs::write(folder.join("adult/domains"), "late.test\n").unwrap();
    assert_ne!(load::stamp_of(&list), shelf.find(&list).unwrap().stamp);
}

#[test]
fn a_large_list_is_kept_and_is_there_without_being_read_again() {
    let (state, first) = shelf();
    let file = state.path().join("list.txt");
    let text: String = (0..30_000).map(|number| format!("n{number}.test\n")).collect();
    fs::write(&file, text).unwrap();
    let list = config(&format!("name = 'large list'\nfile = {file:?}"));
    let one = std::slice::from_ref(&list);
    // Whoever only looks keeps nothing.
    let looking = Shelf { keeps: false, ..Shelf::new(state.path(), &Clock::system()) };
    looking.take_up(one);
    assert!(holds(&looking, &list, "large list", "n29999.test") && !state.path().join("lists").exists());
    first.take_up(one);
    let mut kept = fs::read_dir(state.path().join("lists")).unwrap().map(|entry| entry.unwrap().path());
    let (cache, None) = (kept.next().unwrap(), kept.next()) else { panic!("nothing else is left there") };
    assert!(cache.file_name().unwrap().to_str().unwrap().starts_with("large-list-"));
    let files = state::Files::of(&list, state.path());
    let stamp = load::stamp_of(&list).unwrap();
    assert_eq!(files.read_cache(&stamp).unwrap(), *first.find(&list).unwrap().content);
    // A broken one is made anew.
    let mut octets = fs::read(&cache).unwrap();
    octets[1000] ^= 1;
    fs::write(&cache, octets).unwrap();
    let again = Shelf::new(state.path(), &Clock::system());
    again.take_up(one);
    assert!(holds(&again, &list, "large list", "n29999.test"));
    assert!(files.read_cache(&stamp).is_some());
}

#[test]
fn the_last_good_copy_is_known_after_a_start_and_one_that_is_not_it_is_not() {
    let (state, shelf) = shelf();
    let list = config("name = 'far'\nurl = 'https://lists.test/far.txt'");
    let one = std::slice::from_ref(&list);
    shelf.take_up(one);
    assert!(shelf.lists(one).id("far").is_none(), "what it would hold is unknown before it is fetched");
    let said = shelf.missing(["far"].into_iter(), one);
    assert!(
        said[0].starts_with("list far: it was never read: it holds nothing yet, so nothing of it is blocked"),
        "{said:?}"
    );
    assert_eq!(shelf.news(said.clone()), said);
    assert_eq!(shelf.news(said.clone()), [""; 0], "it is said once, however often edges are built");
    assert_eq!(shelf.news(vec![]), [""; 0]);
    assert_eq!(shelf.news(said.clone()), said, "and again when it is so again");
    assert_eq!(described(&shelf, Timestamp::UNIX_EPOCH)[0]["since"], serde_json::Value::Null);
    assert_eq!(shelf.find(&list).unwrap().checked, None);
    let files = state::Files::of(&list, state.path());
    files.make_folder().unwrap();
    fs::write(files.copy(), "a.test\n").unwrap();
    let sha256 = state::digest(&files.copy()).unwrap().to_string();
    let validators = Validators { etag: Some("\"1\"".to_owned()), last_modified: None };
    let now = Some(Timestamp::from_second(1000).unwrap());
    files.write_about(&Copied { sha256: sha256.clone(), validators, since: now, checked: now }).unwrap();
    let open = |list: &Config| {
        let shelf = Shelf::new(state.path(), &Clock::system());
        shelf.take_up(std::slice::from_ref(list));
        let held = shelf.find(list).unwrap();
        (held.since, held.copied.validators.etag.is_some())
    };
    assert_eq!(open(&list), (now, true));
    // Another one is wanted now.
    let other = Config { sha256: Some("ab".repeat(32).parse().unwrap()), ..list.clone() };
    assert_eq!(open(&other), (None, false));
    let same = Config { sha256: Some(sha256.parse().unwrap()), ..list.clone() };
    assert_eq!(open(&same), (now, true));
    // From another address, it would be another list.
    assert_eq!(open(&config("name = 'far'\nurl = 'https://lists.test/other.txt'")), (None, false));
    fs::write(files.copy(), "a.test\nb.test\n").unwrap();
    assert_eq!(open(&list), (None, false), "it is fetched anew, without conditions");
}

#[test]
fn a_file_that_was_never_good_holds_nothing_yet_and_that_is_no_list() {
    let (state, shelf) = shelf();
    let file = state.path().join("list.txt");
    let list = config(&format!("name = 'own'\nfile = {file:?}"));
    let one = std::slice::from_ref(&list);
    for broken in ["<html>\n", "Maintenance\n"] {
        fs::write(&file, broken).unwrap();
        shelf.take_up(one);
        let held = shelf.find(&list).unwrap();
        assert!(held.error.is_some() && held.since.is_none() && shelf.lists(one).id("own").is_none(), "{broken}");
    }
    let exposed = |shelf: &Shelf| {
        let mut text = Exposition::default();
        expose(shelf, &mut text, Timestamp::UNIX_EPOCH);
        text.into_text()
    };
    assert!(exposed(&shelf).contains("vestibule_list_read{list=\"own\"} 0"), "{}", exposed(&shelf));
    // What is written down is meant as it stands.
    fs::write(&file, "=maintenance\n").unwrap();
    shelf.take_up(one);
    assert!(holds(&shelf, &list, "own", "maintenance"));
    assert!(exposed(&shelf).contains("vestibule_list_read{list=\"own\"} 1"), "{}", exposed(&shelf));
    let written = config("name = 'written'\nentries = ['intranet']");
    shelf.take_up(std::slice::from_ref(&written));
    assert!(holds(&shelf, &written, "written", "intranet"));
}
