//! Coverage: whose name each request bears when two people behind one address browse at the same time, one with Chromium
//! and one with Firefox, on pages that load all that pages can load from one another's sites.

mod mode;
mod people;
mod shares;
mod sites;

use std::time::{Duration, Instant};

use crate::chromium::Stage;
use mode::Mode;
use people::{ALEX, Kind, Person, SIMON, walk};
use shares::{Fate, Records, Shares};
use sites::Sites;

/// How long records may take after the last browser has gone: tunnels are recorded when they end.
const PATIENCE: Duration = Duration::from_secs(60);

const PEOPLE: [(Kind, Person); 2] = [(Kind::Chromium, SIMON), (Kind::Firefox, ALEX)];
const SWAPPED: [(Kind, Person); 2] = [(Kind::Chromium, ALEX), (Kind::Firefox, SIMON)];

/// Lets two people browse until nothing is lost, but no more often than this: now and then a browser on a machine that does
/// much else gives up by itself what it was to load. What the proxy loses, it loses each time.
const TURNS: usize = 3;

/// Lets two people browse, and holds what became of their requests to this: what it gives must be empty, at the latest in
/// the last turn. A request under somebody else's name ends it at once.
#[expect(clippy::print_stdout, reason = "what is lost once is worth a word")]
fn hold(mode: Mode, unidentified: &str, people: [(Kind, Person); 2], fails: impl Fn(&Shares) -> Vec<String>) -> Shares {
    let mut turn = 1;
    loop {
        let shares = browse(mode, unidentified, people);
        assert_eq!(shares.all(Fate::Wrong), Vec::<String>::new());
        let failed = fails(&shares);
        if failed.is_empty() {
            return shares;
        }
        println!("turn {turn} of {TURNS}: {failed:#?}");
        assert!(turn < TURNS, "{mode:?}, in each of {TURNS} turns; in the last one: {failed:#?}");
        turn += 1;
    }
}

/// Lets two people browse, and says what became of each request from the first page after sign-in on.
#[expect(clippy::print_stdout, reason = "the table is for whoever runs the test")]
fn browse(mode: Mode, unidentified: &str, people: [(Kind, Person); 2]) -> Shares {
    let begun = Instant::now();
    let mut sites = None;
    let stage = Stage::open_and(|folder| {
        let sites = sites.insert(Sites::start(folder));
        format!("{}{}", sites.hosts, mode.lines(unidentified, folder))
    });
    let (stage, sites) = (&stage, &sites.unwrap());
    let walks: Vec<_> = std::thread::scope(|scope| {
        let walks = people.map(|(kind, person)| scope.spawn(move || walk(stage, sites, mode, kind, person)));
        walks.into_iter().map(|walk| walk.join().unwrap()).collect()
    });
    let arrivals = sites.arrivals();
    let records = records(stage, |records| arrivals.iter().all(|arrival| records.of(arrival).is_some()));
    let judge = |((kind, person), loads): (_, Vec<_>)| records.judge(kind, person, &loads, &arrivals);
    let shares = Shares(people.into_iter().zip(walks).flat_map(judge).collect());
    println!("\n{mode:?}, unidentified = {unidentified:?}, {:.0?}\n{}", begun.elapsed(), shares.table());
    shares
}

/// The access records, once this holds, or it is late.
fn records(stage: &Stage, holds: impl Fn(&Records) -> bool) -> Records {
    let begun = Instant::now();
    loop {
        let records = Records(stage.records());
        if holds(&records) || begun.elapsed() > PATIENCE {
            return records;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn with_names_every_request_bears_its_persons_name_and_none_is_lost() {
    let shares = hold(Mode::Named, "allow", PEOPLE, |shares| shares.all(Fate::Lost));
    assert!(shares.right() >= 0.99, "{:#?}", shares.all(Fate::Nobody));
}

#[test]
fn with_names_nothing_is_lost_where_the_unidentified_are_refused() {
    hold(Mode::Named, "refuse", SWAPPED, |shares| shares.all(Fate::Lost));
}

#[test]
fn on_a_plain_listener_no_request_bears_another_persons_name_and_none_is_lost_that_may_pass() {
    let shares = hold(Mode::Plain, "allow", PEOPLE, lost_or_nameless);
    assert!(shares.right() >= 0.15, "{:#?}", shares.all(Fate::Nobody));
}

#[test]
fn on_a_secure_listener_no_request_bears_another_persons_name_and_none_is_lost_that_may_pass() {
    let shares = hold(Mode::Secure, "allow", PEOPLE, lost_or_nameless);
    assert!(shares.right() >= 0.25, "{:#?}", shares.all(Fate::Nobody));
}

/// What is lost that may pass, and pages that a person went to and that did not come under their name.
fn lost_or_nameless(shares: &Shares) -> Vec<String> {
    [shares.lost_though_allowed(), shares.pages_without_a_name()].concat()
}

/// Where the unidentified are refused, whatever bears a name arrives, and nothing else does.
fn refuse(mode: Mode) {
    let shares = hold(mode, "refuse", SWAPPED, Shares::pages_without_a_name);
    assert_eq!(shares.nobodys_though_refused(), Vec::<String>::new());
}

#[test]
fn on_a_plain_listener_nothing_arrives_without_a_name_where_the_unidentified_are_refused() {
    refuse(Mode::Plain);
}

#[test]
fn on_a_secure_listener_nothing_arrives_without_a_name_where_the_unidentified_are_refused() {
    refuse(Mode::Secure);
}
