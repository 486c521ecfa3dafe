use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::agent::{
    Config, Envoys, Installation, Keeper, Keeping, Limits, ModuleCache, Publisher, Puller, Reporter,
    TagWatcher, WatchedDirectory, XdsServer,
};
use crate::client::Credentials;
use crate::gateway::Line;
use crate::server::{self, AgentPages};

use super::super::context::Context;
use super::super::exit::{Exit, Failure};
use super::super::output::{Paint, Report};
use super::agent_args::AgentArgs;

/// The cache is not swept more often than that.
const SHORTEST_PURGE_INTERVAL: Duration = Duration::from_secs(1);
/// Moved tags that wait to be pulled, before who found out waits.
const MOVES: usize = 64;

/// An agent that is ready to work.
pub(in crate::commands) struct RunningAgent {
    keeper: Keeper,
    watcher: Option<TagWatcher>,
    reporter: Option<Reporter>,
    xds: (XdsServer, TcpListener),
    status: TcpListener,
    cache: Arc<ModuleCache>,
    puller: Arc<Puller>,
    purge_interval: Duration,
}

/// What an agent serves, and where.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::commands) struct AgentReady {
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

impl RunningAgent {
    /// An agent for the resources of `wasmplugins` that listens on `listen`; nothing is pulled or served yet.
    pub(in crate::commands) async fn prepare(
        context: &Context,
        config: &Config,
        args: &AgentArgs,
        (wasmplugins, listen): (PathBuf, SocketAddr),
    ) -> anyhow::Result<(Self, AgentReady)> {
        if !wasmplugins.is_dir() {
            let message = format!("`{}` is no directory", wasmplugins.display());
            return Err(Failure::new(Exit::Usage, message).into());
        }
        let installation = args.installation(context)?;
        let cache_dir = args.keeping.cache.clone().unwrap_or_else(|| config.cache_dir.clone());
        let (xds, status) = (bind(listen).await?, bind(args.keeping.status_listen).await?);
        let ready = AgentReady {
            listen: xds.local_addr()?,
            status: status.local_addr()?,
            wasmplugins: wasmplugins.clone(),
            cache: cache_dir.clone(),
            line: installation.line,
        };
        let cache = ModuleCache::open(&cache_dir, config.cache_limits())?;
        let puller =
            Arc::new(Puller::new(Arc::clone(&cache), config.puller_options(Credentials::default())?));
        let directory =
            WatchedDirectory::new(wasmplugins).with_secret_files(args.keeping.pull_secrets.clone());
        let (keeper, watcher, xds_server) = assemble(args, installation, directory, &puller);
        let follows_tags = args.keeping.watch.is_some();
        let reporter = (config.report && !config.node_id.is_empty()).then(|| {
            Reporter::new(Arc::clone(&puller), config.node_id.clone(), follows_tags, keeper.status())
        });
        let purge_interval = config.purge_interval.max(SHORTEST_PURGE_INTERVAL);
        Ok((
            Self { keeper, watcher, reporter, xds: (xds_server, xds), status, cache, puller, purge_interval },
            ready,
        ))
    }

    /// Works until `stop`, then writes down what is known.
    pub(in crate::commands) async fn run(self, stop: CancellationToken) {
        let Self { keeper, watcher, reporter, xds, status, cache, puller, purge_interval } = self;
        let pages = AgentPages { status: keeper.status(), metrics: Arc::clone(puller.metrics()) };
        let watching = async {
            if let Some(watcher) = watcher {
                watcher.run(stop.clone().cancelled_owned()).await;
            }
        };
        let reporting = async {
            if let Some(reporter) = reporter {
                reporter.run(stop.clone().cancelled_owned()).await;
            }
        };
        let (xds_server, listener) = xds;
        tokio::join!(
            keeper.run(Arc::clone(&puller), stop.clone().cancelled_owned()),
            watching,
            reporting,
            xds_server.serve(listener, stop.clone().cancelled_owned()),
            server::serve_agent_status(status, pages, stop.clone().cancelled_owned()),
            sweep(&puller, purge_interval, stop.clone()),
        );
        cache.save().await;
    }
}

fn assemble(
    args: &AgentArgs,
    installation: Installation,
    directory: WatchedDirectory,
    puller: &Arc<Puller>,
) -> (Keeper, Option<TagWatcher>, XdsServer) {
    let (limits, publisher) = (Limits::default(), Publisher::new(installation.line));
    let envoys = Envoys::new(&limits, Arc::new(SystemTime::now));
    let xds_server = XdsServer::new(&publisher, &envoys, &limits);
    let (tell, moved) = mpsc::channel(MOVES);
    let on_failed_pull = args.keeping.on_failed_pull;
    let keeper = Keeper::new(Keeping { installation, directory, publisher, envoys, moved, on_failed_pull });
    let watcher =
        args.keeping.watch.map(|every| TagWatcher::new(Arc::clone(puller), every, keeper.watched(), tell));
    (keeper, watcher, xds_server)
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on `{address}`"))
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

impl Report for AgentReady {
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
