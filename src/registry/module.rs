use futures_util::TryStreamExt;
use md5::{Digest as _, Md5};
use tokio::io::DuplexStream;
use tokio_util::io::{ReaderStream, SyncIoBridge};

use super::{Error, Registry, Result};
use crate::artifact::{self, Encoding, Limits, UnpackError};
use crate::oci::{Algorithm, Digest, Manifest, Reference, RepositoryName, hex};
use crate::storage::{AppendError, Blob, StoredModule};

/// How many unpacked bytes may wait for the disk.
const PIPE_BYTES: usize = 256 << 10;

impl Registry {
    /// The Wasm module in the image that a tag or digest names, whatever its layout. Unpacked once and kept.
    pub async fn module(&self, repository: &RepositoryName, reference: &Reference) -> Result<StoredModule> {
        let (digest, manifest) = self.image(repository, reference).await?;
        if let Some(module) = self.store.find_module(&digest).await? {
            return Ok(module);
        }
        // One at a time: unpacking costs a processor, and whoever waits probably waits for the same module.
        let _turn = self.unpacking.lock().await;
        if let Some(module) = self.store.find_module(&digest).await? {
            return Ok(module);
        }
        let layer =
            artifact::module_layer(&manifest).map_err(|reason| Error::NoModule(reason.to_string()))?;
        let blob = self.blob(repository, &layer.descriptor.digest).await?;
        self.unpack(&digest, layer.encoding, blob).await?;
        self.store.find_module(&digest).await?.ok_or(Error::Interrupted)
    }

    /// The image that a reference names; for an index, the child that agents take.
    pub(super) async fn image(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<(Digest, Manifest)> {
        let stored = self.manifest(repository, reference).await?;
        let manifest = Manifest::parse(&stored.media_type, &stored.bytes)?;
        if !stored.media_type.is_index() {
            return Ok((stored.digest.clone(), manifest));
        }
        let no_child = || Error::NoModule("the index has no child for linux/amd64".to_owned());
        let child = artifact::linux_amd64_child(&manifest).ok_or_else(no_child)?;
        let stored = self.manifest(repository, &Reference::Digest(child.digest.clone())).await?;
        Ok((stored.digest.clone(), Manifest::parse(&stored.media_type, &stored.bytes)?))
    }

    /// Streams the module out of the layer into a blob of its own.
    async fn unpack(&self, manifest: &Digest, encoding: Encoding, layer: Blob) -> Result<()> {
        let mut upload = self.store.stage(Algorithm::Sha256)?;
        let (writer, reader) = tokio::io::duplex(PIPE_BYTES);
        let mut writer = SyncIoBridge::new(writer);
        let extracting = tokio::task::spawn_blocking(move || {
            artifact::extract(encoding, layer.reader(), &mut writer, &Limits::default()).map(drop)
        });
        let mut md5 = Md5::new();
        let frames = ReaderStream::<DuplexStream>::new(reader).inspect_ok(|frame| md5.update(frame));
        let stored = upload.append(frames, u64::MAX).await;
        match stored {
            Err(AppendError::Store(error)) => return Err(error.into()),
            Err(_) => return Err(Error::Interrupted),
            Ok(()) => {}
        }
        match extracting.await.map_err(|_| Error::Interrupted)? {
            Ok(()) => {}
            Err(error @ (UnpackError::Read(_) | UnpackError::Write(_))) => return Err(Error::Unpack(error)),
            Err(reason) => return Err(Error::NoModule(reason.to_string())),
        }
        self.store.commit_module(upload, manifest, &hex(&md5.finalize())).await?;
        Ok(())
    }
}
