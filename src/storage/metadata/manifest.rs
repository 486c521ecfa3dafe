use std::collections::BTreeSet;

use bytes::Bytes;
use sqlx::SqliteConnection;

use super::event::{self, EventKind, NewEvent};
use super::tag::{MovedTag, TagMove};
use super::{Durability, Metadata, blob, parse, repository, tag};
use crate::oci::{Digest, Manifest, MediaType, Reference, RepositoryName, Tag};
use crate::storage::{Result, TagGuard, Timestamp};

/// A manifest as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredManifest {
    /// What the bytes hash to.
    pub digest: Digest,
    /// The type it was pushed under.
    pub media_type: MediaType,
    /// The bytes, unchanged.
    pub bytes: Bytes,
}

/// A manifest to be stored, checked for form by the caller.
#[derive(Clone, Debug)]
pub struct NewManifest {
    /// Where it goes.
    pub repository: RepositoryName,
    /// The bytes and their address.
    pub stored: StoredManifest,
    /// What the bytes say.
    pub manifest: Manifest,
    /// The tags that shall name it.
    pub tags: Vec<Tag>,
    /// What tags have to name for it to be stored.
    pub guards: Vec<TagGuard>,
    /// Who pushes it.
    pub actor: String,
}

/// What became of a manifest to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutManifest {
    /// It is stored, and the tags name it; these named another before.
    Stored(Vec<MovedTag>),
    /// Nothing was stored: it points at content that the repository does not hold.
    Missing(Vec<Digest>),
    /// Nothing was stored: a tag names something else than it had to.
    Held {
        /// What it had to name.
        guard: TagGuard,
        /// What it names.
        current: Option<Digest>,
    },
}

/// What became of a request to delete a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeleteManifest {
    /// It is gone, and with it the tags that named it.
    Deleted,
    /// It was not there.
    Unknown,
    /// Nothing was deleted: this tag names it, and is to stay.
    Held(Tag),
}

/// What a push of a manifest changed.
#[derive(Debug)]
pub(in super::super) struct ManifestChange {
    pub(in super::super) outcome: PutManifest,
    /// The tags that named these bytes already, where they came under another type before.
    pub(in super::super) retyped: Vec<Tag>,
}

/// What a request to delete a manifest changed.
#[derive(Debug)]
pub(in super::super) struct ManifestDeletion {
    pub(in super::super) outcome: DeleteManifest,
    /// The tags that named it, and are gone with it.
    pub(in super::super) tags: Vec<Tag>,
    /// The module unpacked from it, where nothing else needs its file.
    pub(in super::super) unused_module: Option<Digest>,
}

impl Metadata {
    pub(in super::super) async fn find_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<StoredManifest>> {
        let sql = match reference {
            Reference::Digest(_) => {
                "SELECT m.digest, m.media_type, m.bytes FROM repositories AS r
                 JOIN manifests AS m ON m.repository_id = r.id WHERE r.name = $1 AND m.digest = $2"
            }
            Reference::Tag(_) => {
                "SELECT m.digest, m.media_type, m.bytes FROM repositories AS r
                 JOIN tags AS t ON t.repository_id = r.id
                 JOIN manifests AS m ON m.repository_id = r.id AND m.digest = t.digest
                 WHERE r.name = $1 AND t.name = $2"
            }
        };
        let row: Option<(String, String, Vec<u8>)> = sqlx::query_as(sql)
            .bind(repository.as_str())
            .bind(reference.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.map(|(digest, media_type, bytes)| {
            Ok(StoredManifest {
                digest: parse("manifest digest", &digest)?,
                media_type: parse("media type", &media_type)?,
                bytes: bytes.into(),
            })
        })
        .transpose()
    }

    pub(in super::super) async fn put_manifest(
        &self,
        new: &NewManifest,
        now: Timestamp,
    ) -> Result<ManifestChange> {
        let mut tx = self.begin(Durability::Synced).await?;
        let repository = repository::ensure(&mut tx, &new.repository, now).await?;
        if let Some((guard, current)) =
            tag::held(&mut tx, repository, &new.guards, &new.stored.digest).await?
        {
            return Ok(ManifestChange::none(PutManifest::Held { guard, current }));
        }
        let missing = missing_references(&mut tx, repository, &new.manifest).await?;
        if !missing.is_empty() {
            return Ok(ManifestChange::none(PutManifest::Missing(missing)));
        }
        let digest = new.stored.digest.to_string();
        let mut retyped = Vec::new();
        if insert(&mut tx, repository, new, now).await? {
            retyped = tag::names_of(&mut tx, repository, &new.stored.digest).await?;
            let (kind, actor) = (EventKind::ManifestPushed, new.actor.as_str());
            let event =
                NewEvent { kind, repository, tag: None, digest: Some(&digest), previous: None, actor };
            event::record(&mut tx, &event, now).await?;
        }
        let mut moved = Vec::new();
        for tag in &new.tags {
            let change = TagMove { repository, tag: tag.as_str(), actor: &new.actor, now };
            let previous = tag::put(&mut tx, &change, &digest).await?;
            moved.extend(previous.map(|previous| MovedTag { tag: tag.clone(), previous }));
        }
        tx.commit().await?;
        Ok(ManifestChange { outcome: PutManifest::Stored(moved), retyped })
    }

    /// Deletes a manifest with the tags that name it, unless one of those `stays`.
    pub(in super::super) async fn delete_manifest(
        &self,
        (repository, digest): (&RepositoryName, &Digest),
        stays: &(dyn Fn(&Tag) -> bool + Sync),
        actor: &str,
        now: Timestamp,
    ) -> Result<ManifestDeletion> {
        let mut tx = self.begin(Durability::Synced).await?;
        let Some(repository) = repository::find(&mut tx, repository).await? else {
            return Ok(ManifestDeletion::none(DeleteManifest::Unknown));
        };
        let mut names = tag::names_of(&mut tx, repository, digest).await?.into_iter();
        if let Some(tag) = names.find(stays) {
            return Ok(ManifestDeletion::none(DeleteManifest::Held(tag)));
        }
        let text = digest.to_string();
        let names: Vec<(String,)> =
            sqlx::query_as("DELETE FROM tags WHERE repository_id = $1 AND digest = $2 RETURNING name")
                .bind(repository)
                .bind(&text)
                .fetch_all(&mut *tx)
                .await?;
        for (name,) in &names {
            tag::record_deletion(&mut tx, &TagMove { repository, tag: name, actor, now }, &text).await?;
        }
        let deleted = sqlx::query("DELETE FROM manifests WHERE repository_id = $1 AND digest = $2")
            .bind(repository)
            .bind(&text)
            .execute(&mut *tx)
            .await?;
        let found = deleted.rows_affected() > 0;
        if found {
            let kind = EventKind::ManifestDeleted;
            let event = NewEvent { kind, repository, tag: None, digest: None, previous: Some(&text), actor };
            event::record(&mut tx, &event, now).await?;
        }
        let unused_module = delete_module_if_unused(&mut tx, &text).await?;
        tx.commit().await?;
        let tags = names.iter().map(|(name,)| parse("tag", name)).collect::<Result<_>>()?;
        let outcome = if found { DeleteManifest::Deleted } else { DeleteManifest::Unknown };
        Ok(ManifestDeletion { outcome, tags, unused_module })
    }
}

impl ManifestChange {
    fn none(outcome: PutManifest) -> Self {
        Self { outcome, retyped: Vec::new() }
    }
}

impl ManifestDeletion {
    fn none(outcome: DeleteManifest) -> Self {
        Self { outcome, tags: Vec::new(), unused_module: None }
    }
}

/// Records a manifest, or the other type that known bytes come under now; whether that changes anything.
async fn insert(
    connection: &mut SqliteConnection,
    repository: i64,
    new: &NewManifest,
    now: Timestamp,
) -> Result<bool> {
    let manifest = &new.manifest;
    let annotations = serde_json::to_string(&manifest.annotations).expect("a map of texts is JSON");
    let inserted = sqlx::query(
        "INSERT INTO manifests
         (repository_id, digest, media_type, artifact_type, subject, annotations, bytes, created_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (repository_id, digest) DO UPDATE SET
         media_type = excluded.media_type, artifact_type = excluded.artifact_type, subject = excluded.subject,
         annotations = excluded.annotations WHERE media_type <> excluded.media_type",
    )
    .bind(repository)
    .bind(new.stored.digest.to_string())
    .bind(new.stored.media_type.as_str())
    .bind(manifest.effective_artifact_type())
    .bind(manifest.subject.as_ref().map(|subject| subject.digest.to_string()))
    .bind(annotations)
    .bind(new.stored.bytes.as_ref())
    .bind(now.as_micros())
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() > 0)
}

/// The content that a manifest points at and the repository does not hold.
async fn missing_references(
    connection: &mut SqliteConnection,
    repository: i64,
    manifest: &Manifest,
) -> Result<Vec<Digest>> {
    let elsewhere = |digest: &&Digest| {
        manifest.blobs().any(|blob| blob.digest == **digest && blob.media_type.is_non_distributable())
    };
    let required: BTreeSet<_> =
        referenced(manifest).into_iter().filter(|digest| !elsewhere(digest)).collect();
    if required.is_empty() {
        return Ok(Vec::new());
    }
    let sql = if manifest.children().is_empty() {
        "SELECT value FROM json_each($2) WHERE value NOT IN
         (SELECT digest FROM repository_blobs WHERE repository_id = $1 AND digest IN (SELECT value FROM json_each($2)))"
    } else {
        "SELECT value FROM json_each($2) WHERE value NOT IN
         (SELECT digest FROM manifests WHERE repository_id = $1 AND digest IN (SELECT value FROM json_each($2)))"
    };
    let rows: Vec<(String,)> =
        sqlx::query_as(sql).bind(repository).bind(json_list(required)).fetch_all(connection).await?;
    rows.iter().map(|(digest,)| parse("digest", digest)).collect()
}

fn referenced(manifest: &Manifest) -> BTreeSet<&Digest> {
    manifest.blobs().chain(manifest.children()).map(|descriptor| &descriptor.digest).collect()
}

fn json_list<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> String {
    let texts: Vec<_> = digests.into_iter().map(ToString::to_string).collect();
    serde_json::to_string(&texts).expect("a list of texts is JSON")
}

/// Forgets the module of an image that no repository holds any more; its digest, where the file can go too.
async fn delete_module_if_unused(
    connection: &mut SqliteConnection,
    manifest: &str,
) -> Result<Option<Digest>> {
    let module: Option<(String,)> = sqlx::query_as(
        "DELETE FROM modules WHERE manifest_digest = $1
         AND NOT EXISTS (SELECT 1 FROM manifests WHERE digest = $1) RETURNING module_digest",
    )
    .bind(manifest)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((module,)) = module else { return Ok(None) };
    let module = parse("module digest", &module)?;
    Ok(blob::delete_if_unused(connection, &module).await?.then_some(module))
}
