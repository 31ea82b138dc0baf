//! What a directory of 200,000 people, 20,000 groups and a million memberships costs: `cargo bench --bench directory`, with
//! `-- 20000` for so many people and everything else in proportion.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use vestibule::directory::{Directory, Domains, Error, Feed, GroupRow, Number, Owners, PersonRow, Resolved};
use vestibule::identity::LogonName;

/// Names that are looked up of each kind.
const ASKED: u32 = 200_000;

/// Direct memberships of one person.
const MEMBERSHIPS: u32 = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` calls this program without the word; it is no test.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let people = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(200_000);
    let groups = people / 10;
    println!("{people} people, {groups} groups, {} memberships", people * MEMBERSHIPS);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("directory.redb");
    let before = resident()?;
    let directory = Directory::open("bench", &path, Owners::default())?;
    let begun = Instant::now();
    directory.write(move |edit| fill(edit, people, groups)).await?;
    println!("written in one write          {:>8.1} s", begun.elapsed().as_secs_f64());
    drop(directory);

    let begun = Instant::now();
    let directory = Arc::new(Directory::open("bench", &path, Owners::default())?);
    println!("opened                        {:>8.1} s", begun.elapsed().as_secs_f64());
    let snapshot = directory.snapshot();
    ensure!(snapshot.people_count() == usize::try_from(people)?);
    println!("file                          {:>8.1} MB", std::fs::metadata(&path)?.len() as f64 / 1e6);
    println!("memory, the file's pages too  {:>8.1} MB", resident()?.saturating_sub(before) as f64 / 1e6);

    let mut number = 0_u32;
    let mut next = move || {
        number = number.wrapping_mul(2_654_435_761).wrapping_add(12_345);
        number % people
    };
    let name = |text: String| LogonName::parse(&text).context("a name");
    let ids: Vec<String> = (0..ASKED).map(|_| id(next())).collect();
    look_up("by object ID", &ids, |id| snapshot.person_of_id(id).is_some())?;
    let domains = Domains::default();
    let resolve = |name: &LogonName| matches!(snapshot.resolve(name, &domains), Resolved::One(_));
    let upns: Vec<_> = (0..ASKED).map(|_| name(upn(next()))).collect::<Result<_>>()?;
    look_up("by UPN", &upns, resolve)?;
    let mails: Vec<_> = (0..ASKED).map(|_| name(mail(next()))).collect::<Result<_>>()?;
    look_up("by mail address", &mails, resolve)?;
    let accounts: Vec<_> = (0..ASKED).map(|_| name(format!("CORP\\u{}", next()))).collect::<Result<_>>()?;
    look_up("by DOMAIN\\account", &accounts, resolve)?;
    let strangers: Vec<_> = (0..ASKED).map(|n| name(format!("x{n}@contoso.com"))).collect::<Result<_>>()?;
    look_up("of strangers", &strangers, |name| !resolve(name))?;
    let members: Vec<_> = ids.iter().filter_map(|id| snapshot.person_of_id(id)).collect();
    look_up("all groups of a person", &members, |person| !snapshot.groups_of(person).is_empty())?;

    beside_readers(&directory, people).await
}

/// How long readers wait at most while people are written one after another, and how many writes there are.
async fn beside_readers(directory: &Arc<Directory>, people: u32) -> Result<()> {
    let (stop, longest) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let reader = {
        let (directory, stop, longest) = (Arc::clone(directory), Arc::clone(&stop), Arc::clone(&longest));
        std::thread::spawn(move || {
            let mut number = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let id = id(number % people);
                let begun = Instant::now();
                std::hint::black_box(directory.snapshot().person_of_id(&id).is_some());
                let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
                longest.fetch_max(took, Ordering::Relaxed);
            }
        })
    };
    let (begun, mut writes) = (Instant::now(), 0_u32);
    while begun.elapsed() < Duration::from_secs(5) {
        let row = PersonRow { enabled: Some(writes % 2 == 0), ..person(writes % people) };
        directory.write(move |edit| edit.put_person(Feed::Graph, &row)).await?;
        writes += 1;
    }
    stop.store(true, Ordering::Relaxed);
    drop(reader.join());
    println!("writes one after another      {:>8.1} a second, each on the disk", f64::from(writes) / 5.0);
    println!(
        "longest look-up meanwhile     {:>8.1} us (of {} processors)",
        longest.load(Ordering::Relaxed) as f64 / 1e3,
        std::thread::available_parallelism()?
    );
    Ok(())
}

fn look_up<T>(what: &str, asked: &[T], found: impl Fn(&T) -> bool) -> Result<()> {
    let begun = Instant::now();
    let count = asked.iter().filter(|asked| found(asked)).count();
    let each = begun.elapsed().as_secs_f64() / asked.len() as f64;
    ensure!(count == asked.len(), "{what}: {count} of {}", asked.len());
    println!("{what:<30}{:>8.3} us", each * 1e6);
    Ok(())
}

fn fill(edit: &mut vestibule::directory::Edit<'_>, people: u32, groups: u32) -> Result<(), Error> {
    let numbers = (0..groups)
        .map(|number| {
            let id = format!("11111111-0000-4000-8000-{number:012}");
            let row = GroupRow {
                object_id: Some(id.clone()),
                id,
                display_name: Some(format!("Group number {number}")),
                netbios: Some("CORP".to_owned()),
                domain: Some("corp.contoso.com".to_owned()),
                ..GroupRow::default()
            };
            edit.put_group(Feed::Graph, &row)
        })
        .collect::<Result<Vec<Number>, Error>>()?;
    // Each group is in the next one of its hundred.
    for (pair, at) in numbers.windows(2).zip(0_u32..) {
        if let ([inner, outer], true) = (pair, at % 100 != 99) {
            edit.add_members(Feed::Graph, *outer, &[*inner])?;
        }
    }
    for number in 0..people {
        let member = edit.put_person(Feed::Graph, &person(number))?;
        for step in 0..MEMBERSHIPS {
            let group = number.wrapping_mul(31).wrapping_add(step * 7919) % groups;
            let Some(group) = numbers.get(usize::try_from(group).unwrap_or(0)) else { continue };
            edit.add_members(Feed::Graph, *group, &[member])?;
        }
    }
    Ok(())
}

fn person(number: u32) -> PersonRow {
    PersonRow {
        id: id(number),
        object_id: Some(id(number)),
        user_principal_name: Some(upn(number)),
        mail: Some(mail(number)),
        aliases: vec![mail(number), format!("alias{number}@contoso.com")],
        display_name: Some(format!("Somebody Number {number}")),
        sam_account_name: Some(format!("u{number}")),
        domain: Some("corp.contoso.com".to_owned()),
        on_premises_upn: Some(format!("u{number}@corp.contoso.com")),
        enabled: Some(true),
        ..PersonRow::default()
    }
}

fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn upn(number: u32) -> String {
    format!("somebody.number{number}@contoso.com")
}

fn mail(number: u32) -> String {
    format!("number{number}@mail.contoso.com")
}

/// Memory of this process, in bytes.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string(Path::new("/proc/self/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
