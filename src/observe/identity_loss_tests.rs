use super::*;
use crate::observe::lines::{MAX_LINE, MAX_NAMED};
use crate::policy::RuleConfig;

fn line(time: &str, host: &str, more: &str) -> String {
    format!(
        r#"{{"time":"2026-11-22T{time}Z","client":"192.0.2.7:1","network":"office","host":"{host}","user":null,"session":null,"path":"/é\"",{more}}}"#
    )
}

fn report(text: &str) -> Report {
    let mut report = Report::new(None, None);
    report.read("a.log", text.as_bytes(), || {}).unwrap();
    report
}

const LOST: &str = r#""unidentified":"sub-resource","decision":"denied","reason":"http_request_denied""#;
const ASKED: &str = r#""unidentified":"navigation","decision":"challenged","reason":null"#;

#[test]
fn what_was_lost_is_told_from_what_was_asked_or_needs_nobody() {
    for (more, why) in [
        (LOST, Some(("sub-resource", true))),
        (r#""unidentified":"tool","decision":"permitted","reason":null"#, Some(("tool", false))),
        (r#""unidentified":"preflight","decision":"permitted","reason":null"#, Some(("preflight", false))),
        (r#""unidentified":"connect","decision":"permitted","reason":null"#, Some(("tunnel", false))),
        (r#""unidentified":"connect","decision":"denied","reason":"http_request_denied""#, Some(("tunnel", true))),
        (
            r#""unidentified":"connect","decision":"challenged","reason":"client-refused-certificate""#,
            Some(("certificate-refused", true)),
        ),
        (r#""unidentified":"connect","decision":"challenged","reason":"not-http""#, Some(("not-http", true))),
        (r#""unidentified":"connect","decision":"challenged","reason":null"#, None),
        (r#""unidentified":"connect","decision":"challenged","reason":"client-left""#, None),
        (r#""unidentified":"not-required","decision":"permitted","reason":null"#, None),
        (r#""unidentified":"probe","decision":"challenged","reason":null"#, None),
        (r#""unidentified":null,"decision":"local","reason":null"#, None),
        (r#""decision":"permitted","reason":null"#, None),
        (ASKED, None),
    ] {
        let report = report(&line("10:00:00", "a.test", more));
        assert_eq!((report.broken.count, report.requests, report.lost), (0, 1, u64::from(why.is_some())), "{more}");
        let found = report.sites().first().map(|site| (site.ways[0].way.why, site.ways[0].way.refused));
        assert_eq!(found, why, "{more}");
    }
    let known = line("10:00:00", "a.test", LOST).replace(r#""user":null"#, r#""user":"B.Simon@contoso.com""#);
    assert_eq!(report(&known).lost, 0);
}

#[test]
fn sites_are_counted_the_worst_first_with_the_rule_that_would_help() {
    let mut lines = vec![line("10:00:00", "b.test", LOST), line("10:00:00", "b.test", ASKED)];
    lines.push(line("10:00:00", "a.test", &format!("{LOST},\"count\":41")));
    lines.push(line("10:00:00", "a.test", LOST));
    let elsewhere = line("10:00:00", "a.test", &LOST.replace("sub-resource", "tool")).replace("office", "elsewhere");
    lines.push(elsewhere);
    let report = report(&lines.join("\n"));
    let sites = report.sites();
    let names: Vec<_> = sites.iter().map(|site| (site.site.as_str(), site.requests, site.without_user)).collect();
    assert_eq!(names, [("a.test", 43, 43), ("b.test", 2, 1)]);
    let counts: Vec<_> = sites[0].ways.iter().map(|way| (way.way.why, way.way.network.as_str(), way.count)).collect();
    assert_eq!(counts, [("sub-resource", "office", 42), ("tool", "elsewhere", 1)]);
    let rule = sites[0].rule.as_deref().unwrap();
    assert_eq!(
        rule,
        "[[policy.rule]]\nname = \"a.test without sign-in\"\ndestinations = [\"=a.test\"]\nnetworks = [\"elsewhere\", \
         \"office\"]\neffect = \"allow\"\nauthenticate = false\n"
    );
}

#[test]
fn each_rule_can_be_pasted_into_a_configuration() {
    #[derive(Deserialize)]
    struct File {
        policy: Policy,
    }
    #[derive(Deserialize)]
    struct Policy {
        rule: Vec<RuleConfig>,
    }
    for host in ["a.test", "192.0.2.1", "[2001:db8::1]"] {
        let report = report(&line("10:00:00", host, LOST));
        let rule = report.sites().remove(0).rule.unwrap();
        let file: File = toml::from_str(&rule).unwrap_or_else(|error| panic!("{error}: {rule}"));
        assert!(!file.policy.rule[0].authenticate, "{rule}");
        assert_eq!(file.policy.rule[0].destinations.len(), 1);
    }
    let preflight = LOST.replace("sub-resource", "preflight");
    assert_eq!(report(&line("10:00:00", "a.test", &preflight)).sites()[0].rule, None, "it never says who asks");
}

#[test]
fn broken_lines_are_counted_and_the_first_of_them_named() {
    let long = format!("{{\"x\":\"{}\"}}", "a".repeat(MAX_LINE));
    let audit = r#"{"audit":"sign-in","time":"2026-11-22T10:00:00Z","node":"n"}"#;
    let good = line("10:00:00", "a.test", LOST);
    let text = format!("{good}\n\n{audit}\nnonsense\n{long}\n{{\"time\":5}}\n\u{0}\n{good}\n{{\"time");
    let report = report(&text);
    assert_eq!((report.records, report.broken.count), (2, 5), "{:?}", report.broken.named);
    assert!(report.broken.named[0].starts_with("a.log:4: "), "{:?}", report.broken.named);
    assert_eq!(report.broken.named[1], format!("a.log:5: longer than {MAX_LINE} bytes"));
    assert!(report.broken.named[4].starts_with("a.log:9: "), "{:?}", report.broken.named);
    let many = super::tests::report(&"x\n".repeat(1000));
    assert_eq!((many.broken.count, many.broken.named.len()), (1000, MAX_NAMED));
}

#[test]
fn only_what_began_in_the_time_asked_for_counts() {
    let at = |time: &str| time.parse::<Timestamp>().unwrap();
    let mut report = Report::new(Some(at("2026-11-22T10:00:00Z")), Some(at("2026-11-22T11:00:00Z")));
    let times = ["09:59:59", "10:00:00", "10:59:59", "11:00:00"].map(|time| line(time, "a.test", LOST));
    report.read("a.log", times.join("\n").as_bytes(), || {}).unwrap();
    assert_eq!(report.lost, 2);
}

#[test]
fn no_number_of_sites_and_networks_takes_more_than_so_much_memory() {
    let mut report = Report::new(None, None);
    for number in 0..MAX_SITES + 10 {
        report.take(line("10:00:00", &format!("h{number}.test"), LOST).as_bytes()).unwrap();
    }
    for number in 0..MAX_WAYS + 10 {
        let line = line("10:00:00", "h0.test", LOST).replace("office", &format!("n{number}"));
        report.take(line.as_bytes()).unwrap();
    }
    assert_eq!(report.sites.len(), MAX_SITES + 1);
    let sites = report.sites();
    assert_eq!((sites[0].site.as_str(), sites[0].ways.len()), ("h0.test", MAX_WAYS + 1));
    assert!(!sites[0].rule.as_deref().unwrap().contains("networks"));
    assert_eq!((sites[1].site.as_str(), &sites[1].rule), (OTHERS, &None));
    assert_eq!(report.lost, (MAX_SITES + MAX_WAYS + 20) as u64);
}
