use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{AddressDetail, Noted, PullRead};
use crate::storage::{PullRecord, Timestamp};

/// Reads that wait to be written down. Those that are alike are counted together: whoever asks a thousand times takes the
/// place of one.
pub(super) struct PendingReads {
    reads: Mutex<Reads>,
    most: usize,
    /// Reads are alike whose hash is the same. It has 64 bits and a secret key: of the 16,384 reads that there may be two
    /// meet in less than one of 10^11 batches, and nobody can bring that about.
    hash: RandomState,
    /// Told when half of the room is taken.
    half_full: Notify,
}

/// In the order in which the first of each came: a layer belongs to what was asked for before it. What a further one
/// touches lies close together, and leaves the processor's caches to the answers.
#[derive(Default)]
struct Reads {
    places: HashMap<u64, usize>,
    times: Vec<Times>,
    noted: Vec<Noted>,
}

/// How often a read happened.
struct Times {
    first: Timestamp,
    last: Timestamp,
    count: u64,
}

impl PendingReads {
    /// None yet, and room for `most` different ones.
    pub(super) fn new(most: usize) -> Self {
        let (reads, hash, half_full) = (Mutex::default(), RandomState::new(), Notify::new());
        Self { reads, most: most.max(1), hash, half_full }
    }

    /// Adds a read; whether there was room.
    pub(super) fn add(&self, read: impl Hash + Into<Noted>, at: Timestamp) -> bool {
        let hash = self.hash.hash_one(&read);
        let mut reads = self.lock();
        if let Some(&place) = reads.places.get(&hash) {
            let times = &mut reads.times[place];
            times.count += 1;
            times.last = times.last.max(at);
            return true;
        }
        let place = reads.noted.len();
        if place >= self.most {
            return false;
        }
        reads.noted.push(read.into());
        reads.times.push(Times { first: at, last: at, count: 1 });
        reads.places.insert(hash, place);
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
        let Reads { times, noted, .. } = std::mem::take(&mut *self.lock());
        noted.into_iter().zip(times).map(|(noted, times)| record(noted, &times, detail)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Reads> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn record(noted: Noted, times: &Times, detail: AddressDetail) -> PullRecord {
    let Noted { reader, repository, read } = noted;
    let kind = reader.kind(matches!(read, PullRead::Module { .. }));
    PullRecord {
        agent: reader.name(kind, detail).to_string(),
        kind: kind.to_string(),
        repository,
        read,
        first: times.first,
        last: times.last,
        count: times.count,
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
