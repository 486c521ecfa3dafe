use indicatif::HumanBytes;
use serde::Serialize;

use crate::client::{Access, Copied, CopyOptions, Image, all_tags, copy_all};
use crate::oci::{Digest, Reference};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::output::{Paint, Report};
use super::place::Place;
use super::session::{Session, SessionArgs, with_session};

/// Copy images between registries, OCI layouts and bundles, byte for byte
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Places:
  registry.example.com/plugins/a:1.0.0   a registry (also by @sha256:…)
  plugins/a:1.0.0                        the local registry
  ./dir:1.0.0  or  oci:dir:1.0.0         an OCI layout directory
  stick.tar:1.0.0                        a bundle: an OCI layout in one file

Examples:
  # Carry a plugin with its signatures into a closed network
  hwasm-registry copy registry.example.com/plugins/key-auth:1.0.0 stick.tar
  hwasm-registry copy stick.tar registry.internal/plugins/key-auth:1.0.0

  # Every tag of a repository
  hwasm-registry copy --all-tags registry.example.com/plugins/key-auth plugins/key-auth")]
pub(super) struct Args {
    /// Where the image is
    #[arg(value_name = "SRC")]
    source: String,
    /// Where it goes; without a tag it keeps the one it has
    #[arg(value_name = "DST")]
    destination: String,
    /// Leave behind what refers to the image: signatures, SBOMs, attestations
    #[arg(long)]
    no_referrers: bool,
    /// Copy every tag of the source
    #[arg(long)]
    all_tags: bool,
    #[command(flatten)]
    session: SessionArgs,
}

/// What was copied, image by image.
#[derive(Debug, Serialize)]
struct CopyReport {
    /// The images, in the order they were copied.
    images: Vec<CopiedImage>,
}

/// One image that was copied.
#[derive(Debug, Serialize)]
struct CopiedImage {
    /// Where it was.
    source: String,
    /// Where it is now.
    destination: String,
    /// Its manifest's digest, the same at both ends.
    digest: Digest,
    /// How many manifests were stored, referrers and children included.
    manifests: usize,
    /// How many of them came along as referrers.
    referrers: usize,
    /// How many blobs were moved.
    blobs_copied: usize,
    /// How many bytes these have.
    bytes_copied: u64,
    /// How many blobs were there already, or were taken from another repository of the same registry.
    blobs_reused: usize,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let report = with_session(context, &self.session, async |session| self.copy(session).await).await?;
        context.output.report(&report)
    }

    async fn copy(&self, session: &Session<'_>) -> anyhow::Result<CopyReport> {
        let [from, to] = [session.place(&self.source)?, session.place(&self.destination)?];
        if self.all_tags {
            refuse_reference(&from)?;
            refuse_reference(&to)?;
        }
        let source = session.image(&from, Access::Read).await?;
        let references = if self.all_tags {
            let tags = all_tags(&*source.target).await?;
            tags.into_iter().map(|tag| (Reference::Tag(tag.clone()), Reference::Tag(tag))).collect()
        } else {
            let kept = source.reference.clone();
            vec![(kept.clone(), to.reference().unwrap_or(kept))]
        };
        let destination = session.image(&to, Access::Write).await?;
        let at =
            |image: &Image, reference: &Reference| Image { reference: reference.clone(), ..image.clone() };
        let pairs: Vec<_> =
            references.iter().map(|(old, new)| (at(&source, old), at(&destination, new))).collect();
        let options = CopyOptions { referrers: !self.no_referrers, ..session.copy_options() };
        let copied = copy_all(&pairs, &options).await?;
        for warning in copied.iter().flat_map(|copied| &copied.warnings) {
            session.context.output.warn(warning);
        }
        let image = |((old, new), copied): (&(Reference, Reference), Copied)| {
            CopiedImage::new(&from.with_reference(old), &to.with_reference(new), copied)
        };
        Ok(CopyReport { images: references.iter().zip(copied).map(image).collect() })
    }
}

/// With `--all-tags` the places are repositories.
fn refuse_reference(place: &Place) -> Result<(), Failure> {
    match place.reference() {
        None => Ok(()),
        Some(reference) => {
            let message =
                format!("`{place}` names one image, `{reference}`, but `--all-tags` copies every tag");
            Err(Failure::new(Exit::Usage, message).advise("leave out the tag, or `--all-tags`"))
        }
    }
}

impl CopiedImage {
    fn new(source: &Place, destination: &Place, copied: Copied) -> Self {
        Self {
            source: source.to_string(),
            destination: destination.to_string(),
            digest: copied.root.digest,
            manifests: copied.manifests,
            referrers: copied.referrers,
            blobs_copied: copied.blobs_copied,
            bytes_copied: copied.bytes_copied,
            blobs_reused: copied.blobs_existed + copied.blobs_mounted,
        }
    }
}

impl Report for CopyReport {
    fn text(&self, paint: Paint) -> String {
        let image = |image: &CopiedImage| {
            let destination = paint.strong(&image.destination);
            let CopiedImage { source, digest, manifests, referrers, blobs_copied, blobs_reused, .. } = image;
            let size = HumanBytes(image.bytes_copied);
            format!(
                "{source} -> {destination}\n  {digest}\n  manifests: {manifests} ({referrers} of them referrers), \
                 blobs: {blobs_copied} moved ({size}), {blobs_reused} already there"
            )
        };
        if self.images.is_empty() {
            return "the source has no tags; nothing was copied".to_owned();
        }
        self.images.iter().map(image).collect::<Vec<_>>().join("\n")
    }
}
