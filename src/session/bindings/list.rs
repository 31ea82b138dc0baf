//! Which devices a person has: a list beside the bindings, changed by compare and swap as bindings are.

use super::{ATTEMPTS, Bindings, LIST};
use crate::clock::after;
use crate::identity::User;
use crate::seal::fingerprint;
use crate::session::person;
use crate::session::store::{Error, Key, Kind};

impl Bindings {
    /// The list of a person's devices: the record as it is kept (for the swap), and the keys in it. Some may be over.
    pub(super) async fn list(&self, user: &User) -> Result<(Option<Vec<u8>>, Vec<Key>), Error> {
        let seen = self.store.peek(Kind::Name, list_key(user)).await?;
        let list: Vec<u128> =
            seen.as_deref().and_then(|record| serde_json::from_slice(record).ok()).unwrap_or_default();
        Ok((seen, list.into_iter().map(u128::to_be_bytes).collect()))
    }

    /// Changes the list of a person's devices. Devices that have expired or were revoked are taken off it before `edit`
    /// sees it.
    pub(super) async fn edit_list(
        &self,
        user: &User,
        edit: impl Fn(&mut Vec<Key>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let expires = after(self.clock.now(), LIST);
        for _ in 0..ATTEMPTS {
            let (seen, mut list) = self.list(user).await?;
            let mut live = Vec::new();
            for key in list.drain(..) {
                if self.peek((Kind::Name, key)).await?.1.is_some_and(|binding| !binding.revoked) {
                    live.push(key);
                }
            }
            edit(&mut live)?;
            let numbers: Vec<_> = live.into_iter().map(u128::from_be_bytes).collect();
            let record = serde_json::to_vec(&numbers).unwrap_or_default();
            if self.store.swap(Kind::Name, list_key(user), seen, record, expires).await? {
                return Ok(());
            }
        }
        Err(Error::Full)
    }
}

/// The key of the list of a person's devices. No label has this form, so that the list cannot be taken for a binding.
fn list_key(user: &User) -> Key {
    fingerprint(&format!("devices {}", u128::from_be_bytes(person(user))))
}
