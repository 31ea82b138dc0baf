//! Finds pseudo-header fields in a compressed field section (HPACK, RFC 7541 §6).
//!
//! This needs no dynamic table: we do not let clients use one, so each field is in the static table or written out.

/// The last entry of the static table that is a pseudo-header field (RFC 7541 §A).
const LAST_PSEUDO: usize = 14;

/// The first index beyond the static table. It would be in the dynamic table, which a client that follows our settings
/// does not have.
const DYNAMIC: usize = 62;

/// Whether there is a field whose name begins with a colon, or one whose name cannot be seen here. The library finds
/// what is not valid HPACK.
pub(super) fn has_pseudo_fields(block: &[u8]) -> bool {
    let mut rest = block;
    while let Some(first) = rest.first().copied() {
        // RFC 7541 §6.1, §6.2.1, §6.3, and §6.2.2 with §6.2.3.
        let (prefix, is_literal) = match first {
            0x80.. => (7, false),
            0x40..=0x7f => (6, true),
            0x20..=0x3f => (5, false),
            _ => (4, true),
        };
        let Some(index) = take_integer(&mut rest, prefix) else { return false };
        if (0x20..=0x3f).contains(&first) {
            continue;
        }
        if (1..=LAST_PSEUDO).contains(&index) || index >= DYNAMIC {
            return true;
        }
        if is_literal && index == 0 {
            let Some((is_coded, name)) = take_string(&mut rest) else { return false };
            if begins_with_colon(is_coded, name) {
                return true;
            }
        }
        if is_literal && take_string(&mut rest).is_none() {
            return false;
        }
    }
    false
}

/// Whether a name begins with a colon, whose Huffman code has seven bits (RFC 7541 §B).
fn begins_with_colon(is_coded: bool, name: &[u8]) -> bool {
    name.first().is_some_and(|first| if is_coded { first >> 1 == 0b101_1100 } else { *first == b':' })
}

/// Takes an integer with a prefix of this many bits (RFC 7541 §5.1).
fn take_integer(rest: &mut &[u8], prefix: u32) -> Option<usize> {
    let (first, mut after) = rest.split_first()?;
    let full = (1_usize << prefix) - 1;
    let mut value = usize::from(*first) & full;
    if value == full {
        let mut shift = 0;
        loop {
            let (octet, more) = after.split_first()?;
            after = more;
            let part = usize::from(octet & 0x7f).checked_shl(shift).filter(|_| shift <= 21)?;
            value = value.checked_add(part)?;
            shift += 7;
            if octet & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = after;
    Some(value)
}

/// Takes a string, undecoded, and whether it is Huffman-coded (RFC 7541 §5.2).
fn take_string<'a>(rest: &mut &'a [u8]) -> Option<(bool, &'a [u8])> {
    let is_coded = rest.first()? & 0x80 != 0;
    let length = take_integer(rest, 7)?;
    let (string, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some((is_coded, string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudo_header_fields_are_found_however_they_are_written() {
        let long = [&[0, 0x7f, 0x49][..], &[b'x'; 200], &[1, b'1', 0x84]].concat();
        for (block, has) in [
            (&[][..], false),
            (&[0, 1, b'x', 1, b'1'], false),
            // A size update, a name of the static table, the last entry of it.
            (&[0x20, 0x0f, 0x13, 1, b'1', 0xbd], false),
            // A value that begins with a colon, plain and coded.
            (&[0, 1, b'x', 2, b':', b'a', 0, 1, b'x', 0x81, 0xb9], false),
            (&[0, 5, b':', b'p', b'a', b't', b'h', 1, b'/'], true),
            (&[0x40, 5, b':', b'e', b'v', b'i', b'l', 0], true),
            (&[0x10, 0x84, 0xb9, 0x58, 0xd3, 0x3f, 1, b'/'], true),
            (&[0, 1, b'x', 1, b'1', 0x84], true),
            (&[0x81], true),
            (&[0x8e], true),
            (&[0x8f], false),
            (&[0x44, 1, b'/'], true),
            (&[0x04, 1, b'/'], true),
            (&[0x14, 1, b'/'], true),
            // Beyond the static table.
            (&[0xbe], true),
            (&[0x7e, 1, b'1'], true),
            (&[0x0f, 0x2f, 1, b'1'], true),
            (&long, true),
            // No HPACK.
            (&[0, 9, b'x'], false),
            (&[0xff], false),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], false),
            (&[0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], false),
        ] {
            assert_eq!(has_pseudo_fields(block), has, "{block:02x?}");
        }
    }
}
