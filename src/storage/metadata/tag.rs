use sqlx::SqliteConnection;

use super::event::{self, EventKind, NewEvent};
use super::{Durability, Metadata, parse, repository};
use crate::oci::{Digest, RepositoryName, Tag};
use crate::storage::{Page, PageRequest, Result, TagGuard, Timestamp};

/// One move of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagChange {
    /// What the tag named from then on; `None` where it was deleted.
    pub digest: Option<Digest>,
    /// When.
    pub changed: Timestamp,
    /// By whom.
    pub changed_by: String,
}

/// A tag that named something else before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedTag {
    /// The tag.
    pub tag: Tag,
    /// What it named.
    pub previous: Digest,
}

/// Who moved which tag of which repository when.
pub(super) struct TagMove<'a> {
    pub(super) repository: i64,
    pub(super) tag: &'a str,
    pub(super) actor: &'a str,
    pub(super) now: Timestamp,
}

impl Metadata {
    pub(in super::super) async fn list_tags(
        &self,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT name FROM tags WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)
             AND name > $2 ORDER BY name LIMIT $3",
        )
        .bind(repository.as_str())
        .bind(page.after())
        .bind(page.probe())
        .fetch_all(&self.readers)
        .await?;
        let tags = rows.iter().map(|(name,)| parse("tag", name)).collect::<Result<_>>()?;
        Ok(Page::probed(tags, page))
    }

    /// Deletes a tag and records that; whether it was there.
    pub(in super::super) async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.begin(Durability::Synced).await?;
        let Some(repository) = repository::find(&mut tx, repository).await? else {
            return Ok(false);
        };
        let deleted: Option<(String,)> =
            sqlx::query_as("DELETE FROM tags WHERE repository_id = $1 AND name = $2 RETURNING digest")
                .bind(repository)
                .bind(tag.as_str())
                .fetch_optional(&mut *tx)
                .await?;
        let Some((previous,)) = deleted else { return Ok(false) };
        record_deletion(&mut tx, &TagMove { repository, tag: tag.as_str(), actor, now }, &previous).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Every move of a tag, newest first, at most `limit`.
    pub(in super::super) async fn list_tag_history(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        limit: u32,
    ) -> Result<Vec<TagChange>> {
        let rows: Vec<(Option<String>, i64, String)> = sqlx::query_as(
            "SELECT digest, changed_us, changed_by FROM tag_history
             WHERE repository_id = (SELECT id FROM repositories WHERE name = $1) AND name = $2
             ORDER BY id DESC LIMIT $3",
        )
        .bind(repository.as_str())
        .bind(tag.as_str())
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let change = |(digest, changed, changed_by): (Option<String>, i64, String)| {
            let digest = digest.map(|digest| parse("manifest digest", &digest)).transpose()?;
            Ok(TagChange { digest, changed: Timestamp::from_micros(changed), changed_by })
        };
        rows.into_iter().map(change).collect()
    }
}

/// The tags that name a manifest.
pub(super) async fn names_of(
    connection: &mut SqliteConnection,
    repository: i64,
    digest: &Digest,
) -> Result<Vec<Tag>> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT name FROM tags WHERE repository_id = $1 AND digest = $2")
            .bind(repository)
            .bind(digest.to_string())
            .fetch_all(connection)
            .await?;
    rows.iter().map(|(name,)| parse("tag", name)).collect()
}

/// The first of `guards` that keeps its tag from naming `pushed`, and what that tag names.
pub(super) async fn held(
    connection: &mut SqliteConnection,
    repository: i64,
    guards: &[TagGuard],
    pushed: &Digest,
) -> Result<Option<(TagGuard, Option<Digest>)>> {
    for guard in guards {
        let current = named_by(connection, repository, guard.tag.as_str()).await?;
        let current = current.map(|digest| parse("manifest digest", &digest)).transpose()?;
        if !guard.condition.allows(current.as_ref(), pushed) {
            return Ok(Some((guard.clone(), current)));
        }
    }
    Ok(None)
}

/// What a tag names.
async fn named_by(connection: &mut SqliteConnection, repository: i64, tag: &str) -> Result<Option<String>> {
    let row: Option<(String,)> =
        sqlx::query_as("SELECT digest FROM tags WHERE repository_id = $1 AND name = $2")
            .bind(repository)
            .bind(tag)
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(digest,)| digest))
}

/// Points a tag at a manifest; what it named before, if that was another. History grows only where that changes
/// something.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    change: &TagMove<'_>,
    digest: &str,
) -> Result<Option<Digest>> {
    let previous = named_by(connection, change.repository, change.tag).await?;
    if previous.as_deref() == Some(digest) {
        return Ok(None);
    }
    sqlx::query(
        "INSERT INTO tags (repository_id, name, digest, updated_us) VALUES ($1, $2, $3, $4)
         ON CONFLICT (repository_id, name) DO UPDATE SET digest = excluded.digest, updated_us = excluded.updated_us",
    )
    .bind(change.repository)
    .bind(change.tag)
    .bind(digest)
    .bind(change.now.as_micros())
    .execute(&mut *connection)
    .await?;
    record(connection, change, Some(digest)).await?;
    let event = change.event(EventKind::TagMoved, Some(digest), previous.as_deref());
    event::record(connection, &event, change.now).await?;
    previous.map(|previous| parse("manifest digest", &previous)).transpose()
}

/// Records that a tag, which named `previous`, is gone.
pub(super) async fn record_deletion(
    connection: &mut SqliteConnection,
    change: &TagMove<'_>,
    previous: &str,
) -> Result<()> {
    record(connection, change, None).await?;
    event::record(connection, &change.event(EventKind::TagDeleted, None, Some(previous)), change.now).await
}

async fn record(connection: &mut SqliteConnection, change: &TagMove<'_>, digest: Option<&str>) -> Result<()> {
    sqlx::query(
        "INSERT INTO tag_history (repository_id, name, digest, changed_us, changed_by) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(change.repository)
    .bind(change.tag)
    .bind(digest)
    .bind(change.now.as_micros())
    .bind(change.actor)
    .execute(connection)
    .await?;
    Ok(())
}

impl<'a> TagMove<'a> {
    fn event(&self, kind: EventKind, digest: Option<&'a str>, previous: Option<&'a str>) -> NewEvent<'a> {
        let Self { repository, tag, actor, .. } = *self;
        NewEvent { kind, repository, tag: Some(tag), digest, previous, actor }
    }
}
