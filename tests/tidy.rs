//! Keeps the house tidy: layers, sizes, first lines, and what only one module may do.
//!
//! `src/lib.rs` numbers the layers. A module imports only from lower ones, never from its own, and there is no list of
//! exceptions. Each rule is tried on a text that breaks it, too.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test may panic")]

use std::collections::BTreeMap;
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
fn names_say_what_things_are() {
    complain(sources().iter().flat_map(|(path, text)| names(path, text)));
}

#[test]
fn nothing_names_a_place_on_one_machine() {
    complain(everything().iter().flat_map(|(path, text)| machine_paths(path, text)));
}

#[test]
fn the_top_level_is_a_list() {
    let found = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    complain(found.filter(|name| is_stray(name)).map(|name| format!("{name} does not belong at the top")));
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

    #[test]
    fn long_files_are_found_and_tests_are_not_counted() {
        let code = "let a = 1;\n".repeat(MOST_LINES);
        assert!(too_long("src/a.rs", &format!("{code}let b = 1;\n")).is_some());
        assert!(too_long("src/a.rs", &format!("{code}\n// a note\n/// another\n")).is_none());
        assert!(too_long("src/a.rs", &format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n")).is_none());
        assert!(too_long("src/a/tests.rs", &code.repeat(2)).is_none());
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

/// What may stand at the top, besides the dotfiles of tools.
const TOP: [&str; 12] = [
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
