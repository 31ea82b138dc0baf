//! The languages of the pages: messages in Fluent files, and the choice between them.

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use jiff::tz::TimeZone;
use unic_langid::LanguageIdentifier;

use crate::clock::Timestamp;
use crate::page::number;

/// The languages, the default first. A new language needs a file and a line here.
pub(super) const FILES: &[(&str, &str)] = &[
    ("en", include_str!("locales/en.ftl")),
    ("de", include_str!("locales/de.ftl")),
    ("fr", include_str!("locales/fr.ftl")),
    ("es", include_str!("locales/es.ftl")),
    ("ja", include_str!("locales/ja.ftl")),
];

/// The most language ranges that are read from a request.
const MAX_RANGES: usize = 16;

/// All languages.
#[derive(Debug)]
pub struct Locales {
    all: Vec<Locale>,
    default: Locale,
}

/// One language.
pub struct Locale {
    tag: &'static str,
    /// Its file.
    text: &'static str,
    /// Its messages, which are parsed when somebody first reads it: that takes milliseconds and half a megabyte, and most
    /// people read one language of the five.
    bundle: OnceLock<FluentBundle<FluentResource>>,
}

/// The languages that the program comes with: texts that never change, and of which one copy is enough.
static BUILT_IN: LazyLock<Locales> = LazyLock::new(|| {
    let mut all = FILES.iter().map(|(tag, text)| Locale::new(tag, text)).collect::<Vec<_>>();
    let default = all.remove(0);
    Locales { all, default }
});

impl Locales {
    /// The languages that the program comes with.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// The best language for a request's `Accept-Language` (RFC 9110 §12.5.4), by lookup (RFC 4647 §3.4): a region
    /// without a file is dropped. The default if no wanted language is there.
    pub fn negotiate(&self, accept_language: Option<&str>) -> &Locale {
        let mut ranges: Vec<(f32, &str)> = accept_language
            .unwrap_or_default()
            .split(',')
            .take(MAX_RANGES)
            .filter_map(|range| {
                let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
                let weight = match parameters.trim().split_once('=') {
                    Some((name, weight)) if name.trim().eq_ignore_ascii_case("q") => weight.trim().parse().ok()?,
                    _ => 1.0,
                };
                (0.0..=1.0).contains(&weight).then_some((weight, tag.trim()))
            })
            .collect();
        ranges.sort_by(|(one, _), (two, _)| two.total_cmp(one));
        let (wanted, refused): (Vec<_>, Vec<_>) = ranges.into_iter().partition(|(weight, _)| *weight > 0.0);
        let is_refused = |locale: &Locale| refused.iter().any(|(_, range)| range.eq_ignore_ascii_case(locale.tag));
        let find = |range: &str| self.iter().find(|locale| locale.answers(range) && !is_refused(locale));
        wanted.iter().find_map(|(_, range)| find(range)).unwrap_or(&self.default)
    }

    /// Every language, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Locale> {
        std::iter::once(&self.default).chain(&self.all)
    }
}

impl Locale {
    fn new(tag: &'static str, text: &'static str) -> Self {
        Self { tag, text, bundle: OnceLock::new() }
    }

    fn bundle(&self) -> &FluentBundle<FluentResource> {
        self.bundle.get_or_init(|| self.parsed())
    }

    fn parsed(&self) -> FluentBundle<FluentResource> {
        let language: LanguageIdentifier = self.tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        // Isolation marks around values would be copied along with an account's name.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(match self.tag {
            "de" => number::with_points,
            "fr" => number::with_narrow_spaces,
            "es" => number::with_spaces,
            _ => number::with_commas,
        }));
        // A message that a language lacks appears in the default one; a test makes sure that none lacks any.
        for text in
            FILES.first().map(|(_, text)| *text).filter(|text| *text != self.text).into_iter().chain([self.text])
        {
            let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(readable, _)| readable);
            bundle.add_resource_overriding(resource);
        }
        bundle
    }

    /// Whether a range such as `de-AT` or `*` asks for this language.
    fn answers(&self, range: &str) -> bool {
        let primary = range.split('-').next().unwrap_or_default();
        primary == "*" || self.tag.eq_ignore_ascii_case(primary)
    }

    /// The language's tag (BCP 47), for `lang` and `Content-Language`.
    pub fn tag(&self) -> &'static str {
        self.tag
    }

    /// `ltr` or `rtl`.
    pub fn direction(&self) -> String {
        self.say("direction")
    }

    /// A message. For one that does not exist, its key; a test makes sure that this does not happen.
    pub fn say(&self, key: &str) -> String {
        self.format(key, None, &FluentArgs::new())
    }

    /// A message with one value in it.
    #[expect(clippy::needless_pass_by_value, reason = "templates pass values and references alike")]
    pub fn with(&self, key: &str, name: &'static str, value: impl ToString) -> String {
        let mut values = FluentArgs::new();
        values.set(name, value.to_string());
        self.format(key, None, &values)
    }

    /// A message with a number in it, which chooses between singular and plural.
    pub fn count(&self, key: &str, name: &'static str, number: usize) -> String {
        let mut values = FluentArgs::new();
        values.set(name, number);
        self.format(key, None, &values)
    }

    /// A message with several values in it.
    pub fn with_all(&self, key: &str, pairs: &[(&'static str, &str)]) -> String {
        self.format(key, None, &pairs.iter().map(|(name, value)| (*name, FluentValue::from(*value))).collect())
    }

    /// A message that says how much time is left.
    pub fn remaining(&self, key: &str, hours: &i64, minutes: &i64) -> String {
        self.with_all(key, &[("hours", &hours.to_string()), ("minutes", &minutes.to_string())])
    }

    /// One part of a message: what happened, why, or what to do next.
    pub fn part(&self, key: &str, part: &str) -> String {
        self.format(key, Some(part), &FluentArgs::new())
    }

    /// A part of a message with several values in it.
    pub fn part_with(&self, key: &str, part: &str, pairs: &[(&'static str, &str)]) -> String {
        let values = pairs.iter().map(|(name, value)| (*name, FluentValue::from(*value))).collect();
        self.format(key, Some(part), &values)
    }

    /// A message of several lines.
    pub fn lines(&self, key: &str) -> Vec<String> {
        self.say(key).lines().map(str::to_owned).collect()
    }

    /// A part of several lines.
    pub fn part_lines(&self, key: &str, part: &str) -> Vec<String> {
        self.part(key, part).lines().map(str::to_owned).collect()
    }

    /// A point in time, as people of the language write it.
    pub fn moment(&self, time: &Timestamp, zone: &TimeZone) -> String {
        let time = time.to_zoned(zone.clone());
        let mut values = FluentArgs::new();
        values.set("day", i64::from(time.day()));
        values.set("month", i64::from(time.month()));
        values.set("year", time.year().to_string());
        values.set("time", time.strftime("%H:%M").to_string());
        values.set("clock", time.strftime("%-H:%M").to_string());
        values.set("zone", time.strftime("%Z").to_string());
        self.format("moment", None, &values)
    }

    /// A name for a browser, from its `User-Agent`.
    pub fn device(&self, user_agent: &str) -> String {
        let known = |names: &[(&str, &'static str)]| {
            names.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
        };
        match (known(BROWSERS), known(SYSTEMS)) {
            (Some(browser), Some(system)) => self.with_all("device", &[("browser", browser), ("system", system)]),
            (Some(name), None) | (None, Some(name)) => name.to_owned(),
            (None, None) => self.say("device-unknown"),
        }
    }

    fn format(&self, key: &str, part: Option<&str>, values: &FluentArgs<'_>) -> String {
        let message = self.bundle().get_message(key);
        let pattern = match part {
            None => message.and_then(|message| message.value()),
            Some(part) => message.and_then(|message| message.get_attribute(part)).map(|attribute| attribute.value()),
        };
        let text = pattern.map(|pattern| self.bundle().format_pattern(pattern, Some(values), &mut Vec::new()));
        text.unwrap_or(Cow::Borrowed(key)).into_owned()
    }
}

impl std::fmt::Debug for Locale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Locale({})", self.tag)
    }
}

/// Marks of browsers, in the order in which they must be searched: most browsers carry the marks of several.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

/// Marks of operating systems, likewise.
const SYSTEMS: &[(&str, &str)] = &[
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_parsed_when_somebody_reads_it() {
        for (tag, text) in FILES {
            let locale = Locale::new(tag, text);
            assert!(locale.bundle.get().is_none(), "{tag}");
            assert_eq!(locale.direction(), "ltr");
            assert!(locale.bundle.get().is_some(), "{tag}");
        }
    }

    #[test]
    fn the_language_with_the_highest_weight_that_is_known_wins() {
        let locales = Locales::built_in();
        for (asked, tag) in [
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("en;q=0.3, de;q=0.7", "de"),
            ("zh, DE;q=0.2, *;q=0.1", "de"),
            ("zh;q=0.9, *;q=0.5", "en"),
            ("en;q=0, *", "de"),
            ("de;q=0, de-AT;q=0.5, en;q=0.1", "en"),
            ("de;q=0, en", "en"),
            ("de;Q=0.2, fr ; q = 0.7", "fr"),
            ("de;q=1.5, es;q=0.1", "es"),
            ("fr-CA", "fr"),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
            ("es-419,es;q=0.9", "es"),
            ("ja-JP", "ja"),
            ("JA-Hira-JP-x-own", "ja"),
            ("zh", "en"),
            ("zh-TW,zh;q=0.9,en-US;q=0.8,ja;q=0.7", "en"),
            ("zh-TW,ja;q=0.7", "ja"),
            ("fry, frp, jam", "en"),
            ("de; q=abc", "en"),
            ("de;q=NaN", "en"),
            (";;;,,,", "en"),
            ("", "en"),
        ] {
            assert_eq!(locales.negotiate(Some(asked)).tag(), tag, "{asked}");
        }
        assert_eq!(locales.negotiate(None).tag(), "en");
        let late = format!("{}de", "xx,".repeat(MAX_RANGES));
        assert_eq!(locales.negotiate(Some(&late)).tag(), "en", "a long list is not read to its end");
    }

    #[test]
    fn times_are_written_as_people_write_them() {
        let locales = Locales::built_in();
        let time: Timestamp = "2026-03-05T08:09:10Z".parse().unwrap();
        assert_eq!(locales.negotiate(None).moment(&time, &TimeZone::UTC), "5 March 2026, 08:09 (UTC)");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        for (tag, written) in [
            ("de", "5. März 2026, 09:09 Uhr (+01)"),
            ("fr", "5 mars 2026 à 09:09 (+01)"),
            ("es", "5 de marzo de 2026, 9:09 (+01)"),
            ("ja", "2026年3月5日 9:09（+01）"),
        ] {
            assert_eq!(locales.negotiate(Some(tag)).moment(&time, &zone), written);
        }
        let first: Timestamp = "2026-08-01T18:00:00Z".parse().unwrap();
        assert_eq!(locales.negotiate(Some("fr")).moment(&first, &TimeZone::UTC), "1er août 2026 à 18:00 (UTC)");
    }

    #[test]
    fn numbers_are_written_and_counted_as_people_do() {
        let locales = Locales::built_in();
        for (tag, one, many) in [
            ("en", "1 day", "12,345 days"),
            ("de", "1 Tag", "12.345 Tage"),
            ("fr", "1 jour", "12\u{202f}345 jours"),
            ("es", "1 día", "12\u{a0}345 días"),
            ("ja", "1 日", "12,345 日"),
        ] {
            let locale = locales.negotiate(Some(tag));
            let said = |number| locale.count("token-days", "days", number);
            assert_eq!((said(1).as_str(), said(12345).as_str()), (one, many));
        }
        assert_eq!(locales.negotiate(Some("es")).count("token-days", "days", 1234), "1234 días", "four stand alone");
        assert_eq!(locales.negotiate(Some("fr")).count("token-days", "days", 0), "0 jour");
    }

    #[test]
    fn a_browser_is_called_by_its_own_name() {
        let locales = Locales::built_in();
        let english = locales.negotiate(None);
        for (user_agent, name) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
                "Chrome on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            ("curl/8.14.1", "curl"),
            ("", "Unknown device"),
        ] {
            assert_eq!(english.device(user_agent), name);
        }
    }
}
