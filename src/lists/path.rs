//! The path of a URL as it is compared: all that an origin may read it as.
//!
//! The path is forwarded as it was sent, and servers differ in how they read it: whether a `;` begins a parameter, whether
//! `%2F` or a backslash divides segments, whether a blank or a dot at the end of a segment is there, how often it is decoded,
//! and what `..` takes back after `//`. Nobody knows which server is asked, so what blocks looks at every reading, and what lets
//! through needs all of them.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::identity::fold::fold;

/// How a server may differ from the plainest one: a bit for each habit.
type Habits = u8;

/// It cuts parameters (`;x=1`, RFC 3986 §3.3) off the segments before it decodes them.
const CUTS_FIRST: Habits = 1;
/// It cuts them off after it has decoded; and what follows a NUL.
const CUTS_LAST: Habits = 2;
/// `%2F` divides segments.
const SLASH: Habits = 4;
/// So does a backslash, however it is written.
const BACKSLASH: Habits = 8;
/// Blanks and dots at the end of a segment are not there.
const TRIMS: Habits = 16;
/// It decodes twice, as one behind another does.
const TWICE: Habits = 32;
/// `..` after `//` takes back what is between the slashes, which is nothing (RFC 3986 §5.2.4).
const COUNTS_EMPTY: Habits = 64;

/// All combinations of habits.
const SERVERS: Habits = 128;

/// How many of the readings must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// Any one: so it is for what blocks.
    One,
    /// All of them: so it is for what lets through.
    All,
}

/// A path that was asked for, with what servers may read it as. It is read when somebody first wants to know, and allocates
/// nothing where all read the same.
#[derive(Debug)]
pub struct SeenPath<'p> {
    path: &'p str,
    /// Empty where the path is plain.
    readings: OnceCell<Vec<AsRead>>,
}

/// What some servers read a path as.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AsRead {
    /// Which ones: a bit for each combination of habits.
    servers: u128,
    /// Its segments, each after a slash, without case; empty where there is none.
    text: String,
}

/// The beginning of a path, which ends with a segment: `/admin` is `/admin` and `/admin/users`, but not `/administration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beginning(Vec<AsRead>);

impl<'p> SeenPath<'p> {
    /// The path of `target`, up to its query.
    pub fn of(target: &'p str) -> Self {
        Self { path: without_query(target), readings: OnceCell::new() }
    }

    /// Whether all servers read it as it is written, but for case.
    pub fn is_plain(&self) -> bool {
        self.readings().is_empty()
    }

    /// Whether so many readings meet the test. Each is slash and segment in turn, without case; or, where all servers read the
    /// same, the path as it was written.
    pub fn meets(&self, quorum: Quorum, mut test: impl FnMut(&str) -> bool) -> bool {
        self.meets_by(quorum, |_, text| test(text))
    }

    fn meets_by(&self, quorum: Quorum, mut test: impl FnMut(u128, &str) -> bool) -> bool {
        let readings = self.readings();
        let plain = readings.is_empty().then_some((u128::MAX, self.path));
        let mut all = plain.into_iter().chain(readings.iter().map(|reading| (reading.servers, &*reading.text)));
        match quorum {
            Quorum::One => all.any(|(servers, text)| test(servers, text)),
            Quorum::All => all.all(|(servers, text)| test(servers, text)),
        }
    }

    fn readings(&self) -> &[AsRead] {
        self.readings.get_or_init(|| if is_plain(self.path) { Vec::new() } else { readings(self.path) })
    }
}

impl Beginning {
    /// What is written so.
    pub fn of(path: &str) -> Self {
        Self(readings(without_query(path)))
    }

    /// Whether all paths that begin like `other` begin so, whoever reads them.
    pub fn covers(&self, other: &Self) -> bool {
        match (&*self.0, &*other.0) {
            ([wide], [narrow]) => begins(&narrow.text, &wide.text),
            (wide, narrow) => wide == narrow,
        }
    }

    /// Whether so many readings of a path begin so.
    ///
    /// What blocks means what is written. What lets through means it as the server does that reads the path: for one that
    /// knows no parameters, `/a;b` is not `/a`.
    pub fn begins(&self, path: &SeenPath<'_>, quorum: Quorum) -> bool {
        path.meets_by(quorum, |servers, text| match quorum {
            Quorum::One => self.0.first().is_some_and(|written| begins(text, &written.text)),
            Quorum::All => {
                let mut meant = self.0.iter().filter(|meant| meant.servers & servers != 0);
                meant.all(|meant| begins(text, &meant.text))
            }
        })
    }
}

/// The segments of a path in the plainest reading, each after a slash: decoded once, without case, without empty ones, `.` and
/// `..`. A slash that is written `%2F` divides nothing.
pub(super) fn plainest(path: &str) -> Cow<'_, str> {
    let path = without_query(path);
    if is_plain(path) && !path.bytes().any(|octet| octet.is_ascii_uppercase()) {
        return Cow::Borrowed(path.trim_end_matches('/'));
    }
    Cow::Owned(read(path, 0))
}

/// The segments of a reading.
pub(super) fn segments(text: &str) -> impl Iterator<Item = &str> {
    text.split('/').filter(|segment| !segment.is_empty())
}

fn begins(path: &str, beginning: &str) -> bool {
    let Some((head, rest)) = path.as_bytes().split_at_checked(beginning.len()) else { return false };
    head.eq_ignore_ascii_case(beginning.as_bytes()) && matches!(rest, [] | [b'/', ..])
}

fn without_query(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

/// Whether nothing is in a path that servers read in different ways.
fn is_plain(path: &str) -> bool {
    let mut before = b'x';
    let is_usual = |octet: u8| {
        let ends_oddly = octet == b'/' && matches!(before, b'/' | b'.');
        before = octet;
        !ends_oddly && octet.is_ascii_graphic() && !matches!(octet, b'%' | b';' | b'\\')
    };
    path.starts_with('/') && path.bytes().all(is_usual) && !path.ends_with('.')
}

/// What servers read a path as, the plainest one first; each reading once.
fn readings(path: &str) -> Vec<AsRead> {
    let relevant = relevant(path);
    let mut found: Vec<AsRead> = Vec::new();
    // Which reading each combination of habits has.
    let mut known = [0_usize; SERVERS as usize];
    for habits in 0..SERVERS {
        let at = if habits & !relevant == 0 {
            let text = read(path, habits);
            let same = found.iter().position(|reading| reading.text == text);
            same.unwrap_or_else(|| {
                found.push(AsRead { servers: 0, text });
                found.len() - 1
            })
        } else {
            // The same as without those that make no difference; that number is lower, and has been here.
            known.get(usize::from(habits & relevant)).copied().unwrap_or_default()
        };
        if let (Some(known), Some(reading)) = (known.get_mut(usize::from(habits)), found.get_mut(at)) {
            *known = at;
            reading.servers |= 1 << habits;
        }
    }
    found
}

/// The habits that can make a difference to a path.
fn relevant(path: &str) -> Habits {
    let once = decoded(path.as_bytes(), true);
    let twice = decoded(&once, true);
    let has = |octets: &[u8]| twice.iter().any(|octet| octets.contains(octet));
    let has_pair = |is: fn(u8, u8) -> bool| twice.windows(2).any(|pair| matches!(pair, [a, b] if is(*a, *b)));
    let slashes = |octets: &[u8]| octets.iter().filter(|octet| **octet == b'/').count();
    let ends_oddly = twice.last().copied().is_some_and(is_trimmed)
        || has_pair(|a, b| is_trimmed(a) && matches!(b, b'/' | b'\\' | b';' | b'?' | b'#' | 0));
    [
        (CUTS_FIRST, path.contains(';')),
        (CUTS_LAST, has(b";\0")),
        (SLASH, slashes(&twice) != slashes(path.as_bytes())),
        (BACKSLASH, has(b"\\")),
        (TRIMS, ends_oddly),
        (TWICE, once != twice || once.iter().any(|octet| matches!(octet, b'?' | b'#'))),
        (COUNTS_EMPTY, has_pair(|a, b| (a, b) == (b'.', b'.'))),
    ]
    .into_iter()
    .fold(0, |all, (habit, matters)| if matters { all | habit } else { all })
}

/// What a server of these habits reads.
fn read(path: &str, habits: Habits) -> String {
    let has = |habit| habits & habit != 0;
    let mut octets = Cow::Borrowed(path.as_bytes());
    if has(CUTS_FIRST) {
        octets = Cow::Owned(without_parameters(&octets, has(BACKSLASH)));
    }
    octets = Cow::Owned(decoded(&octets, has(SLASH)));
    if has(TWICE) {
        // For the second server, a query may begin where the first one saw none.
        let path = octets.split(|octet| matches!(octet, b'?' | b'#')).next().unwrap_or_default();
        octets = Cow::Owned(decoded(path, has(SLASH)));
    }
    if has(CUTS_LAST) {
        let path = octets.split(|octet| *octet == 0).next().unwrap_or_default();
        octets = Cow::Owned(without_parameters(path, has(BACKSLASH)));
    }
    let text = text(&octets);
    let is_slash = |c: char| c == '/' || has(BACKSLASH) && c == '\\';
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.strip_prefix(is_slash).unwrap_or(&text).split(is_slash) {
        match if has(TRIMS) { trimmed(segment) } else { segment } {
            "." => {}
            "" if !has(COUNTS_EMPTY) || !segment.is_empty() => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments.retain(|segment| !segment.is_empty());
    fold(&segments.iter().flat_map(|segment| ["/", *segment]).collect::<String>())
}

/// Octets, with what is percent-encoded in them decoded once (RFC 3986 §2.1); `%2F` only where it divides segments.
fn decoded(octets: &[u8], slash: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((first, after)) = rest.split_first() {
        let one = encoded(rest).filter(|(octet, _)| slash || *octet != b'/');
        let (octet, after) = one.unwrap_or((*first, after));
        decoded.push(octet);
        rest = after;
    }
    decoded
}

/// The octet that is percent-encoded at the beginning, and what follows it.
fn encoded(octets: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, after @ ..] = octets else { return None };
    let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((hex(*high)? << 4 | hex(*low)?, after))
}

/// What octets say in UTF-8; those that are none in it, in ISO 8859-1, as older servers have it.
fn text(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().copied().map(char::from));
    }
    text
}

/// A text as it reads when it is decoded once, and twice; without case.
pub fn decodings(sent: &str) -> [String; 2] {
    let once = decoded(sent.as_bytes(), true);
    [fold(&text(&once)), fold(&text(&decoded(&once, true)))]
}

fn without_parameters(octets: &[u8], backslash: bool) -> Vec<u8> {
    let mut is_in_one = false;
    let mut is_left = |octet: u8| {
        is_in_one = match octet {
            b';' => true,
            b'/' => false,
            b'\\' if backslash => false,
            _ => is_in_one,
        };
        !is_in_one
    };
    octets.iter().copied().filter(|octet| is_left(*octet)).collect()
}

fn is_trimmed(octet: u8) -> bool {
    octet == b'.' || octet <= b' '
}

/// A segment without the blanks and dots at its end; `..` stays what it is.
fn trimmed(segment: &str) -> &str {
    match segment.trim_end_matches(|c| c <= ' ') {
        ".." => "..",
        segment => segment.trim_end_matches(|c| c <= ' ' || c == '.'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_path_has_one_plainest_reading() {
        for (path, wanted) in [
            ("/ads/x", "/ads/x"),
            ("/ads/", "/ads"),
            ("//ads///x/", "/ads/x"),
            ("/Ads/%78?q=/y#z", "/ads/x"),
            ("/a/../ads/./x", "/ads/x"),
            ("/a/%2e%2E/ads/x", "/ads/x"),
            ("/../../ads/x", "/ads/x"),
            ("/a%2Fb", "/a%2fb"),
            ("/100%", "/100%"),
            ("/%zz", "/%zz"),
            ("/B%C3%9CCHER", "/b\u{fc}cher"),
            ("/B%DCCHER%C3%9C", "/b\u{fc}cher\u{fc}"),
            ("", ""),
            ("/", ""),
            ("*", "/*"),
        ] {
            assert_eq!(plainest(path), wanted, "{path}");
        }
        let long = format!("/secret{}{}/x", "/a".repeat(1000), "/..".repeat(999));
        assert_eq!(plainest(&long), "/secret/a/x", "no number of segments hides the first");
    }

    /// Whether a beginning is that of a path by any reading, and by all.
    fn begins_by(beginning: &str, path: &str) -> (bool, bool) {
        let (beginning, path) = (Beginning::of(beginning), SeenPath::of(path));
        (beginning.begins(&path, Quorum::One), beginning.begins(&path, Quorum::All))
    }

    #[test]
    fn what_some_server_reads_as_another_path_is_let_through_as_neither() {
        for path in [
            "/public/..;/secret",
            "/public/..;x=1/secret",
            "/public/..%3b/secret",
            "/public/..%3Bx/secret",
            "/public/%2e%2e;/secret",
            "/public;/..;/secret",
            "/public/..%2fsecret",
            "/public/%2e%2e%2fsecret",
            "/public%2f..%2fsecret",
            "/public/..%5csecret",
            "/public/..\\secret",
            "/public\\..\\secret",
            "/public/%252e%252e/secret",
            "/public/..%252fsecret",
            "/public/%252e%252e%255csecret",
            "/public/..%20/secret",
            "/public/..%09/secret",
            "/secret/admin.php/%5c..%5c..%5c..%5cpublic",
            "/secret//../public",
            "/secret%2f/../public",
            "/secret%3f/../public",
            "/secret%23/../public",
            "/secret%00/../public",
            "/secret/...%2f../../public",
            "/secret/x%2fy/../../public",
            "/secret;a%2f..%2f../public",
            "/secret/x;%2f../../public",
        ] {
            let (public, secret) = (begins_by("/public", path), begins_by("/secret", path));
            assert_eq!((public.1, secret.1), (false, false), "{path}: what lets through");
            assert!(secret.0, "{path}: what blocks");
        }
        // One that does not divide at %2F has a file of this name.
        assert_eq!(begins_by("/public", "/secret%2f..%2fpublic"), (true, false));
    }

    #[test]
    fn what_is_blocked_is_found_however_it_is_written() {
        for path in [
            "/admin",
            "/Admin/",
            "/admin;x=1/users",
            "/;/admin",
            "/;x/admin;y",
            "/%3b/admin",
            "/admin%3bx",
            "/admin%253bx/users",
            "/admin%20",
            "/admin%20%20/x",
            "/admin%2520",
            "/admin./x",
            "/admin.../x",
            "/admin%2e",
            "/admin.;x/y",
            "/admin%00",
            "/admin%00.html",
            "/admin%2fx",
            "/admin%252fx",
            "/%2fadmin/x",
            "/.%2fadmin",
            "/admin\\x",
            "/admin%5Cx",
            "\\admin",
            "/x\\..\\admin",
            "/x/..%5cadmin",
            "/x/..;/admin",
            "/x/..;a=b/admin",
            "/.../admin",
            "/%61dmin",
            "/%2561dmin",
            "/admin%3fx",
            "/./admin//x",
            "/x/../admin",
            "/x/%2e%2e/admin",
            "/x;%2f../admin",
            "/x%2f../admin;%2f..",
            "/x%2f..%2fadmin;%2f..",
        ] {
            assert!(begins_by("/admin", path).0, "{path}");
        }
        for path in ["/administration", "/x/admin", "/admi", "/x?/admin", "/x;/admin.php", "/admin/../x", "/", "", "*"]
        {
            assert_eq!(begins_by("/admin", path), (false, false), "{path}");
        }
    }

    #[test]
    fn what_is_let_through_is_still_reached_where_all_read_the_same() {
        for (beginning, path) in [
            ("/public", "/public"),
            ("/Public/", "/public?x=../y"),
            ("/public", "/Public/a%20b"),
            ("/public", "/public/"),
            ("/public", "/public/a;x=1/b"),
            ("/public", "/public/100%25"),
            ("/public", "/public/a%2Fb"),
            ("/public", "/public/v1./x"),
            ("/public", "/public/a//b?c=../../x"),
            ("/public", "/public/what%3f"),
            ("/public", "//public/x"),
            ("/public", "/public/x/../y"),
            ("/b\u{fc}cher", "/B%C3%9CCHER/1"),
            ("/a;b", "/a;b/c"),
            ("/a%2Fb", "/a%2fb/c"),
            ("/", "/whatever;x/..;/%2f"),
            ("/", ""),
        ] {
            assert_eq!(begins_by(beginning, path), (true, true), "{beginning} {path}");
        }
        // A server that knows no parameters takes each for another.
        assert_eq!(begins_by("/a;b", "/a/c"), (false, false));
        assert_eq!(begins_by("/a", "/a;b/c"), (true, false));
    }

    #[test]
    fn usual_paths_have_one_reading_and_odd_ones_few() {
        for path in ["/", "/a/b.html", "/Index.PHP", "/.well-known/x", "/a..b/c", "/a/", "/@x/~y+z=(1),2:3!"] {
            assert!(SeenPath::of(path).is_plain(), "{path}");
            assert_eq!(readings(path).len(), 1, "{path}");
        }
        for (path, count) in [("/a%20b/c", 1), ("/a;b/c", 2), ("/caf%C3%A9", 1), ("/a%2fb", 2)] {
            assert!(!SeenPath::of(path).is_plain(), "{path}");
            assert_eq!(readings(path).len(), count, "{path}");
        }
        let all = "/a;%2f%5c%252f%255c. /..;%3b//../%00".repeat(100);
        let found = readings(&all);
        assert!(found.len() <= usize::from(SERVERS));
        let servers = found.iter().fold(0, |all, reading| {
            assert_eq!(all & reading.servers, 0, "a server reads one thing");
            all | reading.servers
        });
        assert_eq!(servers, u128::MAX, "and each reads something");
    }

    #[test]
    fn no_habit_is_left_out_that_matters() {
        let parts =
            ["a", "..", ".", "", ";", "x;y", "%2f", "%5c", "\\", "%252e.", "%3b", "..%20", "b.", "%00c", "%3f", "%25"];
        let joined = parts.iter().flat_map(|one| parts.iter().map(move |two| (one, two)));
        for path in joined.flat_map(|(one, two)| [format!("/{one}/{two}/z"), format!("/q/{one}{two}")]) {
            let relevant = relevant(&path);
            for habits in 0..SERVERS {
                assert_eq!(read(&path, habits), read(&path, habits & relevant), "{path} {habits:#b}");
            }
            if is_plain(&path) {
                assert_eq!(readings(&path).len(), 1, "{path}");
            }
        }
    }
}
