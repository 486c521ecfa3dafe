use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pending_reads::PendingReads;
use super::{Config, LedgerWriter, Noted, PullFigures};
use crate::storage::{PullRecord, Store, Timestamp};

/// Takes note of reads. Cheap to clone; the clones share the reads that wait to be written down.
///
/// Nobody waits for it: what finds no room is counted and dropped.
#[derive(Clone)]
pub struct Ledger {
    pending: Option<Arc<PendingReads>>,
    counts: Arc<LedgerCounts>,
}

/// What happened to notes.
#[derive(Debug, Default)]
pub struct LedgerCounts {
    dropped: AtomicU64,
    written: AtomicU64,
    pulls: Mutex<PullFigures>,
}

impl Ledger {
    /// A ledger over `store`, and who writes it.
    pub fn new(store: Store, config: &Config) -> (Self, LedgerWriter) {
        let counts = Arc::new(LedgerCounts::default());
        let pending = Arc::new(PendingReads::new(config.queue as usize));
        let writer = LedgerWriter::new(store, config.clone(), (Arc::clone(&pending), Arc::clone(&counts)));
        (Self { pending: config.enabled.then_some(pending), counts }, writer)
    }

    /// Notes a read that has just been answered.
    pub fn note(&self, noted: impl Hash + Into<Noted>) {
        let Some(pending) = &self.pending else { return };
        if !pending.add(noted, Timestamp::now()) {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether reads are noted at all.
    pub fn is_enabled(&self) -> bool {
        self.pending.is_some()
    }

    /// What happened to the notes so far.
    pub fn counts(&self) -> &Arc<LedgerCounts> {
        &self.counts
    }
}

impl LedgerCounts {
    /// Reads that were not written down, for want of room or because the store failed.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Reads that were.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// What was pulled, by whom, and what came of it.
    pub fn pulls(&self) -> PullFigures {
        self.lock().clone()
    }

    pub(super) fn count(&self, records: &[PullRecord], was_written: bool) {
        let counter = if was_written { &self.written } else { &self.dropped };
        counter.fetch_add(records.iter().map(|record| record.count).sum(), Ordering::Relaxed);
        let mut pulls = self.lock();
        for record in records {
            pulls.add(record);
        }
    }

    fn lock(&self) -> MutexGuard<'_, PullFigures> {
        self.pulls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
