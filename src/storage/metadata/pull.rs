use sqlx::SqliteConnection;

use super::event::{self, EventKind, FleetEvent};
use super::{Durability, Metadata, resolve, to_i64};
use crate::oci::{Digest, Reference, RepositoryName};
use crate::storage::{Result, Timestamp};

/// Reads of one kind by one agent, counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRecord {
    /// Who read.
    pub agent: String,
    /// What kind of client that is.
    pub kind: String,
    /// Where.
    pub repository: RepositoryName,
    /// What.
    pub read: PullRead,
    /// When the first of them began.
    pub first: Timestamp,
    /// When the last ended.
    pub last: Timestamp,
    /// How many there were.
    pub count: u64,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PullRead {
    /// A manifest was asked for.
    Manifest {
        /// By this name.
        reference: Reference,
        /// It was this one; none where there was none.
        digest: Option<Digest>,
        /// The status of the answer.
        status: u16,
    },
    /// A layer was read whole: it belongs to what the agent asked for before.
    Layer {
        /// The layer.
        digest: Digest,
        /// Its bytes, each time.
        bytes: u64,
    },
    /// The module of a tag was read as a file.
    Module {
        /// The tag.
        reference: Reference,
        /// The manifest that it named then.
        digest: Digest,
        /// Its bytes, each time; none where the client knew it.
        bytes: u64,
    },
}

impl Metadata {
    /// Adds reads to what is known, and records an event where an agent read a module that it did not have; whether
    /// there were any. Power loss may forget the last of them.
    pub(in super::super) async fn record_pulls(&self, records: &[PullRecord]) -> Result<bool> {
        let mut has_events = false;
        let mut tx = self.begin(Durability::Relaxed).await?;
        resolve::ensure_agents(&mut tx, records).await?;
        // Most of a batch is resolves. A layer counts for those before it.
        for alike in records.chunk_by(|one, next| one.is_manifest() && next.is_manifest()) {
            resolve::put(&mut tx, alike).await?;
            for record in alike {
                has_events |= put_module(&mut tx, record).await?;
            }
        }
        tx.commit().await?;
        Ok(has_events)
    }

    /// Forgets agents that were last seen before `before`, and of the rest the oldest beyond so many agents and pulls.
    pub(in super::super) async fn trim_pulls(
        &self,
        before: Timestamp,
        (agents, pulls): (u32, u32),
    ) -> Result<()> {
        let is_due: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM agents WHERE last_us < $1)
             OR (SELECT count(*) FROM agents) > $2 OR (SELECT count(*) FROM pulls) > $3",
        )
        .bind(before.as_micros())
        .bind(i64::from(agents))
        .bind(i64::from(pulls))
        .fetch_one(&self.readers)
        .await?;
        if !is_due {
            return Ok(());
        }
        let mut tx = self.begin(Durability::Relaxed).await?;
        sqlx::query(
            "DELETE FROM agents WHERE last_us < $1 OR id NOT IN (SELECT id FROM agents ORDER BY last_us DESC LIMIT $2)",
        )
        .bind(before.as_micros())
        .bind(i64::from(agents))
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM pulls WHERE (repository, reference, agent_id) IN (
                 SELECT repository, reference, agent_id FROM pulls ORDER BY last_us DESC LIMIT -1 OFFSET $1)",
        )
        .bind(i64::from(pulls))
        .execute(&mut *tx)
        .await?;
        // An agent that still has such a plugin reports it anew.
        sqlx::query(
            "DELETE FROM reports WHERE NOT EXISTS (SELECT 1 FROM pulls AS p WHERE p.agent_id = reports.agent_id
             AND p.repository = reports.repository AND p.reference = reports.reference)",
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }
}

impl PullRecord {
    fn is_manifest(&self) -> bool {
        matches!(self.read, PullRead::Manifest { .. })
    }
}

/// Counts what was read of modules. Whether that is news.
async fn put_module(connection: &mut SqliteConnection, record: &PullRecord) -> Result<bool> {
    match &record.read {
        PullRead::Manifest { .. } | PullRead::Module { bytes: 0, .. } => Ok(false),
        PullRead::Layer { digest, bytes } => put_layer(connection, record, digest, *bytes).await,
        PullRead::Module { reference, bytes, .. } => {
            let agent = agent_id(connection, record).await?;
            let bytes = bytes.saturating_mul(record.count);
            put_fetch(connection, (agent, record), (&reference.to_string(), bytes)).await
        }
    }
}

async fn agent_id(connection: &mut SqliteConnection, record: &PullRecord) -> Result<i64> {
    let id = sqlx::query_scalar("SELECT id FROM agents WHERE name = $1").bind(&record.agent);
    Ok(id.fetch_one(connection).await?)
}

/// A layer counts for each reference whose manifest, directly or through an index, the agent was given and which names
/// it. Whether one of them is news.
async fn put_layer(
    connection: &mut SqliteConnection,
    record: &PullRecord,
    layer: &Digest,
    bytes: u64,
) -> Result<bool> {
    let agent = agent_id(connection, record).await?;
    let references: Vec<(String,)> = sqlx::query_as(
        "WITH given AS (
             SELECT p.reference, m.digest, m.bytes FROM pulls AS p
             JOIN repositories AS r ON r.name = p.repository
             JOIN manifests AS m ON m.repository_id = r.id AND m.digest = p.digest
             WHERE p.agent_id = $1 AND p.repository = $2
         ), holders AS (
             SELECT digest FROM given WHERE instr(bytes, CAST($3 AS BLOB)) > 0
         )
         SELECT reference FROM given WHERE digest IN (
             SELECT digest FROM holders UNION SELECT given.digest FROM given, holders
             WHERE instr(given.bytes, CAST(holders.digest AS BLOB)) > 0)",
    )
    .bind(agent)
    .bind(record.repository.as_str())
    .bind(layer.to_string())
    .fetch_all(&mut *connection)
    .await?;
    let mut is_news = false;
    for (reference,) in references {
        let read = (reference.as_str(), bytes.saturating_mul(record.count));
        is_news |= put_fetch(connection, (agent, record), read).await?;
    }
    Ok(is_news)
}

/// Counts that the module of the manifest was read that the agent was given last under `reference`. It is news where it
/// had read another before, or none.
async fn put_fetch(
    connection: &mut SqliteConnection,
    (agent, record): (i64, &PullRecord),
    (reference, bytes): (&str, u64),
) -> Result<bool> {
    let news: Option<(Option<String>,)> = sqlx::query_as(
        "SELECT digest FROM pulls WHERE agent_id = $1 AND repository = $2 AND reference = $3 AND fetched IS NOT digest",
    )
    .bind(agent)
    .bind(record.repository.as_str())
    .bind(reference)
    .fetch_optional(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE pulls SET fetches = fetches + $4, fetched_us = $5, fetched = digest, bytes = bytes + $6
         WHERE agent_id = $1 AND repository = $2 AND reference = $3",
    )
    .bind(agent)
    .bind(record.repository.as_str())
    .bind(reference)
    .bind(to_i64(record.count))
    .bind(record.last.as_micros())
    .bind(to_i64(bytes))
    .execute(&mut *connection)
    .await?;
    let Some((digest,)) = news else { return Ok(false) };
    let event = FleetEvent {
        kind: EventKind::FirstPull,
        repository: record.repository.as_str(),
        tag: Some(reference).filter(|reference| !reference.contains(':')),
        digest: digest.as_deref(),
        actor: &record.agent,
    };
    event::record_of_fleet(connection, &event, record.last).await?;
    Ok(true)
}
