//! When a rule counts: weekdays, dates and hours, by the clock on the wall where the client is.
//!
//! The time of day is compared as the wall shows it. So an hour that comes twice when clocks are put back counts twice, and
//! one that is left out when they are put forward does not come.

use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::clock::Timestamp;

/// A schedule, as written: `{ days = ["mon-fri"], hours = ["08:00-18:00"] }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Weekdays, dates and `holiday`. Default: each day.
    pub days: Vec<Days>,
    /// Hours. Those that end before they begin end on the next day. Default: the whole day.
    pub hours: Vec<Hours>,
}

/// Days: `mon`, `mon-fri`, `2026-12-25`, `12-25` (each year), or `holiday`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Days {
    /// From one weekday to another one, both counted from Monday.
    Week(u8, u8),
    /// A date.
    Date(Holiday),
    /// Those that the policy calls holidays.
    Holiday,
}

/// A date, of one year or of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Holiday {
    /// Of one year.
    Once(Date),
    /// Of each year: month and day.
    Yearly(i8, i8),
}

/// Hours of a day, in minutes from its beginning: the first one is in, the last one is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Hours {
    from: u16,
    to: u16,
}

/// What is wrong with a part of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No day.
    #[error("`{0}` is no day: write \"mon\", \"mon-fri\", \"2026-12-25\", \"12-25\" (each year) or \"holiday\"")]
    NotADay(String),
    /// No date.
    #[error("`{0}` is no date: write \"2026-12-25\", or \"12-25\" for each year")]
    NotADate(String),
    /// No hours.
    #[error("`{0}` is no time of day: write \"08:00-17:30\", up to \"24:00\", or \"22:00-06:00\" for a night")]
    NotHours(String),
}

const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl TryFrom<String> for Days {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let lower = text.to_ascii_lowercase();
        if lower == "holiday" {
            return Ok(Self::Holiday);
        }
        let day = |name: &str| WEEK.iter().position(|day| *day == name).and_then(|at| u8::try_from(at).ok());
        let (first, last) = lower.split_once('-').unwrap_or((&lower, &lower));
        if let (Some(first), Some(last)) = (day(first), day(last)) {
            return Ok(Self::Week(first, last));
        }
        Holiday::try_from(lower).map(Self::Date).map_err(|_| Error::NotADay(text))
    }
}

impl TryFrom<String> for Holiday {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        if let Ok(date) = text.parse::<Date>()
            && text.len() == "2026-12-25".len()
        {
            return Ok(Self::Once(date));
        }
        let parts = text.split_once('-').filter(|(month, day)| month.len() == 2 && day.len() == 2);
        let date = parts.and_then(|(month, day)| Some((month.parse().ok()?, day.parse().ok()?)));
        // A year that has each of them.
        match date.filter(|(month, day)| Date::new(2024, *month, *day).is_ok()) {
            Some((month, day)) => Ok(Self::Yearly(month, day)),
            None => Err(Error::NotADate(text)),
        }
    }
}

impl TryFrom<String> for Hours {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let minutes = |part: &str| -> Option<u16> {
            let (hour, minute) = part.trim().split_once(':').filter(|(_, minute)| minute.len() == 2)?;
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            (minute < 60 && (hour < 24 || (hour == 24 && minute == 0))).then_some(hour * 60 + minute)
        };
        let ends = text.split_once('-').and_then(|(from, to)| Some((minutes(from)?, minutes(to)?)));
        match ends.filter(|(from, to)| from != to && *from < DAY) {
            Some((from, to)) => Ok(Self { from, to }),
            None => Err(Error::NotHours(text)),
        }
    }
}

/// Minutes of a day.
const DAY: u16 = 24 * 60;

impl Holiday {
    fn is(self, date: Date) -> bool {
        match self {
            Self::Once(day) => day == date,
            Self::Yearly(month, day) => (date.month(), date.day()) == (month, day),
        }
    }
}

impl Days {
    fn have(self, date: Date, holidays: &[Holiday]) -> bool {
        match self {
            Self::Week(first, last) => {
                let day = u8::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
                if first <= last { (first..=last).contains(&day) } else { day >= first || day <= last }
            }
            Self::Date(day) => day.is(date),
            Self::Holiday => holidays.iter().any(|day| day.is(date)),
        }
    }
}

/// A schedule, as used.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schedule {
    written: Config,
    holidays: Arc<[Holiday]>,
    /// Where nobody says where the client is.
    zone: TimeZone,
}

impl Schedule {
    pub(super) fn new(written: &Config, holidays: &Arc<[Holiday]>, zone: &TimeZone) -> Self {
        Self { written: written.clone(), holidays: Arc::clone(holidays), zone: zone.clone() }
    }

    /// Whether it counts at this time, for clients in this time zone.
    pub(super) fn is_on(&self, at: Timestamp, zone: Option<&TimeZone>) -> bool {
        self.is_on_by_wall(zone.unwrap_or(&self.zone).to_datetime(at))
    }

    fn is_on_by_wall(&self, local: DateTime) -> bool {
        let date = local.date();
        let minute = u16::try_from(i16::from(local.hour()) * 60 + i16::from(local.minute())).unwrap_or_default();
        let Config { days, hours } = &self.written;
        let has = |date: Date| days.is_empty() || days.iter().any(|day| day.have(date, &self.holidays));
        if hours.is_empty() {
            return has(date);
        }
        hours.iter().any(|Hours { from, to }| match from < to {
            true => (*from..*to).contains(&minute) && has(date),
            // What begins in the evening of a day is that day's.
            false => (minute >= *from && has(date)) || (minute < *to && date.yesterday().is_ok_and(has)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(toml: &str) -> Schedule {
        let holidays: Arc<[Holiday]> = [Holiday::Yearly(12, 25), Holiday::Once("2026-05-01".parse().unwrap())].into();
        Schedule::new(&toml::from_str(toml).unwrap(), &holidays, &TimeZone::UTC)
    }

    fn is_on(schedule: &Schedule, at: &str, zone: &str) -> bool {
        schedule.is_on(at.parse().unwrap(), Some(&TimeZone::get(zone).unwrap()))
    }

    #[test]
    fn hours_are_those_of_the_wall_where_the_client_is() {
        let office = schedule("days = ['mon-fri']\nhours = ['08:00-12:00', '13:00-18:00']");
        for (at, zone, on) in [
            // Friday in winter and in summer.
            ("2026-11-27T07:00:00Z", "Europe/Berlin", true),
            ("2026-11-27T06:59:59Z", "Europe/Berlin", false),
            ("2026-07-03T06:00:00Z", "Europe/Berlin", true),
            ("2026-07-03T05:59:59Z", "Europe/Berlin", false),
            ("2026-11-27T11:00:00Z", "Europe/Berlin", false),
            ("2026-11-27T12:00:00Z", "Europe/Berlin", true),
            ("2026-11-27T17:00:00Z", "Europe/Berlin", false),
            ("2026-11-27T07:00:00Z", "America/New_York", false),
            ("2026-11-27T13:00:00Z", "America/New_York", true),
            // Friday evening in New York is Saturday in Tokyo.
            ("2026-11-27T22:30:00Z", "America/New_York", true),
            ("2026-11-27T22:30:00Z", "Asia/Tokyo", false),
            ("2026-11-28T10:00:00Z", "Europe/Berlin", false),
        ] {
            assert_eq!(is_on(&office, at, zone), on, "{at} {zone}");
        }
        assert!(office.is_on("2026-11-27T08:00:00Z".parse().unwrap(), None), "UTC where nobody says otherwise");
    }

    #[test]
    fn a_night_is_that_of_the_day_on_which_it_begins() {
        let night = schedule("days = ['fri']\nhours = ['22:00-06:00']");
        for (at, on) in [
            ("2026-11-27T21:59:00Z", false),
            ("2026-11-27T22:00:00Z", true),
            ("2026-11-28T05:59:00Z", true),
            ("2026-11-28T06:00:00Z", false),
            ("2026-11-28T22:00:00Z", false),
            ("2026-11-27T05:00:00Z", false),
        ] {
            assert_eq!(is_on(&night, at, "UTC"), on, "{at}");
        }
    }

    #[test]
    fn an_hour_that_comes_twice_counts_twice_and_one_that_is_left_out_does_not_come() {
        let hour = schedule("hours = ['02:00-03:00']");
        for (at, on) in [
            // 2026-10-25 in Berlin: 02:30 at +02:00, and again at +01:00.
            ("2026-10-25T00:30:00Z", true),
            ("2026-10-25T01:30:00Z", true),
            ("2026-10-25T02:00:00Z", false),
            // 2026-03-29: from 02:00 to 03:00 at once.
            ("2026-03-29T00:59:59Z", false),
            ("2026-03-29T01:00:00Z", false),
            ("2026-03-29T01:30:00Z", false),
        ] {
            assert_eq!(is_on(&hour, at, "Europe/Berlin"), on, "{at}");
        }
    }

    #[test]
    fn days_are_weekdays_dates_and_holidays() {
        for (days, at, on) in [
            ("'sat-mon'", "2026-11-29", true),
            ("'sat-mon'", "2026-11-30", true),
            ("'sat-mon'", "2026-12-01", false),
            ("'Wed'", "2026-12-02", true),
            ("'holiday'", "2027-12-25", true),
            ("'holiday'", "2026-05-01", true),
            ("'holiday'", "2027-05-01", false),
            ("'2026-12-24'", "2026-12-24", true),
            ("'2026-12-24'", "2027-12-24", false),
            ("'02-29'", "2028-02-29", true),
            ("'12-24', 'mon'", "2027-12-24", true),
        ] {
            let schedule = schedule(&format!("days = [{days}]"));
            assert_eq!(is_on(&schedule, &format!("{at}T12:00:00Z"), "UTC"), on, "{days} {at}");
        }
    }

    #[test]
    fn slips_are_found() {
        for wrong in [
            "days = ['monday']",
            "days = ['mon-']",
            "days = ['02-30']",
            "days = ['2026-02-29']",
            "days = ['2026-12-25T10:00']",
            "days = ['5']",
            "hours = ['8-17']",
            "hours = ['08:00-08:00']",
            "hours = ['08:00-24:01']",
            "hours = ['24:00-08:00']",
            "hours = ['08:60-09:00']",
            "hours = ['08:00']",
            "day = ['mon']",
        ] {
            assert!(toml::from_str::<Config>(wrong).is_err(), "{wrong}");
        }
        assert!(toml::from_str::<Config>("hours = ['8:00-24:00']").is_ok());
    }
}
