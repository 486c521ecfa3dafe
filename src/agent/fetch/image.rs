use std::sync::Arc;

use crate::artifact::{Encoding, NoModuleLayer, linux_amd64_child, module_layer};
use crate::client::{self, FetchedManifest, Remote, Target as _};
use crate::oci::{Descriptor, Manifest, ManifestKind, Reference};
use crate::policy::Found;

use super::PullError;

/// What a registry says of an image, without its layers.
#[derive(Clone, Debug)]
pub(super) struct ResolvedImage {
    pub(super) found: Found,
    pub(super) layer: Result<Layer, NoModuleLayer>,
    pub(super) audience: Audience,
}

/// The layer that holds the module.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) descriptor: Descriptor,
    pub(super) encoding: Encoding,
}

/// Whom the registry gave the image to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Anybody: it did not ask who we are.
    Everybody,
    /// It asked.
    Somebody,
}

/// The image's manifest, through an index the way agents go.
pub(super) async fn resolve(remote: Remote, reference: Reference) -> Result<Arc<ResolvedImage>, PullError> {
    let root = fetch(&remote, &reference).await?;
    let mut manifest = parse(&root)?;
    let mut found = Found::new(root.descriptor.digest.clone());
    if let ManifestKind::Index { .. } = manifest.kind {
        let child = linux_amd64_child(&manifest).ok_or(PullError::NoPlatform)?.digest.clone();
        manifest = parse(&fetch(&remote, &Reference::Digest(child.clone())).await?)?;
        found = Found { manifest: child, root: Some(root.descriptor.digest) };
    }
    let audience = if remote.registry().was_asked().await { Audience::Somebody } else { Audience::Everybody };
    let layer = module_layer(&manifest)
        .map(|layer| Layer { descriptor: layer.descriptor.clone(), encoding: layer.encoding });
    Ok(Arc::new(ResolvedImage { found, layer, audience }))
}

/// Asks whether the caller gets the manifest.
pub(super) async fn look(remote: Remote, reference: Reference) -> Result<(), Arc<client::Error>> {
    remote.resolve(&reference).await.map(drop).map_err(Arc::new)
}

async fn fetch(remote: &Remote, reference: &Reference) -> Result<FetchedManifest, PullError> {
    remote.fetch_manifest(reference).await.map_err(|error| PullError::Manifest(Arc::new(error)))
}

fn parse(fetched: &FetchedManifest) -> Result<Manifest, PullError> {
    fetched.parse().map_err(|error| PullError::BadManifest(Arc::new(error)))
}
