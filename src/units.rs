//! Quantities as people write them in the configuration: `30s`, `12h`, `30d`, `64KiB`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration as StdDuration;

use jiff::SignedDuration;
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A length of time, in whole milliseconds: `250ms`, `30s`, `10m`, `12h`, `30d`, `2w`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    millis: u64,
}

/// An amount of memory: `512B`, `64KiB`, `16MiB`, `1GiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    bytes: u64,
}

/// Why a quantity was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text does not begin with a number.
    #[error("it must begin with a whole number")]
    NoNumber,
    /// The number has no unit.
    #[error("it needs a unit")]
    NoUnit,
    /// The unit is not known.
    #[error("its unit is not known")]
    UnknownUnit,
    /// The quantity is larger than the program can count, or than anybody can mean.
    #[error("it is too large")]
    TooLarge,
}

/// Units of time, and milliseconds in each.
const TIME: &[(&str, u64)] =
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// Units of memory, and bytes in each. `KB` and `kb` are ambiguous (1000 or 1024 bytes), so they are not accepted.
const MEMORY: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// A hundred years. A longer time is a mistake, and would overflow dates elsewhere.
const LONGEST: u64 = 100 * 366 * 86_400_000;

impl Duration {
    /// A number of seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self { millis: seconds.saturating_mul(1_000) }
    }

    /// A number of minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }

    /// A number of hours.
    pub const fn hours(hours: u64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }

    /// A number of days of 24 hours.
    pub const fn days(days: u64) -> Self {
        Self::hours(days.saturating_mul(24))
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.millis == 0
    }

    /// As the standard library's type.
    pub const fn std(self) -> StdDuration {
        StdDuration::from_millis(self.millis)
    }

    /// As the type that is added to a `Timestamp`.
    pub fn signed(self) -> SignedDuration {
        SignedDuration::from_millis(i64::try_from(self.millis).unwrap_or(i64::MAX))
    }

    /// Whole seconds, rounded down, as `max-age` counts them.
    pub const fn as_seconds(self) -> u64 {
        self.millis / 1_000
    }
}

impl Size {
    /// A number of bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self { bytes }
    }

    /// A number of kibibytes.
    pub const fn kib(kib: u64) -> Self {
        Self { bytes: kib.saturating_mul(1 << 10) }
    }

    /// The number of bytes.
    pub const fn as_bytes(self) -> u64 {
        self.bytes
    }

    /// The number of bytes, as a length in memory.
    pub fn as_len(self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }
}

impl From<Duration> for StdDuration {
    fn from(duration: Duration) -> Self {
        duration.std()
    }
}

impl From<Duration> for SignedDuration {
    fn from(duration: Duration) -> Self {
        duration.signed()
    }
}

impl FromStr for Duration {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let millis = parse(text, TIME)?;
        if millis > LONGEST { Err(Error::TooLarge) } else { Ok(Self { millis }) }
    }
}

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(Self { bytes: parse(text, MEMORY)? })
    }
}

/// A whole number and its unit, with or without a blank between them.
fn parse(text: &str, units: &[(&str, u64)]) -> Result<u64, Error> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    if number.is_empty() {
        return Err(Error::NoNumber);
    }
    let number: u64 = number.parse().map_err(|_| Error::TooLarge)?;
    let unit = unit.trim_start();
    if unit.is_empty() {
        // Zero is zero in every unit.
        return if number == 0 { Ok(0) } else { Err(Error::NoUnit) };
    }
    let (_, each) = units.iter().find(|(name, _)| *name == unit).ok_or(Error::UnknownUnit)?;
    number.checked_mul(*each).ok_or(Error::TooLarge)
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Weeks are read but never written: "30d" is clearer than "4w 2d".
        display(f, self.millis, TIME.iter().rev().skip(1), "0s")
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(f, self.bytes, MEMORY.iter().rev(), "0B")
    }
}

/// Writes an amount in the largest unit that divides it without a remainder.
fn display<'a>(
    f: &mut fmt::Formatter<'_>,
    amount: u64,
    mut largest_first: impl Iterator<Item = &'a (&'a str, u64)>,
    nothing: &str,
) -> fmt::Result {
    match largest_first.find(|(_, each)| amount != 0 && amount.is_multiple_of(*each)) {
        Some((unit, each)) => write!(f, "{}{unit}", amount / each),
        None => f.write_str(nothing),
    }
}

/// Reads a quantity from a string. The error for anything else shows examples.
struct Quantity<T> {
    like: &'static str,
    of: std::marker::PhantomData<T>,
}

impl<T: FromStr<Err = Error>> Visitor<'_> for Quantity<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.like)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|error| E::custom(format_args!("`{text}` is not {}: {error}", self.like)))
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let like = r#"a duration such as "250ms", "30s", "10m", "12h" or "30d""#;
        deserializer.deserialize_str(Quantity { like, of: std::marker::PhantomData })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let like = r#"a size such as "512B", "64KiB" or "16MiB""#;
        deserializer.deserialize_str(Quantity { like, of: std::marker::PhantomData })
    }
}

/// For `#[serde(deserialize_with = "…")]` on a field that holds a [`SignedDuration`].
pub fn signed_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    Duration::deserialize(deserializer).map(Duration::signed)
}

/// For `#[serde(deserialize_with = "…")]` on a field that may hold a [`SignedDuration`].
pub fn optional_signed_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SignedDuration>, D::Error> {
    signed_duration(deserializer).map(Some)
}

/// For `#[serde(deserialize_with = "…")]` on a field that holds a [`std::time::Duration`].
pub fn std_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StdDuration, D::Error> {
    Duration::deserialize(deserializer).map(Duration::std)
}

/// For `#[serde(deserialize_with = "…")]` on a field that holds a length in memory.
pub fn length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    Size::deserialize(deserializer).map(Size::as_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_and_written_in_its_largest_unit() {
        for (text, millis, written) in [
            ("250ms", 250, "250ms"),
            ("30s", 30_000, "30s"),
            ("90 s", 90_000, "90s"),
            ("120s", 120_000, "2m"),
            ("12h", 43_200_000, "12h"),
            ("30d", 2_592_000_000, "30d"),
            ("2w", 1_209_600_000, "14d"),
            ("0", 0, "0s"),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!((duration.millis, duration.to_string().as_str()), (millis, written), "{text}");
        }
        assert_eq!(Duration::days(30), "30d".parse().unwrap());
        assert_eq!(Duration::hours(12).signed(), SignedDuration::from_hours(12));
    }

    #[test]
    fn a_size_is_read_and_written() {
        for (text, bytes, written) in [
            ("512B", 512, "512B"),
            ("64KiB", 65_536, "64KiB"),
            ("1024KiB", 1 << 20, "1MiB"),
            ("1 GiB", 1 << 30, "1GiB"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.as_bytes(), size.to_string().as_str()), (bytes, written), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_quantity_says_why() {
        for (text, error) in [
            ("", Error::NoNumber),
            ("h", Error::NoNumber),
            ("-1s", Error::NoNumber),
            ("30", Error::NoUnit),
            ("30x", Error::UnknownUnit),
            ("1.5h", Error::UnknownUnit),
            ("30 S", Error::UnknownUnit),
            ("3000000w", Error::TooLarge),
            ("99999999999999999999s", Error::TooLarge),
        ] {
            assert_eq!(text.parse::<Duration>(), Err(error), "{text}");
        }
        assert_eq!("64KB".parse::<Size>(), Err(Error::UnknownUnit));
    }
}
