//! The report of sites that lose identity: how many of their requests had no user, why, and the rule that would let
//! each site be reached without sign-in.
//!
//! It reads access records line by line, any number of them, in bounded memory.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use super::lines::{self, Broken};
use super::reason::Reason;
use crate::clock::Timestamp;

/// How many sites are told apart. Others are counted together.
const MAX_SITES: usize = 50_000;

/// How many ways of losing identity are told apart for one site.
const MAX_WAYS: usize = 32;

/// The name for everything that is not told apart.
const OTHERS: &str = "(others)";

/// A report on the records that have been read so far.
#[derive(Debug, Default)]
pub struct Report {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    sites: HashMap<String, Tally>,
    /// Records that were read.
    pub records: u64,
    /// Requests that they stand for.
    pub requests: u64,
    /// Those of them that had no user although one was needed.
    pub lost: u64,
    /// Lines that are not records.
    pub broken: Broken,
}

#[derive(Debug, Default)]
struct Tally {
    requests: u64,
    ways: BTreeMap<Way, u64>,
}

/// A way in which requests lose their user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Way {
    /// The kind of request: `sub-resource`, `tool`, `preflight`, `tunnel`, `certificate-refused` or `not-http`.
    pub why: &'static str,
    /// Whether it was refused for that, or permitted without a user.
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
    /// In which ways, the most common first.
    pub ways: Vec<Counted>,
    /// The rule that would let it be reached without sign-in; `None` if that would change nothing.
    pub rule: Option<String>,
}

/// A way, and how many requests it lost.
#[derive(Debug, Serialize)]
pub struct Counted {
    /// The way.
    #[serde(flatten)]
    pub way: Way,
    /// How often.
    pub count: u64,
}

/// The fields that are read of a record.
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

impl Report {
    /// A report on records whose requests began at `from` or later, and before `to`.
    pub fn new(from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        Self { from, to, ..Self::default() }
    }

    /// Reads records from `input`. `name` names it where broken lines are named; `went` is called now and then.
    pub fn read(&mut self, name: &str, input: impl BufRead, went: impl FnMut()) -> io::Result<()> {
        let broken = lines::each(name, input, went, |line| self.take(line))?;
        self.broken.add(broken);
        Ok(())
    }

    /// Takes one line.
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        let Some(seen) = lines::record::<Seen<'_>>(line)? else { return Ok(()) };
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
            let refused = !["permitted", "monitored", "overridden"].contains(&&*seen.decision);
            let mut way = Way { why, refused, network: seen.network.into_owned() };
            if !tally.ways.contains_key(&way) && tally.ways.len() >= MAX_WAYS {
                OTHERS.clone_into(&mut way.network);
            }
            *tally.ways.entry(way).or_default() += count;
        }
        Ok(())
    }

    /// The sites that lost identity, those that lost most first.
    pub fn sites(&self) -> Vec<Site> {
        let lossy = self.sites.iter().filter(|(_, tally)| !tally.ways.is_empty());
        let mut sites: Vec<_> = lossy.map(|(site, tally)| Site::new(site, tally)).collect();
        sites.sort_by(|a, b| b.without_user.cmp(&a.without_user).then_with(|| a.site.cmp(&b.site)));
        sites
    }
}

impl Seen<'_> {
    /// Why nobody is known, if somebody should be. Navigations and probes do not count: the person was asked to sign
    /// in, and the probe found the portal.
    fn why(&self) -> Option<&'static str> {
        if self.user.is_some() {
            return None;
        }
        match self.unidentified.as_deref()? {
            "sub-resource" => Some("sub-resource"),
            "tool" => Some("tool"),
            "preflight" => Some("preflight"),
            "connect" if self.decision != "challenged" => Some("tunnel"),
            // An interception: the requests inside have records of their own, if there were any.
            "connect" => match self.reason.as_deref().and_then(Reason::of)? {
                Reason::ClientRefusedCertificate => Some("certificate-refused"),
                Reason::NotHttp => Some("not-http"),
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

/// The rule that lets a site be reached without sign-in, from the networks where identity was lost. Preflights alone
/// are no reason for one: they pass anyway, and never say who sends them.
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

#[cfg(test)]
#[path = "identity_loss_tests.rs"]
mod tests;
