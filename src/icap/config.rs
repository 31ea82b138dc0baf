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
    /// What becomes of longer ones. Default: `pass`.
    #[serde(default)]
    pub over_size: OverSize,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverSize {
    /// It passes, and its record says so.
    #[default]
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

    /// Whether it looks at a body of this type. A body that does not say its type is looked at.
    pub fn wants_type(&self, content_type: Option<&[u8]>) -> bool {
        let Some(written) = content_type else { return true };
        let written = String::from_utf8_lossy(written).to_ascii_lowercase();
        let written = written.split(';').next().unwrap_or_default().trim();
        let has = |ranges: &[MediaRange]| ranges.iter().any(|range| range.has(written));
        if !self.types.is_empty() {
            return has(&self.types) && !has(&self.skip_types);
        }
        !has(&self.skip_types) && !is_endless(written)
    }
}

/// Types whose bodies have no end for which anybody could wait.
fn is_endless(written: &str) -> bool {
    matches!(written, "text/event-stream" | "application/grpc" | "multipart/x-mixed-replace")
        || written.starts_with("application/grpc+")
        || written.starts_with("application/grpc-")
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
            (Some("text/event-stream"), false, true, false),
            (Some("application/grpc+proto"), false, true, false),
            (Some("application/grpc-web"), false, true, false),
            (Some(""), true, false, true),
        ] {
            let wants = |config: &Config| config.wants_type(content_type.map(str::as_bytes));
            assert_eq!((wants(&usual), wants(&own), wants(&skips)), (by_default, by_own, by_skips), "{content_type:?}");
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
