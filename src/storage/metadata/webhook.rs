use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::event::{EventColumns, read};
use super::{Durability, Event, Metadata, to_i64, to_u64};
use crate::storage::{Result, Timestamp};

/// Where a webhook stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookState {
    /// Its name.
    pub name: String,
    /// The id of the last event that it is done with.
    pub cursor: u64,
    /// How often the next event was tried.
    pub attempts: u32,
    /// When it is tried again, where it has failed.
    pub next_attempt: Option<Timestamp>,
    /// Why it failed last; none once it was delivered.
    pub last_error: Option<String>,
    /// When an event was last delivered.
    pub last_delivered: Option<Timestamp>,
}

/// The same, with what there is beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRow {
    /// Where it stands.
    pub state: WebhookState,
    /// How many dead letters are kept.
    pub dead_letters: u64,
}

/// What a webhook has given up on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDeadLetter {
    /// What it could not deliver.
    pub content: Undelivered,
    /// How often it tried.
    pub attempts: u32,
    /// Why it failed last.
    pub error: String,
    /// When it gave up.
    pub died: Timestamp,
}

/// The same, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number: greater than that of every one before it.
    pub id: u64,
    /// What it says.
    pub letter: NewDeadLetter,
}

/// What was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// An event that was tried too often.
    Event(Event),
    /// Events that went before they could be tried.
    Lost {
        /// How many.
        count: u64,
        /// The id of the last of them.
        last: u64,
    },
}

impl Metadata {
    pub(in super::super) async fn ensure_webhook(&self, name: &str) -> Result<WebhookState> {
        let known = sqlx::query("SELECT *, 0 AS letters FROM webhooks WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.readers)
            .await?;
        if let Some(row) = known {
            return Ok(read_webhook(&row)?.state);
        }
        let mut tx = self.begin(Durability::Relaxed).await?;
        // Not the newest row's id: of all events even the newest may be gone.
        let row = sqlx::query(
            "INSERT INTO webhooks (name, cursor, attempts)
             VALUES ($1, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0), 0)
             RETURNING *, 0 AS letters",
        )
        .bind(name)
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(read_webhook(&row)?.state)
    }

    pub(in super::super) async fn save_webhook(
        &self,
        state: &WebhookState,
        dead: Option<&NewDeadLetter>,
        keep: u32,
    ) -> Result<u64> {
        let mut tx = self.begin(Durability::Relaxed).await?;
        sqlx::query(
            "UPDATE webhooks SET cursor = $2, attempts = $3, next_attempt_us = $4, last_error = $5, delivered_us = $6
             WHERE name = $1",
        )
        .bind(&state.name)
        .bind(to_i64(state.cursor))
        .bind(i64::from(state.attempts))
        .bind(state.next_attempt.map(Timestamp::as_micros))
        .bind(state.last_error.as_ref())
        .bind(state.last_delivered.map(Timestamp::as_micros))
        .execute(&mut *tx)
        .await?;
        let dropped = match dead {
            None => 0,
            Some(letter) => {
                put_dead_letter(&mut tx, &state.name, letter).await?;
                trim_dead_letters(&mut tx, &state.name, keep).await?
            }
        };
        tx.commit().await?;
        Ok(dropped)
    }

    pub(in super::super) async fn list_webhooks(&self) -> Result<Vec<WebhookRow>> {
        let rows = sqlx::query(
            "SELECT *, (SELECT count(*) FROM dead_letters AS d WHERE d.webhook = w.name) AS letters
             FROM webhooks AS w ORDER BY name",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(read_webhook).collect()
    }

    pub(in super::super) async fn list_dead_letters(
        &self,
        webhook: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>> {
        let rows =
            sqlx::query("SELECT * FROM dead_letters WHERE webhook = $1 AND id > $2 ORDER BY id LIMIT $3")
                .bind(webhook)
                .bind(to_i64(after))
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(read_dead_letter).collect()
    }

    pub(in super::super) async fn delete_dead_letter(&self, webhook: &str, id: u64) -> Result<bool> {
        let mut tx = self.begin(Durability::Relaxed).await?;
        let done = sqlx::query("DELETE FROM dead_letters WHERE webhook = $1 AND id = $2")
            .bind(webhook)
            .bind(to_i64(id))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    pub(in super::super) async fn note_dead_letter_attempt(
        &self,
        webhook: &str,
        id: u64,
        error: &str,
    ) -> Result<()> {
        let mut tx = self.begin(Durability::Relaxed).await?;
        sqlx::query(
            "UPDATE dead_letters SET attempts = attempts + 1, error = $3 WHERE webhook = $1 AND id = $2",
        )
        .bind(webhook)
        .bind(to_i64(id))
        .bind(error)
        .execute(&mut *tx)
        .await?;
        tx.commit().await
    }
}

async fn put_dead_letter(
    connection: &mut SqliteConnection,
    webhook: &str,
    letter: &NewDeadLetter,
) -> Result<()> {
    let (event, lost, event_id) = match &letter.content {
        Undelivered::Event(event) => (Some(event), 0, event.id),
        Undelivered::Lost { count, last } => (None, *count, *last),
    };
    sqlx::query(
        "INSERT INTO dead_letters (webhook, died_us, attempts, error, lost, event_id, happened_us, kind, repository,
                                   tag, digest, previous, actor)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(webhook)
    .bind(letter.died.as_micros())
    .bind(i64::from(letter.attempts))
    .bind(&letter.error)
    .bind(to_i64(lost))
    .bind(to_i64(event_id))
    .bind(event.map(|event| event.happened.as_micros()))
    .bind(event.map(|event| event.kind.name()))
    .bind(event.map(|event| event.repository.as_str()))
    .bind(event.and_then(|event| event.tag.as_ref()).map(ToString::to_string))
    .bind(event.and_then(|event| event.digest.as_ref()).map(ToString::to_string))
    .bind(event.and_then(|event| event.previous.as_ref()).map(ToString::to_string))
    .bind(event.map(|event| event.actor.as_str()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn trim_dead_letters(connection: &mut SqliteConnection, webhook: &str, keep: u32) -> Result<u64> {
    let done = sqlx::query(
        "DELETE FROM dead_letters WHERE webhook = $1 AND id <= (
             SELECT id FROM dead_letters WHERE webhook = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
    )
    .bind(webhook)
    .bind(i64::from(keep))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

fn read_webhook(row: &SqliteRow) -> Result<WebhookRow> {
    let moment = |column: &str| {
        Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_micros))
    };
    let state = WebhookState {
        name: row.try_get("name")?,
        cursor: to_u64("webhook's cursor", row.try_get("cursor")?)?,
        attempts: attempts(row)?,
        next_attempt: moment("next_attempt_us")?,
        last_error: row.try_get("last_error")?,
        last_delivered: moment("delivered_us")?,
    };
    Ok(WebhookRow { state, dead_letters: to_u64("count of dead letters", row.try_get("letters")?)? })
}

fn read_dead_letter(row: &SqliteRow) -> Result<DeadLetter> {
    let count = to_u64("count of lost events", row.try_get("lost")?)?;
    let content = if count > 0 {
        Undelivered::Lost { count, last: to_u64("event id", row.try_get("event_id")?)? }
    } else {
        Undelivered::Event(read(event_columns(row)?)?)
    };
    Ok(DeadLetter {
        id: to_u64("dead letter's id", row.try_get("id")?)?,
        letter: NewDeadLetter {
            content,
            attempts: attempts(row)?,
            error: row.try_get("error")?,
            died: Timestamp::from_micros(row.try_get("died_us")?),
        },
    })
}

fn event_columns(row: &SqliteRow) -> Result<EventColumns> {
    Ok((
        row.try_get("event_id")?,
        row.try_get("happened_us")?,
        row.try_get("kind")?,
        row.try_get("repository")?,
        row.try_get("tag")?,
        row.try_get("digest")?,
        row.try_get("previous")?,
        row.try_get("actor")?,
    ))
}

fn attempts(row: &SqliteRow) -> Result<u32> {
    Ok(u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX))
}
