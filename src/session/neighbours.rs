//! What nodes that share a store tell each other, and what each makes of it.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::store::{Key, Kind, News, Store};
use super::ticket::Tickets;
use super::{Bindings, SessionId, Sessions};
use crate::seal::random;

/// What a node tells.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// A client address stands for somebody else, or for nobody.
    Address(IpAddr),
    /// A ticket is on its way from the portal to this host.
    Ticket(IpAddr, String),
    /// It has arrived there.
    Arrived(IpAddr, String),
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

/// The other nodes.
#[derive(Debug)]
pub(super) struct Neighbours {
    /// Who we are to them, as long as the process lasts.
    node: u64,
    store: Arc<dyn Store>,
}

impl Neighbours {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { node: u64::from_be_bytes(random()), store }
    }

    /// Who we are to the others, as long as the process lasts.
    pub(super) fn node(&self) -> u64 {
        self.node
    }

    /// Tells all nodes that can be reached. Those that cannot go by what they know.
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
            tracing::debug!(?word, "other nodes were not told");
        }
    }
}

/// Does what other nodes tell, for ever. Ends at once where there are none.
pub async fn follow(store: Arc<dyn Store>, sessions: Arc<Sessions>, tickets: Arc<Tickets>, bindings: Arc<Bindings>) {
    let Some(mut news) = store.news() else { return };
    drop(store);
    while let Some(one) = news.recv().await {
        match one {
            News::Ended(id) => sessions.end_here(SessionId(id)),
            News::Returned => {
                // Before anybody goes on whom another node has ended meanwhile.
                sessions.returned();
                bindings.forget_all();
                let sessions = Arc::clone(&sessions);
                // That may take a while, and news must not wait for it.
                tokio::spawn(async move { sessions.reconcile().await });
            }
            News::Told(text) => {
                let Ok(Said { node, word }) = serde_json::from_slice(&text) else { continue };
                match word {
                    Word::Address(client) if node != sessions.neighbours.node => sessions.forget_client(client),
                    Word::Ticket(client, host) if node != tickets.neighbours.node => tickets.expect(client, host),
                    Word::Arrived(client, host) if node != tickets.neighbours.node => tickets.arrived(client, host),
                    Word::Binding(letter, key) if node != sessions.neighbours.node => {
                        Kind::of_letter(letter).into_iter().for_each(|kind| bindings.forget(kind, key));
                    }
                    Word::Proven(id) if node != sessions.neighbours.node => {
                        let sessions = Arc::clone(&sessions);
                        tokio::spawn(async move { sessions.reread(id).await });
                    }
                    _ => {}
                }
            }
        }
    }
}
