//! Where bytes and facts rest. Bytes: content-addressed files. Facts: an SQLite database.
//!
//! [`Store`] is the whole face of the room; it names no path and no SQL. Its promises:
//!
//! - What a call acknowledged survives `kill -9` and power loss: file and directory are synced before the row that
//!   makes them visible is committed, and that commit is synced too. (An upload's progress survives `kill -9`;
//!   power loss may forget the session, and the client starts over.)
//! - Nothing becomes visible before its digest is verified.
//! - Memory does not grow with the size of a blob.
//! - One process opens a store at a time.

mod blob;
mod blob_files;
mod blob_stream;
mod cache;
mod completion;
mod config;
mod error;
mod event;
mod known_plugin;
mod lock;
mod manifest;
mod metadata;
mod page;
mod pull;
mod reserve;
mod stripes;
mod tag_guard;
mod timestamp;
mod upload;
mod upload_files;
mod upload_sessions;
mod webhook;

use std::sync::Arc;

pub use blob::{Blob, StoredModule};
pub use blob_stream::BlobStream;
pub use config::Config;
pub use error::Error;
pub use metadata::{
    AgentReport, BlobFacts, DeadLetter, DeleteManifest, Event, EventKind, EventRange, KnownPlugin,
    KnownPluginFilter, MovedTag, NewDeadLetter, NewManifest, PluginReport, PluginSource, PullCursor,
    PullFilter, PullRead, PullRecord, PullRow, PutManifest, Referrer, RowReport, StoredManifest, TagChange,
    TagCursor, TagFilter, TagGroup, Undelivered, WebhookRow, WebhookState,
};
pub use page::{Page, PageRequest};
pub use tag_guard::{Digests, Expectation, TagCondition, TagGuard};
pub use timestamp::Timestamp;
pub use upload::{AppendError, Upload, UploadId};

use blob_files::BlobFiles;
use cache::Cache;
use event::EventBell;
use lock::StoreLock;
use metadata::Metadata;
use reserve::Reserve;
use stripes::Stripes;
use upload_files::UploadFiles;
use upload_sessions::UploadSessions;

/// The outcome of a storage call.
pub type Result<T> = std::result::Result<T, Error>;

/// A registry's content. Cheap to clone; the clones share everything.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    blob_files: BlobFiles,
    upload_files: UploadFiles,
    metadata: Metadata,
    cache: Cache,
    /// Rung when events were committed.
    event_bell: EventBell,
    /// Which upload sessions are being written to right now.
    sessions: UploadSessions,
    /// Makes "publish the file, then the row" and "drop the row, then the file" of one blob exclude each other.
    publishing: Stripes,
    /// Space that deletes may use when the disk is full.
    reserve: Reserve,
    /// Held for as long as the store is open.
    _lock: StoreLock,
}

impl Store {
    /// Opens the store in `config.data_dir`, creating it where there is none.
    ///
    /// # Errors
    /// [`Error::InUse`] where another process has it open; [`Error::TooNew`] where a later version wrote it.
    pub async fn open(config: &Config) -> Result<Self> {
        let dir = &config.data_dir;
        blob_files::create_dir_durably(dir)?;
        let lock = StoreLock::acquire(dir)?;
        let metadata = Metadata::open(dir, config.read_connections).await?;
        let store = Self {
            inner: Arc::new(Inner {
                blob_files: BlobFiles::open(dir)?,
                upload_files: UploadFiles::open(dir)?,
                metadata,
                cache: Cache::new(config.cache_size.as_u64()),
                event_bell: EventBell::default(),
                sessions: UploadSessions::default(),
                publishing: Stripes::default(),
                reserve: Reserve::open(dir),
                _lock: lock,
            }),
        };
        store.remove_stray_upload_files().await?;
        Ok(store)
    }

    /// Whether the database answers: what readiness means.
    pub async fn check(&self) -> Result<()> {
        self.inner.metadata.check().await
    }

    /// Moves what was committed from the write-ahead log into the database file, and restores the reserve.
    /// To be called now and then.
    pub async fn tidy(&self) -> Result<()> {
        self.inner.reserve.restore();
        self.inner.metadata.checkpoint().await
    }

    /// Completes when so much was stored that [`Store::tidy`] is due before its time.
    pub async fn tidy_due(&self) {
        self.inner.metadata.checkpoint_due().await;
    }

    /// Ends all database work in order. Clones of this store answer with errors afterwards.
    pub async fn close(&self) {
        self.inner.metadata.close().await;
    }
}
