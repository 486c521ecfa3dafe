use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};

use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use indicatif::HumanBytes;
use tokio::io::AsyncWriteExt as _;

use crate::artifact::{
    Encoding, ExtractedModule, LayerContent, Limits, PluginSpec, Verdict, examine, extract,
    linux_amd64_child, module_layer, verdicts, verdicts_through_index,
};
use crate::client::{BlobOutcome, FetchedManifest, Image, Progress};
use crate::oci::{Descriptor, Manifest, ManifestKind, Reference, media_type};

use super::progress::Bars;
use super::session::Session;

/// An image's manifest, and the layer that holds its module, fetched and verified.
pub(super) struct FetchedImage {
    /// What the reference stands for.
    pub(super) root: Descriptor,
    /// The image: the root, or the child that agents take where the root is an index.
    pub(super) manifest: Manifest,
    /// The child's descriptor, where the root is an index that has one for agents.
    pub(super) child: Option<Descriptor>,
    layer: Option<Layer>,
}

/// The module's layer in a file that vanishes with it.
struct Layer {
    encoding: Encoding,
    file: File,
}

impl FetchedImage {
    /// Fetches the manifest of `image`, through an index if need be, and its module layer.
    pub(super) async fn fetch(session: &Session<'_>, image: &Image) -> anyhow::Result<Self> {
        let root = image.target.fetch_manifest(&image.reference).await?;
        let mut manifest = parse(&root)?;
        let child = linux_amd64_child(&manifest).cloned();
        if let Some(child) = &child {
            let reference = Reference::Digest(child.digest.clone());
            manifest = parse(&image.target.fetch_manifest(&reference).await?)?;
        }
        let layer = match module_layer(&manifest) {
            Ok(layer) => {
                let file = fetch_blob(session, image, layer.descriptor).await?;
                Some(Layer { encoding: layer.encoding, file })
            }
            Err(_) => None,
        };
        Ok(Self { root: root.descriptor, manifest, child, layer })
    }

    /// What the module layer holds, where there is one.
    pub(super) fn content(&self) -> anyhow::Result<Option<LayerContent>> {
        let Some(layer) = &self.layer else { return Ok(None) };
        Ok(Some(examine(layer.encoding, layer.reader()?, &Limits::default())?))
    }

    /// Which agents load the image.
    pub(super) fn verdicts(&self, content: Option<&LayerContent>) -> Vec<Verdict> {
        let is_index = self.child.is_some() || matches!(self.manifest.kind, ManifestKind::Index { .. });
        if is_index {
            verdicts_through_index(self.child.as_ref().map(|_| (&self.manifest, content)))
        } else {
            verdicts(&self.manifest, content)
        }
    }

    /// What the image's `spec.yaml` says, or why it cannot be understood; `None` where the image carries none.
    pub(super) async fn fetch_spec(
        &self,
        image: &Image,
    ) -> anyhow::Result<Option<Result<PluginSpec, String>>> {
        let Some(layer) =
            self.manifest.layers().iter().find(|layer| layer.media_type == media_type::WASM_SPEC)
        else {
            return Ok(None);
        };
        if layer.size > PluginSpec::MAX_BYTES {
            let limit = HumanBytes(PluginSpec::MAX_BYTES);
            return Ok(Some(Err(format!(
                "it has {}, more than the {limit} that are read",
                HumanBytes(layer.size)
            ))));
        }
        let pieces: Vec<_> = image.target.fetch_blob(layer).await?.try_collect().await?;
        let spec = PluginSpec::parse(&String::from_utf8_lossy(&pieces.concat()));
        Ok(Some(spec.map_err(|error| error.to_string())))
    }

    /// Writes the module to `writer`.
    pub(super) fn extract(&self, writer: &mut impl Write) -> anyhow::Result<ExtractedModule> {
        match (&self.layer, module_layer(&self.manifest)) {
            (Some(layer), _) => Ok(extract(layer.encoding, layer.reader()?, writer, &Limits::default())?),
            (None, Err(reason)) => Err(reason).context("the image holds no module"),
            (None, Ok(_)) => anyhow::bail!("the image's module layer was not fetched"),
        }
    }
}

fn parse(fetched: &FetchedManifest) -> anyhow::Result<Manifest> {
    fetched.parse().with_context(|| format!("manifest `{}` cannot be read", fetched.descriptor.digest))
}

impl Layer {
    /// The layer's bytes from the beginning.
    fn reader(&self) -> io::Result<impl Read> {
        let mut file = &self.file;
        file.rewind()?;
        Ok(BufReader::new(file))
    }
}

/// The content of `blob` in a file without a name. It was verified, or this is an error.
async fn fetch_blob(session: &Session<'_>, image: &Image, blob: &Descriptor) -> anyhow::Result<File> {
    let bars = Bars::new(session.context.output.bars());
    let mut file = tokio::fs::File::from_std(tempfile::tempfile().context("cannot make a temporary file")?);
    bars.started(blob);
    let mut stream = image.target.fetch_blob(blob).await?;
    let mut position = 0;
    while let Some(piece) = stream.try_next().await? {
        file.write_all(&piece).await.context("cannot write to a temporary file")?;
        position += piece.len() as u64;
        bars.advanced(blob, position);
    }
    file.flush().await.context("cannot write to a temporary file")?;
    bars.finished(blob, BlobOutcome::Copied);
    Ok(file.into_std().await)
}
