use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::{
    Desired, DesiredPlugin, FailedPull, Live, Moved, OnFailedPull, Pull, PullSecret, PullSecretError, Pulled,
    Watched,
};
use crate::oci::Digest;
use crate::plugin::{EffectivePolicy, FailStrategy, WasmPlugin};

/// Pause after the first failed pull; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between pulls that fail, unless the server asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause that a server may ask for.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_mins(10);
/// How long a plugin's first pull may take before `failStrategy` decides what happens to requests meanwhile: an Envoy
/// that waits for one plugin opens no listener for the others.
const PATIENCE: Duration = Duration::from_secs(5);

/// What becomes of each plugin that the files ask for: pure, time and results come in, pulls and states go out.
#[derive(Debug, Default)]
pub(super) struct Tending {
    on_failed_pull: OnFailedPull,
    plugins: BTreeMap<String, Tended>,
}

/// One plugin.
#[derive(Debug)]
struct Tended {
    desired: DesiredPlugin,
    /// What Envoys are told to run, with the configuration that came with it.
    running: Option<Running>,
    /// The version that is being pulled, and since when.
    pulling: Option<(String, Instant)>,
    /// When to pull next: at once after a change, later after a failure, never while all is well.
    due: Option<Instant>,
    /// Pulls that failed in a row.
    failures: u32,
    /// How often the tag was found to have moved; part of the version, so that it is a new one.
    moves: u64,
    /// Whether it is pulled because it moved, and not because its file changed.
    is_for_move: bool,
    /// Whether it moved while it was being pulled.
    moved_meanwhile: bool,
    /// What the URL was last heard to stand for.
    names: Option<Digest>,
    last: Option<LastPull>,
}

/// A module that is served, and the plugin as it was when it was pulled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Running {
    pub(super) plugin: WasmPlugin,
    pub(super) module: Pulled,
    since: SystemTime,
}

/// A pull to begin.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DuePull {
    pub(super) pull: Pull,
    pub(super) secret: Option<Result<PullSecret, PullSecretError>>,
}

/// How the newest pull ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastPull {
    /// When.
    #[serde(with = "humantime_serde")]
    pub at: SystemTime,
    /// Why the module was fetched, or was not; or what went wrong.
    pub outcome: String,
}

/// The moment at which something happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) time: SystemTime,
}

/// What is served for a plugin.
#[derive(Debug, PartialEq)]
pub(super) enum Served<'a> {
    /// The module.
    Module(&'a Running),
    /// No module ever came, and the plugin's `failStrategy` says what happens to requests.
    StandIn(FailStrategy),
}

/// What there is to say about one plugin.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginStatus {
    /// The name of its filter and ECDS resource.
    pub resource: String,
    /// The plugin's name.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its place in the chain, counted from 1.
    pub position: usize,
    /// Where its module is.
    pub url: String,
    /// The pull policy in effect.
    pub policy: EffectivePolicy,
    /// The version that its file asks for.
    pub wanted: String,
    /// The digest that it asks for, or that its URL stands for, as far as that is known.
    pub wanted_manifest: Option<Digest>,
    /// Whether the wanted version is the one that is served.
    pub state: PluginState,
    /// The module that is served.
    pub running: Option<Pulled>,
    /// Since when.
    #[serde(with = "humantime_serde::option")]
    pub running_since: Option<SystemTime>,
    /// How the newest pull ended.
    pub last_pull: Option<LastPull>,
    /// Seconds until the next one, if one is planned.
    pub next_pull_secs: Option<u64>,
}

/// How a plugin is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginState {
    /// What the file asks for is served.
    Current,
    /// It is being pulled, and nothing has failed.
    Pulling,
    /// The newest pull failed; the module of an earlier version is served. It may be being pulled again.
    Stale,
    /// There is no module to serve: `failStrategy` decides what happens to requests.
    Failing,
}

impl Tending {
    pub(super) fn new(on_failed_pull: OnFailedPull) -> Self {
        Self { on_failed_pull, plugins: BTreeMap::new() }
    }

    /// Takes over what the files ask for now.
    pub(super) fn wish(&mut self, desired: Desired, now: Now) {
        let mut before = std::mem::take(&mut self.plugins);
        for (name, desired) in desired.plugins {
            let tended = match before.remove(&name) {
                Some(tended) if tended.desired == desired => tended,
                Some(tended) if tended.asks_for_the_same(&desired) => Tended { desired, ..tended },
                Some(tended) => {
                    let names = tended.names.filter(|_| tended.desired.pull.url == desired.pull.url);
                    Tended {
                        desired,
                        names,
                        due: Some(now.instant),
                        failures: 0,
                        is_for_move: false,
                        ..tended
                    }
                }
                None => Tended::new(desired, now),
            };
            self.plugins.insert(name, tended);
        }
    }

    /// The pulls to begin now.
    pub(super) fn due(&mut self, now: Now) -> Vec<DuePull> {
        let due = |tended: &&mut Tended| {
            tended.pulling.is_none() && tended.due.is_some_and(|due| due <= now.instant)
        };
        self.plugins.values_mut().filter(due).map(|tended| tended.begin(now)).collect()
    }

    /// When [`due`](Self::due) has something next, or [`served`](Self::served) another answer.
    pub(super) fn next_due(&self, now: Now) -> Option<Instant> {
        let next = |tended: &Tended| match &tended.pulling {
            None => tended.due,
            Some((_, since)) if tended.running.is_none() => {
                Some(*since + PATIENCE).filter(|end| *end > now.instant)
            }
            Some(_) => None,
        };
        self.plugins.values().filter_map(next).min()
    }

    /// A pull has ended. One that was begun for a version that nobody asks for any more is forgotten.
    pub(super) fn ended(&mut self, pull: &Pull, result: Result<Pulled, FailedPull>, now: Now) {
        if let Some(tended) = self.plugins.get_mut(&pull.resource) {
            tended.ended(pull, result, now);
        }
    }

    /// What a plugin's URL stands for has changed: it is resolved again, as for a new version. A pull that is under way is
    /// let be, and another follows it: it may have come too early.
    pub(super) fn moved(&mut self, moved: Moved, now: Now) {
        let Some(tended) = self.plugins.get_mut(&moved.resource) else { return };
        if tended.policy() != EffectivePolicy::Always {
            return;
        }
        tended.names = moved.names;
        if tended.pulling.is_some() {
            tended.moved_meanwhile = true;
        } else {
            tended.look_again(now);
        }
    }

    /// The plugins whose URL may come to stand for something else. One that has no module yet is being pulled anyhow.
    pub(super) fn watched(&self) -> Vec<Watched> {
        let watched = self.plugins.values().filter(|tended| tended.policy() == EffectivePolicy::Always);
        watched.filter_map(Tended::watched).collect()
    }

    /// What is served for each plugin; nothing for one whose first pull has just begun.
    pub(super) fn served(&self, now: Now) -> impl Iterator<Item = (&str, Served<'_>)> {
        self.plugins
            .iter()
            .filter_map(move |(name, tended)| Some((name.as_str(), tended.served(self.on_failed_pull, now)?)))
    }

    /// What must stay in the cache.
    pub(super) fn live(&self) -> Live {
        let running = self.plugins.values().filter_map(|tended| tended.running.as_ref());
        Live {
            resources: self.plugins.keys().cloned().collect(),
            modules: running.filter_map(|running| running.module.module.clone()).collect(),
        }
    }

    /// What there is to say about each plugin, in the chain's order.
    pub(super) fn status(&self, now: Now) -> Vec<PluginStatus> {
        let mut status: Vec<PluginStatus> = self
            .plugins
            .iter()
            .map(|(name, tended)| tended.status(name, (self.on_failed_pull, now)))
            .collect();
        status.sort_by_key(|plugin| plugin.position);
        status
    }
}

impl Tended {
    fn new(desired: DesiredPlugin, now: Now) -> Self {
        Self {
            desired,
            running: None,
            pulling: None,
            due: Some(now.instant),
            failures: 0,
            moves: 0,
            is_for_move: false,
            moved_meanwhile: false,
            names: None,
            last: None,
        }
    }

    fn policy(&self) -> EffectivePolicy {
        let spec = &self.desired.plugin.spec;
        spec.image_pull_policy.effective(&self.desired.pull.url, &spec.sha256)
    }

    /// The pull, with a version that tells a moved tag from the resource's own changes.
    fn pull(&self) -> Pull {
        let pull = self.desired.pull.clone();
        if self.moves == 0 {
            pull
        } else {
            Pull { version: format!("{}.{}", pull.version, self.moves), ..pull }
        }
    }

    fn asks_for_the_same(&self, desired: &DesiredPlugin) -> bool {
        self.desired.pull == desired.pull && self.desired.secret == desired.secret
    }

    fn watched(&self) -> Option<Watched> {
        let secret = self.desired.secret.clone().transpose().ok()?;
        let manifest = self.running.as_ref()?.module.manifest.clone();
        Some(Watched { pull: self.desired.pull.clone(), secret, manifest })
    }

    fn served(&self, on_failed_pull: OnFailedPull, now: Now) -> Option<Served<'_>> {
        let keeps = self.failures == 0 || on_failed_pull == OnFailedPull::LastGood;
        let is_slow = self.pulling.as_ref().is_some_and(|(_, since)| now.instant >= *since + PATIENCE);
        match &self.running {
            Some(running) if keeps => Some(Served::Module(running)),
            _ if self.failures > 0 || is_slow => {
                Some(Served::StandIn(self.desired.plugin.spec.fail_strategy))
            }
            _ => None,
        }
    }

    fn begin(&mut self, now: Now) -> DuePull {
        let pull = self.pull();
        self.pulling = Some((pull.version.clone(), now.instant));
        self.due = None;
        DuePull { pull, secret: self.desired.secret.clone() }
    }

    fn look_again(&mut self, now: Now) {
        self.moves += 1;
        self.is_for_move = true;
        self.due = Some(now.instant);
    }

    fn ended(&mut self, pull: &Pull, result: Result<Pulled, FailedPull>, now: Now) {
        if self.pulling.as_ref().is_none_or(|(version, _)| *version != pull.version) {
            return;
        }
        self.pulling = None;
        let outcome = match &result {
            Ok(pulled) if self.is_for_move => {
                format!("{}: what its URL stands for has changed", pulled.action)
            }
            Ok(pulled) => pulled.to_string(),
            Err(failed) => failed.reason.clone(),
        };
        self.last = Some(LastPull { at: now.time, outcome });
        if self.pull() != *pull {
            // The file changed meanwhile, and what it asks for now is due.
            return;
        }
        match result {
            Ok(module) => {
                self.failures = 0;
                self.names.clone_from(&module.manifest);
                self.run(module, now);
            }
            Err(failed) => {
                match failed.last_good.filter(|_| self.running.is_none()) {
                    Some(module) => self.run(module, now),
                    None => self.reconfigure(),
                }
                self.failures = self.failures.saturating_add(1);
                self.due = Some(now.instant + pause(self.failures, failed.retry_after));
            }
        }
        if std::mem::take(&mut self.moved_meanwhile) {
            self.look_again(now);
        }
    }

    /// What it asks for, as far as a digest says it.
    fn wanted_manifest(&self) -> Option<&Digest> {
        let pull = &self.desired.pull;
        pull.url.digest().or(pull.sha256.as_ref()).or(self.names.as_ref())
    }

    fn run(&mut self, module: Pulled, now: Now) {
        let same_file = self.running.as_ref().filter(|running| running.module.path == module.path);
        let since = same_file.map_or(now.time, |running| running.since);
        self.running = Some(Running { plugin: self.desired.plugin.clone(), module, since });
    }

    /// The module that is there serves on, with what the file says now, if the file still names the same one.
    fn reconfigure(&mut self) {
        let wanted = &self.desired.plugin;
        if let Some(running) =
            self.running.as_mut().filter(|running| running.plugin.spec.url == wanted.spec.url)
        {
            running.plugin = wanted.clone();
        }
    }

    fn state(&self, on_failed_pull: OnFailedPull, now: Now) -> PluginState {
        match self.served(on_failed_pull, now) {
            Some(Served::StandIn(_)) => PluginState::Failing,
            Some(Served::Module(_)) if self.failures > 0 => PluginState::Stale,
            Some(Served::Module(_)) if self.pulling.is_none() => PluginState::Current,
            Some(Served::Module(_)) | None => PluginState::Pulling,
        }
    }

    fn status(&self, resource: &str, (on_failed_pull, now): (OnFailedPull, Now)) -> PluginStatus {
        let metadata = &self.desired.plugin.metadata;
        PluginStatus {
            resource: resource.to_owned(),
            name: metadata.name.clone(),
            namespace: metadata.namespace.clone(),
            position: self.desired.position,
            url: self.desired.pull.url.to_string(),
            policy: self.policy(),
            wanted: self.desired.pull.version.clone(),
            wanted_manifest: self.wanted_manifest().cloned(),
            state: self.state(on_failed_pull, now),
            running: self.running.as_ref().map(|running| running.module.clone()),
            running_since: self.running.as_ref().map(|running| running.since),
            last_pull: self.last.clone(),
            next_pull_secs: self.due.map(|due| due.saturating_duration_since(now.instant).as_secs()),
        }
    }
}

/// The pause after so many failures in a row, of which the last may have come with a wish.
fn pause(failures: u32, asked: Option<Duration>) -> Duration {
    let ours = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    ours.min(LONGEST_PAUSE).max(asked.unwrap_or_default().min(LONGEST_ASKED_PAUSE))
}

#[cfg(test)]
mod tests;
