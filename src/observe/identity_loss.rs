//! Which sites lose identity: how many requests had no user, why, and the rule that would let each site be reached without.
//!
//! It reads access records line by line, any number of them, in bounded memory.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The longest line that is read, in bytes. Records have a few hundred, and addresses in them some thousand.
const MAX_LINE: usize = 64 * 1024;

/// Sites that are told apart. What is beyond that is counted together.
const MAX_SITES: usize = 50_000;

/// Ways of losing identity that are told apart for one site.
const MAX_WAYS: usize = 32;

/// Broken lines that are named.
const MAX_NAMED: usize = 10;

/// What everything is called that is not told apart.
const OTHERS: &str = "(others)";

/// A report, as far as records have been read.
#[derive(Debug, Default)]
pub struct Report {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    sites: HashMap<String, Tally>,
    /// Records that were read.
    pub records: u64,
    /// Requests that they stand for.
    pub requests: u64,
    /// Those of them that had no user, although somebody was asked for.
    pub lost: u64,
    /// Lines that are no records.
    pub broken: u64,
    /// The first of them: where, and what is wrong.
    pub named: Vec<String>,
}

#[derive(Debug, Default)]
struct Tally {
    requests: u64,
    ways: BTreeMap<Way, u64>,
}

/// How a request came to have no user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Way {
    /// What it was: `sub-resource`, `tool`, `preflight`, `tunnel`, `certificate-refused` or `not-http`.
    pub why: &'static str,
    /// Whether it was refused for that, or went on under the client's address alone.
    pub refused: bool,
    /// The network that it came from.
    pub network: String,
}

/// A site that loses identity.
#[derive(Debug, Serialize)]
pub struct Site {
    /// Its host.
    pub site: String,
    /// All requests for it.
    pub requests: u64,
    /// Those without a user.
    pub without_user: u64,
    /// Why, the commonest first.
    pub ways: Vec<Counted>,
    /// The rule that would let it be reached without sign-in; none where that would change nothing.
    pub rule: Option<String>,
}

/// A way, and how often it was taken.
#[derive(Debug, Serialize)]
pub struct Counted {
    /// The way.
    #[serde(flatten)]
    pub way: Way,
    /// How often.
    pub count: u64,
}

/// What is read of a record.
#[derive(Deserialize)]
struct Seen<'a> {
    time: Timestamp,
    #[serde(borrow)]
    host: Option<Cow<'a, str>>,
    #[serde(borrow)]
    network: Cow<'a, str>,
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    unidentified: Option<Cow<'a, str>>,
    #[serde(borrow)]
    decision: Cow<'a, str>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    #[serde(default)]
    count: Option<u64>,
}

/// A line of the audit log, which may go to the same place.
#[derive(Deserialize)]
struct Audit<'a> {
    #[serde(borrow, rename = "audit")]
    _what: Cow<'a, str>,
}

impl Report {
    /// One of the records that began from `from` on, and before `to`.
    pub fn new(from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        Self { from, to, ..Self::default() }
    }

    /// Reads the records of a file, or whatever else is called `name`. Lines that are none are counted, and the first of
    /// them named.
    pub fn read(&mut self, name: &str, mut input: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            let is_whole = read_line(&mut input, &mut line)?;
            if line.is_empty() && is_whole {
                return Ok(());
            }
            let text = line.trim_ascii();
            if text.is_empty() && is_whole {
                continue;
            }
            let problem = if is_whole { self.take(text).err() } else { Some(format!("longer than {MAX_LINE} bytes")) };
            if let Some(problem) = problem {
                self.broken += 1;
                if self.named.len() < MAX_NAMED {
                    self.named.push(format!("{name}:{number}: {problem}"));
                }
            }
        }
        Ok(())
    }

    /// Takes one line.
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        let seen: Seen<'_> = match serde_json::from_slice(line) {
            Ok(seen) => seen,
            Err(_) if serde_json::from_slice::<Audit<'_>>(line).is_ok() => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        if self.from.is_some_and(|from| seen.time < from) || self.to.is_some_and(|to| to <= seen.time) {
            return Ok(());
        }
        let count = seen.count.unwrap_or(1);
        self.records += 1;
        self.requests += count;
        let why = seen.why();
        let Some(host) = seen.host else { return Ok(()) };
        let is_known = self.sites.contains_key(&*host);
        let site = if is_known || self.sites.len() < MAX_SITES { host } else { Cow::Borrowed(OTHERS) };
        let tally = self.sites.entry(site.into_owned()).or_default();
        tally.requests += count;
        if let Some(why) = why {
            self.lost += count;
            let refused = seen.decision != "permitted";
            let mut way = Way { why, refused, network: seen.network.into_owned() };
            if !tally.ways.contains_key(&way) && tally.ways.len() >= MAX_WAYS {
                OTHERS.clone_into(&mut way.network);
            }
            *tally.ways.entry(way).or_default() += count;
        }
        Ok(())
    }

    /// The sites that lost somebody, those that lost most first.
    pub fn sites(&self) -> Vec<Site> {
        let lossy = self.sites.iter().filter(|(_, tally)| !tally.ways.is_empty());
        let mut sites: Vec<_> = lossy.map(|(site, tally)| Site::new(site, tally)).collect();
        sites.sort_by(|a, b| b.without_user.cmp(&a.without_user).then_with(|| a.site.cmp(&b.site)));
        sites
    }
}

impl Seen<'_> {
    /// Why nobody is known, if somebody should be. Whoever was on their way to a page was asked, and a captive portal that
    /// is looked for is found: nothing is lost there.
    fn why(&self) -> Option<&'static str> {
        if self.user.is_some() {
            return None;
        }
        match self.unidentified.as_deref()? {
            "sub-resource" => Some("sub-resource"),
            "tool" => Some("tool"),
            "preflight" => Some("preflight"),
            "connect" if self.decision != "challenged" => Some("tunnel"),
            // What is asked inside has records of its own, if it comes to that.
            "connect" => match self.reason.as_deref()? {
                "client-refused-certificate" => Some("certificate-refused"),
                "not-http" => Some("not-http"),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Site {
    fn new(site: &str, tally: &Tally) -> Self {
        let ways = tally.ways.iter().map(|(way, count)| Counted { way: way.clone(), count: *count });
        let mut ways: Vec<_> = ways.collect();
        ways.sort_by_key(|way| std::cmp::Reverse(way.count));
        let without_user = ways.iter().map(|way| way.count).sum();
        Self { site: site.to_owned(), requests: tally.requests, without_user, rule: rule(site, &ways), ways }
    }
}

/// The rule that lets a site be reached without sign-in, from the networks where identity was lost. A preflight is let
/// through anyway, and never says who asks.
fn rule(site: &str, ways: &[Counted]) -> Option<String> {
    if site == OTHERS || ways.iter().all(|way| way.way.why == "preflight") {
        return None;
    }
    let mut networks: Vec<_> = ways.iter().map(|way| way.way.network.as_str()).collect();
    networks.sort_unstable();
    networks.dedup();
    let networks = match networks.contains(&OTHERS) {
        true => String::new(),
        false => format!("networks = {networks:?}\n"),
    };
    let address = site.trim_matches(['[', ']']);
    let destination = if address.parse::<std::net::IpAddr>().is_ok() { site.to_owned() } else { format!("={site}") };
    Some(format!(
        "[[policy.rule]]\nname = \"{site} without sign-in\"\ndestinations = [{destination:?}]\n{networks}effect = \
         \"allow\"\nauthenticate = false\n"
    ))
}

/// Reads a line; false when it is too long, and most of it was skipped.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let mut is_whole = true;
    loop {
        let available = input.fill_buf()?;
        let (end, used) = match memchr::memchr(b'\n', available) {
            Some(at) => (true, at + 1),
            None => (available.is_empty(), available.len()),
        };
        if line.len() + used <= MAX_LINE {
            line.extend_from_slice(available.get(..used).unwrap_or_default());
        } else {
            is_whole = false;
        }
        input.consume(used);
        if end {
            return Ok(is_whole);
        }
    }
}

#[cfg(test)]
#[path = "identity_loss_tests.rs"]
mod tests;
