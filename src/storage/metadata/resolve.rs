use serde::Serialize;
use sqlx::SqliteConnection;

use super::{PullRead, PullRecord, to_i64};
use crate::storage::Result;

/// What stands further ahead of a read than that was written by a clock that was wrong, and counts no more.
const CLOCK_SLACK_US: i64 = 3600 * 1_000_000;

/// An agent that was told what a tag or digest names. A thousand agents that ask within a second are two statements: the
/// way of a statement to the database costs more than the row that it writes.
#[derive(Serialize)]
struct Resolve<'a> {
    agent: &'a str,
    kind: &'a str,
    repository: &'a str,
    reference: String,
    first: i64,
    last: i64,
    count: i64,
    status: u16,
    digest: Option<String>,
}

impl<'a> Resolve<'a> {
    /// Who reads a tag's module as a file resolves the tag, too.
    fn of(record: &'a PullRecord) -> Option<Self> {
        let (reference, digest, status) = match &record.read {
            PullRead::Manifest { reference, digest, status } => (reference, digest.as_ref(), *status),
            PullRead::Module { reference, digest, .. } => (reference, Some(digest), 200),
            PullRead::Layer { .. } => return None,
        };
        Some(Self {
            agent: &record.agent,
            kind: &record.kind,
            repository: record.repository.as_str(),
            reference: reference.to_string(),
            first: record.first.as_micros(),
            last: record.last.as_micros(),
            count: to_i64(record.count),
            status,
            digest: digest.map(ToString::to_string),
        })
    }
}

/// Who was seen, and when.
#[derive(Serialize)]
struct Seen<'a> {
    agent: &'a str,
    kind: &'a str,
    first: i64,
    last: i64,
}

/// Notes the agents of `records`.
pub(super) async fn ensure_agents(connection: &mut SqliteConnection, records: &[PullRecord]) -> Result<()> {
    let seen = records.iter().map(|record| Seen {
        agent: &record.agent,
        kind: &record.kind,
        first: record.first.as_micros(),
        last: record.last.as_micros(),
    });
    let seen: Vec<Seen<'_>> = seen.collect();
    // Without `true` the conflict's ON would be the join's.
    sqlx::query(
        "INSERT INTO agents (name, kind, first_us, last_us)
         SELECT value ->> 'agent', value ->> 'kind', value ->> 'first', value ->> 'last' FROM json_each($1) WHERE true
         ON CONFLICT (name) DO UPDATE SET kind = excluded.kind,
         last_us = iif(last_us > excluded.last_us + $2, excluded.last_us, max(last_us, excluded.last_us))",
    )
    .bind(json(&seen))
    .bind(CLOCK_SLACK_US)
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds the resolves among `records`, whose agents are known. They are in the order in which their kinds first came, so a
/// later one may stand there already; or none, where the agent has only reported.
pub(super) async fn put(connection: &mut SqliteConnection, records: &[PullRecord]) -> Result<()> {
    let resolves: Vec<Resolve<'_>> = records.iter().filter_map(Resolve::of).collect();
    if resolves.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO pulls (agent_id, repository, reference, kind, is_reported, first_us, last_us, resolves, status,
                            digest, fetches, bytes)
         SELECT a.id, value ->> 'repository', value ->> 'reference', value ->> 'kind', 0, value ->> 'first',
                value ->> 'last', value ->> 'count', value ->> 'status', value ->> 'digest', 0, 0
         FROM json_each($1) CROSS JOIN agents AS a WHERE a.name = value ->> 'agent'
         ON CONFLICT DO UPDATE SET kind = excluded.kind,
         last_us = iif(last_us > excluded.last_us + $2, excluded.last_us, max(last_us, excluded.last_us)),
         resolves = resolves + excluded.resolves,
         status = iif(resolves > 0 AND last_us BETWEEN excluded.last_us + 1 AND excluded.last_us + $2,
                      status, excluded.status),
         digest = iif(resolves > 0 AND last_us BETWEEN excluded.last_us + 1 AND excluded.last_us + $2,
                      digest, coalesce(excluded.digest, digest))",
    )
    .bind(json(&resolves))
    .bind(CLOCK_SLACK_US)
    .execute(connection)
    .await?;
    Ok(())
}

fn json(rows: &impl Serialize) -> String {
    serde_json::to_string(rows).expect("texts and numbers are JSON")
}
