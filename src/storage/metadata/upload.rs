use sqlx::SqliteConnection;

use super::{Durability, Metadata, parse, to_i64, to_u64};
use crate::oci::{Algorithm, RepositoryName};
use crate::storage::{Result, Timestamp, UploadId};

/// An upload session as it is recorded.
pub(in super::super) struct UploadRow {
    pub(in super::super) id: UploadId,
    pub(in super::super) repository: RepositoryName,
    pub(in super::super) algorithm: Algorithm,
    /// How many bytes `hash_state` covers.
    pub(in super::super) offset: u64,
    pub(in super::super) hash_state: Vec<u8>,
}

impl Metadata {
    /// Records a new session unless `limit` are open; whether it did.
    pub(in super::super) async fn insert_upload(
        &self,
        row: &UploadRow,
        limit: u32,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.begin(Durability::Relaxed).await?;
        let inserted = sqlx::query(
            "INSERT INTO uploads (id, repository, algorithm, offset_bytes, hash_state, created_us, touched_us)
             SELECT $1, $2, $3, $4, $5, $6, $6 WHERE (SELECT count(*) FROM uploads) < $7",
        )
        .bind(row.id.to_string())
        .bind(row.repository.as_str())
        .bind(row.algorithm.name())
        .bind(to_i64(row.offset))
        .bind(row.hash_state.as_slice())
        .bind(now.as_micros())
        .bind(i64::from(limit))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(inserted.rows_affected() > 0)
    }

    pub(in super::super) async fn find_upload(
        &self,
        repository: &RepositoryName,
        id: UploadId,
    ) -> Result<Option<UploadRow>> {
        let row: Option<(String, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT algorithm, offset_bytes, hash_state FROM uploads WHERE id = $1 AND repository = $2",
        )
        .bind(id.to_string())
        .bind(repository.as_str())
        .fetch_optional(&self.readers)
        .await?;
        row.map(|(algorithm, offset, hash_state)| {
            Ok(UploadRow {
                id,
                repository: repository.clone(),
                algorithm: parse("digest algorithm", &algorithm)?,
                offset: to_u64("upload offset", offset)?,
                hash_state,
            })
        })
        .transpose()
    }

    pub(in super::super) async fn has_upload(&self, id: UploadId) -> Result<bool> {
        let found: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM uploads WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.is_some())
    }

    pub(in super::super) async fn update_upload(
        &self,
        id: UploadId,
        offset: u64,
        hash_state: &[u8],
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.begin(Durability::Relaxed).await?;
        sqlx::query("UPDATE uploads SET offset_bytes = $2, hash_state = $3, touched_us = $4 WHERE id = $1")
            .bind(id.to_string())
            .bind(to_i64(offset))
            .bind(hash_state)
            .bind(now.as_micros())
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    pub(in super::super) async fn delete_upload(&self, id: UploadId) -> Result<bool> {
        let mut tx = self.begin(Durability::Relaxed).await?;
        let deleted = delete(&mut tx, id).await?;
        tx.commit().await?;
        Ok(deleted)
    }

    pub(in super::super) async fn list_uploads_untouched_since(
        &self,
        before: Timestamp,
    ) -> Result<Vec<UploadId>> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT id FROM uploads WHERE touched_us < $1 LIMIT 1000")
            .bind(before.as_micros())
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|(id,)| parse("upload id", id)).collect()
    }

    pub(in super::super) async fn is_upload_untouched_since(
        &self,
        id: UploadId,
        before: Timestamp,
    ) -> Result<bool> {
        let found: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM uploads WHERE id = $1 AND touched_us < $2")
            .bind(id.to_string())
            .bind(before.as_micros())
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.is_some())
    }
}

pub(super) async fn delete(connection: &mut SqliteConnection, id: UploadId) -> Result<bool> {
    let deleted =
        sqlx::query("DELETE FROM uploads WHERE id = $1").bind(id.to_string()).execute(connection).await?;
    Ok(deleted.rows_affected() > 0)
}
