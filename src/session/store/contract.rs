//! The contract suite: what holds for every store. Whoever makes a store calls [`hold`] with it.

use std::sync::Arc;

use super::{Kind, NAMELESS, Row, Store};
use crate::clock::{Clock, SignedDuration, Timestamp, after};
use crate::seal::random;

/// A store and its time.
pub(crate) struct Bench<'a> {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    /// Lets time pass for the store: its clock is moved, or it is really waited for.
    pub(crate) wait: &'a (dyn Fn(SignedDuration) + Send + Sync),
}

/// How long the suite's records last. Real stores really wait for it.
const SOON: SignedDuration = SignedDuration::from_secs(2);

/// Tries everything that the contract says.
pub(crate) async fn hold(bench: Bench<'_>) {
    records_are_put_peeked_and_taken_once(&bench).await;
    every_kind_keeps_its_own_records(&bench).await;
    of_many_that_take_or_claim_one_succeeds(&bench).await;
    a_record_is_swapped_only_for_what_was_seen(&bench).await;
    a_number_counts_up_until_its_end(&bench).await;
    sessions_are_found_by_identifier_and_person(&bench).await;
    sessions_are_found_by_the_name_that_they_were_given(&bench).await;
    sessions_that_nobody_has_named_are_told_from_others(&bench).await;
    an_ended_session_stays_away(&bench).await;
    sessions_are_listed_in_portions(&bench).await;
    nothing_is_given_out_after_its_time(&bench).await;
}

impl Bench<'_> {
    /// Stores keep times to the millisecond.
    fn at(&self, span: SignedDuration) -> Timestamp {
        Timestamp::from_millisecond(after(self.clock.now(), span).as_millisecond()).unwrap()
    }

    fn hour(&self) -> Timestamp {
        self.at(SignedDuration::from_hours(1))
    }

    fn row(&self, person: [u8; 16]) -> Row {
        Row { id: random(), person, name: None, expires: self.hour(), content: b"content \0\xff".to_vec() }
    }
}

async fn records_are_put_peeked_and_taken_once(bench: &Bench<'_>) {
    let (store, key, hour) = (&bench.store, random(), bench.hour());
    assert_eq!(store.peek(Kind::Ticket, key).await, Ok(None));
    store.put(Kind::Ticket, key, b"first".to_vec(), hour).await.unwrap();
    store.put(Kind::Ticket, key, b"\0one\xff".to_vec(), hour).await.unwrap();
    assert_eq!(store.take(Kind::Pending, key).await, Ok(None), "another kind");
    assert_eq!(store.peek(Kind::Ticket, key).await, Ok(Some(b"\0one\xff".to_vec())));
    store.sync().await.unwrap();
    assert_eq!(store.take(Kind::Ticket, key).await, Ok(Some(b"\0one\xff".to_vec())));
    assert_eq!(store.take(Kind::Ticket, key).await, Ok(None), "taken before");
}

async fn every_kind_keeps_its_own_records(bench: &Bench<'_>) {
    let (store, key, hour) = (&bench.store, random(), bench.hour());
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Count);
    for kind in kinds.clone() {
        store.put(kind, key, vec![kind.letter()], hour).await.unwrap();
    }
    store.sync().await.unwrap();
    for kind in kinds {
        assert_eq!(store.take(kind, key).await, Ok(Some(vec![kind.letter()])), "{kind:?}");
    }
}

async fn of_many_that_take_or_claim_one_succeeds(bench: &Bench<'_>) {
    let (key, hour) = (random(), bench.hour());
    bench.store.put(Kind::Ticket, key, b"one".to_vec(), hour).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&bench.store);
        tasks.spawn(async move {
            let taken = store.take(Kind::Ticket, key).await.unwrap().is_some();
            (taken, store.claim(Kind::Assertion, key, hour).await.unwrap())
        });
    }
    let all = tasks.join_all().await;
    assert_eq!(all.iter().filter(|(taken, _)| *taken).count(), 1);
    assert_eq!(all.iter().filter(|(_, claimed)| *claimed).count(), 1);
    assert_eq!(bench.store.claim(Kind::Assertion, key, hour).await, Ok(false));
    assert_eq!(bench.store.claim(Kind::Challenge, key, hour).await, Ok(true), "another kind");
}

async fn a_record_is_swapped_only_for_what_was_seen(bench: &Bench<'_>) {
    let (store, key, hour) = (&bench.store, random(), bench.hour());
    let swap =
        |seen: Option<&str>, record: &str| store.swap(Kind::Address, key, seen.map(Into::into), record.into(), hour);
    assert_eq!(swap(Some("a"), "b").await, Ok(false), "there is none");
    assert_eq!(swap(None, "a").await, Ok(true));
    assert_eq!(swap(None, "b").await, Ok(false), "there is one");
    assert_eq!(swap(Some("x"), "b").await, Ok(false), "it is another one");
    assert_eq!(swap(Some("a"), "b").await, Ok(true));
    assert_eq!(store.peek(Kind::Address, key).await, Ok(Some(b"b".to_vec())));
}

async fn a_number_counts_up_until_its_end(bench: &Bench<'_>) {
    let (store, key) = (&bench.store, random());
    let end = bench.at(SOON);
    for wanted in 1..=3 {
        assert_eq!(store.count(key, end).await, Ok(wanted));
    }
    assert_eq!(store.count(random(), end).await, Ok(1), "another one");
    (bench.wait)(SOON);
    assert_eq!(store.count(key, bench.hour()).await, Ok(1));
}

async fn sessions_are_found_by_identifier_and_person(bench: &Bench<'_>) {
    let (store, person) = (&bench.store, random());
    let (first, mut second, other) = (bench.row(person), bench.row(person), bench.row(random()));
    for row in [&first, &second, &other] {
        assert_eq!(store.keep(row.clone()).await, Ok(true));
    }
    for written in [false, true] {
        if written {
            store.sync().await.unwrap();
        }
        assert_eq!(store.find(first.id).await, Ok(Some(first.clone())));
        assert_eq!(store.find(random()).await, Ok(None));
        let mut found = store.of_person(person).await.unwrap();
        found.sort_by_key(|row| row.id);
        let mut wanted = vec![first.clone(), second.clone()];
        wanted.sort_by_key(|row| row.id);
        assert_eq!(found, wanted);
        let (held, none) = (store.held_by(person).await.unwrap(), store.held_by(random()).await.unwrap());
        assert!((2..=4).contains(&held) && none == 0, "{held} {none}");
        // What is renewed is seen, and nothing is made by it.
        second.content = format!("renewed, {written}").into_bytes();
        second.expires = after(second.expires, SignedDuration::from_secs(60));
        let unknown = bench.row(person);
        store.renew(vec![second.clone(), unknown.clone()]).await.unwrap();
        assert_eq!(store.find(second.id).await, Ok(Some(second.clone())));
        assert_eq!(store.find(unknown.id).await, Ok(None));
    }
}

fn ids(rows: Vec<Row>) -> Vec<[u8; 16]> {
    let mut ids: Vec<_> = rows.into_iter().map(|row| row.id).collect();
    ids.sort_unstable();
    ids
}

async fn sessions_are_found_by_the_name_that_they_were_given(bench: &Bench<'_>) {
    let store = &bench.store;
    for written in [false, true] {
        let sync = async || {
            if written {
                store.sync().await.unwrap();
            }
        };
        let (name, later) = (random(), random());
        let called = |name| Row { name: Some(name), ..bench.row(random()) };
        // Two people may be called the same, in what their assertions say.
        let (one, two, nameless) = (called(name), called(name), called(NAMELESS));
        for row in [&one, &two, &nameless, &called(random())] {
            assert_eq!(store.keep(row.clone()).await, Ok(true));
        }
        sync().await;
        let mut both = vec![one.id, two.id];
        both.sort_unstable();
        assert_eq!(store.of_name(name).await.map(ids), Ok(both.clone()), "written: {written}");
        assert_eq!(store.of_name(random()).await.map(ids), Ok(vec![]));
        assert!(!store.of_name(NAMELESS).await.map(ids).unwrap().contains(&nameless.id));
        // What is renewed by whoever does not know the name keeps it.
        let unsaid = Row { name: None, content: b"renewed".to_vec(), ..one.clone() };
        store.renew(vec![unsaid]).await.unwrap();
        sync().await;
        let found = store.of_name(name).await.unwrap();
        assert!(found.iter().any(|row| row.id == one.id && row.content == b"renewed"), "{found:?}");
        assert_eq!(ids(found), both);
        // Another assertion may give another name. It is found by that; by the one before it may be found, too.
        store.renew(vec![Row { name: Some(later), ..one.clone() }]).await.unwrap();
        sync().await;
        assert_eq!(store.of_name(later).await.map(ids), Ok(vec![one.id]));
        assert!(store.of_name(name).await.map(ids).unwrap().contains(&two.id));
        assert_eq!(store.end(two.clone()).await, Ok(true));
        sync().await;
        assert!(!store.of_name(name).await.map(ids).unwrap().contains(&two.id), "ended");
        // Whoever ends a session may not know what it is called.
        assert_eq!(store.end(Row { name: None, ..one.clone() }).await, Ok(true));
        assert_eq!(store.of_name(later).await, Ok(vec![]));
    }
}

async fn sessions_that_nobody_has_named_are_told_from_others(bench: &Bench<'_>) {
    let (store, person) = (&bench.store, random());
    let unnamed = async |most| {
        let (mut last, mut all) = (None, Vec::new());
        loop {
            let rows = store.unnamed(last, most).await.unwrap();
            assert!(rows.len() <= most && rows.is_sorted_by(|a, b| a.id < b.id));
            let Some(row) = rows.last() else { break };
            assert!(last.is_none_or(|last| last < row.id));
            last = Some(row.id);
            all.extend(rows.into_iter().filter(|row| row.person == person));
        }
        ids(all)
    };
    let mut older = Vec::new();
    for number in 0..12 {
        let row = bench.row(person);
        store.keep(row.clone()).await.unwrap();
        store.keep(Row { name: Some(random()), ..bench.row(person) }).await.unwrap();
        store.keep(Row { name: Some(NAMELESS), ..bench.row(person) }).await.unwrap();
        older.push(row);
        if number == 6 {
            store.sync().await.unwrap();
        }
    }
    for written in [false, true] {
        if written {
            store.sync().await.unwrap();
        }
        assert_eq!(unnamed(5).await, ids(older.clone()), "written: {written}");
    }
    // Who renews one without a name names it no more than it was.
    store.renew(older.clone()).await.unwrap();
    assert_eq!(unnamed(100).await, ids(older.clone()));
    let (first, rest) = older.split_first().unwrap();
    assert_eq!(store.end(first.clone()).await, Ok(true));
    assert_eq!(unnamed(100).await, ids(rest.to_vec()), "ended");
    let name = random();
    store.renew(rest.iter().map(|row| Row { name: Some(name), ..row.clone() }).collect()).await.unwrap();
    store.sync().await.unwrap();
    assert_eq!(unnamed(100).await, Vec::<[u8; 16]>::new());
    assert_eq!(store.of_name(name).await.map(ids), Ok(ids(rest.to_vec())));
    // Nor does it lose its name again.
    store.renew(rest.to_vec()).await.unwrap();
    store.sync().await.unwrap();
    assert_eq!(unnamed(100).await, Vec::<[u8; 16]>::new());
}

async fn an_ended_session_stays_away(bench: &Bench<'_>) {
    let (store, person) = (&bench.store, random());
    for synced in [false, true] {
        let row = bench.row(person);
        store.keep(row.clone()).await.unwrap();
        if synced {
            store.sync().await.unwrap();
        }
        assert_eq!(store.end(row.clone()).await, Ok(true));
        for settled in [false, true] {
            assert_eq!(store.find(row.id).await, Ok(None));
            assert_eq!(store.of_person(person).await, Ok(vec![]));
            assert_eq!(store.end(row.clone()).await, Ok(false), "only once");
            assert_eq!(store.peek(Kind::Ended, row.id).await, Ok(Some(Vec::new())), "that it has been is known");
            store.renew(vec![row.clone()]).await.unwrap();
            assert_eq!(store.keep(row.clone()).await, Ok(false), "nothing brings it back");
            assert_eq!(store.find(row.id).await, Ok(None), "settled: {settled}");
            store.sync().await.unwrap();
        }
        assert_eq!(store.held_by(person).await, Ok(0));
    }
    // A node that was away hears of an end before it hears of the session.
    let late = bench.row(person);
    assert_eq!(store.end(late.clone()).await, Ok(false));
    assert_eq!(store.keep(late).await, Ok(false));
}

async fn sessions_are_listed_in_portions(bench: &Bench<'_>) {
    let store = &bench.store;
    let person = random();
    for number in 0..25 {
        store.keep(bench.row(person)).await.unwrap();
        if number == 10 {
            store.sync().await.unwrap();
        }
    }
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let portion = store.list(after, 10).await.unwrap();
        assert!(portion.len() <= 10);
        let Some(last) = portion.last() else { break };
        after = Some(last.id);
        all.extend(portion);
    }
    assert!(all.is_sorted_by(|a, b| a.id < b.id));
    assert_eq!(all.iter().filter(|row| row.person == person).count(), 25);
    store.sync().await.unwrap();
    assert_eq!(store.sessions(), all.len());
}

async fn nothing_is_given_out_after_its_time(bench: &Bench<'_>) {
    let (store, key, person) = (&bench.store, random(), random());
    let soon = bench.at(SOON);
    store.put(Kind::Ticket, key, b"one".to_vec(), soon).await.unwrap();
    assert_eq!(store.claim(Kind::Assertion, key, soon).await, Ok(true));
    let row = Row { expires: soon, ..bench.row(person) };
    store.keep(row.clone()).await.unwrap();
    (bench.wait)(SOON);
    for swept in [false, true] {
        assert_eq!(store.peek(Kind::Ticket, key).await, Ok(None));
        assert_eq!(store.find(row.id).await, Ok(None));
        assert_eq!(store.of_person(person).await, Ok(vec![]));
        assert!(!store.list(None, 1000).await.unwrap().contains(&row), "swept: {swept}");
        store.sweep();
        store.sync().await.unwrap();
    }
    assert_eq!(store.take(Kind::Ticket, key).await, Ok(None));
    assert_eq!(store.claim(Kind::Assertion, key, bench.hour()).await, Ok(true), "free again");
    assert_eq!(store.swap(Kind::Ticket, key, None, Vec::new(), bench.hour()).await, Ok(true), "as if there were none");
}
