use bytes::Bytes;
use bytesize::ByteSize;
use futures_util::TryStreamExt;

use super::{Error, Registry, Result};
use crate::artifact::{self, PluginSpec, UnpackError};
use crate::oci::{Digest, Manifest, Reference, RepositoryName, media_type};

/// What a plugin's image says of it, without its module.
#[derive(Clone, Debug)]
pub struct PluginImage {
    /// The digest of what the reference stands for.
    pub digest: Digest,
    /// The digest of the manifest that agents use: the same, or that of a child where the reference stands for an index.
    pub used: Digest,
    /// Bytes of the layer that holds the module, where one does.
    pub module_bytes: Option<u64>,
    /// The text of `spec.yaml`, where the image carries one.
    pub spec: Option<Vec<u8>>,
    /// What somebody who deploys it should know: agents that do not load it, a `spec.yaml` that is too large.
    pub warnings: Vec<String>,
}

impl Registry {
    /// Looks at the plugin in the image that a tag or digest names.
    pub async fn plugin_image(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<PluginImage> {
        let digest = self.manifest(repository, reference).await?.digest.clone();
        let (used, manifest) = self.image(repository, &Reference::Digest(digest.clone())).await?;
        let mut warnings = self.unloadable(repository, &manifest).await?;
        let spec = self.spec(repository, &manifest).await?.unwrap_or_else(|too_large| {
            warnings.push(too_large);
            None
        });
        let module_bytes = artifact::module_layer(&manifest).ok().map(|layer| layer.descriptor.size);
        Ok(PluginImage { digest, used, module_bytes, spec, warnings })
    }

    /// The text of `spec.yaml`, or that it is too large to be read.
    async fn spec(
        &self,
        repository: &RepositoryName,
        manifest: &Manifest,
    ) -> Result<std::result::Result<Option<Vec<u8>>, String>> {
        let Some(layer) = manifest.layers().iter().find(|layer| layer.media_type == media_type::WASM_SPEC)
        else {
            return Ok(Ok(None));
        };
        let blob = self.blob(repository, &layer.digest).await?;
        if blob.size() > PluginSpec::MAX_BYTES {
            let (size, limit) = (ByteSize::b(blob.size()), ByteSize::b(PluginSpec::MAX_BYTES));
            return Ok(Err(format!("spec.yaml has {size}, more than the {limit} that are read")));
        }
        let append = |mut text: Vec<u8>, frame: Bytes| async move {
            text.extend_from_slice(&frame);
            Ok(text)
        };
        let text = blob.stream(0..blob.size()).try_fold(Vec::new(), append).await;
        Ok(Ok(Some(text.map_err(|error| Error::Unpack(UnpackError::Read(error)))?)))
    }
}
