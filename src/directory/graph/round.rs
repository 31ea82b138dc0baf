//! One round: all pages are read and kept, and then applied together with the links for the next one.

use std::collections::HashSet;
use std::sync::Arc;

use url::Url;

use super::apply::{Applied, Done, LossBounds, apply};
use super::asking::Asking;
use super::page::{self, Page};
use super::staged::{Part, Progress, Staged};
use super::status::{self, DisabledMany, Remembered};
use super::{Fault, Sync};
use crate::directory::Error;
use crate::egress::client::Client;

/// How often a round begins again, if Graph wants it to.
const TRIES: usize = 3;

/// Pages of one round, at most.
const MOST_PAGES: u64 = 1_000_000;

/// Bytes of all pages of one round, at most.
const MOST_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// How often a page is asked for that breaks off in the middle.
const PAGE_TRIES: u32 = 3;

/// The page at a link, as it came and as it is read.
async fn page_at(asking: &Asking<'_>, link: &str, part: Part) -> Result<(bytes::Bytes, Page), Fault> {
    let mut last = Fault::PageExpired;
    for _ in 0..PAGE_TRIES {
        let body = asking.page(link, part.wanted()).await?;
        match Page::read(&body) {
            Ok(page) => return Ok((body, page)),
            Err(fault) if fault.may_pass() => last = fault,
            Err(fault) => return Err(fault),
        }
    }
    Err(last)
}

impl Sync {
    /// Makes a round: of what has changed, or of everything with `all`, or if Graph wants that. With `accepts`, it may
    /// remove as much as it likes.
    pub(super) async fn round(&self, client: Client, all: bool, accepts: bool) -> Result<Done, Fault> {
        let base = self.config.graph();
        let base = Url::parse(&base).map_err(|error| Fault::Answer(format!("`{base}` is no address: {error}")))?;
        let asking = Asking::new(&base, client, &self.tokens, &self.clock)?;
        let mut all = all;
        let mut last = Fault::Resync;
        for _ in 0..TRIES {
            let mut staged = Staged::open(&self.staged, self.beginning(all)?)?;
            self.status.reads(&staged.progress);
            match self.read(&mut staged, &asking).await {
                Ok(()) => {
                    let done = self.take(staged, accepts).await?;
                    if done.full || self.domains.report().is_none() {
                        self.domains.read(&asking, &self.config.graph()).await;
                    }
                    return Ok(done);
                }
                Err(Fault::Resync) => {
                    tracing::info!(
                        directory = self.directory.name(),
                        "everything is read anew: the delta link is no longer good"
                    );
                    staged.remove();
                    (all, last) = (true, Fault::Resync);
                }
                Err(Fault::PageExpired) => {
                    if let Some((part, _)) = staged.progress.next.clone() {
                        staged.restart(part)?;
                    }
                    last = Fault::PageExpired;
                }
                Err(fault) => {
                    // What an answer says wrongly, it may go on saying until the round begins at its start.
                    if matches!(fault, Fault::Answer(_) | Fault::Absent) {
                        staged.remove();
                    }
                    return Err(fault);
                }
            }
        }
        Err(last)
    }

    /// Where a round begins: at the links of the last one, or at the beginning.
    fn beginning(&self, all: bool) -> Result<Progress, Fault> {
        let graph = self.config.graph();
        let of = format!("{graph} {} {} {}", self.config.tenant, page::USERS, page::GROUPS);
        let known = status::remembered(&self.directory);
        let after = known.as_ref().map(|known| known.last_good);
        let progress = match known.filter(|known| !all && known.of == of) {
            Some(known) => Progress::begin(of, false, known.links),
            None => {
                let users = format!("{graph}/v1.0/users/delta?$select={}", page::USERS);
                let groups = format!("{graph}/v1.0/groups/delta?$select={}", page::GROUPS);
                Progress::begin(of, true, [users, groups])
            }
        };
        Ok(Progress { after, ..progress })
    }

    /// Reads the pages that are still missing.
    async fn read(&self, staged: &mut Staged, asking: &Asking<'_>) -> Result<(), Fault> {
        let mut asked = HashSet::new();
        while let Some((part, link)) = staged.progress.next.clone() {
            if !asked.insert(link.clone()) || staged.progress.pages >= MOST_PAGES {
                return Err(Fault::Answer("the next links of its pages lead in a circle".to_owned()));
            }
            let (body, page) = page_at(asking, &link, part).await?;
            if staged.progress.bytes.saturating_add(body.len() as u64) > MOST_BYTES {
                return Err(Fault::Answer(format!("its pages have more than {MOST_BYTES} bytes")));
            }
            page.objects.iter().try_for_each(|object| page::id(object).map(drop))?;
            staged.keep(part, &body, &page)?;
            self.status.reads(&staged.progress);
        }
        Ok(())
    }

    /// Applies the round, and remembers in the same write where the next one begins, unless it was not applied whole.
    async fn take(&self, staged: Staged, accepts: bool) -> Result<Done, Fault> {
        self.status.applies();
        let staged = Arc::new(staged);
        let (round, now) = (Arc::clone(&staged), self.clock.now());
        let graph = &self.config;
        let (removed, disabled, left) = (graph.most_removed, graph.most_disabled, graph.most_left);
        let bounds = (!accepts).then_some(LossBounds { removed, disabled, left });
        let before = status::remembered(&self.directory);
        let applied = self.directory.write(move |edit| {
            edit.lead()?;
            let Applied { done, held_back, alarm } = apply(edit, &round, bounds)?;
            let alarm = alarm.map(|(disabled, of)| DisabledMany { at: now, disabled, of });
            if let Some(alarm) = &alarm {
                edit.set_state(status::ALARM, Some(&serde_json::to_vec(alarm).map_err(Error::from)?))?;
            }
            // The next round begins where this one did, and so tells again what is removed.
            if let Some(fault) = held_back {
                return Ok((Err(fault), alarm));
            }
            let last_full = if done.full { Some(now) } else { before.as_ref().and_then(|before| before.last_full) };
            let remembered = Remembered {
                of: round.progress.of.clone(),
                links: round.progress.deltas.clone(),
                last_good: now,
                last_full,
                done: done.clone(),
            };
            let state = serde_json::to_vec(&remembered).map_err(Error::from)?;
            edit.set_state(status::STATE, Some(&state))?;
            Ok::<_, Fault>((Ok((done, remembered)), alarm))
        });
        let outcome = applied.await;
        // Whatever it would remove, the next round must ask for anew: it may have been a fault of the source.
        staged.remove();
        let (outcome, alarm) = outcome?;
        if let Some(DisabledMany { disabled, of, .. }) = alarm {
            tracing::error!(
                directory = self.directory.name(),
                disabled,
                of,
                "Microsoft Graph has disabled more people at once than `most_disabled` finds usual: they are signed out; look in Entra ID whether that is right"
            );
        }
        let (done, remembered) = outcome?;
        self.status.knows(remembered);
        Ok(done)
    }
}
