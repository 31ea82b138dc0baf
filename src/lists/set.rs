//! The set that a list is: hosts with what is below them, hosts alone, addresses, URLs; and what is excepted.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Read, Write};
use std::net::IpAddr;

use ipnet::IpNet;
use url::Host;

use super::addresses::{Ranges, text_of};
use super::hash::{self, Suffixes};
use super::line::Entry;
use super::path::{self, Quorum, SeenPath};
use super::table::{LONGEST, Marks, Staged, Table, number};

/// A name with everything below it.
const DOMAIN: Marks = 1;
/// A name alone; or, among URLs, a host of which there are some.
const EXACT: Marks = 2;
/// A name with everything below it, which is not in the list whatever else it says.
const EXCEPTED: Marks = 4;

/// What one list holds. It never changes: a list that is read again is another set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameSet {
    /// Of the hashes: random, so that nobody can write a list whose names all have the same.
    key: u64,
    names: Table,
    urls: Table,
    addresses: Ranges,
    /// Ranges that are not in it, whatever else it says.
    excepted: Ranges,
    depths: Depths,
}

/// How many labels its names have: others need not be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Depths {
    least: u64,
    most: u64,
    /// Whether anything is excepted.
    excepts: bool,
}

/// Entries that are to become a [`NameSet`].
#[derive(Debug, Default)]
pub struct Builder {
    names: Staged,
    urls: Staged,
    nets: Vec<IpNet>,
    excepted: Vec<IpNet>,
    depths: Depths,
    full: bool,
}

/// What in a list covers a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// This name, with everything below it.
    Domain(String),
    /// This name alone.
    Exact(String),
    /// This address, by itself or in a range.
    Address(IpAddr),
    /// Ranges that begin so.
    Url(String),
}

impl Default for Depths {
    fn default() -> Self {
        Self { least: u64::MAX, most: 0, excepts: false }
    }
}

impl Builder {
    /// Adds an entry. The same one may come twice.
    pub fn add(&mut self, entry: &Entry<'_>) {
        let kept = match entry {
            Entry::Domain(name) => self.name(name, DOMAIN),
            Entry::Exact(name) => self.name(name, EXACT),
            Entry::Except(name) => self.name(name, EXCEPTED),
            Entry::Net(net) => {
                self.nets.push(*net);
                true
            }
            Entry::ExceptNet(net) => {
                self.excepted.push(*net);
                true
            }
            Entry::Url { host, path } => self.url(host, path),
        };
        self.full |= !kept;
    }

    /// Whether an entry could not be kept, because there are too many.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// The set of what was added.
    pub fn build(self) -> NameSet {
        // The standard library's own keys are random for each of them.
        let key = RandomState::new().build_hasher().finish();
        NameSet {
            key,
            names: self.names.into_table(|name| hash::host(key, name)),
            urls: self.urls.into_table(|url| hash_of_url(key, url)),
            addresses: self.nets.into_iter().collect(),
            excepted: self.excepted.into_iter().collect(),
            depths: self.depths,
        }
    }

    fn name(&mut self, name: &str, marks: Marks) -> bool {
        let labels = name.bytes().filter(|byte| *byte == b'.').count() as u64 + 1;
        self.depths.least = self.depths.least.min(labels);
        self.depths.most = self.depths.most.max(labels);
        self.depths.excepts |= marks == EXCEPTED;
        self.names.push(&[name.as_bytes()], marks)
    }

    fn url(&mut self, host: &str, path: &str) -> bool {
        let host = without_www(host).as_bytes();
        let path = path::plainest(path);
        // That there are URLs of the host at all is known without a look at the path.
        self.urls.push(&[host], EXACT) && self.urls.push(&[host, path.as_bytes()], DOMAIN)
    }
}

impl NameSet {
    /// Whether the list covers `host`; or, where the path of a request can be seen, that path on it, by any of its readings.
    pub fn contains(&self, host: &Host<String>, path: Option<&str>) -> bool {
        self.has(host, path.map(SeenPath::of).as_ref(), Quorum::One)
    }

    /// As [`NameSet::contains`], where so many readings of the path must be covered; none where that depends on a path, and
    /// none is given.
    pub fn covers(&self, host: &Host<String>, path: Option<&SeenPath<'_>>, quorum: Quorum) -> Option<bool> {
        let is_excepted = match host {
            Host::Domain(name) => matches!(self.name(name.as_bytes()), Found::Excepted),
            Host::Ipv4(address) => self.excepted.contains((*address).into()),
            Host::Ipv6(address) => self.excepted.contains((*address).into()),
        };
        match host {
            _ if self.has(host, path, quorum) => Some(true),
            _ if is_excepted => Some(false),
            _ if path.is_none() && self.has_urls(host) => None,
            _ => Some(false),
        }
    }

    /// What in the list covers it. As [`NameSet::contains`], in words.
    pub fn find(&self, host: &Host<String>, path: Option<&str>) -> Option<Match> {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let url = |host: &str| path.and_then(|path| self.any_url(host, path)).map(Match::Url);
        match host {
            Host::Domain(name) => match self.name(name.as_bytes()) {
                Found::Excepted => None,
                Found::Listed(DOMAIN, domain) => Some(Match::Domain(text(domain))),
                Found::Listed(_, name) => Some(Match::Exact(text(name))),
                Found::Nothing => url(name),
            },
            Host::Ipv4(address) => self.find_address((*address).into(), path),
            Host::Ipv6(address) => self.find_address((*address).into(), path),
        }
    }

    /// How many names, URLs and ranges of addresses it holds, with what is excepted.
    pub fn len(&self) -> u64 {
        self.names.len() + self.urls.len() + self.addresses.len() + self.excepted.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets of memory.
    pub fn memory(&self) -> u64 {
        self.names.memory() + self.urls.memory() + self.addresses.memory() + self.excepted.memory()
    }

    /// Writes it as [`NameSet::read`] reads it.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        for number in [self.key, self.depths.least, self.depths.most, u64::from(self.depths.excepts)] {
            to.write_all(&number.to_le_bytes())?;
        }
        self.names.write(to)?;
        self.urls.write(to)?;
        self.addresses.write(to)?;
        self.excepted.write(to)
    }

    /// Reads what [`NameSet::write`] has written. `most` is how many octets there can be.
    pub(super) fn read(from: &mut impl Read, most: u64) -> io::Result<Self> {
        let key = number(from)?;
        let depths = Depths { least: number(from)?, most: number(from)?, excepts: number(from)? != 0 };
        let [names, urls] = [Table::read(from, most)?, Table::read(from, most)?];
        let [addresses, excepted] = [Ranges::read(from, most)?, Ranges::read(from, most)?];
        Ok(Self { key, names, urls, addresses, excepted, depths })
    }

    fn has(&self, host: &Host<String>, path: Option<&SeenPath<'_>>, quorum: Quorum) -> bool {
        let has_url = |host: &str| path.is_some_and(|path| self.has_url(host, path, quorum));
        match host {
            Host::Domain(name) => match self.name(name.as_bytes()) {
                Found::Excepted => false,
                Found::Listed(..) => true,
                Found::Nothing => has_url(name),
            },
            Host::Ipv4(address) => self.has_address((*address).into(), has_url),
            Host::Ipv6(address) => self.has_address((*address).into(), has_url),
        }
    }

    fn has_address(&self, address: IpAddr, has_url: impl Fn(&str) -> bool) -> bool {
        !self.excepted.contains(address)
            && (self.addresses.contains(address) || self.urls.len() > 0 && has_url(&text_of(address)))
    }

    /// Looks for the name and the domains above it, from the top.
    fn name<'n>(&self, name: &'n [u8]) -> Found<'n> {
        let mut found = Found::Nothing;
        for ((hash, suffix), labels) in Suffixes::new(self.key, name).zip(1..) {
            if labels > self.depths.most {
                break;
            }
            if labels < self.depths.least {
                continue;
            }
            let marks = self.names.marks(hash, |key| key == suffix);
            if marks == 0 {
                continue;
            }
            if marks & EXCEPTED != 0 {
                return Found::Excepted;
            }
            let covers = marks & if suffix.len() == name.len() { DOMAIN | EXACT } else { DOMAIN };
            if covers != 0 && matches!(found, Found::Nothing) {
                found = Found::Listed(if covers & DOMAIN != 0 { DOMAIN } else { EXACT }, suffix);
                if !self.depths.excepts {
                    return found;
                }
            }
        }
        found
    }

    /// Whether so many readings of a path on this host begin with a listed URL.
    fn has_url(&self, host: &str, path: &SeenPath<'_>, quorum: Quorum) -> bool {
        let host = without_www(host);
        self.knows_parts_of(host) && path.meets(quorum, |path| self.url(host, path).is_some())
    }

    /// The listed URL that any reading of a path on this host begins with.
    fn any_url(&self, host: &str, path: &str) -> Option<String> {
        let (host, mut found) = (without_www(host), None);
        if self.knows_parts_of(host) {
            SeenPath::of(path).meets(Quorum::One, |path| {
                found = self.url(host, path);
                found.is_some()
            });
        }
        found
    }

    /// Whether it holds parts of this host, which is written without `www`.
    fn knows_parts_of(&self, host: &str) -> bool {
        let host = host.as_bytes();
        self.urls.len() > 0 && self.urls.marks(hash::host(self.key, host), |key| key == host) != 0
    }

    /// The listed URL that one reading of a path begins with, segment by segment.
    fn url(&self, host: &str, path: &str) -> Option<String> {
        let mut hash = hash::host(self.key, host.as_bytes());
        let mut url = host.to_owned();
        let found = |hash, url: &str| self.urls.marks(hash, |key| key == url.as_bytes()) & DOMAIN != 0;
        for segment in path::segments(path) {
            // No key is longer.
            if url.len() > LONGEST {
                break;
            }
            // What is plain may still have capitals.
            let segment = segment.to_ascii_lowercase();
            url.push('/');
            url.push_str(&segment);
            hash = hash::part(hash, segment.as_bytes());
            if found(hash, &url) {
                return Some(url);
            }
        }
        None
    }

    /// Whether it holds parts of this host.
    fn has_urls(&self, host: &Host<String>) -> bool {
        if self.urls.len() == 0 {
            return false;
        }
        let host = match host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => text_of((*address).into()),
            Host::Ipv6(address) => text_of((*address).into()),
        };
        self.knows_parts_of(without_www(&host))
    }

    fn find_address(&self, address: IpAddr, path: Option<&str>) -> Option<Match> {
        if self.excepted.contains(address) {
            return None;
        }
        if self.addresses.contains(address) {
            return Some(Match::Address(address));
        }
        let path = path.filter(|_| self.urls.len() > 0)?;
        self.url(&text_of(address), path).map(Match::Url)
    }
}

/// What there is about a name.
enum Found<'n> {
    Nothing,
    Listed(Marks, &'n [u8]),
    Excepted,
}

/// A URL in a public list is about its host with and without `www`, `www2` and so on: that is how they are written.
fn without_www(host: &str) -> &str {
    let rest = host.strip_prefix("www").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    rest.and_then(|rest| rest.strip_prefix('.')).filter(|rest| rest.contains('.')).unwrap_or(host)
}

/// The hash of a host, or of a host and a path.
fn hash_of_url(key: u64, url: &[u8]) -> u64 {
    let mut parts = url.split(|byte| *byte == b'/');
    let host = parts.next().unwrap_or_default();
    parts.fold(hash::host(key, host), hash::part)
}
