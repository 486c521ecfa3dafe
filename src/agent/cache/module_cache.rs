use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tempfile::NamedTempFile;

use crate::client::Credential;
use crate::oci::{Digest, RegistryHost};
use crate::policy::{Arrival, Change, Decision, Flavour, Found, ModuleKey, Moment, Pull};

use super::grants::Grant;
use super::index::Index;
use super::lock::CacheLock;
use super::shelf::{Shelf, sync_dir};
use super::state::{Checked, ModuleFile, State};
use super::sweep;
use super::{CacheError, CacheLimits, Fingerprint, Identity, Live, Proof, Staged, Standing, Swept};

/// Modules on disk, and what is known of them. It belongs to one agent at a time.
#[derive(Debug)]
pub struct ModuleCache {
    pub(super) index: PathBuf,
    pub(super) limits: CacheLimits,
    /// Goes into the fingerprints of credentials.
    pub(super) salt: String,
    pub(super) shelf: Shelf,
    /// Never held while anything waits, for a disk or a network.
    pub(super) state: Mutex<State>,
    /// Held while the index is written.
    pub(super) writing: Mutex<()>,
    pub(super) _lock: CacheLock,
}

impl ModuleCache {
    /// The modules' directory.
    pub fn modules_dir(&self) -> &Path {
        self.shelf.dir()
    }

    /// How many modules there are, and the bytes of their files.
    pub fn size(&self) -> (usize, u64) {
        let state = self.state();
        (state.known.modules().count(), state.total_bytes())
    }

    /// Says what is live from now on. Until it is first said, everything is that a resource runs.
    pub fn set_live(&self, live: Live) {
        self.state().live = Some(live);
    }

    /// Removes what is too old or too much, and writes the index. A module that is live stays.
    pub async fn sweep(self: &Arc<Self>, now: SystemTime) -> Swept {
        self.blocking(move |cache| {
            let planned = sweep::plan(&mut cache.state(), now, &cache.limits);
            for content in &planned.files {
                cache.discard(content);
            }
            cache.state().generation += 1;
            cache.write_news();
            Swept { modules: planned.modules, files: planned.files.len(), bytes: planned.bytes }
        })
        .await
    }

    /// Writes what is known, where it is not in the index yet. Many who ask at once share one write.
    ///
    /// An index that cannot be written is an error in the log only: the gateway's traffic is worth more than
    /// what would be remembered.
    pub async fn save(self: &Arc<Self>) {
        if self.has_news() {
            self.blocking(Self::write_news).await;
        }
    }

    pub(in crate::agent) fn decide(&self, pull: &Pull, now: SystemTime) -> Decision {
        self.state().moment(now).decide(pull)
    }

    /// What the resource ran before under the same URL: what the module was found by, and its own sha256.
    pub(in crate::agent) fn ran_before(&self, pull: &Pull) -> Option<(ModuleKey, Digest)> {
        let url = Moment::url(Flavour::Ours, pull);
        let state = self.state();
        let used = state.known.resource(&pull.resource).filter(|used| used.url == url)?;
        Some((used.key.clone(), state.known.module(&used.key)?.content.clone()))
    }

    pub(in crate::agent) fn arrived(
        &self,
        pull: &Pull,
        expects: Option<&Digest>,
        found: &Found,
        now: SystemTime,
    ) -> Arrival {
        self.state().moment(now).arrived(pull, expects, found)
    }

    pub(in crate::agent) fn apply(&self, changes: Vec<Change>) {
        self.state().apply(changes);
    }

    /// The module's file, if it is there and what it should be; what it is not is forgotten.
    pub(in crate::agent) async fn find(
        self: &Arc<Self>,
        content: &Digest,
        now: SystemTime,
    ) -> Option<PathBuf> {
        let content = content.clone();
        self.blocking(move |cache| cache.find_file(&content, now)).await
    }

    /// Whether the module's file is there and what it should be, whatever an earlier look said.
    pub(in crate::agent) async fn check_again(self: &Arc<Self>, content: &Digest) -> bool {
        if let Some(file) = self.state().files.get_mut(content) {
            file.checked = Checked::NotYet;
        }
        self.find(content, SystemTime::now()).await.is_some()
    }

    /// Makes room for a module, puts it into the cache, and remembers it under `key`, as `pull` named it.
    pub(in crate::agent) async fn admit(
        self: &Arc<Self>,
        staged: &Arc<Staged>,
        (pull, key): (&Pull, &ModuleKey),
        now: SystemTime,
    ) -> Result<PathBuf, CacheError> {
        let (staged, pull, key) = (Arc::clone(staged), pull.clone(), key.clone());
        self.blocking(move |cache| {
            cache.put_file(&staged, now)?;
            let mut state = cache.state();
            let changes = state.moment(now).stored(&pull, &key, staged.content.clone());
            state.apply(changes);
            Ok(cache.shelf.path(&staged.content))
        })
        .await
    }

    pub(in crate::agent) fn standing(&self, key: &ModuleKey, who: &Identity, now: SystemTime) -> Standing {
        self.state().grants.standing(key, who, now)
    }

    pub(in crate::agent) fn grant(&self, key: &ModuleKey, who: &Identity, proof: Proof, now: SystemTime) {
        let mut state = self.state();
        state.grants.grant(key, who, Grant { proof, at: now });
        state.generation += 1;
    }

    pub(in crate::agent) fn revoke(&self, key: &ModuleKey, who: &Identity) {
        let mut state = self.state();
        state.grants.revoke(key, who);
        state.generation += 1;
    }

    pub(in crate::agent) fn fingerprint(&self, host: &RegistryHost, credential: &Credential) -> Fingerprint {
        Fingerprint::of(&self.salt, host, credential)
    }

    /// A file for a module that is being unpacked. Blocks.
    pub(in crate::agent) fn partial(&self) -> Result<NamedTempFile, CacheError> {
        self.shelf.partial()
    }

    /// A file for what is downloaded. Blocks.
    pub(in crate::agent) fn scratch(&self) -> Result<File, CacheError> {
        self.shelf.scratch()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Every change is made whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs file work on a thread that may block. It goes on to its end even if nobody waits any more.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        let cache = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&cache)).await {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    fn find_file(&self, content: &Digest, now: SystemTime) -> Option<PathBuf> {
        let Some(file) = self.used_file(content, now) else {
            self.state().forget_file(content, now);
            return None;
        };
        let is_there = self.shelf.length(content) == Some(file.size_bytes);
        if is_there && (file.checked == Checked::Yes || self.shelf.is_sound(content)) {
            if let Some(file) = self.state().files.get_mut(content) {
                file.checked = Checked::Yes;
            }
            return Some(self.shelf.path(content));
        }
        let names = self.shelf.names();
        // Somebody may have put it there anew while we looked at the old one.
        if self.has_sound(content) {
            return Some(self.shelf.path(content));
        }
        tracing::warn!(module = %content, "module cache: a file is gone or damaged, its module is fetched again");
        self.state().forget_file(content, now);
        names.remove_unneeded(content);
        None
    }

    /// What is known of a file, which nobody sweeps away while it is being looked at.
    fn used_file(&self, content: &Digest, now: SystemTime) -> Option<ModuleFile> {
        let mut state = self.state();
        let file = state.files.get_mut(content)?;
        file.last_used = file.last_used.max(now);
        Some(*file)
    }

    fn put_file(&self, staged: &Staged, now: SystemTime) -> Result<(), CacheError> {
        let Staged { content, size_bytes, .. } = staged;
        let names = self.shelf.names();
        if self.has_sound(content) {
            return Ok(());
        }
        let room = sweep::make_room(&mut self.state(), *size_bytes, now, &self.limits)?;
        room.iter().try_for_each(|content| names.remove(content))?;
        let file = staged.take().ok_or_else(|| CacheError::Lost { content: content.clone() })?;
        names.put(file, content)?;
        let file = ModuleFile { size_bytes: *size_bytes, checked: Checked::Yes, last_used: now };
        self.state().files.insert(content.clone(), file);
        Ok(())
    }

    fn has_sound(&self, content: &Digest) -> bool {
        let known = self.state().files.get(content).copied();
        known.is_some_and(|file| {
            file.checked == Checked::Yes && self.shelf.length(content) == Some(file.size_bytes)
        })
    }

    /// Removes a file that is not known any more, unless it has become known again meanwhile.
    fn discard(&self, content: &Digest) {
        let names = self.shelf.names();
        if !self.state().files.contains_key(content) {
            names.remove_unneeded(content);
        }
    }

    fn has_news(&self) -> bool {
        let state = self.state();
        state.saved < state.generation
    }

    fn write_news(&self) {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_news() {
            return;
        }
        let (index, generation) = {
            let state = self.state();
            (Index::of(&state, &self.salt), state.generation)
        };
        match self.write(&index.to_json()) {
            Ok(()) => self.state().saved = generation,
            Err(error) => tracing::error!(%error, "module cache: what is known would not survive a restart"),
        }
    }

    fn write(&self, json: &[u8]) -> Result<(), CacheError> {
        let dir = self.index.parent().unwrap_or(Path::new("/"));
        // Only its owner may read it: it holds fingerprints of credentials.
        let mut file = self.shelf.private()?;
        let written = file.write_all(json).and_then(|()| file.as_file().sync_all());
        written.map_err(CacheError::file("write", &self.index))?;
        file.persist(&self.index).map_err(|error| CacheError::file("write", &self.index)(error.error))?;
        sync_dir(dir)
    }
}
