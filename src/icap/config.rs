//! The `[[icap]]` sections, as written.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use url::Url;

use super::head::Direction;
use super::options::MOST_PREVIEW;
use crate::faults::{Faults, at};
use crate::units::{Duration, Size};
use crate::wire::{Destination, Scheme};

/// One `[[icap]]`, as written: a scanner that is reached by ICAP (RFC 3507).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name by which rules call it.
    pub name: String,
    /// The service that looks at requests: `icap://host[:port]/service`, or `icaps://` with TLS.
    pub reqmod: Option<Address>,
    /// The service that looks at answers.
    pub respmod: Option<Address>,
    /// What becomes of a message that it could not look at. Default: `refuse`.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// The longest body that it looks at. Default: 256 MiB.
    #[serde(default = "max_size")]
    pub max_size: Size,
    /// What becomes of longer ones. Default: they are refused where `on_failure` is `refuse`, and pass where it is `bypass`.
    pub over_size: Option<OverSize>,
    /// The content codings that it can undo. Others are not asked for, and an answer in another one counts as one that could not
    /// be looked at. Default: `gzip` and `deflate`.
    #[serde(default = "encodings")]
    pub encodings: Vec<String>,
    /// The media types that it looks at, such as `application/*`. Default: all, but event streams and gRPC, which have no end.
    #[serde(default)]
    pub types: Vec<MediaRange>,
    /// The media types that it does not look at.
    #[serde(default)]
    pub skip_types: Vec<MediaRange>,
    /// Which requests it looks at. Default: `with-body`.
    #[serde(default)]
    pub requests: Requests,
    /// What becomes of parts of a file (206), in which a scanner may not see what it would see in the whole. Default: `scan`.
    #[serde(default)]
    pub partial: Partial,
    /// How much of a body is shown first at most. Default: as much as the service wants.
    pub preview: Option<Size>,
    /// How many connections each node has to each service at most. Default: 64.
    #[serde(default = "connections")]
    pub connections: usize,
    /// How long it may take to connect, and to wait for a free connection. Default: 3 s.
    #[serde(default = "connect_time")]
    pub connect_time: Duration,
    /// How long the service may take for its answer, and how long nothing may move. Default: 60 s.
    #[serde(default = "answer_time")]
    pub answer_time: Duration,
    /// How much disk the bodies may take together that wait for an answer. Default: 4 GiB.
    #[serde(default = "spool")]
    pub spool: Size,
    /// What the service is told of the people. Default: nothing.
    #[serde(default)]
    pub tell: Vec<Tell>,
}

/// What becomes of a message that the scanner could not look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It is refused.
    #[default]
    Refuse,
    /// It passes, and its record says so.
    Bypass,
}

/// What becomes of a body that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverSize {
    /// It passes, and its record says so.
    Pass,
    /// It is refused.
    Refuse,
}

/// What becomes of a part of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partial {
    /// The scanner looks at it as it is.
    #[default]
    Scan,
    /// It passes, and its record says so.
    Pass,
    /// It is refused.
    Refuse,
}

/// Which requests a scanner looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requests {
    /// Those that have a body.
    #[default]
    WithBody,
    /// All of them.
    All,
}

/// What a scanner is told of the people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tell {
    /// The client's address (`X-Client-IP`).
    ClientIp,
    /// Who it is (`X-Authenticated-User`).
    User,
    /// The origin's address (`X-Server-IP`).
    ServerIp,
}

/// The address of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As it is written in requests.
    pub url: String,
    /// `https` stands for TLS.
    pub scheme: Scheme,
    /// Its host and port, as in `Host`.
    pub authority: String,
}

/// Media types: one, or all of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaRange {
    kind: String,
    /// None for all.
    subtype: Option<String>,
}

/// What is no address of a service.
const NO_ADDRESS: &str = "it is not the address of an ICAP service, such as \"icap://127.0.0.1:1344/avscan\"";

fn max_size() -> Size {
    Size::kib(256 * 1024)
}

fn encodings() -> Vec<String> {
    vec!["gzip".to_owned(), "deflate".to_owned()]
}

fn spool() -> Size {
    Size::kib(4 * 1024 * 1024)
}

fn connections() -> usize {
    64
}

fn connect_time() -> Duration {
    Duration::seconds(3)
}

fn answer_time() -> Duration {
    Duration::seconds(60)
}

impl Config {
    /// Says what is wrong with it.
    pub fn check(&self, faults: &mut Faults) {
        if self.reqmod.is_none() && self.respmod.is_none() {
            let help = "add `respmod = \"icap://127.0.0.1:1344/avscan\"`, for what people download, or `reqmod`, for what they upload";
            faults.note(at!["name"], "a scanner needs a service: `respmod`, `reqmod` or both", help);
        }
        if self.connections == 0 {
            faults.note(at!["connections"], "`connections` is at least 1", "to scan nothing, let no rule name it");
        }
        if self.max_size.as_bytes() == 0 {
            faults.note(at!["max_size"], "`max_size` is at least 1B", "to scan nothing, let no rule name it");
        }
        if self.max_size > self.spool {
            let help = "a body is kept while it is looked at: make `spool` as large as several bodies of that length";
            faults.note(at!["spool"], "`spool` has no room for one body of `max_size`", help);
        }
        if self.preview.is_some_and(|preview| preview.as_bytes() > MOST_PREVIEW as u64) {
            faults.note(
                at!["preview"],
                "`preview` is at most 64KiB",
                "what comes after it is sent if the service wants it",
            );
        }
        if self.encodings.iter().any(|coding| coding.is_empty() || !coding.bytes().all(is_token)) {
            faults.note(
                at!["encodings"],
                "what is no content coding cannot be undone",
                "such as `[\"gzip\", \"deflate\"]`",
            );
        }
        for (key, time) in [("connect_time", self.connect_time), ("answer_time", self.answer_time)] {
            if time.is_zero() {
                faults.note(at![key], format!("`{key}` cannot be zero"), "no service could answer in that time");
            }
        }
    }

    /// The service that looks at what goes in this direction.
    pub fn address(&self, direction: Direction) -> Option<&Address> {
        match direction {
            Direction::Reqmod => self.reqmod.as_ref(),
            Direction::Respmod => self.respmod.as_ref(),
        }
    }

    /// What becomes of a body that is longer than what it looks at.
    pub fn over_size(&self) -> OverSize {
        let usual = if self.on_failure == OnFailure::Bypass { OverSize::Pass } else { OverSize::Refuse };
        self.over_size.unwrap_or(usual)
    }

    /// Whether it can undo this content coding (RFC 9110 §8.4.1).
    pub fn undoes(&self, coding: &[u8]) -> bool {
        let plain = coding.strip_prefix(b"x-").unwrap_or(coding);
        let is = |own: &str| plain.eq_ignore_ascii_case(own.as_bytes());
        coding.eq_ignore_ascii_case(b"identity") || self.encodings.iter().any(|own| is(own))
    }

    /// Whether it looks at a body of this type, as [`media_type`] gives it. A body that does not say its type is looked at.
    pub fn wants_type(&self, written: Option<&str>) -> bool {
        let Some(written) = written else { return true };
        let has = |ranges: &[MediaRange]| ranges.iter().any(|range| range.has(written));
        (self.types.is_empty() || has(&self.types)) && !has(&self.skip_types)
    }
}

/// The media type in the Content-Type lines of a message, in lower case and without parameters. None if there is none, or what
/// browsers may read as another one: several lines, a list, or what is no type at all (RFC 9110 §8.3).
pub fn media_type<'a>(mut lines: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let written = lines.next().filter(|written| !written.contains(&b','))?;
    if lines.next().is_some() {
        return None;
    }
    let written = std::str::from_utf8(written).ok()?.split(';').next()?.trim_matches([' ', '\t']);
    let (kind, subtype) = written.split_once('/')?;
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(is_token);
    (is_word(kind) && is_word(subtype)).then(|| written.to_ascii_lowercase())
}

/// Whether a token may have this octet (RFC 9110 §5.6.2).
fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

impl MediaRange {
    fn has(&self, written: &str) -> bool {
        let (kind, subtype) = written.split_once('/').unwrap_or((written, ""));
        self.kind == kind && self.subtype.as_deref().is_none_or(|own| own == subtype)
    }
}

impl<'de> Deserialize<'de> for MediaRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        };
        match written.split_once('/') {
            Some((kind, "*")) if is_word(kind) => Ok(Self { kind: kind.to_ascii_lowercase(), subtype: None }),
            Some((kind, subtype)) if is_word(kind) && is_word(subtype) => {
                Ok(Self { kind: kind.to_ascii_lowercase(), subtype: Some(subtype.to_ascii_lowercase()) })
            }
            _ => Err(D::Error::custom(format!(
                "`{written}` is no media type, such as \"application/zip\" or \"video/*\""
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        Self::parse(&written).ok_or_else(|| D::Error::custom(NO_ADDRESS))
    }
}

impl Address {
    /// Reads an address. The usual ports are 1344, and 11344 with TLS.
    pub fn parse(written: &str) -> Option<Self> {
        let url = Url::parse(written).ok()?;
        let (scheme, usual) = match url.scheme() {
            "icap" => (Scheme::Http, 1344),
            "icaps" => (Scheme::Https, 11344),
            _ => return None,
        };
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|host| !host.is_empty() && is_plain)?;
        let authority = format!("{host}:{}", url.port().unwrap_or(usual));
        Destination::of_authority(scheme, &authority).ok()?;
        // What stands in a request line is written as it was read.
        let is_line = written.bytes().all(|b| b.is_ascii_graphic());
        is_line.then(|| Self { url: written.to_owned(), scheme, authority })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(&format!("name = 'av'\nrespmod = 'icap://127.0.0.1/av'\n{text}")).unwrap()
    }

    #[test]
    fn addresses_are_those_of_icap_and_nothing_else() {
        for (written, authority, scheme) in [
            ("icap://127.0.0.1:1344/avscan", "127.0.0.1:1344", Scheme::Http),
            ("icap://scan.test/avscan?allow204=on", "scan.test:1344", Scheme::Http),
            ("icaps://scan.test/respmod", "scan.test:11344", Scheme::Https),
            ("icap://[::1]:99/x", "[::1]:99", Scheme::Http),
        ] {
            let found = Address::parse(written).unwrap();
            assert_eq!((found.authority.as_str(), found.scheme), (authority, scheme), "{written}");
        }
        for written in [
            "http://a.test/x",
            "icap:",
            "icap:///x",
            "icap://a b/x",
            "icap://u:p@a.test/x",
            "a.test",
            "icap://a.test/x#y",
            "icap://a.test/x y",
        ] {
            assert!(Address::parse(written).is_none(), "{written}");
        }
    }

    #[test]
    fn what_is_looked_at_depends_on_its_type() {
        let usual = config("");
        let own = config("types = ['application/*', 'text/event-stream']\nskip_types = ['application/pdf']");
        let skips = config("skip_types = ['Video/*']");
        for (content_type, by_default, by_own, by_skips) in [
            (None, true, true, true),
            (Some("application/zip"), true, true, true),
            (Some("Application/ZIP; a=b"), true, true, true),
            (Some("application/pdf"), true, false, true),
            (Some("text/html"), true, false, true),
            (Some("video/mp4"), true, false, false),
            // What is no type for sure is looked at.
            (Some(""), true, true, true),
            (Some("video"), true, true, true),
            (Some("video/mp4, text/html"), true, true, true),
            (Some("video/mp4\u{b}"), true, true, true),
        ] {
            let read = media_type(content_type.map(str::as_bytes).into_iter());
            let wants = |config: &Config| config.wants_type(read.as_deref());
            assert_eq!((wants(&usual), wants(&own), wants(&skips)), (by_default, by_own, by_skips), "{content_type:?}");
        }
        assert_eq!(media_type([&b"video/mp4"[..], b"text/html"].into_iter()), None);
    }

    #[test]
    fn what_is_too_long_is_refused_where_failures_are() {
        for (text, over_size) in [
            ("", OverSize::Refuse),
            ("on_failure = 'bypass'", OverSize::Pass),
            ("over_size = 'pass'", OverSize::Pass),
            ("on_failure = 'bypass'\nover_size = 'refuse'", OverSize::Refuse),
        ] {
            assert_eq!(config(text).over_size(), over_size, "{text}");
        }
        let (usual, own) = (config(""), config("encodings = ['BR']"));
        for (coding, by_default, by_own) in [
            ("gzip", true, false),
            ("x-gzip", true, false),
            ("br", false, true),
            ("zstd", false, false),
            ("Identity", true, true),
        ] {
            assert_eq!(
                (usual.undoes(coding.as_bytes()), own.undoes(coding.as_bytes())),
                (by_default, by_own),
                "{coding}"
            );
        }
    }

    #[test]
    fn what_cannot_work_is_said() {
        for (text, part) in [
            ("", ""),
            ("connections = 0", "`connections` is at least 1"),
            ("max_size = '0B'", "`max_size` is at least 1B"),
            ("max_size = '8GiB'", "no room"),
            ("preview = '65KiB'", "at most 64KiB"),
            ("encodings = ['gzip, br']", "no content coding"),
            ("answer_time = '0s'", "`answer_time` cannot be zero"),
        ] {
            let mut faults = Faults::default();
            config(text).check(&mut faults);
            let said: Vec<String> = faults.into_vec().into_iter().map(|fault| fault.message).collect();
            assert!(said.len() == usize::from(!part.is_empty()) && said.concat().contains(part), "{text}: {said:?}");
        }
        for wrong in ["types = ['video']", "skip_types = ['*/*']", "on_failure = 'maybe'", "respmod = 'http://a.test/'"]
        {
            let text = format!("name = 'av'\n{wrong}");
            assert!(toml::from_str::<Config>(&text).is_err(), "{wrong}");
        }
    }
}
