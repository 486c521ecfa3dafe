use std::collections::BTreeMap;
use std::path::Path;

use sqlx::{Connection, SqliteConnection};

/// All that a store holds: how many rows each table has, and which content files there are.
///
/// Two equal footprints, one before and one after a request, prove that nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Footprint {
    pub(crate) rows: BTreeMap<String, i64>,
    pub(crate) files: Vec<String>,
}

impl Footprint {
    pub(crate) async fn of(data_dir: &Path) -> Self {
        let mut files = Vec::new();
        for dir in ["uploads", "blobs"] {
            list(&data_dir.join(dir), data_dir, &mut files);
        }
        files.sort();
        Self { rows: count_rows(data_dir).await.expect("the database can be read"), files }
    }

    /// How many files of unfinished uploads there are.
    pub(crate) fn upload_files(&self) -> usize {
        self.files.iter().filter(|path| path.starts_with("uploads/")).count()
    }

    /// How many blobs' files there are.
    pub(crate) fn blob_files(&self) -> usize {
        self.files.len() - self.upload_files()
    }
}

/// The right to write to a store's database, taken from the server so that its next commit waits.
pub(crate) struct DatabaseLock {
    database: SqliteConnection,
}

impl DatabaseLock {
    pub(crate) async fn take(data_dir: &Path) -> Self {
        let mut database = open(data_dir).await;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut database).await.expect("the database can be locked");
        Self { database }
    }

    pub(crate) async fn release(self) {
        self.database.close().await.expect("the database can be closed");
    }
}

/// Changes a store's database behind the server's back.
pub(crate) async fn run_sql(data_dir: &Path, sql: &'static str) {
    let mut database = open(data_dir).await;
    sqlx::query(sql).execute(&mut database).await.expect("the statement runs");
    database.close().await.expect("the database can be closed");
}

async fn open(data_dir: &Path) -> SqliteConnection {
    let url = format!("sqlite://{}", data_dir.join("registry.db").display());
    SqliteConnection::connect(&url).await.expect("the database can be opened")
}

async fn count_rows(data_dir: &Path) -> sqlx::Result<BTreeMap<String, i64>> {
    let url = format!("sqlite://{}?mode=ro", data_dir.join("registry.db").display());
    let mut database = SqliteConnection::connect(&url).await?;
    let tables: Vec<(String,)> = sqlx::query_as("SELECT name FROM sqlite_master WHERE type = 'table'")
        .fetch_all(&mut database)
        .await?;
    let mut rows = BTreeMap::new();
    for (table,) in tables {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM \"{table}\""));
        let (count,) = sqlx::query_as(count).fetch_one(&mut database).await?;
        rows.insert(table, count);
    }
    database.close().await?;
    Ok(rows)
}

fn list(dir: &Path, root: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).expect("a directory").flatten() {
        if entry.path().is_dir() {
            list(&entry.path(), root, files);
        } else if let Ok(path) = entry.path().strip_prefix(root) {
            files.push(path.display().to_string());
        }
    }
}
