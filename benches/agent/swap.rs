//! From a push to the first response by the new module.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::gateway::Gateway;
use crate::modules::{Module, Template};
use crate::plain::{PlainServer, only_plugin};
use crate::registry::Repository;
use crate::streams::{Heard, Stream};
use crate::times::Times;

/// Rest before and after a swap: what went before it, be it the packing of a new module or the old one's end, is not its
/// cost.
const REST: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(20);

/// Who takes part.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// host:port of the registry
    #[arg(long)]
    registry: String,
    /// Repository of the plugin, whose tag is `p0`
    #[arg(long)]
    repository: String,
    /// The agent's discovery server
    #[arg(long)]
    agent: SocketAddr,
    /// The Envoy that takes its plugin from the agent
    #[arg(long)]
    gateway: String,
    /// Where the plain discovery server is to listen
    #[arg(long)]
    plain: SocketAddr,
    /// The Envoy that takes its plugin from the plain discovery server
    #[arg(long)]
    plain_gateway: String,
    /// The directory with the one `WasmPlugin`
    #[arg(long)]
    wasmplugins: PathBuf,
    /// Swaps of each kind
    #[arg(long, default_value_t = 20)]
    rounds: usize,
}

pub(crate) async fn run(args: Args) -> Result<String> {
    let modules = tempfile::tempdir()?;
    let plain = PlainServer::start(args.plain, &args.wasmplugins, modules.path()).await?;
    let (tell, heard) = mpsc::unbounded_channel();
    let (name, _) = only_plugin(&args.wasmplugins)?;
    tokio::spawn(Stream::open(args.agent, 0, &[name]).await?.tell(tell));
    let mut bench = Bench {
        repository: Repository::new(&args.registry, &args.repository),
        gateway: Gateway::new(args.gateway),
        plain,
        plain_gateway: Gateway::new(args.plain_gateway),
        heard,
    };
    let mut report = String::from("| swap of a module (ms) | median | p90 |\n|---|--:|--:|\n");
    bench.warm_up(&Template::small()?).await?;
    for (name, template) in [("small", Template::small()?), ("large", Template::large()?)] {
        let title = format!("{name}, {:.1} kB", f64::from(u32::try_from(template.size())?) / 1000.0);
        report += &bench.measure(&template, args.rounds).await?.rows(&title);
    }
    Ok(report)
}

struct Bench {
    repository: Repository,
    gateway: Gateway,
    plain: PlainServer,
    plain_gateway: Gateway,
    /// What a stream hears that stands beside the Envoy's.
    heard: mpsc::UnboundedReceiver<Heard>,
}

/// How long the swaps of one module took.
#[derive(Default)]
struct Swaps {
    /// By the agent, from the push's end to the first response.
    agent: Times,
    /// By the agent, from the push's end until Envoys are told.
    told: Times,
    /// By the plain server, from its word to the first response.
    plain: Times,
}

impl Bench {
    /// Both Envoys run the plugin.
    async fn warm_up(&mut self, template: &Template) -> Result<()> {
        let module = template.module(0);
        std::fs::write(self.plain.path(&module.header), &module.bytes)?;
        self.plain.publish(&module.header);
        for gateway in [&self.gateway, &self.plain_gateway] {
            gateway.ready().await?;
            gateway.answers_with(&module.header).await?;
        }
        self.hear().await.map(drop)
    }

    async fn measure(&mut self, template: &Template, rounds: usize) -> Result<Swaps> {
        let mut swaps = Swaps::default();
        for round in 1..=rounds {
            // Numbers that the modules of another size do not have.
            let module = template.module(template.size() % 499 * 200 + round);
            // Neither is always the second to read the module's file.
            if round % 2 == 0 {
                self.by_agent(&module, &mut swaps).await?;
                self.plainly(&module, &mut swaps).await?;
            } else {
                self.plainly(&module, &mut swaps).await?;
                self.by_agent(&module, &mut swaps).await?;
            }
        }
        Ok(swaps)
    }

    async fn by_agent(&mut self, module: &Module, swaps: &mut Swaps) -> Result<()> {
        let scratch = tempfile::tempdir()?;
        let image = module.image(&scratch.path().join("plugin.wasm"))?;
        image.push_blobs(&self.repository).await?;
        sleep(REST).await;
        image.put_manifest(&self.repository, "p0").await?;
        let pushed = Instant::now();
        swaps.agent.push(self.gateway.answers_with(&module.header).await? - pushed);
        swaps.told.push(self.hear().await?.at.saturating_duration_since(pushed));
        sleep(REST).await;
        Ok(())
    }

    async fn plainly(&self, module: &Module, swaps: &mut Swaps) -> Result<()> {
        std::fs::write(self.plain.path(&module.header), &module.bytes)?;
        sleep(REST).await;
        let published = Instant::now();
        self.plain.publish(&module.header);
        swaps.plain.push(self.plain_gateway.answers_with(&module.header).await? - published);
        sleep(REST).await;
        Ok(())
    }

    async fn hear(&mut self) -> Result<Heard> {
        let heard = timeout(PATIENCE, self.heard.recv()).await.context("the agent says nothing")?;
        heard.context("the agent ended a stream")
    }
}

impl Swaps {
    fn rows(&self, title: &str) -> String {
        let pairs = self.agent.0.iter().zip(&self.plain.0);
        let over: Times = pairs.map(|(agent, plain)| agent.saturating_sub(*plain)).collect();
        [
            self.agent.row(&format!("{title}: push answered to first response")),
            self.plain.row(&format!("{title}: Envoy's own, from a plain xDS push")),
            over.row(&format!("{title}: over Envoy's own")),
            self.told.row(&format!("{title}: push answered until the agent tells Envoys")),
        ]
        .concat()
    }
}
