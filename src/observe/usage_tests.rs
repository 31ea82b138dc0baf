//! Usage adds up, however it is told apart, and stays within its bounds.

use super::*;

fn line(time: &str, who: Option<(&str, &str)>, host: &str, decision: &str, bytes: u64) -> String {
    let person = |part: Option<&str>| part.map_or("null".to_owned(), |part| format!("{part:?}"));
    let (realm, user) = (person(who.map(|who| who.0)), person(who.map(|who| who.1)));
    format!(
        "{{\"time\":\"{time}\",\"network\":\"office\",\"user\":{user},\"realm\":{realm},\"host\":\"{host}\",\"decision\":\"{decision}\",\
         \"reason\":null,\"bytes_in\":{bytes},\"bytes_out\":{},\"duration_ms\":5}}\n",
        bytes * 10
    )
}

fn told(usage: &Usage, groups: &HashMap<String, Vec<String>>) -> Vec<String> {
    let (rows, _) = usage.rows(groups);
    let row = |row: Row| {
        let of: Vec<String> = row.of.into_values().collect();
        format!(
            "{} {}+{} {} {}",
            of.join(" "),
            row.amount.requests,
            row.amount.refused,
            row.amount.by(Measure::Bytes),
            row.amount.duration_ms
        )
    };
    rows.into_iter().map(row).collect()
}

const EVE: Option<(&str, &str)> = Some(("contoso", "eve@contoso.com"));
const BOB: Option<(&str, &str)> = Some(("contoso", "bob@contoso.com"));

fn log() -> String {
    [
        line("2026-11-29T23:59:59Z", EVE, "news.test", "permitted", 1),
        line("2026-11-30T00:00:00Z", EVE, "news.test", "monitored", 2),
        line("2026-11-30T10:00:00Z", BOB, "news.test", "overridden", 3),
        line("2026-11-30T10:00:00Z", EVE, "mail.test", "denied", 4),
        line("2026-11-30T10:00:00Z", None, "news.test", "permitted", 5),
        // Not anybody's use of a site.
        line("2026-11-30T10:00:00Z", None, "news.test", "challenged", 100),
        line("2026-11-30T10:00:00Z", EVE, "portal.test", "local", 100),
        "{\"audit\":\"sign-in\",\"time\":\"2026-11-30T10:00:00Z\"}\n".to_owned(),
        "no record\n\n".to_owned(),
    ]
    .concat()
}

#[test]
fn usage_is_told_by_person_group_site_and_day_and_by_several_together() {
    let groups: HashMap<String, Vec<String>> = [
        ("contoso/eve@contoso.com", vec!["Staff".to_owned(), "Board".to_owned()]),
        ("contoso/bob@contoso.com", vec!["Staff".to_owned()]),
    ]
    .into_iter()
    .map(|(name, groups)| (name.to_owned(), groups))
    .collect();
    let all: &[(&[Facet], &[&str])] = &[
        (&[Facet::Site], &["news.test 4+0 121 20", "mail.test 0+1 44 5"]),
        (
            &[Facet::Person],
            &["contoso/eve@contoso.com 2+1 77 15", "(nobody) 1+0 55 5", "contoso/bob@contoso.com 1+0 33 5"],
        ),
        (&[Facet::Day], &["2026-11-30 3+1 154 20", "2026-11-29 1+0 11 5"]),
        (&[Facet::Group], &["Staff 3+1 110 20", "Board 2+1 77 15", "(no group) 1+0 55 5"]),
        (
            &[Facet::Group, Facet::Site],
            &[
                "Staff news.test 3+0 66 15",
                "Board news.test 2+0 33 10",
                "(no group) news.test 1+0 55 5",
                "Board mail.test 0+1 44 5",
                "Staff mail.test 0+1 44 5",
            ],
        ),
    ];
    for (by, wanted) in all {
        let mut usage = Usage::new((None, None), by, Measure::Requests, MOST);
        usage.read("access.log", log().as_bytes(), || {}).unwrap();
        assert_eq!(told(&usage, &groups), *wanted, "{by:?}");
        assert_eq!((usage.records, usage.broken.count, usage.sum.requests, usage.short), (7, 1, 4, 0));
        assert!(usage.broken.named[0].starts_with("access.log:9: "), "{:?}", usage.broken.named);
    }
    let mut usage = Usage::new(
        (Some("2026-11-30T00:00:00Z".parse().unwrap()), Some("2026-11-30T10:00:00Z".parse().unwrap())),
        &[Facet::Site],
        Measure::Requests,
        MOST,
    );
    usage.read("access.log", log().as_bytes(), || {}).unwrap();
    assert_eq!(told(&usage, &groups), ["news.test 1+0 22 5"]);
}

#[test]
fn people_are_named_once_and_no_name_breaks_a_key() {
    let odd = Some(("contoso", "e\\u001fve"));
    let long = "x".repeat(1000);
    let mut usage = Usage::new((None, None), &[Facet::Person, Facet::Site], Measure::Bytes, MOST);
    let line = |who: Option<(&str, &str)>, host: &str| {
        line("2026-11-30T10:00:00Z", who, host, "permitted", 1).replace("\\\\u001f", "\\u001f")
    };
    let text = [line(odd, "a.test"), line(odd, &long), line(None, "a.test"), line(EVE, "b.test")].concat();
    usage.read("access.log", text.as_bytes(), || {}).unwrap();
    assert_eq!(usage.broken.count, 0, "{:?}", usage.broken.named);
    assert_eq!(usage.people(), ["contoso/eve", "contoso/eve@contoso.com"]);
    let (rows, _) = usage.rows(&HashMap::new());
    assert!(rows.len() == 4 && rows.iter().all(|row| row.of["site"].len() <= LONGEST));
}

#[test]
fn what_is_used_least_is_counted_together_and_nothing_is_lost() {
    let mut usage = Usage::new((None, None), &[Facet::Site], Measure::Requests, 20);
    let mut text = String::new();
    let mut ask = |host: &str| text += &line("2026-11-30T10:00:00Z", EVE, host, "permitted", 1);
    for round in 0..50 {
        // Ten that are asked for all the time, and a crowd that never comes back.
        (0..100).for_each(|site| ask(&format!("often{}.test", site % 10)));
        (0..30).for_each(|site| ask(&format!("once{site}-{round}.test")));
    }
    usage.read("access.log", text.as_bytes(), || {}).unwrap();
    let (rows, others) = usage.rows(&HashMap::new());
    assert!(rows.len() < 40, "{}", rows.len());
    let told: u64 = rows.iter().map(|row| row.amount.requests).sum();
    assert_eq!((told + others.requests, usage.sum.requests), (6500, 6500), "nothing is lost");
    let often: Vec<_> = rows.iter().filter(|row| row.of["site"].starts_with("often")).collect();
    assert!(often.len() == 10 && often.iter().all(|row| row.amount.requests == 500), "{often:?}");
    assert!(usage.short > 0 && usage.short < 500, "{}", usage.short);
}
