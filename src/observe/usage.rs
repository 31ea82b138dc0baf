//! The report of usage: who uses which sites, and how much, by person, group, site and day.
//!
//! It reads access records line by line, any number of them. What is told apart is bounded: when there is too much, what is
//! used least is counted together.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use super::lines::{self, Broken};
use crate::clock::Timestamp;

/// How many rows are told apart, unless somebody says otherwise.
pub const MOST: usize = 200_000;

/// Bytes of one part of a key. Hosts have up to 253.
const LONGEST: usize = 300;

/// What stands between the parts of a key: in no name.
const BETWEEN: char = '\u{1f}';

/// The names for what has none.
const NOBODY: &str = "(nobody)";
const NOWHERE: &str = "(no site)";
const NO_GROUP: &str = "(no group)";
/// The name for everything that is not told apart.
const OTHERS: &str = "(others)";

/// By what usage is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Facet {
    /// The person, as `realm/name`.
    Person,
    /// Each group of the person. What somebody does counts for each of their groups.
    Group,
    /// The host.
    Site,
    /// The day (UTC).
    Day,
}

impl Facet {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Person, Self::Group, Self::Site, Self::Day];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Group => "group",
            Self::Site => "site",
            Self::Day => "day",
        }
    }

    /// What records say of it: groups are those of the person.
    fn recorded(self) -> Self {
        if self == Self::Group { Self::Person } else { self }
    }
}

/// By what rows are ordered, and which of them are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// Requests and tunnels.
    #[default]
    Requests,
    /// Bytes, in both directions.
    Bytes,
    /// Time.
    Time,
}

/// How much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Requests and tunnels that were forwarded.
    pub requests: u64,
    /// Those that were not.
    pub refused: u64,
    /// Bytes that came from clients.
    pub bytes_in: u64,
    /// Bytes that went to clients.
    pub bytes_out: u64,
    /// How long requests and tunnels took, together, in milliseconds. Several at once count each for itself.
    pub duration_ms: u64,
}

impl Amount {
    fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.refused = self.refused.saturating_add(other.refused);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        self.duration_ms = self.duration_ms.saturating_add(other.duration_ms);
    }

    /// So much by this measure.
    pub fn by(&self, measure: Measure) -> u64 {
        match measure {
            Measure::Requests => self.requests.saturating_add(self.refused),
            Measure::Bytes => self.bytes_in.saturating_add(self.bytes_out),
            Measure::Time => self.duration_ms,
        }
    }
}

/// One row of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it is about, by the word of each facet.
    #[serde(flatten)]
    pub of: BTreeMap<&'static str, String>,
    /// How much.
    #[serde(flatten)]
    pub amount: Amount,
}

/// A report on the records that have been read so far.
#[derive(Debug)]
pub struct Usage {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    by: Vec<Facet>,
    /// What of `by` records say, each once.
    recorded: Vec<Facet>,
    measure: Measure,
    most: usize,
    table: HashMap<Box<str>, Amount>,
    /// What is not told apart.
    others: Amount,
    /// By how much, at most, a row may be short of what it should be, because it was once among the others.
    pub short: u64,
    /// All together.
    pub sum: Amount,
    /// Records that were read.
    pub records: u64,
    /// Lines that are not records.
    pub broken: Broken,
}

/// The fields that are read of a record.
#[derive(Deserialize)]
struct Seen<'a> {
    time: Timestamp,
    #[serde(borrow)]
    host: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
    #[serde(borrow)]
    realm: Option<Cow<'a, str>>,
    #[serde(borrow)]
    decision: Cow<'a, str>,
    #[serde(default)]
    bytes_in: u64,
    #[serde(default)]
    bytes_out: u64,
    #[serde(default)]
    duration_ms: u64,
    #[serde(default)]
    count: Option<u64>,
}

impl Usage {
    /// A report on records whose requests began at `from` or later, and before `to`, by these facets. At most about `most`
    /// rows are told apart: those that are highest by `measure`.
    pub fn new(
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        by: &[Facet],
        measure: Measure,
        most: usize,
    ) -> Self {
        let mut recorded: Vec<Facet> = by.iter().map(|facet| facet.recorded()).collect();
        recorded.sort_unstable();
        recorded.dedup();
        Self {
            from,
            to,
            by: by.to_vec(),
            recorded,
            measure,
            most: most.max(1),
            table: HashMap::new(),
            others: Amount::default(),
            short: 0,
            sum: Amount::default(),
            records: 0,
            broken: Broken::default(),
        }
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
        self.records += 1;
        let Some(amount) = seen.amount() else { return Ok(()) };
        self.sum.add(&amount);
        let mut key = String::new();
        for facet in &self.recorded {
            if !key.is_empty() {
                key.push(BETWEEN);
            }
            seen.put(*facet, &mut key);
        }
        match self.table.get_mut(key.as_str()) {
            Some(own) => own.add(&amount),
            None => drop(self.table.insert(key.into_boxed_str(), amount)),
        }
        if self.table.len() >= self.most.saturating_mul(2) {
            self.prune();
        }
        Ok(())
    }

    /// Counts together what is used least. A row that comes back begins anew, so it may be short of what was pruned of it: of
    /// each pruning, at most the highest that was.
    fn prune(&mut self) {
        let measure = self.measure;
        let mut all: Vec<u64> = self.table.values().map(|amount| amount.by(measure)).collect();
        let surplus = all.len().saturating_sub(self.most);
        let Some(last) = surplus.checked_sub(1) else { return };
        let (_, bound, _) = all.select_nth_unstable(last);
        let (bound, mut left) = (*bound, surplus);
        let others = &mut self.others;
        self.table.retain(|_, amount| {
            let goes = left > 0 && amount.by(measure) <= bound;
            if goes {
                left -= 1;
                others.add(amount);
            }
            !goes
        });
        self.short = self.short.saturating_add(bound);
    }

    /// The people of whom there are rows, as `realm/name`, if anything is to be told of people.
    pub fn people(&self) -> Vec<String> {
        let Some(place) = self.recorded.iter().position(|facet| *facet == Facet::Person) else { return Vec::new() };
        let mut people: Vec<&str> = self.table.keys().filter_map(|key| key.split(BETWEEN).nth(place)).collect();
        people.sort_unstable();
        people.dedup();
        people.into_iter().filter(|name| *name != NOBODY).map(str::to_owned).collect()
    }

    /// The rows, the highest first, and what is not told apart. `groups` are the groups of each person.
    pub fn rows(&self, groups: &HashMap<String, Vec<String>>) -> (Vec<Row>, Amount) {
        let mut rows: HashMap<Vec<String>, Amount> = HashMap::new();
        let none = [NO_GROUP.to_owned()];
        for (key, amount) in &self.table {
            let parts: Vec<&str> = key.split(BETWEEN).collect();
            let part = |facet: Facet| {
                let place = self.recorded.iter().position(|own| *own == facet);
                place.and_then(|place| parts.get(place)).copied().unwrap_or_default()
            };
            let own =
                groups.get(part(Facet::Person)).filter(|own| !own.is_empty()).map_or(none.as_slice(), Vec::as_slice);
            let counts = if self.by.contains(&Facet::Group) { own } else { none.as_slice() };
            for group in counts {
                let of = self.by.iter().map(|facet| match facet {
                    Facet::Group => group.clone(),
                    other => part(*other).to_owned(),
                });
                rows.entry(of.collect()).or_default().add(amount);
            }
        }
        let row = |(parts, amount): (Vec<String>, Amount)| {
            let of = self.by.iter().map(|facet| facet.as_str()).zip(parts).collect();
            Row { of, amount }
        };
        let mut rows: Vec<Row> = rows.into_iter().map(row).collect();
        rows.sort_by(|one, other| {
            let measured = other.amount.by(self.measure).cmp(&one.amount.by(self.measure));
            measured.then_with(|| one.of.cmp(&other.of))
        });
        (rows, self.others)
    }
}

impl Seen<'_> {
    /// How much it stands for; `None` for what is nobody's use of a site.
    fn amount(&self) -> Option<Amount> {
        let count = self.count.unwrap_or(1);
        let (requests, refused) = match &*self.decision {
            "permitted" | "monitored" | "overridden" => (count, 0),
            "denied" | "warned" => (0, count),
            // Those who were asked to sign in come again, and what is for ourselves is for no site.
            _ => return None,
        };
        let Self { bytes_in, bytes_out, duration_ms, .. } = *self;
        Some(Amount { requests, refused, bytes_in, bytes_out, duration_ms })
    }

    fn put(&self, facet: Facet, key: &mut String) {
        match facet {
            Facet::Day => key.push_str(self.time.to_string().split('T').next().unwrap_or_default()),
            Facet::Site => put(self.host.as_deref().unwrap_or(NOWHERE), key),
            Facet::Person | Facet::Group => match (self.realm.as_deref(), self.user.as_deref()) {
                (Some(realm), Some(user)) => {
                    put(realm, key);
                    key.push('/');
                    put(user, key);
                }
                (None, Some(user)) => put(user, key),
                (_, None) => key.push_str(NOBODY),
            },
        }
    }
}

/// Adds a text that holds nothing that stands between parts, and is not too long.
fn put(text: &str, key: &mut String) {
    let mut left = LONGEST;
    for character in text.chars().filter(|character| !character.is_control()) {
        let Some(less) = left.checked_sub(character.len_utf8()) else { return };
        left = less;
        key.push(character);
    }
}

impl Row {
    /// The row of what is not told apart.
    pub fn of_others(by: &[Facet], amount: Amount) -> Self {
        Self { of: by.iter().map(|facet| (facet.as_str(), OTHERS.to_owned())).collect(), amount }
    }
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
