//! Who is at risk, in memory and in the directory's file, and whether that can be relied on.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::user::{RiskState, RiskyUser};
use crate::clock::{SignedDuration, Timestamp};
use crate::directory::Directory;
use crate::directory::error::Error;
use crate::directory::reading::Reading;
use crate::directory::tables::RISKS_READ;
use crate::identity::Risk;
use crate::identity::fold::fold;

/// How many changes may wait for whoever follows them, until they are told to look at everybody.
const UNTOLD: usize = 64;

/// What one reading has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RiskChange {
    /// The risk of these people, by object ID, folded.
    People(Vec<String>),
    /// Whether it is known at all: everybody's may be another.
    All,
}

/// Everybody of whom Entra ID Protection has said something.
#[derive(Debug)]
pub struct RiskTable {
    held: ArcSwap<Held>,
    changes: broadcast::Sender<Arc<RiskChange>>,
}

type People = HashMap<Box<str>, Arc<RiskyUser>>;

#[derive(Clone, Debug, Default)]
struct Held {
    /// By object ID, folded.
    people: Arc<People>,
    /// When it was read the last time.
    read: Option<Timestamp>,
    /// Whether it is so fresh that whoever is not in it has no risk.
    is_known: bool,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    read: Timestamp,
}

impl RiskTable {
    /// What is in the file. It counts once somebody has said how old it may be.
    pub(in crate::directory) fn load(reading: &Reading) -> Result<Self, Error> {
        let (people, read) = kept(reading)?;
        let held = Held { people: Arc::new(people), read, is_known: false };
        Ok(Self { held: ArcSwap::from_pointee(held), changes: broadcast::Sender::new(UNTOLD) })
    }

    /// Puts what is in the file in the place of what was known, and tells what is new. With `is_fresh` it was read just now,
    /// and counts; otherwise [`RiskTable::judge`] decides.
    pub(in crate::directory) fn take_over(&self, reading: &Reading, is_fresh: bool) -> Result<(), Error> {
        let (people, read) = kept(reading)?;
        let people = Arc::new(people);
        let fresh = |held: &Held| Held { people: Arc::clone(&people), read, is_known: held.is_known || is_fresh };
        let before = self.held.rcu(|held| Arc::new(fresh(held)));
        let gone = before.people.keys().filter(|id| !people.contains_key(*id));
        let other = people.iter().filter(|(id, user)| before.people.get(*id) != Some(*user)).map(|(id, _)| id);
        let ids: Vec<String> = gone.chain(other).map(ToString::to_string).collect();
        if is_fresh && !before.is_known {
            self.tell(RiskChange::All);
        } else if !ids.is_empty() {
            self.tell(RiskChange::People(ids));
        }
        Ok(())
    }

    /// What each reading from now on changes. Whoever is told that they have lagged must look at everybody.
    pub fn changes(&self) -> broadcast::Receiver<Arc<RiskChange>> {
        self.changes.subscribe()
    }

    /// The risk of an account.
    pub fn of(&self, object_id: &str) -> Risk {
        let held = self.held.load();
        match (held.people.get(fold(object_id).as_str()).map(|user| user.risk()), held.is_known) {
            (Some(risk), true) => risk,
            // There is nothing higher that it could be by now.
            (Some(Risk::High), false) => Risk::High,
            (None, true) => Risk::None,
            (_, false) => Risk::Unknown,
        }
    }

    /// What was said of an account.
    pub fn user(&self, object_id: &str) -> Option<Arc<RiskyUser>> {
        self.held.load().people.get(fold(object_id).as_str()).map(Arc::clone)
    }

    /// Everybody of whom something was said, by object ID, folded.
    pub fn people(&self) -> Vec<(String, Arc<RiskyUser>)> {
        let held = self.held.load();
        let mut people: Vec<_> = held.people.iter().map(|(id, user)| (id.to_string(), Arc::clone(user))).collect();
        people.sort_by(|one, other| one.0.cmp(&other.0));
        people
    }

    /// How many people are at risk.
    pub fn count(&self) -> usize {
        self.held.load().people.values().filter(|user| user.state.is_at_risk()).count()
    }

    /// When it was read the last time.
    pub fn read(&self) -> Option<Timestamp> {
        self.held.load().read
    }

    /// Whether whoever is not in it has no risk.
    pub fn is_known(&self) -> bool {
        self.held.load().is_known
    }

    /// Has what was read count for as long as `stale_after`, from when it was read.
    pub fn judge(&self, now: Timestamp, stale_after: SignedDuration) {
        let judged = |held: &Held| held.read.is_some_and(|read| now.duration_since(read) <= stale_after);
        if judged(&self.held.load()) == self.is_known() {
            return;
        }
        let before = self.held.rcu(|held| Arc::new(Held { is_known: judged(held), ..(**held).clone() }));
        if judged(&before) != before.is_known {
            self.tell(RiskChange::All);
        }
    }

    fn tell(&self, change: RiskChange) {
        // Nobody may be following.
        drop(self.changes.send(Arc::new(change)));
    }
}

impl Directory {
    /// Who is at risk.
    pub fn risks(&self) -> &RiskTable {
        &self.risks
    }

    /// Puts what was read in the place of what was known, on the disk first, if this node leads.
    pub(super) async fn put_risks(&self, fresh: Vec<(String, RiskyUser)>, now: Timestamp) -> Result<(), Error> {
        let before = self.risks.held.load_full();
        let mut people: HashMap<Box<str>, Arc<RiskyUser>> = HashMap::new();
        for (id, user) in fresh {
            let id = fold(&id).into_boxed_str();
            let known = before.people.get(&id).filter(|known| known.state.is_at_risk() && user.state.is_at_risk());
            let since = known.map_or(user.since, |known| known.since);
            people.insert(id, Arc::new(RiskyUser { since, ..user }));
        }
        let gone = before.people.keys().filter(|id| !people.contains_key(*id)).map(|id| (id.to_string(), None));
        let other = people.iter().filter(|(id, user)| before.people.get(*id) != Some(*user));
        let other = other.map(|(id, user)| (id.to_string(), Some(Arc::clone(user))));
        let changed: Vec<(String, Option<Arc<RiskyUser>>)> = gone.chain(other).collect();
        let remembered = serde_json::to_vec(&Remembered { read: now })?;
        // The writer has it count, and tells it.
        self.write(move |edit| {
            edit.lead()?;
            for (id, user) in &changed {
                let octets = user.as_deref().map(serde_json::to_vec).transpose()?;
                edit.set_risk(id, octets.as_deref())?;
            }
            edit.set_risks_read(&remembered)
        })
        .await
    }
}

/// What the file says of people, by object ID, and when that was read.
fn kept(reading: &Reading) -> Result<(People, Option<Timestamp>), Error> {
    let mut people = HashMap::new();
    for (id, octets) in reading.risks()? {
        // Nobody knows what another version of this program has written in words of its own.
        let user = serde_json::from_slice(&octets).unwrap_or_else(|_| RiskyUser {
            level: Risk::Unknown,
            state: RiskState::Unknown,
            detail: String::new(),
            updated: None,
            since: Timestamp::UNIX_EPOCH,
        });
        people.insert(id.into_boxed_str(), Arc::new(user));
    }
    let kept = reading.state(RISKS_READ)?.and_then(|kept| serde_json::from_slice::<Remembered>(&kept).ok());
    Ok((people, kept.map(|kept| kept.read)))
}
