use sqlx::SqliteConnection;

use super::{Durability, Metadata, repository, to_i64, to_u64};
use crate::oci::{Digest, RepositoryName};
use crate::storage::{Result, Timestamp, UploadId};

/// What is known of a blob's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobFacts {
    /// What they hash to.
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
}

/// What became of a request to forget a blob.
#[derive(Debug, Default)]
pub(in super::super) struct BlobDeletion {
    /// Whether the repository had it.
    pub(in super::super) found: bool,
    /// The blob, where nothing else needs its file.
    pub(in super::super) unused: Option<Digest>,
}

impl Metadata {
    pub(in super::super) async fn find_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<BlobFacts>> {
        let row: Option<(i64,)> = sqlx::query_as(
            "SELECT b.size_bytes FROM repositories AS r
             JOIN repository_blobs AS l ON l.repository_id = r.id
             JOIN blobs AS b ON b.digest = l.digest
             WHERE r.name = $1 AND l.digest = $2",
        )
        .bind(repository.as_str())
        .bind(digest.to_string())
        .fetch_optional(&self.readers)
        .await?;
        row.map(|(size,)| Ok(BlobFacts { digest: digest.clone(), size: to_u64("blob size", size)? }))
            .transpose()
    }

    /// Whether a row names the blob's file.
    pub(in super::super) async fn has_blob(&self, digest: &Digest) -> Result<bool> {
        let found: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM blobs WHERE digest = $1")
            .bind(digest.to_string())
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.is_some())
    }

    /// Records a published blob as `repository`'s, and ends the session that brought it.
    pub(in super::super) async fn commit_blob(
        &self,
        repository: &RepositoryName,
        blob: &BlobFacts,
        session: Option<UploadId>,
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.begin(Durability::Synced).await?;
        insert(&mut tx, blob, now).await?;
        let repository = repository::ensure(&mut tx, repository, now).await?;
        link(&mut tx, repository, &blob.digest, now).await?;
        if let Some(id) = session {
            super::upload::delete(&mut tx, id).await?;
        }
        tx.commit().await
    }

    pub(in super::super) async fn mount_blob(
        &self,
        to: &RepositoryName,
        from: Option<&RepositoryName>,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.begin(Durability::Synced).await?;
        let source: Option<(i64,)> = sqlx::query_as(
            "SELECT 1 FROM repository_blobs AS l JOIN repositories AS r ON r.id = l.repository_id
             WHERE l.digest = $1 AND ($2 IS NULL OR r.name = $2) LIMIT 1",
        )
        .bind(digest.to_string())
        .bind(from.map(RepositoryName::as_str))
        .fetch_optional(&mut *tx)
        .await?;
        if source.is_none() {
            return Ok(false);
        }
        let repository = repository::ensure(&mut tx, to, now).await?;
        link(&mut tx, repository, digest, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(in super::super) async fn delete_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobDeletion> {
        let mut tx = self.begin(Durability::Synced).await?;
        let unlinked = sqlx::query(
            "DELETE FROM repository_blobs
             WHERE digest = $2 AND repository_id = (SELECT id FROM repositories WHERE name = $1)",
        )
        .bind(repository.as_str())
        .bind(digest.to_string())
        .execute(&mut *tx)
        .await?;
        if unlinked.rows_affected() == 0 {
            return Ok(BlobDeletion::default());
        }
        let unused = delete_if_unused(&mut tx, digest).await?.then(|| digest.clone());
        tx.commit().await?;
        Ok(BlobDeletion { found: true, unused })
    }
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    blob: &BlobFacts,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO blobs (digest, size_bytes, created_us) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(blob.digest.to_string())
    .bind(to_i64(blob.size))
    .bind(now.as_micros())
    .execute(connection)
    .await?;
    Ok(())
}

async fn link(
    connection: &mut SqliteConnection,
    repository: i64,
    digest: &Digest,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO repository_blobs (repository_id, digest, created_us) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(repository)
    .bind(digest.to_string())
    .bind(now.as_micros())
    .execute(connection)
    .await?;
    Ok(())
}

/// Drops the row of a blob that neither a repository nor a module needs; whether it did.
pub(super) async fn delete_if_unused(connection: &mut SqliteConnection, digest: &Digest) -> Result<bool> {
    let deleted = sqlx::query(
        "DELETE FROM blobs WHERE digest = $1
         AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE digest = $1)
         AND NOT EXISTS (SELECT 1 FROM modules WHERE module_digest = $1)",
    )
    .bind(digest.to_string())
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected() > 0)
}
