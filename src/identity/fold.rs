//! Compares names without case, as directories, GUIDs and domains do.
//!
//! No character outside ASCII is folded into ASCII, so that a name that only looks like another stays a different one.

/// The name without case, for keys and stored names. Compare it with other names by [`is_same`].
pub fn fold(name: &str) -> String {
    folded(name).collect()
}

/// Whether two names differ at most in case. Allocates nothing.
pub fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || (!(one.is_ascii() && other.is_ascii()) && folded(one).eq(folded(other)))
}

/// A number that names have in common which differ in nothing but case. It allocates nothing.
pub fn hash(name: &str) -> u64 {
    // What is looked up by it comes from the operator, so nobody else can make names collide. Eight octets are one step, because
    // people are in hundreds of groups. The bit that tells small letters from capitals is set in each octet: that makes one of
    // some signs, too, which are told apart when names are compared.
    let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let begin = name.len() as u64;
    let end = |hash: u64| hash ^ (hash >> 32);
    if name.is_ascii() {
        let word = |octets: [u8; 8]| u64::from_le_bytes(octets) | 0x2020_2020_2020_2020;
        let (whole, rest) = name.as_bytes().as_chunks::<8>();
        let hash = whole.iter().fold(begin, |hash, octets| step(hash, word(*octets)));
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        return end(step(hash, word(last)));
    }
    let mut space = [0; 4];
    // The length of the name may be another one than that of the folded name.
    end(folded(name)
        .fold(0, |hash, c| c.encode_utf8(&mut space).bytes().fold(hash, |hash, octet| step(hash, octet.into()))))
}

/// Takes what [`hash`] has made for the hash that it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hashed(u64);

impl std::hash::Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.0 = self.0.rotate_left(8) ^ u64::from(*octet));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(|c| {
        // To upper case first, so that the two small sigmas of Greek become one letter.
        let small = c.to_uppercase().flat_map(char::to_lowercase);
        let keeps = !c.is_ascii() && small.clone().any(|small| small.is_ascii());
        keeps.then_some(c).into_iter().chain(small.filter(move |_| !keeps))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_tells_no_names_apart_and_looks_make_none_the_same() {
        for (one, other, same) in [
            ("Interns", "INTERNS", true),
            ("6A1F0C52-8D3B", "6a1f0c52-8d3b", true),
            ("Vertrieb Österreich", "VERTRIEB ÖSTERREICH", true),
            ("ΟΔΟΣ", "οδος", true),
            ("Ли́за", "ЛИ́ЗА", true),
            ("interns", "intern", false),
            ("Straße", "STRASSE", false),
            // KELVIN SIGN, LATIN SMALL LETTER DOTLESS I, LATIN SMALL LETTER LONG S.
            ("\u{212a}ate", "kate", false),
            ("\u{131}nterns", "interns", false),
            ("\u{130}nterns", "interns", false),
            ("intern\u{17f}", "interns", false),
        ] {
            assert_eq!((is_same(one, other), fold(one) == fold(other)), (same, same), "{one} {other}");
            assert!(is_same(&fold(one), one), "{one}");
            assert_eq!((hash(one) == hash(other), hash(&fold(one)) == hash(one)), (same, true), "{one} {other}");
        }
    }
}
