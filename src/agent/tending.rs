use std::collections::BTreeMap;
use std::time::Instant;

use super::tended::{DuePull, Now, PATIENCE, Served, Tended};
use super::{Desired, FailedPull, Live, Moved, OnFailedPull, PluginStatus, Pulled, Watched};
use crate::oci::Digest;
use crate::plugin::EffectivePolicy;
use crate::policy::Pull;

/// What becomes of each plugin that the files ask for: pure, time and results come in, pulls and states go out.
#[derive(Debug, Default)]
pub(super) struct Tending {
    on_failed_pull: OnFailedPull,
    plugins: BTreeMap<String, Tended>,
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

    /// The module that Envoys are told to run as that resource, if it is no local file.
    pub(super) fn module(&self, resource: &str) -> Option<&Digest> {
        self.plugins.get(resource)?.module()
    }

    /// A module's file was damaged: who is to run it pulls it again.
    pub(super) fn lost(&mut self, module: &Digest, now: Now) {
        for tended in self.plugins.values_mut().filter(|tended| tended.module() == Some(module)) {
            tended.due = Some(now.instant);
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

#[cfg(test)]
mod tests;
