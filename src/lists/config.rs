//! The `[[list]]` sections, as written.

use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use url::Url;

use super::read::Allowance;
use crate::config_path::ConfigPath;
use crate::units::{Duration, Size};

/// Lines of one list at most.
const MOST_LINES: u64 = 100_000_000;

/// One `[[list]]`, as written: a name, and one of `entries`, `file`, `folder` and `url`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name by which rules call it. A category of it is `name/category`.
    pub name: String,
    /// What is in it, written down here.
    pub entries: Option<Vec<String>>,
    /// A file: a list in one of the forms that are known, or an archive of categories (tar, packed with gzip or not).
    pub file: Option<ConfigPath>,
    /// A folder with one folder a category, in which there are files `domains` and `urls`.
    pub folder: Option<ConfigPath>,
    /// An https address where such a file is fetched.
    pub url: Option<Url>,
    /// How often it is fetched. Default: once a day.
    #[serde(default = "refresh")]
    pub refresh: Duration,
    /// The SHA-256 of what is fetched: nothing else is taken.
    pub sha256: Option<Digest>,
    /// An https address where its SHA-256 stands, as `sha256sum` writes it: fetched each time, and nothing else is taken.
    pub sha256_url: Option<Url>,
    /// How much is fetched, and read when it is unpacked. Default: 512 MiB.
    #[serde(default = "max_size")]
    pub max_size: Size,
}

/// Where a list comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// It is written down in the configuration.
    Entries(&'a [String]),
    /// A file.
    File(&'a Path),
    /// A folder of categories.
    Folder(&'a Path),
    /// An https address.
    Url(&'a Url),
}

/// A SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

/// What is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits, as `sha256sum` writes them")]
pub struct NotADigest;

/// Why a text holds no digest of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDigest {
    /// There is none at all.
    #[error(transparent)]
    None(#[from] NotADigest),
    /// There are several, and none of them is of that file.
    #[error("there are several, and none of them is of `{0}`")]
    OfOthers(String),
}

impl Config {
    /// Where it comes from. None unless exactly one of the four is written.
    pub fn source(&self) -> Option<Source<'_>> {
        match (&self.entries, &self.file, &self.folder, &self.url) {
            (Some(entries), None, None, None) => Some(Source::Entries(entries)),
            (None, Some(file), None, None) => Some(Source::File(file)),
            (None, None, Some(folder), None) => Some(Source::Folder(folder)),
            (None, None, None, Some(url)) => Some(Source::Url(url)),
            _ => None,
        }
    }

    /// How much of it is read.
    pub fn bounds(&self) -> Allowance {
        Allowance { octets: self.max_size.as_bytes(), lines: MOST_LINES }
    }
}

impl Source<'_> {
    /// The key that says so.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Entries(_) => "entries",
            Self::File(_) => "file",
            Self::Folder(_) => "folder",
            Self::Url(_) => "url",
        }
    }
}

impl Digest {
    /// Reads the digest of the file called `name` from a text such as `sha256sum` writes. Where there is one alone, it is that.
    pub fn of_file(text: &str, name: &str) -> Result<Self, NoDigest> {
        let of_line = |line: &'_ str| line.split_whitespace().find_map(|word| word.parse::<Self>().ok());
        let mut lines = text.lines().filter_map(|line| Some((line, of_line(line)?)));
        let (Some(first), more) = (lines.next(), lines.next()) else { return Err(NoDigest::None(NotADigest)) };
        let Some(second) = more else { return Ok(first.1) };
        let mut all = [first, second].into_iter().chain(lines);
        let found = all.find(|(line, _)| names(line, name)).map(|(_, digest)| digest);
        found.ok_or_else(|| NoDigest::OfOthers(name.to_owned()))
    }
}

/// Whether a line of `sha256sum` is about this file: `DIGEST  ./name`, `DIGEST *name`, or `SHA256 (name) = DIGEST`.
fn names(line: &str, name: &str) -> bool {
    let named = match line.trim().strip_prefix("SHA256 (").and_then(|rest| rest.rsplit_once(") = ")) {
        Some((named, _)) => named,
        None => match line.trim().split_once(' ') {
            Some((_, named)) => named.trim_start().trim_start_matches('*'),
            None => return false,
        },
    };
    named.rsplit('/').next() == Some(name)
}

impl std::str::FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let (digits, rest) = text.as_bytes().as_chunks::<2>();
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let octet = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
        let octets = digits.iter().map(octet).collect::<Option<Vec<u8>>>().ok_or(NotADigest)?;
        if rest.is_empty() { octets.try_into().map(Self).map_err(|_| NotADigest) } else { Err(NotADigest) }
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

fn refresh() -> Duration {
    Duration::days(1)
}

fn max_size() -> Size {
    Size::kib(512 * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_sha256sum_writes_it() {
        let digits = "0123456789abcdefABCDEF9876543210".repeat(2);
        let digest: Digest = digits.parse().unwrap();
        assert_eq!(digest.to_string(), digits.to_lowercase());
        let of = |text: &str| Digest::of_file(text, "list.txt");
        for text in [format!("{digits}  list.txt\n"), format!("SHA256 (list.txt) = {digits}\n"), digits.clone()] {
            assert_eq!(of(&text), Ok(digest), "{text}");
        }
        let other = "ef".repeat(32);
        for text in [
            format!("{other}  other.txt\n{digits}  list.txt\n"),
            format!("{other}  my-list.txt\n{other}  list.txt.gz\n{digits} *./all/list.txt\n"),
            format!("SHA256 (other.txt) = {other}\nSHA256 (list.txt) = {digits}\n"),
        ] {
            assert_eq!(of(&text), Ok(digest), "{text}");
        }
        let others = format!("{other}  other.txt\n{digits}  third.txt\n");
        assert_eq!(of(&others), Err(NoDigest::OfOthers("list.txt".into())));
        for text in ["", "abc", digits.get(1..).unwrap(), &format!("{digits}00"), &digits.replace('0', "x")] {
            assert_eq!(text.parse::<Digest>(), Err(NotADigest), "{text}");
            assert_eq!(of(text), Err(NoDigest::None(NotADigest)), "{text}");
        }
    }

    #[test]
    fn a_list_has_one_source() {
        let list = |text: &str| toml::from_str::<Config>(text).unwrap();
        assert!(matches!(list("name = 'a'\nentries = []").source(), Some(Source::Entries([]))));
        assert!(matches!(list("name = 'a'\nurl = 'https://a.test/x'").source(), Some(Source::Url(_))));
        assert!(list("name = 'a'").source().is_none());
        assert!(list("name = 'a'\nfile = '/x'\nfolder = '/y'").source().is_none());
    }
}
