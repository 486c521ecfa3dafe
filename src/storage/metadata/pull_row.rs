use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Metadata, parse, to_u64};
use crate::oci::{Digest, Reference, RepositoryName, Tag};
use crate::storage::{Result, Timestamp};

/// What is known of one agent and one reference; of each plugin that the agent reports to name it, a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRow {
    /// Its place among all rows.
    pub cursor: PullCursor,
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
    /// How often; never, where it was only reported.
    pub resolves: u64,
    /// The status of the last answer; 0 where there was none.
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
    /// What the agent reports of a plugin, if that still counts.
    pub report: Option<RowReport>,
}

/// What an agent reports of a plugin that names a row's reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowReport {
    /// The plugin's namespace.
    pub namespace: String,
    /// The plugin's name.
    pub name: String,
    /// `url`.
    pub url: String,
    /// `imagePullPolicy`.
    pub policy: String,
    /// `sha256`.
    pub sha256: String,
    /// The manifest that it runs.
    pub running: Option<Digest>,
    /// Whether that is what the tag names now, or leads to through an index.
    pub runs_current: bool,
    /// Why it does not run what it wants.
    pub refused: Option<String>,
    /// Whether the agent follows tags that move.
    pub watches: bool,
}

/// A row's place in the order: repository, reference, agent, and the plugin's namespace and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullCursor {
    /// The repository.
    pub repository: String,
    /// The tag or digest.
    pub reference: String,
    /// The agent's number.
    pub agent: i64,
    /// The namespace of the plugin, if any.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default)]
pub struct PullFilter {
    /// Of this repository only.
    pub repository: Option<RepositoryName>,
    /// Of this reference only.
    pub reference: Option<Reference>,
    /// Behind this row.
    pub after: Option<PullCursor>,
    /// At most so many.
    pub limit: u32,
}

/// Agents that have the same of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagGroup {
    /// The repository.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// How many they are.
    pub agents: u64,
    /// What kind of client.
    pub kind: String,
    /// A row that stands for theirs, but for agent, times and counts.
    pub row: PullRow,
}

/// Of which tags groups are wanted.
#[derive(Clone, Debug, Default)]
pub struct TagFilter {
    /// Of this repository only.
    pub repository: Option<RepositoryName>,
    /// Behind this one.
    pub after: Option<TagCursor>,
    /// Tags, at most.
    pub limit: u32,
    /// The kind of clients that report.
    pub reporter: String,
}

/// A tag's place in the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagCursor {
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: String,
}

/// Whether what an agent runs is what the tag names, or a manifest of the index that it names.
const RUNS_CURRENT: &str = "(r.running = t.digest OR EXISTS (
    SELECT 1 FROM manifests AS m WHERE m.repository_id = t.repository_id AND m.digest = t.digest
    AND instr(m.bytes, CAST(r.running AS BLOB)) > 0))";

impl Metadata {
    /// What agents read and report, by repository, reference and agent.
    pub(in super::super) async fn list_pulls(
        &self,
        filter: &PullFilter,
        now: Timestamp,
    ) -> Result<Vec<PullRow>> {
        // Written out where they are given, so that the index is used.
        let repository = filter.repository.as_ref().map_or("", |_| "AND p.repository = $2");
        let reference = filter.reference.as_ref().map_or("", |_| "AND p.reference = $3");
        let sql = format!(
            "SELECT a.name AS agent, a.kind, a.last_us AS agent_last, a.watches, p.agent_id, p.repository, p.reference,
                    p.first_us, p.last_us, p.resolves, p.status, p.digest, p.fetches, p.fetched_us, p.fetched, p.bytes,
                    t.digest AS current, t.updated_us AS moved, r.namespace, r.name AS plugin, r.url, r.policy, r.sha256,
                    r.running, {RUNS_CURRENT} AS runs_current, r.refused
             FROM pulls AS p CROSS JOIN agents AS a ON a.id = p.agent_id
             LEFT JOIN reports AS r ON r.repository = p.repository AND r.reference = p.reference
                 AND r.agent_id = p.agent_id AND a.lease_us BETWEEN $1 AND $1 + 86400000000
             LEFT JOIN repositories AS q ON q.name = p.repository
             LEFT JOIN tags AS t ON t.repository_id = q.id AND t.name = p.reference
             WHERE (p.repository, p.reference, p.agent_id) >= ($4, $5, $6)
             AND (p.repository, p.reference, p.agent_id, coalesce(r.namespace, ''), coalesce(r.name, ''))
                 > ($4, $5, $6, $7, $8) {repository} {reference}
             ORDER BY p.repository, p.reference, p.agent_id, r.namespace, r.name LIMIT $9"
        );
        let start = PullCursor::start();
        let after = filter.after.as_ref().unwrap_or(&start);
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(now.as_micros())
            .bind(filter.repository.as_ref().map(RepositoryName::as_str))
            .bind(filter.reference.as_ref().map(ToString::to_string))
            .bind(&after.repository)
            .bind(&after.reference)
            .bind(after.agent)
            .bind(&after.namespace)
            .bind(&after.name)
            .bind(i64::from(filter.limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(read).collect()
    }

    /// The agents of each tag, in groups of those that have the same, by repository and tag. How many there are was counted
    /// when they came, so that it does not matter how many.
    pub(in super::super) async fn group_pulls(&self, filter: &TagFilter) -> Result<Vec<TagGroup>> {
        let repository = filter.repository.as_ref().map_or("", |_| "AND repository = $1");
        let sql = format!(
            "WITH wanted AS MATERIALIZED (
                 SELECT DISTINCT repository, tag FROM tag_groups
                 WHERE (repository, tag) > ($2, $3) {repository} ORDER BY repository, tag LIMIT $4
             ), groups AS (
                 SELECT g.repository, g.tag, iif(g.is_reported, $5, g.kind) AS kind, nullif(g.digest, '') AS digest,
                        nullif(g.fetched, '') AS fetched, g.is_resolved, nullif(g.running, '') AS running, g.is_refused,
                        iif(g.is_reported, '', NULL) AS plugin, g.agents
                 FROM wanted AS w CROSS JOIN tag_groups AS g WHERE g.repository = w.repository AND g.tag = w.tag
             )
             SELECT r.agents, '' AS agent, r.kind, 0 AS agent_last, 0 AS watches, 0 AS agent_id, r.repository,
                    r.tag AS reference, 0 AS first_us, 0 AS last_us, r.is_resolved AS resolves, 0 AS status, r.digest,
                    0 AS fetches, NULL AS fetched_us, r.fetched, 0 AS bytes, t.digest AS current, NULL AS moved,
                    '' AS namespace, r.plugin, '' AS url, '' AS policy, '' AS sha256, r.running,
                    {RUNS_CURRENT} AS runs_current, iif(r.is_refused, '', NULL) AS refused
             FROM groups AS r
             LEFT JOIN repositories AS q ON q.name = r.repository
             LEFT JOIN tags AS t ON t.repository_id = q.id AND t.name = r.tag
             ORDER BY r.repository, r.tag"
        );
        let after =
            filter.after.clone().unwrap_or(TagCursor { repository: String::new(), tag: String::new() });
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(filter.repository.as_ref().map(RepositoryName::as_str))
            .bind(after.repository)
            .bind(after.tag)
            .bind(i64::from(filter.limit))
            .bind(&filter.reporter)
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let (agents, tag): (i64, String) = (row.try_get("agents")?, row.try_get("reference")?);
                let row = read(row)?;
                Ok(TagGroup {
                    repository: row.repository.clone(),
                    tag: parse("tag", &tag)?,
                    agents: to_u64("agents", agents)?,
                    kind: row.kind.clone(),
                    row,
                })
            })
            .collect()
    }
}

impl PullCursor {
    /// Before every row.
    fn start() -> Self {
        let nothing = String::new;
        Self { repository: nothing(), reference: nothing(), agent: 0, namespace: nothing(), name: nothing() }
    }
}

fn read(row: &SqliteRow) -> Result<PullRow> {
    let moment = |column: &str| Ok::<_, sqlx::Error>(Timestamp::from_micros(row.try_get(column)?));
    let maybe_moment = |column: &str| {
        Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_micros))
    };
    let count = |column: &'static str| to_u64(column, row.try_get(column)?);
    let digest = |column: &'static str| digest(row, column);
    let (repository, reference): (String, String) = (row.try_get("repository")?, row.try_get("reference")?);
    let report = report(row)?;
    let plugin = report.as_ref().map(|report| (report.namespace.clone(), report.name.clone()));
    let (namespace, name) = plugin.unwrap_or_default();
    Ok(PullRow {
        agent: row.try_get("agent")?,
        kind: row.try_get("kind")?,
        agent_last: moment("agent_last")?,
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
        report,
        repository: parse("repository", &repository)?,
        reference: parse("reference", &reference)?,
        cursor: PullCursor { repository, reference, agent: row.try_get("agent_id")?, namespace, name },
    })
}

fn report(row: &SqliteRow) -> Result<Option<RowReport>> {
    let Some(name) = row.try_get::<Option<String>, _>("plugin")? else { return Ok(None) };
    Ok(Some(RowReport {
        name,
        namespace: row.try_get("namespace")?,
        url: row.try_get("url")?,
        policy: row.try_get("policy")?,
        sha256: row.try_get("sha256")?,
        running: digest(row, "running")?,
        runs_current: row.try_get::<Option<bool>, _>("runs_current")?.unwrap_or(false),
        refused: row.try_get("refused")?,
        watches: row.try_get("watches")?,
    }))
}

fn digest(row: &SqliteRow, column: &'static str) -> Result<Option<Digest>> {
    row.try_get::<Option<String>, _>(column)?.map(|text| parse(column, &text)).transpose()
}
