use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Datelike as _, Utc};

use crate::artifact::{
    self, Layout, Limits, PackOptions, Plugin, PluginError, Verdict, examine, module_layer, pack, verdicts,
};
use crate::client::{BlobSource, Expected, NewImage, PutManifest};
use crate::oci::{Manifest, Reference, Tag};

use super::exit::{Exit, Failure};

/// What to pack, and how.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PackingArgs {
    /// A `.wasm` module, its `.wat` text, or a directory with a module and optional spec.yaml, README.md and icon.png
    #[arg(value_name = "FILE|DIR")]
    plugin: PathBuf,
    /// How to lay the image out: compat (every gateway loads it), artifact, docker or wasm
    #[arg(long, default_value_t)]
    layout: Layout,
}

/// A plugin and the image made of it.
pub(super) struct Packed {
    /// What the author has on disk.
    pub(super) plugin: Plugin,
    /// The image.
    pub(super) image: artifact::Image,
    /// Which agents load the image.
    pub(super) verdicts: Vec<Verdict>,
}

impl PackingArgs {
    /// Reads the plugin and packs it.
    pub(super) fn pack(&self) -> anyhow::Result<Packed> {
        Packed::of(&self.plugin, self.layout)
    }
}

impl Packed {
    /// Reads the plugin at `path` and packs it as `layout`.
    pub(super) fn of(path: &Path, layout: Layout) -> anyhow::Result<Self> {
        let plugin = load(path)?;
        let image = pack(&plugin, &PackOptions { layout, created: source_date()? });
        let verdicts = verdicts_of(&image)?;
        Ok(Self { plugin, image, verdicts })
    }

    /// The image under `reference` and more tags, ready to be put anywhere.
    pub(super) fn to_put(&self, reference: Reference, tags: &[Tag]) -> NewImage {
        let manifest = PutManifest {
            media_type: self.image.descriptor.media_type.clone(),
            bytes: self.image.manifest.clone().into(),
            reference,
            tags: tags.to_vec(),
            expected: Expected::default(),
        };
        let blob = |blob: &artifact::Blob| (blob.descriptor.clone(), BlobSource::bytes(blob.bytes.clone()));
        NewImage { manifest, blobs: self.image.blobs.iter().map(blob).collect() }
    }

    /// Bytes of manifest, configuration and layers.
    pub(super) fn size_bytes(&self) -> u64 {
        let blobs: u64 = self.image.blobs.iter().map(|blob| blob.descriptor.size).sum();
        self.image.descriptor.size + blobs
    }
}

fn load(path: &Path) -> anyhow::Result<Plugin> {
    Plugin::load(path).map_err(|error| match &error {
        PluginError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            anyhow::Error::new(error)
                .context(Failure::new(Exit::NotFound, format!("there is no `{}`", path.display())))
        }
        _ => anyhow::Error::new(error).context(format!("cannot pack `{}`", path.display())),
    })
}

/// `SOURCE_DATE_EPOCH`, in seconds since 1970: the one date that may go into an image.
fn source_date() -> anyhow::Result<Option<DateTime<Utc>>> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    let date = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    // RFC 3339, which images write dates in, has four digits for the year.
    let date = date.filter(|date| (1970..=9999).contains(&date.year()));
    let refuse = || {
        let message = format!(
            "SOURCE_DATE_EPOCH `{}` is not a number of seconds since 1970, before the year 10000",
            text.display()
        );
        Failure::new(Exit::Usage, message)
    };
    Ok(Some(date.ok_or_else(refuse)?))
}

fn verdicts_of(image: &artifact::Image) -> anyhow::Result<Vec<Verdict>> {
    let manifest =
        Manifest::parse(&image.descriptor.media_type, &image.manifest).context("packed a bad manifest")?;
    let layer = module_layer(&manifest).context("packed no module")?;
    let blob = image.blobs.iter().find(|blob| blob.descriptor.digest == layer.descriptor.digest);
    let bytes = &blob.context("packed no module")?.bytes;
    let content = examine(layer.encoding, bytes.as_slice(), &Limits::default())?;
    Ok(verdicts(&manifest, Some(&content)))
}
