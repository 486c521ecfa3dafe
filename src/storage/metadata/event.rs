use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use super::{Durability, Metadata, parse, to_i64, to_u64};
use crate::oci::{Digest, RepositoryName, Tag};
use crate::storage::{Result, Timestamp};

/// Something that happened to content, or to those who take it. As JSON it is what clients and webhooks are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its number: greater than that of every event before it.
    pub id: u64,
    /// When.
    #[serde(rename = "time")]
    pub happened: Timestamp,
    /// What.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// Where.
    pub repository: RepositoryName,
    /// Which tag, where it is about one.
    pub tag: Option<Tag>,
    /// What was pushed, or what the tag names from then on.
    pub digest: Option<Digest>,
    /// What the tag named before, or what was deleted.
    pub previous: Option<Digest>,
    /// Who did it.
    pub actor: String,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A manifest that was not there came.
    ManifestPushed,
    /// A manifest went, and with it what it pointed at.
    ManifestDeleted,
    /// A tag names another manifest from then on, or its first.
    TagMoved,
    /// A tag went.
    TagDeleted,
    /// An agent read a manifest's module for the first time.
    FirstPull,
    /// An agent reports that it does not run what a plugin of its names.
    PluginRefused,
}

/// The events that are kept: the ids of the first and the last. None are, where there never was any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventRange {
    /// The id of the oldest event that is kept.
    pub oldest: u64,
    /// The id of the newest.
    pub newest: u64,
}

/// What is recorded, but for the moment.
pub(super) struct NewEvent<'a> {
    pub(super) kind: EventKind,
    pub(super) repository: i64,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
    pub(super) previous: Option<&'a str>,
    pub(super) actor: &'a str,
}

/// What is recorded of an agent, but for the moment.
pub(super) struct FleetEvent<'a> {
    pub(super) kind: EventKind,
    pub(super) repository: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
    pub(super) actor: &'a str,
}

/// A row of the table, column by column.
pub(super) type EventColumns =
    (i64, i64, String, String, Option<String>, Option<String>, Option<String>, String);

impl Metadata {
    /// The events of these kinds behind `after`, oldest first, at most `limit`.
    pub(in super::super) async fn list_events(
        &self,
        kinds: &[EventKind],
        after: u64,
        limit: u32,
    ) -> Result<Vec<Event>> {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let rows: Vec<EventColumns> = sqlx::query_as(
            "SELECT id, happened_us, kind, repository, tag, digest, previous, actor FROM events
             WHERE id > $1 AND instr($3, ' ' || kind || ' ') > 0 ORDER BY id LIMIT $2",
        )
        .bind(to_i64(after))
        .bind(i64::from(limit))
        .bind(format!(" {} ", kinds.join(" ")))
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(read).collect()
    }

    pub(in super::super) async fn event_range(&self) -> Result<EventRange> {
        let (oldest, newest): (Option<i64>, Option<i64>) =
            sqlx::query_as("SELECT (SELECT min(id) FROM events), (SELECT max(id) FROM events)")
                .fetch_one(&self.readers)
                .await?;
        let number = |id: Option<i64>| to_u64("event id", id.unwrap_or(0));
        Ok(EventRange { oldest: number(oldest)?, newest: number(newest)? })
    }

    /// Forgets the events up to `last`.
    pub(in super::super) async fn forget_events(&self, last: u64) -> Result<()> {
        let mut tx = self.begin(Durability::Relaxed).await?;
        sqlx::query("DELETE FROM events WHERE id <= $1").bind(to_i64(last)).execute(&mut *tx).await?;
        tx.commit().await
    }
}

/// Records an event in the transaction that makes it happen.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    event: &NewEvent<'_>,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO events (happened_us, kind, repository, tag, digest, previous, actor)
         SELECT $1, $2, name, $3, $4, $5, $6 FROM repositories WHERE id = $7",
    )
    .bind(now.as_micros())
    .bind(event.kind.to_string())
    .bind(event.tag)
    .bind(event.digest)
    .bind(event.previous)
    .bind(event.actor)
    .bind(event.repository)
    .execute(connection)
    .await?;
    Ok(())
}

/// Records what an agent did, also of a repository that is none.
pub(super) async fn record_of_fleet(
    connection: &mut SqliteConnection,
    event: &FleetEvent<'_>,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO events (happened_us, kind, repository, tag, digest, actor) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(now.as_micros())
    .bind(event.kind.to_string())
    .bind(event.repository)
    .bind(event.tag)
    .bind(event.digest)
    .bind(event.actor)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) fn read(columns: EventColumns) -> Result<Event> {
    let (id, happened, kind, repository, tag, digest, previous, actor) = columns;
    let digest_of = |text: Option<String>| text.map(|text| parse("event digest", &text)).transpose();
    Ok(Event {
        id: to_u64("event id", id)?,
        happened: Timestamp::from_micros(happened),
        kind: parse("event kind", &kind)?,
        repository: parse("event repository", &repository)?,
        tag: tag.map(|tag| parse("event tag", &tag)).transpose()?,
        digest: digest_of(digest)?,
        previous: digest_of(previous)?,
        actor,
    })
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::ManifestPushed,
        Self::ManifestDeleted,
        Self::TagMoved,
        Self::TagDeleted,
        Self::FirstPull,
        Self::PluginRefused,
    ];
    /// What happens to content, and not to agents.
    pub const CONTENT: [Self; 4] =
        [Self::ManifestPushed, Self::ManifestDeleted, Self::TagMoved, Self::TagDeleted];

    /// Its name in the database and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::ManifestPushed => "manifest-pushed",
            Self::ManifestDeleted => "manifest-deleted",
            Self::TagMoved => "tag-moved",
            Self::TagDeleted => "tag-deleted",
            Self::FirstPull => "first-pull",
            Self::PluginRefused => "plugin-refused",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EventKind {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(())
    }
}
