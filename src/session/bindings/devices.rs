//! The devices of a person: each has a PAC file at a secret address, in which the proxy has a name of the device's own.

use super::{Bindings, Known};
use crate::clock::{Timestamp, after};
use crate::identity::User;
use crate::seal::random_text;
use crate::session::binding::{Binding, Place, Unbound};
use crate::session::ends::Held;
use crate::session::evidence::Evidence;
use crate::session::names;
use crate::session::store::{Error, Health, Key, Kind};
use crate::session::{Session, SessionId, person};

/// The longest name of a device, in characters.
const MAX_TITLE: usize = 60;

/// A device that was made just now. Its secret is not kept: nothing can give it out again.
#[derive(Debug)]
pub struct Issued {
    /// Its identifier.
    pub id: DeviceId,
    /// The secret in the address of its PAC file.
    pub secret: String,
    /// What the person calls it.
    pub title: String,
    /// When it ends, if nobody signs in over it.
    pub expires: Timestamp,
}

/// The identifier of a device: the fingerprint of its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeviceId(pub(super) Key);

/// A device of somebody's, as they see it.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its identifier.
    pub id: DeviceId,
    /// What the person calls it.
    pub title: String,
    /// When it was made.
    pub made: Timestamp,
    /// When it ends, if nobody signs in over it.
    pub expires: Timestamp,
    /// When it was last used, to within a few minutes.
    pub last_used: Option<Timestamp>,
    /// Where it counts. Empty until it is used.
    pub places: Vec<Place>,
    /// Whether its session goes on. If not, the device stands for nobody until its person signs in on it.
    pub is_signed_in: bool,
}

impl Bindings {
    /// Makes a device for the person of `session`; the device stands for that session until the session ends.
    pub async fn issue(&self, session: &Session, title: &str) -> Result<Issued, Error> {
        let (now, secret) = (self.clock.now(), random_text());
        let label = names::of_secret(&secret);
        let (_, key) = Evidence::Name(&label).place();
        let expires = after(now, self.config.load().expires);
        let binding = Binding::of_device(session, tidy(title), Evidence::Name(&label).shown(), now, expires);
        let record = serde_json::to_vec(&binding).unwrap_or_default();
        self.store.put(Kind::Name, key, record, expires).await?;
        let listed = self.edit_list(&session.user, |list| {
            list.push(key);
            if list.len() > self.config.load().max_per_person { Err(Error::Full) } else { Ok(()) }
        });
        if let Err(error) = listed.await {
            self.store.take(Kind::Name, key).await?;
            return Err(error);
        }
        self.store.sync().await?;
        let title = binding.title.clone();
        // Nobody can have read it, or changed it: its secret has not left this function.
        self.near.known().insert((Kind::Name, key), Known::new(binding));
        Ok(Issued { id: DeviceId(key), secret, title, expires })
    }

    /// The label that belongs to the PAC address with this secret, if its device is still good. While the store is
    /// away, any well-formed secret is given its label: one that was not made here stands for nobody anyway.
    pub async fn label_of(&self, secret: &str) -> Option<String> {
        let label = names::of_secret(secret);
        let is_good = match self.look_up(Evidence::Name(&label).place()).await {
            Ok(found) => found.is_some_and(|known| !known.binding.revoked && known.binding.expires > self.clock.now()),
            Err(_) => true,
        };
        is_good.then_some(label)
    }

    /// The devices of a person, the newest first.
    pub async fn devices(&self, user: &User) -> Result<Vec<Device>, Error> {
        let mut devices = Vec::new();
        for key in self.list(user).await?.1 {
            let Some(binding) = self.peek((Kind::Name, key)).await?.1 else { continue };
            if binding.revoked {
                continue;
            }
            let at_hand = self.near.known().get(&(Kind::Name, key)).and_then(|known| known.last_used());
            devices.push(Device {
                id: DeviceId(key),
                is_signed_in: self.sessions.is_live(binding.session).await,
                last_used: binding.last_used.max(at_hand),
                title: binding.title,
                made: binding.made,
                expires: binding.expires,
                places: binding.places,
            });
        }
        devices.sort_by_key(|device| std::cmp::Reverse(device.made));
        Ok(devices)
    }

    /// Revokes a device of this person: it stands for nobody any more. Gives what the person called it; `None` if it is
    /// not this person's.
    pub async fn revoke(&self, user: &User, id: DeviceId) -> Result<Option<String>, Error> {
        let owner = person(user);
        let revoked = self
            .change((Kind::Name, id.0), |held| {
                let mut binding = held.filter(|held| held.owner == owner && !held.revoked).ok_or(Unbound::Unknown)?;
                binding.revoked = true;
                Ok(binding)
            })
            .await?;
        let Ok(binding) = revoked else { return Ok(None) };
        self.edit_list(user, |list| {
            list.retain(|key| *key != id.0);
            Ok(())
        })
        .await?;
        self.store.sync().await?;
        if self.store.health() == Health::Forgetful {
            // The store's disk has not taken it. If the journal does not either, the revocation would not survive a
            // restart, and the caller must say that it has failed.
            let held = self.sessions.end_record(Kind::Name, id.0, owner).await;
            if held == Held::Fleeting {
                return Err(Error::Away);
            }
        }
        Ok(Some(binding.title))
    }

    /// Revokes a device and makes another one in its place, with an address and a name of its own.
    pub async fn reissue(&self, session: &Session, id: DeviceId) -> Result<Option<Issued>, Error> {
        let Some(title) = self.revoke(&session.user, id).await? else { return Ok(None) };
        self.issue(session, &title).await.map(Some)
    }

    /// Lets the devices of a person that stood for the session `from` stand for `session`, which has replaced it.
    pub async fn carry_over(&self, from: SessionId, session: &Session) -> Result<(), Error> {
        let owner = person(&session.user);
        for key in self.list(&session.user).await?.1 {
            let place = (Kind::Name, key);
            let is_of = |held: &Binding| held.owner == owner && held.session == from && !held.revoked;
            if !self.peek(place).await?.1.as_ref().is_some_and(is_of) {
                continue;
            }
            let edit = |held: Option<Binding>| {
                let mut binding = held.filter(is_of).ok_or(Unbound::Unknown)?;
                binding.session = session.id;
                Ok(binding)
            };
            // A device that somebody else has changed meanwhile is left as it is.
            drop(self.change(place, edit).await?);
        }
        Ok(())
    }
}

/// What a person calls a device, fit for a page and a log.
fn tidy(title: &str) -> String {
    let title: String = title.chars().filter(|c| !c.is_control()).take(MAX_TITLE).collect();
    title.trim().to_owned()
}
