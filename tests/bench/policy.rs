//! What a decision costs, by the number of rules, beside a list of millions of names that is blocked as a whole; and how fast
//! a log is replayed: `cargo bench --bench policy`, with `-- 1000000` for so many names in the list.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::alloc::System;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use vestibule::app::Draft;
use vestibule::app::replay::Replay;
use vestibule::clock::{Clock, SignedDuration, Timestamp};
use vestibule::identity::{Groups, Networks, Realm, Surrogate, User};
use vestibule::lists::{Allowance, Content, Lists};
use vestibule::policy::{Access, Passes, Policy, Question, Store, Subject, Verdict, Way};
use vestibule::wire::{Destination, RequestKind, Scheme};

/// How long each row is measured.
const WINDOW: Duration = Duration::from_secs(1);

/// Hosts that are asked for in each row, far apart, so that what one leaves in the processor's cache helps no other.
const HOSTS: usize = 4096;

const BOUNDS: Allowance = Allowance { octets: 4 << 30, lines: 1_000_000_000 };

/// Groups that the person is in: more than most people are.
const GROUPS: usize = 100;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<()> {
    // `cargo test --benches` calls this program without the word; it is no test.
    let arguments: Vec<String> = std::env::args().collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let names = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(5_000_000);
    let lists = list(names)?;
    println!("{names} names in a list");
    println!("{:>7}  {:<34}  {:>9}  {:>11}  {:>12}", "rules", "asked for", "ns", "allocations", "compiling ms");
    for count in [10, 1_000, 10_000] {
        measure(count, names, &lists)?;
    }
    replay()
}

/// How long this thread has been on a processor, whatever else the machine does (`/proc`, Documentation/scheduler/sched-stats).
fn on_processor() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(text.split(' ').next().context("a time")?.parse()?))
}

/// Records of a log that is replayed.
const RECORDS: usize = 1_000_000;

/// Replays a log by two policies that differ in one of 1,000 rules.
fn replay() -> Result<()> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let draft = |more: &str| -> Result<Draft> {
        let policy: String = rules(1_000).replace("[[rule]]", "[[policy.rule]]");
        let (_, rules) = policy.split_once("[[policy.rule]]").context("a rule")?;
        let network = "[[network]]\nname = 'branch'\naddresses = ['10.9.0.0/16']\n[policy]\ndefault = 'block'\n";
        let text = format!("{MINIMAL}{network}[[policy.rule]]{rules}{more}");
        let config =
            vestibule::config::parse(&text, "a.toml", &folder, &|_| None).map_err(|problems| anyhow!("{problems}"))?;
        Ok(Draft::new(&config, &Clock::system()))
    };
    let before = draft("")?;
    let after = draft("[[policy.rule]]\nname = 'new'\ndestinations = ['site-7-1.test']\neffect = 'block'\n")?;
    let mut log = String::new();
    for number in 0..RECORDS {
        let (site, of, user) = (number % 1_000, number % 10, number % 5_000);
        // As a node writes it.
        writeln!(
            log,
            "{{\"time\":\"2026-11-27T10:{:02}:{:02}.123Z\",\"request_id\":\"7k2m-{number:08}\",\"client\":\"10.1.{}.{}:51234\",\
             \"network\":\"elsewhere\",\"listener\":\"proxy\",\"user\":\"person{user}@contoso.com\",\"realm\":\"contoso\",\
             \"session\":\"9f3a61c2\",\"surrogate\":\"origin-cookie\",\"strength\":\"medium\",\"method\":\"GET\",\"scheme\":\"http\",\
             \"host\":\"www.site-{site}-{of}.test\",\"port\":80,\"path\":\"/articles/{number}/index.html\",\"status\":200,\
             \"decision\":\"permitted\",\"rule\":\"default\",\"reason\":null,\"origin\":\"198.51.100.7:80\",\
             \"egress\":\"192.0.2.1:40000\",\"bytes_in\":0,\"bytes_out\":51234,\"duration_ms\":41,\"node\":\"a\"}}",
            number / 60 % 60,
            number % 60,
            user / 250,
            user % 250,
        )
        .ok();
    }
    let begun = on_processor()?;
    let mut replay = Replay::new(&before, &after);
    replay.read("a.log", log.as_bytes(), || {})?;
    let seconds = (on_processor()? - begun).as_secs_f64();
    ensure!(
        replay.requests == RECORDS as u64 && replay.broken.count == 0,
        "{} of {RECORDS}, {:?}",
        replay.requests,
        replay.broken.named
    );
    let rate = replay.requests as f64 / seconds;
    println!(
        "replay: {rate:.0} records a second of a core ({} bytes each), {} would change",
        log.len() / RECORDS,
        replay.changed
    );
    Ok(())
}

const MINIMAL: &str = include_str!("../../config/minimal.toml");

/// A list of so many names.
fn list(names: u32) -> Result<Lists> {
    let text: String = (0..names).map(|number| listed(number) + "\n").collect();
    let content = Content::read(text.as_bytes(), BOUNDS)?;
    Ok(content.sets.into_values().map(|part| ("big".to_owned(), part.set)).collect())
}

fn listed(number: u32) -> String {
    format!("x{:x}.listed.test", number.wrapping_mul(2_654_435_761))
}

/// So many rules: each about ten sites of its own, for one group; each tenth for a network, and for all sites.
fn rules(count: usize) -> String {
    let mut text = String::from("default = 'block'\nblocked_lists = ['big']\n");
    for number in 0..count {
        // Writing into a string does not fail.
        write!(text, "[[rule]]\nname = 'rule {number}'\neffect = 'allow'\ngroups = ['group-{number}']\n").ok();
        if number % 10 == 0 {
            text.push_str("networks = ['branch']\n");
        } else {
            let sites: Vec<String> = (0..10).map(|site| format!("'site-{number}-{site}.test'")).collect();
            writeln!(text, "destinations = [{}]", sites.join(", ")).ok();
        }
    }
    text
}

/// As many standing rules, each about ten sites of its own.
fn standing(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        let sites: Vec<String> = (0..10).map(|site| format!("'site-{number}-{site}.test'")).collect();
        let terms = "limit = { connections = 5 }";
        // Writing into a string does not fail.
        write!(text, "[[standing]]\nname = 'standing {number}'\ndestinations = [{}]\n{terms}\n", sites.join(", ")).ok();
    }
    text
}

/// The host that is asked for, by its number.
type HostOf<'a> = &'a dyn Fn(usize) -> String;

fn measure(count: usize, names: u32, lists: &Lists) -> Result<()> {
    let realm = Realm { name: "contoso".into(), domains: vec!["contoso.com".into()], ..Realm::default() };
    let config = toml::from_str(&rules(count))?;
    let begun = Instant::now();
    let policy = Policy::new(&config, std::slice::from_ref(&realm), []).knowing(lists);
    let compiling = begun.elapsed();
    let config = toml::from_str(&(rules(count) + &standing(count)))?;
    let under_standing = Policy::new(&config, &[realm], []).knowing(lists);
    let last = count - 1;
    let user = User {
        realm: "contoso".into(),
        id: "0f3c".into(),
        name: "b.simon@contoso.com".into(),
        display_name: None,
        sam_account_name: None,
        upn: None,
        email: None,
        groups: Groups::Known((0..GROUPS).map(|number| format!("group-{}", last - number.min(last))).collect()),
        risk: vestibule::identity::Risk::Unknown,
    };
    let networks = Networks::new(&[]);
    let client = "192.0.2.7".parse()?;
    let last_site = |number: usize| format!("www{number}.site-{last}-9.test");
    let no_site = |number: usize| format!("www{number}.elsewhere.example");
    let in_list = |number: usize| listed(u32::try_from(number).unwrap_or_default().wrapping_mul(7919) % names);
    let hosts: [(&str, HostOf<'_>, bool, &Policy); 4] = [
        ("the site of the last rule", &last_site, true, &policy),
        ("the same, as many standing rules", &last_site, true, &under_standing),
        ("a site that no rule names", &no_site, false, &policy),
        ("a site in the blocked list", &in_list, false, &policy),
    ];
    for (what, host, is_permitted, policy) in hosts {
        let all: Result<Vec<_>> = (0..HOSTS)
            .map(|number| Ok(Arc::new(Destination::of_authority(Scheme::Https, &host(number)).context("a host")?)))
            .collect();
        let all = all?;
        let question = |destination| Question {
            subject: Subject::Somebody {
                user: &user,
                surrogate: Surrogate::ClientAddress,
                proven: SignedDuration::ZERO,
                passes: Passes::NONE,
                way: Way::Unsaid,
            },
            network: networks.of(client),
            listener: "proxy",
            client,
            destination,
            access: Access::Connect(RequestKind::SubResource),
            method: None,
            target: None,
            at: Timestamp::UNIX_EPOCH,
            store: Store::Known,
        };
        for destination in &all {
            let found = matches!(policy.decide(&question(destination)), Verdict::Permit(_));
            ensure!(found == is_permitted, "{destination} is decided otherwise than it must be");
        }
        let region = Region::new(ALLOCATOR);
        all.iter().for_each(|destination| drop(black_box(policy.decide(black_box(&question(destination))))));
        // Of one decision.
        let allocations = region.change().allocations as f64 / all.len() as f64;
        let (begun, mut rounds) = (on_processor()?, 0_u32);
        while on_processor()? - begun < WINDOW {
            all.iter().for_each(|destination| drop(black_box(policy.decide(black_box(&question(destination))))));
            rounds += u32::try_from(all.len())?;
        }
        let each = (on_processor()? - begun).as_nanos() / u128::from(rounds.max(1));
        println!("{count:>7}  {what:<34}  {each:>9}  {allocations:>11.2}  {:>12}", compiling.as_millis());
    }
    Ok(())
}
