use anyhow::Context as _;

use crate::client::{self, ErrorKind, Remote, TagChange, Target, all_tags};
use crate::oci::{Digest, Reference, Tag, Version};

use super::exit::{Exit, Failure};
use super::place::Place;
use super::session::Session;

/// A tag of a repository in a registry, whether or not it is there.
pub(super) struct Tagged {
    /// As it was named.
    pub(super) place: Place,
    /// Its repository.
    pub(super) remote: Remote,
    /// The tag.
    pub(super) tag: Tag,
}

impl Tagged {
    /// Reads the name of a tag; `latest` is never guessed.
    pub(super) async fn named(session: &Session<'_>, text: &str) -> anyhow::Result<Self> {
        let place = session.place(text)?;
        let Some(Reference::Tag(tag)) = place.reference() else {
            let message = format!("`{place}` names no tag");
            return Err(Failure::new(Exit::Usage, message)
                .advise("name one, such as `plugins/key-auth:latest`")
                .into());
        };
        let remote = session.remote(&place).await?;
        Ok(Self { place, remote, tag })
    }

    /// Every move of the tag, newest first.
    pub(super) async fn history(&self) -> anyhow::Result<Vec<TagChange>> {
        let history = self.remote.tag_history(&self.tag).await;
        history.with_context(|| format!("cannot tell the history of `{}`", self.place))
    }

    /// What the tag names now.
    pub(super) async fn current(&self) -> Result<Option<Digest>, client::Error> {
        match self.remote.resolve(&Reference::Tag(self.tag.clone())).await {
            Ok(found) => Ok(Some(found.digest)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The version above all that the repository of `target` has, where `tag` is a version too and the tags can be told.
pub(super) async fn next_version(target: &dyn Target, tag: &Tag) -> Option<Version> {
    Version::of(tag)?;
    let tags = all_tags(target).await.ok()?;
    Version::next_of(tags.iter().chain(std::iter::once(tag)))
}
