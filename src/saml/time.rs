//! Times as XML Schema writes them (XML Schema Part 2 §3.2.7).

use jiff::civil::DateTime;

use crate::clock::{SignedDuration, Timestamp, after};

/// A time in metadata. Without a zone it is in UTC, as SAML Core §1.3.3 has all times. `24:00:00` is the beginning of the
/// next day, and a year that no clock here can show is never.
pub(super) fn parse_lenient(text: &str) -> Option<Timestamp> {
    let (date, time) = text.trim().split_once('T')?;
    if is_beyond(date) {
        return Some(Timestamp::MAX);
    }
    let (clock, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
    let zone = if zone.is_empty() { "Z" } else { zone };
    let midnight =
        clock.strip_prefix("24:00:00").is_some_and(|rest| rest.trim_start_matches('.').trim_matches('0').is_empty());
    let (clock, later) =
        if midnight { ("00:00:00", SignedDuration::from_hours(24)) } else { (clock, SignedDuration::ZERO) };
    parse_or_never(&format!("{date}T{clock}{zone}")).map(|time| after(time, later))
}

/// A time with its zone. What is past the end of time is its end: `9999-12-31T23:59:59Z` is how some write *never*.
pub(super) fn parse_or_never(text: &str) -> Option<Timestamp> {
    let never = || {
        let civil = text.strip_suffix('Z').unwrap_or(text).parse::<DateTime>().ok()?;
        (civil.year() == 9999).then_some(Timestamp::MAX)
    };
    text.parse().ok().or_else(never)
}

/// A year of five digits or more.
fn is_beyond(date: &str) -> bool {
    let year = date.split('-').next().unwrap_or_default();
    year.len() > 4 && year.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_a_zone_are_in_utc_and_the_end_of_time_is_never() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (text, time) in [
            ("2040-01-01T00:00:00Z", Some(at("2040-01-01T00:00:00Z"))),
            ("2040-01-01T00:00:00", Some(at("2040-01-01T00:00:00Z"))),
            (" 2040-01-01T00:00:00.123 ", Some(at("2040-01-01T00:00:00.123Z"))),
            ("2040-01-01T02:00:00+02:00", Some(at("2040-01-01T00:00:00Z"))),
            ("2039-12-31T24:00:00Z", Some(at("2040-01-01T00:00:00Z"))),
            ("2039-12-31T24:00:00", Some(at("2040-01-01T00:00:00Z"))),
            ("2039-12-31T24:00:00.000-01:00", Some(at("2040-01-01T01:00:00Z"))),
            ("2039-12-31T24:00:01Z", None),
            ("9999-12-31T23:59:59Z", Some(Timestamp::MAX)),
            ("9999-12-31T23:59:59.9999999", Some(Timestamp::MAX)),
            ("9999-12-31T24:00:00Z", Some(Timestamp::MAX)),
            ("12026-11-21T10:00:00Z", Some(Timestamp::MAX)),
            ("9999-13-31T23:59:59Z", None),
            ("9999-12-31T23:59:59ZZ", None),
            ("2040-01-01", None),
            ("soon", None),
            ("soonT", None),
            ("T", None),
            ("", None),
        ] {
            assert_eq!(parse_lenient(text), time, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9TZ:+.\\-é ]{0,40}") {
            let _ = parse_lenient(&text);
            let _ = parse_or_never(&text);
        }
    }
}
