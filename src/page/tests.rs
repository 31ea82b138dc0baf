//! Every page in every language.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::clock::Timestamp;
use crate::identity::logon_name;
use crate::secret::Secret;
use crate::setup::System;

#[path = "states.rs"]
mod states;

use states::{TROUBLES, causes, every_page};

#[test]
fn a_tool_that_has_no_token_is_told_where_to_get_one() {
    let (brand, locales) = (Brand::default(), Locales::built_in());
    let terminal = TerminalHint {
        address: "https://portal.test/t/BCDF-GHJK".into(),
        code: "BCDF-GHJK".into(),
        device_code: crate::secret::Secret::new("x".into()),
    };
    let text = TokenText {
        wrong: None,
        terminal: Some(terminal),
        place: Some("pypi.org".into()),
        portal: "https://portal.test".into(),
        curl: Curl {
            portal: "https://portal.test".into(),
            proxy: "http://proxy.test:8080".into(),
            own_portal: false,
            own_proxy: false,
        },
        request_id: "q1".into(),
    };
    assert_eq!(
        text.render(&brand, locales.negotiate(None)),
        "Vestibule: Sign-in required\n\n\
         The proxy has to know who is asking, and this tool has no token.\n\n\
         To sign this terminal in, open this address in a browser:\n\n    https://portal.test/t/BCDF-GHJK\n\n\
         Compare the code BCDF-GHJK there and approve it. Then run here:\n\n    \
         eval \"$(curl -fsS -x http://proxy.test:8080 https://portal.test/terminal/x)\"\n\n\
         For scripts, make a token and use it as the password of the proxy:\n\n    https://portal.test/tokens\n    \
         https_proxy=http://token:vst_...@proxy.test:8080\n\nDestination: pypi.org\nRequest ID: q1\n"
    );
    for wrong in [
        WrongToken::Unknown,
        WrongToken::Expired,
        WrongToken::Revoked,
        WrongToken::Person,
        WrongToken::Network,
        WrongToken::Destination,
        WrongToken::TooMany,
        WrongToken::Away,
    ] {
        let said = TokenText { wrong: Some(wrong), terminal: None, ..text.clone() };
        for locale in locales.iter() {
            let said = said.render(&brand, locale);
            assert!(!said.contains("tool-token") && said.contains("https://portal.test/tokens"), "{said}");
        }
    }
}

/// Files that only the tests have.
const NO_SOURCES: [&str; 4] = ["tests.rs", "states.rs", "states_of_tests.rs", "states_of_rules.rs"];

/// The messages of a language and the values that each names.
fn messages(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut messages = BTreeMap::<String, BTreeSet<String>>::new();
    let (mut message, mut key) = (String::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(" =").next().unwrap();
        if line.contains(" =") && line.starts_with(|c: char| c.is_ascii_lowercase()) {
            message = name.to_owned();
            key = name.to_owned();
        } else if line.contains(" =") && line.trim_start().starts_with('.') {
            key = format!("{message}{}", name.trim());
        }
        let values = messages.entry(key.clone()).or_default();
        let named = line.split("{ $").skip(1).map(|rest| rest.split_whitespace().next().unwrap());
        // The time of day, in one of two ways.
        values.extend(named.map(|name| if name == "clock" { "time" } else { name }.to_owned()));
    }
    messages.remove("");
    messages
}

#[test]
fn every_language_has_every_message_with_the_same_values() {
    let (_, english) = locale::FILES[0];
    for (tag, text) in locale::FILES {
        assert!(fluent_bundle::FluentResource::try_new((*text).to_owned()).is_ok(), "{tag} is not a good Fluent file");
        let (own, english) = (messages(text), messages(english));
        for (key, values) in &own {
            assert_eq!(Some(values), english.get(key), "the values of {key} in {tag}, and in English");
        }
        let missing: Vec<_> = english.keys().filter(|key| !own.contains_key(*key)).collect();
        assert!(missing.is_empty(), "{missing:?} in {tag}");
    }
}

#[test]
fn every_message_is_used_and_every_message_that_is_used_exists() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/page");
    let sources: String = [folder.to_owned(), format!("{folder}/templates")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && NO_SOURCES.iter().all(|name| !path.ends_with(name)))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let known: BTreeSet<_> = messages(locale::FILES[0].1).into_keys().collect();
    for key in known.iter().filter(|key| !key.contains('.') && *key != "language") {
        assert!(sources.contains(&format!("\"{key}\"")), "{key} is not used");
    }
    for call in ["t.say(\"", "t.with(\"", "t.lines(\"", "t.with_all(\""] {
        for key in sources.split(call).skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(known.contains(key), "{key} is not in the locales");
        }
    }
}

#[test]
fn every_problem_says_what_happened_why_and_what_to_do() {
    let locales = Locales::built_in();
    for locale in locales.iter() {
        let keys =
            TROUBLES.iter().map(|trouble| trouble.key()).chain(causes().iter().map(Cause::key).collect::<Vec<_>>());
        for key in keys {
            for part in ["what", "why", "next"] {
                assert_ne!(locale.part(key, part), key, "{key}.{part} in {}", locale.tag());
            }
        }
    }
}

/// Whether a page has its one script.
fn is_scripted(name: &str) -> bool {
    ["handover", "tokens", "token-new", "device-set-up"].iter().any(|scripted| name.starts_with(scripted))
}

#[test]
fn every_page_is_whole_and_escaped_in_every_language() {
    let locales = Locales::built_in();
    let mut brand = Brand::new("Contoso <&> Web", Brand::ACCENT);
    brand.help = Some(Help::new("help@contoso.com"));
    for locale in locales.iter() {
        for (name, html) in every_page(&brand, locale) {
            let text = html.as_str();
            let place = format!("{name} in {}", locale.tag());
            assert!(text.starts_with("<!doctype html>"), "{place}");
            assert!(text.contains(&format!("<html lang=\"{}\" dir=\"ltr\">", locale.tag())), "{place}");
            assert_eq!(text.matches("<h1>").count(), 1, "{place}");
            assert!(text.contains("– Contoso &#60;&#38;&#62; Web</title>"), "{place}: {text}");
            for bad in ["<script", "style=\"", "{ $", "{$", "onclick", "<b>not", "<yesterday>", "src=\"http"] {
                let own = usize::from(is_scripted(name) && bad == "<script");
                assert_eq!(text.matches(bad).count(), own, "{place} has {bad}");
            }
            let scripted = html.content_security_policy().contains("script-src 'sha256-");
            assert_eq!(scripted, is_scripted(name), "{place}");
            let sheet = html.content_security_policy().contains(" https://trust.vestibule.invalid/trusted.css;");
            assert_eq!(sheet, name.starts_with("certificate"), "{place}");
            assert!(html.content_security_policy().starts_with("default-src 'none'; style-src 'sha256-"), "{place}");
        }
    }
}

#[test]
fn a_mistake_stands_beside_its_field_and_first_in_the_title() {
    let (brand, locales) = (Brand::default(), Locales::built_in());
    let page = Logon {
        account: "b<simon".into(),
        mistake: Some(Mistake::Name(logon_name::Error::BadCharacter)),
        example: "b.simon@contoso.com".into(),
        ..Logon::default()
    };
    let text = page.render(&brand, locales.negotiate(None)).as_str().to_owned();
    for part in [
        "<title>Error: Sign in – Vestibule</title>",
        "value=\"b&#60;simon\"",
        "aria-describedby=\"mistake\" aria-invalid=\"true\"",
        "It looks like b.simon@contoso.com.",
        "autocomplete=\"username\"",
        " autofocus",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_tool_gets_plain_text() {
    let (brand, locales) = (Brand::default(), Locales::built_in());
    let text = ToolText {
        subject: Subject::SignIn,
        message: None,
        place: Some("pypi.org".into()),
        portal: "https://portal.test/".into(),
        request_id: "q1".into(),
    };
    assert_eq!(
        text.render(&brand, locales.negotiate(None)),
        "Vestibule: Sign-in required\n\n\
         Nobody is signed in on this device, and this request cannot be sent to a sign-in page.\n\
         Open the portal in a browser on this device and sign in, then try again.\n\n\
         Destination: pypi.org\nPortal: https://portal.test/\nRequest ID: q1\n"
    );
}

/// Writes every page to the folder that `PAGES` names, to be looked at; to one that is thrown away, when there is none.
#[test]
fn every_page_can_be_written_and_looked_at() {
    let thrown_away = tempfile::tempdir().unwrap();
    let folder = std::env::var("PAGES").map_or(thrown_away.path().to_owned(), std::path::PathBuf::from);
    let locales = Locales::built_in();
    for locale in locales.iter() {
        let mut brand = Brand::default();
        brand.help = Some(Help::new("help@contoso.com"));
        for (number, (name, html)) in every_page(&brand, locale).iter().enumerate() {
            assert!(html.as_str().trim_end().ends_with("</html>"), "{name} ends where it should");
            std::fs::write(folder.join(format!("{}-{number:02}-{name}.html", locale.tag())), html.as_str()).unwrap();
        }
    }
}
