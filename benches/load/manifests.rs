//! How long a manifest takes to be acknowledged, and many tags for a repository.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use crate::registry::Repository;

/// How many manifests, and where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// host:port of the registry
    host: String,
    /// Repository to push to
    repository: String,
    /// Manifests to put
    #[arg(long, default_value_t = 200)]
    count: usize,
}

pub(crate) async fn run(args: Args) -> Result<String> {
    let repository = Repository::new(&args.host, &args.repository);
    let parts = repository.push_parts(1000).await?;
    let mut times = Vec::with_capacity(args.count);
    for n in 0..args.count {
        let manifest = parts.manifest(&format!("1.0.{n}"));
        let started = Instant::now();
        repository.put_manifest(&format!("v{n}"), &manifest).await?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).context("no manifest was put")?;
    let mean = times.iter().sum::<Duration>() / u32::try_from(times.len())?;
    Ok(format!("{:.2} {:.2}", median.as_secs_f64() * 1000.0, mean.as_secs_f64() * 1000.0))
}

/// How many tags, and where.
#[derive(clap::Args)]
pub(crate) struct TagArgs {
    /// host:port of the registry
    host: String,
    /// Repository to push to
    repository: String,
    /// Tags to have, `v0` and on, each for a manifest of its own
    #[arg(long, default_value_t = 1)]
    count: usize,
    /// Size of the one layer that all manifests share, in bytes
    #[arg(long, default_value_t = 1000)]
    layer_bytes: usize,
}

/// Pushes with 32 requests under way.
pub(crate) async fn tag(args: TagArgs) -> Result<String> {
    let repository = Repository::new(&args.host, &args.repository);
    let parts = repository.push_parts(args.layer_bytes).await?;
    let mut requests = JoinSet::new();
    let started = Instant::now();
    for n in 0..args.count {
        if requests.len() == 32 {
            requests.join_next().await.context("there are 32")???;
        }
        let manifest = parts.manifest(&format!("1.0.{n}"));
        let repository = repository.clone();
        requests.spawn(async move { repository.put_manifest(&format!("v{n}"), &manifest).await });
    }
    while let Some(result) = requests.join_next().await {
        result??;
    }
    Ok(format!("{:.1}", started.elapsed().as_secs_f64()))
}
