use std::time::{Duration, Instant, SystemTime};

use super::{
    DesiredPlugin, FailedPull, LastPull, OnFailedPull, PluginState, PluginStatus, PullSecret,
    PullSecretError, Pulled, Watched,
};
use crate::oci::Digest;
use crate::plugin::{EffectivePolicy, FailStrategy, WasmPlugin};
use crate::policy::Pull;

/// Pause after the first failed pull; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between pulls that fail, unless the server asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause that a server may ask for.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_mins(10);
/// How long a plugin's first pull may take before `failStrategy` decides what happens to requests meanwhile: an Envoy
/// that waits for one plugin opens no listener for the others.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// One plugin.
#[derive(Debug)]
pub(super) struct Tended {
    pub(super) desired: DesiredPlugin,
    /// What Envoys are told to run, with the configuration that came with it.
    pub(super) running: Option<Running>,
    /// The version that is being pulled, and since when.
    pub(super) pulling: Option<(String, Instant)>,
    /// When to pull next: at once after a change, later after a failure, never while all is well.
    pub(super) due: Option<Instant>,
    /// Pulls that failed in a row.
    pub(super) failures: u32,
    /// How often the tag was found to have moved; part of the version, so that it is a new one.
    pub(super) moves: u64,
    /// Whether it is pulled because it moved, and not because its file changed.
    pub(super) is_for_move: bool,
    /// Whether it moved while it was being pulled.
    pub(super) moved_meanwhile: bool,
    /// What the URL was last heard to stand for.
    pub(super) names: Option<Digest>,
    pub(super) last: Option<LastPull>,
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

impl Tended {
    pub(super) fn new(desired: DesiredPlugin, now: Now) -> Self {
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

    pub(super) fn policy(&self) -> EffectivePolicy {
        let spec = &self.desired.plugin.spec;
        spec.image_pull_policy.effective(&self.desired.pull.url, &spec.sha256)
    }

    /// The pull, with a version that tells a moved tag from the resource's own changes.
    pub(super) fn pull(&self) -> Pull {
        let pull = self.desired.pull.clone();
        if self.moves == 0 {
            pull
        } else {
            Pull { version: format!("{}.{}", pull.version, self.moves), ..pull }
        }
    }

    pub(super) fn asks_for_the_same(&self, desired: &DesiredPlugin) -> bool {
        self.desired.pull == desired.pull && self.desired.secret == desired.secret
    }

    pub(super) fn watched(&self) -> Option<Watched> {
        let secret = self.desired.secret.clone().transpose().ok()?;
        let manifest = self.running.as_ref()?.module.manifest.clone();
        Some(Watched { pull: self.desired.pull.clone(), secret, manifest })
    }

    /// The module that Envoys are told to run, if it is no local file.
    pub(super) fn module(&self) -> Option<&Digest> {
        self.running.as_ref()?.module.module.as_ref()
    }

    pub(super) fn served(&self, on_failed_pull: OnFailedPull, now: Now) -> Option<Served<'_>> {
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

    pub(super) fn begin(&mut self, now: Now) -> DuePull {
        let pull = self.pull();
        self.pulling = Some((pull.version.clone(), now.instant));
        self.due = None;
        DuePull { pull, secret: self.desired.secret.clone() }
    }

    pub(super) fn look_again(&mut self, now: Now) {
        self.moves += 1;
        self.is_for_move = true;
        self.due = Some(now.instant);
    }

    pub(super) fn ended(&mut self, pull: &Pull, result: Result<Pulled, FailedPull>, now: Now) {
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
    pub(super) fn wanted_manifest(&self) -> Option<&Digest> {
        let pull = &self.desired.pull;
        pull.url.digest().or(pull.sha256.as_ref()).or(self.names.as_ref())
    }

    pub(super) fn run(&mut self, module: Pulled, now: Now) {
        let same_file = self.running.as_ref().filter(|running| running.module.path == module.path);
        let since = same_file.map_or(now.time, |running| running.since);
        self.running = Some(Running { plugin: self.desired.plugin.clone(), module, since });
    }

    /// The module that is there serves on, with what the file says now, if the file still names the same one.
    pub(super) fn reconfigure(&mut self) {
        let wanted = &self.desired.plugin;
        if let Some(running) =
            self.running.as_mut().filter(|running| running.plugin.spec.url == wanted.spec.url)
        {
            running.plugin = wanted.clone();
        }
    }

    pub(super) fn state(&self, on_failed_pull: OnFailedPull, now: Now) -> PluginState {
        match self.served(on_failed_pull, now) {
            Some(Served::StandIn(_)) => PluginState::Failing,
            Some(Served::Module(_)) if self.failures > 0 => PluginState::Stale,
            Some(Served::Module(_)) if self.pulling.is_none() => PluginState::Current,
            Some(Served::Module(_)) | None => PluginState::Pulling,
        }
    }

    pub(super) fn status(&self, resource: &str, (on_failed_pull, now): (OnFailedPull, Now)) -> PluginStatus {
        let metadata = &self.desired.plugin.metadata;
        PluginStatus {
            resource: resource.to_owned(),
            name: metadata.name.clone(),
            namespace: metadata.namespace.clone(),
            position: self.desired.position,
            url: self.desired.pull.url.to_string(),
            policy: self.policy(),
            sha256: self.desired.plugin.spec.sha256.clone(),
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
