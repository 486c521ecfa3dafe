use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

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
        Self { store, config, notes, counts, batch: Batch::default() }
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
        self.counts.count(records.iter().map(|record| record.count).sum(), outcome.is_ok());
        if let Err(error) = outcome {
            tracing::warn!(%error, "who pulled what could not be written down");
        }
    }

    async fn trim(&self) {
        let before = Timestamp::now().before(self.config.retention);
        if let Err(error) =
            self.store.trim_pulls(before, (self.config.max_agents, self.config.max_pulls)).await
        {
            tracing::warn!(%error, "what is known of agents could not be trimmed");
        }
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
