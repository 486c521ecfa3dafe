use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use crate::oci::Digest;

use super::rules::Memory;
use super::{Change, Flavour, ModuleKey};

/// What a cache knows: a value, changed by [`Change`]s only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Knowledge {
    modules: BTreeMap<ModuleKey, CachedModule>,
    /// The tag map, by URL in full.
    tags: BTreeMap<String, TagEntry>,
    /// What each resource runs. Only `ours` keeps it.
    uses: BTreeMap<String, ResourceUse>,
}

/// A module in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedModule {
    /// The sha256 of the module itself.
    pub content: Digest,
    /// When a delivery last named it; that a gateway runs it does not count.
    pub last_used: SystemTime,
    /// The URLs that are forgotten with it.
    pub referencing: BTreeSet<String>,
}

/// What a URL was resolved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagEntry {
    /// The checksum it stands for.
    pub checksum: Digest,
    /// The version last seen of each resource that named it.
    pub versions: BTreeMap<String, String>,
}

/// What a resource runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceUse {
    /// The URL it was named by, in full.
    pub url: String,
    /// The version of the resource for which it was decided.
    pub version: String,
    /// The module.
    pub key: ModuleKey,
}

impl Knowledge {
    /// The module under `key`.
    pub fn module(&self, key: &ModuleKey) -> Option<&CachedModule> {
        self.modules.get(key)
    }

    /// Every module.
    pub fn modules(&self) -> impl Iterator<Item = (&ModuleKey, &CachedModule)> {
        self.modules.iter()
    }

    /// What the URL stands for.
    pub fn tag(&self, url: &str) -> Option<&TagEntry> {
        self.tags.get(url)
    }

    /// Every URL that stands for something.
    pub fn tags(&self) -> impl Iterator<Item = (&str, &TagEntry)> {
        self.tags.iter().map(|(url, entry)| (url.as_str(), entry))
    }

    /// What the resource runs.
    pub fn resource(&self, name: &str) -> Option<&ResourceUse> {
        self.uses.get(name)
    }

    /// Every resource that runs something, so that those which are gone can be released.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &ResourceUse)> {
        self.uses.iter().map(|(name, used)| (name.as_str(), used))
    }

    /// Whether a resource runs the module.
    pub fn is_in_use(&self, key: &ModuleKey) -> bool {
        self.uses.values().any(|used| used.key == *key)
    }

    /// What `flavour` still knows after a restart.
    #[must_use]
    pub fn after_restart(self, flavour: Flavour) -> Self {
        match flavour.rules().memory {
            Memory::Process => Self::default(),
            Memory::Disk => self,
        }
    }

    /// Carries out one change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Tagged { url, checksum } => {
                let entry = TagEntry { checksum: checksum.clone(), versions: BTreeMap::new() };
                self.tags.entry(url).or_insert(entry).checksum = checksum;
            }
            Change::Version { url, resource, version } => {
                if let Some(entry) = self.tags.get_mut(&url) {
                    entry.versions.insert(resource, version);
                }
            }
            Change::Used { key, at } => self.change_module(&key, |module| module.last_used = at),
            Change::Referenced { key, url } => self.change_module(&key, |module| {
                module.referencing.insert(url);
            }),
            Change::Stored { key, content, at } => {
                let module = CachedModule { content, last_used: at, referencing: BTreeSet::new() };
                self.modules.entry(key).or_insert(module).last_used = at;
            }
            Change::Runs { resource, version, url, key } => {
                self.uses.insert(resource, ResourceUse { url, version, key });
            }
            Change::Released { resource } => self.release(&resource),
            Change::Removed { key } => {
                self.modules.remove(&key);
            }
            Change::Untagged { url } => {
                self.tags.remove(&url);
            }
        }
    }

    /// Carries out changes in their order.
    pub fn apply_all(&mut self, changes: impl IntoIterator<Item = Change>) {
        changes.into_iter().for_each(|change| self.apply(change));
    }

    fn change_module(&mut self, key: &ModuleKey, change: impl FnOnce(&mut CachedModule)) {
        if let Some(module) = self.modules.get_mut(key) {
            change(module);
        }
    }

    fn release(&mut self, resource: &str) {
        self.uses.remove(resource);
        for entry in self.tags.values_mut() {
            entry.versions.remove(resource);
        }
    }
}
