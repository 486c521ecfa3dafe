use std::collections::BTreeMap;

use futures_util::TryStreamExt;

use super::{Metadata, parse, to_u64};
use crate::oci::{Digest, MediaType, RepositoryName};
use crate::storage::{Error, Page, PageRequest, Result};

/// A manifest that names another as its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: MediaType,
    /// Its length in bytes.
    pub size: u64,
    /// Its artifact type, else its configuration's type.
    pub artifact_type: Option<String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Digest, media type, length, artifact type, annotations.
type Row = (String, String, i64, Option<String>, String);

/// The most annotations of one page: clients read no more than a manifest's 4 MiB.
const PAGE_BYTES: usize = 3 << 20;

impl Metadata {
    /// What refers to `subject`, by digest; of `artifact_type` only, where that is given.
    ///
    /// A page also ends where its annotations take more than [`PAGE_BYTES`].
    pub(in super::super) async fn list_referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Referrer>> {
        let mut rows = sqlx::query_as::<_, Row>(
            "SELECT digest, media_type, length(bytes), artifact_type, annotations FROM manifests
             WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)
             AND subject = $2 AND ($3 IS NULL OR artifact_type = $3) AND digest > $4 ORDER BY digest LIMIT $5",
        )
        .bind(repository.as_str())
        .bind(subject.to_string())
        .bind(artifact_type)
        .bind(page.after())
        .bind(page.probe())
        .fetch(&self.readers);
        let (mut items, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.try_next().await? {
            bytes += row.4.len();
            if items.len() == page.limit as usize || (bytes > PAGE_BYTES && !items.is_empty()) {
                return Ok(Page { more: page.limit > 0, items });
            }
            items.push(referrer(row)?);
        }
        Ok(Page { items, more: false })
    }
}

fn referrer((digest, media_type, size, artifact_type, annotations): Row) -> Result<Referrer> {
    Ok(Referrer {
        digest: parse("manifest digest", &digest)?,
        media_type: parse("media type", &media_type)?,
        size: to_u64("manifest size", size)?,
        artifact_type,
        annotations: serde_json::from_str(&annotations).map_err(|_| Error::Corrupt("annotations"))?,
    })
}
