use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;
use crate::identity::User;
use crate::session::Facts;

/// A session with this identifier, as it is read from a store.
fn read(id: SessionId) -> Session {
    let facts = Session::standing(User::named("contoso", "bsimon"), Timestamp::UNIX_EPOCH).facts.clone();
    Session::kept(Facts { id, ..facts }, Timestamp::UNIX_EPOCH)
}

fn id(number: u32) -> SessionId {
    SessionId::of_secret(&number.to_string())
}

#[test]
fn nobody_finds_a_session_once_it_has_been_ended_whoever_puts_it_back_at_the_same_time() {
    let cache = Cache::new(1000, usize::MAX);
    for round in 0..200 {
        let (id, is_over) = (id(round), AtomicBool::new(false));
        cache.insert(read(id));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        cache.insert(read(id));
                    }
                });
            }
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    cache.change(id, |held| held.regarded(User::named("contoso", "other")));
                    if let Some(held) = cache.find(id) {
                        cache.exchange(&held, held.regarded(User::named("contoso", "third")));
                    }
                }
            });
            let held = cache.find(id).unwrap();
            let ended = held.ended().clone();
            // Some of the time the others are in the middle of it, and some of the time they have just begun.
            thread::sleep(Duration::from_micros(u64::from(round % 4) * 50));
            cache.remove(id);
            for _ in 0..200 {
                assert!(cache.find(id).is_none() && cache.look(id, |_| ()).is_none(), "round {round}");
            }
            assert!(ended.is_cancelled());
            is_over.store(true, Ordering::Relaxed);
        });
        assert!(cache.find(id).is_none());
    }
    assert_eq!((cache.len(), cache.all().count()), (0, 0));
    assert_eq!(cache.bytes.load(Ordering::Relaxed), 0, "what they take is given back");
}

#[test]
fn whoever_waits_hears_of_the_end_although_the_session_comes_and_goes_all_the_time() {
    let cache = Cache::new(1, usize::MAX);
    let mut waited = 0;
    for round in 0..60 {
        let (id, is_over) = (id(round), AtomicBool::new(false));
        let wait = || {
            let mut tokens = Vec::new();
            while let Some(held) = cache.find(id).or_else(|| cache.insert(read(id))) {
                tokens.push(held.ended().clone());
            }
            tokens
        };
        let tokens: Vec<_> = thread::scope(|scope| {
            let waiting = [scope.spawn(wait), scope.spawn(wait)];
            scope.spawn(|| {
                let mut number = 1_000_000;
                while !is_over.load(Ordering::Relaxed) {
                    number += 1;
                    cache.insert(read(self::id(number)));
                }
            });
            thread::sleep(Duration::from_millis(3));
            cache.remove(id);
            let tokens = waiting.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
            is_over.store(true, Ordering::Relaxed);
            tokens
        });
        assert!(tokens.iter().all(CancellationToken::is_cancelled), "round {round}");
        waited += tokens.len();
    }
    assert!(waited > 60, "{waited}");
}
