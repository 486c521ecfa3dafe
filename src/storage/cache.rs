use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use super::{Blob, StoredManifest};
use crate::oci::{Digest, Reference, RepositoryName};

/// How many open files of lately served blobs are kept.
const OPEN_FILES: u64 = 256;
/// Over how many counters the repositories are spread.
const EPOCHS: usize = 64;
/// What an entry costs beside the manifest's bytes.
const ENTRY_OVERHEAD_BYTES: usize = 512;

type ManifestKey = (RepositoryName, Reference);
type BlobKey = (RepositoryName, Digest);

/// What was read lately. An entry is never older than the last acknowledged change of its repository.
///
/// A reader notes the repository's epoch before it asks the database and keeps the answer only if the epoch still
/// stands; a writer moves the epoch after its commit and before it acknowledges.
pub(super) struct Cache {
    hasher: RandomState,
    epochs: [RwLock<u64>; EPOCHS],
    manifests: moka::sync::Cache<ManifestKey, Arc<StoredManifest>>,
    blobs: moka::sync::Cache<BlobKey, Blob>,
}

/// A repository's epoch at the time a read began.
#[derive(Clone, Copy)]
pub(super) struct Epoch {
    slot: usize,
    value: u64,
}

impl Cache {
    pub(super) fn new(manifest_bytes: u64) -> Self {
        let weigh = |_: &ManifestKey, manifest: &Arc<StoredManifest>| {
            u32::try_from(manifest.bytes.len() + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
        };
        Self {
            hasher: RandomState::new(),
            epochs: std::array::from_fn(|_| RwLock::new(0)),
            manifests: moka::sync::Cache::builder().max_capacity(manifest_bytes).weigher(weigh).build(),
            blobs: moka::sync::Cache::new(OPEN_FILES),
        }
    }

    pub(super) fn epoch(&self, repository: &RepositoryName) -> Epoch {
        let slot = self.slot(repository);
        Epoch { slot, value: *self.epochs[slot].read().unwrap_or_else(PoisonError::into_inner) }
    }

    pub(super) fn manifest(&self, key: &ManifestKey) -> Option<Arc<StoredManifest>> {
        self.manifests.get(key)
    }

    pub(super) fn keep_manifest(&self, epoch: Epoch, key: ManifestKey, manifest: &Arc<StoredManifest>) {
        self.keep(epoch, || self.manifests.insert(key, Arc::clone(manifest)));
    }

    pub(super) fn blob(&self, key: &BlobKey) -> Option<Blob> {
        self.blobs.get(key)
    }

    pub(super) fn keep_blob(&self, epoch: Epoch, key: BlobKey, blob: &Blob) {
        self.keep(epoch, || self.blobs.insert(key, blob.clone()));
    }

    pub(super) fn forget_manifests(
        &self,
        repository: &RepositoryName,
        references: impl Iterator<Item = Reference>,
    ) {
        self.change(repository, || {
            for reference in references {
                self.manifests.invalidate(&(repository.clone(), reference));
            }
        });
    }

    pub(super) fn forget_blob(&self, repository: &RepositoryName, digest: &Digest) {
        self.change(repository, || self.blobs.invalidate(&(repository.clone(), digest.clone())));
    }

    fn keep(&self, epoch: Epoch, insert: impl FnOnce()) {
        let current = self.epochs[epoch.slot].read().unwrap_or_else(PoisonError::into_inner);
        if *current == epoch.value {
            insert();
        }
    }

    fn change(&self, repository: &RepositoryName, invalidate: impl FnOnce()) {
        let mut epoch = self.epochs[self.slot(repository)].write().unwrap_or_else(PoisonError::into_inner);
        *epoch += 1;
        invalidate();
    }

    fn slot(&self, key: impl Hash) -> usize {
        usize::try_from(self.hasher.hash_one(key) % EPOCHS as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::oci::{MediaType, media_type};

    fn key(repository: &str) -> ManifestKey {
        (repository.parse().unwrap(), "v1".parse().unwrap())
    }

    fn manifest(bytes: &'static [u8]) -> Arc<StoredManifest> {
        let media_type = MediaType::known(media_type::OCI_MANIFEST);
        Arc::new(StoredManifest {
            digest: Digest::sha256(bytes),
            media_type,
            bytes: Bytes::from_static(bytes),
        })
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (cache, key) = (Cache::new(1 << 20), key("a"));
        let before = cache.epoch(&key.0);
        cache.forget_manifests(&key.0, std::iter::once(key.1.clone()));
        cache.keep_manifest(before, key.clone(), &manifest(b"old"));
        assert!(cache.manifest(&key).is_none());
        cache.keep_manifest(cache.epoch(&key.0), key.clone(), &manifest(b"new"));
        assert_eq!(cache.manifest(&key).unwrap().bytes, "new");
    }

    #[test]
    fn a_change_forgets_what_it_names_and_nothing_else() {
        let cache = Cache::new(1 << 20);
        let (changed, other) = (key("a"), (key("a").0, "v2".parse().unwrap()));
        for key in [&changed, &other] {
            cache.keep_manifest(cache.epoch(&key.0), key.clone(), &manifest(b"kept"));
        }
        cache.forget_manifests(&changed.0, std::iter::once(changed.1.clone()));
        assert!(cache.manifest(&changed).is_none());
        assert!(cache.manifest(&other).is_some());
    }
}
