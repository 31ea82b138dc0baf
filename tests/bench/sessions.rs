//! How fast sessions are found and kept: `cargo bench --bench sessions`, with `-- 1000000` for so many sessions.
//!
//! Redis is measured when `REDIS=redis://host:port` is in the environment; it is filled, so name one that may be.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use vestibule::clock::Clock;
use vestibule::identity::network::Spans;
use vestibule::identity::{Groups, User};
use vestibule::session::store::Store;
use vestibule::session::store::embedded::Embedded;
use vestibule::session::store::memory::Memory;
use vestibule::session::store::redis::{self, Redis};
use vestibule::session::{AssertionFacts, Config, SessionId, Sessions};

/// Sign-ins at the same time, as far as the store is concerned.
const AT_ONCE: usize = 64;

/// How long each measurement of lookups takes.
const WINDOW: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` calls this program without the word; it is no test.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let count = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(count))
}

async fn measure(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    println!("{count} sessions; sign-ins {AT_ONCE} at a time");
    let memory: Arc<dyn Store> = Arc::new(Memory::new(1000, Clock::system()));
    fill("memory", memory, count, count).await?;
    fill("embedded", open(folder.path())?, count, count).await?;
    let begun = Instant::now();
    let store = open(folder.path())?;
    let sessions = sessions(store, count);
    let known = sessions.list(None, 1).await?.first().context("nothing was kept")?.id;
    println!("embedded: open again with {} sessions and find the first: {:?}", sessions.len(), begun.elapsed());
    anyhow::ensure!(sessions.recall(known).await.is_some(), "it is not found");
    if let Ok(server) = std::env::var("REDIS") {
        let config: redis::Config = toml::from_str(&format!("servers = [{server:?}]\nprefix = \"bench\""))?;
        let store: Arc<dyn Store> = Arc::new(Redis::start(config, Clock::system()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        fill("redis", store, count.min(100_000), count).await?;
    }
    Ok(())
}

fn open(folder: &Path) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(Embedded::open(folder, 1000, Clock::system())?))
}

fn sessions(store: Arc<dyn Store>, cache: usize) -> Arc<Sessions> {
    let config =
        Config { max: usize::MAX, cache, cache_memory: "64GiB".parse().unwrap_or_default(), ..Config::default() };
    Arc::new(Sessions::new(config, store, Clock::system()))
}

/// Signs so many people in, and finds them again.
async fn fill(name: &str, store: Arc<dyn Store>, count: usize, cache: usize) -> Result<()> {
    let before = resident()?;
    let sessions = sessions(store, cache);
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..AT_ONCE {
        let sessions = Arc::clone(&sessions);
        tasks.spawn(async move {
            let mut ids = Vec::new();
            for number in (worker..count).step_by(AT_ONCE) {
                let client = IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(0)));
                let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36";
                let begun = sessions.begin(user(number), client, agent, AssertionFacts::default(), Spans::default());
                ids.push(begun.await?.session.id);
            }
            Ok::<_, anyhow::Error>(ids)
        });
    }
    let mut ids: Vec<SessionId> = Vec::with_capacity(count);
    while let Some(some) = tasks.join_next().await {
        ids.extend(some??);
    }
    let took = begun.elapsed();
    println!("{name}: {:.0} sign-ins/s", count as f64 / took.as_secs_f64());
    let grown = resident()?.saturating_sub(before);
    println!("{name}: {} bytes of memory a session, the store's part included", grown / count.max(1));
    let begun = Instant::now();
    let (mut found, mut place) = (0_u64, 0_usize);
    while begun.elapsed() < WINDOW {
        for _ in 0..1000 {
            // A stride that leads through all of them in no order that a cache likes.
            place = (place + 7_919_777) % ids.len();
            found += u64::from(ids.get(place).and_then(|id| sessions.find(*id)).is_some());
        }
    }
    let each = begun.elapsed().as_nanos() / u128::from(found.max(1));
    println!("{name}: {:.0} lookups/s on one core, {each} ns each", found as f64 / begun.elapsed().as_secs_f64());
    Ok(())
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
    }
}

/// The memory of this process, in bytes.
fn resident() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}
