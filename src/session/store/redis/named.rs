//! Which sessions were kept with a name, and which were kept by a version that knew of no names.

use super::shared::{NAMED, Shared};
use crate::session::store::{Error, Key};

/// [`NAMED`] as a score.
const NAMED_SCORE: f64 = 1_125_899_906_842_624.0;

impl Shared {
    /// Whether there is a session that has been given no name.
    pub(super) async fn has_unnamed(&self) -> Result<bool, Error> {
        let mut command = redis::cmd("ZCOUNT");
        command.arg(self.name("ends", &[])).arg(self.clock.now().as_millisecond()).arg(NAMED - 1);
        Ok(self.command::<u64>(command).await? > 0)
    }

    /// Those of these sessions that have been given no name.
    pub(super) async fn unnamed_of(&self, mut ids: Vec<Key>) -> Result<Vec<Key>, Error> {
        let mut command = redis::cmd("ZMSCORE");
        command.arg(self.name("ends", &[]));
        for id in &ids {
            command.arg(id.as_slice());
        }
        let scores: Vec<Option<f64>> = self.command(command).await?;
        let mut scores = scores.into_iter();
        ids.retain(|_| scores.next().flatten().is_none_or(|score| score < NAMED_SCORE));
        Ok(ids)
    }
}
