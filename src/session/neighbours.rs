//! What nodes that share a store tell each other, and what each does when it is told. A [`Word`] is a hint to read
//! again, and no fact to be believed: a node that is told that something has changed forgets what it knows of it, and
//! the next question goes to the store. So the order of two words about one thing, and a word that comes twice, make no
//! difference. (The end of a session is a fact, and comes from the store itself.) A word that is lost would make one:
//! so after an outage the feed goes on from where it was left, and [`News::Returned`] makes a node forget everything
//! that it cannot be sure of.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::store::{Key, Kind, News, Store};
use super::{Bindings, SessionId, Sessions};
use crate::seal::random;

/// What a node tells.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// A client address stands for somebody else, or for nobody.
    Address(IpAddr),
    /// What has this kind's letter and this key stands for somebody else, or for nobody.
    Binding(u8, Key),
    /// The person of a session has proven once more who they are.
    Proven(SessionId),
}

#[derive(Debug, Serialize, Deserialize)]
struct Said {
    node: u64,
    word: Word,
}

/// The other nodes, and the number by which they know this one. A node has one of these, shared by all that tell others
/// something.
#[derive(Debug)]
pub struct Neighbours {
    node: u64,
    store: Arc<dyn Store>,
}

impl Neighbours {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { node: u64::from_be_bytes(random()), store }
    }

    /// The random number of this node, the same for as long as the process lasts. Other nodes know this node by it, and
    /// its challenges and tickets carry it.
    pub(super) fn node(&self) -> u64 {
        self.node
    }

    /// Tells all nodes that can be reached, and waits until they have been sent the word (or half a second). Nodes that
    /// cannot be reached go by what they know until the store is back.
    pub(super) async fn tell(&self, word: &Word) {
        if !self.store.is_shared() {
            return;
        }
        #[derive(Serialize)]
        struct Saying<'a> {
            node: u64,
            word: &'a Word,
        }
        let text = serde_json::to_vec(&Saying { node: self.node, word }).unwrap_or_default();
        if self.store.tell(text).await.is_err() {
            tracing::debug!(
                ?word,
                "other nodes were not told of a change, because the shared store does not answer: they read it again when the store is back"
            );
        }
    }
}

/// Does what other nodes tell, until the store closes its feed. Returns at once where there is no other node.
pub async fn follow(store: Arc<dyn Store>, sessions: Arc<Sessions>, bindings: Arc<Bindings>) {
    let Some(mut news) = store.news() else { return };
    drop(store);
    while let Some(one) = news.recv().await {
        match one {
            News::Ended(id) => sessions.end_here(SessionId(id)),
            News::Returned => {
                // At once, and before the next word: another node may have ended anybody's session while the store was
                // away. From here on each session is confirmed by the store before its person goes on.
                sessions.returned();
                bindings.forget_all();
                let sessions = Arc::clone(&sessions);
                // In a task of its own: this asks the store about every session in memory, and news must not wait for
                // that. A session may end meanwhile. That is safe: a store refuses to keep a session that has been
                // ended, so none is put back.
                tokio::spawn(async move { sessions.reconcile().await });
            }
            News::Told(text) => {
                let Ok(Said { node, word }) = serde_json::from_slice(&text) else { continue };
                // The stream brings our own words back to us. We knew them before we told them, and to forget them now
                // would throw away what is right.
                if node == sessions.neighbours().node() {
                    continue;
                }
                match word {
                    Word::Address(client) => sessions.forget_client(client),
                    Word::Binding(letter, key) => {
                        Kind::of_letter(letter).into_iter().for_each(|kind| bindings.forget(kind, key));
                    }
                    Word::Proven(id) => {
                        let sessions = Arc::clone(&sessions);
                        tokio::spawn(async move { sessions.reread(id).await });
                    }
                }
            }
        }
    }
}
