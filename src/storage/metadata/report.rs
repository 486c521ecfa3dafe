use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::event::{self, EventKind, FleetEvent};
use super::{Durability, Metadata};
use crate::oci::{Digest, Reference, RepositoryName};
use crate::storage::{Result, Timestamp};

/// What an agent says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentReport {
    /// Who.
    pub agent: String,
    /// What kind of client.
    pub kind: String,
    /// When it said so.
    pub received: Timestamp,
    /// Until when it counts.
    pub lease_until: Timestamp,
    /// Whether it follows tags that move.
    pub watches: bool,
    /// The plugins that it has, of this registry.
    pub plugins: Vec<PluginReport>,
}

/// What an agent says of one plugin. Its fields are as written, and empty where they are left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginReport {
    /// The repository that its URL names.
    pub repository: RepositoryName,
    /// The tag or digest that its URL names.
    pub reference: Reference,
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
    /// The manifest that it wants, as far as it knows.
    pub wanted: Option<Digest>,
    /// The manifest that it runs.
    pub running: Option<Digest>,
    /// Why it does not run what it wants.
    pub refused: Option<String>,
}

type Key = (String, String, String, String);
type Row =
    (String, String, String, String, String, String, String, Option<String>, Option<String>, Option<String>);

impl Metadata {
    /// Lets a report take the place of the agent's last one, and records which plugins it refuses that it did not
    /// refuse before; whether there were any. Power loss may forget it: the agent repeats itself.
    pub(in super::super) async fn record_report(&self, report: &AgentReport) -> Result<bool> {
        let mut tx = self.begin(Durability::Relaxed).await?;
        let agent = ensure_agent(&mut tx, report).await?;
        let mut before = rows_of(&mut tx, agent).await?;
        let mut has_events = false;
        for plugin in &report.plugins {
            let row = row_of(plugin);
            let old = before.remove(&key_of(&row));
            if old.as_ref() == Some(&row) {
                continue;
            }
            put(&mut tx, (agent, report.received), &row).await?;
            let refused = |row: &Row| row.9.clone().map(|reason| (row.7.clone(), reason));
            if plugin.refused.is_some() && old.as_ref().and_then(refused) != refused(&row) {
                record_refusal(&mut tx, report, plugin).await?;
                has_events = true;
            }
        }
        for (repository, reference, namespace, name) in before.into_keys() {
            sqlx::query(
                "DELETE FROM reports WHERE agent_id = $1 AND repository = $2 AND reference = $3
                 AND namespace = $4 AND name = $5",
            )
            .bind(agent)
            .bind(repository)
            .bind(reference)
            .bind(namespace)
            .bind(name)
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(has_events)
    }
}

async fn ensure_agent(connection: &mut SqliteConnection, report: &AgentReport) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "INSERT INTO agents (name, kind, first_us, last_us, lease_us, watches) VALUES ($1, $2, $3, $3, $4, $5)
         ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, last_us = excluded.last_us,
         lease_us = excluded.lease_us, watches = excluded.watches RETURNING id",
    )
    .bind(&report.agent)
    .bind(&report.kind)
    .bind(report.received.as_micros())
    .bind(report.lease_until.as_micros())
    .bind(report.watches)
    .fetch_one(connection)
    .await?)
}

async fn rows_of(connection: &mut SqliteConnection, agent: i64) -> Result<BTreeMap<Key, Row>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT repository, reference, namespace, name, url, policy, sha256, wanted, running, refused
         FROM reports WHERE agent_id = $1",
    )
    .bind(agent)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (key_of(&row), row)).collect())
}

fn key_of(row: &Row) -> Key {
    (row.0.clone(), row.1.clone(), row.2.clone(), row.3.clone())
}

fn row_of(plugin: &PluginReport) -> Row {
    let text = |digest: &Option<Digest>| digest.as_ref().map(ToString::to_string);
    (
        plugin.repository.to_string(),
        plugin.reference.to_string(),
        plugin.namespace.clone(),
        plugin.name.clone(),
        plugin.url.clone(),
        plugin.policy.clone(),
        plugin.sha256.clone(),
        text(&plugin.wanted),
        text(&plugin.running),
        plugin.refused.clone(),
    )
}

/// Writes a plugin, and sees to it that the agent has a row for what it names.
async fn put(
    connection: &mut SqliteConnection,
    (agent, received): (i64, Timestamp),
    row: &Row,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO pulls (agent_id, repository, reference, first_us, last_us, resolves, status, fetches, bytes)
         VALUES ($1, $2, $3, $4, $4, 0, 0, 0, 0) ON CONFLICT DO NOTHING",
    )
    .bind(agent)
    .bind(&row.0)
    .bind(&row.1)
    .bind(received.as_micros())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT OR REPLACE INTO reports
         (agent_id, repository, reference, namespace, name, url, policy, sha256, wanted, running, refused)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(agent)
    .bind(&row.0)
    .bind(&row.1)
    .bind(&row.2)
    .bind(&row.3)
    .bind(&row.4)
    .bind(&row.5)
    .bind(&row.6)
    .bind(&row.7)
    .bind(&row.8)
    .bind(&row.9)
    .execute(connection)
    .await?;
    Ok(())
}

async fn record_refusal(
    connection: &mut SqliteConnection,
    report: &AgentReport,
    plugin: &PluginReport,
) -> Result<()> {
    let tag = match &plugin.reference {
        Reference::Tag(tag) => Some(tag.as_str()),
        Reference::Digest(_) => None,
    };
    let digest = plugin.wanted.as_ref().map(ToString::to_string);
    let event = FleetEvent {
        kind: EventKind::PluginRefused,
        repository: plugin.repository.as_str(),
        tag,
        digest: digest.as_deref(),
        actor: &report.agent,
    };
    event::record_of_fleet(connection, &event, report.received).await
}
