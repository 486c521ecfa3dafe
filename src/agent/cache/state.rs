use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use crate::oci::Digest;
use crate::policy::{Change, Flavour, Knowledge, ModuleKey, Moment};

use super::grants::Grants;
use super::{CacheLimits, Live};

/// All that the cache holds in memory: a value, without I/O.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) known: Knowledge,
    /// The files there are, by the sha256 that is their name. One that no module names may still become
    /// one's.
    pub(super) files: BTreeMap<Digest, ModuleFile>,
    pub(super) grants: Grants,
    /// What was last said to be live. Until then it is whatever a resource runs.
    pub(super) live: Option<Live>,
    /// Counts changes that must survive a restart.
    pub(super) generation: u64,
    /// The generation that the index holds.
    pub(super) saved: u64,
}

/// A file of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModuleFile {
    pub(super) size_bytes: u64,
    /// Whether its digest was compared since the start.
    pub(super) checked: Checked,
    pub(super) last_used: SystemTime,
}

/// Whether a file was compared with its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    Yes,
    NotYet,
}

impl State {
    pub(super) fn moment(&self, now: SystemTime) -> Moment<'_> {
        Moment { flavour: Flavour::Ours, known: &self.known, now }
    }

    /// Carries out `changes`, and counts them if a restart must not lose them.
    pub(super) fn apply(&mut self, changes: Vec<Change>) {
        if changes.iter().any(|change| self.is_news(change)) {
            self.generation += 1;
        }
        for change in &changes {
            if let Change::Used { key, at } | Change::Stored { key, at, .. } = change {
                self.touch(key, *at);
            }
        }
        self.known.apply_all(changes);
    }

    /// That a module was used again, or a resource runs what it ran, is no news.
    fn is_news(&self, change: &Change) -> bool {
        match change {
            Change::Used { .. } => false,
            Change::Runs { resource, version, url, key } => self
                .known
                .resource(resource)
                .is_none_or(|used| used.version != *version || used.url != *url || used.key != *key),
            Change::Tagged { url, checksum } => {
                self.known.tag(url).is_none_or(|entry| entry.checksum != *checksum)
            }
            Change::Stored { key, .. } => self.known.module(key).is_none(),
            _ => true,
        }
    }

    fn touch(&mut self, key: &ModuleKey, at: SystemTime) {
        if let Some(module) = self.known.module(key)
            && let Some(file) = self.files.get_mut(&module.content)
        {
            file.last_used = file.last_used.max(at);
        }
    }

    /// Forgets the file, and every module whose bytes it is.
    pub(super) fn forget_file(&mut self, content: &Digest, now: SystemTime) {
        self.files.remove(content);
        let keys: Vec<_> = self.keys_of(content).cloned().collect();
        for key in keys {
            let changes = self.moment(now).forget(&key);
            self.apply(changes);
        }
    }

    pub(super) fn keys_of(&self, content: &Digest) -> impl Iterator<Item = &ModuleKey> {
        let content = content.clone();
        self.known.modules().filter(move |(_, module)| module.content == content).map(|(key, _)| key)
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.files.values().map(|file| file.size_bytes).sum()
    }

    /// The contents that must stay at `now`: what a live resource runs, what is said to be served, what was
    /// just used.
    pub(super) fn kept(&self, now: SystemTime, limits: &CacheLimits) -> BTreeSet<Digest> {
        let said = self.live.iter().flat_map(|live| live.modules.iter().cloned());
        let run = self.known.resources().filter(|(name, _)| self.is_live(name));
        let run = run.filter_map(|(_, used)| Some(self.known.module(&used.key)?.content.clone()));
        let recent = self.files.iter().filter(|(_, file)| is_recent(file.last_used, now, limits));
        said.chain(run).chain(recent.map(|(content, _)| content.clone())).collect()
    }

    pub(super) fn is_live(&self, resource: &str) -> bool {
        self.live.as_ref().is_none_or(|live| live.resources.contains(resource))
    }
}

/// Whether something was used so lately that nobody may have said yet that it is live.
pub(super) fn is_recent(last_used: SystemTime, now: SystemTime, limits: &CacheLimits) -> bool {
    now.duration_since(last_used).unwrap_or_default() < limits.grace
}
