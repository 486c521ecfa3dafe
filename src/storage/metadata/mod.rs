//! What is known about content: the SQLite database. All SQL of the project is in this folder, one function a
//! question. One connection writes at a time; a few others read.

mod blob;
mod event;
mod known_plugin;
mod manifest;
mod module;
mod pull;
mod pull_row;
mod referrer;
mod report;
mod repository;
mod resolve;
mod tag;
#[cfg(test)]
mod tag_groups_tests;
mod upload;
mod webhook;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{Connection, SqlSafeStr, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

pub use blob::BlobFacts;
pub use event::{Event, EventKind, EventRange};
pub use known_plugin::{KnownPlugin, KnownPluginFilter, PluginSource};
pub use manifest::{DeleteManifest, NewManifest, PutManifest, StoredManifest};
pub use pull::{PullRead, PullRecord};
pub use pull_row::{PullCursor, PullFilter, PullRow, RowReport, TagCursor, TagFilter, TagGroup};
pub use referrer::Referrer;
pub use report::{AgentReport, PluginReport};
pub use tag::{MovedTag, TagChange};
pub use webhook::{DeadLetter, NewDeadLetter, Undelivered, WebhookRow, WebhookState};

pub(super) use upload::UploadRow;

use super::{Error, Result};
use writer::{CommitCount, Durability, Transaction, Writer};

/// How long a connection waits for another process that looks at the database with SQLite's own tools.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// From what length on the write-ahead log is cut: reading it again after a crash takes milliseconds.
const LONG_LOG_BYTES: u64 = 8 << 20;

pub(super) struct Metadata {
    /// Readers see the last committed state and never wait for a writer.
    readers: SqlitePool,
    writer: Arc<Mutex<Writer>>,
    /// Copies the write-ahead log into the database beside the writer, so that no commit pays for it.
    checkpointer: Mutex<SqliteConnection>,
    /// The write-ahead log's file.
    log: PathBuf,
    commits: Arc<CommitCount>,
}

impl Metadata {
    pub(super) async fn open(dir: &Path, read_connections: u32) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(dir.join("registry.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("wal_autocheckpoint", "0");
        let mut writer = Writer::connect(&options).await?;
        migrate(dir, writer.idle()).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(read_connections.max(1))
            .test_before_acquire(false)
            .connect_with(options.clone().create_if_missing(false).pragma("query_only", "1"))
            .await?;
        Ok(Self {
            readers,
            writer: Arc::new(Mutex::new(writer)),
            log: dir.join("registry.db-wal"),
            commits: Arc::default(),
            checkpointer: Mutex::new(SqliteConnection::connect_with(&options).await?),
        })
    }

    pub(super) async fn check(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// Copies the write-ahead log into the database, most of it beside the writer; where it has become long, holds the
    /// writer up for the rest and cuts the log. Without that cut it would grow for as long as writes never pause.
    pub(super) async fn checkpoint(&self) -> Result<()> {
        let mut checkpointer = self.checkpointer.lock().await;
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut *checkpointer).await?;
        if std::fs::metadata(&self.log).is_ok_and(|facts| facts.len() > LONG_LOG_BYTES) {
            let _writer = self.writer.lock().await;
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *checkpointer).await?;
        }
        Ok(())
    }

    /// Completes when so much was committed that [`Metadata::checkpoint`] is due.
    pub(super) async fn checkpoint_due(&self) {
        self.commits.due().await;
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        let mut writer = self.writer.lock().await;
        let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer.idle()).await;
    }

    async fn begin(&self, durability: Durability) -> Result<Transaction> {
        Transaction::begin(&self.writer, durability, &self.commits).await
    }
}

async fn migrate(dir: &Path, connection: &mut SqliteConnection) -> Result<()> {
    let migration = |version, description: &'static str, sql: &'static str| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let migrations = vec![
        migration(1, "initial", include_str!("../../../migrations/0001_initial.sql")),
        migration(2, "events", include_str!("../../../migrations/0002_events.sql")),
        migration(3, "fleet", include_str!("../../../migrations/0003_fleet.sql")),
        migration(4, "known plugins", include_str!("../../../migrations/0004_known_plugins.sql")),
        migration(5, "webhooks", include_str!("../../../migrations/0005_webhooks.sql")),
        migration(6, "tag groups", include_str!("../../../migrations/0006_tag_groups.sql")),
    ];
    match Migrator::with_migrations(migrations).run(connection).await {
        Err(sqlx::migrate::MigrateError::VersionMissing(_)) => Err(Error::TooNew { dir: dir.to_owned() }),
        outcome => outcome.map_err(Error::Migrate),
    }
}

/// Reads a column that this program wrote as text of a checked form.
fn parse<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::Corrupt(what))
}

fn to_u64(what: &'static str, number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| Error::Corrupt(what))
}

fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
