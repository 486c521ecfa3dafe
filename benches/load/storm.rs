//! Many clients at once, while somebody watches the server's memory.

use std::time::Instant;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::content::Content;
use crate::registry::Repository;

/// How many clients, and what they carry.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// host:port of the registry
    host: String,
    /// Repository to use
    repository: String,
    /// Clients that pull one blob
    #[arg(long, default_value_t = 200)]
    pullers: usize,
    /// Size of that blob in megabytes
    #[arg(long, default_value_t = 10)]
    pull_megabytes: usize,
    /// Clients that push a blob each
    #[arg(long, default_value_t = 8)]
    pushers: u64,
    /// Size of those blobs in megabytes
    #[arg(long, default_value_t = 100)]
    push_megabytes: usize,
}

pub(crate) async fn run(args: Args) -> Result<String> {
    let pulled = Content::unique(args.pull_megabytes << 20, u64::MAX);
    Repository::new(&args.host, &args.repository).push_blob(&pulled).await?;
    let pushed: Vec<Content> =
        (0..args.pushers).map(|n| Content::unique(args.push_megabytes << 20, n)).collect();
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..args.pullers {
        // A client of its own is a connection of its own.
        let repository = Repository::new(&args.host, &args.repository);
        let (digest, length) = (pulled.digest.clone(), pulled.bytes.len());
        clients.spawn(async move {
            ensure!(repository.pull_blob(&digest).await? == length, "a pull was cut short");
            Ok(())
        });
    }
    for content in pushed {
        let repository = Repository::new(&args.host, &args.repository);
        clients.spawn(async move { repository.push_blob(&content).await });
    }
    while let Some(result) = clients.join_next().await {
        result??;
    }
    Ok(format!("{:.1}", started.elapsed().as_secs_f64()))
}
