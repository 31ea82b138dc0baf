//! Checks the lists: that each has one source, that it is there, and that something of it can be used.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use url::Url;

use super::{Check, at};
use crate::config::Config;
use crate::config::tree::Step;
use crate::config::words::nearest;
use crate::lists::{self, Allowance, Complaint, Content, Reading, Source};

/// How much of a file is looked at: enough to know what it is.
const LOOK: u64 = 64 * 1024;

pub(super) fn lists(config: &Config, check: &mut Check<'_>) {
    check.unique(&["list"], config.lists.iter().map(|list| list.name.as_str()));
    for (index, list) in config.lists.iter().enumerate() {
        if list.name.contains('/') {
            let message = format!("the name `{}` cannot hold a slash", list.name);
            check.note(at!["list", index, "name"], message, "what stands after a slash is a category of a list");
        }
        match list.source() {
            None => one_source(index, list, check),
            Some(Source::Entries(entries)) => written(index, entries, check),
            Some(Source::File(path)) => file(index, path, list, check),
            Some(Source::Folder(path)) => folder(index, path, check),
            Some(Source::Url(url)) => https(index, "url", url, check),
        }
        let is_fetched = matches!(list.source(), Some(Source::Url(_)));
        for (key, given) in [("sha256", list.sha256.is_some()), ("sha256_url", list.sha256_url.is_some())] {
            if given && !is_fetched && list.source().is_some() {
                let message = format!("`{key}` is for lists that are fetched");
                check.note(at!["list", index, key], message, "remove it, or give a `url`");
            }
        }
        if let Some(url) = &list.sha256_url {
            https(index, "sha256_url", url, check);
            if list.sha256.is_some() {
                let message = "`sha256` cannot stand beside `sha256_url`";
                check.note(at!["list", index, "sha256"], message, "remove one of them");
            }
        }
        if list.refresh.is_zero() {
            check.note(at!["list", index, "refresh"], "it would be fetched all the time", "the default is \"1d\"");
        }
        if list.max_size.as_bytes() == 0 {
            check.note(at!["list", index, "max_size"], "nothing would be read", "the default is \"512MiB\"");
        }
    }
    for (key, names) in
        [("approved_lists", &config.policy.approved_lists), ("blocked_lists", &config.policy.blocked_lists)]
    {
        for (at, name) in names.iter().enumerate() {
            known(at!["policy", key, at], name, config, check);
        }
    }
}

/// Whether there is the list that is named, or the category of one. What is fetched is looked at when it comes.
pub(super) fn known(path: &[Step], name: &str, config: &Config, check: &mut Check<'_>) {
    if check.is_damaged("list") {
        return;
    }
    let (list, category) = name.split_once('/').map_or((name, None), |(list, category)| (list, Some(category)));
    let Some(found) = config.lists.iter().find(|found| found.name == list) else {
        let known: Vec<&str> = config.lists.iter().map(|list| list.name.as_str()).collect();
        let help = match nearest(list, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("add a `[[list]]` with `name = {list:?}`"),
            None => format!("there are: `{}`", known.join("`, `")),
        };
        return check.note(path, format!("there is no list `{list}`"), &help);
    };
    match (found.source(), category) {
        (Some(Source::Entries(_)), Some(_)) => {
            check.note(path, format!("the list `{list}` has no categories"), &format!("write `{list}`"));
        }
        (Some(Source::File(_)), Some(category)) => {
            let Some(known) = check.categories.get(list).filter(|known| !known.iter().any(|name| name == category))
            else {
                return;
            };
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            let (message, help) = match nearest(category, &names) {
                _ if names.is_empty() => (format!("the list `{list}` has no categories"), format!("write `{list}`")),
                Some(near) => (no_category(list, category), format!("did you mean `{list}/{near}`?")),
                None => (no_category(list, category), "`vestibule lists` shows which it has".to_owned()),
            };
            check.note(path, message, &help);
        }
        (Some(Source::Folder(folder)), Some(category)) if !is_category(&folder.join(category)) => {
            let help = format!("a category is a folder in `{}`, with a file `domains` or `urls`", folder.display());
            check.note(path, no_category(list, category), &help);
        }
        _ => {}
    }
}

fn no_category(list: &str, category: &str) -> String {
    format!("the list `{list}` has no category `{category}`")
}

/// The names of lists that the policy never names.
pub fn unused_lists(config: &Config) -> Vec<&str> {
    let policy = &config.policy;
    let of_rules = policy.rules.iter().flat_map(|rule| rule.lists.iter().chain(&rule.not.lists));
    let of_standing = policy.standing.iter().flat_map(|rule| rule.lists.iter().chain(&rule.not.lists));
    let named: Vec<&String> =
        of_rules.chain(of_standing).chain(&policy.approved_lists).chain(&policy.blocked_lists).collect();
    let is_named = |list: &str| named.iter().any(|name| name.split('/').next() == Some(list));
    config.lists.iter().map(|list| list.name.as_str()).filter(|list| !is_named(list)).collect()
}

fn is_category(folder: &Path) -> bool {
    lists::archive::FILES.iter().any(|file| folder.join(file).is_file())
}

fn one_source(index: usize, list: &lists::Config, check: &mut Check<'_>) {
    let given = [
        ("entries", list.entries.is_some()),
        ("file", list.file.is_some()),
        ("folder", list.folder.is_some()),
        ("url", list.url.is_some()),
    ];
    let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
    let help = "a list has one of `entries`, `file`, `folder` and `url`";
    match given[..] {
        [first, second, ..] => {
            let message = format!("`{second}` cannot stand beside `{first}`");
            check.note(at!["list", index, second], message, help);
        }
        _ => check.note(at!["list", index], format!("nothing says what is in the list `{}`", list.name), help),
    }
}

fn written(index: usize, entries: &[String], check: &mut Check<'_>) {
    for (at, entry) in entries.iter().enumerate() {
        let mut found = false;
        let read = lists::line::read(entry, &mut |_| found = true);
        let why = match read {
            Ok(_) if found => continue,
            Ok(_) => "this lists nothing".to_owned(),
            Err(why) => why.to_string(),
        };
        let help = "write `example.com` (with everything below it), `=example.com` (that host alone), `example.com/path` or \
                    a range such as `192.0.2.0/24`";
        check.note(at!["list", index, "entries", at], format!("`{entry}` cannot be used: {why}"), help);
    }
}

/// What the beginning of a file says of all of it. What is packed is read to its end: one that is cut short holds nothing.
fn file(index: usize, path: &Path, list: &lists::Config, check: &mut Check<'_>) {
    let at = at!["list", index, "file"];
    if !check.readable(at, path) {
        return;
    }
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LOOK).read_to_end(&mut begin));
    if let Err(error) = read {
        check.note(at, format!("`{}` cannot be read: {error}", path.display()), "");
        return;
    }
    if begin.starts_with(&[0x1f, 0x8b]) || begin.get(257..262) == Some(b"ustar") {
        let read = File::open(path).map_err(lists::read::Error::from);
        match read.and_then(|file| Content::categories(file, list.bounds())) {
            Ok(categories) => drop(check.categories.insert(list.name.clone(), categories)),
            Err(error) => {
                let help = "nothing of it would be blocked: fetch it anew";
                check.note(at, format!("`{}` cannot be used: {error}", path.display()), help);
            }
        }
        return;
    }
    if begin.len() as u64 == LOOK {
        // The last line is not whole.
        begin.truncate(begin.iter().rposition(|octet| *octet == b'\n').unwrap_or(begin.len()));
    }
    let (mut reading, mut bounds) = (Reading::default(), Allowance { octets: 2 * LOOK, lines: 2 * LOOK });
    let read = reading.document("", &begin[..], &mut bounds).and_then(|()| reading.check());
    let Err(error) = read else {
        check.categories.insert(list.name.clone(), Vec::new());
        return;
    };
    let help = match reading.report.first.first() {
        Some(Complaint { line, text, why, .. }) => format!("line {line}, `{text}`: {why}"),
        None => String::new(),
    };
    check.note(at, format!("`{}` is no list that is known here: {error}", path.display()), &help);
}

fn folder(index: usize, path: &Path, check: &mut Check<'_>) {
    let at = at!["list", index, "folder"];
    // Categories may stand in others.
    let is_folder = |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|entry| entry.path().is_dir());
    let holds = |entry: std::fs::DirEntry| {
        let path = entry.path();
        is_category(&path) || std::fs::read_dir(&path).is_ok_and(|mut inside| inside.any(is_folder))
    };
    match std::fs::read_dir(path) {
        Err(error) => check.note(at, format!("`{}` cannot be read: {error}", path.display()), ""),
        Ok(mut entries) => {
            if !entries.any(|entry| entry.is_ok_and(holds)) {
                let message = format!("`{}` holds no category", path.display());
                check.note(at, message, "a category is a folder in it, with a file `domains` or `urls`");
            }
        }
    }
}

fn https(index: usize, key: &'static str, url: &Url, check: &mut Check<'_>) {
    if url.scheme() != "https" || !url.has_host() {
        let help = "anybody on the way could write the list; a copy can be read as a `file`";
        check.note(at!["list", index, key], format!("`{key}` is not an https address"), help);
    }
    if !url.username().is_empty() || url.password().is_some() {
        check.note(at!["list", index, key], "a name and a password in an address are not sent", "remove them");
    }
}
