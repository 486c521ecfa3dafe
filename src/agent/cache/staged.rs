use std::sync::{Mutex, PoisonError};

use tempfile::NamedTempFile;

use crate::oci::Digest;

/// A module that was checked, and is about to enter the cache. It is gone when nobody wants it.
#[derive(Debug)]
pub(in crate::agent) struct Staged {
    /// Its sha256.
    pub(in crate::agent) content: Digest,
    /// Its length.
    pub(in crate::agent) size_bytes: u64,
    /// Its bytes, until somebody has put them into the cache; none where they were there before.
    file: Mutex<Option<NamedTempFile>>,
}

impl Staged {
    /// A module whose bytes are in `file`, synced.
    pub(in crate::agent) fn new(content: Digest, size_bytes: u64, file: NamedTempFile) -> Self {
        Self { content, size_bytes, file: Mutex::new(Some(file)) }
    }

    /// A module that the cache has.
    pub(in crate::agent) fn present(content: Digest, size_bytes: u64) -> Self {
        Self { content, size_bytes, file: Mutex::default() }
    }

    pub(super) fn take(&self) -> Option<NamedTempFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
