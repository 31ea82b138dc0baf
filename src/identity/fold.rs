//! Names without case: what directories, GUIDs and domains call the same.
//!
//! Nothing outside ASCII becomes ASCII: a name that only looks like another one is another one.

/// A name as it is compared: folded once, and held against names as they are by [`is_same`].
pub fn fold(name: &str) -> String {
    folded(name).collect()
}

/// Whether two names differ in nothing but case. It allocates nothing.
pub fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || (!(one.is_ascii() && other.is_ascii()) && folded(one).eq(folded(other)))
}

fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(|c| {
        // By way of capitals, which the two small sigmas of Greek have in common.
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
        }
    }
}
