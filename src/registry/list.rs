use super::{Error, Registry, Result};
use crate::oci::{Descriptor, Digest, RepositoryName, Tag};
use crate::storage::{Page, PageRequest, Referrer, TagChange};

/// The most referrers of one page.
const REFERRERS_PAGE: u32 = 500;

/// A part of the manifests that refer to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferrersPage {
    /// Their descriptors, by digest.
    pub manifests: Vec<Descriptor>,
    /// The last digest, where more follow.
    pub next: Option<Digest>,
}

impl Registry {
    /// `end-8`: the tags of a repository, in byte order.
    pub async fn tags(&self, repository: &RepositoryName, page: &PageRequest) -> Result<Page<Tag>> {
        if !self.store.has_repository(repository).await? {
            return Err(Error::NameUnknown(repository.clone()));
        }
        Ok(self.store.list_tags(repository, page).await?)
    }

    /// `_catalog`: the repositories that hold a manifest, in byte order.
    pub async fn repositories(&self, page: &PageRequest) -> Result<Page<RepositoryName>> {
        Ok(self.store.list_repositories(page).await?)
    }

    /// Every move of a tag, newest first, at most `limit`.
    pub async fn tag_history(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        limit: u32,
    ) -> Result<Vec<TagChange>> {
        let changes = self.store.list_tag_history(repository, tag, limit).await?;
        if changes.is_empty() {
            return Err(Error::TagUnknown { repository: repository.clone(), tag: tag.clone() });
        }
        Ok(changes)
    }

    /// `end-12`: what refers to `subject`; of `artifact_type` only, where that is given.
    ///
    /// A page also ends where its annotations become too many for one answer.
    pub async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        page: &PageRequest,
    ) -> Result<ReferrersPage> {
        let page = PageRequest { limit: page.limit.min(REFERRERS_PAGE), ..page.clone() };
        let found = self.store.list_referrers(repository, subject, artifact_type, &page).await?;
        let next = found.items.last().filter(|_| found.more).map(|last| last.digest.clone());
        Ok(ReferrersPage { manifests: found.items.into_iter().map(descriptor).collect(), next })
    }
}

fn descriptor(referrer: Referrer) -> Descriptor {
    let mut descriptor = Descriptor::new(referrer.media_type, referrer.digest, referrer.size);
    descriptor.artifact_type = referrer.artifact_type;
    descriptor.annotations = Some(referrer.annotations);
    descriptor
}
