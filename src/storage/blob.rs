use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::completion::to_completion;
use super::metadata::BlobFacts;
use super::{BlobStream, Error, Result, Store, Timestamp};
use crate::oci::{Digest, RepositoryName};

/// A stored blob, open for reading. It stays readable even when it is deleted meanwhile.
#[derive(Clone)]
pub struct Blob {
    file: Arc<File>,
    size: u64,
}

impl Blob {
    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes of `range`, which must lie within the blob, as a stream of frames.
    pub fn stream(&self, range: Range<u64>) -> BlobStream {
        debug_assert!(range.start <= range.end && range.end <= self.size);
        BlobStream::new(Arc::clone(&self.file), range)
    }

    /// The bytes from the start, for code that runs on a blocking thread.
    pub fn reader(&self) -> impl Read + Send + 'static {
        BlobReader { file: Arc::clone(&self.file), position: 0 }
    }
}

/// A Wasm module that was unpacked from an image.
#[derive(Clone)]
pub struct StoredModule {
    /// sha256 of the module itself.
    pub digest: Digest,
    /// Its bytes.
    pub blob: Blob,
    /// MD5 of the module in hex: it proves nothing, but plugin-server tells it.
    pub md5: String,
    /// When it was unpacked.
    pub unpacked: Timestamp,
}

struct BlobReader {
    file: Arc<File>,
    position: u64,
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Store {
    /// The blob `digest`, where `repository` holds it.
    pub async fn find_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Blob>> {
        let key = (repository.clone(), digest.clone());
        if let Some(blob) = self.inner.cache.blob(&key) {
            return Ok(Some(blob));
        }
        let epoch = self.inner.cache.epoch(repository);
        let found = self.settled(|| self.open_recorded_blob(repository, digest)).await?;
        if let Some(blob) = &found {
            self.inner.cache.keep_blob(epoch, key, blob);
        }
        Ok(found)
    }

    /// The module unpacked from the image `manifest`, where that has been done.
    pub async fn find_module(&self, manifest: &Digest) -> Result<Option<StoredModule>> {
        self.settled(|| self.open_recorded_module(manifest)).await
    }

    /// Lets `to` serve the blob `digest` that `from`, or any repository at all, holds; `false` where none does.
    pub async fn mount_blob(
        &self,
        to: &RepositoryName,
        from: Option<&RepositoryName>,
        digest: &Digest,
    ) -> Result<bool> {
        self.inner.metadata.mount_blob(to, from, digest, Timestamp::now()).await
    }

    /// Makes `repository` forget the blob; the file goes when nothing else needs it. `false` where it was not there.
    pub async fn delete_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool> {
        let (store, repository, digest) = (self.clone(), repository.clone(), digest.clone());
        to_completion(async move {
            let inner = &store.inner;
            let _publishing = inner.publishing.lock(&digest).await;
            let deletion = store.with_reserve(|| inner.metadata.delete_blob(&repository, &digest)).await?;
            inner.cache.forget_blob(&repository, &digest);
            if let Some(unused) = &deletion.unused {
                inner.blob_files.remove(unused)?;
            }
            inner.reserve.restore();
            Ok(deletion.found)
        })
        .await
    }

    /// Runs a change that frees space; on a full disk, once more with the reserve given up.
    pub(super) async fn with_reserve<T, F>(&self, change: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        match change().await {
            Err(Error::Full) if self.inner.reserve.release() => change().await,
            outcome => outcome,
        }
    }

    /// Looks once more where a row was found without its file, while nobody publishes or deletes that blob: it may
    /// have been deleted between the two looks.
    async fn settled<T, F>(&self, look: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        match look().await {
            Err(Error::Lost(digest)) => {
                let _publishing = self.inner.publishing.lock(&digest).await;
                look().await
            }
            outcome => outcome,
        }
    }

    async fn open_recorded_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Blob>> {
        let facts = self.inner.metadata.find_blob(repository, digest).await?;
        facts.map(|facts| self.open_blob(&facts)).transpose()
    }

    async fn open_recorded_module(&self, manifest: &Digest) -> Result<Option<StoredModule>> {
        let Some(row) = self.inner.metadata.find_module(manifest).await? else {
            return Ok(None);
        };
        let blob = self.open_blob(&row.facts)?;
        Ok(Some(StoredModule { digest: row.facts.digest, blob, md5: row.md5, unpacked: row.unpacked }))
    }

    fn open_blob(&self, facts: &BlobFacts) -> Result<Blob> {
        let file = self.inner.blob_files.open_file(&facts.digest)?;
        Ok(Blob { file: Arc::new(file), size: facts.size })
    }
}
