use std::sync::Arc;
use std::time::SystemTime;

use futures_util::TryStreamExt as _;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Semaphore;
use url::Url;

use crate::agent::cache::{ModuleCache, Staged};
use crate::artifact::Encoding;
use crate::client::{self, Remote, Target as _, WebClient};
use crate::oci::Descriptor;

use super::PullError;
use super::image::Layer;
use super::unpack::{Package, unpack};

/// Brings modules here, a few at a time.
pub(super) struct Downloads {
    cache: Arc<ModuleCache>,
    limit_bytes: u64,
    running: Semaphore,
    /// A module is held in memory while it is checked.
    unpacking: Semaphore,
}

impl Downloads {
    const RUNNING: usize = 16;
    const UNPACKING: usize = 2;

    pub(super) fn new(cache: Arc<ModuleCache>, limit_bytes: u64) -> Self {
        let (running, unpacking) = (Semaphore::new(Self::RUNNING), Semaphore::new(Self::UNPACKING));
        Self { cache, limit_bytes, running, unpacking }
    }

    /// The module of a layer, whose own digest is verified to its last byte before anything of it is used.
    pub(super) async fn layer(
        self: Arc<Self>,
        remote: Remote,
        layer: Layer,
    ) -> Result<Arc<Staged>, PullError> {
        let Layer { descriptor, encoding } = layer;
        if descriptor.size > self.limit_bytes {
            let (size_bytes, limit_bytes) = (descriptor.size, self.limit_bytes);
            return Err(PullError::TooLarge { size_bytes, limit_bytes });
        }
        // A raw layer's digest is the module's own, which may have come by another way.
        if encoding == Encoding::Raw && self.cache.find(&descriptor.digest, SystemTime::now()).await.is_some()
        {
            return Ok(Arc::new(Staged::present(descriptor.digest, descriptor.size)));
        }
        let _turn = self.running.acquire().await;
        let mut file = self.scratch().await?;
        let copied = copy(&remote, &descriptor, &mut file).await;
        copied.map_err(|error| PullError::Download(Arc::new(error)))?;
        self.unpack(Package::Layer(encoding), file).await
    }

    /// The module of a web server's file.
    pub(super) async fn file(
        self: Arc<Self>,
        web: Arc<WebClient>,
        url: Url,
    ) -> Result<Arc<Staged>, PullError> {
        let _turn = self.running.acquire().await;
        let mut file = self.scratch().await?;
        let copied = web.download(&url, &mut file, self.limit_bytes).await;
        copied.map_err(|error| PullError::Download(Arc::new(error)))?;
        self.unpack(Package::File, file).await
    }

    async fn scratch(&self) -> Result<File, PullError> {
        let cache = Arc::clone(&self.cache);
        let file = blocking(move || cache.scratch()).await.map_err(PullError::cache)?;
        Ok(File::from_std(file))
    }

    async fn unpack(&self, package: Package, file: File) -> Result<Arc<Staged>, PullError> {
        let _turn = self.unpacking.acquire().await;
        let (cache, limit_bytes) = (Arc::clone(&self.cache), self.limit_bytes);
        let file = file.into_std().await;
        blocking(move || unpack(&cache, package, file, limit_bytes)).await.map(Arc::new)
    }
}

async fn copy(remote: &Remote, blob: &Descriptor, file: &mut File) -> Result<(), client::Error> {
    let written = |source| client::Error::File { action: "write", path: "a temporary file".into(), source };
    let mut content = remote.fetch_blob(blob).await?;
    while let Some(piece) = content.try_next().await? {
        file.write_all(&piece).await.map_err(written)?;
    }
    file.flush().await.map_err(written)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
