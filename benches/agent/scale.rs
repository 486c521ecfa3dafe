//! Many plugins on many streams.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::modules::Template;
use crate::plain::plugins;
use crate::process::Process;
use crate::registry::Repository;
use crate::streams::{Heard, Stream};
use crate::times::Times;

/// How long the agent may rest until what came before does not count any more.
const REST: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_mins(1);
/// How many streams are opened at a time.
const OPENING: usize = 16;

/// Who takes part.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// host:port of the registry
    #[arg(long)]
    registry: String,
    /// Repository of the plugins: each one's tag is its name
    #[arg(long)]
    repository: String,
    /// The agent's discovery server
    #[arg(long)]
    agent: SocketAddr,
    /// The agent's status page, host:port
    #[arg(long)]
    status: String,
    /// The agent
    #[arg(long)]
    pid: u32,
    /// The directory of the `WasmPlugin`s
    #[arg(long)]
    wasmplugins: PathBuf,
    /// Streams to open
    #[arg(long, default_value_t = 1_000)]
    streams: usize,
    /// Plugins to change, one after another
    #[arg(long, default_value_t = 10)]
    changes: usize,
    /// Seconds to watch the agent do nothing
    #[arg(long, default_value_t = 30)]
    idle_seconds: u64,
}

pub(crate) async fn run(args: Args) -> Result<String> {
    let names = plugins(&args.wasmplugins).map(|(name, _)| name).collect();
    let mut crowd = Crowd::new(args.agent, Process(args.pid), names);
    let changes = Changes {
        repository: Repository::new(&args.registry, &args.repository),
        metrics: format!("http://{}/metrics", args.status),
        count: args.changes,
    };
    sleep(REST).await;
    let memory_before = crowd.agent.resident_kib()?;
    crowd.grow_to(1).await?;
    let alone = changes.run(&mut crowd, 1).await?;
    let opened = Instant::now();
    crowd.grow_to(args.streams).await?;
    let opening = opened.elapsed();
    sleep(REST).await;
    let memory = crowd.agent.resident_kib()?;
    let idle = crowd.idle(Duration::from_secs(args.idle_seconds)).await?;
    let together = changes.run(&mut crowd, 1 + args.changes).await?;
    let title = format!("{} plugins, {} streams", crowd.names.len(), args.streams);
    let each = memory.saturating_sub(memory_before) / u64::try_from(args.streams)?;
    let rows = [
        ("agent without streams (RSS, MB)", mb(memory_before)),
        ("agent with all streams idle (RSS, MB)", mb(memory)),
        ("for each idle stream (KiB)", each.to_string()),
        ("until every stream has every plugin (s)", format!("{:.1}", opening.as_secs_f64())),
        (&format!("agent's CPU in {} s of idleness (ms)", args.idle_seconds), idle.as_millis().to_string()),
        ("a push reaches the first stream (ms, median)", format!("{:.1}", together.first.median_ms())),
        ("a push reaches the last stream (ms, median)", format!("{:.1}", together.last.median_ms())),
        ("a push reaches the last stream (ms, p90)", format!("{:.1}", together.last.percentile_ms(90))),
        ("agent's CPU for a change, 1 stream (ms)", alone.busy_ms()),
        ("agent's CPU for a change, all streams (ms)", together.busy_ms()),
        ("modules fetched for a change", together.fetched_each()),
        ("contents that the streams were told for a change", together.contents.to_string()),
    ];
    let rows = rows.map(|(title, value)| format!("| {title} | {value} |\n"));
    Ok(format!("| {title} | |\n|---|--:|\n{}", rows.concat()))
}

fn mb(kib: u64) -> String {
    format!("{:.1}", f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0)
}

/// The streams that are open.
struct Crowd {
    at: SocketAddr,
    agent: Process,
    names: Vec<String>,
    size: usize,
    telling: JoinSet<Result<()>>,
    tell: mpsc::UnboundedSender<Heard>,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl Crowd {
    fn new(at: SocketAddr, agent: Process, names: Vec<String>) -> Self {
        let (tell, heard) = mpsc::unbounded_channel();
        Self { at, agent, names, size: 0, telling: JoinSet::new(), tell, heard }
    }

    /// Opens streams, and waits until each has heard of every plugin.
    async fn grow_to(&mut self, size: usize) -> Result<()> {
        let new: Vec<usize> = (self.size..size).collect();
        for numbers in new.chunks(OPENING) {
            let mut opening = JoinSet::new();
            for number in numbers {
                let (at, number, names) = (self.at, *number, self.names.clone());
                opening.spawn(async move { Stream::open(at, number, &names).await });
            }
            for stream in opening.join_all().await {
                self.telling.spawn(stream?.tell(self.tell.clone()));
            }
        }
        self.size = size;
        self.hear(new.len() * self.names.len()).await.map(drop)
    }

    /// So many responses.
    async fn hear(&mut self, count: usize) -> Result<Vec<Heard>> {
        let mut heard = Vec::with_capacity(count);
        while heard.len() < count {
            let next = tokio::select! {
                next = self.heard.recv() => next,
                ended = self.telling.join_next() => bail!("a stream ended: {ended:?}"),
                () = sleep(PATIENCE) => bail!("{} responses of {count} came", heard.len()),
            };
            heard.push(next.context("nobody tells")?);
        }
        Ok(heard)
    }

    /// The agent's time on a processor while nobody hears anything.
    async fn idle(&mut self, during: Duration) -> Result<Duration> {
        let before = self.agent.busy()?;
        ensure!(timeout(during, self.heard.recv()).await.is_err(), "a stream heard something");
        Ok(self.agent.busy()?.saturating_sub(before))
    }
}

/// Pushes that change one plugin each.
struct Changes {
    repository: Repository,
    /// Where the agent counts what it fetches.
    metrics: String,
    count: usize,
}

/// What became of them.
#[derive(Default)]
struct Spread {
    first: Times,
    last: Times,
    busy: Duration,
    fetched: u64,
    /// The most contents that streams were told of one change.
    contents: usize,
}

impl Changes {
    /// Changes plugins, with the modules from `number` on.
    async fn run(&self, crowd: &mut Crowd, number: usize) -> Result<Spread> {
        let mut spread = Spread::default();
        let (template, scratch) = (Template::small()?, tempfile::tempdir()?);
        let (busy, fetched) = (crowd.agent.busy()?, self.fetched().await?);
        for change in 0..self.count {
            let image = template.module(number + change).image(&scratch.path().join("plugin.wasm"))?;
            image.push_blobs(&self.repository).await?;
            image.put_manifest(&self.repository, &format!("p{change}")).await?;
            let pushed = Instant::now();
            let heard = crowd.hear(crowd.size).await?;
            spread.note(pushed, &heard)?;
        }
        spread.busy = crowd.agent.busy()?.saturating_sub(busy);
        spread.fetched = self.fetched().await? - fetched;
        ensure!(crowd.heard.is_empty(), "a stream heard of a change twice");
        Ok(spread)
    }

    /// Modules that the agent has fetched.
    async fn fetched(&self) -> Result<u64> {
        let text = reqwest::get(&self.metrics).await?.text().await?;
        let figure = |line: &str| {
            let line = line.strip_prefix("istio_agent_wasm_remote_fetch_count_total{result=\"success\"}")?;
            line.trim().parse().ok()
        };
        text.lines().find_map(figure).context("the agent does not count what it fetches")
    }
}

impl Spread {
    fn note(&mut self, pushed: Instant, heard: &[Heard]) -> Result<()> {
        let streams: BTreeSet<usize> = heard.iter().map(|heard| heard.stream).collect();
        ensure!(streams.len() == heard.len(), "a stream heard of a change twice");
        let contents: BTreeSet<(&str, &str)> =
            heard.iter().map(|heard| (heard.name.as_str(), heard.version.as_str())).collect();
        self.contents = self.contents.max(contents.len());
        let times: Times = heard.iter().map(|heard| heard.at.saturating_duration_since(pushed)).collect();
        self.first.push(times.0.iter().min().copied().unwrap_or_default());
        self.last.push(times.0.iter().max().copied().unwrap_or_default());
        Ok(())
    }

    fn busy_ms(&self) -> String {
        format!("{:.1}", self.busy.as_secs_f64() * 1000.0 / self.changes())
    }

    fn fetched_each(&self) -> String {
        format!("{:.1}", f64::from(u32::try_from(self.fetched).unwrap_or(u32::MAX)) / self.changes())
    }

    fn changes(&self) -> f64 {
        f64::from(u32::try_from(self.first.0.len()).unwrap_or(u32::MAX))
    }
}
