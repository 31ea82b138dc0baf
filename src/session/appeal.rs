//! A refusal that somebody can ask to have reviewed: sealed into the address of the portal's page, so that nobody asks about
//! what was never refused.

use serde::{Deserialize, Serialize};

use crate::clock::{SignedDuration, Timestamp, after};
use crate::seal::{self, Sealer};

/// Where the portal asks for a review.
pub const REVIEW_PATH: &str = "/review";

/// How long after a refusal its review can be asked for.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

const PURPOSE: &str = "appeal";

/// What was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appeal {
    /// The host that was asked for.
    pub site: String,
    /// The rule that refused it, or the list or the default.
    pub rule: String,
    /// The name of the request, as its record has it.
    pub request_id: String,
}

impl Appeal {
    /// The path of the page that asks for its review, with what was refused in its query.
    pub fn address(&self, sealer: &Sealer, now: Timestamp) -> String {
        format!("{REVIEW_PATH}?q={}", sealer.seal(PURPOSE, self, after(now, LIFETIME)))
    }

    /// Reads what the query of that address holds.
    pub fn open(sealer: &Sealer, token: &str, now: Timestamp) -> Result<Self, seal::Error> {
        sealer.open(PURPOSE, token, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_refused_can_be_appealed_and_for_a_day() {
        let (sealer, now) = (Sealer::random(), Timestamp::UNIX_EPOCH);
        let appeal = Appeal { site: "a.test".into(), rule: "no games".into(), request_id: "7k2m-0qx4".into() };
        let address = appeal.address(&sealer, now);
        let token = address.strip_prefix("/review?q=").unwrap();
        assert_eq!(Appeal::open(&sealer, token, now), Ok(appeal));
        assert_eq!(Appeal::open(&sealer, token, after(now, LIFETIME)), Err(seal::Error::Expired));
        assert_eq!(Appeal::open(&Sealer::random(), token, now), Err(seal::Error::Forged));
        assert_eq!(Appeal::open(&sealer, &sealer.seal("return", &1, Timestamp::MAX), now), Err(seal::Error::Forged));
    }
}
