//! Which risk a condition of a rule means.

use serde::Deserialize;

use super::Subject;
use crate::identity::Risk;

/// Some levels of risk: a list of them, or all between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct RiskLevels(u8);

/// The same, as written: `["medium", "high"]`, `{ at_least = "medium" }`, `{ at_most = "low" }`.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "it is a list of levels, such as [\"high\"], or a bound, such as { at_least = \"medium\" }"
)]
enum Written {
    Levels(Vec<String>),
    Bound(Bound),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bound {
    at_least: Option<String>,
    at_most: Option<String>,
}

impl TryFrom<Written> for RiskLevels {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let levels: Vec<Risk> = match written {
            Written::Levels(words) => words.iter().map(|word| level(word)).collect::<Result<_, _>>()?,
            Written::Bound(Bound { at_least: None, at_most: None }) => Vec::new(),
            Written::Bound(Bound { at_least, at_most }) => {
                let least = at_least.as_deref().map_or(Ok(Risk::None), level)?;
                let most = at_most.as_deref().map_or(Ok(Risk::High), level)?;
                Risk::LEVELS.into_iter().filter(|level| (least..=most).contains(level)).collect()
            }
        };
        match levels.is_empty() {
            true => Err("it means no level of risk: name some, such as [\"high\"], or a bound".to_owned()),
            false => Ok(levels.into_iter().collect()),
        }
    }
}

fn level(word: &str) -> Result<Risk, String> {
    let wrong = || format!("`{word}` is no level of risk: there are none, low, medium and high");
    Risk::of_word(word).ok_or_else(wrong)
}

impl FromIterator<Risk> for RiskLevels {
    fn from_iter<I: IntoIterator<Item = Risk>>(levels: I) -> Self {
        Self(levels.into_iter().fold(0, |bits, level| bits | bit(level)))
    }
}

impl RiskLevels {
    /// Whether it is one of them; none where it is not known.
    pub fn have(self, risk: Risk) -> Option<bool> {
        (risk != Risk::Unknown).then_some(self.0 & bit(risk) != 0)
    }

    /// Whether each of them is one of `others`.
    pub fn are_in(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    /// Whether the risk of whoever asks is one of them; none where it is not known. Whoever has no account has no risk.
    /// `takes_away`: of a condition by which a rule leaves somebody out of what it lets through.
    pub(super) fn hold(self, subject: Subject<'_>, takes_away: bool) -> Option<bool> {
        match subject {
            Subject::Somebody { user, .. } if user.is_guest() => (!takes_away).then_some(false),
            Subject::Somebody { user, .. } => self.have(user.risk),
            Subject::Nobody => Some(false),
            Subject::Untold => self.have(Risk::None),
        }
    }
}

fn bit(risk: Risk) -> u8 {
    match risk {
        Risk::Unknown => 0,
        Risk::None => 1,
        Risk::Low => 2,
        Risk::Medium => 4,
        Risk::High => 8,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::identity::{Network, Networks, Surrogate, User};
    use crate::policy::{Access, Config, Decision, Passes, Policy, Question, Store, Way};
    use crate::wire::{Destination, RequestKind, Scheme};

    fn read(text: &str) -> Result<RiskLevels, String> {
        #[derive(Deserialize)]
        struct Holder {
            risk: RiskLevels,
        }
        toml::from_str::<Holder>(&format!("risk = {text}")).map(|holder| holder.risk).map_err(|error| error.to_string())
    }

    #[test]
    fn levels_are_a_list_or_a_bound_and_what_means_none_of_them_is_refused() {
        let words = |levels: RiskLevels| {
            let meant = Risk::LEVELS.into_iter().filter(|level| levels.have(*level) == Some(true));
            meant.map(Risk::as_str).collect::<Vec<_>>().join(" ")
        };
        for (text, wanted) in [
            ("['high']", "high"),
            ("['none', 'low', 'high']", "none low high"),
            ("{ at_least = 'medium' }", "medium high"),
            ("{ at_most = 'low' }", "none low"),
            ("{ at_least = 'low', at_most = 'medium' }", "low medium"),
        ] {
            assert_eq!(words(read(text).unwrap()), wanted, "{text}");
        }
        for (text, why) in [
            ("[]", "no level of risk"),
            ("{}", "no level of risk"),
            ("{ at_least = 'high', at_most = 'low' }", "no level of risk"),
            ("['unknown']", "`unknown` is no level of risk"),
            ("{ at_least = 'severe' }", "`severe` is no level of risk"),
            ("'high'", "a list of levels"),
            ("{ above = 'low' }", "a list of levels"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(read("['low']").unwrap().are_in(read("{ at_most = 'medium' }").unwrap()));
        assert!(!read("['low', 'high']").unwrap().are_in(read("{ at_most = 'medium' }").unwrap()));
    }

    /// What is decided about somebody with this risk, a guest, and nobody.
    fn decide(rule: &str, user: Option<&User>, network: &Network) -> &'static str {
        let config: Config = toml::from_str(&format!(
            "default = 'allow'\n[[rule]]\nname = 'it'\n{rule}\n[[rule]]\nname = 'rest'\neffect = 'monitor'"
        ))
        .unwrap();
        let policy = Policy::new(&config, &[], []);
        let destination = Arc::new(Destination::of_authority(Scheme::Http, "a.test:80").unwrap());
        let subject = user.map_or(Subject::Nobody, |user| Subject::Somebody {
            user,
            surrogate: Surrogate::OriginCookie,
            proven: crate::clock::SignedDuration::ZERO,
            passes: Passes::NONE,
            way: Way::AsWanted,
        });
        let access = Access::Request(RequestKind::Navigation);
        let question = Question::plain(subject, network, &destination, access, Store::Known);
        Decision::of(&policy.decide(&question)).as_str()
    }

    #[test]
    fn what_is_not_known_counts_against_whoever_asks() {
        let written = "name = 'office'\naddresses = ['192.0.2.0/24']\nsign_in = 'optional'";
        let networks = Networks::new(&[toml::from_str(written).unwrap()]);
        let network = networks.of([192, 0, 2, 7].into());
        let with = |risk| User { realm: "contoso".into(), risk, ..User::guest("1".into()) };
        let guest = User::guest("2".into());
        let block = "risk = ['high']\neffect = 'block'";
        let allow = "risk = { at_most = 'low' }\neffect = 'allow'";
        let block_but = "not = { risk = { at_most = 'low' } }\neffect = 'block'";
        let allow_but = "not = { risk = ['high'] }\neffect = 'allow'";
        for (rule, none, medium, high, unknown, of_guest, of_nobody) in [
            (block, "monitor", "monitor", "block", "block", "monitor", "monitor"),
            (allow, "allow", "monitor", "monitor", "monitor", "monitor", "monitor"),
            (block_but, "monitor", "block", "block", "block", "block", "block"),
            (allow_but, "allow", "allow", "monitor", "monitor", "monitor", "monitor"),
        ] {
            let decided = [
                Some(&with(Risk::None)),
                Some(&with(Risk::Medium)),
                Some(&with(Risk::High)),
                Some(&with(Risk::Unknown)),
                Some(&guest),
                None,
            ]
            .map(|user| decide(rule, user, network));
            assert_eq!(decided, [none, medium, high, unknown, of_guest, of_nobody], "{rule}");
        }
    }
}
