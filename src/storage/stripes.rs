use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

const COUNT: usize = 64;

/// Locks by key, in fixed memory: equal keys exclude each other, and now and then unequal ones do too.
pub(super) struct Stripes {
    hasher: RandomState,
    locks: [Arc<Mutex<()>>; COUNT],
}

impl Default for Stripes {
    fn default() -> Self {
        Self { hasher: RandomState::new(), locks: std::array::from_fn(|_| Arc::default()) }
    }
}

impl Stripes {
    pub(super) async fn lock(&self, key: impl Hash) -> OwnedMutexGuard<()> {
        let stripe = usize::try_from(self.hasher.hash_one(key) % COUNT as u64).unwrap_or(0);
        Arc::clone(&self.locks[stripe]).lock_owned().await
    }
}
