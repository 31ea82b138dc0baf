use std::io::{Cursor, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::read::Error;
use super::*;

const BOUNDS: Allowance = Allowance { octets: 1 << 30, lines: 10_000_000 };

fn set(text: &str) -> NameSet {
    let mut reading = Reading::default();
    let mut bounds = BOUNDS;
    reading.document("", text.as_bytes(), &mut bounds).unwrap();
    reading.builder.build()
}

fn host(text: &str) -> Host<String> {
    Host::parse(text).unwrap()
}

/// Which of these the set holds: each with or without a path.
fn held<'h>(set: &NameSet, asked: &[&'h str]) -> Vec<&'h str> {
    let is_held = |asked: &&&str| {
        let (name, path) = asked.split_at(asked.find('/').unwrap_or(asked.len()));
        let path = Some(path).filter(|path| !path.is_empty());
        let contains = set.contains(&host(name), path);
        assert_eq!(set.find(&host(name), path).is_some(), contains, "{asked}: in words, it is another answer");
        contains
    };
    asked.iter().filter(is_held).copied().collect()
}

#[test]
fn names_are_matched_at_label_boundaries_and_hosts_alone_are_alone() {
    let set = set("example.com\n=one.test\n0.0.0.0 two.test\na.b.c.d.test\n192.0.2.0/24\n2001:db8::/32\n.zip\nlocal");
    let inside = [
        "example.com",
        "a.example.com",
        "a.b.example.com",
        "one.test",
        "two.test",
        "x.a.b.c.d.test",
        "evil.zip",
        "192.0.2.77",
        "[2001:db8::7]",
        "[::ffff:192.0.2.1]",
        "local",
    ];
    let outside = [
        "example.org",
        "appexample.com",
        "example.com.jp",
        "com",
        "www.one.test",
        "www.two.test",
        "b.c.d.test",
        "test",
        "192.0.3.1",
        "[2001:db9::7]",
        "a.local",
        "zip.example",
    ];
    assert_eq!(held(&set, &[&inside[..], &outside].concat()), inside);
    assert_eq!(held(&NameSet::default(), &inside), <[&str; 0]>::default());
    assert_eq!(set.find(&host("a.example.com"), None), Some(Match::Domain("example.com".into())));
    assert_eq!(set.find(&host("one.test"), None), Some(Match::Exact("one.test".into())));
}

#[test]
fn an_exception_takes_away_whatever_else_covers_it() {
    let set = set("||example.com^\n@@||good.example.com^\n||bad.good.example.com^\n@@||alone.test^\n");
    let asked = ["example.com", "a.example.com", "good.example.com", "x.good.example.com", "bad.good.example.com"];
    assert_eq!(held(&set, &asked), ["example.com", "a.example.com"]);
    assert_eq!(held(&set, &["alone.test"]), <[&str; 0]>::default());
}

#[test]
fn an_exception_for_an_address_takes_it_away_and_lists_nothing() {
    let alone = set("@@||203.0.113.7^\n@@||2001:db8::7^\n");
    assert_eq!(held(&alone, &["203.0.113.7", "[2001:db8::7]", "[::ffff:203.0.113.7]"]), <[&str; 0]>::default());
    let set = set("203.0.113.0/24\n203.0.113.7/ads\n@@||203.0.113.7^\n@@||good.test^\n203.0.113.9.test/x\n");
    let asked = ["203.0.113.6", "203.0.113.7", "203.0.113.7/ads", "[::ffff:203.0.113.7]", "[::ffff:203.0.113.8]"];
    assert_eq!(held(&set, &asked), ["203.0.113.6", "[::ffff:203.0.113.8]"]);
    assert_eq!(set.covers(&host("203.0.113.7"), None, Quorum::One), Some(false), "no path makes a difference");
}

#[test]
fn urls_of_an_address_are_found_however_it_is_spelt() {
    let set = set("http://[2001:DB8::1]/ads\n[::ffff:192.0.2.1]/x\nhttp://[2001:db8:0:0::2]/y\n");
    let asked = ["[2001:db8::1]/ads/1", "192.0.2.1/x", "[::ffff:192.0.2.1]/x", "[2001:db8::2]/y"];
    assert_eq!(held(&set, &asked), asked);
    for address in ["[2001:db8::1]", "[::ffff:192.0.2.1]", "192.0.2.1"] {
        assert_eq!(set.covers(&host(address), None, Quorum::One), None, "{address}");
    }
}

#[test]
fn urls_are_matched_where_the_path_is_seen_segment_by_segment() {
    let set = set("example.com/ads\nhttps://www.sub.test/a/b/\n192.0.2.1/x\n[2001:db8::1]/y\nhost.test/%7euser\n");
    let inside = [
        "example.com/ads",
        "example.com/ads/x?y",
        "example.com//ADS/./x",
        "example.com/%61ds",
        "example.com/z/../ads",
        "www.example.com/ads",
        "www2.example.com/ads",
        "sub.test/a/b",
        "www.sub.test/a/b/c",
        "192.0.2.1/x/1",
        "[2001:db8::1]/y",
        "host.test/~user/x",
    ];
    let outside = [
        "example.com",
        "example.com/",
        "example.com/adsense",
        "a.example.com/ads",
        "sub.test/a",
        "sub.test/ab",
        "192.0.2.1/",
        "192.0.2.2/x",
        "other.test/ads",
        "example.com/ads/../x",
    ];
    assert_eq!(held(&set, &[&inside[..], &outside].concat()), inside);
    assert_eq!(set.find(&host("www.example.com"), Some("/ads/1")), Some(Match::Url("example.com/ads".into())));
}

#[test]
fn a_copy_stays_as_it_was_and_the_lists_that_follow_are_others() {
    let named = |name: &str, text: &str| (name.to_owned(), Arc::new(set(text)));
    let before: Lists = [named("b", "b.test"), named("a/x", "a.test")].into_iter().collect();
    let copy = before.clone();
    let id = copy.id("a/x").unwrap();
    assert!(copy.contains(id, &host("www.a.test"), None) && !copy.contains(id, &host("b.test"), None));
    let after: Lists = [named("b", "other.test")].into_iter().collect();
    assert!(after.contains(after.id("b").unwrap(), &host("other.test"), None));
    assert!(copy.contains(copy.id("b").unwrap(), &host("b.test"), None));
    assert_eq!((after.id("a/x"), Lists::default().id("b")), (None, None));
    assert!(!Lists::default().contains(id, &host("b.test"), None), "an identifier of others means nothing");
}

/// A name that no other number has: words of several lengths, some deep.
fn numbered(number: u32) -> String {
    let word = number.wrapping_mul(2_654_435_761);
    match number % 4 {
        0 => format!("a{word:x}.example"),
        1 => format!("www-{word:x}.co.test"),
        2 => format!("{number}.deep.{:x}.example", word % 1000),
        _ => format!("a-rather-long-name-{word:x}.test"),
    }
}

#[test]
fn a_hundred_thousand_names_take_less_than_forty_octets_each_and_are_all_found() {
    let count = 100_000;
    let text: String = (0..count).map(|number| numbered(number) + "\n").collect();
    let whole = text.clone() + &text;
    let set = set(&whole);
    assert_eq!(set.len(), u64::from(count), "the same name twice is one");
    assert!(set.memory() / set.len() < 40, "{} octets a name", set.memory() / set.len());
    for number in 0..count {
        assert!(set.contains(&Host::Domain(numbered(number)), None), "{}", numbered(number));
        assert!(!set.contains(&Host::Domain(numbered(number) + "x"), None));
    }
}

/// An archive as UT1 publishes it.
fn published(files: &[(&str, &str)], links: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    for (path, target) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, path, target).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[test]
fn an_archive_of_categories_is_read_as_it_is_published() {
    let adult: String = (0..100_000).map(|number| numbered(number) + "\n").collect();
    let files = [
        ("blacklists/README", "words for people\n"),
        ("blacklists/adult/domains", adult.as_str()),
        ("blacklists/adult/urls", "example.com/adult\nexample.com/x?y\n"),
        ("blacklists/adult/expressions", "(a|b)\n"),
        ("blacklists/bank/domains", "bank.test\n192.0.2.1\n"),
        ("blacklists/finance/trading/domains", "trade.test\n"),
    ];
    let packed = published(&files, &[("blacklists/porn", "adult"), ("blacklists/out", "../../etc")]);
    let content = Content::read(&packed[..], BOUNDS).unwrap();
    let names: Vec<_> = content.sets.keys().map(String::as_str).collect();
    assert_eq!(names, ["adult", "bank", "finance/trading", "porn"]);
    let adult = &content.sets["adult"];
    assert_eq!((adult.set.len(), adult.report.unusable), (100_002, 1), "a URL is kept with its host");
    assert_eq!((adult.report.first[0].document.as_str(), adult.report.first[0].line), ("urls", 2));
    assert!(Arc::ptr_eq(&adult.set, &content.sets["porn"].set), "a link is another name");
    assert!(adult.set.contains(&host("example.com"), Some("/adult/1")));
    assert!(content.sets["bank"].set.contains(&host("192.0.2.1"), None));
    // A category by itself is published without a folder around it.
    let alone = published(&[("adult/domains", "a.test\n"), ("adult/urls", "b.test/x\n")], &[]);
    assert!(Content::read(&alone[..], BOUNDS).unwrap().sets.contains_key("adult"));

    let small = Allowance { octets: 1000, ..BOUNDS };
    assert!(matches!(Content::read(&packed[..], small), Err(Error::TooLong(1000))));
    let cut = &packed[..packed.len() / 2];
    assert!(matches!(Content::read(cut, BOUNDS), Err(Error::Read(_))));
    assert!(matches!(Content::read(&packed[..packed.len() - 4], BOUNDS), Err(Error::Read(_))), "its end is looked at");
    let other = published(&[("x/readme", "a.test\n")], &[]);
    assert!(matches!(Content::read(&other[..], BOUNDS), Err(Error::NoCategory)));
    let mut plain = GzEncoder::new(Vec::new(), Compression::fast());
    plain.write_all(b"a.test\n").unwrap();
    assert_eq!(Content::read(&plain.finish().unwrap()[..], BOUNDS).unwrap().sets[""].set.len(), 1);
}

#[test]
fn the_categories_of_an_archive_are_named_and_a_cut_one_is_noticed() {
    let packed =
        published(&[("all/adult/domains", "a.test\n"), ("all/bank/urls", "b.test/x\n")], &[("all/porn", "adult")]);
    assert_eq!(Content::categories(&packed[..], BOUNDS).unwrap(), ["adult", "bank", "porn"]);
    assert!(matches!(Content::categories(&packed[..packed.len() - 4], BOUNDS), Err(Error::Read(_))));
    assert_eq!(Content::categories(&b"a.test\n"[..], BOUNDS).unwrap(), <[&str; 0]>::default());
}

/// An archive whose first entry says something long of the next one.
fn with_header(kind: tar::EntryType, header_text: &[u8], path: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut long = tar::Header::new_ustar();
    long.set_entry_type(kind);
    long.set_size(header_text.len() as u64);
    long.set_path("x").unwrap();
    long.set_cksum();
    archive.append(&long, header_text).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(7);
    header.set_path(path).unwrap();
    header.set_cksum();
    archive.append(&header, &b"a.test\n"[..]).unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

#[test]
fn long_names_in_an_archive_are_read_and_endless_ones_are_not() {
    use tar::EntryType::{GNULongLink, GNULongName, XGlobalHeader, XHeader};
    let (deep, pax) = ("a".repeat(90) + "/" + &"b".repeat(90), "path=all/cat/domains\n");
    let pax = format!("{} {pax}", pax.len() + 3);
    for (kind, text, wanted) in [
        (GNULongName, format!("{deep}/domains\0"), deep.as_str()),
        (XHeader, pax, "all/cat"),
        (XGlobalHeader, "20 path=other/domains\n".to_owned(), "plain"),
    ] {
        let content = Content::read(&with_header(kind, text.as_bytes(), "plain/domains")[..], BOUNDS).unwrap();
        let names: Vec<_> = content.sets.keys().map(String::as_str).collect();
        // A folder around all of them has no part in the name.
        assert_eq!(names, [wanted.split_once('/').map_or(wanted, |(_, rest)| rest)], "{kind:?}");
    }
    let endless = vec![b'a'; 100 * 1024];
    for kind in [GNULongName, GNULongLink, XHeader] {
        let read = Content::read(&with_header(kind, &endless, "plain/domains")[..], BOUNDS);
        assert!(matches!(read, Err(Error::LongHeader(_))), "{kind:?}");
    }
}

#[test]
fn categories_are_called_by_plain_names_that_lead_nowhere_else() {
    for (folder, name) in [
        ("blacklists/adult", Some("blacklists/adult")),
        ("./a/./b", Some("a/b")),
        ("a/../b", Some("b")),
        ("../a", None),
        ("/a", None),
        ("a b", None),
        ("a\u{1b}", None),
    ] {
        assert_eq!(archive::name(Path::new(folder)).as_deref(), name, "{folder}");
    }
}

#[test]
fn a_kept_list_is_the_same_list_and_a_broken_one_is_none() {
    let files = [
        (
            "x/one/domains",
            "example.com\n=a.test\n@@||b.example.com^\n@@||10.0.0.1^\n10.0.0.0/8\n2001:db8::/32\nnot a name\n",
        ),
        ("x/one/urls", "c.test/ads\n"),
        ("x/two/domains", "d.test\n"),
    ];
    let content = Content::read(&published(&files, &[("x/also", "one")])[..], BOUNDS).unwrap();
    let (stamp, mut kept) = ([7; 32], Vec::new());
    cache::write(&content, &stamp, &mut kept).unwrap();
    let read = |kept: &[u8], stamp| cache::read(&stamp, Cursor::new(kept), kept.len() as u64);
    let again = read(&kept, stamp).unwrap().unwrap();
    assert_eq!(again, content);
    assert!(Arc::ptr_eq(&again.sets["one"].set, &again.sets["also"].set));
    assert!(again.sets["one"].set.contains(&host("www.example.com"), None));
    assert_eq!(read(&kept, [8; 32]).unwrap(), None, "it was made from something else");
    for at in 0..kept.len() {
        let mut broken = kept.clone();
        broken[at] ^= 0x55;
        // Whatever it is, it is not taken for the list.
        assert!(!matches!(read(&broken, stamp), Ok(Some(_))), "octet {at}");
        assert!(read(&kept[..at], stamp).is_err(), "cut at {at}");
    }
}
