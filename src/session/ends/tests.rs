use std::os::unix::fs::FileExt as _;

use super::*;
use crate::clock::{SignedDuration, after};

fn clock() -> Clock {
    Clock::by_hand(Timestamp::from_second(1_000_000).unwrap())
}

fn open(folder: &Path, clock: &Clock) -> Ends {
    Ends::open(folder, Arc::new(Attestor::new(&[1; 32], &[])), clock.clone())
}

fn end(number: u32, clock: &Clock) -> End {
    let mut key = [0; 16];
    key[..4].copy_from_slice(&number.to_be_bytes());
    let expires = after(clock.now(), SignedDuration::from_hours(1));
    End { what: What::Session(key), person: [7; 16], at: clock.now(), expires, is_told: false }
}

async fn keep(ends: &Ends, end: End) -> bool {
    ends.note(end) && ends.written(end.what).await
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart_until_it_is_over_or_the_store_has_it() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let kinds = [What::Session([1; 16]), What::Person([2; 16]), What::Record(b'h', [3; 16])];
    let all = kinds.map(|what| End { what, ..end(0, &clock) });
    {
        let ends = open(folder.path(), &clock);
        for end in all {
            assert!(keep(&ends, end).await);
        }
        assert!(open(folder.path(), &clock).list(true).len() == 3, "as a crash would leave it");
    }
    let ends = open(folder.path(), &clock);
    assert_eq!(ends.list(false), all);
    ends.told(kinds[0], true);
    ends.told(kinds[1], false);
    drop(ends);
    let ends = open(folder.path(), &clock);
    assert_eq!((ends.list(false).len(), ends.list(true).len()), (1, 2));
    assert!(ends.cover_record(Kind::Name, [3; 16]) && !ends.cover_record(Kind::Certificate, [3; 16]));
    clock.advance(SignedDuration::from_hours(1));
    ends.upkeep().await;
    assert!(ends.list(true).is_empty());
    drop(ends);
    assert!(open(folder.path(), &clock).list(true).is_empty());
}

#[tokio::test]
async fn what_a_crash_left_half_written_loses_nothing_else_and_stops_nobody() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let ends = open(folder.path(), &clock);
    for number in 0..5 {
        assert!(keep(&ends, end(number, &clock)).await);
    }
    drop(ends);
    let path = folder.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    // One is torn at each of its octets; the file ends anywhere; it is full of something else.
    for octet in 0..72 {
        std::fs::write(&path, &whole).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[!whole[128 + octet]], 128 + octet as u64).unwrap();
        let found = open(folder.path(), &clock).list(true);
        assert_eq!(found.len(), 4, "{octet}");
    }
    for length in [0, 1, 127, 128, 129, 300, 640, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let ends = open(folder.path(), &clock);
        assert_eq!(ends.list(true).len(), (length / 128).min(5), "{length}");
        assert!(keep(&ends, end(9, &clock)).await);
        drop(ends);
        assert_eq!(open(folder.path(), &clock).list(true).len(), (length / 128).min(5) + 1);
    }
    std::fs::write(&path, [0xa5; 5000]).unwrap();
    let ends = open(folder.path(), &clock);
    assert!(ends.list(true).is_empty() && keep(&ends, end(1, &clock)).await);
}

#[tokio::test]
async fn many_at_once_are_all_written_and_places_are_used_again() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let ends = Arc::new(open(folder.path(), &clock));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..2000 {
        let (ends, end) = (Arc::clone(&ends), end(number, &clock));
        tasks.spawn(async move { keep(&ends, end).await });
    }
    assert!(tasks.join_all().await.into_iter().all(|kept| kept));
    assert_eq!(open(folder.path(), &clock).list(true).len(), 2000);
    let length = std::fs::metadata(folder.path().join(FILE)).unwrap().len();
    for number in 0..2000 {
        ends.told(end(number, &clock).what, false);
        assert!(keep(&ends, end(10_000 + number, &clock)).await);
    }
    drop(ends);
    assert_eq!(std::fs::metadata(folder.path().join(FILE)).unwrap().len(), length);
    assert_eq!(open(folder.path(), &clock).list(true).len(), 2000);
}

#[tokio::test]
async fn where_nothing_can_be_written_that_is_said_and_it_is_written_later() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let place = folder.path().join("not yet");
    let ends = open(&place, &clock);
    assert!(!keep(&ends, end(1, &clock)).await);
    assert_eq!(ends.list(false).len(), 1, "it holds here all the same");
    std::fs::create_dir(&place).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    ends.upkeep().await;
    assert_eq!(open(&place, &clock).list(false).len(), 1);
    assert!(!keep(&Ends::fleeting(clock.clone()), end(1, &clock)).await);
}

#[tokio::test]
async fn invented_sessions_do_not_use_up_the_room() {
    let clock = clock();
    let ends = Ends::fleeting(clock.clone());
    let unseen = |number| End { person: Key::default(), ..end(number, &clock) };
    let taken = (0..3000).filter(|number| ends.note(unseen(*number))).count();
    assert_eq!(taken, MAX_UNSEEN);
    assert!(ends.note(end(9999, &clock)));
    // Once the store knows them, there is room for others.
    (0..3000).for_each(|number| ends.told(unseen(number).what, true));
    assert!(ends.note(unseen(5000)));
}
