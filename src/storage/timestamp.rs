use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

/// A moment, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// This moment.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// The moment `age` before this one.
    #[must_use]
    pub fn before(self, age: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The moment `time` after this one.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long it is from `now` until this moment; nothing where it has been.
    pub fn until(self, now: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(now.0)).unwrap_or_default())
    }

    /// Microseconds since the Unix epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// The moment that many microseconds after the Unix epoch.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
}

/// RFC 3339 in UTC, to the second.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UNIX_EPOCH + Duration::from_micros(u64::try_from(self.0).unwrap_or(0));
        write!(f, "{}", humantime::format_rfc3339_seconds(time))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_print_as_rfc_3339_and_never_overflow() {
        assert_eq!(Timestamp::from_micros(1_700_000_000_999_999).to_string(), "2023-11-14T22:13:20Z");
        assert_eq!(Timestamp::from_micros(-1).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp::from_micros(5_000_000).before(Duration::from_secs(2)).as_micros(), 3_000_000);
        assert_eq!(Timestamp::from_micros(5_000_000).after(Duration::from_secs(2)).as_micros(), 7_000_000);
        assert!(Timestamp::now().after(Duration::MAX) > Timestamp::now());
        assert!(Timestamp::now().before(Duration::MAX) < Timestamp::from_micros(0));
        let (early, late) = (Timestamp::from_micros(1), Timestamp::from_micros(3));
        assert_eq!((late.until(early), early.until(late)), (Duration::from_micros(2), Duration::ZERO));
    }
}
