use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::oci::Digest;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the store open.
    #[error(
        "data directory `{dir}` is in use by process {pid}; stop it, talk to it over HTTP, \
         or choose another directory", dir = dir.display()
    )]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// The other process's id, or `unknown`.
        pid: String,
    },
    /// A later version of this program wrote the database.
    #[error("data directory `{dir}` was written by a later version; use that version", dir = dir.display())]
    TooNew {
        /// The data directory.
        dir: PathBuf,
    },
    /// No space is left; nothing was changed.
    #[error("no space left for content")]
    Full,
    /// The blob's row is there but its file is not.
    #[error("blob `{0}` is recorded but its file is missing")]
    Lost(Digest),
    /// A row holds what this program never writes.
    #[error("the database holds a malformed {0}")]
    Corrupt(&'static str),
    /// The file system failed.
    #[error("cannot {action} `{path}`: {source}", path = path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The database failed.
    #[error("database failed: {0}")]
    Database(#[source] sqlx::Error),
    /// The database could not be brought to this version's form.
    #[error("database could not be migrated: {0}")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A background thread ended without an answer.
    #[error("a storage thread ended early")]
    Interrupted,
}

impl Error {
    /// Wraps a file system error, telling a full disk apart.
    pub(super) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        let errno = Errno::from_io_error(&source);
        if matches!(errno, Some(Errno::NOSPC | Errno::DQUOT)) {
            return Self::Full;
        }
        Self::Io { action, path: path.to_owned(), source }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        /// `SQLITE_FULL`.
        const FULL: &str = "13";
        match error.as_database_error().and_then(sqlx::error::DatabaseError::code) {
            Some(code) if code == FULL => Self::Full,
            _ => Self::Database(error),
        }
    }
}
