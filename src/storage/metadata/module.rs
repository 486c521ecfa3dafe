use super::{BlobFacts, Durability, Metadata, blob, parse, to_u64};
use crate::oci::Digest;
use crate::storage::{Result, Timestamp};

/// A module as it is recorded.
pub(in super::super) struct ModuleRow {
    pub(in super::super) facts: BlobFacts,
    pub(in super::super) md5: String,
    pub(in super::super) unpacked: Timestamp,
}

impl Metadata {
    pub(in super::super) async fn find_module(&self, manifest: &Digest) -> Result<Option<ModuleRow>> {
        let row: Option<(String, i64, String, i64)> = sqlx::query_as(
            "SELECT b.digest, b.size_bytes, m.md5, m.created_us FROM modules AS m
             JOIN blobs AS b ON b.digest = m.module_digest WHERE m.manifest_digest = $1",
        )
        .bind(manifest.to_string())
        .fetch_optional(&self.readers)
        .await?;
        row.map(|(digest, size, md5, unpacked)| {
            let digest = parse("module digest", &digest)?;
            let facts = BlobFacts { digest, size: to_u64("module size", size)? };
            Ok(ModuleRow { facts, md5, unpacked: Timestamp::from_micros(unpacked) })
        })
        .transpose()
    }

    pub(in super::super) async fn commit_module(
        &self,
        manifest: &Digest,
        (module, md5): (&BlobFacts, &str),
        now: Timestamp,
    ) -> Result<()> {
        let mut tx = self.begin(Durability::Synced).await?;
        blob::insert(&mut tx, module, now).await?;
        sqlx::query(
            "INSERT INTO modules (manifest_digest, module_digest, md5, created_us) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        )
        .bind(manifest.to_string())
        .bind(module.digest.to_string())
        .bind(md5)
        .bind(now.as_micros())
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }
}
