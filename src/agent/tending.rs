use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::{Desired, DesiredPlugin, Live, Pull, Pulled};
use crate::plugin::{EffectivePolicy, FailStrategy, WasmPlugin};

/// Pause after the first failed pull; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between pulls that fail.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What becomes of each plugin that the files ask for: pure, time and results come in, pulls and states go out.
#[derive(Debug, Default)]
pub(super) struct Tending {
    plugins: BTreeMap<String, Tended>,
}

/// One plugin.
#[derive(Debug)]
struct Tended {
    desired: DesiredPlugin,
    /// What Envoys are told to run, with the configuration that came with it.
    running: Option<Running>,
    /// The version that is being pulled.
    pulling: Option<String>,
    /// When to pull next: at once after a change, later after a failure, never while all is well.
    due: Option<Instant>,
    /// Pulls that failed in a row.
    failures: u32,
    /// How often the tag was found to have moved; part of the version, so that it is a new one.
    moves: u64,
    last: Option<LastPull>,
}

/// A module that is served, and the plugin as it was when it was pulled.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Running {
    pub(super) plugin: WasmPlugin,
    pub(super) module: Pulled,
    since: SystemTime,
}

/// A pull that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedPull {
    /// Why.
    pub reason: String,
    /// What the resource ran before, if that is still there.
    pub last_good: Option<Pulled>,
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
    /// It is being pulled.
    Pulling,
    /// The newest pull failed; the module of an earlier version is served.
    Stale,
    /// No module could be pulled yet: `failStrategy` decides what happens to requests.
    Failing,
}

impl Tending {
    /// Takes over what the files ask for now.
    pub(super) fn wish(&mut self, desired: Desired, now: Now) {
        let mut before = std::mem::take(&mut self.plugins);
        for (name, desired) in desired.plugins {
            let tended = match before.remove(&name) {
                Some(tended) if tended.desired == desired => tended,
                Some(tended) if tended.desired.pull == desired.pull => Tended { desired, ..tended },
                Some(tended) => Tended { desired, due: Some(now.instant), failures: 0, ..tended },
                None => Tended::new(desired, now),
            };
            self.plugins.insert(name, tended);
        }
    }

    /// The pulls to begin now.
    pub(super) fn due(&mut self, now: Now) -> Vec<(Pull, WasmPlugin)> {
        let due = |tended: &&mut Tended| {
            tended.pulling.is_none() && tended.due.is_some_and(|due| due <= now.instant)
        };
        self.plugins.values_mut().filter(due).map(Tended::begin).collect()
    }

    /// When [`due`](Self::due) has something next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.plugins.values().filter(|tended| tended.pulling.is_none()).filter_map(|tended| tended.due).min()
    }

    /// A pull has ended. One that was begun for a version that nobody asks for any more is forgotten.
    pub(super) fn ended(&mut self, pull: &Pull, result: Result<Pulled, FailedPull>, now: Now) {
        if let Some(tended) = self.plugins.get_mut(&pull.resource) {
            tended.ended(pull, result, now);
        }
    }

    /// The registry may have moved the tags of plugins under `Always`: they are resolved again, as for a new version. A pull
    /// that is under way is let be: if it took longer than the next look, no pull would ever count.
    pub(super) fn look_again(&mut self, now: Now, moved: impl Fn(&Pull) -> bool) {
        for tended in self.plugins.values_mut() {
            let at_rest = tended.pulling.is_none() && tended.failures == 0;
            if at_rest && tended.policy() == EffectivePolicy::Always && moved(&tended.desired.pull) {
                tended.moves += 1;
                tended.due = Some(now.instant);
            }
        }
    }

    /// What is served for each plugin; nothing for one whose first pull is still under way.
    pub(super) fn served(&self) -> impl Iterator<Item = (&str, Served<'_>)> {
        self.plugins.iter().filter_map(|(name, tended)| {
            let served = match &tended.running {
                Some(running) => Served::Module(running),
                None if tended.failures > 0 => Served::StandIn(tended.desired.plugin.spec.fail_strategy),
                None => return None,
            };
            Some((name.as_str(), served))
        })
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
        let mut status: Vec<PluginStatus> =
            self.plugins.iter().map(|(name, tended)| tended.status(name, now)).collect();
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

    fn begin(&mut self) -> (Pull, WasmPlugin) {
        let pull = self.pull();
        self.pulling = Some(pull.version.clone());
        self.due = None;
        (pull, self.desired.plugin.clone())
    }

    fn ended(&mut self, pull: &Pull, result: Result<Pulled, FailedPull>, now: Now) {
        if self.pulling.as_ref() != Some(&pull.version) {
            return;
        }
        self.pulling = None;
        let outcome = result.as_ref().map_or_else(|failed| failed.reason.clone(), ToString::to_string);
        self.last = Some(LastPull { at: now.time, outcome });
        if self.pull() != *pull {
            // The file changed meanwhile, and what it asks for now is due.
            return;
        }
        match result {
            Ok(module) => {
                self.failures = 0;
                self.run(module, now);
            }
            Err(failed) => {
                match failed.last_good.filter(|_| self.running.is_none()) {
                    Some(module) => self.run(module, now),
                    None => self.reconfigure(),
                }
                self.failures = self.failures.saturating_add(1);
                self.due = Some(now.instant + pause(self.failures));
            }
        }
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

    fn state(&self) -> PluginState {
        match (&self.running, self.pulling.is_some()) {
            (_, true) => PluginState::Pulling,
            (None, false) if self.failures == 0 => PluginState::Pulling,
            (None, false) => PluginState::Failing,
            (Some(_), false) if self.failures > 0 => PluginState::Stale,
            (Some(_), false) => PluginState::Current,
        }
    }

    fn status(&self, resource: &str, now: Now) -> PluginStatus {
        let metadata = &self.desired.plugin.metadata;
        PluginStatus {
            resource: resource.to_owned(),
            name: metadata.name.clone(),
            namespace: metadata.namespace.clone(),
            position: self.desired.position,
            url: self.desired.pull.url.to_string(),
            policy: self.policy(),
            wanted: self.desired.pull.version.clone(),
            state: self.state(),
            running: self.running.as_ref().map(|running| running.module.clone()),
            running_since: self.running.as_ref().map(|running| running.since),
            last_pull: self.last.clone(),
            next_pull_secs: self.due.map(|due| due.saturating_duration_since(now.instant).as_secs()),
        }
    }
}

/// The pause after so many failures in a row.
fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
