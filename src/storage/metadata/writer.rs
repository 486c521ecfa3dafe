use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};

use crate::storage::Result;

/// What power loss may undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Nothing: a commit is synced to disk before it returns.
    Synced,
    /// The last commits: for the progress of uploads. `kill -9` undoes nothing.
    Relaxed,
}

/// The connections that write, of which one is used at a time.
pub(super) struct Writer {
    synced: Line,
    relaxed: Line,
}

struct Line {
    connection: SqliteConnection,
    /// Whether a transaction was begun and not ended: its caller failed, or was dropped.
    open: bool,
}

/// A transaction that ends with [`Transaction::commit`]. Dropped before, by an error or with its caller, it is rolled
/// back at once; the next one waits for that.
///
/// sqlx's own transactions cannot be used: on a full disk SQLite rolls back by itself, sqlx then counts on a
/// transaction that is gone, and its connection fails ever after.
pub(super) struct Transaction {
    /// Absent only in `drop`.
    writer: Option<OwnedMutexGuard<Writer>>,
    durability: Durability,
    commits: Arc<CommitCount>,
}

/// Counts commits, and says now and then that the write-ahead log should be looked after.
#[derive(Default)]
pub(super) struct CommitCount {
    count: AtomicU64,
    due: Notify,
}

impl CommitCount {
    /// Of some 50 KiB of log each.
    const COMMITS_PER_CHECKPOINT: u64 = 128;

    fn add(&self) {
        if self.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(Self::COMMITS_PER_CHECKPOINT) {
            self.due.notify_one();
        }
    }

    pub(super) async fn due(&self) {
        self.due.notified().await;
    }
}

impl Writer {
    pub(super) async fn connect(options: &SqliteConnectOptions) -> Result<Self> {
        let synced = options.clone().synchronous(SqliteSynchronous::Full);
        let relaxed = options.clone().synchronous(SqliteSynchronous::Normal);
        Ok(Self { synced: Line::connect(&synced).await?, relaxed: Line::connect(&relaxed).await? })
    }

    /// The connection of synced commits, outside of any transaction.
    pub(super) fn idle(&mut self) -> &mut SqliteConnection {
        &mut self.synced.connection
    }

    fn line(&self, durability: Durability) -> &Line {
        match durability {
            Durability::Synced => &self.synced,
            Durability::Relaxed => &self.relaxed,
        }
    }

    fn line_mut(&mut self, durability: Durability) -> &mut Line {
        match durability {
            Durability::Synced => &mut self.synced,
            Durability::Relaxed => &mut self.relaxed,
        }
    }
}

impl Line {
    async fn connect(options: &SqliteConnectOptions) -> Result<Self> {
        Ok(Self { connection: SqliteConnection::connect_with(options).await?, open: false })
    }

    async fn roll_back(&mut self) {
        // Fails where SQLite has rolled back by itself, which is as good.
        let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
        self.open = false;
    }
}

impl Transaction {
    /// Waits for its turn, and takes the write lock at once, so that no later statement can fail to get it.
    pub(super) async fn begin(
        writer: &Arc<Mutex<Writer>>,
        durability: Durability,
        commits: &Arc<CommitCount>,
    ) -> Result<Self> {
        let writer = Arc::clone(writer).lock_owned().await;
        let mut transaction = Self { writer: Some(writer), durability, commits: Arc::clone(commits) };
        transaction.line().open = true;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *transaction).await?;
        Ok(transaction)
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        sqlx::query("COMMIT").execute(&mut *self).await?;
        self.line().open = false;
        self.commits.add();
        Ok(())
    }

    fn line(&mut self) -> &mut Line {
        self.writer.as_mut().expect(HELD).line_mut(self.durability)
    }
}

const HELD: &str = "the writer is held until drop";

impl Deref for Transaction {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.writer.as_ref().expect(HELD).line(self.durability).connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.line().connection
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let (durability, Some(mut writer)) = (self.durability, self.writer.take()) else { return };
        if writer.line(durability).open {
            tokio::spawn(async move { writer.line_mut(durability).roll_back().await });
        }
    }
}
