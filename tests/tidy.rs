//! Keeps the house tidy: layers, sizes, first lines, and what only one module may do.
//!
//! `src/lib.rs` numbers the layers. A module imports only from lower ones, never from its own, and there is no list of
//! exceptions. Each rule is tried on a text that breaks it, too.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Lines of code in a file of `src`, tests not counted.
const MOST_LINES: usize = 400;

#[test]
fn a_module_imports_only_from_lower_layers() {
    let layers = layers(&std::fs::read_to_string(root().join("src/lib.rs")).unwrap());
    assert!(layers.len() > 5, "the layers in src/lib.rs were not found: {layers:?}");
    complain(sources().iter().flat_map(|(path, text)| imports(path, text, &layers)));
}

#[test]
fn every_top_module_has_a_layer() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let layers = layers(&lib);
    let modules = code(&lib).lines().filter(|line| line.contains("mod ")).count();
    assert_eq!(layers.len(), modules, "a `mod` in src/lib.rs stands above the first layer: {layers:?}");
}

#[test]
fn files_of_one_folder_do_not_import_each_other_in_a_circle() {
    complain(circles(&sources()).into_iter());
}

#[test]
fn a_name_of_a_type_means_one_thing() {
    complain(doubled_types(&sources()).into_iter());
}

#[test]
fn no_file_is_too_long() {
    complain(sources().iter().filter_map(|(path, text)| too_long(path, text)));
}

#[test]
fn every_file_begins_with_its_responsibility() {
    complain(sources().iter().filter_map(|(path, text)| first_line(path, text)));
}

#[test]
fn only_the_configuration_and_the_command_line_read_the_environment() {
    complain(sources().iter().filter_map(|(path, text)| environment(path, text)));
}

#[test]
fn paths_of_the_configuration_begin_at_its_folder() {
    complain(sources().iter().flat_map(|(path, text)| unresolved_paths(path, text)));
    let bad = "#[derive(Deserialize)]\npub struct Config {\n    /// A file.\n    pub file: Option<PathBuf>,\n}\n";
    assert_eq!(unresolved_paths("src/a.rs", bad).len(), 1);
    assert_eq!(unresolved_paths("src/a.rs", &bad.replace("PathBuf", "ConfigPath")), [""; 0]);
    assert_eq!(unresolved_paths("src/a.rs", &bad.replace("    /// A file.", "    #[serde(skip)]")), [""; 0]);
    assert_eq!(unresolved_paths("src/a.rs", &bad.replace("Deserialize", "Debug")), [""; 0]);
}

#[test]
fn names_say_what_things_are() {
    complain(sources().iter().flat_map(|(path, text)| names(path, text)));
}

#[test]
fn every_reason_is_said_somewhere() {
    let sources = sources();
    let (_, table) = sources.iter().find(|(path, _)| path == REASONS).unwrap();
    assert!(reasons(table).len() > 30, "the reasons in {REASONS} were not found");
    complain(unsaid(table, &sources).into_iter());
}

#[test]
fn nothing_names_a_place_on_one_machine() {
    complain(everything().iter().flat_map(|(path, text)| machine_paths(path, text)));
}

#[test]
fn links_in_documents_lead_somewhere() {
    let everything = everything();
    let documents = everything.iter().filter(|(path, _)| path.ends_with(".md"));
    complain(documents.flat_map(|(path, text)| dead_links(path, text, &everything)));
}

#[test]
fn the_top_level_is_a_list() {
    let found = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    complain(found.filter(|name| is_stray(name)).map(|name| format!("{name} does not belong at the top")));
}

#[test]
fn nothing_is_dialled_without_a_permit_that_says_where() {
    complain(sources().iter().flat_map(|(path, text)| dialling(path, text)));
}

/// Each rule, tried on what it forbids and on what it allows.
mod rules {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let layers =
            layers("// Layer 1: a\npub mod clock;\nmod seal;\n\n// Layer 3: b\npub mod session;\npub mod observe;\n");
        imports(path, text, &layers)
    }

    #[test]
    fn layers_are_read_from_lib_rs() {
        let found = layers(
            "#![doc = \"x\"]\nmod top;\n// Layer 1: a\npub mod clock;\n// a note\nmod seal;\n// Layer 12: b\npub(crate) mod cli;\n",
        );
        let wanted = [("cli", 12), ("clock", 1), ("seal", 1)].map(|(name, layer)| (name.to_owned(), layer));
        assert_eq!(found, BTreeMap::from(wanted));
    }

    #[test]
    fn imports_from_the_same_or_a_higher_layer_are_found() {
        for (path, text) in [
            ("src/clock.rs", "use crate::session::Store;"),
            ("src/clock.rs", "use crate::seal;"),
            ("src/clock.rs", "use crate::{clock::Clock, session::{Store, Ticket}};"),
            ("src/clock.rs", "use crate::{session};"),
            ("src/clock.rs", "fn f() -> crate::session::Store {}"),
            ("src/clock.rs", "pub(crate) use crate :: session;"),
            ("src/clock.rs", "use super::session;"),
            ("src/clock/mod.rs", "use super::seal::Sealer;"),
            ("src/clock/hand.rs", "use super::super::seal;"),
            ("src/clock/hand/left.rs", "use super::super::super::{seal, session};"),
            ("src/clock.rs", "mod inner { use super::super::seal; }"),
            ("src/session/mod.rs", "#[cfg(test)]\nmod tests { use crate::observe; }"),
            ("src/session/tests.rs", "use crate::observe::Record;"),
            ("src/clock.rs", "const A: char = '\"'; use crate::session; const B: char = '\"';"),
        ] {
            assert!(!found(path, text).is_empty(), "{path}: {text}");
        }
    }

    #[test]
    fn imports_from_lower_layers_and_from_oneself_are_good() {
        for (path, text) in [
            ("src/session/mod.rs", "use crate::clock::Clock; use crate::{seal, session::Store};"),
            (
                "src/session/store.rs",
                "use super::Ticket; use crate::session::cache; mod a { use super::super::Ticket; }",
            ),
            ("src/session.rs", "mod tests { use super::*; }"),
            ("src/clock.rs", "// use crate::session;\n/* use crate::session; */ const A: &str = \"crate::session\";"),
            ("src/clock.rs", "const A: &str = r#\"crate::session\"#; fn f<'a>(a: &'a str) {}"),
            ("src/clock.rs", "/// [`Store`](crate::session::Store)\nfn f() {}"),
            ("src/main.rs", "use crate::session;"),
            ("src/lib.rs", "pub mod session;"),
        ] {
            assert_eq!(found(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }

    fn files(texts: &[(&str, &str)]) -> Vec<(String, String)> {
        texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn circles_are_found_however_they_are_written_and_whoever_is_in_them() {
        for texts in [
            [("src/a/b.rs", "use super::c::C;"), ("src/a/c.rs", "use crate::a::b::B;"), ("src/a/mod.rs", "")],
            [
                ("src/a/b.rs", "use super::{d::D, c::{self, C}};"),
                ("src/a/c.rs", "fn f(b: super::b::B) {}"),
                ("src/a/d.rs", ""),
            ],
            [("src/a/b.rs", "use super::c;"), ("src/a/c.rs", "use super::d;"), ("src/a/d.rs", "use super::b;")],
            [("src/a/b/mod.rs", ""), ("src/a/b/x.rs", "use crate::a::c::C;"), ("src/a/c.rs", "use super::b::B;")],
            [
                ("src/a/b.rs", "mod inner { use super::super::c::C; }"),
                ("src/a/c.rs", "use super::b::B;"),
                ("src/a/mod.rs", ""),
            ],
        ] {
            assert_eq!(circles(&files(&texts)).len(), 1, "{texts:?}");
        }
        for texts in [
            [("src/a/b.rs", "use super::c::C;"), ("src/a/c.rs", "use super::d::D;"), ("src/a/d.rs", "use super::E;")],
            [
                ("src/a/b.rs", "use super::c::C;"),
                ("src/a/c.rs", "// use super::b::B;"),
                ("src/a/mod.rs", "use b::B; use c::C;"),
            ],
            [
                ("src/a/b.rs", "use super::c;"),
                ("src/a/c.rs", "#[cfg(test)]\nmod tests { use super::super::b; }"),
                ("src/a/d.rs", ""),
            ],
        ] {
            assert_eq!(circles(&files(&texts)), Vec::<String>::new(), "{texts:?}");
        }
    }

    #[test]
    fn names_that_mean_several_things_are_found() {
        let three = [
            ("src/a/b.rs", "pub struct Thing;"),
            ("src/c.rs", "pub(super) enum Thing {}"),
            ("src/d/mod.rs", "pub(crate) type Thing = u8;"),
        ];
        let with = |more| doubled_types(&files(&[&three[..], &[("src/e.rs", more)]].concat())).len();
        assert_eq!(with("pub trait Thing {}"), 1);
        assert_eq!(with("struct Thing;"), 0, "one that nobody else sees");
        assert_eq!(
            with(
                "pub struct Things;\nmod a {\n    pub struct Thing;\n}\n#[cfg(test)]\nmod tests {\npub struct Thing;\n}"
            ),
            0
        );
        let said = ["src/a.rs", "src/b.rs", "src/c.rs", "src/d.rs"].map(|path| (path, "pub struct Error;"));
        assert_eq!(doubled_types(&files(&said)), Vec::<String>::new(), "the module says whose it is");
    }

    #[test]
    fn long_files_are_found_and_tests_are_not_counted() {
        let code = "let a = 1;\n".repeat(MOST_LINES);
        assert!(too_long("src/a.rs", &format!("{code}let b = 1;\n")).is_some());
        assert!(too_long("src/a.rs", &format!("{code}\n// a note\n/// another\n")).is_none());
        assert!(too_long("src/a.rs", &format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n")).is_none());
        assert!(too_long("src/a/tests.rs", &code.repeat(2)).is_none());
    }

    #[test]
    fn ways_around_a_permit_are_found() {
        for (path, text) in [
            ("src/policy/permit.rs", "pub struct Permit { pub lane: Lane }"),
            (
                "src/policy/permit.rs",
                "pub struct Permit { lane: Lane } impl Permit { pub fn of(lane: Lane) -> Self {} }",
            ),
            ("src/proxy/a.rs", "let permit = Permit::own(Purpose::Metadata, destination);"),
            ("src/egress/a.rs", "impl Dialler { pub async fn dial(&self, to: &Destination, permit: Permit) -> A {} }"),
            ("src/egress/a.rs", "impl Pool { pub fn take(&self, to: &Destination) -> Option<Lease> {} }"),
            ("src/portal/a.rs", "let stream = TcpStream::connect(address).await;"),
            ("src/portal/a.rs", "let socket = TcpSocket::new_v4()?;"),
        ] {
            assert_eq!(dialling(path, text).len(), 1, "{path}: {text}");
        }
        for (path, text) in [
            (
                "src/policy/permit.rs",
                "pub struct Permit { lane: Lane } impl Permit { pub fn own(p: Purpose) -> Self {} }",
            ),
            (
                "src/policy/permit.rs",
                "impl Permit { pub(super) fn new(lane: Lane) -> Self {} pub fn rule(&self) -> A {} }",
            ),
            ("src/egress/client.rs", "let permit = Permit::own(purpose, destination);"),
            ("src/egress/a.rs", "impl Dialler { pub async fn dial(&self, permit: Permit) -> A { b(Destination) } }"),
            ("src/egress/a.rs", "impl Lease { pub fn destination(&self) -> &Destination {} fn a(b: Destination) {} }"),
            ("src/egress/sockets.rs", "let socket = TcpSocket::new_v4()?;"),
            ("src/portal/a.rs", "#[cfg(test)]\nmod tests { fn a() { TcpStream::connect(b); } }"),
        ] {
            assert_eq!(dialling(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let all = files(&[("README.md", "# A title, twice\n"), ("config/b.md", ""), ("config/c.toml", "")]);
        for (path, text) in [
            ("README.md", "[a](b.md)"),
            ("config/b.md", "[a](config/c.toml)"),
            ("config/b.md", "[a](../README.md#a-title)"),
            ("README.md", "<img src=\"b.png\">"),
        ] {
            assert_eq!(dead_links(path, text, &all).len(), 1, "{path}: {text}");
        }
        for (path, text) in [
            ("README.md", "[a](config/b.md), [b](https://example.com/x#y), `[c](d.md)`"),
            ("config/b.md", "[a](c.toml) and [b](../README.md#a-title-twice), [c](../config)"),
        ] {
            assert_eq!(dead_links(path, text, &all), Vec::<String>::new(), "{path}: {text}");
        }
    }

    #[test]
    fn other_slips_are_found() {
        assert!(is_stray("dump.rdb") && is_stray("notes.md") && !is_stray(".gitignore") && !is_stray("src"));
        assert!(first_line("src/a.rs", "use std::fmt;").is_some());
        assert!(first_line("src/a.rs", "//!\nuse std::fmt;").is_some());
        assert!(first_line("src/a.rs", "//! Does it.\n").is_none());
        assert!(environment("src/a.rs", "fn f() { std::env::var(\"A\"); }").is_some());
        assert!(environment("src/a.rs", "use std::{env, fmt};").is_some());
        assert!(environment("src/a.rs", "use std::env;").is_some());
        assert!(environment("src/cli/run.rs", "use std::env;").is_none());
        assert!(environment("src/a.rs", "const A: &str = env!(\"CARGO_PKG_VERSION\");").is_none());
        assert!(environment("src/a.rs", "#[cfg(test)]\nmod tests { use std::env; }").is_none());
        assert_eq!(names("src/a.rs", "struct TokenManager;\nfn get_a() {}\nenum Helpers {}").len(), 2);
        assert!(names("src/a.rs", "struct Token; fn getter() {} // TokenManager").is_empty());
        assert_eq!(machine_paths("a", &format!("x\n{}", MACHINE.map(str::to_owned).concat())).len(), 1);
        assert!(machine_paths("a", "/var/lib/vestibule /tmp /etc/ssl").is_empty());
        let table = "    Idle = \"idle\",\n    NotHttp = \"not-http\",\n";
        let said = |path: &str, text: &str| unsaid(table, &[(path.to_owned(), text.to_owned())]).len();
        assert_eq!(said("src/a.rs", "Some(Reason::Idle)"), 1);
        assert_eq!(said("src/a.rs", "Reason::Idle, Reason::NotHttpAtAll // Reason::NotHttp"), 1);
        assert_eq!(said("src/a.rs", "Reason::Idle\n#[cfg(test)]\nmod tests { Reason::NotHttp }"), 1);
        assert_eq!(said(REASONS, "Reason::Idle Reason::NotHttp"), 2);
        assert_eq!(said("src/a.rs", "Reason::Idle Reason::NotHttp"), 0);
    }
}

/// The layer of each top module, from the comments `// Layer N: …` in `lib.rs`.
fn layers(lib: &str) -> BTreeMap<String, u32> {
    let mut layers = BTreeMap::new();
    let mut layer = None;
    for line in lib.lines() {
        if let Some(rest) = line.strip_prefix("// Layer ") {
            layer = rest.split(':').next().and_then(|number| number.parse().ok());
        }
        let module = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod "));
        if let (Some((_, module)), Some(layer)) = (module, layer) {
            layers.insert(module.to_owned(), layer);
        }
    }
    layers
}

/// What `text` imports from its own layer or above.
fn imports(path: &str, text: &str, layers: &BTreeMap<String, u32>) -> Vec<String> {
    let Some(own) = module(path) else { return vec![] };
    let Some(&layer) = layers.get(&own[0]) else { return vec![format!("{path}: `{}` has no layer", own[0])] };
    let forbidden = |name: &String| *name != own[0] && layers.get(name).is_some_and(|other| *other >= layer);
    let complaint = |name| format!("{path}: `{}` (layer {layer}) imports `{name}` (layer {})", own[0], layers[&name]);
    top_modules(&code(text), own.len()).into_iter().filter(forbidden).map(complaint).collect()
}

/// The path of the module in this file, or `None` for the crate's two roots.
fn module(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    (path != "lib" && path != "main").then_some(parts)
}

/// Files of one folder, each with all below it, that import each other in a circle. What stands in the folder's own
/// `mod.rs` belongs to all of them.
fn circles(sources: &[(String, String)]) -> Vec<String> {
    let files: Vec<_> = sources.iter().filter(|(path, _)| !is_tests(path)).collect();
    let modules: BTreeSet<_> = files.iter().filter_map(|(path, _)| module(path)).collect();
    let mut folders: BTreeMap<Vec<String>, BTreeSet<(String, String)>> = BTreeMap::new();
    for (path, text) in files {
        let Some(own) = module(path) else { continue };
        for target in paths(&code(without_tests(text)), &own) {
            let known = (1..=target.len()).rev().map(|length| &target[..length]).find(|path| modules.contains(*path));
            let Some(target) = known else { continue };
            let shared = own.iter().zip(target).take_while(|(one, other)| one == other).count();
            if let (1.., Some(from), Some(to)) = (shared, own.get(shared), target.get(shared)) {
                folders.entry(own[..shared].to_vec()).or_default().insert((from.clone(), to.clone()));
            }
        }
    }
    let mut found = Vec::new();
    for (folder, mut imports) in folders {
        // What nothing of the rest is imported by, or imports nothing of it, is in no circle.
        loop {
            let before = imports.len();
            let (from, to): (BTreeSet<_>, BTreeSet<_>) = imports.iter().cloned().unzip();
            imports.retain(|(one, other)| to.contains(one) && from.contains(other));
            if imports.len() == before {
                break;
            }
        }
        if !imports.is_empty() {
            let imports: Vec<_> = imports.iter().map(|(one, other)| format!("{one} -> {other}")).collect();
            found.push(format!("src/{}: in a circle: {}", folder.join("/"), imports.join(", ")));
        }
    }
    found
}

/// Every path that begins with `crate::` or `super::`, groups taken apart, from the root of the crate.
fn paths(code: &str, own: &[String]) -> Vec<Vec<String>> {
    let words = words(code);
    let word = |at: usize| words.get(at).map_or("", |word| word.as_str());
    let mut found = Vec::new();
    let (mut braces, mut inline, mut at) = (0_usize, Vec::new(), 0);
    while at < words.len() {
        match word(at) {
            "{" => {
                braces += 1;
                if at >= 2 && word(at - 2) == "mod" {
                    inline.push((braces, word(at - 1).to_owned()));
                }
            }
            "}" => {
                inline.pop_if(|(depth, _)| *depth == braces);
                braces = braces.saturating_sub(1);
            }
            "crate" | "super" if word(at + 1) == "::" && (at == 0 || word(at - 1) != "::") => {
                let mut base: Vec<String> =
                    own.iter().cloned().chain(inline.iter().map(|(_, name)| name.clone())).collect();
                if word(at) == "crate" {
                    base.clear();
                    at += 2;
                }
                while word(at) == "super" && word(at + 1) == "::" {
                    base.pop();
                    at += 2;
                }
                at = branch(&words, at, &base, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads a path, or a group of them, from `at` on; returns where it ends.
fn branch(words: &[String], mut at: usize, base: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = base.to_vec();
    while let Some(word) = words.get(at) {
        if word == "{" {
            at += 1;
            while words.get(at).is_some_and(|word| word != "}") {
                let before = at;
                at = branch(words, at, &path, found);
                while words.get(at).is_some_and(|word| word != "," && word != "}") {
                    at += 1;
                }
                at += usize::from(words.get(at).is_some_and(|word| word == ","));
                assert!(at > before, "a group that is none");
            }
            return at + 1;
        }
        if word != "self" {
            path.push(word.clone());
        }
        at += 1;
        if words.get(at).is_none_or(|word| word != "::") {
            break;
        }
        at += 1;
    }
    found.push(path);
    at
}

/// Names of types that are said with their module in front: `saml::Error`, `egress::Config`, `portal::Memory`.
const OF_THEIR_MODULE: [&str; 3] = ["Config", "Error", "Memory"];

/// Names that a fourth type has which others than its own file can use. Up to three are borne, each far from the others.
fn doubled_types(sources: &[(String, String)]) -> Vec<String> {
    let mut all: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, text) in sources.iter().filter(|(path, _)| !is_tests(path)) {
        // Those of a function or an inner module are its own.
        for line in code(without_tests(text)).lines().filter(|line| line.starts_with("pub")) {
            let words = words(line);
            let kinds = ["struct", "enum", "trait", "type"];
            if let Some(pair) = words.windows(2).find(|pair| kinds.contains(&pair[0].as_str())) {
                all.entry(pair[1].clone()).or_default().push(path);
            }
        }
    }
    let many = all.into_iter().filter(|(name, paths)| paths.len() > 3 && !OF_THEIR_MODULE.contains(&name.as_str()));
    many.map(|(name, paths)| format!("`{name}` means several things: {}", paths.join(", "))).collect()
}

/// The names behind `crate::`, and behind as many `super::` as lead out of a module of this depth.
fn top_modules(code: &str, depth: usize) -> Vec<String> {
    let words = words(code);
    let word = |at: usize| words.get(at).map_or("", |word| word.as_str());
    let mut found = Vec::new();
    let mut braces = 0_usize;
    let mut inline: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match word(at) {
            "{" => {
                braces += 1;
                if at >= 2 && word(at - 2) == "mod" {
                    inline.push(braces);
                }
            }
            "}" => {
                if inline.last() == Some(&braces) {
                    inline.pop();
                }
                braces = braces.saturating_sub(1);
            }
            "crate" if word(at + 1) == "::" => found.extend(heads(&words[at + 2..])),
            "super" if word(at + 1) == "::" => {
                let ups =
                    (0..).take_while(|step| word(at + 2 * step) == "super" && word(at + 2 * step + 1) == "::").count();
                if ups >= depth + inline.len() {
                    found.extend(heads(&words[at + 2 * ups..]));
                }
                at += 2 * ups - 1;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The first name of a path, or the first name of each path in a group.
fn heads(words: &[String]) -> Vec<String> {
    if words.first().is_none_or(|word| word != "{") {
        return words.first().cloned().into_iter().collect();
    }
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut before = "";
    for word in words {
        match word.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            name if depth == 1 && (before == "{" || before == ",") => heads.push(name.to_owned()),
            _ => {}
        }
        before = word;
    }
    heads
}

/// Identifiers, `::`, and single signs.
fn words(code: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut glued = false;
    for c in code.chars() {
        let part = c.is_alphanumeric() || c == '_';
        match words.last_mut() {
            Some(last) if glued && part && last.chars().all(|c| c.is_alphanumeric() || c == '_') => last.push(c),
            Some(last) if glued && c == ':' && last == ":" => last.push(c),
            _ if !c.is_whitespace() => words.push(c.to_string()),
            _ => {}
        }
        glued = !c.is_whitespace();
    }
    words
}

/// `text` without comments, and with nothing in its strings.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = raw_string(rest) {
            raw
        } else if next == '"' {
            string(rest)
        } else if let Some(literal) = character(rest) {
            literal
        } else {
            code.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        // Line breaks stay, so that lines can still be counted.
        code.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix('r')?.chars().take_while(|c| *c == '#').count();
    let inside = text[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(inside.find(&end).map_or(text.len(), |at| 1 + hashes + 1 + at + end.len()))
}

fn string(text: &str) -> usize {
    let mut escaped = true;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal; lifetimes are none.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    if let Some(escape) = inside.strip_prefix('\\') {
        let first = escape.chars().next()?.len_utf8();
        return escape[first..].find('\'').map(|end| 2 + first + end + 1);
    }
    let first = inside.chars().next()?.len_utf8();
    inside[first..].starts_with('\'').then_some(1 + first + 1)
}

/// Whether all of this file is tests.
fn is_tests(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs")
}

/// `text` up to its tests.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |tests| &text[..tests])
}

fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = code(without_tests(text)).lines().filter(|line| !line.trim().is_empty()).count();
    (lines > MOST_LINES && !is_tests(path)).then(|| format!("{path}: {lines} lines of code"))
}

fn first_line(path: &str, text: &str) -> Option<String> {
    let first = text.lines().next().unwrap_or("");
    let good = first.strip_prefix("//! ").is_some_and(|sentence| sentence.len() > 5);
    (!good && path != "src/lib.rs" && !is_tests(path))
        .then(|| format!("{path}: the first line does not say what the file is for"))
}

fn environment(path: &str, text: &str) -> Option<String> {
    let may = ["src/config/", "src/cli/", "src/main.rs"].iter().any(|place| path.starts_with(place));
    let words = words(&code(without_tests(text)));
    let reads = words.windows(4).any(|window| {
        let window: Vec<&str> = window.iter().map(String::as_str).collect();
        matches!(window[..], ["std", "::", "env", next] if next != "!")
            || matches!(window[..], ["env", "::", "var" | "vars" | "var_os" | "args", _])
    });
    let grouped = words.windows(2).enumerate().any(|(at, pair)| {
        pair[0] == "std" && pair[1] == "::" && heads(&words[at + 2..]).iter().any(|head| head == "env")
    });
    ((reads || grouped) && !may && !is_tests(path)).then(|| format!("{path}: reads the environment"))
}

/// Fields that are read as they stand, and would begin at the working folder.
fn unresolved_paths(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for read in without_tests(text).split("Deserialize").skip(1) {
        let body = read.split_once("\n}").map_or(read, |(body, _)| body);
        let lines: Vec<&str> = body.lines().collect();
        for pair in lines.windows(2) {
            let is_field = pair[1].trim().starts_with("pub ") && pair[1].contains(": ");
            if is_field && pair[1].contains("PathBuf") && !pair[0].contains("serde(skip") {
                complaints.push(format!("{path}: `{}` should be a ConfigPath", pair[1].trim()));
            }
        }
    }
    complaints
}

/// What would lead around a permit: one that is made elsewhere, a way to somewhere that it does not name, a socket of
/// one's own. The compiler keeps the rest, once no field of it is public.
fn dialling(path: &str, text: &str) -> Vec<String> {
    if is_tests(path) {
        return vec![];
    }
    let words = words(&code(without_tests(text)));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for (at, three) in words.windows(3).enumerate() {
        // Up to the body.
        let rest = || words[at..].iter().take_while(|word| **word != "{");
        let complaint = match three {
            ["Permit", "::", "own"] if path != "src/egress/client.rs" => "gives itself a permit",
            ["TcpStream", "::", "connect" | "connect_timeout"] | ["TcpSocket", "::", _]
                if path != "src/egress/sockets.rs" && path != "src/cli/healthcheck.rs" =>
            {
                "opens a connection"
            }
            ["struct", "Permit", "{"]
                if words[at..].iter().take_while(|word| **word != "}").any(|word| *word == "pub") =>
            {
                "opens a field of a permit"
            }
            ["pub", "fn", name]
                if path == "src/policy/permit.rs" && *name != "own" && rest().any(|word| *word == "Self") =>
            {
                "makes permits for anybody"
            }
            ["pub", "fn" | "async", name]
                if path.starts_with("src/egress/")
                    // It looks names up, and opens nothing.
                    && path != "src/egress/resolve.rs"
                    && *name != "check_http_port"
                    && words.get(at + 3) != Some(&"check_found")
                    && rest().take_while(|word| **word != "-").any(|word| *word == "Destination") =>
            {
                "is told of a destination beside a permit"
            }
            _ => continue,
        };
        found.push(format!("{path}: {complaint}"));
    }
    found
}

/// Where the reasons are listed: `Name = "word",` a line.
const REASONS: &str = "src/observe/reason.rs";

fn reasons(table: &str) -> Vec<&str> {
    let entries = table.lines().filter_map(|line| line.trim().strip_suffix("\",")?.split_once(" = \""));
    entries.map(|(name, _)| name).filter(|name| name.chars().all(char::is_alphanumeric)).collect()
}

/// The reasons of `table` that no source gives for anything.
fn unsaid(table: &str, sources: &[(String, String)]) -> Vec<String> {
    let others = sources.iter().filter(|(path, _)| !path.starts_with("src/observe/") && !is_tests(path));
    let texts: Vec<_> = others.map(|(_, text)| words(&code(without_tests(text)))).collect();
    let is_said = |name: &str| {
        let said = |three: &[String]| three[0] == "Reason" && three[1] == "::" && three[2] == name;
        texts.iter().any(|words| words.windows(3).any(said))
    };
    let unsaid = reasons(table).into_iter().filter(|name| !is_said(name));
    unsaid.map(|name| format!("{REASONS}: nothing says `{name}`")).collect()
}

fn names(path: &str, text: &str) -> Vec<String> {
    let words = words(&code(text));
    let vague = |kind: &str, name: &str| match kind {
        "fn" => name.starts_with("get_"),
        "struct" | "enum" | "trait" | "mod" => {
            let lower = name.to_lowercase();
            ["manager", "helper", "util", "common", "info"].iter().any(|vague| lower.ends_with(vague))
        }
        _ => false,
    };
    let bad = words.windows(2).filter(|pair| vague(&pair[0], &pair[1]));
    bad.map(|pair| format!("{path}: `{} {}` says too little", pair[0], pair[1])).collect()
}

/// Written in two parts, or this file would be the first to be found.
const MACHINE: [&str; 4] =
    [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/tmp", "/w/")];

fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let named = |line: &&str| MACHINE.iter().any(|place| line.contains(place));
    text.lines().filter(named).map(|line| format!("{path}: {}", line.trim())).collect()
}

/// The links of a document to files and headings that are not there.
fn dead_links(path: &str, text: &str, everything: &[(String, String)]) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    // Code is no link.
    let prose: String = text.split('`').step_by(2).collect();
    let of = |mark: &'static str, end: char| {
        let parts: Vec<_> = prose.split(mark).skip(1).filter_map(|part| part.split(end).next()).collect();
        parts.into_iter().map(str::to_owned)
    };
    let targets = of("](", ')').chain(of("src=\"", '"')).chain(of("srcset=\"", '"'));
    let is_dead = |target: &String| {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
        for step in file.split('/').filter(|step| !step.is_empty()) {
            if step == ".." {
                steps.pop();
            } else {
                steps.push(step);
            }
        }
        let found = if file.is_empty() { path.to_owned() } else { steps.join("/") };
        let is_there = everything.iter().any(|(path, _)| *path == found || path.starts_with(&format!("{found}/")))
            || root().join(&found).exists();
        let text = everything.iter().find(|(path, _)| *path == found).map_or("", |(_, text)| text);
        !is_there || !heading.is_empty() && !text.lines().any(|line| anchor(line).as_deref() == Some(heading))
    };
    let links = targets.filter(|target| !target.contains(':') && is_dead(target));
    links.map(|target| format!("{path}: {target} leads nowhere")).collect()
}

/// What a heading is linked by.
fn anchor(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let letters =
        title.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    Some(letters.replace(' ', "-"))
}

/// What may stand at the top, besides the dotfiles of tools.
const TOP: [&str; 14] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "config",
    "docker",
    "pac",
    "src",
    "target",
    "tests",
];

fn is_stray(name: &str) -> bool {
    !name.starts_with('.') && !TOP.contains(&name)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of `src` that is Rust, by its path from the root.
fn sources() -> Vec<(String, String)> {
    let sources: Vec<_> =
        everything().into_iter().filter(|(path, _)| path.starts_with("src/") && path.ends_with(".rs")).collect();
    assert!(sources.len() > 10, "the sources were not found");
    sources
}

/// Every text file of the project, by its path from the root.
fn everything() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if ["target", "node_modules", ".git"].contains(&name.as_str()) {
                // Not ours. In a linked worktree, `.git` is a file.
            } else if path.is_dir() {
                if !path.is_symlink() {
                    folders.push(path);
                }
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let relative = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                found.push((relative, text));
            }
        }
    }
    found.sort();
    found
}

fn complain(complaints: impl Iterator<Item = String>) {
    let complaints: Vec<String> = complaints.collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
