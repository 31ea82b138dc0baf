//! The fields of a message as they were sent: their order, case and octets stay.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use memchr::memchr;

use super::error::HeadError;
use super::names::mark;

/// The fields of a message (RFC 9110 §5). Names are compared without regard to case.
#[derive(Clone, Default)]
pub struct Fields {
    octets: Bytes,
    lines: Vec<Line>,
    /// The marks of all names, so that a name that is not there need not be looked for, as most are that are asked for.
    marks: u64,
}

#[derive(Clone, Copy)]
struct Line {
    name: (u32, u32),
    value: (u32, u32),
}

/// What becomes of a line in a head that is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed<'a> {
    /// It is passed on as it is.
    Whole,
    /// It is passed on with this value.
    As(Cow<'a, [u8]>),
    /// It is left out.
    Not,
}

impl<'a> Passed<'a> {
    /// What becomes of a line of whose value this is left.
    pub fn of(left: Cow<'a, [u8]>) -> Self {
        match left {
            Cow::Borrowed(_) => Self::Whole,
            Cow::Owned(_) => Self::As(left),
        }
    }
}

impl Fields {
    /// Reads field lines from `start` to the empty line that must end `octets` (RFC 9112 §5). Repairs nothing.
    pub fn parse(octets: Bytes, start: usize, max: usize) -> Result<Self, HeadError> {
        // Values are short, and looked at faster all together. If no octet is one that no line may have, and there are as many
        // carriage returns as lines, then each value is as it should be. Else each line is looked at, to say what is wrong.
        let (bad, returns) = tally(octets.get(start..).unwrap_or_default());
        if bad == 0
            && let Ok(fields) = Self::read(octets.clone(), start, max, false)
            && returns == fields.len() + 1
        {
            return Ok(fields);
        }
        Self::read(octets, start, max, true)
    }

    /// The same; looks at the octets of values if `looks`.
    fn read(octets: Bytes, start: usize, max: usize, looks: bool) -> Result<Self, HeadError> {
        let mut lines = Vec::with_capacity(16);
        let (mut at, mut marks) = (start, 0);
        loop {
            let rest = octets.get(at..).unwrap_or_default();
            let length = memchr(b'\n', rest).ok_or(HeadError::BareCarriageReturn)?;
            let line = rest.get(..length).unwrap_or_default().strip_suffix(b"\r").ok_or(HeadError::BareLineFeed)?;
            if line.is_empty() {
                return Ok(Self { octets, lines, marks });
            }
            if lines.len() == max {
                return Err(HeadError::TooManyFields);
            }
            let (name, value) = parse_line(line, looks)?;
            marks |= mark(line.get(name.clone()).unwrap_or_default());
            let span = |range: Range<usize>| {
                let place = |offset: usize| u32::try_from(at + offset).map_err(|_| HeadError::TooLarge);
                Ok::<_, HeadError>((place(range.start)?, place(range.end)?))
            };
            lines.push(Line { name: span(name)?, value: span(value)? });
            at += length + 1;
        }
    }

    /// The value of the first line with this name.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let line = self.maybe_named(name).iter().find(|line| self.is_named(line, name))?;
        Some(self.octets_of(line.value))
    }

    /// The values of all lines with this name.
    #[inline]
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.maybe_named(name).iter().filter(|line| self.is_named(line, name)).map(|line| self.octets_of(line.value))
    }

    /// The members of a field that is a list (RFC 9110 §5.6.1).
    #[inline]
    pub fn items<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let members = self.all(name).flat_map(|value| value.split(|b| *b == b','));
        members.map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
    }

    /// The value of the first line with this name, if it is text.
    #[inline]
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Whether there is a line with this name.
    #[inline]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.iter().map(|line| (self.octets_of(line.name), self.octets_of(line.value)))
    }

    /// The same; the values are parts of the head's octets, and keep these.
    pub fn shared(&self) -> impl Iterator<Item = (&[u8], Bytes)> {
        self.iter().map(|(name, value)| (name, self.octets.slice_ref(value)))
    }

    /// Writes the lines as `judge` says of each, by its name and value, each as `name: value`. What stands so already and
    /// stays together is copied at once.
    pub fn pass<'a>(&'a self, octets: &mut Vec<u8>, mut judge: impl FnMut(&'a [u8], &'a [u8]) -> Passed<'a>) {
        // What is to be copied, and is not yet.
        let mut run = (0, 0);
        for line in &self.lines {
            let (name, value) = (self.octets_of(line.name), self.octets_of(line.value));
            let value = match judge(name, value) {
                Passed::Not => continue,
                Passed::As(other) => other,
                Passed::Whole => match self.standing(*line) {
                    Some((start, end)) if start == run.1 => {
                        run.1 = end;
                        continue;
                    }
                    Some(standing) => {
                        octets.extend_from_slice(self.octets_of(std::mem::replace(&mut run, standing)));
                        continue;
                    }
                    None => Cow::Borrowed(value),
                },
            };
            octets.extend_from_slice(self.octets_of(std::mem::take(&mut run)));
            for part in [name, b": ", &value, b"\r\n"] {
                octets.extend_from_slice(part);
            }
        }
        octets.extend_from_slice(self.octets_of(run));
    }

    /// Where this line stands with its end, if it stands as it is passed on: with one space before the value, and none after it.
    fn standing(&self, Line { name, value }: Line) -> Option<(u32, u32)> {
        let after = (value.1, value.1.saturating_add(2));
        let is_so = self.octets_of((name.1, value.0)) == b": " && self.octets_of(after) == b"\r\n";
        is_so.then_some((name.0, after.1))
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are no lines.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines, unless none of them can have this name.
    #[inline]
    fn maybe_named(&self, name: &str) -> &[Line] {
        if self.marks & mark(name.as_bytes()) == 0 { &[] } else { &self.lines }
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
fn parse_line(line: &[u8], looks: bool) -> Result<(Range<usize>, Range<usize>), HeadError> {
    let colon = line.iter().position(|b| !is_token(*b)).unwrap_or(line.len());
    let (name, after) = line.split_at_checked(colon).unwrap_or_default();
    if name.is_empty() || after.first() != Some(&b':') {
        return Err(wrong_name(line));
    }
    let value = after.get(1..).unwrap_or_default();
    // Without a way out of the loop, so that the compiler looks at many octets at a time.
    if looks && !value.iter().fold(true, |all, octet| all & is_field_octet(*octet)) {
        return Err(if value.contains(&b'\r') { HeadError::BareCarriageReturn } else { HeadError::FieldValue });
    }
    let front = value.iter().take_while(|b| is_space(**b)).count();
    let back = value.iter().rev().take_while(|b| is_space(**b)).count();
    let start = colon + 1 + front;
    let end = (line.len() - back).max(start);
    Ok((0..colon, start..end))
}

/// How many octets there are that no line may have, and how many carriage returns.
fn tally(octets: &[u8]) -> (usize, usize) {
    // In portions, so that a count is no wider than an octet, and the compiler looks at many octets at a time.
    octets.chunks(128).fold((0, 0), |(bad, returns), portion| {
        let (more, ends) = portion.iter().fold((0_u8, 0_u8), |(bad, returns), octet| {
            let (is_field, is_return) = (is_field_octet(*octet), *octet == b'\r');
            (bad + u8::from(!(is_field | is_return | (*octet == b'\n'))), returns + u8::from(is_return))
        });
        (bad + usize::from(more), returns + usize::from(ends))
    })
}

/// What is wrong with the name of a line.
#[cold]
fn wrong_name(line: &[u8]) -> HeadError {
    if line.first().is_some_and(|b| is_space(*b)) {
        return HeadError::ObsoleteFolding;
    }
    let Some(colon) = memchr(b':', line) else { return HeadError::NoColon };
    let before = colon.checked_sub(1).and_then(|last| line.get(last));
    if before.is_some_and(|b| is_space(*b)) { HeadError::SpaceBeforeColon } else { HeadError::FieldName }
}

/// SP or HTAB (RFC 9110 §5.6.3).
pub(super) fn is_space(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
}

/// Visible characters, spaces, and octets beyond ASCII (RFC 9110 §5.5).
pub(super) fn is_field_octet(octet: u8) -> bool {
    (octet >= 0x20 && octet != 0x7f) || octet == b'\t'
}

/// Which octets a token may have, by their numbers: each octet of each name is looked up.
#[expect(clippy::indexing_slicing, reason = "a place that there is not does not compile")]
static TOKEN: [bool; 256] = {
    let mut may = [false; 256];
    let mut octet = 0;
    while octet < 128_u8 {
        may[octet as usize] = octet.is_ascii_alphanumeric()
            || matches!(
                octet,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            );
        octet += 1;
    }
    may
};

/// tchar (RFC 9110 §5.6.2).
pub(super) fn is_token(octet: u8) -> bool {
    TOKEN.get(usize::from(octet)).is_some_and(|may| *may)
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
    fn what_is_passed_on_is_what_was_judged_line_by_line_however_the_lines_stand() {
        let head = b"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC:3\r\nD: 4 \r\nE:\t5\r\nF:\r\nG: \r\nH:  8\r\nI: 9\r\nJ: 10\r\nK: 11\r\n\r\n";
        let fields = Fields::parse(Bytes::copy_from_slice(head), 16, 20).unwrap();
        let passed = |judge: fn(&[u8]) -> Passed<'static>| {
            let mut octets = b">".to_vec();
            fields.pass(&mut octets, |name, _| judge(name));
            String::from_utf8(octets).unwrap()
        };
        assert_eq!(
            passed(|_| Passed::Whole),
            ">A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: \r\nG: \r\nH: 8\r\nI: 9\r\nJ: 10\r\nK: 11\r\n"
        );
        assert_eq!(
            passed(|name| if matches!(name, b"A" | b"C" | b"J") { Passed::Not } else { Passed::Whole }),
            ">B: 2\r\nD: 4\r\nE: 5\r\nF: \r\nG: \r\nH: 8\r\nI: 9\r\nK: 11\r\n"
        );
        assert_eq!(
            passed(|name| match name {
                b"B" | b"K" => Passed::As(Cow::Borrowed(b"x")),
                b"C" => Passed::As(Cow::Owned(b"y".to_vec())),
                b"A" | b"I" | b"J" => Passed::Whole,
                _ => Passed::Not,
            }),
            ">A: 1\r\nB: x\r\nC: y\r\nI: 9\r\nJ: 10\r\nK: x\r\n"
        );
        assert_eq!(passed(|_| Passed::Not), ">");
    }

    #[test]
    fn an_octet_that_no_line_may_have_is_seen_wherever_it_stands() {
        let head = |at: usize, octet: u8| {
            let mut head = format!("A: {}\r\nB: {}\r\nC: c\r\n\r\n", "a".repeat(70), "b".repeat(300)).into_bytes();
            head[at] = octet;
            head
        };
        let is_in_value = |at: usize| (3..73).contains(&at) || (78..378).contains(&at) || at == 383;
        for at in (0..384).filter(|at| is_in_value(*at)) {
            for octet in [0, 1, 0x1f, 0x7f, b'\r', b'\n', b'\t', b' ', 0x80, 0xff] {
                let is_field = !matches!(octet, 0 | 1 | 0x1f | 0x7f | b'\r' | b'\n');
                let read = parse(&head(at, octet));
                assert_eq!(read.is_ok(), is_field, "{octet} at {at}");
                if octet == b'\r' {
                    assert_eq!(read.unwrap_err(), HeadError::BareCarriageReturn, "at {at}");
                }
            }
        }
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
