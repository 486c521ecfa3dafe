use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::Resource;
use crate::gateway::Line;

/// Removed plugins whose stand-in is still served: an Envoy that lists more filters than that keeps the oldest.
const MAX_REMOVED: usize = 4096;

/// Everything that is served at a moment. It never changes: a new one takes its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    entries: BTreeMap<Arc<str>, Entry>,
}

/// A resource of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) resource: Arc<Resource>,
    /// Counts the wishes to try it again.
    pub(super) attempt: u32,
    /// For a plugin that is gone: how many went before it.
    removed: Option<u64>,
}

impl Snapshot {
    /// The resources, by name. Stand-ins for removed plugins are among them.
    pub fn resources(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.entries.values().map(|entry| &entry.resource)
    }

    /// The resource of that name.
    pub fn find(&self, name: &str) -> Option<&Arc<Resource>> {
        self.entry(name).map(|entry| &entry.resource)
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The snapshot that serves `resources`, and stand-ins for whatever was served before and is not among them. A resource
    /// with the content that it had keeps its bytes.
    fn followed_by(&self, resources: impl IntoIterator<Item = Resource>, line: Line) -> Self {
        let mut next = Self::default();
        for resource in resources {
            let entry = match self.entry(resource.name()) {
                Some(old) if old.resource.version() == resource.version() => {
                    Entry { removed: None, ..old.clone() }
                }
                old => Entry {
                    resource: Arc::new(resource),
                    attempt: old.map_or(0, |old| old.attempt),
                    removed: None,
                },
            };
            next.entries.insert(Arc::clone(entry.resource.name()), entry);
        }
        next.bury(self, line);
        next
    }

    /// Adds the stand-ins for what only `before` has.
    fn bury(&mut self, before: &Self, line: Line) {
        let mut count = before.entries.values().filter_map(|entry| entry.removed).max().unwrap_or(0);
        for (name, old) in &before.entries {
            if self.entries.contains_key(name) {
                continue;
            }
            let entry = if old.removed.is_some() {
                old.clone()
            } else {
                count += 1;
                Entry {
                    resource: Arc::new(Resource::removed(name, line)),
                    removed: Some(count),
                    ..old.clone()
                }
            };
            self.entries.insert(Arc::clone(name), entry);
        }
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        let mut removed: Vec<u64> = self.entries.values().filter_map(|entry| entry.removed).collect();
        if let Some(excess) = removed.len().checked_sub(MAX_REMOVED).filter(|excess| *excess > 0) {
            removed.sort_unstable();
            let newest_forgotten = removed[excess - 1];
            self.entries.retain(|_, entry| entry.removed.is_none_or(|at| at > newest_forgotten));
        }
    }
}

/// Where the snapshot is replaced. However many Envoys there are, a change is worked out and encoded once.
#[derive(Debug)]
pub struct Publisher {
    line: Line,
    current: watch::Sender<Arc<Snapshot>>,
}

impl Publisher {
    /// Nothing is served yet. Filter stubs are those of `line`.
    pub fn new(line: Line) -> Self {
        Self { line, current: watch::Sender::new(Arc::default()) }
    }

    /// Serves `live` from now on, and nothing else: what is not among them any more is removed from every Envoy.
    /// Of two resources with one name, the last counts. Returns whether anything changed.
    pub fn publish(&self, live: impl IntoIterator<Item = Resource>) -> bool {
        self.replace(|current| current.followed_by(live, self.line))
    }

    /// Sends the resource once more to the Envoys that refused it, in other bytes; an Envoy that took it hears nothing.
    /// To be called when the reason may be gone. Returns whether there is such a resource.
    pub fn retry(&self, name: &str) -> bool {
        self.replace(|current| {
            let mut next = current.clone();
            if let Some(entry) = next.entries.get_mut(name) {
                entry.attempt = entry.attempt.wrapping_add(1);
            }
            next
        })
    }

    /// What is served now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.borrow())
    }

    /// For the server: this snapshot and each one after it, of which a slow reader sees only the newest.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.current.subscribe()
    }

    fn replace(&self, next: impl FnOnce(&Snapshot) -> Snapshot) -> bool {
        self.current.send_if_modified(|current| {
            let next = next(current);
            let changed = next != **current;
            if changed {
                *current = Arc::new(next);
            }
            changed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Line = Line::Istio127;

    fn deny(name: &str) -> Resource {
        Resource::deny_all(name, LINE).expect("the line has one")
    }

    fn names(publisher: &Publisher) -> Vec<String> {
        publisher.snapshot().resources().map(|resource| resource.name().to_string()).collect()
    }

    #[test]
    fn a_snapshot_is_replaced_only_by_another_content() {
        let publisher = Publisher::new(LINE);
        let mut seen = publisher.subscribe();
        assert!(publisher.publish([deny("b"), deny("a")]));
        assert_eq!(names(&publisher), ["a", "b"]);
        assert!(seen.has_changed().unwrap());
        seen.mark_unchanged();
        let before = publisher.snapshot();
        assert!(!publisher.publish([deny("a"), deny("b")]));
        assert!(!seen.has_changed().unwrap(), "nobody is woken");
        assert!(publisher.publish([deny("a"), Resource::allow_all("b", LINE)]));
        let after = publisher.snapshot();
        assert!(Arc::ptr_eq(before.find("a").unwrap(), after.find("a").unwrap()), "it keeps its bytes");
        assert_ne!(before.find("b"), after.find("b"));
    }

    #[test]
    fn what_is_removed_leaves_a_stand_in_until_it_is_back() {
        let publisher = Publisher::new(LINE);
        publisher.publish([deny("a"), deny("b")]);
        publisher.publish([deny("b")]);
        assert_eq!(
            publisher.snapshot().find("a").map(|resource| (**resource).clone()),
            Some(Resource::removed("a", LINE))
        );
        assert!(!publisher.publish([deny("b")]), "it is removed once");
        publisher.publish([deny("a"), deny("b")]);
        assert_eq!(publisher.snapshot().find("a").map(|resource| (**resource).clone()), Some(deny("a")));
        assert_eq!(publisher.snapshot().find("c"), None);
    }

    #[test]
    fn of_the_removed_the_newest_are_kept() {
        let publisher = Publisher::new(LINE);
        publisher.publish([deny("first")]);
        publisher.publish((0..MAX_REMOVED).map(|number| deny(&number.to_string())));
        publisher.publish([deny("live")]);
        assert_eq!(publisher.snapshot().resources().count(), MAX_REMOVED + 1);
        assert_eq!(publisher.snapshot().find("first"), None);
        assert!(publisher.snapshot().find("live").is_some());
    }
}
