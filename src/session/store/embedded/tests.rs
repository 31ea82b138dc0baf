use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::backends::FileBackend;
use redb::{Database, StorageBackend};

use super::*;
use crate::clock::{SignedDuration, after};
use crate::seal::random;
use crate::session::store::attested::Attested;
use crate::session::store::contract;

fn clock() -> Clock {
    Clock::by_hand(Timestamp::from_second(1_000_000).unwrap())
}

fn row(clock: &Clock) -> Row {
    let expires = after(clock.now(), SignedDuration::from_hours(1));
    Row { id: random(), person: random(), name: None, expires, content: vec![7] }
}

#[tokio::test]
async fn the_contract_holds() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = Arc::new(Embedded::open(folder.path(), 1000, clock.clone()).unwrap());
    let wait = |span| clock.advance(span);
    contract::hold(contract::Bench { store, clock: clock.clone(), wait: &wait }).await;
}

#[tokio::test]
async fn what_was_synced_is_there_after_a_restart() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let (kept, ended, hour) = (row(&clock), row(&clock), after(clock.now(), SignedDuration::from_hours(1)));
    {
        let store = Embedded::open(folder.path(), 1000, clock.clone()).unwrap();
        store.keep(kept.clone()).await.unwrap();
        store.keep(ended.clone()).await.unwrap();
        store.claim(Kind::Assertion, [1; 16], hour).await.unwrap();
        store.put(Kind::Pending, [2; 16], vec![1, 2], hour).await.unwrap();
        store.put(Kind::Ticket, [3; 16], vec![3], hour).await.unwrap();
        store.take(Kind::Ticket, [3; 16]).await.unwrap();
        store.end(ended.clone()).await.unwrap();
        store.sync().await.unwrap();
    }
    let store = Embedded::open(folder.path(), 1000, clock.clone()).unwrap();
    assert_eq!(store.find(kept.id).await, Ok(Some(kept.clone())));
    assert_eq!(store.of_person(kept.person).await, Ok(vec![kept.clone()]));
    assert_eq!(store.find(ended.id).await, Ok(None));
    assert_eq!(store.keep(ended).await, Ok(false), "an end is remembered");
    assert_eq!(store.claim(Kind::Assertion, [1; 16], hour).await, Ok(false), "used before");
    assert_eq!(store.take(Kind::Pending, [2; 16]).await, Ok(Some(vec![1, 2])));
    assert_eq!(store.take(Kind::Ticket, [3; 16]).await, Ok(None), "taken before");
    assert_eq!(store.sessions(), 1);
    clock.advance(SignedDuration::from_hours(2));
    store.sweep();
    store.sync().await.unwrap();
    assert_eq!(store.sessions(), 0, "what has expired goes from the file, too");
    let database = store.desk.database().unwrap();
    assert_eq!((file::records(&database).unwrap().len(), file::list(&database, None, 9).unwrap().len()), (0, 0));
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let said = || Embedded::open(folder.path(), 10, clock()).unwrap_err().to_string();
    let store = Embedded::open(folder.path(), 10, clock()).unwrap();
    assert!(said().ends_with("is in use: does the program run already?"), "{}", said());
    drop(store);
    {
        let database = Database::create(&path).unwrap();
        let write = database.begin_write().unwrap();
        let meta = redb::TableDefinition::<&str, u64>::new("meta");
        write.open_table(meta).unwrap().insert("format", file::FORMAT + 1).unwrap();
        write.commit().unwrap();
    }
    assert!(said().contains("was written by a newer version of this program"), "{}", said());
    std::fs::write(&path, b"no file of ours, and long enough to look like one".repeat(200)).unwrap();
    assert!(said().contains("move it away"), "{}", said());
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::remove_file(&path).unwrap();
    drop(Embedded::open(folder.path(), 10, clock()).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn sessions_of_a_file_from_before_there_were_names_are_found_as_unnamed_until_they_are_named() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let open = || Embedded::open(folder.path(), 100, clock.clone()).unwrap();
    let (first, second, name) = (row(&clock), row(&clock), random());
    {
        let store = open();
        for row in [&first, &second] {
            store.keep(row.clone()).await.unwrap();
        }
        store.sync().await.unwrap();
    }
    {
        let database = redb::Database::open(folder.path().join(FILE)).unwrap();
        let write = database.begin_write().unwrap();
        let (names, named) =
            (redb::TableDefinition::<&[u8], ()>::new("names"), redb::TableDefinition::<&[u8], &[u8]>::new("named"));
        assert!(write.delete_table(names).unwrap() && write.delete_table(named).unwrap());
        let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
        write.open_table(meta).unwrap().insert("format", 2).unwrap();
        write.commit().unwrap();
    }
    // On a disk that takes nothing, too.
    let read_only = file::open_to_read(&folder.path().join(FILE)).unwrap();
    assert_eq!(file::unnamed(&read_only, None, 9).unwrap().len(), 2);
    assert_eq!(file::of_name(&read_only, name).unwrap(), vec![]);
    drop(read_only);
    let store = open();
    let mut wanted = vec![first.clone(), second.clone()];
    wanted.sort_by_key(|row| row.id);
    assert_eq!(store.unnamed(None, 9).await, Ok(wanted));
    store.renew(vec![Row { name: Some(name), ..first.clone() }]).await.unwrap();
    store.sync().await.unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.of_name(name).await, Ok(vec![first]), "the name outlives a restart");
    assert_eq!(store.unnamed(None, 9).await, Ok(vec![second]));
}

#[tokio::test]
async fn a_file_from_before_content_was_attested_is_taken_over_where_the_keys_say_so() {
    let hour = |clock: &Clock| after(clock.now(), SignedDuration::from_hours(1));
    for adopts in [true, false] {
        let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
        let (first, second) = (row(&clock), row(&clock));
        {
            let store = Embedded::open(folder.path(), 1000, clock.clone()).unwrap();
            store.keep(first.clone()).await.unwrap();
            store.keep(second.clone()).await.unwrap();
            store.put(Kind::Name, [1; 16], b"{}".to_vec(), hour(&clock)).await.unwrap();
            store.claim(Kind::Assertion, [2; 16], hour(&clock)).await.unwrap();
            store.sync().await.unwrap();
        }
        let older = || {
            let database = Database::create(folder.path().join(FILE)).unwrap();
            let write = database.begin_write().unwrap();
            let meta = redb::TableDefinition::<&str, u64>::new("meta");
            write.open_table(meta).unwrap().insert("format", 1).unwrap();
            write.commit().unwrap();
        };
        older();
        let attestor = || Attestor::new(&[1; 32], &[]);
        let open = |adopts: bool| {
            let adopt = adopts.then(attestor);
            let store = Embedded::open_adopting(folder.path(), 1000, clock.clone(), adopt).unwrap();
            Attested::new(Arc::new(store), Arc::new(attestor()), clock.clone())
        };
        let wanted = |row: &Row| Ok(adopts.then(|| row.clone()));
        for adopt in [adopts, false] {
            let store = open(adopt);
            assert_eq!(store.find(first.id).await, wanted(&first));
            assert_eq!(store.of_person(second.person).await.map(|mut rows| rows.pop()), wanted(&second));
            assert_eq!(store.peek(Kind::Name, [1; 16]).await, Ok(adopts.then(|| b"{}".to_vec())));
            assert_eq!(store.claim(Kind::Assertion, [2; 16], hour(&clock)).await, Ok(false), "used before");
        }
        // Who can write the file makes it look old again, with another person in the row.
        older();
        {
            let forged = Embedded::open(folder.path(), 1000, clock.clone()).unwrap();
            forged.keep(Row { content: b"{\"somebody\": \"else\"}".to_vec(), ..first.clone() }).await.unwrap();
            forged.sync().await.unwrap();
        }
        older();
        assert_eq!(open(false).find(first.id).await, Ok(None));
    }
}

/// A disk that fails when it is told to.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    fails: Arc<AtomicBool>,
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

fn on(path: std::path::PathBuf, fails: Arc<AtomicBool>) -> Opener {
    let same = path.clone();
    let whole = move || {
        if fails.load(Ordering::SeqCst) {
            return Err(OpenError::Disk("the file".into(), io::ErrorKind::StorageFull.into()));
        }
        let file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).unwrap();
        let backend = Disk { file: FileBackend::new(file).unwrap(), fails: Arc::clone(&fails) };
        let opened = Database::builder().create_with_backend(backend);
        let database = opened.map_err(|error| OpenError::Damaged("the file".into(), error.to_string()))?;
        file::settle(&database, "the file", None)?;
        Ok(database)
    };
    Opener { whole: Box::new(whole), to_read: Box::new(move || file::open_to_read(&same)) }
}

#[tokio::test]
async fn a_full_disk_is_survived_in_memory_and_written_to_when_it_has_room_again() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let (path, fails) = (folder.path().join(FILE), Arc::new(AtomicBool::new(false)));
    let (before, during) = (row(&clock), row(&clock));
    let hour = after(clock.now(), SignedDuration::from_hours(1));
    {
        let store = Embedded::open_with(on(path.clone(), Arc::clone(&fails)), 1000, clock.clone()).unwrap();
        store.keep(before.clone()).await.unwrap();
        store.sync().await.unwrap();
        assert_eq!(store.health(), Health::Well);
        fails.store(true, Ordering::SeqCst);
        store.keep(during.clone()).await.unwrap();
        store.claim(Kind::Assertion, [1; 16], hour).await.unwrap();
        store.sync().await.unwrap();
        assert_eq!(store.health(), Health::Forgetful);
        assert_eq!(store.find(during.id).await, Ok(Some(during.clone())));
        assert_eq!(store.find(before.id).await, Ok(Some(before.clone())));
        store.end(before.clone()).await.unwrap();
        store.sync().await.unwrap();
        assert_eq!(store.find(before.id).await, Ok(None));
        fails.store(false, Ordering::SeqCst);
    }
    // Ending, it tried once more.
    let store = Embedded::open_with(on(path, fails), 1000, clock.clone()).unwrap();
    assert_eq!(store.find(during.id).await, Ok(Some(during)));
    assert_eq!(store.find(before.id).await, Ok(None));
    assert_eq!(store.claim(Kind::Assertion, [1; 16], hour).await, Ok(false));
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_start_is_no_reason_not_to_start() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let fails = Arc::new(AtomicBool::new(true));
    let store = Embedded::open_with(on(folder.path().join(FILE), fails), 1000, clock.clone()).unwrap();
    let row = row(&clock);
    store.keep(row.clone()).await.unwrap();
    store.sync().await.unwrap();
    assert_eq!((store.health(), store.find(row.id).await), (Health::Forgetful, Ok(Some(row))));
}

#[tokio::test]
async fn a_disk_that_can_only_be_read_gives_out_what_it_has_and_takes_the_rest_when_it_can() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let (path, fails) = (folder.path().join(FILE), Arc::new(AtomicBool::new(false)));
    let (before, left, during) = (row(&clock), row(&clock), row(&clock));
    let hour = after(clock.now(), SignedDuration::from_hours(1));
    {
        let store = Embedded::open_with(on(path.clone(), Arc::clone(&fails)), 1000, clock.clone()).unwrap();
        store.keep(before.clone()).await.unwrap();
        store.keep(left.clone()).await.unwrap();
        store.claim(Kind::Assertion, [1; 16], hour).await.unwrap();
        store.sync().await.unwrap();
    }
    fails.store(true, Ordering::SeqCst);
    // A crash leaves what must be repaired before it is read: a copy is.
    let crashed = folder.path().join("crashed");
    {
        let database = Database::open(&path).unwrap();
        database.begin_write().unwrap().commit().unwrap();
        std::fs::copy(&path, &crashed).unwrap();
    }
    assert!(matches!(redb::ReadOnlyDatabase::open(&crashed), Err(redb::DatabaseError::RepairAborted)));
    let store = Embedded::open_with(on(crashed, Arc::clone(&fails)), 1000, clock.clone()).unwrap();
    assert_eq!(store.find(before.id).await, Ok(Some(before.clone())));
    drop(store);
    let store = Embedded::open_with(on(path.clone(), Arc::clone(&fails)), 1000, clock.clone()).unwrap();
    assert_eq!((store.health(), store.sessions()), (Health::Forgetful, 2));
    assert_eq!(store.find(before.id).await, Ok(Some(before.clone())));
    assert_eq!(store.of_person(before.person).await, Ok(vec![before.clone()]));
    assert_eq!(store.claim(Kind::Assertion, [1; 16], hour).await, Ok(false), "used before");
    assert_eq!(store.end(left.clone()).await, Ok(true));
    store.keep(during.clone()).await.unwrap();
    store.sync().await.unwrap();
    assert_eq!((store.find(left.id).await, store.sessions()), (Ok(None), 2));
    // What failed while it ran is read from then on, too.
    writer::reopen(&store.desk, &on(path.clone(), Arc::clone(&fails)));
    assert_eq!(store.find(before.id).await, Ok(Some(before.clone())));
    fails.store(false, Ordering::SeqCst);
    drop(store);
    let store = Embedded::open_with(on(path, fails), 1000, clock.clone()).unwrap();
    assert_eq!(store.health(), Health::Well);
    for (row, kept) in [(&before, true), (&left, false), (&during, true)] {
        assert_eq!(store.find(row.id).await, Ok(kept.then(|| row.clone())));
    }
}

#[tokio::test]
async fn a_file_with_a_damaged_page_is_said_to_be_so_and_nothing_panics() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    {
        let store = Embedded::open(folder.path(), 10_000, clock.clone()).unwrap();
        for number in 0..400_u16 {
            store.keep(row(&clock)).await.unwrap();
            let key = std::array::from_fn(|at| number.to_be_bytes()[at % 2]);
            let hour = after(clock.now(), SignedDuration::from_hours(1));
            store.put(Kind::Pending, key, vec![1; 200], hour).await.unwrap();
        }
        store.sync().await.unwrap();
    }
    let path = folder.path().join(FILE);
    let good = std::fs::read(&path).unwrap();
    let (mut refused, mut read) = (0, 0);
    for page in (0..good.len()).step_by(4096) {
        for filling in [0xff, 0x00] {
            let mut damaged = good.clone();
            let end = (page + 4096).min(damaged.len());
            damaged[page..end].fill(filling);
            std::fs::write(&path, damaged).unwrap();
            for opened in
                [Embedded::check(folder.path()), Embedded::open(folder.path(), 10_000, clock.clone()).map(drop)]
            {
                match opened {
                    Ok(()) => read += 1,
                    Err(error @ (OpenError::Damaged(..) | OpenError::Newer(_))) => {
                        assert!(error.to_string().contains("move"), "{error}");
                        refused += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    assert!(refused > 10 && read > 0, "{refused} {read}");
}

#[test]
fn a_file_of_another_user_is_said_to_be_so() {
    let refused = OpenError::Foreign("sessions.redb".into()).to_string();
    assert!(refused.contains("give it to the user that the program runs as, or move it away"), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    assert!(Embedded::check(folder.path()).is_ok(), "there is none yet");
    std::fs::write(folder.path().join(FILE), "no sessions").unwrap();
    assert!(matches!(Embedded::check(folder.path()), Err(OpenError::Damaged(..))));
}
