use std::time::Duration;

use super::Entry;

/// How much of a pause is left to chance, so that receivers that were away are not asked by all at once.
const JITTER: f64 = 0.25;
/// The longest that a receiver may ask us to wait.
pub(super) const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// How long to wait after so many `failures`, one at least: `chance` is between 0 and 1. A receiver may ask for more,
/// within bounds.
pub(super) fn pause(entry: &Entry, failures: u32, chance: f64, asked: Option<Duration>) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let whole = entry.first_pause.saturating_mul(doubled).min(entry.longest_pause);
    let planned = whole.mul_f64(1.0 - JITTER * chance);
    asked.map_or(planned, |asked| planned.max(asked.min(LONGEST_RETRY_AFTER)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        toml::from_str("name = 'x'\nurl = 'http://x'").unwrap()
    }

    #[test]
    fn pauses_double_up_to_ten_minutes() {
        let pauses =
            [1, 2, 3, 10, 11, 12, 1000].map(|failures| pause(&entry(), failures, 0.0, None).as_secs());
        assert_eq!(pauses, [1, 2, 4, 512, 600, 600, 600]);
        assert_eq!(pause(&entry(), 3, 1.0, None), Duration::from_secs(3));
    }

    #[test]
    fn the_attempts_at_one_event_span_about_a_day() {
        let entry = entry();
        let all: Duration = (1..entry.max_attempts).map(|failures| pause(&entry, failures, 0.5, None)).sum();
        assert!((Duration::from_hours(23)..Duration::from_hours(25)).contains(&all), "{all:?}");
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_within_bounds() {
        for (asked, expected) in [(0, 1), (30, 30), (1_000_000, 3600)] {
            let asked = Some(Duration::from_secs(asked));
            assert_eq!(pause(&entry(), 1, 0.0, asked), Duration::from_secs(expected));
        }
    }
}
