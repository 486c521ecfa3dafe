use std::sync::Arc;

use bytes::Bytes;

use super::{Error, Registry, Result};
use crate::oci::{Algorithm, Digest, Manifest, MediaType, Reference, RepositoryName, Tag};
use crate::storage::{NewManifest, PutManifest, StoredManifest};

/// A manifest that a client pushes (`end-7a`, `end-7b`).
#[derive(Clone, Debug)]
pub struct ManifestPush {
    /// Where it goes.
    pub repository: RepositoryName,
    /// The tag it shall have, or the digest it must have.
    pub reference: Reference,
    /// More tags it shall have.
    pub tags: Vec<Tag>,
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

    /// `end-7`: stores a manifest and points its tags at it.
    pub async fn put_manifest(&self, push: ManifestPush) -> Result<PushedManifest> {
        let digest = promised_digest(&push)?;
        let manifest = Manifest::parse(&push.media_type, &push.bytes)?;
        manifest.check_media_type()?;
        let tags = self.tags_of(&push)?;
        let warnings = self.check_layout(&push.repository, &manifest).await?;
        let subject = manifest.subject.as_ref().map(|subject| subject.digest.clone());
        let repository = push.repository.clone();
        let new = NewManifest {
            repository: push.repository,
            stored: StoredManifest { digest: digest.clone(), media_type: push.media_type, bytes: push.bytes },
            manifest,
            tags,
            actor: push.actor,
        };
        match self.store.put_manifest(new).await? {
            PutManifest::Stored => Ok(PushedManifest { digest, subject, warnings }),
            PutManifest::Missing(missing) => Err(Error::ManifestBlobUnknown { repository, missing }),
        }
    }

    /// `end-9`: deletes a tag, or a manifest with all tags that name it.
    pub async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        actor: &str,
    ) -> Result<()> {
        let found = match reference {
            Reference::Tag(tag) => self.store.delete_tag(repository, tag, actor).await?,
            Reference::Digest(digest) => self.store.delete_manifest(repository, digest, actor).await?,
        };
        if found { Ok(()) } else { Err(unknown(repository, reference)) }
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
