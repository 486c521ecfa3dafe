use sqlx::SqliteConnection;

use super::{Metadata, parse};
use crate::oci::RepositoryName;
use crate::storage::{Page, PageRequest, Result, Timestamp};

impl Metadata {
    pub(in super::super) async fn has_repository(&self, name: &RepositoryName) -> Result<bool> {
        let found: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM repositories WHERE name = $1")
            .bind(name.as_str())
            .fetch_optional(&self.readers)
            .await?;
        Ok(found.is_some())
    }

    /// Repositories that hold at least one manifest, by name.
    pub(in super::super) async fn list_repositories(
        &self,
        page: &PageRequest,
    ) -> Result<Page<RepositoryName>> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT name FROM repositories AS r WHERE name > $1
             AND EXISTS (SELECT 1 FROM manifests WHERE repository_id = r.id) ORDER BY name LIMIT $2",
        )
        .bind(page.after())
        .bind(page.probe())
        .fetch_all(&self.readers)
        .await?;
        let names = rows.iter().map(|(name,)| parse("repository name", name)).collect::<Result<_>>()?;
        Ok(Page::probed(names, page))
    }
}

/// The repository's row, made where there is none.
pub(super) async fn ensure(
    connection: &mut SqliteConnection,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<i64> {
    if let Some(id) = find(connection, name).await? {
        return Ok(id);
    }
    let (id,) = sqlx::query_as("INSERT INTO repositories (name, created_us) VALUES ($1, $2) RETURNING id")
        .bind(name.as_str())
        .bind(now.as_micros())
        .fetch_one(connection)
        .await?;
    Ok(id)
}

pub(super) async fn find(connection: &mut SqliteConnection, name: &RepositoryName) -> Result<Option<i64>> {
    let row: Option<(i64,)> = sqlx::query_as("SELECT id FROM repositories WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|(id,)| id))
}
