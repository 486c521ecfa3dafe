use std::fmt;
use std::str::FromStr;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Durability, Metadata, parse};
use crate::oci::{Reference, RepositoryName};
use crate::storage::{Result, Timestamp};

/// A `WasmPlugin` that the registry was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPlugin {
    /// Who told.
    pub source: PluginSource,
    /// Its namespace; empty where the resource names none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `url`.
    pub url: String,
    /// Where in this registry the URL leads, if anywhere.
    pub place: Option<(RepositoryName, Reference)>,
    /// `imagePullPolicy`; `UNSPECIFIED_POLICY` where it is left open.
    pub policy: String,
    /// `sha256`; empty where it is left open.
    pub sha256: String,
    /// `phase`; `UNSPECIFIED_PHASE` where it is left open.
    pub phase: String,
    /// `priority`.
    pub priority: Option<i32>,
    /// When it was last told.
    pub updated: Timestamp,
}

/// Who told of a `WasmPlugin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PluginSource {
    /// A client of the API.
    Api,
    /// The directory that the registry watches.
    Directory,
}

/// Which known plugins are wanted.
#[derive(Clone, Debug, Default)]
pub struct KnownPluginFilter {
    /// Those that name something of this repository only.
    pub repository: Option<RepositoryName>,
    /// Those that name this tag or digest only.
    pub reference: Option<Reference>,
    /// Those behind this namespace, name and source.
    pub after: Option<(String, String, PluginSource)>,
    /// At most so many.
    pub limit: u32,
}

const COLUMNS: &str =
    "source, namespace, name, url, repository, reference, policy, sha256, phase, priority, updated_us";

impl Metadata {
    /// Keeps a plugin; whether there was room among `most` of its source.
    pub(in super::super) async fn put_known_plugin(&self, plugin: &KnownPlugin, most: u32) -> Result<bool> {
        let mut tx = self.begin(Durability::Synced).await?;
        put(&mut tx, plugin).await?;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM known_plugins WHERE source = $1")
            .bind(plugin.source.name())
            .fetch_one(&mut *tx)
            .await?;
        if count > i64::from(most) {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Forgets a plugin that the API was told of; whether it was known.
    pub(in super::super) async fn delete_known_plugin(&self, namespace: &str, name: &str) -> Result<bool> {
        let mut tx = self.begin(Durability::Synced).await?;
        let deleted =
            sqlx::query("DELETE FROM known_plugins WHERE source = 'api' AND namespace = $1 AND name = $2")
                .bind(namespace)
                .bind(name)
                .execute(&mut *tx)
                .await?;
        tx.commit().await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Lets `plugins` be all that are known from `source`. Who tells them tells them again after a loss of power.
    pub(in super::super) async fn replace_known_plugins(
        &self,
        source: PluginSource,
        plugins: &[KnownPlugin],
    ) -> Result<()> {
        let mut tx = self.begin(Durability::Relaxed).await?;
        sqlx::query("DELETE FROM known_plugins WHERE source = $1")
            .bind(source.name())
            .execute(&mut *tx)
            .await?;
        for plugin in plugins {
            put(&mut tx, plugin).await?;
        }
        tx.commit().await
    }

    /// The known plugins by namespace, name and source.
    pub(in super::super) async fn list_known_plugins(
        &self,
        filter: &KnownPluginFilter,
    ) -> Result<Vec<KnownPlugin>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM known_plugins
             WHERE ($1 IS NULL OR repository = $1) AND ($2 IS NULL OR reference = $2)
             AND ($3 IS NULL OR (namespace, name, source) > ($3, $4, $5))
             ORDER BY namespace, name, source LIMIT $6"
        );
        let (namespace, name, source) = match &filter.after {
            Some((namespace, name, source)) => (Some(namespace.as_str()), name.as_str(), source.name()),
            None => (None, "", ""),
        };
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(filter.repository.as_ref().map(RepositoryName::as_str))
            .bind(filter.reference.as_ref().map(ToString::to_string))
            .bind(namespace)
            .bind(name)
            .bind(source)
            .bind(i64::from(filter.limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(read).collect()
    }

    /// The known plugins that name something from `first` to `last`, by repository and reference, at most `limit`.
    pub(in super::super) async fn known_plugins_between(
        &self,
        first: (&RepositoryName, &Reference),
        last: (&RepositoryName, &Reference),
        limit: u32,
    ) -> Result<Vec<KnownPlugin>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM known_plugins
             WHERE (repository, reference) >= ($1, $2) AND (repository, reference) <= ($3, $4) LIMIT $5"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(first.0.as_str())
            .bind(first.1.to_string())
            .bind(last.0.as_str())
            .bind(last.1.to_string())
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(read).collect()
    }
}

async fn put(connection: &mut SqliteConnection, plugin: &KnownPlugin) -> Result<()> {
    let (repository, reference) =
        plugin.place.as_ref().map(|(name, reference)| (name.as_str(), reference)).unzip();
    sqlx::query(
        "INSERT OR REPLACE INTO known_plugins
         (source, namespace, name, url, repository, reference, policy, sha256, phase, priority, updated_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(plugin.source.name())
    .bind(&plugin.namespace)
    .bind(&plugin.name)
    .bind(&plugin.url)
    .bind(repository)
    .bind(reference.map(ToString::to_string))
    .bind(&plugin.policy)
    .bind(&plugin.sha256)
    .bind(&plugin.phase)
    .bind(plugin.priority)
    .bind(plugin.updated.as_micros())
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<KnownPlugin> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let place: (Option<String>, Option<String>) = (row.try_get("repository")?, row.try_get("reference")?);
    let place = match place {
        (Some(repository), Some(reference)) => {
            Some((parse("plugin's repository", &repository)?, parse("plugin's reference", &reference)?))
        }
        _ => None,
    };
    Ok(KnownPlugin {
        source: parse("plugin's source", &text("source")?)?,
        namespace: text("namespace")?,
        name: text("name")?,
        url: text("url")?,
        place,
        policy: text("policy")?,
        sha256: text("sha256")?,
        phase: text("phase")?,
        priority: row.try_get("priority")?,
        updated: Timestamp::from_micros(row.try_get("updated_us")?),
    })
}

impl PluginSource {
    /// Its name in the database and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Directory => "directory",
        }
    }
}

impl fmt::Display for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PluginSource {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        [Self::Api, Self::Directory].into_iter().find(|source| source.name() == text).ok_or(())
    }
}
