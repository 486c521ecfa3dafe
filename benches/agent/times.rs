//! Durations of the same thing, many times over.

use std::time::Duration;

/// In the order in which they were measured.
#[derive(Default)]
pub(crate) struct Times(pub(crate) Vec<Duration>);

impl Times {
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn median_ms(&self) -> f64 {
        self.percentile_ms(50)
    }

    /// The smallest time that so many percent do not exceed; 0 where there are none.
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    /// A line of a table: median, 90th percentile.
    pub(crate) fn row(&self, title: &str) -> String {
        format!("| {title} | {:.1} | {:.1} |\n", self.median_ms(), self.percentile_ms(90))
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}
