//! Says in time that an identity provider's metadata will be over (some write the time into each file), and credentials.

use crate::clock::{SignedDuration, Timestamp};
use crate::units::Duration;

/// How long before their end it is said, the longest first.
const NOTICES: [SignedDuration; 3] =
    [SignedDuration::from_hours(24 * 60), SignedDuration::from_hours(24 * 30), SignedDuration::from_hours(24 * 7)];

/// How often it is said of metadata that are over.
const REMINDER: SignedDuration = SignedDuration::from_hours(24);

/// What there is to say of a time until which metadata are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It is over.
    Over,
    /// It is over in so many days.
    Soon(i64),
}

/// The times of a setting.
pub(super) fn notices(setting: &[Duration]) -> Vec<SignedDuration> {
    setting.iter().map(|before| before.signed()).collect()
}

impl Notice {
    /// What there is to say at `now`, however often it was said.
    pub fn at(until: Timestamp, now: Timestamp) -> Option<Self> {
        Self::within(&NOTICES, until, now)
    }

    /// The same, where it is said so long before the end.
    pub fn within(notices: &[SignedDuration], until: Timestamp, now: Timestamp) -> Option<Self> {
        let left = until.duration_since(now);
        match left.is_positive() {
            false => Some(Self::Over),
            true if notices.iter().any(|notice| left <= *notice) => Some(Self::Soon(left.as_hours() / 24)),
            true => None,
        }
    }

    /// What there is to say at `now` that there was not at `before`.
    pub(super) fn since(before: Timestamp, until: Timestamp, now: Timestamp) -> Option<Self> {
        Self::since_by(&NOTICES, before, until, now)
    }

    /// The same, where it is said so long before the end.
    pub(super) fn since_by(
        notices: &[SignedDuration],
        before: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Option<Self> {
        let (had, left) = (until.duration_since(before), until.duration_since(now));
        let ages = |left: SignedDuration| left.as_secs().div_euclid(REMINDER.as_secs());
        match left.is_positive() {
            false => (had.is_positive() || ages(had) != ages(left)).then_some(Self::Over),
            true => {
                let passed = notices.iter().any(|notice| had > *notice && left <= *notice);
                passed.then(|| Self::Soon(left.as_hours() / 24))
            }
        }
    }

    /// Says it of a credential of a directory.
    pub(super) fn tell_of_credential(self, directory: &str, until: Timestamp) {
        match self {
            Self::Over => tracing::error!(
                directory,
                %until,
                "a credential for Microsoft Graph was good only until then: put a new one in its place"
            ),
            Self::Soon(days) => tracing::warn!(
                directory,
                %until,
                days,
                "a credential for Microsoft Graph is good only until then: put a new one beside it, or nothing is read afterwards"
            ),
        }
    }

    /// Says it.
    pub(super) fn tell(self, realm: &str, until: Timestamp) {
        match self {
            Self::Over => tracing::error!(
                realm,
                %until,
                "the identity provider's metadata were valid only until then: nobody can sign in until they are renewed"
            ),
            Self::Soon(days) => tracing::warn!(
                realm,
                %until,
                days,
                "the identity provider's metadata are valid only until then: renew them, or nobody can sign in afterwards"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::after;

    #[test]
    fn it_is_said_60_30_and_7_days_before_and_each_day_afterwards() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let until = after(start, SignedDuration::from_hours(24 * 100 + 3));
        let mut said = Vec::new();
        for look in 0..4 * 102_i64 {
            let at = |look: i64| after(start, SignedDuration::from_hours(6 * look));
            if let Some(notice) = Notice::since(at(look), until, at(look + 1)) {
                said.push(((look + 1) * 6 / 24, notice));
            }
        }
        assert_eq!(said[..3], [(40, Notice::Soon(59)), (70, Notice::Soon(29)), (93, Notice::Soon(6))]);
        assert_eq!(said[3], (100, Notice::Over));
        assert_eq!(said.len(), 5, "once a day from then on: {said:?}");
    }

    #[test]
    fn it_is_said_as_early_as_a_setting_wants() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let times = notices(&[Duration::days(90), Duration::days(1)]);
        let until = after(now, SignedDuration::from_hours(24 * 80));
        assert_eq!(Notice::within(&times, until, now), Some(Notice::Soon(80)));
        assert_eq!(Notice::within(&times[1..], until, now), None);
        let later = after(now, SignedDuration::from_hours(24 * 79 + 1));
        assert_eq!(Notice::since_by(&times, now, until, later), Some(Notice::Soon(0)));
        assert_eq!(Notice::since_by(&times[..1], now, until, later), None, "that was said before");
    }

    #[test]
    fn at_a_start_it_is_said_from_60_days_before() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |hours| Notice::at(after(now, SignedDuration::from_hours(hours)), now);
        assert_eq!(
            (at(24 * 60 + 1), at(24 * 60), at(24 * 8), at(5)),
            (None, Some(Notice::Soon(60)), Some(Notice::Soon(8)), Some(Notice::Soon(0)))
        );
        assert_eq!((at(0), at(-1)), (Some(Notice::Over), Some(Notice::Over)));
        assert_eq!(Notice::at(Timestamp::MAX, now), None);
    }
}
