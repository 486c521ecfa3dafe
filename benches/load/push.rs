//! How fast blobs go in.

use std::time::Instant;

use anyhow::Result;
use tokio::task::JoinSet;

use crate::content::Content;
use crate::registry::Repository;

/// What to push, and where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// host:port of the registry
    host: String,
    /// Repository to push to
    repository: String,
    /// Size of each blob in megabytes (of 2^20 bytes)
    #[arg(long, default_value_t = 10)]
    megabytes: usize,
    /// How many clients push at the same time
    #[arg(long, default_value_t = 2)]
    clients: u64,
    /// Blobs that each of them pushes
    #[arg(long, default_value_t = 10)]
    each: u64,
}

pub(crate) async fn run(args: Args) -> Result<String> {
    let repository = Repository::new(&args.host, &args.repository);
    let mut clients = JoinSet::new();
    let mut work = Vec::new();
    for client in 0..args.clients {
        let blobs: Vec<Content> =
            (0..args.each).map(|n| Content::unique(args.megabytes << 20, client * args.each + n)).collect();
        work.push((repository.clone(), blobs));
    }
    let started = Instant::now();
    for (repository, blobs) in work {
        clients.spawn(async move {
            for blob in blobs {
                repository.push_blob(&blob).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(result) = clients.join_next().await {
        result??;
    }
    let megabytes = u32::try_from(args.megabytes as u64 * args.clients * args.each)?;
    Ok(format!("{:.0}", f64::from(megabytes) / started.elapsed().as_secs_f64()))
}
