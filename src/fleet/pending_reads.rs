use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{AddressDetail, Noted, PullRead};
use crate::storage::{PullRecord, Timestamp};

/// Reads that wait to be written down. Those that are alike are counted together: whoever asks a thousand times takes the
/// place of one.
pub(super) struct PendingReads {
    reads: Mutex<HashMap<Noted, Pending>>,
    most: usize,
    /// Told when half of the room is taken.
    half_full: Notify,
}

/// How often a read happened.
struct Pending {
    /// Its place among the others: a layer belongs to what was asked for before it.
    place: usize,
    first: Timestamp,
    last: Timestamp,
    count: u64,
}

impl PendingReads {
    /// None yet, and room for `most` different ones.
    pub(super) fn new(most: usize) -> Self {
        Self { reads: Mutex::default(), most: most.max(1), half_full: Notify::new() }
    }

    /// Adds a read; whether there was room.
    pub(super) fn add(&self, noted: Noted, at: Timestamp) -> bool {
        let mut reads = self.lock();
        if let Some(pending) = reads.get_mut(&noted) {
            pending.count += 1;
            pending.last = pending.last.max(at);
            return true;
        }
        let place = reads.len();
        if place >= self.most {
            return false;
        }
        reads.insert(noted, Pending { place, first: at, last: at, count: 1 });
        if place == self.most / 2 {
            self.half_full.notify_one();
        }
        true
    }

    /// Completes when there are so many that they should not wait any longer.
    pub(super) async fn half_full(&self) {
        self.half_full.notified().await;
    }

    /// Takes all of them out, in the order in which the first of each came.
    pub(super) fn take(&self, detail: AddressDetail) -> Vec<PullRecord> {
        let mut reads: Vec<(Noted, Pending)> = std::mem::take(&mut *self.lock()).into_iter().collect();
        reads.sort_unstable_by_key(|(_, pending)| pending.place);
        reads.into_iter().map(|(noted, pending)| record(noted, &pending, detail)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Noted, Pending>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn record(noted: Noted, pending: &Pending, detail: AddressDetail) -> PullRecord {
    let Noted { reader, repository, read } = noted;
    let kind = reader.kind(matches!(read, PullRead::Module { .. }));
    PullRecord {
        agent: reader.name(kind, detail).to_string(),
        kind: kind.to_string(),
        repository,
        read,
        first: pending.first,
        last: pending.last,
        count: pending.count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Reader;

    fn noted(node: &str) -> Noted {
        let reader = Reader { node: Some(node.to_owned()), ..Reader::default() };
        let read = PullRead::Manifest { reference: "v1".parse().unwrap(), digest: None, status: 404 };
        Noted { reader, repository: "plugins/a".parse().unwrap(), read }
    }

    #[tokio::test]
    async fn reads_are_counted_together_and_only_different_ones_take_room() {
        let pending = PendingReads::new(2);
        let at = Timestamp::from_micros;
        for (node, moment, expected) in [("b", 1, true), ("a", 2, true), ("b", 3, true), ("c", 4, false)] {
            assert_eq!(pending.add(noted(node), at(moment)), expected, "{node}");
        }
        pending.half_full().await;
        let records = pending.take(AddressDetail::Full);
        let told: Vec<_> =
            records.iter().map(|record| (&*record.agent, record.count, record.first, record.last)).collect();
        assert_eq!(told, [("b", 2, at(1), at(3)), ("a", 1, at(2), at(2))]);
        assert!(pending.add(noted("c"), at(5)) && pending.take(AddressDetail::Full).len() == 1);
    }
}
