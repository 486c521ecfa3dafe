use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::event::{self, EventKind, FleetEvent};
use super::{Durability, Metadata, parse};
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

/// What tells one plugin of an agent from another.
type Key = (RepositoryName, Reference, String, String);

impl Metadata {
    /// Lets a report take the place of the agent's last one, and records which plugins it refuses that it did not
    /// refuse before; whether there were any. Power loss may forget it: the agent repeats itself.
    pub(in super::super) async fn record_report(&self, report: &AgentReport) -> Result<bool> {
        let mut tx = self.begin(Durability::Relaxed).await?;
        let agent = ensure_agent(&mut tx, report).await?;
        let mut before = plugins_of(&mut tx, agent).await?;
        let mut has_events = false;
        for plugin in &report.plugins {
            let old = before.remove(&plugin.key());
            if old.as_ref() == Some(plugin) {
                continue;
            }
            put(&mut tx, (agent, report.received), plugin).await?;
            if plugin.is_refused_anew(old.as_ref()) {
                record_refusal(&mut tx, report, plugin).await?;
                has_events = true;
            }
        }
        for gone in before.values() {
            delete(&mut tx, agent, gone).await?;
        }
        tx.commit().await?;
        Ok(has_events)
    }
}

impl Metadata {
    /// Forgets what agents reported whose lease has ended at `now`.
    pub(in super::super) async fn forget_reports(&self, now: Timestamp) -> Result<()> {
        let is_due: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM agents WHERE lease_us > 0 AND lease_us < $1)")
                .bind(now.as_micros())
                .fetch_one(&self.readers)
                .await?;
        if !is_due {
            return Ok(());
        }
        let mut tx = self.begin(Durability::Relaxed).await?;
        for sql in [
            "DELETE FROM reports WHERE agent_id IN (SELECT id FROM agents WHERE lease_us > 0 AND lease_us < $1)",
            "UPDATE pulls SET is_reported = 0 WHERE is_reported = 1
             AND agent_id IN (SELECT id FROM agents WHERE lease_us > 0 AND lease_us < $1)",
            "UPDATE agents SET lease_us = 0, watches = 0 WHERE lease_us > 0 AND lease_us < $1",
        ] {
            sqlx::query(sql).bind(now.as_micros()).execute(&mut *tx).await?;
        }
        tx.commit().await
    }
}

impl PluginReport {
    fn key(&self) -> Key {
        (self.repository.clone(), self.reference.clone(), self.namespace.clone(), self.name.clone())
    }

    /// Whether it is refused, and was not when it was `old`, or something else was, or for another reason.
    fn is_refused_anew(&self, old: Option<&Self>) -> bool {
        let before = old.filter(|old| old.wanted == self.wanted).and_then(|old| old.refused.as_ref());
        self.refused.is_some() && self.refused.as_ref() != before
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

async fn plugins_of(connection: &mut SqliteConnection, agent: i64) -> Result<HashMap<Key, PluginReport>> {
    let rows = sqlx::query(
        "SELECT repository, reference, namespace, name, url, policy, sha256, wanted, running, refused
         FROM reports WHERE agent_id = $1",
    )
    .bind(agent)
    .fetch_all(connection)
    .await?;
    let plugins = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(plugins.into_iter().map(|plugin| (plugin.key(), plugin)).collect())
}

fn read(row: &SqliteRow) -> Result<PluginReport> {
    let digest = |column: &'static str| {
        row.try_get::<Option<String>, _>(column)?.map(|text| parse(column, &text)).transpose()
    };
    Ok(PluginReport {
        repository: parse("repository", row.try_get("repository")?)?,
        reference: parse("reference", row.try_get("reference")?)?,
        namespace: row.try_get("namespace")?,
        name: row.try_get("name")?,
        url: row.try_get("url")?,
        policy: row.try_get("policy")?,
        sha256: row.try_get("sha256")?,
        wanted: digest("wanted")?,
        running: digest("running")?,
        refused: row.try_get("refused")?,
    })
}

/// Writes a plugin, and sees to it that the agent has a row for what it names.
async fn put(
    connection: &mut SqliteConnection,
    (agent, received): (i64, Timestamp),
    plugin: &PluginReport,
) -> Result<()> {
    let (repository, reference) = (plugin.repository.as_str(), plugin.reference.to_string());
    sqlx::query(
        "INSERT INTO pulls (agent_id, repository, reference, kind, is_reported, first_us, last_us, resolves, status,
                            fetches, bytes)
         SELECT id, $2, $3, kind, 1, $4, $4, 0, 0, 0, 0 FROM agents WHERE id = $1
         ON CONFLICT DO UPDATE SET is_reported = 1",
    )
    .bind(agent)
    .bind(repository)
    .bind(&reference)
    .bind(received.as_micros())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO reports
         (agent_id, repository, reference, namespace, name, url, policy, sha256, wanted, running, refused)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT DO UPDATE SET url = excluded.url, policy = excluded.policy, sha256 = excluded.sha256,
         wanted = excluded.wanted, running = excluded.running, refused = excluded.refused",
    )
    .bind(agent)
    .bind(repository)
    .bind(&reference)
    .bind(&plugin.namespace)
    .bind(&plugin.name)
    .bind(&plugin.url)
    .bind(&plugin.policy)
    .bind(&plugin.sha256)
    .bind(plugin.wanted.as_ref().map(ToString::to_string))
    .bind(plugin.running.as_ref().map(ToString::to_string))
    .bind(&plugin.refused)
    .execute(connection)
    .await?;
    Ok(())
}

async fn delete(connection: &mut SqliteConnection, agent: i64, plugin: &PluginReport) -> Result<()> {
    sqlx::query(
        "DELETE FROM reports WHERE agent_id = $1 AND repository = $2 AND reference = $3
         AND namespace = $4 AND name = $5",
    )
    .bind(agent)
    .bind(plugin.repository.as_str())
    .bind(plugin.reference.to_string())
    .bind(&plugin.namespace)
    .bind(&plugin.name)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE pulls SET is_reported = EXISTS (SELECT 1 FROM reports AS r WHERE r.repository = pulls.repository
                 AND r.reference = pulls.reference AND r.agent_id = pulls.agent_id)
         WHERE agent_id = $1 AND repository = $2 AND reference = $3",
    )
    .bind(agent)
    .bind(plugin.repository.as_str())
    .bind(plugin.reference.to_string())
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
