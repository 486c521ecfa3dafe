use std::fmt::Write as _;

use serde::Serialize;

use crate::client::{Access, PutManifest};
use crate::oci::{Digest, Reference, Tag};

use super::context::Context;
use super::output::{Paint, Report};
use super::session::{Session, SessionArgs, with_session};

/// Give an image more tags, in its own repository
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  # Let 1.0.0 be the newest
  hwasm-registry tag plugins/key-auth:1.0.0 1.0 latest

  # In another registry
  hwasm-registry tag registry.example.com/plugins/key-auth:1.0.0 stable")]
pub(super) struct Args {
    /// The image: [host/]repository:tag or @digest, or an OCI layout or bundle
    #[arg(value_name = "SRC")]
    source: String,
    /// The tags to add or move
    #[arg(value_name = "NEW", required = true)]
    tags: Vec<Tag>,
    #[command(flatten)]
    session: SessionArgs,
}

/// What was tagged.
#[derive(Debug, Serialize)]
struct Tagged {
    /// The image, as named.
    image: String,
    /// Its manifest's digest.
    digest: Digest,
    /// The tags it now has besides.
    tags: Vec<Tag>,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let tagged = with_session(context, &self.session, async |session| self.tag(session).await).await?;
        context.output.report(&tagged)
    }

    async fn tag(&self, session: &Session<'_>) -> anyhow::Result<Tagged> {
        let place = session.place(&self.source)?;
        let image = session.image(&place, Access::Change).await?;
        let manifest = image.target.fetch_manifest(&image.reference).await?;
        for tag in &self.tags {
            let media_type = manifest.descriptor.media_type.clone();
            let reference = Reference::Tag(tag.clone());
            let put = PutManifest::new(media_type, manifest.bytes.clone(), reference);
            image.target.put_manifest(&put).await?;
        }
        image.target.finish().await?;
        Ok(Tagged { image: place.to_string(), digest: manifest.descriptor.digest, tags: self.tags.clone() })
    }
}

impl Report for Tagged {
    fn text(&self, paint: Paint) -> String {
        let mut text = format!("{} {}", paint.strong(&self.digest.to_string()), "is now also");
        for tag in &self.tags {
            let _ = write!(text, " {tag}");
        }
        text
    }
}
