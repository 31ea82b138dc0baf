//! Does what the other nodes have written, and has this node lead them.

use std::io::Write;
use std::sync::Arc;

use super::super::edit::{Edit, take_down};
use super::super::error::{Error, failed};
use super::super::journal::Journal;
use super::super::peers::{Mark, Peers, ToFollow};
use super::super::whole;
use super::Thread;

impl Thread {
    /// Follows the other nodes until there is nothing more; nothing if there are none.
    ///
    /// # Errors
    /// [`Error::Away`] if the store does not answer, or has lost what nodes tell each other and it has not been made anew.
    pub(super) fn follow_peers(&self) -> Result<(), Error> {
        let Some(peers) = self.peers.get() else { return Ok(()) };
        loop {
            match peers.next() {
                Ok(Some(ToFollow::Changes(changes))) => {
                    for change in changes {
                        self.redo(peers, &peers.journal(&change)?, change.mark)?;
                    }
                }
                Ok(Some(ToFollow::Copy(journal, mark))) => self.replace(peers, &journal, mark)?,
                Ok(None) => break,
                Err(Error::Away) => {
                    if !peers.candidate(|out| self.copy(out))? {
                        return Err(Error::Away);
                    }
                    self.note(peers)?;
                    tracing::warn!(
                        changes = peers.mark().changes,
                        "the shared store had lost what nodes tell each other of a directory: it goes on from what this node has"
                    );
                }
                Err(error) => return Err(error),
            }
        }
        if peers.wants_copy()? {
            peers.put_copy(|out| self.copy(out))?;
        }
        self.go_by_owners()
    }

    pub(super) fn take_lead(&self) -> Result<bool, Error> {
        let Some(peers) = self.peers.get() else { return Ok(true) };
        self.follow_peers()?;
        let leads = peers.lead()?;
        if leads {
            self.note(peers)?;
        }
        Ok(leads)
    }

    /// Writes down where this node stands.
    fn note(&self, peers: &Peers) -> Result<(), Error> {
        let write = self.file.begin_write()?;
        Edit::begin(&write, None, false)?.stand(Some(&serde_json::to_vec(&peers.mark())?))?;
        write.commit().map_err(failed)
    }

    fn redo(&self, peers: &Peers, journal: &[u8], mark: Mark) -> Result<(), Error> {
        let write = self.file.begin_write()?;
        let mut edit = Edit::begin(&write, None, false)?;
        edit.redo(journal)?;
        edit.stand(Some(&serde_json::to_vec(&mark)?))?;
        let used = Arc::clone(&self.used());
        let has_risks = edit.has_risks();
        let (next, changes) = edit.finish(&self.snapshot.load(), &used)?;
        write.commit().map_err(failed)?;
        peers.stand(mark);
        self.snapshot.store(Arc::new(next));
        drop(self.told.changes.send(Arc::new(changes)));
        if has_risks {
            self.told.risks.take_over(&self.file.read()?, false)?;
        }
        Ok(())
    }

    fn replace(&self, peers: &Peers, journal: &[u8], mark: Mark) -> Result<(), Error> {
        let before = peers.mark();
        let write = self.file.begin_write()?;
        whole::clear(&write)?;
        {
            let mut edit = Edit::begin(&write, None, false)?;
            edit.redo(journal)?;
            edit.stand(Some(&serde_json::to_vec(&mark)?))?;
        }
        write.commit().map_err(failed)?;
        peers.stand(mark);
        tracing::info!(
            before = before.changes,
            changes = mark.changes,
            "a directory was taken over whole from the node that leads it"
        );
        self.load_all()
    }

    fn copy(&self, out: &mut impl Write) -> Result<(), Error> {
        let mut journal = Journal::new(out);
        take_down(&self.file.whole()?, &mut journal)?;
        journal.finish().map(drop).map_err(|error| Error::Journal(error.to_string()))
    }
}
