use std::sync::Arc;

use bytes::Bytes;

use super::{Error, Registry, Result};
use crate::oci::{Algorithm, Digest, Manifest, MediaType, Reference, RepositoryName, Tag};
use crate::storage::{
    DeleteManifest, Expectation, MovedTag, NewManifest, PutManifest, StoredManifest, TagCondition, TagGuard,
};

/// A manifest that a client pushes (`end-7a`, `end-7b`).
#[derive(Clone, Debug)]
pub struct ManifestPush {
    /// Where it goes.
    pub repository: RepositoryName,
    /// The tag it shall have, or the digest it must have.
    pub reference: Reference,
    /// More tags it shall have.
    pub tags: Vec<Tag>,
    /// What the tag that it is pushed under has to name before.
    pub expected: Option<Expectation>,
    /// The type it comes under.
    pub media_type: MediaType,
    /// The manifest itself.
    pub bytes: Bytes,
    /// Who pushes it.
    pub actor: String,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedManifest {
    /// The manifest's digest.
    pub digest: Digest,
    /// What it refers to, where it is a referrer.
    pub subject: Option<Digest>,
    /// The tags that named another manifest before.
    pub moved: Vec<MovedTag>,
    /// What the client should know; one sentence each.
    pub warnings: Vec<String>,
}

impl Registry {
    /// `end-3`: the manifest that a tag or digest names.
    pub async fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Arc<StoredManifest>> {
        let found = self.store.find_manifest(repository, reference).await?;
        found.ok_or_else(|| unknown(repository, reference))
    }

    /// `end-7`: stores a manifest and points its tags at it; immutable tags stay what they are.
    pub async fn put_manifest(&self, push: ManifestPush) -> Result<PushedManifest> {
        let digest = promised_digest(&push)?;
        let manifest = Manifest::parse(&push.media_type, &push.bytes)?;
        manifest.check_media_type()?;
        let tags = self.tags_of(&push)?;
        let guards = self.guards_of(&push, &tags);
        let warnings = self.check_layout(&push.repository, &manifest).await?;
        let subject = manifest.subject.as_ref().map(|subject| subject.digest.clone());
        let repository = push.repository.clone();
        let new = NewManifest {
            repository: push.repository,
            stored: StoredManifest { digest: digest.clone(), media_type: push.media_type, bytes: push.bytes },
            manifest,
            guards,
            tags,
            actor: push.actor,
        };
        match self.store.put_manifest(new).await? {
            PutManifest::Stored(moved) => Ok(PushedManifest { digest, subject, moved, warnings }),
            PutManifest::Missing(missing) => Err(Error::ManifestBlobUnknown { repository, missing }),
            PutManifest::Held { guard, current } => Err(self.refuse_move(repository, guard, current)),
        }
    }

    /// `end-9`: deletes a tag, or a manifest with all tags that name it; immutable tags stay.
    pub async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        actor: &str,
    ) -> Result<()> {
        let found = match reference {
            Reference::Tag(tag) => self.delete_tag(repository, tag, actor).await?,
            Reference::Digest(digest) => self.delete_by_digest(repository, digest, actor).await?,
        };
        if found { Ok(()) } else { Err(unknown(repository, reference)) }
    }

    async fn delete_tag(&self, repository: &RepositoryName, tag: &Tag, actor: &str) -> Result<bool> {
        if self.config.tags.rule(repository, tag).is_none() {
            return Ok(self.store.delete_tag(repository, tag, actor).await?);
        }
        match self.store.find_manifest(repository, &Reference::Tag(tag.clone())).await? {
            Some(manifest) => Err(self.immutable(repository.clone(), tag.clone(), manifest.digest.clone())),
            None => Ok(false),
        }
    }

    async fn delete_by_digest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        actor: &str,
    ) -> Result<bool> {
        let (config, within) = (Arc::clone(&self.config), repository.clone());
        let stays = move |tag: &Tag| config.tags.rule(&within, tag).is_some();
        match self.store.delete_manifest(repository, digest, actor, stays).await? {
            DeleteManifest::Deleted => Ok(true),
            DeleteManifest::Unknown => Ok(false),
            DeleteManifest::Held(tag) => Err(self.immutable(repository.clone(), tag, digest.clone())),
        }
    }

    /// What the tags of a push have to name: what the client expects of the one, and what immutable ones name already.
    fn guards_of(&self, push: &ManifestPush, tags: &[Tag]) -> Vec<TagGuard> {
        let expected = match (&push.reference, &push.expected) {
            (Reference::Tag(tag), Some(expectation)) => {
                let condition = TagCondition::Expected(expectation.clone());
                Some(TagGuard { tag: tag.clone(), condition })
            }
            _ => None,
        };
        let immutable = tags.iter().filter(|tag| self.config.tags.rule(&push.repository, tag).is_some());
        let settled = immutable.map(|tag| TagGuard { tag: tag.clone(), condition: TagCondition::Settled });
        expected.into_iter().chain(settled).collect()
    }

    fn refuse_move(&self, repository: RepositoryName, guard: TagGuard, current: Option<Digest>) -> Error {
        match (guard.condition, current) {
            (TagCondition::Settled, Some(current)) => self.immutable(repository, guard.tag, current),
            (_, current) => Error::TagChanged { repository, tag: guard.tag, current },
        }
    }

    fn immutable(&self, repository: RepositoryName, tag: Tag, digest: Digest) -> Error {
        let rule = self.config.tags.rule(&repository, &tag).map(ToString::to_string).unwrap_or_default();
        Error::TagImmutable { repository, tag, digest, rule }
    }

    fn tags_of(&self, push: &ManifestPush) -> Result<Vec<Tag>> {
        let limit = self.limits().tags_per_push;
        if push.tags.len() > limit as usize {
            return Err(Error::TooManyTags(limit));
        }
        let mut tags = push.tags.clone();
        if let Reference::Tag(tag) = &push.reference {
            tags.push(tag.clone());
        }
        Ok(tags)
    }
}

/// The digest of the pushed bytes, which must be the one they are pushed under.
fn promised_digest(push: &ManifestPush) -> Result<Digest> {
    match &push.reference {
        Reference::Tag(_) => Ok(Digest::of(Algorithm::default(), &push.bytes)),
        Reference::Digest(promised) => {
            let actual = Digest::of(promised.algorithm(), &push.bytes);
            if actual == *promised {
                Ok(actual)
            } else {
                Err(Error::DigestMismatch { promised: promised.clone(), actual })
            }
        }
    }
}

fn unknown(repository: &RepositoryName, reference: &Reference) -> Error {
    Error::ManifestUnknown { repository: repository.clone(), reference: reference.clone() }
}
