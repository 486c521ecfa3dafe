//! Plugins, and agents that run them.

use anyhow::{Result, ensure};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::Client;
use serde_json::json;

use crate::registry::Repository;

/// Agents that report at a time.
const AT_A_TIME: usize = 16;

/// How many, and where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// host:port of the registry
    host: String,
    /// Repositories `fleet/p0` and on, each with the tag `v1`, which has moved once
    #[arg(long, default_value_t = 500)]
    plugins: usize,
    /// Agents
    #[arg(long, default_value_t = 10_000)]
    agents: usize,
    /// Plugins of each agent
    #[arg(long, default_value_t = 20)]
    each: usize,
}

pub(crate) async fn run(args: Args) -> Result<String> {
    let digests: Vec<[String; 2]> = stream::iter(0..args.plugins)
        .map(|number| push(&args.host, number))
        .buffered(AT_A_TIME)
        .try_collect()
        .await?;
    let client = Client::new();
    stream::iter(0..args.agents)
        .map(|agent| report(&client, &args, agent, &digests))
        .buffer_unordered(AT_A_TIME)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(String::new())
}

/// Pushes a plugin twice under one tag; the digests of both.
async fn push(host: &str, number: usize) -> Result<[String; 2]> {
    let repository = Repository::new(host, &format!("fleet/p{number}"));
    let parts = repository.push_parts(1000).await?;
    let (old, new) = (parts.manifest(&format!("old {number}")), parts.manifest(&format!("new {number}")));
    repository.put_manifest("v1", &old).await?;
    repository.put_manifest("v1", &new).await?;
    Ok([old.digest, new.digest])
}

/// An agent says that it runs its share of the plugins; one in ten has stayed behind.
async fn report(client: &Client, args: &Args, agent: usize, digests: &[[String; 2]]) -> Result<()> {
    let plugins: Vec<_> = (0..args.each)
        .map(|at| {
            let number = (agent * args.each + at) % args.plugins;
            let running = &digests[number][usize::from(!agent.is_multiple_of(10))];
            let url = format!("oci://{}/fleet/p{number}:v1", args.host);
            let name = format!("p{number}");
            json!({ "namespace": "higress-system", "name": name, "url": url, "imagePullPolicy": "Always",
                    "wanted": digests[number][1], "running": running })
        })
        .collect();
    let body = json!({ "leaseSecs": 86_400, "watches": true, "plugins": plugins });
    let url = format!("http://{}/api/v1/agents/gw-{agent}/status", args.host);
    let status = client.post(url).json(&body).send().await?.status();
    ensure!(status == 200, "a report was answered {status}");
    Ok(())
}
