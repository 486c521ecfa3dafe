use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use crate::client::{Access, ErrorKind, RepositoryLocation, all_repositories, all_tags};
use crate::oci::{Digest, MediaType, Reference, RepositoryName, Tag};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::output::{Paint, Report};
use super::session::{Session, SessionArgs, with_session};
use super::table::table;

/// How many tags are resolved at once.
const PARALLEL: usize = 8;

/// List repositories, or the tags of one repository
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  # Repositories of the local registry
  hwasm-registry list

  # Tags of one of them, with their digests
  hwasm-registry list plugins/key-auth

  # Repositories and tags elsewhere
  hwasm-registry list registry.example.com
  hwasm-registry list registry.example.com/plugins/key-auth"
)]
pub(super) struct Args {
    /// [host/]repository, or a host; without it the repositories of the local registry
    #[arg(value_name = "REPO")]
    repository: Option<String>,
    #[command(flatten)]
    session: SessionArgs,
}

/// What there is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Listing {
    /// A registry's repositories.
    Repositories {
        /// The registry.
        registry: String,
        /// Their names, in byte order.
        repositories: BTreeSet<RepositoryName>,
    },
    /// A repository's tags.
    Tags {
        /// The repository with its registry.
        repository: String,
        /// The tags, in byte order.
        tags: Vec<TagRow>,
    },
}

/// A tag and what it stands for.
#[derive(Debug, Serialize)]
struct TagRow {
    /// The tag.
    tag: Tag,
    /// Its manifest's digest.
    digest: Digest,
    /// Its manifest's media type.
    media_type: MediaType,
}

impl Args {
    /// Runs the command.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let listing =
            with_session(context, &self.session, async |session| match self.repository.as_deref() {
                None => repositories(session, None).await,
                Some(text) if is_host(text) => repositories(session, Some(text)).await,
                Some(text) => tags(session, text).await,
            });
        context.output.report(&listing.await?)
    }
}

/// Whether `text` is a registry alone: a host with a dot or a port, or `localhost`.
pub(super) fn is_host(text: &str) -> bool {
    let text = text.trim_end_matches('/');
    let is_place =
        text.contains('/') || text.starts_with('.') || text.starts_with("oci:") || text.starts_with("tar:");
    let is_file = std::path::Path::new(text).extension().is_some_and(|extension| extension == "tar");
    !is_place && !is_file && (text == "localhost" || text.contains(['.', ':']))
}

async fn repositories(session: &Session<'_>, host: Option<&str>) -> anyhow::Result<Listing> {
    let named = host.map(str::parse::<RepositoryLocation>).transpose();
    let host =
        named.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?.map(|named| named.registry);
    let registry = session.registry(host.as_ref()).await?;
    let repositories = all_repositories(&registry).await?;
    let name = host.unwrap_or_else(|| session.local_host());
    Ok(Listing::Repositories { registry: name.to_string(), repositories })
}

async fn tags(session: &Session<'_>, text: &str) -> anyhow::Result<Listing> {
    let place = session.place(text)?;
    if let Some(reference) = place.reference() {
        let message = format!("`{text}` names one image, `{reference}`; expected a repository");
        return Err(Failure::new(Exit::Usage, message)
            .advise("`hwasm-registry inspect` shows one image")
            .into());
    }
    let target = session.image(&place, Access::Read).await?.target;
    let names = all_tags(&*target).await?;
    let resolve = async |tag: Tag| match target.resolve(&Reference::Tag(tag.clone())).await {
        Ok(found) => Ok(Some(TagRow { tag, digest: found.digest, media_type: found.media_type })),
        // Deleted since it was listed.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let rows = stream::iter(names).map(resolve).buffered(PARALLEL);
    let tags = rows.try_filter_map(async |row| Ok(row)).try_collect().await?;
    Ok(Listing::Tags { repository: place.to_string(), tags })
}

impl Report for Listing {
    fn text(&self, paint: Paint) -> String {
        match self {
            Self::Repositories { repositories, .. } => {
                repositories.iter().map(RepositoryName::as_str).collect::<Vec<_>>().join("\n")
            }
            Self::Tags { tags, .. } => {
                let row =
                    |row: &TagRow| [row.tag.to_string(), row.digest.to_string(), row.media_type.to_string()];
                table(paint, ["TAG", "DIGEST", "MEDIA TYPE"], tags.iter().map(row))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_alone_is_told_from_a_repository() {
        for (text, expected) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("registry.example.com/", true),
            ("plugins", false),
            ("plugins/a", false),
            ("registry.example.com/plugins/a", false),
            ("./out", false),
            ("stick.tar", false),
        ] {
            assert_eq!(is_host(text), expected, "{text}");
        }
    }
}
