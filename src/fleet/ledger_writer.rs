use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::pending_reads::PendingReads;
use super::{Config, LedgerCounts};
use crate::storage::{Store, Timestamp};

/// How long a read waits before it is written down.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// The pause for each read that was written down, where that is longer: it took some 50 µs, so that no more than a
/// two-hundredth of the time goes into writing.
const REST: Duration = Duration::from_millis(10);
/// The longest that a read waits.
const LONGEST_REST: Duration = Duration::from_secs(10);
/// How many different reads are written at once at most.
const BATCH: usize = 2048;
/// How often what is too old or too much is removed.
const TRIM_EVERY: Duration = Duration::from_mins(1);

/// How often reports are removed whose lease has ended.
const FORGET_EVERY: Duration = Duration::from_secs(5);

/// Writes down what a [`Ledger`](super::Ledger) noted, a batch at a time.
pub struct LedgerWriter {
    store: Store,
    config: Config,
    pending: Arc<PendingReads>,
    counts: Arc<LedgerCounts>,
    clock: SteadyClock,
    /// Whether the last reads could not be written down.
    is_stuck: bool,
}

/// The time by a clock that does not jump forward: by one that does, everything known would be too old at once.
struct SteadyClock {
    started: Instant,
    started_at: Timestamp,
}

impl LedgerWriter {
    pub(super) fn new(
        store: Store,
        config: Config,
        (pending, counts): (Arc<PendingReads>, Arc<LedgerCounts>),
    ) -> Self {
        let clock = SteadyClock { started: Instant::now(), started_at: Timestamp::now() };
        Self { store, config, pending, counts, clock, is_stuck: false }
    }

    /// Writes until `shutdown` completes, and then what is left.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let [mut writing, mut trimming, mut forgetting] = [WRITE_EVERY, TRIM_EVERY, FORGET_EVERY].map(ticks);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                () = self.pending.half_full() => {}
                _ = writing.tick() => {}
                _ = trimming.tick() => {
                    self.trim().await;
                    continue;
                }
                _ = forgetting.tick() => {
                    self.forget().await;
                    continue;
                }
            }
            let written = self.write().await;
            writing.reset_after(rest(written));
        }
        self.write().await;
    }

    /// Writes what waits; how much that was.
    async fn write(&mut self) -> usize {
        let waiting = self.pending.take(self.config.addresses);
        for records in waiting.chunks(BATCH) {
            let outcome = self.store.record_pulls(records).await;
            self.counts.count(records, outcome.is_ok());
            match outcome {
                Ok(()) => self.is_stuck = false,
                // Once, and not each second while the disk is full.
                Err(error) if !std::mem::replace(&mut self.is_stuck, true) => {
                    tracing::warn!(%error, "who pulled what could not be written down");
                }
                Err(_) => {}
            }
        }
        waiting.len()
    }

    async fn forget(&self) {
        if let Err(error) = self.store.forget_reports(Timestamp::now()).await {
            tracing::warn!(%error, "what agents reported that are gone could not be removed");
        }
    }

    async fn trim(&self) {
        let before = self.clock.now(Timestamp::now()).before(self.config.retention);
        if let Err(error) =
            self.store.trim_pulls(before, (self.config.max_agents, self.config.max_pulls)).await
        {
            tracing::warn!(%error, "what is known of agents could not be trimmed");
        }
    }
}

impl SteadyClock {
    /// `now`, but no later than the time since the start allows.
    fn now(&self, now: Timestamp) -> Timestamp {
        now.min(self.started_at.after(self.started.elapsed()))
    }
}

/// The pause after so many reads were written down.
fn rest(written: usize) -> Duration {
    let written = u32::try_from(written).unwrap_or(u32::MAX);
    REST.saturating_mul(written).clamp(WRITE_EVERY, LONGEST_REST)
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_batch_is_followed_by_a_rest() {
        for (written, expected) in [(0, 1), (100, 1), (300, 3), (1_000, 10), (16_384, 10)] {
            assert_eq!(rest(written), Duration::from_secs(expected), "{written}");
        }
    }

    #[test]
    fn a_clock_that_jumps_forward_makes_nobody_old() {
        let now = Timestamp::now();
        let clock = SteadyClock { started: Instant::now(), started_at: now };
        let year = Duration::from_hours(365 * 24);
        assert!(clock.now(now.after(year)) < now.after(Duration::from_mins(1)));
        assert_eq!(clock.now(now.before(year)), now.before(year));
    }
}
