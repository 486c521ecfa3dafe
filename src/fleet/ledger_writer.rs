use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::ledger::Note;
use super::{Config, LedgerCounts, PullRead};
use crate::storage::{PullRecord, Store, Timestamp};

/// How long a read may wait before it is written down.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How many different reads are written at once at most.
const BATCH: usize = 2048;
/// How often what is too old or too much is removed.
const TRIM_EVERY: Duration = Duration::from_mins(1);

/// Writes down what a [`Ledger`](super::Ledger) noted, a batch at a time.
pub struct LedgerWriter {
    store: Store,
    config: Config,
    notes: mpsc::Receiver<Note>,
    counts: Arc<LedgerCounts>,
    batch: Batch,
    clock: SteadyClock,
    /// Whether the last reads could not be written down.
    is_stuck: bool,
}

/// The time by a clock that does not jump forward: by one that does, everything known would be too old at once.
struct SteadyClock {
    started: Instant,
    started_at: Timestamp,
}

/// Reads that are alike, counted together, in the order in which the first of each came: a layer belongs to what was asked
/// for before it.
#[derive(Default)]
struct Batch {
    records: Vec<PullRecord>,
    places: HashMap<(String, String, Key), usize>,
}

/// What makes reads alike.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Manifest(String, Option<String>, u16),
    Layer(String),
    Module(String, bool),
}

impl LedgerWriter {
    pub(super) fn new(
        store: Store,
        config: Config,
        (notes, counts): (mpsc::Receiver<Note>, Arc<LedgerCounts>),
    ) -> Self {
        let clock = SteadyClock { started: Instant::now(), started_at: Timestamp::now() };
        Self { store, config, notes, counts, batch: Batch::default(), clock, is_stuck: false }
    }

    /// Writes until `shutdown` completes, and then what is left.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let [mut writing, mut trimming] = [WRITE_EVERY, TRIM_EVERY].map(ticks);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(note) = self.notes.recv() => self.take(&note).await,
                _ = writing.tick() => self.write().await,
                _ = trimming.tick() => self.trim().await,
            }
        }
        self.notes.close();
        while let Some(note) = self.notes.recv().await {
            self.take(&note).await;
        }
        self.write().await;
    }

    async fn take(&mut self, note: &Note) {
        self.batch.add(note, note.agent(self.config.addresses));
        if self.batch.records.len() >= BATCH {
            self.write().await;
        }
    }

    async fn write(&mut self) {
        let Batch { records, .. } = std::mem::take(&mut self.batch);
        if records.is_empty() {
            return;
        }
        let outcome = self.store.record_pulls(&records).await;
        self.counts.count(&records, outcome.is_ok());
        match outcome {
            Ok(()) => self.is_stuck = false,
            // Once, and not each second while the disk is full.
            Err(error) if !std::mem::replace(&mut self.is_stuck, true) => {
                tracing::warn!(%error, "who pulled what could not be written down");
            }
            Err(_) => {}
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

impl Batch {
    fn add(&mut self, note: &Note, (agent, kind): (String, String)) {
        let repository = &note.noted.repository;
        let key = (agent.clone(), repository.to_string(), key(&note.noted.read));
        if let Some(record) = self.places.get(&key).and_then(|&place| self.records.get_mut(place)) {
            record.count += 1;
            record.last = record.last.max(note.at);
            if let (PullRead::Module { bytes, .. }, PullRead::Module { bytes: more, .. }) =
                (&mut record.read, &note.noted.read)
            {
                *bytes += more;
            }
            return;
        }
        self.places.insert(key, self.records.len());
        let (read, repository) = (note.noted.read.clone(), repository.clone());
        self.records.push(PullRecord {
            agent,
            kind,
            repository,
            read,
            first: note.at,
            last: note.at,
            count: 1,
        });
    }
}

fn key(read: &PullRead) -> Key {
    match read {
        PullRead::Manifest { reference, digest, status } => {
            Key::Manifest(reference.to_string(), digest.as_ref().map(ToString::to_string), *status)
        }
        PullRead::Layer { digest, .. } => Key::Layer(digest.to_string()),
        PullRead::Module { reference, bytes } => Key::Module(reference.to_string(), *bytes > 0),
    }
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
    fn a_clock_that_jumps_forward_makes_nobody_old() {
        let now = Timestamp::now();
        let clock = SteadyClock { started: Instant::now(), started_at: now };
        let year = Duration::from_hours(365 * 24);
        assert!(clock.now(now.after(year)) < now.after(Duration::from_mins(1)));
        assert_eq!(clock.now(now.before(year)), now.before(year));
    }
}
