use std::io;
use std::path::{Path, PathBuf};

use crate::oci::Digest;

/// Why the cache does not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Another agent has the directory.
    #[error("cache `{}` is in use by another agent; each needs a directory of its own", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// Live modules leave no room.
    #[error("no room for a module of {needed_bytes} bytes: live modules take up the cache's {limit_bytes}")]
    Full {
        /// The module's length.
        needed_bytes: u64,
        /// The limit on all of them.
        limit_bytes: u64,
    },
    /// The module was removed while it was on its way; it is fetched again at the next try.
    #[error("module `{content}` was removed while it was on its way")]
    Lost {
        /// The module's sha256.
        content: Digest,
    },
    /// The file system said no.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// Such as `write`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl CacheError {
    /// A closure for `map_err` on file operations.
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
