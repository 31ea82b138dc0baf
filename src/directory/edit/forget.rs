//! What is kept beside the rows: when people were deleted, until that is forgotten, and who is at risk.

use redb::ReadableTable as _;

use super::Edit;
use crate::directory::error::{Error, failed};
use crate::directory::feed::Feed;
use crate::directory::row::{PersonRow, Row as _};
use crate::directory::tables::{self, RISKS_READ};

impl Edit<'_> {
    /// Keeps what is said of the risk of an account; nothing is with `None`.
    pub(in crate::directory) fn set_risk(&mut self, id: &str, user: Option<&[u8]>) -> Result<(), Error> {
        (self.has_written, self.has_risks) = (true, true);
        match user {
            Some(user) => self.risks.insert(id, user).map(drop),
            None => self.risks.remove(id).map(drop),
        }
        .map_err(failed)
    }

    /// Notes when risks were read.
    pub(in crate::directory) fn set_risks_read(&mut self, read: &[u8]) -> Result<(), Error> {
        self.has_risks = true;
        self.set_state(RISKS_READ, Some(read))
    }

    /// Forgets those who were deleted before `before` (seconds since the epoch), and dates those who have been since the last
    /// time. Returns how many are forgotten: at most `most` at a time.
    pub(in crate::directory) fn forget_deleted(&mut self, now: i64, before: i64, most: usize) -> Result<usize, Error> {
        let (mut fresh, mut old) = (Vec::new(), Vec::new());
        for entry in self.tombstones.iter().map_err(failed)? {
            let (key, at) = entry.map_err(failed)?;
            match at.value() {
                0 => fresh.push(key.value()),
                at if at < before && old.len() < most => old.push(key.value()),
                _ => {}
            }
        }
        self.has_written |= !fresh.is_empty() || !old.is_empty();
        for key in fresh {
            self.tombstones.insert(key, now.max(1)).map_err(failed)?;
        }
        let mut forgotten = 0;
        for key in old {
            self.tombstones.remove(key).map_err(failed)?;
            let Some(feed) = Feed::ALL.into_iter().find(|feed| feed.number() == key.1) else { continue };
            let row: Option<PersonRow> = tables::row(&*self.people, key.0, feed)?;
            if let Some(row) = row.filter(|row| row.is_deleted) {
                self.people.remove(key).map_err(failed)?;
                self.forget_object(key.0, &row.key(feed))?;
                self.touch(key.0);
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    /// Forgets an object of which nobody says anything any more. Its number is not given to another one.
    fn forget_object(&mut self, number: u32, key: &str) -> Result<(), Error> {
        for feed in Feed::ALL {
            let place = (number, feed.number());
            let is_known = self.people.get(place).map_err(failed)?.is_some()
                || self.groups.get(place).map_err(failed)?.is_some()
                || !tables::groups_of(&*self.member_of, feed, number)?.is_empty();
            if is_known {
                return Ok(());
            }
        }
        self.objects.remove(key).map_err(failed)?;
        Ok(())
    }
}
