use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::*;

/// A table in which something happens between a note and what follows it.
#[derive(Default)]
struct Shelf {
    records: RefCell<BTreeMap<u8, u32>>,
    noted: RefCell<Option<Box<dyn FnOnce()>>>,
}

impl Table<u8> for Shelf {
    type Record = u32;
    type Held = u32;

    fn note(&self, key: u8, record: u32) -> Option<u32> {
        self.records.borrow_mut().insert(key, record);
        if let Some(happens) = self.noted.take() {
            happens();
        }
        Some(record)
    }

    fn forget(&self, key: u8) {
        self.records.borrow_mut().remove(&key);
    }

    fn forget_all(&self) {
        self.records.borrow_mut().clear();
    }
}

/// A node, and the store that it reads.
#[derive(Clone)]
struct Stage {
    near: Rc<Near<u8, Shelf>>,
    stored: Rc<Cell<Option<u32>>>,
    asked: Rc<Cell<u32>>,
}

impl Stage {
    fn with(stored: Option<u32>) -> Self {
        let near = Near::new(Shelf::default(), Duration::from_secs(3600));
        Self { near: Rc::new(near), stored: Rc::new(Cell::new(stored)), asked: Rc::default() }
    }

    /// Reads the record. `happens` happens while the first answer of the store is on its way.
    async fn read(&self, happens: impl FnOnce()) -> Option<u32> {
        let happens = Cell::new(Some(happens));
        let ask = || {
            let answer = self.stored.get();
            self.asked.set(self.asked.get() + 1);
            if let Some(happens) = happens.take() {
                happens();
            }
            async move { Ok::<_, ()>(answer) }
        };
        self.near.read(1, |shelf| shelf.records.borrow().get(&1).copied(), ask).await.unwrap()
    }

    fn known(&self) -> Option<u32> {
        self.near.known().records.borrow().get(&1).copied()
    }

    /// Another node puts this in the store, and tells this one.
    fn elsewhere(&self, stored: u32) {
        self.stored.set(Some(stored));
        self.near.forget(1);
    }

    /// This node puts this in the store.
    fn here(&self, stored: u32, mark: Mark) {
        self.stored.set(Some(stored));
        self.near.change(1, stored, mark);
    }
}

#[tokio::test]
async fn the_store_is_asked_once() {
    for stored in [Some(1), None] {
        let stage = Stage::with(stored);
        for _ in 0..3 {
            assert_eq!(stage.read(|| ()).await, stored);
        }
        assert_eq!(stage.asked.get(), 1);
    }
}

#[tokio::test]
async fn what_changes_while_its_answer_is_on_its_way_is_read_again() {
    for before in [Some(1), None] {
        let stage = Stage::with(before);
        assert_eq!(stage.read(|| stage.elsewhere(2)).await, Some(2), "{before:?}");
        assert_eq!((stage.known(), stage.asked.get()), (Some(2), 2));
    }
}

#[tokio::test]
async fn what_changes_just_after_it_was_noted_is_read_again() {
    let stage = Stage::with(Some(1));
    let other = stage.clone();
    *stage.near.known().noted.borrow_mut() = Some(Box::new(move || other.elsewhere(2)));
    assert_eq!(stage.read(|| ()).await, Some(2));
    assert_eq!((stage.known(), stage.asked.get()), (Some(2), 2));
}

#[tokio::test]
async fn what_this_node_changes_while_it_is_being_read_stays_as_it_was_changed() {
    let stage = Stage::with(Some(1));
    let mark = stage.near.mark(1);
    assert_eq!(stage.read(|| stage.here(2, mark)).await, Some(2));
    assert_eq!(stage.known(), Some(2));
}

#[tokio::test]
async fn a_change_that_another_node_has_overtaken_is_not_noted() {
    let stage = Stage::with(Some(1));
    let mark = stage.near.mark(1);
    stage.elsewhere(3);
    stage.near.change(1, 2, mark);
    assert_eq!(stage.known(), None);
    assert_eq!(stage.read(|| ()).await, Some(3));
    let mark = stage.near.mark(1);
    stage.near.forget_all();
    stage.near.note(1, 2, mark);
    assert_eq!(stage.known(), None, "nor what was read before everything was forgotten");
}

#[tokio::test]
async fn that_there_is_nothing_hides_no_record_that_is_known() {
    let stage = Stage::with(None);
    assert_eq!(stage.read(|| ()).await, None);
    stage.here(2, stage.near.mark(1));
    stage.near.set_absent(1);
    assert_eq!(stage.read(|| ()).await, Some(2));
}

#[tokio::test]
async fn what_never_stands_still_is_not_read_without_an_end() {
    let stage = Stage::with(Some(1));
    let asked = Cell::new(0);
    let ask = || {
        asked.set(asked.get() + 1);
        stage.near.forget(1);
        async { Ok::<_, ()>(Some(1)) }
    };
    assert_eq!(stage.near.read(1, |_| None, ask).await, Ok(None));
    assert_eq!((asked.get(), stage.known()), (u32::try_from(ATTEMPTS).unwrap(), None));
    // A store that does not answer has said nothing.
    assert_eq!(stage.near.read(1, |_| None, || async { Err(()) }).await, Err(()));
    assert!(!stage.near.is_absent(1));
}

#[test]
fn that_there_is_nothing_is_not_known_for_longer_because_it_is_said_again() {
    let near: Near<u8, Shelf> = Near::new(Shelf::default(), Duration::from_millis(100));
    near.set_absent(1);
    let begun = std::time::Instant::now();
    while near.is_absent(1) {
        near.set_absent(1);
        assert!(begun.elapsed() < Duration::from_secs(60), "it is noted again and again");
        std::thread::sleep(Duration::from_millis(1));
    }
}
