//! The fields of a message as they were sent: their order, case and octets stay.

use std::ops::Range;

use bytes::Bytes;
use memchr::memchr;

use super::error::HeadError;

/// The fields of a message (RFC 9110 §5). Names are compared without regard to case.
#[derive(Clone, Default)]
pub struct Fields {
    octets: Bytes,
    lines: Vec<Line>,
}

#[derive(Clone, Copy)]
struct Line {
    name: (u32, u32),
    value: (u32, u32),
}

impl Fields {
    /// Reads field lines from `start` to the empty line that must end `octets` (RFC 9112 §5). Repairs nothing.
    pub fn parse(octets: Bytes, start: usize, max: usize) -> Result<Self, HeadError> {
        let mut lines = Vec::with_capacity(16);
        let mut at = start;
        loop {
            let rest = octets.get(at..).unwrap_or_default();
            let length = memchr(b'\n', rest).ok_or(HeadError::BareCarriageReturn)?;
            let line = rest.get(..length).unwrap_or_default().strip_suffix(b"\r").ok_or(HeadError::BareLineFeed)?;
            if line.is_empty() {
                return Ok(Self { octets, lines });
            }
            if lines.len() == max {
                return Err(HeadError::TooManyFields);
            }
            let (name, value) = parse_line(line)?;
            let span = |range: Range<usize>| {
                let place = |offset: usize| u32::try_from(at + offset).map_err(|_| HeadError::TooLarge);
                Ok::<_, HeadError>((place(range.start)?, place(range.end)?))
            };
            lines.push(Line { name: span(name)?, value: span(value)? });
            at += length + 1;
        }
    }

    /// The value of the first line with this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let line = self.lines.iter().find(|line| self.is_named(line, name))?;
        Some(self.octets_of(line.value))
    }

    /// The values of all lines with this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.lines.iter().filter(|line| self.is_named(line, name)).map(|line| self.octets_of(line.value))
    }

    /// The members of a field that is a list (RFC 9110 §5.6.1).
    pub fn items<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let members = self.all(name).flat_map(|value| value.split(|b| *b == b','));
        members.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
    }

    /// The value of the first line with this name, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Whether there is a line with this name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.iter().map(|line| (self.octets_of(line.name), self.octets_of(line.value)))
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are no lines.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn is_named(&self, line: &Line, name: &str) -> bool {
        // The length first: most names differ in that already.
        (line.name.1 - line.name.0) as usize == name.len()
            && self.octets_of(line.name).eq_ignore_ascii_case(name.as_bytes())
    }

    fn octets_of(&self, (start, end): (u32, u32)) -> &[u8] {
        self.octets.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// Shows names alone, because values may be secret.
impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| String::from_utf8_lossy(name))).finish()
    }
}

/// For tests: the fields that these lines make.
#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Fields {
    fn from(lines: [(&str, &str); N]) -> Self {
        let mut octets: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        octets.push_str("\r\n");
        Self::parse(octets.into_bytes().into(), 0, N).unwrap()
    }
}

/// The places of name and value in a line.
fn parse_line(line: &[u8]) -> Result<(Range<usize>, Range<usize>), HeadError> {
    if line.first().is_some_and(|b| is_space(*b)) {
        return Err(HeadError::ObsoleteFolding);
    }
    let colon = memchr(b':', line).ok_or(HeadError::NoColon)?;
    let (name, after) = line.split_at_checked(colon).unwrap_or_default();
    if name.last().is_some_and(|b| is_space(*b)) {
        return Err(HeadError::SpaceBeforeColon);
    }
    if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
        return Err(HeadError::FieldName);
    }
    let value = after.get(1..).unwrap_or_default();
    // Without a way out of the loop, so that the compiler looks at many octets at a time.
    if !value.iter().fold(true, |all, octet| all & is_field_octet(*octet)) {
        return Err(if value.contains(&b'\r') { HeadError::BareCarriageReturn } else { HeadError::FieldValue });
    }
    let front = value.iter().take_while(|b| is_space(**b)).count();
    let back = value.iter().rev().take_while(|b| is_space(**b)).count();
    let start = colon + 1 + front;
    let end = (line.len() - back).max(start);
    Ok((0..colon, start..end))
}

/// SP or HTAB (RFC 9110 §5.6.3).
pub(super) fn is_space(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
}

/// Visible characters, spaces, and octets beyond ASCII (RFC 9110 §5.5).
pub(super) fn is_field_octet(octet: u8) -> bool {
    (octet >= 0x20 && octet != 0x7f) || octet == b'\t'
}

/// The octets of a token, a bit for each.
const TOKEN: u128 = {
    let mut bits = 0;
    let mut octet = 0;
    while octet < 128_u8 {
        if octet.is_ascii_alphanumeric()
            || matches!(
                octet,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            )
        {
            bits |= 1 << octet;
        }
        octet += 1;
    }
    bits
};

/// tchar (RFC 9110 §5.6.2).
pub(super) fn is_token(octet: u8) -> bool {
    octet < 128 && (TOKEN >> octet) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(octets: &[u8]) -> Result<Fields, HeadError> {
        Fields::parse(Bytes::copy_from_slice(octets), 0, 4)
    }

    #[test]
    fn fields_are_found_without_regard_to_case_and_keep_their_octets() {
        let fields = parse(b"Host:  news.test \t\r\nX-A: 1\r\nx-a:\r\nB: a , ,b\xe9\r\n\r\n").unwrap();
        assert_eq!(fields.text("host"), Some("news.test"));
        assert_eq!(fields.all("X-a").collect::<Vec<_>>(), [&b"1"[..], b""]);
        assert_eq!(fields.items("b").collect::<Vec<_>>(), [&b"a"[..], b"b\xe9"]);
        assert_eq!(fields.text("b"), None, "not text");
        assert_eq!(fields.iter().next(), Some((&b"Host"[..], &b"news.test"[..])));
        assert!(!fields.contains("hos") && fields.len() == 4);
        assert_eq!(format!("{fields:?}"), r#"["Host", "X-A", "x-a", "B"]"#);
    }

    #[test]
    fn lines_that_two_readers_could_read_in_two_ways_are_refused() {
        // RFC 9112 §5.1, §5.2, §2.2; RFC 9110 §5.5
        for (lines, error) in [
            (&b"A: 1\nB: 2\r\n\r\n"[..], HeadError::BareLineFeed),
            (b"A: 1\r\n\n", HeadError::BareLineFeed),
            (b"A: 1\rB: 2\r\n\r\n", HeadError::BareCarriageReturn),
            (b"A: 1\r\r\n\r\n", HeadError::BareCarriageReturn),
            (b"A: 1\r\n 2\r\n\r\n", HeadError::ObsoleteFolding),
            (b"A: 1\r\n\t2\r\n\r\n", HeadError::ObsoleteFolding),
            (b"A : 1\r\n\r\n", HeadError::SpaceBeforeColon),
            (b"A\t: 1\r\n\r\n", HeadError::SpaceBeforeColon),
            (b"A B: 1\r\n\r\n", HeadError::FieldName),
            (b": 1\r\n\r\n", HeadError::FieldName),
            (b"A\x00: 1\r\n\r\n", HeadError::FieldName),
            (b"A: \x00\r\n\r\n", HeadError::FieldValue),
            (b"A: \x7f\r\n\r\n", HeadError::FieldValue),
            (b"A\r\n\r\n", HeadError::NoColon),
            (b"A:1\r\nB:1\r\nC:1\r\nD:1\r\nE:1\r\n\r\n", HeadError::TooManyFields),
        ] {
            assert_eq!(parse(lines).unwrap_err(), error, "{}", lines.escape_ascii());
        }
    }
}
