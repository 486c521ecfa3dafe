//! What has to go: decided here, removed elsewhere.

use std::collections::BTreeSet;
use std::time::SystemTime;

use crate::oci::Digest;
use crate::policy::{Change, ModuleKey};

use super::state::{State, is_recent};
use super::{CacheError, CacheLimits};

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Modules that are not known any more.
    pub modules: usize,
    /// Files.
    pub files: usize,
    /// The files' bytes.
    pub bytes: u64,
}

/// What a sweep is to remove.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) modules: usize,
    pub(super) files: Vec<Digest>,
    pub(super) bytes: u64,
}

/// Forgets what is too old, too much, or of nobody, and says which files go.
pub(super) fn plan(state: &mut State, now: SystemTime, limits: &CacheLimits) -> Planned {
    let (modules, bytes) = (state.known.modules().count(), state.total_bytes());
    release(state, now, limits);
    expire(state, now, limits);
    let mut files = idle_files(state, now, limits);
    // Beyond the limit with live modules alone, there is nothing to remove; a new module is refused then.
    let room = room(state, 0, now, limits).unwrap_or_else(|everything| everything);
    files.extend(room);
    for content in &files {
        state.forget_file(content, now);
    }
    bound_urls(state);
    let known = &state.known;
    state.grants.retain(|key| known.module(key).is_some());
    Planned { modules: modules - state.known.modules().count(), files, bytes: bytes - state.total_bytes() }
}

/// Forgets what must go for another `needed` bytes, and says which files those are.
pub(super) fn make_room(
    state: &mut State,
    needed: u64,
    now: SystemTime,
    limits: &CacheLimits,
) -> Result<Vec<Digest>, CacheError> {
    let full = |_| CacheError::Full { needed_bytes: needed, limit_bytes: limits.total_bytes };
    let files = room(state, needed, now, limits).map_err(full)?;
    for content in &files {
        state.forget_file(content, now);
    }
    Ok(files)
}

/// The files that go for another `needed` bytes, least recently used first; all that may go, if they are not
/// enough.
fn room(
    state: &State,
    needed: u64,
    now: SystemTime,
    limits: &CacheLimits,
) -> Result<Vec<Digest>, Vec<Digest>> {
    let kept = state.kept(now, limits);
    let mut candidates: Vec<_> = state.files.iter().filter(|(content, _)| !kept.contains(*content)).collect();
    candidates.sort_by_key(|(_, file)| file.last_used);
    let mut total = state.total_bytes().saturating_add(needed);
    let mut files = Vec::new();
    for (content, file) in candidates {
        if total <= limits.total_bytes {
            break;
        }
        total -= file.size_bytes;
        files.push(content.clone());
    }
    if total <= limits.total_bytes { Ok(files) } else { Err(files) }
}

/// Lets go what is remembered of resources that are gone.
fn release(state: &mut State, now: SystemTime, limits: &CacheLimits) {
    let is_new = |key: &ModuleKey| {
        state.known.module(key).is_some_and(|module| is_recent(module.last_used, now, limits))
    };
    let gone = state.known.resources().filter(|(name, used)| !state.is_live(name) && !is_new(&used.key));
    let gone: Vec<_> = gone.map(|(name, _)| Change::Released { resource: name.to_owned() }).collect();
    state.apply(gone);
}

/// What is live is in use now, whether it was delivered lately or not; the rest is the decision's.
fn expire(state: &mut State, now: SystemTime, limits: &CacheLimits) {
    let live = state.live.iter().flat_map(|live| &live.modules);
    let keys: Vec<_> = live.flat_map(|content| state.keys_of(content)).cloned().collect();
    state.apply(keys.into_iter().map(|key| Change::Used { key, at: now }).collect());
    let expired = state.moment(now).sweep(limits.expiry.max(limits.grace));
    state.apply(expired);
}

/// The files that no module names any more, and that nobody has come for.
fn idle_files(state: &State, now: SystemTime, limits: &CacheLimits) -> Vec<Digest> {
    let named: BTreeSet<_> = state.known.modules().map(|(_, module)| &module.content).collect();
    let kept = state.kept(now, limits);
    let is_idle = |last_used| now.duration_since(last_used).is_ok_and(|idle| idle > limits.expiry);
    let idle = state.files.iter().filter(|(content, file)| {
        !named.contains(content) && !kept.contains(*content) && is_idle(file.last_used)
    });
    idle.map(|(content, _)| content.clone()).collect()
}

/// Forgets URLs beyond the limit, and of every module those that stand for nothing.
fn bound_urls(state: &mut State) {
    let named: BTreeSet<_> = state.known.resources().map(|(_, used)| used.url.as_str()).collect();
    let excess = state.known.tags().count().saturating_sub(CacheLimits::URLS);
    let unnamed = state.known.tags().filter(|(url, _)| !named.contains(url));
    let forgotten = unnamed.take(excess).map(|(url, _)| Change::Untagged { url: url.to_owned() });
    let forgotten: Vec<_> = forgotten.collect();
    state.apply(forgotten);
    let loose: Vec<_> = state.known.modules().flat_map(|(key, _)| without_loose_urls(state, key)).collect();
    state.apply(loose);
}

/// The module anew, with those of its URLs that still stand for something; nothing where all do.
fn without_loose_urls(state: &State, key: &ModuleKey) -> Vec<Change> {
    let Some(module) = state.known.module(key) else { return Vec::new() };
    let (firm, loose): (Vec<_>, Vec<_>) =
        module.referencing.iter().partition(|url| state.known.tag(url).is_some());
    if loose.is_empty() {
        return Vec::new();
    }
    let (content, at) = (module.content.clone(), module.last_used);
    let anew = [Change::Removed { key: key.clone() }, Change::Stored { key: key.clone(), content, at }];
    let firm = firm.into_iter().map(|url| Change::Referenced { key: key.clone(), url: url.clone() });
    anew.into_iter().chain(firm).collect()
}
