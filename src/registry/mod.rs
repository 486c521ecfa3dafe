//! What a registry does, without HTTP: the operations of distribution-spec 1.1 (end-1 to end-14) on a
//! [`Store`], and the rules that come with them.

mod blob;
mod config;
mod error;
mod event;
mod immutable_tags;
mod layout_check;
mod list;
mod manifest;
mod module;
mod plugin_image;
mod upload;

use std::sync::Arc;
use std::time::Duration;

pub use config::{Config, Limits};
pub use error::Error;
pub use immutable_tags::{ImmutableTags, TagPattern, Tags};
pub use layout_check::{OnUnloadable, PluginRule, Plugins};
pub use list::ReferrersPage;
pub use manifest::{ManifestPush, PushedManifest};
pub use plugin_image::PluginImage;
pub use upload::{Chunk, StartedUpload};

pub use crate::storage::{
    Blob, Digests, Event, EventKind, EventRange, Expectation, MovedTag, Page, PageRequest, StoredModule,
    UploadId,
};

use tokio::sync::Semaphore;

use crate::storage::{Store, Timestamp};

/// The outcome of a registry call.
pub type Result<T> = std::result::Result<T, Error>;

/// A registry over a store. Cheap to clone; the clones share everything.
#[derive(Clone)]
pub struct Registry {
    store: Store,
    config: Arc<Config>,
    /// One permit for each upload that may receive bytes.
    receiving: Arc<Semaphore>,
    /// Held while a module is unpacked.
    unpacking: Arc<tokio::sync::Mutex<()>>,
}

impl Registry {
    /// A registry that keeps its content in `store`.
    pub fn new(store: Store, config: Config) -> Self {
        let receiving = Arc::new(Semaphore::new(config.limits.running_uploads as usize));
        Self { store, config: Arc::new(config), receiving, unpacking: Arc::default() }
    }

    /// The bounds it holds its clients to.
    pub fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// Whether it can serve.
    pub async fn check(&self) -> Result<()> {
        Ok(self.store.check().await?)
    }

    /// Forgets uploads that were abandoned and events that are too old, and lets the store tidy up. To be called every
    /// [`Registry::HOUSEKEEPING_INTERVAL`].
    pub async fn keep_house(&self) -> Result<u64> {
        self.store.tidy().await?;
        self.store.trim_events(self.config.limits.events).await?;
        let abandoned = Timestamp::now().before(self.config.limits.upload_expiry);
        Ok(self.store.expire_uploads(abandoned).await?)
    }

    /// How often [`Registry::keep_house`] is due: often enough that the write-ahead log stays small.
    pub const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(5);

    /// Completes when so much was pushed that [`Registry::keep_house`] is due before its time.
    pub async fn housekeeping_due(&self) {
        self.store.tidy_due().await;
    }

    /// Ends all work on the store in order.
    pub async fn close(&self) {
        self.store.close().await;
    }
}
