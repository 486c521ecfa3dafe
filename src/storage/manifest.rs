use std::sync::Arc;

use super::completion::to_completion;
use super::metadata::TagChange;
use super::{
    DeleteManifest, NewManifest, Page, PageRequest, PutManifest, Referrer, Result, Store, StoredManifest,
    Timestamp,
};
use crate::oci::{Digest, Reference, RepositoryName, Tag};

impl Store {
    /// The manifest that `reference` names in `repository`.
    pub async fn find_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Arc<StoredManifest>>> {
        let key = (repository.clone(), reference.clone());
        if let Some(manifest) = self.inner.cache.manifest(&key) {
            return Ok(Some(manifest));
        }
        let epoch = self.inner.cache.epoch(repository);
        let Some(manifest) = self.inner.metadata.find_manifest(repository, reference).await? else {
            return Ok(None);
        };
        let manifest = Arc::new(manifest);
        self.inner.cache.keep_manifest(epoch, key, &manifest);
        Ok(Some(manifest))
    }

    /// Stores a manifest and points its tags at it, all or nothing. Content that it points at must be there, and no
    /// guard may hold a tag.
    pub async fn put_manifest(&self, new: NewManifest) -> Result<PutManifest> {
        let store = self.clone();
        to_completion(async move {
            let change = store.inner.metadata.put_manifest(&new, Timestamp::now()).await?;
            let tags = new.tags.into_iter().chain(change.retyped).map(Reference::Tag);
            let references = tags.chain(std::iter::once(Reference::Digest(new.stored.digest)));
            store.inner.cache.forget_manifests(&new.repository, references);
            store.inner.event_bell.ring();
            Ok(change.outcome)
        })
        .await
    }

    /// Deletes a manifest with the tags that name it, unless one of those `stays`.
    pub async fn delete_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        actor: &str,
        stays: impl Fn(&Tag) -> bool + Send + Sync + 'static,
    ) -> Result<DeleteManifest> {
        let (store, repository, digest) = (self.clone(), repository.clone(), digest.clone());
        let actor = actor.to_owned();
        to_completion(async move {
            store.delete_manifest_and_module((&repository, &digest), &stays, &actor).await
        })
        .await
    }

    async fn delete_manifest_and_module(
        &self,
        (repository, digest): (&RepositoryName, &Digest),
        stays: &(dyn Fn(&Tag) -> bool + Sync),
        actor: &str,
    ) -> Result<DeleteManifest> {
        let metadata = &self.inner.metadata;
        let module = metadata.find_module(digest).await?.map(|module| module.facts.digest);
        let _publishing = match &module {
            Some(module) => Some(self.inner.publishing.lock(module).await),
            None => None,
        };
        let now = Timestamp::now();
        let place = (repository, digest);
        let deletion = self.with_reserve(|| metadata.delete_manifest(place, stays, actor, now)).await?;
        let references = deletion.tags.iter().cloned().map(Reference::Tag);
        let references = references.chain(std::iter::once(Reference::Digest(digest.clone())));
        self.inner.cache.forget_manifests(repository, references);
        self.inner.event_bell.ring();
        if let Some(unused) = &deletion.unused_module {
            self.inner.blob_files.remove(unused)?;
        }
        self.inner.reserve.restore();
        Ok(deletion.outcome)
    }

    /// Deletes a tag; its manifest stays. `false` where it was not there.
    pub async fn delete_tag(&self, repository: &RepositoryName, tag: &Tag, actor: &str) -> Result<bool> {
        let (store, repository, tag) = (self.clone(), repository.clone(), tag.clone());
        let (actor, now) = (actor.to_owned(), Timestamp::now());
        to_completion(async move {
            let metadata = &store.inner.metadata;
            let found = store.with_reserve(|| metadata.delete_tag(&repository, &tag, &actor, now)).await?;
            store.inner.cache.forget_manifests(&repository, std::iter::once(Reference::Tag(tag)));
            store.inner.event_bell.ring();
            store.inner.reserve.restore();
            Ok(found)
        })
        .await
    }

    /// Whether anything was ever pushed to `repository`.
    pub async fn has_repository(&self, repository: &RepositoryName) -> Result<bool> {
        self.inner.metadata.has_repository(repository).await
    }

    /// The repositories that hold a manifest, in byte order.
    pub async fn list_repositories(&self, page: &PageRequest) -> Result<Page<RepositoryName>> {
        self.inner.metadata.list_repositories(page).await
    }

    /// The tags of `repository`, in byte order.
    pub async fn list_tags(&self, repository: &RepositoryName, page: &PageRequest) -> Result<Page<Tag>> {
        self.inner.metadata.list_tags(repository, page).await
    }

    /// Every move of a tag, newest first, at most `limit`.
    pub async fn list_tag_history(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        limit: u32,
    ) -> Result<Vec<TagChange>> {
        self.inner.metadata.list_tag_history(repository, tag, limit).await
    }

    /// What refers to `subject`, by digest; of `artifact_type` only, where that is given.
    pub async fn list_referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Referrer>> {
        self.inner.metadata.list_referrers(repository, subject, artifact_type, page).await
    }
}
