use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt as _;
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::doubts::Doubts;
use super::tended::{DuePull, Now, Served};
use super::tending::Tending;
use super::{
    Desired, EnvoyStatus, Envoys, FailedPull, FileFault, Installation, Modules, Moved, OnFailedPull,
    PluginStatus, Publisher, PullAction, Pulled, ReportedPlugin, Resource, ResourceState, Watched,
    WatchedDirectory,
};
use crate::gateway::{ExcludedReport, Line};
use crate::oci::Digest;
use crate::plugin::FailStrategy;
use crate::policy::Pull;

/// How often the directory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often a resource that an Envoy refused is sent to it once more.
const OFFER_AGAIN_EVERY: Duration = Duration::from_mins(1);

/// Keeps what is served in step with a directory of `WasmPlugin`s: pulls what a change asks for, each plugin for itself, and
/// publishes what there is.
pub struct Keeper {
    installation: Installation,
    /// Looked at on a thread that may block.
    directory: Arc<Mutex<WatchedDirectory>>,
    publisher: Publisher,
    envoys: Envoys,
    /// The plugins whose URL has come to stand for something else.
    moved: mpsc::Receiver<Moved>,
    /// What is to be watched for that.
    watched: watch::Sender<Vec<Watched>>,
    tending: Tending,
    doubts: Doubts,
    excluded: Vec<ExcludedReport>,
    status: watch::Sender<KeptStatus>,
}

/// What a [`Keeper`] is made of.
pub struct Keeping {
    /// The gateway.
    pub installation: Installation,
    /// Its resources.
    pub directory: WatchedDirectory,
    /// Where the modules go.
    pub publisher: Publisher,
    /// Who takes them.
    pub envoys: Envoys,
    /// The plugins whose URL has come to stand for something else; closed where nobody watches.
    pub moved: mpsc::Receiver<Moved>,
    /// What requests meet while a module cannot be pulled.
    pub on_failed_pull: OnFailedPull,
}

#[derive(Clone, Debug, Default)]
struct KeptStatus {
    plugins: Vec<PluginStatus>,
    excluded: Vec<ExcludedReport>,
    files: Vec<FileFault>,
}

/// How an agent is doing.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentStatus {
    /// The gateway's line.
    pub line: Line,
    /// The plugins, in the chain's order.
    pub plugins: Vec<ReportedPlugin>,
    /// The plugins that the gateway does not run, and why.
    pub excluded: Vec<ExcludedReport>,
    /// Files that are not in order; what they said before counts.
    pub files: Vec<FileFault>,
    /// The Envoys that are connected, or were not long ago.
    pub envoys: Vec<EnvoyStatus>,
}

/// Reads how a [`Keeper`] is doing while it runs.
#[derive(Clone, Debug)]
pub struct StatusReader {
    line: Line,
    kept: watch::Receiver<KeptStatus>,
    envoys: Envoys,
}

impl StatusReader {
    /// How it is doing now.
    pub fn read(&self) -> AgentStatus {
        let KeptStatus { plugins, excluded, files } = self.kept.borrow().clone();
        let envoys = self.envoys.list();
        let plugins = plugins.into_iter().map(|plugin| ReportedPlugin::of(plugin, &envoys)).collect();
        AgentStatus { line: self.line, plugins, excluded, files, envoys }
    }

    /// The plugins, in the chain's order.
    pub(super) fn plugins(&self) -> Vec<PluginStatus> {
        self.kept.borrow().plugins.clone()
    }

    /// What Envoys refuse, in a sentence for each resource.
    pub(super) fn refusals(&self) -> BTreeMap<Arc<str>, String> {
        self.envoys.refusals()
    }
}

impl Keeper {
    /// A keeper that has done nothing yet.
    pub fn new(keeping: Keeping) -> Self {
        let Keeping { installation, directory, publisher, envoys, moved, on_failed_pull } = keeping;
        Self {
            installation,
            directory: Arc::new(Mutex::new(directory)),
            publisher,
            envoys,
            moved,
            watched: watch::Sender::default(),
            tending: Tending::new(on_failed_pull),
            doubts: Doubts::default(),
            excluded: Vec::new(),
            status: watch::Sender::default(),
        }
    }

    /// The plugins under `Always` that have a module, now and while it runs.
    pub fn watched(&self) -> watch::Receiver<Vec<Watched>> {
        self.watched.subscribe()
    }

    /// Tells how it is doing, now and while it runs.
    pub fn status(&self) -> StatusReader {
        StatusReader {
            line: self.installation.line,
            kept: self.status.subscribe(),
            envoys: self.envoys.clone(),
        }
    }

    /// Works until `shutdown` completes. Pulls run side by side, one for each plugin. What is under way at the end is
    /// dropped, and nothing is withdrawn from the Envoys.
    pub async fn run(mut self, modules: impl Modules, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let [mut looking, mut offering] = [LOOK_EVERY, OFFER_AGAIN_EVERY].map(ticks);
        let (mut pulls, mut checks) = (JoinSet::new(), JoinSet::new());
        loop {
            let next_due = self.tending.next_due(now());
            tokio::select! {
                () = &mut shutdown => break,
                _ = looking.tick() => self.look().await,
                _ = offering.tick() => self.offer_again(),
                Some(moved) = self.moved.recv() => self.tending.moved(moved, now()),
                Some(ended) = pulls.join_next() => self.pulled(ended),
                () = self.envoys.refuse() => {
                    for module in self.doubtful() {
                        let checking = modules.is_sound(module.clone());
                        checks.spawn(async move { (module, checking.await) });
                    }
                }
                Some(checked) = checks.join_next() => self.checked(checked),
                () = until(next_due) => self.publish(),
            }
            modules.keep(self.tending.live());
            for DuePull { pull: due, secret } in self.tending.due(now()) {
                let pulling = modules.pull(due.clone(), secret);
                pulls.spawn(async move { (due, unbroken(pulling).await) });
            }
            self.tell();
        }
        pulls.shutdown().await;
    }

    /// Takes over what the directory asks for, if that has changed.
    async fn look(&mut self) {
        let directory = Arc::clone(&self.directory);
        let looking = tokio::task::spawn_blocking(move || lock(&directory).look());
        if looking.await.unwrap_or(false) {
            let desired = {
                let directory = lock(&self.directory);
                Desired::of(directory.plugins(), &directory.secrets(), &self.installation)
            };
            self.excluded.clone_from(&desired.excluded);
            self.tending.wish(desired, now());
            self.publish();
        }
    }

    fn pulled(&mut self, ended: Result<(Pull, Result<Pulled, FailedPull>), JoinError>) {
        let Ok((pull, result)) = ended else { return };
        let is_new_file = result.as_ref().is_ok_and(|pulled| pulled.action == PullAction::Fetched);
        self.tending.ended(&pull, result, now());
        self.publish();
        if is_new_file && self.envoys.refusals().contains_key(&*pull.resource) {
            // Under the same name an Envoy may have met, and refused, a damaged one.
            self.publisher.retry(&pull.resource);
        }
    }

    /// The modules that an Envoy refuses, if their files were not looked at just now.
    fn doubtful(&mut self) -> BTreeSet<Digest> {
        let refused = self.envoys.refusals();
        let modules = refused.keys().filter_map(|name| self.tending.module(name)).cloned();
        self.doubts.raise(modules.collect(), now().instant)
    }

    fn checked(&mut self, checked: Result<(Digest, bool), JoinError>) {
        if let Ok((module, false)) = checked {
            tracing::warn!(%module, "an Envoy refused a module whose file was damaged");
            self.tending.lost(&module, now());
        }
    }

    fn publish(&self) {
        let line = self.installation.line;
        let resources = self.tending.served(now()).map(|(name, served)| resource(name, &served, line));
        self.publisher.publish(resources);
    }

    /// What an Envoy refused may have been its own trouble: memory, say. It keeps what it ran before in the meantime.
    fn offer_again(&self) {
        for envoy in self.envoys.list() {
            for refused in envoy.resources.iter().filter(|resource| resource.state == ResourceState::Rejected)
            {
                self.publisher.retry(&refused.name);
            }
        }
    }

    fn tell(&self) {
        let (plugins, excluded) = (self.tending.status(now()), self.excluded.clone());
        self.status.send_replace(KeptStatus { plugins, excluded, files: lock(&self.directory).faults() });
        let watched = self.tending.watched();
        self.watched.send_if_modified(|before| {
            let changed = *before != watched;
            *before = watched;
            changed
        });
    }
}

fn resource(name: &str, served: &Served<'_>, line: Line) -> Resource {
    match served {
        Served::Module(running) => {
            Resource::plugin(&running.plugin, line, &running.module.path.display().to_string())
        }
        Served::StandIn(FailStrategy::FailOpen) => Resource::allow_all(name, line),
        Served::StandIn(FailStrategy::FailClose | FailStrategy::FailReload) => {
            Resource::deny_all(name, line).unwrap_or_else(|| Resource::removed(name, line))
        }
    }
}

/// A pull that panics has failed, like any other.
async fn unbroken(pull: impl Future<Output = Result<Pulled, FailedPull>>) -> Result<Pulled, FailedPull> {
    let outcome = AssertUnwindSafe(pull).catch_unwind().await;
    outcome.unwrap_or_else(|_| {
        let reason = "the pull broke off; this is a fault of the agent".to_owned();
        Err(FailedPull { reason, last_good: None, retry_after: None })
    })
}

/// Should reading a file ever panic, what was read before is still good.
fn lock(directory: &Mutex<WatchedDirectory>) -> MutexGuard<'_, WatchedDirectory> {
    directory.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Now {
    Now { instant: Instant::now(), time: SystemTime::now() }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Completes at `due`, or never.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
