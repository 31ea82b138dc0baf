use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::directory::shelf::{Given, ShelfAsk, ShelfKey};
use crate::directory::{Directory, Feed, Owners, PersonRow};

/// A store that nodes share, in memory.
#[derive(Default)]
struct Board {
    things: Mutex<HashMap<ShelfKey, Vec<u8>>>,
    /// How many more questions it answers before it does not, once this is not 0.
    breaks_after: AtomicUsize,
    /// Whether it is away.
    is_away: std::sync::atomic::AtomicBool,
    /// Whether the next swap is done, and answered as if it was not: the command was carried out twice.
    doubles: std::sync::atomic::AtomicBool,
    /// Whether the next swap is done and not answered.
    swallows: std::sync::atomic::AtomicBool,
}

impl Board {
    fn answer(&self, ask: ShelfAsk) -> Result<Given, ShelfAway> {
        if self.is_away.load(Ordering::SeqCst) || self.breaks_after.load(Ordering::SeqCst) == 1 {
            return Err(ShelfAway);
        }
        self.breaks_after.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| (left > 1).then(|| left - 1)).ok();
        let mut things = self.things.lock().unwrap();
        Ok(match ask {
            ShelfAsk::Look(key) => Given::Found(things.get(&key).cloned()),
            ShelfAsk::Take(key) => Given::Found(things.remove(&key)),
            ShelfAsk::Put(key, octets, _) => {
                things.insert(key, octets);
                Given::Done(true)
            }
            ShelfAsk::Swap(key, seen, octets, _) => {
                let is_seen = things.get(&key) == seen.as_ref();
                if is_seen {
                    things.insert(key, octets);
                }
                if is_seen && key == Shelf::key("a", "head", &[]) && self.swallows.swap(false, Ordering::SeqCst) {
                    return Err(ShelfAway);
                }
                let is_doubled = key == Shelf::key("a", "head", &[]) && self.doubles.swap(false, Ordering::SeqCst);
                Given::Done(is_seen && !is_doubled)
            }
        })
    }

    fn node(self: &Arc<Self>, folder: &Path, name: &str) -> Directory {
        let directory = Directory::open("a", &folder.join(format!("{name}.redb")), Owners::default()).unwrap();
        let board = Arc::clone(self);
        directory.join(Shelf::new("a", move |ask| board.answer(ask)), name, Clock::system()).unwrap();
        directory
    }
}

fn person(id: &str) -> PersonRow {
    let upn = Some(format!("{id}@contoso.com"));
    PersonRow { id: id.to_owned(), object_id: Some(id.to_owned()), user_principal_name: upn, ..PersonRow::default() }
}

async fn put(node: &Directory, id: &str) -> Result<(), Error> {
    let row = person(id);
    node.write(move |edit| edit.put_person(Feed::Scim, &row).map(drop)).await
}

/// Follows until the store has a head.
async fn settle(node: &Directory) {
    let begun = Instant::now();
    while node.follow().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", node.nodes());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// All that is in the file of a node, but for where it stands.
fn all(node: &Directory) -> Vec<(u8, Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let own = |table: u8, key: &[u8]| table != 8 || key != b"nodes/position";
    let mut take = |table: u8, key: &[u8], value: &[u8]| {
        if own(table, key) {
            rows.push((table, key.to_vec(), value.to_vec()));
        }
    };
    node.file.whole().unwrap().each(&mut take).unwrap();
    rows
}

fn people(node: &Directory) -> Vec<String> {
    let mut ids: Vec<String> = node.snapshot().people().map(|person| person.object_id.to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_go_through_the_same_changes_whoever_makes_them() {
    let (folder, board) = (tempfile::tempdir().unwrap(), Arc::new(Board::default()));
    let nodes = ["x", "y", "z"].map(|name| Arc::new(board.node(folder.path(), name)));
    settle(&nodes[0]).await;
    let writes = nodes.iter().enumerate().flat_map(|(at, node)| {
        (0..30).map(move |number| {
            let node = Arc::clone(node);
            tokio::spawn(async move { put(&node, &format!("{at}-{number}")).await })
        })
    });
    // Whoever is overtaken too often says so, and may try again; nobody is told that a write counts which does not.
    let mut wanted = Vec::new();
    for (at, write) in writes.collect::<Vec<_>>().into_iter().enumerate() {
        if write.await.unwrap().is_ok() {
            wanted.push(format!("{}-{}", at / 30, at % 30));
        }
    }
    assert!(wanted.len() > 30, "{}", wanted.len());
    wanted.sort();
    for node in &nodes {
        node.follow().await.unwrap();
        let known = people(node);
        assert!(wanted.iter().all(|id| known.contains(id)), "{known:?}");
        assert_eq!(all(node), all(&nodes[0]));
        assert_eq!(people(node), people(&nodes[0]));
    }
    // What one deletes is gone everywhere, and told.
    let mut told = nodes[1].changes();
    nodes[0].write(|edit| edit.delete_person(Feed::Scim, "0-0")).await.unwrap();
    nodes[1].follow().await.unwrap();
    let changes = told.recv().await.unwrap();
    assert_eq!(changes.people.len(), 1);
    assert!(changes.before[0].is_some() && !changes.all);
    assert_eq!(all(&nodes[1]), all(&nodes[0]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_has_lost_the_lead_writes_nothing_that_only_the_leader_may_write() {
    let (folder, board) = (tempfile::tempdir().unwrap(), Arc::new(Board::default()));
    let [x, y] = ["x", "y"].map(|name| board.node(folder.path(), name));
    settle(&x).await;
    let lead = async |node: &Directory, id: &str| {
        let row = person(id);
        node.write(move |edit| {
            edit.lead()?;
            edit.put_person(Feed::Graph, &row).map(drop)
        })
        .await
    };
    assert!(matches!(lead(&x, "a").await, Err(Error::NotLeading)));
    assert!(x.take_lead().await.unwrap() && x.leads());
    lead(&x, "a").await.unwrap();
    assert!(y.take_lead().await.unwrap());
    assert!(x.leads(), "it does not know yet");
    assert!(matches!(lead(&x, "b").await, Err(Error::NotLeading)));
    assert!(!x.leads());
    lead(&y, "c").await.unwrap();
    // What anybody may write is written all the same.
    put(&x, "d").await.unwrap();
    y.follow().await.unwrap();
    assert_eq!((people(&x), people(&y)), (vec!["a".into(), "c".into(), "d".into()], people(&x)));
    assert_eq!(y.nodes().unwrap().epoch, x.nodes().unwrap().epoch);
    assert_eq!(x.nodes().unwrap().leader, "y");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_while_the_store_is_away_and_what_was_told_counts_afterwards() {
    let (folder, board) = (tempfile::tempdir().unwrap(), Arc::new(Board::default()));
    let [x, y] = ["x", "y"].map(|name| board.node(folder.path(), name));
    settle(&x).await;
    put(&x, "a").await.unwrap();
    board.is_away.store(true, Ordering::SeqCst);
    assert!(matches!(put(&x, "b").await, Err(Error::Away)));
    assert_eq!(people(&x), ["a"]);
    board.is_away.store(false, Ordering::SeqCst);
    put(&x, "c").await.unwrap();
    // Done, and not answered: whoever asked does not know, and finds it when the store answers again.
    board.swallows.store(true, Ordering::SeqCst);
    assert!(matches!(put(&x, "d").await, Err(Error::Away)));
    assert_eq!(people(&x), ["a", "c"]);
    for node in [&y, &x] {
        node.follow().await.unwrap();
        assert_eq!(people(node), ["a", "c", "d"]);
    }
    assert_eq!(all(&x), all(&y));
    // Cut off at any place, a write counts on all nodes or on none.
    for cut in 2..12 {
        board.breaks_after.store(cut, Ordering::SeqCst);
        let done = put(&x, &format!("cut-{cut}")).await;
        board.breaks_after.store(0, Ordering::SeqCst);
        for node in [&y, &x] {
            node.follow().await.unwrap();
        }
        assert_eq!(all(&x), all(&y), "{cut}");
        assert!(done.is_err() || people(&y).contains(&format!("cut-{cut}")), "{cut}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_has_lost_everything_is_given_it_by_the_node_that_is_furthest() {
    let (folder, board) = (tempfile::tempdir().unwrap(), Arc::new(Board::default()));
    let [x, y] = ["x", "y"].map(|name| board.node(folder.path(), name));
    settle(&x).await;
    put(&x, "a").await.unwrap();
    y.follow().await.unwrap();
    put(&x, "b").await.unwrap();
    let (old, epoch) = (board.things.lock().unwrap().clone(), x.nodes().unwrap().epoch);
    board.things.lock().unwrap().clear();
    assert!(matches!(put(&y, "lost").await, Err(Error::Away)));
    // Both put themselves up; the one that is behind takes what the other one has.
    while x.follow().await.is_err() {
        drop(y.follow().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    settle(&y).await;
    assert_eq!((people(&x), people(&y)), (vec!["a".into(), "b".into()], people(&x)));
    assert!(x.nodes().unwrap().epoch > epoch);
    put(&y, "c").await.unwrap();
    x.follow().await.unwrap();
    // A store that is put back to an earlier state.
    *board.things.lock().unwrap() = old;
    while x.follow().await.is_err() {
        drop(y.follow().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    settle(&y).await;
    put(&y, "d").await.unwrap();
    x.follow().await.unwrap();
    assert_eq!((people(&x), people(&y)), (["a", "b", "c", "d"].map(String::from).to_vec(), people(&x)));
    assert_eq!(all(&x), all(&y));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lags_too_far_takes_the_whole_copy_and_a_restart_goes_on() {
    let (folder, board) = (tempfile::tempdir().unwrap(), Arc::new(Board::default()));
    let x = board.node(folder.path(), "x");
    settle(&x).await;
    let y = board.node(folder.path(), "y");
    put(&y, "early").await.unwrap();
    drop(y);
    assert!(x.take_lead().await.unwrap());
    for number in 0..=MOST_CHANGES {
        x.write(move |edit| edit.set_state("n", Some(number.to_string().as_bytes()))).await.unwrap();
    }
    put(&x, "late").await.unwrap();
    // It makes a copy now, and once more when so many changes are told again: then the first are gone.
    for _ in 0..2 {
        x.follow().await.unwrap();
        for number in 0..=MOST_CHANGES {
            x.write(move |edit| edit.set_state("n", Some(number.to_string().as_bytes()))).await.unwrap();
        }
    }
    x.follow().await.unwrap();
    let kept = board.things.lock().unwrap().len();
    assert!(kept < 6 * usize::try_from(MOST_CHANGES).unwrap(), "{kept} things are on the shelf");
    let y = board.node(folder.path(), "y");
    assert_eq!(people(&y), ["early"], "a restart goes on with what it had");
    let mut told = y.changes();
    y.follow().await.unwrap();
    assert!(told.recv().await.unwrap().all);
    assert_eq!((people(&y), all(&y)), (vec!["early".into(), "late".into()], all(&x)));
    // One that was never there before.
    let z = board.node(folder.path(), "z");
    z.follow().await.unwrap();
    assert_eq!(all(&z), all(&x));
    // What was written without the others is not taken for theirs.
    drop(z);
    let z = Directory::open("a", &folder.path().join("z.redb"), Owners::default()).unwrap();
    put(&z, "alone").await.unwrap();
    drop(z);
    let z = board.node(folder.path(), "z");
    z.follow().await.unwrap();
    assert_eq!(all(&z), all(&x));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_has_lost_a_part_is_given_a_copy_by_the_node_that_leads() {
    let (folder, board) = (tempfile::tempdir().unwrap(), Arc::new(Board::default()));
    let [x, y] = ["x", "y"].map(|name| board.node(folder.path(), name));
    settle(&x).await;
    y.follow().await.unwrap();
    assert!(x.take_lead().await.unwrap());
    put(&x, "a").await.unwrap();
    board.things.lock().unwrap().retain(|key, _| *key == Shelf::key("a", "head", &[]));
    assert!(matches!(put(&y, "b").await, Err(Error::Away)), "it does not know what was written before");
    let begun = Instant::now();
    while y.follow().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        x.follow().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((people(&y), all(&y)), (vec!["a".into()], all(&x)));
    put(&y, "b").await.unwrap();
    x.follow().await.unwrap();
    assert_eq!(all(&y), all(&x));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_that_was_carried_out_twice_counts_as_done() {
    let (folder, board) = (tempfile::tempdir().unwrap(), Arc::new(Board::default()));
    let [x, y] = ["x", "y"].map(|name| board.node(folder.path(), name));
    settle(&x).await;
    board.doubles.store(true, Ordering::SeqCst);
    put(&x, "a").await.unwrap();
    assert!(!board.doubles.load(Ordering::SeqCst));
    y.follow().await.unwrap();
    assert_eq!((people(&y), all(&y)), (vec!["a".into()], all(&x)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_never_goes_back_to_a_copy_that_is_older_than_what_it_has() {
    let (folder, board) = (tempfile::tempdir().unwrap(), Arc::new(Board::default()));
    let [x, y] = ["x", "y"].map(|name| board.node(folder.path(), name));
    settle(&x).await;
    // The copy is from before anybody was known.
    put(&x, "a").await.unwrap();
    y.follow().await.unwrap();
    let kept: Vec<ShelfKey> = board.things.lock().unwrap().keys().copied().collect();
    put(&x, "b").await.unwrap();
    put(&x, "c").await.unwrap();
    board.things.lock().unwrap().retain(|key, _| kept.contains(key));
    assert!(matches!(y.follow().await, Err(Error::Away)));
    assert_eq!(people(&y), ["a"], "it stays where it is until there is a way on");
    assert!(x.take_lead().await.unwrap());
    let begun = Instant::now();
    while y.follow().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        x.follow().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((people(&y), all(&y)), (["a", "b", "c"].map(String::from).to_vec(), all(&x)));
}
