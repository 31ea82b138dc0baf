//! The kinds of events, and what is done about each.

use serde_json::Value;

use crate::clock::Timestamp;

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type/";
const SSF: &str = "https://schemas.openid.net/secevent/ssf/event-type/";

/// The events that a stream is asked to send.
pub(super) const REQUESTED: [&str; 14] = [
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
    "https://schemas.openid.net/secevent/caep/event-type/credential-change",
    "https://schemas.openid.net/secevent/caep/event-type/token-claims-change",
    "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change",
    "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change",
    "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
    "https://schemas.openid.net/secevent/risc/event-type/account-enabled",
    "https://schemas.openid.net/secevent/risc/event-type/account-purged",
    "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required",
    "https://schemas.openid.net/secevent/risc/event-type/identifier-changed",
    "https://schemas.openid.net/secevent/risc/event-type/identifier-recycled",
    "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked",
    "https://schemas.openid.net/secevent/risc/event-type/credential-compromise",
    "https://schemas.openid.net/secevent/ssf/event-type/verification",
];

/// A point in time after which numbers are milliseconds: some transmitters send these where seconds are meant.
const SECONDS_END: i64 = 100_000_000_000;

/// What an event is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The sessions that began before it end.
    EndEarlier,
    /// All sessions that began before it end, whichever of them it names.
    EndAll,
    /// It is recorded, and the directory is asked what has changed.
    Ask,
    /// It is recorded.
    Record,
    /// It answers our question whether the stream works.
    Verify,
    /// The stream is another one.
    StreamUpdated,
    /// Nobody here knows what it means.
    Unknown,
}

/// One event of a token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SecurityEvent {
    /// Its kind, as its address ends.
    pub(super) kind: String,
    pub(super) effect: Effect,
    /// What it says.
    pub(super) says: Value,
}

impl SecurityEvent {
    pub(super) fn of(address: &str, says: Value) -> Self {
        let (family, kind) = [CAEP, RISC, SSF]
            .into_iter()
            .find_map(|family| Some((family, address.strip_prefix(family)?)))
            .unwrap_or(("", address));
        let effect = match (family, kind) {
            (CAEP, "session-revoked") | (RISC, "sessions-revoked" | "credential-compromise") => Effect::EndEarlier,
            (RISC, "account-credential-change-required" | "identifier-recycled") => Effect::EndEarlier,
            // A credential that was added takes nothing from those there are.
            (CAEP, "credential-change") if says.get("change_type").and_then(Value::as_str) == Some("create") => {
                Effect::Record
            }
            (CAEP, "credential-change") => Effect::EndEarlier,
            (RISC, "account-disabled" | "account-purged") => Effect::EndAll,
            (RISC, "account-enabled" | "identifier-changed") | (CAEP, "token-claims-change") => Effect::Ask,
            (CAEP, "assurance-level-change" | "device-compliance-change" | "risk-level-change") => Effect::Record,
            (CAEP, "session-established" | "session-presented") => Effect::Record,
            (SSF, "verification") => Effect::Verify,
            (SSF, "stream-updated") => Effect::StreamUpdated,
            _ => Effect::Unknown,
        };
        // It may be any text, and stands in records.
        let kind = kind.chars().filter(|c| !c.is_control()).take(100).collect();
        Self { kind, effect, says }
    }

    /// When what it tells of happened, if it says so (CAEP 1.0 §2, `event_timestamp`).
    pub(super) fn at(&self) -> Option<Timestamp> {
        let number = self.says.get("event_timestamp")?;
        let number = number.as_i64().or_else(|| whole(number.as_f64()?))?;
        if number > SECONDS_END { Timestamp::from_millisecond(number) } else { Timestamp::from_second(number) }.ok()
    }

    /// What it says in short, for records.
    pub(super) fn summary(&self) -> String {
        let words = ["reason", "current_status", "current_level", "change_type", "credential_type", "status"];
        let said = words.iter().filter_map(|word| Some(format!("{word} {}", self.says.get(word)?.as_str()?)));
        let said = said.collect::<Vec<_>>().join(", ");
        said.chars().filter(|c| !c.is_control()).take(200).collect()
    }
}

/// A number of seconds with a part of one.
fn whole(number: f64) -> Option<i64> {
    let text = format!("{number:.0}");
    text.parse().ok()
}
