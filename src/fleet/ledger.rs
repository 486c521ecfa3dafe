use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::{AddressDetail, Config, LedgerWriter, PullFigures, PullRead, Reader};
use crate::oci::RepositoryName;
use crate::storage::{PullRecord, Store, Timestamp};

/// Takes note of reads. Cheap to clone; the clones share one queue.
///
/// Nobody waits for it: what finds no room in the queue is counted and dropped.
#[derive(Clone)]
pub struct Ledger {
    queue: Option<mpsc::Sender<Note>>,
    counts: Arc<LedgerCounts>,
}

/// What happened to notes.
#[derive(Debug, Default)]
pub struct LedgerCounts {
    dropped: AtomicU64,
    written: AtomicU64,
    pulls: Mutex<PullFigures>,
}

/// A read that was answered.
#[derive(Clone, Debug)]
pub struct Noted {
    /// Who read.
    pub reader: Reader,
    /// Where.
    pub repository: RepositoryName,
    /// What.
    pub read: PullRead,
}

/// A read, and when.
pub(super) struct Note {
    pub(super) noted: Noted,
    pub(super) at: Timestamp,
}

impl Ledger {
    /// A ledger over `store`, and who writes it.
    pub fn new(store: Store, config: &Config) -> (Self, LedgerWriter) {
        let counts = Arc::new(LedgerCounts::default());
        let (send, receive) = mpsc::channel(config.queue.max(1) as usize);
        let writer = LedgerWriter::new(store, config.clone(), (receive, Arc::clone(&counts)));
        (Self { queue: config.enabled.then_some(send), counts }, writer)
    }

    /// Notes a read that has just been answered.
    pub fn note(&self, noted: Noted) {
        let Some(queue) = &self.queue else { return };
        if queue.try_send(Note { noted, at: Timestamp::now() }).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether reads are noted at all.
    pub fn is_enabled(&self) -> bool {
        self.queue.is_some()
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

impl Note {
    /// The agent's name and kind.
    pub(super) fn agent(&self, detail: AddressDetail) -> (String, String) {
        let kind = self.noted.reader.kind(matches!(self.noted.read, PullRead::Module { .. }));
        (self.noted.reader.name(kind, detail).to_string(), kind.to_string())
    }
}
