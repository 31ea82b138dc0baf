//! FieldNames of fields, in sets that say quickly of most names that they are not in them.
//!
//! A message has ten or twenty fields, and a proxy asks of each whether it is one of thirty names, and of thirty names whether
//! they are there: without a shortcut that is most of what a head costs.

/// The mark of a name: one of 64 bits, by its length and its first and last octets, without regard to case. FieldNames that are
/// the same have the same mark. That two marks are the same says nothing. The factors keep the marks of what Vestibule
/// looks for apart from those of most fields that browsers and origins send.
#[inline]
pub(crate) const fn mark(name: &[u8]) -> u64 {
    match name {
        [] => 0,
        [only] => 1 << ((54 * (*only as usize | 0x20) + 1) % 64),
        [first, .., last] => 1 << (((*first as usize | 0x20) + 53 * (*last as usize | 0x20) + name.len()) % 64),
    }
}

/// A set of names, compared without regard to case.
#[derive(Debug)]
pub struct FieldNames<'a> {
    names: &'a [&'a str],
    marks: u64,
}

impl<'a> FieldNames<'a> {
    /// The set of these.
    pub const fn of(names: &'a [&'a str]) -> Self {
        let (mut marks, mut rest) = (0, names);
        while let Some((name, others)) = rest.split_first() {
            marks |= mark(name.as_bytes());
            rest = others;
        }
        Self { names, marks }
    }

    /// Whether this is one of them.
    #[inline]
    pub fn has(&self, name: &[u8]) -> bool {
        self.marks & mark(name) != 0 && self.names.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_set_has_its_names_in_any_case_and_no_other() {
        const SET: FieldNames<'_> = FieldNames::of(&["host", "te", "x", "transfer-encoding"]);
        for name in ["host", "HOST", "Host", "TE", "X", "x", "Transfer-Encoding"] {
            assert!(SET.has(name.as_bytes()), "{name}");
        }
        // The third has the length and the ends of a name that is there.
        for name in ["", "hos", "hxxt", "t", "xx", "transfer-encodings"] {
            assert!(!SET.has(name.as_bytes()), "{name}");
        }
        assert!(!FieldNames::of(&[]).has(b"") && !FieldNames::of(&[]).has(b"host"));
    }

    proptest! {
        #[test]
        fn the_mark_of_a_name_is_one_bit_whatever_its_case(name in "[!-~]{1,20}") {
            let mark = mark(name.as_bytes());
            prop_assert_eq!(mark.count_ones(), 1);
            prop_assert_eq!(mark, super::mark(name.to_ascii_uppercase().as_bytes()));
            prop_assert_eq!(mark, super::mark(name.to_ascii_lowercase().as_bytes()));
            prop_assert!(FieldNames::of(&[&name]).has(name.to_ascii_uppercase().as_bytes()));
        }
    }
}
