//! Does what another node has written, row by row, from its journal.

use std::io::Read;

use redb::ReadableTable as _;

use super::super::error::{Error, failed};
use super::super::journal::{Journal, Stroke, Strokes};
use super::super::tables::{FORMAT, RISKS_READ, number_of};
use super::super::whole::Whole;
use super::Edit;

/// What the file keeps of where this node stands among others: each node has its own.
pub(in super::super) const POSITION: &str = "nodes/position";

/// The entry of `meta` that says how the file is laid out.
const LAYOUT: &str = "format";

impl Edit<'_> {
    /// Does all that the journal says, in its order.
    ///
    /// # Errors
    /// [`Error::Journal`] if it is none, or is one of a newer version of this program; then nothing of this write counts.
    pub(in super::super) fn redo(&mut self, journal: impl Read) -> Result<(), Error> {
        let mut strokes = Strokes::of(journal);
        while let Some(stroke) = strokes.next().map_err(|error| Error::Journal(error.to_string()))? {
            self.redo_one(&stroke)?;
        }
        Ok(())
    }

    fn redo_one(&mut self, stroke: &Stroke) -> Result<(), Error> {
        let is_text = ["meta", "objects", "states", "risks"].into_iter().any(|table| number_of(table) == stroke.table);
        if is_text && std::str::from_utf8(&stroke.key).is_err() {
            return Err(Error::Journal("a name is no text".to_owned()));
        }
        let numbers = || numbers_in(&stroke.key);
        let damaged = || Error::Journal(format!("table {} has no such row", stroke.table));
        let is = |table| number_of(table) == stroke.table;
        if is("meta") {
            if stroke.key == LAYOUT.as_bytes() {
                let known = stroke.value.as_deref() == Some(FORMAT.to_le_bytes().as_slice());
                return known.then_some(()).ok_or_else(|| Error::Journal("it is of another layout".to_owned()));
            }
            self.meta.redo(stroke)?;
        } else if is("objects") {
            self.objects.redo(stroke)?;
        } else if is("people") {
            self.people.redo(stroke)?;
            self.touch(numbers().next().ok_or_else(damaged)?);
        } else if is("groups") {
            let was_there = self.groups.redo(stroke)?;
            let group = numbers().next().ok_or_else(damaged)?;
            // Which feed's members count depends on which feeds know the group.
            if !was_there || stroke.value.is_none() {
                self.touch_members(group)?;
            }
            self.touch(group);
        } else if is("ids") {
            self.ids.redo(stroke)?;
        } else if is("members") {
            self.members.redo(stroke)?;
            // The key is the feed, the group and the member.
            let member = stroke.key.get(5..).and_then(|octets| numbers_in(octets).next());
            self.touch(member.ok_or_else(damaged)?);
        } else if is("member_of") {
            self.member_of.redo(stroke)?;
            self.touch(numbers().next().ok_or_else(damaged)?);
        } else if is("documents") {
            self.documents.redo(stroke)?;
        } else if is("risks") {
            self.risks.redo(stroke)?;
            self.has_risks = true;
        } else if is("tombstones") {
            self.tombstones.redo(stroke)?;
        } else if is("states") {
            self.states.redo(stroke)?;
            self.has_risks |= stroke.key == RISKS_READ.as_bytes();
        } else {
            return Err(Error::Journal(format!("there is no table {}", stroke.table)));
        }
        self.has_written = true;
        Ok(())
    }

    /// Notes where this node stands, without telling others.
    pub(in super::super) fn stand(&mut self, position: Option<&[u8]>) -> Result<(), Error> {
        match position {
            Some(position) => self.states.quietly_insert(POSITION, position),
            None => self.states.quietly_remove(POSITION),
        }
        .map_err(failed)
    }

    /// Whether it is noted where this node stands.
    pub(in super::super) fn stands(&self) -> Result<bool, Error> {
        Ok(self.states.get(POSITION).map_err(failed)?.is_some())
    }
}

/// The numbers that octets begin with (redb writes them with the lowest octet first).
fn numbers_in(octets: &[u8]) -> impl Iterator<Item = u32> {
    octets.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk))
}

/// Takes down all that is in a file, but for where this node stands.
pub(in super::super) fn take_down<W: std::io::Write>(whole: &Whole, journal: &mut Journal<W>) -> Result<(), Error> {
    whole.each(|table, key, value| {
        if table != number_of("states") || key != POSITION.as_bytes() {
            journal.note(table, key, Some(value));
        }
    })
}
