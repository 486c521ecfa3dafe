use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::CacheError;

/// The right to have a cache open. The kernel ends it with the process, however that ends.
#[derive(Debug)]
pub(super) struct CacheLock {
    _file: File,
}

impl CacheLock {
    pub(super) fn acquire(dir: &Path) -> Result<Self, CacheError> {
        let path = dir.join("lock");
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(CacheError::file("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(CacheError::InUse { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(CacheError::file("lock", &path)(source)),
        }
    }
}
