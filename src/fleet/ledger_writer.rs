use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::pending_reads::PendingReads;
use super::{Config, LedgerCounts};
use crate::storage::{Store, Timestamp};

/// How long a read waits before it is written down.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// So many times as long as a batch took the next one waits, where that is longer: what is read together is written together,
/// and writing costs the readers no more than a fiftieth of the time.
const REST: u32 = 50;
/// The longest that a read waits.
const LONGEST_REST: Duration = Duration::from_secs(5);
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
                _ = trimming.tick() => self.trim().await,
                _ = forgetting.tick() => self.forget().await,
            }
            let began = Instant::now();
            self.write().await;
            writing.reset_after(rest(began.elapsed()));
        }
        self.write().await;
    }

    async fn write(&mut self) {
        for records in self.pending.take(self.config.addresses).chunks(BATCH) {
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

/// The pause after a batch that took so long.
fn rest(took: Duration) -> Duration {
    took.saturating_mul(REST).clamp(WRITE_EVERY, LONGEST_REST)
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
    fn a_batch_that_takes_long_is_followed_by_a_rest() {
        for (took, expected) in [(0, 1_000), (20, 1_000), (40, 2_000), (100, 5_000), (60_000, 5_000)] {
            assert_eq!(rest(Duration::from_millis(took)), Duration::from_millis(expected), "{took}");
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
