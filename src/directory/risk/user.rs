//! Somebody whom Entra ID Protection has something to say of (`riskyUser`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::identity::Risk;

/// The longest identifier that is read, and the longest word. Microsoft's have 36 characters, and up to 50.
const LONGEST: usize = 100;

/// What has become of somebody's risk (`riskState`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiskState {
    /// There is none.
    None,
    /// An administrator has confirmed that it was the person.
    ConfirmedSafe,
    /// The person has proven that it was them, such as by another password.
    Remediated,
    /// An administrator has dismissed it.
    Dismissed,
    /// They are at risk.
    AtRisk,
    /// An administrator has confirmed that it was somebody else.
    ConfirmedCompromised,
    /// Something that this program does not know.
    #[default]
    Unknown,
}

impl RiskState {
    /// Those in which an account is at risk.
    pub const AT_RISK: [Self; 2] = [Self::AtRisk, Self::ConfirmedCompromised];

    /// Those in which somebody has said that there is no risk any more.
    pub const SETTLED: [Self; 3] = [Self::Dismissed, Self::Remediated, Self::ConfirmedSafe];

    /// Microsoft's word for it.
    pub fn as_graph(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ConfirmedSafe => "confirmedSafe",
            Self::Remediated => "remediated",
            Self::Dismissed => "dismissed",
            Self::AtRisk => "atRisk",
            Self::ConfirmedCompromised => "confirmedCompromised",
            Self::Unknown => "unknownFutureValue",
        }
    }

    fn of(word: &str) -> Self {
        let known = [Self::None, Self::ConfirmedSafe, Self::Remediated, Self::Dismissed];
        let known = known.into_iter().chain(Self::AT_RISK);
        known.into_iter().find(|state| state.as_graph() == word).unwrap_or_default()
    }

    /// Whether somebody in it is at risk, or may be.
    pub fn is_at_risk(self) -> bool {
        matches!(self, Self::AtRisk | Self::ConfirmedCompromised | Self::Unknown)
    }
}

/// What Entra ID Protection says of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskyUser {
    /// How high their risk is; unknown where it is hidden.
    pub level: Risk,
    /// What has become of it.
    pub state: RiskState,
    /// Why, in Microsoft's word (`riskDetail`).
    pub detail: String,
    /// When it last changed there.
    pub updated: Option<Timestamp>,
    /// Since when they have been at risk without a break, as far as that was seen.
    pub since: Timestamp,
}

impl RiskyUser {
    /// What an object of an answer says, and of whom, by object ID.
    pub(super) fn read(object: &Map<String, Value>, now: Timestamp) -> Option<(String, Self)> {
        let text = |name: &str| object.get(name).and_then(Value::as_str).filter(|text| text.len() <= LONGEST);
        let id = text("id").filter(|id| !id.is_empty())?;
        let level = match text("riskLevel") {
            Some("low") => Risk::Low,
            Some("medium") => Risk::Medium,
            Some("high") => Risk::High,
            // Whoever is at risk has one; that of no level is not known.
            _ => Risk::Unknown,
        };
        let updated = text("riskLastUpdatedDateTime").and_then(|time| time.parse::<Timestamp>().ok());
        let state = text("riskState").map(RiskState::of).unwrap_or_default();
        let detail = text("riskDetail").unwrap_or("none").to_owned();
        Some((id.to_owned(), Self { level, state, detail, updated, since: updated.unwrap_or(now).min(now) }))
    }

    /// The risk that counts.
    pub fn risk(&self) -> Risk {
        if self.state.is_at_risk() { self.level } else { Risk::None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_hidden_or_new_is_not_known_and_what_is_settled_is_none() {
        let now: Timestamp = "2026-11-30T10:00:00Z".parse().unwrap();
        for (level, state, wanted) in [
            ("high", "atRisk", Risk::High),
            ("low", "confirmedCompromised", Risk::Low),
            ("hidden", "atRisk", Risk::Unknown),
            ("none", "atRisk", Risk::Unknown),
            ("severe", "atRisk", Risk::Unknown),
            ("high", "unknownFutureValue", Risk::High),
            ("high", "dismissed", Risk::None),
            ("none", "remediated", Risk::None),
            ("hidden", "none", Risk::None),
        ] {
            let object = json!({ "id": "1", "riskLevel": level, "riskState": state, "riskLastUpdatedDateTime": "2026-11-29T10:00:00.1234567Z" });
            let (id, user) = RiskyUser::read(object.as_object().unwrap(), now).unwrap();
            assert_eq!((id.as_str(), user.risk()), ("1", wanted), "{level} {state}");
            assert!(user.since < now && user.detail == "none");
        }
        let read = |object: Value| RiskyUser::read(object.as_object().unwrap(), now);
        assert_eq!(read(json!({ "id": "x".repeat(101), "riskLevel": "high", "riskState": "atRisk" })), None);
        assert_eq!(read(json!({ "riskLevel": "high", "riskState": "atRisk" })), None);
        let bare = read(json!({ "id": "1", "riskLevel": 7, "riskLastUpdatedDateTime": "soon" })).unwrap().1;
        assert_eq!((bare.risk(), bare.since, bare.updated), (Risk::Unknown, now, None));
    }
}
