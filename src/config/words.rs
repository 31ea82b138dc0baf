//! What the parser and the deserialiser say, in words that help.

use super::problem::{Place, Problem};
use super::tree::{Node, Step, Tree};

/// The key that `message` says is missing.
pub(super) fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// `key` is missing in the table at `path`.
pub(super) fn missing_problem(key: &str, path: &[Step], place: Option<Place>) -> Problem {
    let (message, help) = match path {
        [] => (format!("the section `[{key}]` is missing"), format!("add a line `[{key}]`, and what belongs below it")),
        _ => (format!("`{key}` is missing in `{}`", header(path)), format!("add a line `{key} = …` below it")),
    };
    Problem { message, help: vec![help], place }
}

/// A mistake in the syntax of TOML.
pub(super) fn syntax(message: &str, place: Place) -> Problem {
    let (message, help) = match message {
        _ if place.text.trim_end().ends_with('=') => {
            ("there is no value after `=`", "write one: \"text\" in quotes, a number, true, false, or a list [\"…\"]")
        }
        _ if message.starts_with("duplicate key") => (
            "this key or section is already written above",
            "sections of which there may be several are written `[[section]]`",
        ),
        _ if message.starts_with("string values must be quoted") => {
            ("this text has no quotes", "put it in quotes: \"…\"")
        }
        _ if message.starts_with("invalid float") => ("this is not a number", "put other values in quotes: \"…\""),
        _ => (message.trim_end_matches(", expected nothing"), ""),
    };
    // What the parser missed stands at the end of what it says.
    let missed = message.rsplit_once(", expected `").and_then(|(_, sign)| sign.strip_suffix('`'));
    let help = missed.filter(|_| help.is_empty()).map_or_else(|| help.to_owned(), |sign| format!("add `{sign}`"));
    Problem { message: message.to_owned(), help: helps(&help), place: Some(place) }
}

/// The path to what has the wrong shape, if that is the cause of what is said about `path`: one of several where there
/// is only one.
pub(super) fn shape(message: &str, path: &[Step], tree: &Tree<'_>) -> Option<Vec<Step>> {
    let (section @ [Step::Key(key)], [Step::Index(_), ..] | []) = path.split_at_checked(1)? else { return None };
    let several = matches!(tree.find(section), Some((_, Node::Array)));
    let wrong = several && !super::SEVERAL.contains(&key.as_str()) && super::SECTIONS.contains(&key.as_str());
    (wrong && !message.starts_with("unknown field")).then(|| section.to_vec())
}

/// What is to be said about a part of the tree that goes.
pub(super) struct Said {
    pub(super) problem: Problem,
    /// The key beside it that somebody wanted to write.
    pub(super) meant: Option<String>,
}

/// What the deserialiser says about what stands at `path`.
pub(super) fn problem(message: &str, path: &[Step], tree: &Tree<'_>, place: Place) -> Said {
    if let Some((name, known)) = listed(message, "unknown field `") {
        let inside = path.split_last().map_or(&[][..], |(_, before)| before);
        let problem = unknown_key(name, &known, inside, place);
        return Said { problem, meant: nearest(name, &known).map(str::to_owned) };
    }
    let said = |message: String, help: Vec<String>| Said {
        problem: Problem { message, help, place: Some(place.clone()) },
        meant: None,
    };
    if let Some((name, known)) = listed(message, "unknown variant `") {
        let mut help = nearest(name, &known).map(|near| format!("did you mean `{near}`?")).into_iter().collect();
        list_known("accepted", &known, &mut help);
        return said(format!("`{name}` is not accepted here"), help);
    }
    let header = header(path);
    match tree.find(path) {
        Some((_, Node::Table)) if message.ends_with("expected a sequence") => {
            said(format!("there may be several of `{header}`"), vec![format!("write `[{header}]`")])
        }
        Some((_, Node::Array)) if shape(message, path, tree).is_some() => {
            said(format!("there may be only one `{header}`"), vec![format!("write `{header}`")])
        }
        _ => said(plain(message), helps(&suggestion(message))),
    }
}

fn unknown_key(name: &str, known: &[&str], inside: &[Step], place: Place) -> Problem {
    let place_name = if inside.is_empty() { String::new() } else { format!(" in `{}`", header(inside)) };
    let mut help: Vec<String> =
        nearest(name, known).map(|near| format!("did you mean `{near}`?")).into_iter().collect();
    if help.is_empty() && inside.len() == 1 && super::SECTIONS.contains(&name) {
        help.push(format!("`{name}` belongs to the top of the file, before the first `[section]`"));
    }
    list_known("known here", known, &mut help);
    Problem { message: format!("unknown key `{name}`{place_name}"), help, place: Some(place) }
}

/// Lists what is known, unless the name was so near to one of them that nobody needs the others.
fn list_known(intro: &str, known: &[&str], help: &mut Vec<String>) {
    if help.is_empty() && !known.is_empty() {
        let quoted: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        help.push(format!("{intro}: {}", quoted.join(", ")));
    }
}

/// The name in `message` after `prefix`, and the names after "expected".
fn listed<'m>(message: &'m str, prefix: &str) -> Option<(&'m str, Vec<&'m str>)> {
    let (name, rest) = message.strip_prefix(prefix)?.split_once('`')?;
    Some((name, rest.split('`').skip(1).step_by(2).collect()))
}

/// The name among `known` that was most likely meant.
pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let lower = name.to_lowercase().replace('-', "_");
    let distance = |other: &str| strsim::damerau_levenshtein(&lower, other);
    let near = known.iter().copied().min_by_key(|other| distance(other))?;
    let longest = near.len().max(name.len());
    (distance(near) <= (longest / 3).max(1) || near.starts_with(&*lower) && lower.len() > 2).then_some(near)
}

/// `message` without the names of Rust's types.
pub(super) fn plain(message: &str) -> String {
    let message = message.strip_prefix("invalid type: ").or(message.strip_prefix("invalid value: ")).unwrap_or(message);
    let Some((found, expected)) = message.split_once(", expected ") else { return message.to_owned() };
    let expected = match expected {
        "a sequence" => "a list",
        "a borrowed string" | "path string" => "a string",
        "u16" => "a number from 0 to 65535",
        "u8" | "u32" | "u64" | "usize" | "i64" => "a whole number",
        "socket address" => "an address and a port",
        "a map" => "a table",
        _ if expected.starts_with("struct ") => "a table",
        other => other,
    };
    let found = match found {
        "sequence" => "a list",
        "map" => "a table",
        other => other,
    };
    format!("expected {expected}, found {found}")
}

/// How to write what is meant, where the message does not say it.
fn suggestion(message: &str) -> String {
    let example = example_for(message);
    if !example.is_empty() {
        return example.to_owned();
    }
    let Some((found, expected)) = message.strip_prefix("invalid ").and_then(|rest| rest.split_once(", expected "))
    else {
        return String::new();
    };
    let value = found.split_once('`').map(|(_, rest)| rest.trim_end_matches('`'));
    let text = found.split_once('"').map(|(_, rest)| rest.trim_end_matches('"'));
    let is_text = found.starts_with("type: string");
    match expected {
        "a sequence" => match (text.filter(|_| is_text), value) {
            (Some(text), _) => format!("write a list: [\"{text}\"]"),
            (None, Some(value)) => format!("write a list: [{value}]"),
            _ => "write a list: [\"…\"]".to_owned(),
        },
        "a boolean" => "write true or false, without quotes".to_owned(),
        "a map" => "write { key = \"value\" }, or a section of its own".to_owned(),
        _ if expected.starts_with("struct ") => "write { key = \"value\" }, or a section of its own".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" | "i64" => match text.filter(|text| text.parse::<u64>().is_ok()) {
            Some(number) => format!("write it without quotes: {number}"),
            None if found.starts_with("value:") => "it is out of range".to_owned(),
            None => "write a whole number without quotes, such as 100".to_owned(),
        },
        _ if expected.starts_with("a duration") && !is_text => {
            format!("write its unit, too, in quotes: \"{0}s\" or \"{0}h\"", value.unwrap_or("10"))
        }
        _ if expected.starts_with("a size") && !is_text => {
            format!("write its unit, too, in quotes: \"{0}KiB\" or \"{0}MiB\"", value.unwrap_or("64"))
        }
        _ => match value {
            // An address, a name: they are written as text.
            Some(value) if !is_text => format!("put it in quotes: \"{value}\""),
            _ => String::new(),
        },
    }
}

/// How something looks that some type can read, where the type's own message does not say it.
fn example_for(message: &str) -> &'static str {
    [
        ("socket address", "an address and a port, such as \"0.0.0.0:8080\" or \"[::]:8080\""),
        ("neither an address nor a range", "write an address or a range, such as \"192.0.2.1\" or \"10.0.0.0/8\""),
        ("IP address syntax", "write an address, such as \"192.0.2.1\" or \"2001:db8::1\""),
        ("is not an https address", "an address such as \"https://portal.example.com\""),
    ]
    .into_iter()
    .find(|(part, _)| message.contains(part))
    .map_or("", |(_, help)| help)
}

fn helps(help: &str) -> Vec<String> {
    if help.is_empty() { vec![] } else { vec![help.to_owned()] }
}

/// The table at `path` as its header names it.
fn header(path: &[Step]) -> String {
    let keys: Vec<&str> = path
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })
        .collect();
    if matches!(path.last(), Some(Step::Index(_))) {
        format!("[[{}]]", keys.join("."))
    } else {
        format!("[{}]", keys.join("."))
    }
}
