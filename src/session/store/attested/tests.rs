use super::super::contract;
use super::super::memory::Memory;
use super::*;
use crate::clock::{SignedDuration, after};
use crate::seal::random;

struct Stage {
    raw: Arc<Memory>,
    clock: Clock,
    hour: Timestamp,
}

impl Stage {
    fn new() -> Self {
        let clock = Clock::by_hand(Timestamp::from_second(1_000_000).unwrap());
        let hour = after(clock.now(), SignedDuration::from_hours(1));
        Self { raw: Arc::new(Memory::new(1000, clock.clone())), clock, hour }
    }

    fn with(&self, own: u8, others: &[u8]) -> Attested {
        let others: Vec<_> = others.iter().map(|other| [*other; 32]).collect();
        let raw = Arc::clone(&self.raw) as Arc<dyn Store>;
        Attested::new(raw, Arc::new(Attestor::new(&[own; 32], &others)), self.clock.clone())
    }

    fn row(&self) -> Row {
        Row {
            id: random(),
            person: random(),
            name: None,
            expires: self.hour,
            content: b"{\"name\":\"B.Simon@contoso.com\"}".to_vec(),
        }
    }
}

#[tokio::test]
async fn the_contract_holds() {
    let stage = Stage::new();
    let wait = |span| stage.clock.advance(span);
    let store = Arc::new(stage.with(1, &[]));
    contract::hold(contract::Bench { store, clock: stage.clock.clone(), wait: &wait }).await;
}

#[tokio::test]
async fn a_session_that_was_changed_anywhere_is_nobodys() {
    let stage = Stage::new();
    let store = stage.with(1, &[]);
    let row = stage.row();
    store.keep(row.clone()).await.unwrap();
    let good = stage.raw.find(row.id).await.unwrap().unwrap();
    assert_eq!(store.find(row.id).await, Ok(Some(row.clone())));
    let mut bad: Vec<Row> = (0..good.content.len())
        .map(|place| {
            let mut row = good.clone();
            row.content[place] ^= 1;
            row
        })
        .collect();
    // As the former program wrote it, cut off, of another person, until later.
    bad.push(Row { content: row.content.clone(), ..good.clone() });
    bad.push(Row { content: Vec::new(), ..good.clone() });
    bad.push(Row { content: good.content[..9].to_vec(), ..good.clone() });
    bad.push(Row { person: random(), ..good.clone() });
    bad.push(Row { expires: after(good.expires, SignedDuration::from_millis(1)), ..good.clone() });
    for changed in bad {
        stage.raw.keep(changed.clone()).await.unwrap();
        assert_eq!(store.find(row.id).await, Ok(None), "{changed:?}");
        assert_eq!(store.of_person(changed.person).await, Ok(vec![]));
        assert_eq!(store.list(None, 10).await, Ok(vec![]));
    }
    // In another one's place.
    let other = stage.row();
    store.keep(other.clone()).await.unwrap();
    stage.raw.keep(Row { id: other.id, ..good.clone() }).await.unwrap();
    assert_eq!(store.find(other.id).await, Ok(None));
    stage.raw.keep(good).await.unwrap();
    assert_eq!(store.find(row.id).await, Ok(Some(row)));
}

#[tokio::test]
async fn a_portion_of_rows_that_cannot_be_believed_is_no_end_of_the_list() {
    let stage = Stage::new();
    let store = stage.with(1, &[]);
    for number in 0..9 {
        let row = Row { id: [number; 16], ..stage.row() };
        if number < 6 {
            stage.raw.keep(row).await.unwrap()
        } else {
            store.keep(row).await.unwrap()
        };
    }
    let found = store.list(None, 3).await.unwrap();
    assert_eq!(found.iter().map(|row| row.id[0]).collect::<Vec<_>>(), [6, 7, 8]);
    assert_eq!(store.list(Some([8; 16]), 3).await, Ok(vec![]));
}

#[tokio::test]
async fn a_record_is_good_in_its_own_place_and_time_alone() {
    let stage = Stage::new();
    let (store, key) = (stage.with(1, &[]), [1; 16]);
    store.put(Kind::Name, key, b"alice".to_vec(), stage.hour).await.unwrap();
    let raw = stage.raw.peek(Kind::Name, key).await.unwrap().unwrap();
    for (kind, place) in [(Kind::Certificate, key), (Kind::Name, [2; 16])] {
        stage.raw.put(kind, place, raw.clone(), stage.hour).await.unwrap();
        assert_eq!(store.peek(kind, place).await, Ok(None));
        assert_eq!(store.take(kind, place).await, Ok(None));
    }
    // Whoever can write the store can keep a record there for longer, but not what it says.
    let later = after(stage.hour, SignedDuration::from_hours(10));
    stage.raw.put(Kind::Name, key, raw.clone(), later).await.unwrap();
    assert_eq!(store.peek(Kind::Name, key).await, Ok(Some(b"alice".to_vec())));
    stage.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(store.peek(Kind::Name, key).await, Ok(None));
    assert_eq!(store.take(Kind::Name, key).await, Ok(None));
    // What cannot be believed is in nobody's way.
    stage.raw.put(Kind::Name, key, b"{}".to_vec(), later).await.unwrap();
    assert_eq!(store.swap(Kind::Name, key, Some(b"{}".to_vec()), b"bob".to_vec(), later).await, Ok(false));
    assert_eq!(store.swap(Kind::Name, key, None, b"bob".to_vec(), later).await, Ok(true));
    assert_eq!(store.peek(Kind::Name, key).await, Ok(Some(b"bob".to_vec())));
    // What was used up stays so, whoever says it.
    stage.raw.put(Kind::Assertion, key, b"?".to_vec(), later).await.unwrap();
    assert_eq!(store.claim(Kind::Assertion, key, later).await, Ok(false));
}

#[tokio::test]
async fn one_key_takes_the_place_of_another_and_what_is_read_goes_over_to_it() {
    let stage = Stage::new();
    let (old, both, new) = (stage.with(1, &[]), stage.with(2, &[1]), stage.with(2, &[]));
    let (row, unread, key) = (stage.row(), stage.row(), [1; 16]);
    for row in [&row, &unread] {
        old.keep(row.clone()).await.unwrap();
    }
    old.put(Kind::Name, key, b"alice".to_vec(), stage.hour).await.unwrap();
    assert_eq!((new.find(row.id).await, new.peek(Kind::Name, key).await), (Ok(None), Ok(None)));
    assert_eq!(both.find(row.id).await, Ok(Some(row.clone())));
    assert_eq!(both.peek(Kind::Name, key).await, Ok(Some(b"alice".to_vec())));
    assert_eq!((new.find(row.id).await, new.find(unread.id).await), (Ok(Some(row)), Ok(None)));
    assert!(new.swap(Kind::Name, key, Some(b"alice".to_vec()), b"bob".to_vec(), stage.hour).await.unwrap());
    let (first, second) = (new.attestor.code(b'x', b"text"), old.attestor.code(b'x', b"text"));
    assert!(both.attestor.is_code(b'x', b"text", &first) && both.attestor.is_code(b'x', b"text", &second));
    assert!(!new.attestor.is_code(b'x', b"text", &second) && !new.attestor.is_code(b'y', b"text", &first));
}
