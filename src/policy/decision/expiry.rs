use std::time::Duration;

use super::rules::Expiry;
use super::{CachedModule, Change, ModuleKey, Moment};

impl Moment<'_> {
    /// The default of `WASM_MODULE_EXPIRY`: how long a module may be idle.
    pub const EXPIRY: Duration = Duration::from_hours(24);

    /// The default of `WASM_PURGE_INTERVAL`: how often there is a sweep.
    pub const PURGE_INTERVAL: Duration = Duration::from_hours(1);

    /// What a sweep removes: modules that were idle for longer than `expiry`, and the URLs that go with them
    /// (Istio, `purge`, `pkg/wasm/cache.go`).
    pub fn sweep(&self, expiry: Duration) -> Vec<Change> {
        let expired = self.known.modules().filter(|(key, module)| self.has_expired(key, module, expiry));
        expired.flat_map(|(key, _)| self.forget(key)).collect()
    }

    fn has_expired(&self, key: &ModuleKey, module: &CachedModule, expiry: Duration) -> bool {
        // A clock that was set back makes nothing old.
        let is_idle = self.now.duration_since(module.last_used).is_ok_and(|idle| idle > expiry);
        is_idle
            && match self.flavour.rules().expiry {
                Expiry::Idle => true,
                Expiry::IdleAndUnused => !self.known.is_in_use(key),
            }
    }

    /// What goes with the module under `key` when that is removed. Istio forgets the URLs even where they
    /// stand for another module by now.
    pub fn forget(&self, key: &ModuleKey) -> Vec<Change> {
        let goes_along = |url: &&String| match self.flavour.rules().expiry {
            Expiry::Idle => true,
            Expiry::IdleAndUnused => self.known.tag(url).is_some_and(|entry| entry.checksum == key.checksum),
        };
        let referencing = self.known.module(key).map(|module| &module.referencing);
        let untagged = referencing.into_iter().flatten().filter(goes_along);
        let untagged = untagged.map(|url| Change::Untagged { url: url.clone() });
        untagged.chain([Change::Removed { key: key.clone() }]).collect()
    }
}
