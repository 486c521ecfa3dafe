use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Durability, Metadata, parse, to_i64, to_u64};
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
        /// Bytes in all; none where the client knew it.
        bytes: u64,
    },
}

/// What is known of one agent and one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRow {
    /// Who.
    pub agent: String,
    /// What kind of client.
    pub kind: String,
    /// When the agent was last seen, whatever it read.
    pub agent_last: Timestamp,
    /// Where.
    pub repository: RepositoryName,
    /// A tag or digest, as it was asked for.
    pub reference: Reference,
    /// When it was first asked for.
    pub first: Timestamp,
    /// When it was last asked for.
    pub last: Timestamp,
    /// How often.
    pub resolves: u64,
    /// The status of the last answer.
    pub status: u16,
    /// The manifest of the last answer.
    pub digest: Option<Digest>,
    /// How often the module was read.
    pub fetches: u64,
    /// When last.
    pub last_fetch: Option<Timestamp>,
    /// Of which manifest.
    pub fetched: Option<Digest>,
    /// Bytes of modules in all.
    pub bytes: u64,
    /// What a tag names now.
    pub current: Option<Digest>,
    /// When it came to name that.
    pub moved: Option<Timestamp>,
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default)]
pub struct PullFilter {
    /// Of this repository only.
    pub repository: Option<RepositoryName>,
    /// Of this reference only.
    pub reference: Option<Reference>,
    /// Behind this row, by its place in the order.
    pub after: u64,
    /// At most so many.
    pub limit: u32,
}

impl Metadata {
    /// Adds reads to what is known. Power loss may forget the last of them.
    pub(in super::super) async fn record_pulls(&self, records: &[PullRecord]) -> Result<()> {
        let mut tx = self.begin(Durability::Relaxed).await?;
        for record in records {
            let agent = ensure_agent(&mut tx, record).await?;
            match &record.read {
                PullRead::Manifest { reference, digest, status } => {
                    let digest = digest.as_ref().map(ToString::to_string);
                    put_resolve(&mut tx, (agent, record), reference, (digest, *status)).await?;
                }
                PullRead::Layer { digest, bytes } => {
                    put_layer(&mut tx, (agent, record), digest, *bytes).await?;
                }
                PullRead::Module { reference, bytes } => {
                    put_module(&mut tx, (agent, record), reference, *bytes).await?;
                }
            }
        }
        tx.commit().await
    }

    /// What agents read, by repository, reference and agent.
    pub(in super::super) async fn list_pulls(&self, filter: &PullFilter) -> Result<Vec<PullRow>> {
        let rows = sqlx::query(
            "SELECT a.name AS agent, a.kind, a.last_us AS agent_last, p.repository, p.reference, p.first_us, p.last_us,
                    p.resolves, p.status, p.digest, p.fetches, p.fetched_us, p.fetched, p.bytes,
                    t.digest AS current, t.updated_us AS moved
             FROM pulls AS p JOIN agents AS a ON a.id = p.agent_id
             LEFT JOIN repositories AS r ON r.name = p.repository
             LEFT JOIN tags AS t ON t.repository_id = r.id AND t.name = p.reference
             WHERE ($1 IS NULL OR p.repository = $1) AND ($2 IS NULL OR p.reference = $2)
             ORDER BY p.repository, p.reference, p.agent_id LIMIT $3 OFFSET $4",
        )
        .bind(filter.repository.as_ref().map(RepositoryName::as_str))
        .bind(filter.reference.as_ref().map(ToString::to_string))
        .bind(i64::from(filter.limit))
        .bind(to_i64(filter.after))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read).collect()
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
            "DELETE FROM pulls WHERE (agent_id, repository, reference) IN (
                 SELECT agent_id, repository, reference FROM pulls ORDER BY last_us DESC LIMIT -1 OFFSET $1)",
        )
        .bind(i64::from(pulls))
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }
}

async fn ensure_agent(connection: &mut SqliteConnection, record: &PullRecord) -> Result<i64> {
    let (id,): (i64,) = sqlx::query_as(
        "INSERT INTO agents (name, kind, first_us, last_us) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, last_us = max(last_us, excluded.last_us) RETURNING id",
    )
    .bind(&record.agent)
    .bind(&record.kind)
    .bind(record.first.as_micros())
    .bind(record.last.as_micros())
    .fetch_one(connection)
    .await?;
    Ok(id)
}

/// Reads are written in the order in which their kinds first came, so a later one may stand there already.
async fn put_resolve(
    connection: &mut SqliteConnection,
    (agent, record): (i64, &PullRecord),
    reference: &Reference,
    (digest, status): (Option<String>, u16),
) -> Result<()> {
    sqlx::query(
        "INSERT INTO pulls (agent_id, repository, reference, first_us, last_us, resolves, status, digest, fetches, bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)
         ON CONFLICT DO UPDATE SET last_us = max(last_us, excluded.last_us), resolves = resolves + excluded.resolves,
         status = iif(excluded.last_us < last_us, status, excluded.status),
         digest = iif(excluded.last_us < last_us, digest, coalesce(excluded.digest, digest))",
    )
    .bind(agent)
    .bind(record.repository.as_str())
    .bind(reference.to_string())
    .bind(record.first.as_micros())
    .bind(record.last.as_micros())
    .bind(to_i64(record.count))
    .bind(i64::from(status))
    .bind(digest)
    .execute(connection)
    .await?;
    Ok(())
}

/// A layer counts for each reference whose manifest, directly or through an index, the agent was given and which names it.
async fn put_layer(
    connection: &mut SqliteConnection,
    (agent, record): (i64, &PullRecord),
    layer: &Digest,
    bytes: u64,
) -> Result<()> {
    sqlx::query(
        "WITH given AS (
             SELECT m.digest, m.bytes FROM pulls AS p
             JOIN repositories AS r ON r.name = p.repository
             JOIN manifests AS m ON m.repository_id = r.id AND m.digest = p.digest
             WHERE p.agent_id = $1 AND p.repository = $2
         ), holders AS (
             SELECT digest FROM given WHERE instr(bytes, CAST($3 AS BLOB)) > 0
         )
         UPDATE pulls SET fetches = fetches + $4, fetched_us = $5, fetched = digest, bytes = bytes + $6
         WHERE agent_id = $1 AND repository = $2 AND digest IN (
             SELECT digest FROM holders UNION SELECT given.digest FROM given, holders
             WHERE instr(given.bytes, CAST(holders.digest AS BLOB)) > 0)",
    )
    .bind(agent)
    .bind(record.repository.as_str())
    .bind(layer.to_string())
    .bind(to_i64(record.count))
    .bind(record.last.as_micros())
    .bind(to_i64(bytes.saturating_mul(record.count)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Who reads a tag's module as a file resolves the tag, and, unless it knew the file, fetches it.
async fn put_module(
    connection: &mut SqliteConnection,
    (agent, record): (i64, &PullRecord),
    reference: &Reference,
    bytes: u64,
) -> Result<()> {
    let digest: Option<(String,)> = sqlx::query_as(
        "SELECT t.digest FROM tags AS t JOIN repositories AS r ON r.id = t.repository_id
         WHERE r.name = $1 AND t.name = $2",
    )
    .bind(record.repository.as_str())
    .bind(reference.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let digest = digest.map(|(digest,)| digest);
    put_resolve(connection, (agent, record), reference, (digest, 200)).await?;
    if bytes == 0 {
        return Ok(());
    }
    sqlx::query(
        "UPDATE pulls SET fetches = fetches + $4, fetched_us = $5, fetched = digest, bytes = bytes + $6
         WHERE agent_id = $1 AND repository = $2 AND reference = $3",
    )
    .bind(agent)
    .bind(record.repository.as_str())
    .bind(reference.to_string())
    .bind(to_i64(record.count))
    .bind(record.last.as_micros())
    .bind(to_i64(bytes))
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<PullRow> {
    let moment = |column: &str| Ok::<_, sqlx::Error>(Timestamp::from_micros(row.try_get(column)?));
    let maybe_moment = |column: &str| {
        Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_micros))
    };
    let count = |column: &'static str| to_u64(column, row.try_get(column)?);
    let digest = |column: &'static str| {
        row.try_get::<Option<String>, _>(column)?.map(|text| parse(column, &text)).transpose()
    };
    Ok(PullRow {
        agent: row.try_get("agent")?,
        kind: row.try_get("kind")?,
        agent_last: moment("agent_last")?,
        repository: parse("repository", row.try_get("repository")?)?,
        reference: parse("reference", row.try_get("reference")?)?,
        first: moment("first_us")?,
        last: moment("last_us")?,
        resolves: count("resolves")?,
        status: u16::try_from(row.try_get::<i64, _>("status")?).unwrap_or_default(),
        digest: digest("digest")?,
        fetches: count("fetches")?,
        last_fetch: maybe_moment("fetched_us")?,
        fetched: digest("fetched")?,
        bytes: count("bytes")?,
        current: digest("current")?,
        moved: maybe_moment("moved")?,
    })
}
