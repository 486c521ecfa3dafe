//! Many agents that ask within a second what a tag names.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use reqwest::Client;
use tokio::task::JoinSet;

use crate::times::Times;

/// The time within which all agents begin.
const SPREAD: Duration = Duration::from_secs(1);
/// What Istio's agents accept, in their order.
const ACCEPT: &str = "application/vnd.docker.distribution.manifest.v1+json,\
    application/vnd.docker.distribution.manifest.v1+prettyjws,application/vnd.docker.distribution.manifest.v2+json,\
    application/vnd.oci.image.manifest.v1+json,application/vnd.docker.distribution.manifest.list.v2+json,\
    application/vnd.oci.image.index.v1+json";

/// Who asks for what.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// host:port of the registry
    host: String,
    /// How many agents
    #[arg(long, default_value_t = 1000)]
    agents: u32,
    /// How often they all ask
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Plugins that they ask for, `fleet/p0` and on
    #[arg(long, default_value_t = 500)]
    plugins: u32,
}

pub(crate) async fn run(args: Args) -> Result<String> {
    // An agent has its client, and loads its certificates, before it is told of anything.
    let clients: Vec<Client> = (0..args.agents).map(|_| client()).collect::<Result<_, _>>()?;
    let (mut times, mut statuses) = (Times::default(), BTreeMap::<String, usize>::new());
    for round in 0..args.rounds {
        for (time, status) in ask_all(&args, &clients, round).await {
            times.push(time);
            *statuses.entry(status).or_default() += 1;
        }
    }
    let answers: Vec<String> = statuses.iter().map(|(status, count)| format!("{count} x {status}")).collect();
    Ok(format!(
        "| {} agents re-resolve within 1 s, {} times | |\n|---|--:|\n| answers | {} |\n| median (ms) | {:.1} |\n\
         | p99 (ms) | {:.1} |\n| slowest (ms) | {:.1} |\n",
        args.agents,
        args.rounds,
        answers.join(", "),
        times.median_ms(),
        times.percentile_ms(99),
        times.percentile_ms(100),
    ))
}

/// A client that keeps no connection from one round to the next.
fn client() -> reqwest::Result<Client> {
    Client::builder().user_agent("go-containerregistry/v0.21.6").pool_idle_timeout(SPREAD / 2).build()
}

async fn ask_all(args: &Args, clients: &[Client], round: u32) -> Vec<(Duration, String)> {
    let mut asking = JoinSet::new();
    for (agent, client) in (0..args.agents).zip(clients) {
        let client = client.clone();
        let host = args.host.clone();
        let plugin = (agent + round) % args.plugins;
        let begins = SPREAD / args.agents * agent;
        asking.spawn(async move {
            tokio::time::sleep(begins).await;
            ask(&client, &host, agent, plugin).await
        });
    }
    asking.join_all().await
}

/// Ping and manifest, as an agent does that has the module: how long both took, and how it ended.
async fn ask(client: &Client, host: &str, agent: u32, plugin: u32) -> (Duration, String) {
    let began = Instant::now();
    let asked = async {
        client.get(format!("http://{host}/v2/")).send().await?.error_for_status()?;
        let manifest = client
            .get(format!("http://{host}/v2/fleet/p{plugin}/manifests/v1"))
            .header("accept", ACCEPT)
            .header("hwasm-node-id", format!("gw-{agent}"));
        let answer = manifest.send().await?;
        let status = answer.status();
        answer.bytes().await?;
        Ok::<_, reqwest::Error>(status)
    };
    let outcome = match asked.await {
        Ok(status) => status.as_u16().to_string(),
        Err(error) => error.status().map_or_else(|| format!("{error}"), |status| status.as_u16().to_string()),
    };
    (began.elapsed(), outcome)
}
