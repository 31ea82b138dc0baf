//! A table by number, of which a copy is cheap, and changing a few entries of the copy, too.

use std::sync::Arc;

/// How many entries are copied when one of them changes.
const CHUNK: usize = 256;

/// Entries by number.
#[derive(Debug)]
pub(super) struct Slots<T> {
    chunks: Vec<Arc<Vec<Option<Arc<T>>>>>,
    count: usize,
}

impl<T> Clone for Slots<T> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), count: self.count }
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), count: 0 }
    }
}

impl<T> Slots<T> {
    pub(super) fn get(&self, number: u32) -> Option<&Arc<T>> {
        let (chunk, place) = place(number);
        self.chunks.get(chunk)?.get(place)?.as_ref()
    }

    /// Puts an entry in its place, and gives back what was there.
    pub(super) fn set(&mut self, number: u32, entry: Option<Arc<T>>) -> Option<Arc<T>> {
        let (chunk, place) = place(number);
        while self.chunks.len() <= chunk {
            self.chunks.push(Arc::new(vec![None; CHUNK]));
        }
        let slot = Arc::make_mut(self.chunks.get_mut(chunk)?).get_mut(place)?;
        self.count += usize::from(entry.is_some());
        let before = std::mem::replace(slot, entry);
        self.count -= usize::from(before.is_some());
        before
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// All entries, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().flatten())
    }
}

fn place(number: u32) -> (usize, usize) {
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    (number / CHUNK, number % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_in_the_copy_alone() {
        let mut one = Slots::default();
        for number in [0, 255, 256, 70_000] {
            assert!(one.set(number, Some(Arc::new(number))).is_none());
        }
        let mut other = one.clone();
        assert_eq!(other.set(256, None).as_deref(), Some(&256));
        assert_eq!(other.set(7, Some(Arc::new(7))), None);
        let all = |slots: &Slots<u32>| slots.iter().map(|entry| **entry).collect::<Vec<_>>();
        assert_eq!((all(&one), one.len()), (vec![0, 255, 256, 70_000], 4));
        assert_eq!((all(&other), other.len()), (vec![0, 7, 255, 70_000], 4));
        assert_eq!((one.get(1), one.get(u32::MAX), other.get(256)), (None, None, None));
    }
}
