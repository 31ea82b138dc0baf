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
    // FNV-1a. What is looked up by it comes from the operator, so nobody else can make names collide.
    let step = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3);
    let begin = 0xcbf2_9ce4_8422_2325;
    if name.is_ascii() {
        return name.bytes().fold(begin, |hash, octet| step(hash, octet.to_ascii_lowercase()));
    }
    let mut space = [0; 4];
    folded(name).fold(begin, |hash, c| c.encode_utf8(&mut space).bytes().fold(hash, step))
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
