//! Finds objects by what they are called. It holds no names, only a keyed hash of each, so whoever asks compares.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hash as _, Hasher, RandomState};
use std::sync::Arc;

/// How many parts there are: a change copies one of them.
const SHARDS: usize = 4096;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Called {
    /// A person's object ID.
    PersonId,
    /// A UPN.
    Upn,
    /// A UPN on premises.
    OnPremisesUpn,
    /// A `sAMAccountName`; the qualifier is its domain.
    Sam,
    /// A primary mail address.
    Mail,
    /// Another mail address.
    Alias,
    /// A group's object ID.
    GroupId,
    /// A group's name for people to read.
    GroupName,
}

/// The numbers of the objects that are called so. Nearly always there is one.
#[derive(Clone, Debug)]
enum Posting {
    One(u32),
    Many(Box<[u32]>),
}

/// Numbers by the hash of a name.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// Its key is chosen anew in each process: people choose some of their names, and must not make them meet.
    state: RandomState,
    shards: Vec<Arc<Shard>>,
}

type Shard = HashMap<u64, Posting, BuildHasherDefault<AsItIs>>;

/// What is a hash already is not hashed once more.
#[derive(Clone, Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { state: RandomState::new(), shards: vec![Arc::default(); SHARDS] }
    }
}

impl Index {
    /// The numbers of what may be called so.
    pub(super) fn find(&self, called: Called, text: &str, within: &str) -> &[u32] {
        let hash = self.hash(called, text, within);
        match self.shards.get(shard(hash)).and_then(|shard| shard.get(&hash)) {
            Some(Posting::One(number)) => std::slice::from_ref(number),
            Some(Posting::Many(numbers)) => numbers,
            None => &[],
        }
    }

    pub(super) fn add(&mut self, called: Called, text: &str, within: &str, number: u32) {
        let hash = self.hash(called, text, within);
        let Some(shard) = self.shards.get_mut(shard(hash)).map(Arc::make_mut) else { return };
        let Some(posting) = shard.get_mut(&hash) else {
            shard.insert(hash, Posting::One(number));
            return;
        };
        let mut numbers = posting.numbers().to_vec();
        if !numbers.contains(&number) {
            numbers.push(number);
            *posting = Posting::Many(numbers.into());
        }
    }

    pub(super) fn remove(&mut self, called: Called, text: &str, within: &str, number: u32) {
        let hash = self.hash(called, text, within);
        let Some(shard) = self.shards.get_mut(shard(hash)).map(Arc::make_mut) else { return };
        let Some(posting) = shard.get_mut(&hash) else { return };
        let left: Vec<u32> = posting.numbers().iter().copied().filter(|own| *own != number).collect();
        match left[..] {
            [] => drop(shard.remove(&hash)),
            [one] => *posting = Posting::One(one),
            _ => *posting = Posting::Many(left.into()),
        }
    }

    /// Case does not count, as in `identity::fold`.
    fn hash(&self, called: Called, text: &str, within: &str) -> u64 {
        let mut hasher = self.state.build_hasher();
        called.hash(&mut hasher);
        for part in [text, within] {
            hash_folded(&mut hasher, part);
        }
        hasher.finish()
    }
}

impl Posting {
    fn numbers(&self) -> &[u32] {
        match self {
            Self::One(number) => std::slice::from_ref(number),
            Self::Many(numbers) => numbers,
        }
    }
}

/// A name that fits is folded on the stack; nearly every one does.
fn hash_folded(hasher: &mut impl Hasher, text: &str) {
    let mut space = [0; 64];
    match space.get_mut(..text.len()) {
        Some(folded) if text.is_ascii() => {
            folded.copy_from_slice(text.as_bytes());
            folded.make_ascii_lowercase();
            hasher.write(folded);
        }
        _ => hasher.write(crate::identity::fold::fold(text).as_bytes()),
    }
    hasher.write_u8(0xff);
}

fn shard(hash: u64) -> usize {
    // The map within uses the low bits and the highest seven.
    usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_copies_change_apart() {
        let mut one = Index::default();
        one.add(Called::Upn, "B.Simon@Contoso.com", "", 3);
        one.add(Called::Mail, "info@contoso.com", "", 3);
        one.add(Called::Mail, "INFO@contoso.com", "", 4);
        one.add(Called::Mail, "info@contoso.com", "", 4);
        one.add(Called::Sam, "ΟΔΟΣ", "contoso.com", 5);
        one.add(Called::Alias, &"x".repeat(300), "", 6);
        let mut other = one.clone();
        other.remove(Called::Mail, "Info@Contoso.com", "", 3);
        other.remove(Called::Upn, "b.simon@contoso.com", "", 3);
        other.remove(Called::Upn, "nobody@contoso.com", "", 3);
        assert_eq!(one.find(Called::Upn, "b.simon@contoso.com", ""), [3]);
        assert_eq!(one.find(Called::Mail, "info@contoso.com", ""), [3, 4]);
        assert_eq!(one.find(Called::Sam, "οδος", "CONTOSO.com"), [5]);
        assert_eq!(one.find(Called::Alias, &"X".repeat(300), ""), [6]);
        assert!(one.find(Called::Alias, "b.simon@contoso.com", "").is_empty(), "another kind of name");
        assert!(one.find(Called::Sam, "οδος", "fabrikam.com").is_empty());
        assert_eq!(other.find(Called::Mail, "info@contoso.com", ""), [4]);
        assert!(other.find(Called::Upn, "b.simon@contoso.com", "").is_empty());
    }
}
