use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::agent::{
    Envoys, FailedPull, Installation, Keeper, Keeping, Limits, Live, ModuleCache, Publisher, Pull,
    PullSecrets, Pulled, Puller, WatchedDirectory, XdsServer,
};
use crate::client::Credentials;
use crate::gateway::Line;
use crate::plugin::WasmPlugin;
use crate::server::{self, AgentPages};
use crate::telemetry;

use super::super::context::Context;
use super::super::exit::{Exit, Failure};
use super::super::output::{Paint, Report};
use super::super::stop_signals::StopSignals;
use super::super::wasmplugin::{GatewayArgs, WorkloadArgs};

/// How often tags are asked for where nobody says how often.
const WATCH_EVERY: &str = "10s";

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// Directory of the gateway's `WasmPlugin`s (YAML or JSON), which is watched
    #[arg(long, value_name = "DIR", required = true)]
    wasmplugins: Option<PathBuf>,
    /// Where Envoys ask for plugins (gRPC)
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:18000")]
    listen: SocketAddr,
    /// Where the agent tells how it is doing (HTTP: /status, /metrics, /healthz)
    #[arg(long, value_name = "ADDRESS:PORT", default_value = super::status::DEFAULT_ADDRESS)]
    status_listen: SocketAddr,
    /// Directory of the modules, instead of `agent.cache_dir`; Envoy must be able to read it
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Directory of pull secrets: `<name>.json`, each a Docker config.json
    #[arg(long, value_name = "DIR")]
    pull_secrets: Option<PathBuf>,
    /// Resolve tags under `Always` and `latest` again and again, not only when their WasmPlugin changes
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = WATCH_EVERY, value_parser = humantime::parse_duration)]
    watch: Option<Duration>,
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
}

/// The agent is ready.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ready {
    /// Where Envoys ask for plugins.
    listen: SocketAddr,
    /// Where the agent tells how it is doing.
    status: SocketAddr,
    /// The directory that is watched.
    wasmplugins: PathBuf,
    /// Where modules are kept.
    cache: PathBuf,
    /// The gateway's line.
    line: Line,
}

/// What runs side by side until the agent is interrupted.
struct Work {
    keeper: Keeper,
    xds: (XdsServer, TcpListener),
    status: TcpListener,
    cache: Arc<ModuleCache>,
    puller: Arc<Puller>,
    secrets: Arc<PullSecrets>,
    purge_interval: Duration,
}

impl RunArgs {
    /// Runs the agent until it is interrupted.
    pub(super) async fn run(&self, context: &Context) -> anyhow::Result<()> {
        let config = context.config(Vec::new())?.config;
        let _logging =
            telemetry::start(&config.log).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let installation = self.installation(context)?;
        let directory = self.directory()?;
        let cache_dir = self.cache.clone().unwrap_or_else(|| config.agent.cache_dir.clone());
        let (xds, status) = (bind(self.listen).await?, bind(self.status_listen).await?);
        let ready = Ready {
            listen: xds.local_addr()?,
            status: status.local_addr()?,
            wasmplugins: directory.clone(),
            cache: cache_dir.clone(),
            line: installation.line,
        };
        let cache = ModuleCache::open(&cache_dir, config.agent.cache_limits())?;
        let options = config.agent.puller_options(Credentials::default())?;
        let (limits, publisher) = (Limits::default(), Publisher::new(installation.line));
        let envoys = Envoys::new(&limits, Arc::new(SystemTime::now));
        let xds_server = XdsServer::new(&publisher, &envoys, &limits);
        let directory = WatchedDirectory::new(directory);
        let resolve_every = self.watch;
        let work = Work {
            keeper: Keeper::new(Keeping { installation, directory, publisher, envoys, resolve_every }),
            xds: (xds_server, xds),
            status,
            puller: Arc::new(Puller::new(Arc::clone(&cache), options)),
            cache,
            secrets: Arc::new(self.secrets()?),
            purge_interval: config.agent.purge_interval,
        };
        let mut signals = StopSignals::listen()?;
        context.output.report(&ready)?;
        let stop = CancellationToken::new();
        let stopping = async {
            signals.next().await;
            stop.cancel();
        };
        tokio::join!(work.run(stop.clone()), stopping);
        Ok(())
    }

    fn directory(&self) -> anyhow::Result<PathBuf> {
        let directory = self.wasmplugins.clone().context("`--wasmplugins` is required")?;
        if !directory.is_dir() {
            let message = format!("`{}` is no directory", directory.display());
            return Err(Failure::new(Exit::Usage, message).into());
        }
        Ok(directory)
    }

    fn installation(&self, context: &Context) -> anyhow::Result<Installation> {
        let settings = self.gateway.settings(context)?;
        let workload = self.workload.workload(&settings);
        Ok(Installation { line: self.workload.line, settings, workload })
    }

    fn secrets(&self) -> anyhow::Result<PullSecrets> {
        let mut secrets = PullSecrets::default();
        if let Some(directory) = &self.pull_secrets {
            let added = secrets.add_directory(directory);
            added.with_context(|| format!("cannot read pull secrets from `{}`", directory.display()))?;
        }
        Ok(secrets)
    }
}

impl Work {
    /// Works until `stop`, then writes down what is known.
    async fn run(self, stop: CancellationToken) {
        let Self { keeper, xds, status, cache, puller, secrets, purge_interval } = self;
        let pages = AgentPages { status: keeper.status(), metrics: Arc::clone(puller.metrics()) };
        let pulling = Arc::clone(&puller);
        let pull = move |pull: Pull, plugin: WasmPlugin| {
            let (puller, secrets) = (Arc::clone(&pulling), Arc::clone(&secrets));
            async move { fetch(&puller, &secrets, (pull, plugin)).await }
        };
        let in_use = Arc::clone(&cache);
        let live = move |live: Live| in_use.set_live(live);
        let (xds_server, listener) = xds;
        tokio::join!(
            keeper.run(pull, live, stop.clone().cancelled_owned()),
            xds_server.serve(listener, stop.clone().cancelled_owned()),
            server::serve_agent_status(status, pages, stop.clone().cancelled_owned()),
            sweep(&puller, purge_interval, stop),
        );
        cache.save().await;
    }
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on `{address}`"))
}

/// One pull, with the secret that the plugin names.
async fn fetch(
    puller: &Puller,
    secrets: &PullSecrets,
    (pull, plugin): (Pull, WasmPlugin),
) -> Result<Pulled, FailedPull> {
    let name = plugin.spec.image_pull_secret.as_str();
    let namespace = plugin.metadata.namespace.as_deref();
    let secret = (!name.is_empty()).then(|| secrets.find(namespace, name)).transpose();
    let (reason, last_good) = match secret {
        Ok(secret) => match puller.pull(&pull, secret).await {
            Ok(module) => return Ok(module),
            Err(error) => (with_causes(&error), puller.last_good(&pull, secret).await),
        },
        Err(error) => (error.to_string(), None),
    };
    tracing::warn!(plugin = pull.resource, %reason, "a module could not be pulled");
    Err(FailedPull { reason, last_good })
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

/// Sweeps the cache now and then until `stop`.
async fn sweep(puller: &Puller, every: Duration, stop: CancellationToken) {
    let mut due = tokio::time::interval(every);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = due.tick() => {}
        }
        let swept = puller.sweep().await;
        if swept.files > 0 {
            tracing::info!(modules = swept.modules, bytes = swept.bytes, "removed idle modules");
        }
    }
}

impl Report for Ready {
    fn text(&self, paint: Paint) -> String {
        format!(
            "serving the plugins of {} to Envoys at {} ({}), modules in {}\nstatus at {}",
            self.wasmplugins.display(),
            paint.strong(&self.listen.to_string()),
            self.line,
            self.cache.display(),
            paint.strong(&format!("http://{}/status", self.status)),
        )
    }
}
