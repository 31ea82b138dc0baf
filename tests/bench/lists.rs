//! What a list of millions of names costs, and an archive of categories with a million of them: `cargo bench --bench lists`,
//! with `-- 1000000` for so many names in the list.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use url::Host;
use vestibule::lists::{Allowance, Content, Lists, cache};

/// Hosts that are asked for of each kind, far apart, so that what one leaves in the processor's cache helps no other.
const ASKED: u32 = 1_000_000;

/// Hosts that are asked for between two looks at the clock.
const BATCH: usize = 500;

const BOUNDS: Allowance = Allowance { octets: 4 << 30, lines: 1_000_000_000 };

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` calls this program without the word; it is no test.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let count = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(5_000_000);
    let folder = tempfile::tempdir()?;
    let (list, kept) = (folder.path().join("list.txt"), folder.path().join("list.cache"));
    let mut file = BufWriter::new(File::create(&list)?);
    for number in 0..count {
        writeln!(file, "{}", name(number))?;
    }
    file.flush()?;
    drop(file);
    println!("{count} names, {:.1} octets each", File::open(&list)?.metadata()?.len() as f64 / f64::from(count) - 1.0);

    let begun = Instant::now();
    let content = Content::read(File::open(&list)?, BOUNDS)?;
    println!("read from the list            {:>8.0} ms", begun.elapsed().as_secs_f64() * 1000.0);
    let part = content.sets.values().next().context("a list")?;
    ensure!(part.set.len() == u64::from(count));
    println!("memory                        {:>8.1} octets a name", part.set.memory() as f64 / f64::from(count));
    cache::write(&content, &[1; 32], File::create(&kept)?)?;
    drop(content);

    let begun = Instant::now();
    let file = File::open(&kept)?;
    let length = file.metadata()?.len();
    let content = cache::read(&[1; 32], file, length)?.context("it was kept for this")?;
    println!("read from what is kept        {:>8.0} ms", begun.elapsed().as_secs_f64() * 1000.0);

    let lists: Lists = content.sets.into_values().map(|part| ("list".to_owned(), part.set)).collect();
    let other = |number: u32| format!("www.x{:x}.example", number.wrapping_mul(2_654_435_761));
    let deep = |number: u32| format!("a.b.c.d{number}.cdn.y{:x}.test", number.wrapping_mul(2_654_435_761));
    ask(&lists, "is listed", count, name)?;
    ask(&lists, "is below one that is listed", count, |number| format!("www.{}", name(number)))?;
    ask(&lists, "is not listed", count, other)?;
    ask(&lists, "is not listed, seven labels", count, deep)?;
    archive()
}

/// Reads a million names in four categories, packed as they are published.
fn archive() -> Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for category in 0..4 {
        let names: String = (0..250_000).map(|number| name(number * 4 + category) + "\n").collect();
        let mut header = tar::Header::new_gnu();
        header.set_size(names.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("blacklists/category{category}/domains"), names.as_bytes())?;
    }
    let packed = archive.into_inner()?.finish()?;
    let begun = Instant::now();
    let content = Content::read(&packed[..], BOUNDS)?;
    let read = begun.elapsed().as_secs_f64() * 1000.0;
    ensure!(content.sets.len() == 4 && content.sets.values().all(|part| part.set.len() == 250_000));
    println!("an archive of a million names {read:>8.0} ms ({} KiB packed)", packed.len() / 1024);
    Ok(())
}

/// A name that no other number has: words of several lengths, some deep.
fn name(number: u32) -> String {
    let word = number.wrapping_mul(2_654_435_761);
    match number % 4 {
        0 => format!("a{word:x}.example"),
        1 => format!("www-{word:x}.co.test"),
        2 => format!("{number}.deep.{:x}.example", word % 1000),
        _ => format!("a-rather-long-name-{word:x}.test"),
    }
}

/// How long it takes to answer for a host, in the middle of all batches; one in ten is quicker, and one in ten slower, than
/// what stands beside it.
fn ask(lists: &Lists, what: &str, count: u32, host: impl Fn(u32) -> String) -> Result<()> {
    let list = lists.id("list").context("the list")?;
    let hosts: Vec<Host<String>> =
        (0..ASKED).map(|number| Host::Domain(host(number.wrapping_mul(7919) % count))).collect();
    let mut held = 0_usize;
    let mut times: Vec<f64> = Vec::new();
    for batch in hosts.chunks(BATCH) {
        let begun = Instant::now();
        held += batch.iter().filter(|host| lists.contains(list, host, None)).count();
        times.push(begun.elapsed().as_secs_f64() * 1e9 / batch.len() as f64);
    }
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times.get(times.len() * part / 10).copied().unwrap_or_default();
    println!("{what:<30}{:>8.0} ns ({:.0} to {:.0}), {held} of {}", at(5), at(1), at(9), hosts.len());
    Ok(())
}
