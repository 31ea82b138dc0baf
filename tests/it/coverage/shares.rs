//! Who the records say that each request came from, held against whose browser it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use url::Url;

use super::people::{Kind, Load, Person};
use super::sites::Arrival;

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It is recorded under the name of whose browser it was.
    Right,
    /// It is recorded under nobody's name.
    Nobody,
    /// It is recorded under somebody else's name.
    Wrong,
    /// The browser got no answer of the site's.
    Lost,
}

/// One request of one browser.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) kind: Kind,
    pub(super) what: String,
    pub(super) url: String,
    pub(super) fate: Fate,
}

/// The access records, as far as they tell.
pub(super) struct Records(pub(super) Vec<Value>);

impl Records {
    /// The record that tells whose a request was that has arrived: its own, or that of the tunnel that it came through.
    pub(super) fn of(&self, arrival: &Arrival) -> Option<&Value> {
        let url = Url::parse(&arrival.url).unwrap();
        let has = |record: &Value, name: &str, value: &str| record[name].as_str() == Some(value);
        let own = |record: &&Value| {
            has(record, "path", url.path())
                && has(record, "method", arrival.method.as_str())
                && has(record, "scheme", url.scheme())
                && has(record, "host", url.host_str().unwrap())
                && has(record, "decision", "permitted")
        };
        let (site, from) = (arrival.ends.0.to_string(), arrival.ends.1.to_string());
        let tunnel = |record: &&Value| {
            has(record, "method", "CONNECT") && has(record, "origin", &site) && has(record, "egress", &from)
        };
        self.0.iter().rfind(own).or_else(|| self.0.iter().rfind(tunnel))
    }

    /// What became of every request of somebody's browser: those that it was to make, and whatever else has arrived.
    pub(super) fn judge(&self, kind: Kind, person: Person, loads: &[Load], arrivals: &[Arrival]) -> Vec<Judged> {
        let mut all = BTreeMap::<(String, bool), Fate>::new();
        for load in loads {
            let arrived = arrivals.iter().any(|arrival| arrival.url == load.url && arrival.method != "OPTIONS");
            let fate = if arrived && load.came != Some(false) { Fate::Right } else { Fate::Lost };
            all.insert((load.url.clone(), false), fate);
        }
        let is_theirs = |arrival: &&Arrival| who(&arrival.url) == person.who;
        for arrival in arrivals.iter().filter(is_theirs) {
            let user = self.of(arrival).unwrap_or_else(|| panic!("no record of {arrival:?}"))["user"].as_str();
            let fate = match user {
                None => Fate::Nobody,
                Some(user) if user == person.user => Fate::Right,
                Some(_) => Fate::Wrong,
            };
            let known = all.entry((arrival.url.clone(), arrival.method == "OPTIONS")).or_insert(fate);
            // What was asked for more than once is as good as the worst of them.
            *known = fate.max(*known);
        }
        // Whatever else they are said to have asked for.
        let strange = self.0.iter().filter(|record| {
            let path = record["path"].as_str().unwrap_or_default();
            path.split('/').nth(1) == Some(person.who) && record["user"].as_str().is_some_and(|it| it != person.user)
        });
        let strange =
            strange.map(|record| Judged { kind, what: "any".into(), url: record.to_string(), fate: Fate::Wrong });
        let judged = all.into_iter().map(|((url, asks), fate)| {
            let what =
                if asks { format!("{} preflight", scheme(&url)) } else { format!("{} {}", scheme(&url), name(&url)) };
            Judged { kind, what, url, fate }
        });
        judged.chain(strange).collect()
    }
}

/// Whose browser an address is for.
fn who(url: &str) -> &str {
    url.split('/').nth(3).unwrap_or_default()
}

fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or_default()
}

/// The kind of load that an address is for.
fn name(url: &str) -> &str {
    let kind = url.split('/').nth(4).unwrap_or_default();
    if kind.starts_with("hop-") { "redirect" } else { kind }
}

/// What became of every request.
pub(super) struct Shares(pub(super) Vec<Judged>);

impl Shares {
    /// Those that this became of.
    pub(super) fn all(&self, fate: Fate) -> Vec<String> {
        self.0.iter().filter(|one| one.fate == fate).map(Judged::line).collect()
    }

    /// The lost ones, save those whose person was asked who they are: over http, nothing tells a frame or what is loaded
    /// in advance from the page that somebody goes to, and a form from another site comes without cookies.
    pub(super) fn lost_though_allowed(&self) -> Vec<String> {
        let asked = |one: &&Judged| ASKED.contains(&one.what.as_str());
        self.0.iter().filter(|one| one.fate == Fate::Lost && !asked(one)).map(Judged::line).collect()
    }

    /// Those that came through without a name, save what may come without one: a preflight.
    pub(super) fn nobodys_though_refused(&self) -> Vec<String> {
        let asks = |one: &&Judged| one.what.ends_with("preflight");
        self.0.iter().filter(|one| one.fate == Fate::Nobody && !asks(one)).map(Judged::line).collect()
    }

    /// The pages that a person went to, and that did not come under their name.
    pub(super) fn pages_without_a_name(&self) -> Vec<String> {
        let pages = ["http page", "https page", "https kept", "http form", "https form"];
        let is_page = |one: &&Judged| pages.contains(&one.what.as_str());
        self.0.iter().filter(|one| one.fate != Fate::Right && is_page(one)).map(Judged::line).collect()
    }

    /// The share that bears the right name.
    #[expect(clippy::cast_precision_loss, reason = "there are some hundreds")]
    pub(super) fn right(&self) -> f64 {
        count(self.0.iter())[0] as f64 / self.0.len() as f64
    }

    /// Each kind of request, and what became of it in each browser.
    pub(super) fn table(&self) -> String {
        let mut kinds: Vec<_> = self.0.iter().map(|one| one.what.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut text = format!("{:30}{:>20}{:>20}", "right/nobody/wrong/lost", "Chromium", "Firefox");
        for what in kinds.into_iter().map(Some).chain([None]) {
            write!(text, "\n{:30}", what.unwrap_or("all")).unwrap();
            for kind in [Kind::Chromium, Kind::Firefox] {
                let of = self.0.iter().filter(|one| one.kind == kind && what.is_none_or(|what| one.what == what));
                write!(text, "{:>20}", count(of).map(|count| count.to_string()).join("/")).unwrap();
            }
        }
        let [right, nobody, wrong, lost] = count(self.0.iter());
        let share = 100.0 * self.right();
        write!(text, "\n{right} right ({share:.1} %), {nobody} nobody's, {wrong} wrong, {lost} lost").unwrap();
        text
    }
}

/// What is asked who somebody is, over http.
const ASKED: [&str; 6] = [
    "http frame",
    "http frame-in-sandbox",
    "http frame-by-form",
    "http object",
    "http prefetch",
    "http form-from-elsewhere",
];

impl Judged {
    fn line(&self) -> String {
        format!("{:?} {}: {}", self.kind, self.what, self.url)
    }
}

fn count<'a>(judged: impl Iterator<Item = &'a Judged>) -> [usize; 4] {
    let mut counts = [0; 4];
    judged.for_each(|one| counts[one.fate as usize] += 1);
    counts
}

#[test]
fn each_fate_is_told_by_the_record_of_a_request_or_of_its_tunnel() {
    use super::people::{ALEX, SIMON};
    let [site, elsewhere, tunnel] = ["127.0.0.1:443", "127.0.0.1:5001", "127.0.0.1:5002"].map(|it| it.parse().unwrap());
    let record = |path: &str, user: &str| {
        serde_json::json!({
            "method": "GET", "scheme": "http", "host": "east.test", "path": path, "user": user, "decision": "permitted",
        })
    };
    let mut nobodys = record("/simon/fetch/1.1", "");
    nobodys["user"] = Value::Null;
    let records = Records(vec![
        record("/simon/image/1.0", SIMON.user),
        nobodys,
        record("/simon/image/1.2", ALEX.user),
        serde_json::json!({ "method": "CONNECT", "origin": site, "egress": tunnel, "user": SIMON.user }),
    ]);
    let arrival = |url: &str, from| Arrival { method: http::Method::GET, url: url.into(), ends: (site, from) };
    let urls = ["image/1.0", "fetch/1.1", "image/1.2", "font/1.3", "font/1.4"]
        .map(|it| format!("http://east.test/simon/{it}"));
    let secure = "https://east.test/simon/font/1.5".to_owned();
    let mut arrivals: Vec<_> = urls[..4].iter().map(|url| arrival(url, elsewhere)).collect();
    // One has arrived, but its answer did not come; one came through the tunnel.
    arrivals[3].ends.1 = tunnel;
    arrivals.push(arrival(&secure, tunnel));
    let mut loads: Vec<_> = urls.into_iter().map(|url| Load { url, came: Some(true) }).collect();
    loads[3].came = Some(false);
    loads.push(Load { url: secure, came: None });
    let judged = records.judge(Kind::Chromium, SIMON, &loads, &arrivals);
    let fates: Vec<_> = judged.iter().map(|one| (one.what.as_str(), one.fate)).collect();
    let wanted = [
        ("http fetch", Fate::Nobody),
        ("http font", Fate::Lost),
        ("http font", Fate::Lost),
        ("http image", Fate::Right),
        ("http image", Fate::Wrong),
        ("https font", Fate::Right),
        // Once more, for whatever has not arrived.
        ("any", Fate::Wrong),
    ];
    assert_eq!(fates, wanted);
}
