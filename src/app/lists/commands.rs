//! What operators are told of lists: what each holds, how old it is, what is wrong with it, and which of them hold a host.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::{Value, json};
use url::Host;

use super::{Held, Shelf};
use crate::admin::{Admin, Asker, Done};
use crate::clock::Timestamp;
use crate::lists::line::Format;
use crate::lists::{Complaint, Lists, Match, NameSet, Part, Source};
use crate::observe::Exposition;
use crate::observe::exposition::Kind;

/// What is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    /// A host or a URL.
    host: String,
    /// A list; all, if it is empty.
    name: String,
    /// Whether it is taken although it has lost most of what it held.
    accept: bool,
}

/// Adds `lists list`, `lists find` and `lists refresh`. `in_force` gives the lists that requests are answered by.
#[must_use]
pub(in crate::app) fn commands(
    admin: Admin,
    shelf: &Arc<Shelf>,
    in_force: impl Fn() -> Lists + Send + Sync + 'static,
) -> Admin {
    let [listing, fetching] = [(); 2].map(|()| Arc::clone(shelf));
    let clock = shelf.clock.clone();
    admin
        .on("lists list", move |_, asker| tell(described(&listing, clock.now()), asker))
        .on("lists find", move |arguments, asker| {
            let items = asked(arguments).and_then(|asked| found(&in_force(), &asked.host));
            async move { tell(items?, asker).await }
        })
        .on("lists refresh", move |arguments, asker| {
            let items = asked(arguments).and_then(|asked| refreshed(&fetching, &asked.name, asked.accept));
            async move { tell(items?, asker).await }
        })
}

async fn tell(items: Vec<Value>, asker: Asker) -> Done {
    for item in items {
        if !asker.tell(item).await {
            break;
        }
    }
    Ok(())
}

fn asked(arguments: Value) -> Result<Asked, String> {
    serde_json::from_value(arguments).map_err(|error| error.to_string())
}

/// What there is to say of each list; of each category, where there are some.
pub fn described(shelf: &Shelf, now: Timestamp) -> Vec<Value> {
    let all = shelf.all();
    let of = |held: &Arc<Held>| held.sets().map(|(name, part)| one(held, &name, &part, now)).collect::<Vec<_>>();
    all.iter().flat_map(of).collect()
}

fn one(held: &Held, name: &str, part: &Part, now: Timestamp) -> Value {
    let from = match held.config.source() {
        Some(Source::File(path) | Source::Folder(path)) => path.display().to_string(),
        // A query may hold a key.
        Some(Source::Url(url)) => url.as_str().split('?').next().unwrap_or_default().to_owned(),
        Some(Source::Entries(_)) | None => String::new(),
    };
    let complaint = |complaint: &Complaint| {
        json!({
            "document": complaint.document,
            "line": complaint.line,
            "text": complaint.text,
            "why": complaint.why.to_string(),
        })
    };
    json!({
        "list": name,
        "source": held.config.source().map(|source| source.key()),
        "from": from,
        "form": part.report.form().map(Format::as_str),
        "entries": part.set.len(),
        "memory": part.set.memory(),
        "since": held.since.map(|since| since.to_string()),
        "checked": held.checked.map(|checked| checked.to_string()),
        "age_seconds": held.checked.map(|checked| now.duration_since(checked).as_secs().max(0)),
        "lines": part.report.lines,
        "unusable": part.report.unusable,
        "first_unusable": part.report.first.iter().map(complaint).collect::<Vec<_>>(),
        "error": held.error,
    })
}

/// Which lists hold a host, or a URL, and what in them covers it.
pub fn found(lists: &Lists, asked: &str) -> Result<Vec<Value>, String> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| asked.strip_prefix(scheme)).unwrap_or(asked);
    let (host, path) = match rest.find('/').and_then(|slash| rest.split_at_checked(slash)) {
        Some((host, path)) => (host, Some(path)),
        None => (rest, None),
    };
    let plain = host.trim_end_matches('.');
    // An IPv6 address may be written without its brackets.
    let host = Host::parse(plain).or_else(|error| Host::parse(&format!("[{plain}]")).map_err(|_| error));
    let host = host.map_err(|error| format!("`{asked}` is neither a host nor a URL: {error}"))?;
    let in_one = |(name, set): (&str, &Arc<NameSet>)| {
        let (how, entry) = match set.find(&host, path)? {
            Match::Domain(name) => ("domain", name),
            Match::Exact(name) => ("host", name),
            Match::Address(address) => ("address", address.to_string()),
            Match::Url(url) => ("url", url),
        };
        Some(json!({ "list": name, "by": how, "entry": entry }))
    };
    Ok(lists.all().filter_map(in_one).collect())
}

/// Has lists fetched now: the one of that name, or all. With `accept`, the next content is taken however much it has lost.
fn refreshed(shelf: &Shelf, name: &str, accept: bool) -> Result<Vec<Value>, String> {
    let is_meant = |held: &&Arc<Held>| {
        matches!(held.config.source(), Some(Source::Url(_))) && (name.is_empty() || held.config.name == name)
    };
    let all = shelf.all();
    let meant: Vec<_> = all.iter().filter(is_meant).collect();
    if meant.is_empty() {
        return Err(match name {
            "" => "no list is fetched: files are read when they change".to_owned(),
            _ => format!("no list `{name}` is fetched"),
        });
    }
    for held in &meant {
        held.accepts.fetch_or(accept, Ordering::Relaxed);
        held.wanted.notify_one();
    }
    Ok(meant.iter().map(|held| json!({ "list": held.config.name })).collect())
}

/// The figures of lists.
pub(in crate::app) fn expose(shelf: &Shelf, to: &mut Exposition, now: Timestamp) {
    let all = shelf.all();
    to.family("vestibule_list_entries", Kind::Gauge, "Names, URLs and ranges of addresses in a list.");
    for (name, part) in all.iter().flat_map(|held| held.sets()) {
        to.sample("", &[("list", &name)], part.set.len());
    }
    to.family("vestibule_list_memory_bytes", Kind::Gauge, "Memory that a list takes.");
    for (name, part) in all.iter().flat_map(|held| held.sets()) {
        to.sample("", &[("list", &name)], part.set.memory());
    }
    to.family("vestibule_list_unusable_lines", Kind::Gauge, "Lines of a list that cannot be used.");
    for (name, part) in all.iter().flat_map(|held| held.sets()) {
        to.sample("", &[("list", &name)], part.report.unusable);
    }
    to.family("vestibule_list_healthy", Kind::Gauge, "1 if a list could be read or fetched the last time, else 0.");
    for held in &all {
        to.sample("", &[("list", &held.config.name)], u8::from(held.error.is_none() && held.since.is_some()));
    }
    let help = "1 if a list was read or fetched at least once, else 0: nothing of it is blocked, and no rule opens anything by it.";
    to.family("vestibule_list_read", Kind::Gauge, help);
    for held in &all {
        to.sample("", &[("list", &held.config.name)], u8::from(held.since.is_some()));
    }
    let help = "Since a list was last known to be up to date. Files are looked at when they change.";
    to.family("vestibule_list_age_seconds", Kind::Gauge, help);
    for (held, checked) in all.iter().filter_map(|held| Some((held, held.checked?))) {
        to.sample("", &[("list", &held.config.name)], now.duration_since(checked).as_secs().max(0));
    }
}
