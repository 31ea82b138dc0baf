//! How fast sessions are found and kept: `cargo bench --bench sessions`, with `-- 1000000` for so many sessions, and
//! `memory`, `embedded` or `redis` for one store alone.
//!
//! Redis is measured when `REDIS=redis://host:port` is in the environment; it is filled, so name one that may be. What the
//! processors of this process have done is given beside what the clock says: others may be at work on this machine.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use vestibule::clock::{Clock, SignedDuration, after};
use vestibule::identity::network::Spans;
use vestibule::identity::{Groups, User};
use vestibule::seal::fingerprint;
use vestibule::session::store::embedded::{self, Embedded};
use vestibule::session::store::memory::Memory;
use vestibule::session::store::redis::{self, Redis};
use vestibule::session::store::{Health, Row, Store};
use vestibule::session::{AssertionFacts, Config, SessionId, Sessions};

/// Sign-ins at the same time, as far as the store is concerned.
const AT_ONCE: usize = 64;

/// How long each measurement takes.
const WINDOW: Duration = Duration::from_secs(5);

/// Rows that fill a store between two waits.
const PORTION: usize = 5000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` calls this program without the word; it is no test.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let count = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let stores = ["memory", "embedded", "redis"];
    let named: Vec<&str> = stores.into_iter().filter(|store| arguments.iter().any(|word| word == store)).collect();
    let wanted = |store: &str| named.is_empty() || named.contains(&store);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        println!("{count} sessions; sign-ins {AT_ONCE} at a time");
        if wanted("memory") {
            measure("memory", Arc::new(Memory::new(1000, Clock::system())), count).await?;
        }
        if wanted("embedded") {
            measure_file(count).await?;
        }
        match std::env::var("REDIS") {
            Ok(server) if wanted("redis") => measure("redis", connect(&server).await?, count).await,
            _ => Ok(()),
        }
    })
}

/// The embedded store, and how long it takes to start again with all that it has.
async fn measure_file(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let crashed = tempfile::tempdir()?;
    {
        let store = open(folder.path())?;
        measure("embedded", Arc::clone(&store), count).await?;
        // What a crash leaves: the file as it is while the program runs.
        std::fs::copy(folder.path().join(embedded::FILE), crashed.path().join(embedded::FILE))?;
    }
    let bytes = std::fs::metadata(folder.path().join(embedded::FILE))?.len();
    println!("embedded: the file has {} bytes a session", bytes / count.max(1) as u64);
    for (name, folder) in [("a stop", &folder), ("a crash", &crashed)] {
        let (begun, busy) = (Instant::now(), processor()?);
        let sessions = sessions(open(folder.path())?, count);
        ensure!(sessions.recall(id(count / 2)).await.is_some(), "it is not found");
        println!(
            "embedded: start after {name} with {} sessions, and one of them found: {:?}, {:?} of a processor",
            sessions.count(),
            begun.elapsed(),
            processor()?.saturating_sub(busy)
        );
    }
    Ok(())
}

async fn connect(server: &str) -> Result<Arc<dyn Store>> {
    let config: redis::Config = toml::from_str(&format!("servers = [{server:?}]\nprefix = \"bench\""))?;
    let store = Redis::start(config, Clock::system());
    let begun = Instant::now();
    while store.health() != Health::Well {
        ensure!(begun.elapsed() < Duration::from_secs(10), "{server} is not there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(Arc::new(store))
}

fn open(folder: &Path) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(Embedded::open(folder, 1000, Clock::system())?))
}

fn sessions(store: Arc<dyn Store>, cache: usize) -> Arc<Sessions> {
    let config =
        Config { max: usize::MAX, cache, cache_memory: "64GiB".parse().unwrap_or_default(), ..Config::default() };
    Arc::new(Sessions::new(config, store, Clock::system()))
}

/// Fills a store, then signs in, recalls and finds.
async fn measure(name: &str, store: Arc<dyn Store>, count: usize) -> Result<()> {
    let before = resident()?;
    fill(name, &store, count).await?;
    let kept = resident()?;
    println!("{name}: {} bytes of memory a session that is kept", kept.saturating_sub(before) / count.max(1));
    let sessions = sessions(store, 2 * count);
    sign_in(name, &sessions, count).await?;
    let before = resident()?;
    let recalled = recall(name, &sessions, count).await?;
    let grown = resident()?.saturating_sub(before);
    println!("{name}: {} bytes of memory a session at hand", grown / recalled.max(1));
    find(name, &sessions, recalled)
}

/// Puts rows into a store, many at a time, as nobody's sign-in does.
async fn fill(name: &str, store: &Arc<dyn Store>, count: usize) -> Result<()> {
    // What a row holds is the sessions' own affair: one is made as they make it, and changed.
    let maker = Arc::new(Memory::new(10, Clock::system()));
    let facts = AssertionFacts { session_index: Some("_0123456789abcdef".into()), ..AssertionFacts::default() };
    sessions(Arc::clone(&maker) as Arc<dyn Store>, 10)
        .begin(user(0), client(0), AGENT, facts, Spans::default())
        .await?;
    let sample = maker.list(None, 1).await?.pop().context("nothing was kept")?;
    let text = String::from_utf8(sample.content)?;
    let expires = after(Clock::system().now(), SignedDuration::from_hours(24));
    let row = |number: usize| {
        let content = text.replace(&user(0).id, &user(number).id).replace("person.0@", &format!("person.{number}@"));
        let person = fingerprint(&format!("contoso\n{}", user(number).id));
        Row { id: *id(number).as_bytes(), person, name: Some(person), expires, content: content.into_bytes() }
    };
    let (begun, mut said) = (Instant::now(), Instant::now());
    for start in (0..count).step_by(PORTION) {
        let rows = (start..count.min(start + PORTION)).map(row);
        let mut tasks = tokio::task::JoinSet::new();
        let mut shares: Vec<Vec<Row>> = vec![Vec::new(); AT_ONCE];
        for (place, row) in rows.enumerate() {
            if let Some(share) = shares.get_mut(place % AT_ONCE) {
                share.push(row);
            }
        }
        for share in shares {
            let store = Arc::clone(store);
            tasks.spawn(async move {
                for row in share {
                    store.keep(row).await?;
                }
                Ok::<_, anyhow::Error>(())
            });
        }
        while let Some(kept) = tasks.join_next().await {
            kept??;
        }
        store.sync().await?;
        if said.elapsed() > Duration::from_secs(10) {
            said = Instant::now();
            println!("{name}: {} filled in after {:?}", start + PORTION, begun.elapsed());
            drop(std::io::stdout().flush());
        }
    }
    println!("{name}: {count} filled in after {:?}", begun.elapsed());
    Ok(())
}

/// Signs people in for a while, so many at a time.
async fn sign_in(name: &str, sessions: &Arc<Sessions>, first: usize) -> Result<()> {
    let (begun, busy) = (Instant::now(), processor()?);
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..AT_ONCE {
        let sessions = Arc::clone(sessions);
        tasks.spawn(async move {
            let mut spans = Vec::new();
            for number in (first + worker..).step_by(AT_ONCE) {
                let one = Instant::now();
                sessions
                    .begin(user(number), client(number), AGENT, AssertionFacts::default(), Spans::default())
                    .await?;
                spans.push(one.elapsed());
                if begun.elapsed() > WINDOW {
                    break;
                }
            }
            Ok::<_, anyhow::Error>(spans)
        });
    }
    let mut spans = Vec::new();
    while let Some(some) = tasks.join_next().await {
        spans.extend(some??);
    }
    say(name, "sign-ins", &mut spans, begun.elapsed(), processor()?.saturating_sub(busy));
    Ok(())
}

/// Fetches sessions from the store, so many at a time, as after a restart. Gives how many were.
async fn recall(name: &str, sessions: &Arc<Sessions>, count: usize) -> Result<usize> {
    let (begun, busy) = (Instant::now(), processor()?);
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..AT_ONCE {
        let sessions = Arc::clone(sessions);
        tasks.spawn(async move {
            let mut spans = Vec::new();
            for number in (worker..count).step_by(AT_ONCE) {
                let one = Instant::now();
                ensure!(sessions.recall(id(number)).await.is_some(), "it is not found");
                spans.push(one.elapsed());
            }
            Ok::<_, anyhow::Error>(spans)
        });
    }
    let mut spans = Vec::new();
    while let Some(some) = tasks.join_next().await {
        spans.extend(some??);
    }
    say(name, "sessions fetched from the store", &mut spans, begun.elapsed(), processor()?.saturating_sub(busy));
    Ok(spans.len())
}

/// Finds sessions that are at hand, on one core.
fn find(name: &str, sessions: &Sessions, count: usize) -> Result<()> {
    let ids: Vec<SessionId> = (0..count).map(id).collect();
    let (begun, busy) = (Instant::now(), processor()?);
    let (mut spans, mut found, mut place) = (Vec::new(), 0_u64, 0_usize);
    while begun.elapsed() < WINDOW {
        for _ in 0..1000 {
            // A stride that leads through all of them in no order that a cache likes.
            place = (place + 7_919_777) % ids.len();
            found += u64::from(ids.get(place).is_some_and(|id| sessions.find(*id).is_some()));
        }
        place = (place + 7_919_777) % ids.len();
        let one = Instant::now();
        found += u64::from(ids.get(place).is_some_and(|id| sessions.find(*id).is_some()));
        spans.push(one.elapsed());
    }
    let (took, busy) = (begun.elapsed(), processor()?.saturating_sub(busy));
    let (each, busy_each) = (took.as_nanos() / u128::from(found.max(1)), busy.as_nanos() / u128::from(found.max(1)));
    spans.sort_unstable();
    let at = |mille: usize| spans.get(spans.len() * mille / 1000).copied().unwrap_or_default();
    println!(
        "{name}: {:.0} look-ups/s on one core of {count} at hand, {each} ns each ({busy_each} ns of a processor); one by one, \
         with the clock's own time: median {:?}, 99% {:?}, 99.9% {:?}",
        found as f64 / took.as_secs_f64(),
        at(500),
        at(990),
        at(999)
    );
    Ok(())
}

fn say(name: &str, what: &str, spans: &mut [Duration], took: Duration, busy: Duration) {
    spans.sort_unstable();
    let at = |mille: usize| spans.get(spans.len() * mille / 1000).copied().unwrap_or_default();
    let count = u32::try_from(spans.len().max(1)).unwrap_or(u32::MAX);
    println!(
        "{name}: {:.0} {what}/s ({:?} of a processor each, this process alone); median {:?}, 99% {:?}, longest {:?}",
        f64::from(count) / took.as_secs_f64(),
        busy / count,
        at(500),
        at(990),
        spans.last().copied().unwrap_or_default()
    );
    drop(std::io::stdout().flush());
}

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36";

fn id(number: usize) -> SessionId {
    SessionId::of_secret(&format!("secret {number}"))
}

fn client(number: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(0)))
}

fn user(number: usize) -> User {
    User {
        realm: "contoso".into(),
        id: format!("{number:032x}"),
        name: format!("person.{number}@contoso.com"),
        display_name: Some(format!("Person {number}")),
        sam_account_name: Some(format!("person{number}")),
        upn: Some(format!("person.{number}@contoso.com")),
        email: Some(format!("person.{number}@contoso.com")),
        groups: Groups::Known((0..5).map(|group| format!("00000000-0000-0000-0000-{group:012}")).collect()),
        risk: vestibule::identity::Risk::Unknown,
    }
}

/// The memory of this process, in bytes.
fn resident() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}

/// How long processors have worked for this process: ticks of 10 ms.
fn processor() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(')').context("no name")?;
    let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}
