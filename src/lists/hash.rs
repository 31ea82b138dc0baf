//! Hashes a host label by label from its end, so that every domain above it costs one more label.

#![expect(clippy::cast_possible_truncation, reason = "both halves of a product are wanted")]

use memchr::memrchr;

/// Any odd number with its bits well spread will do (here: the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Takes one more part of a key, a label or a path segment, into `hash`.
///
/// Whoever writes a list, or asks for a host, does not know the key that the first hash is. All they could do with a
/// collision is cost time: keys are compared in full.
pub(super) fn part(hash: u64, part: &[u8]) -> u64 {
    let (words, rest) = part.as_chunks::<8>();
    let mut hash = hash ^ (part.len() as u64).rotate_left(56);
    for word in words {
        hash = fold(hash ^ u64::from_le_bytes(*word));
    }
    let last = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    fold(hash ^ last)
}

/// Multiplies in 128 bits, and folds both halves.
fn fold(word: u64) -> u64 {
    let product = u128::from(word) * u128::from(SPREAD);
    (product as u64) ^ ((product >> 64) as u64).rotate_left(32)
}

/// The hash of a whole host.
pub(super) fn host(key: u64, name: &[u8]) -> u64 {
    Suffixes::new(key, name).last().map_or(key, |(hash, _)| hash)
}

/// `c`, `b.c`, `a.b.c`: each with its hash.
pub(super) struct Suffixes<'n> {
    name: &'n [u8],
    /// What is left of the name, if anything is.
    rest: Option<&'n [u8]>,
    hash: u64,
}

impl<'n> Suffixes<'n> {
    pub(super) fn new(key: u64, name: &'n [u8]) -> Self {
        Self { name, rest: Some(name), hash: key }
    }
}

impl<'n> Iterator for Suffixes<'n> {
    type Item = (u64, &'n [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let begin = memrchr(b'.', rest).map_or(0, |dot| dot + 1);
        self.rest = begin.checked_sub(1).and_then(|dot| rest.get(..dot));
        self.hash = part(self.hash, rest.get(begin..)?);
        Some((self.hash, self.name.get(begin..)?))
    }
}
