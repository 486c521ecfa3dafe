use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::index::Index;
use super::lock::CacheLock;
use super::shelf::{Found, Shelf};
use super::state::{Checked, ModuleFile, State};
use super::{CacheError, CacheLimits, ModuleCache};

const INDEX: &str = "index.json";
/// Where an index goes that cannot be read. There is one place, so that a broken disk does not fill itself.
const SET_ASIDE: &str = "index.unreadable.json";

/// What was known before.
enum Before {
    /// An index told it.
    Index(Box<Index>),
    /// There was none that could be read: the files are all there is.
    Nothing,
}

impl ModuleCache {
    /// Opens the cache in `dir`, which is made where it does not exist. Blocks.
    ///
    /// Modules whose files are missing or have another length are forgotten, and so fetched again; files that
    /// nobody knows are removed, and so is what a crash left half written. An index that cannot be read is
    /// set aside with a warning: the files then stay, for those who are led to them again.
    ///
    /// # Errors
    /// Another agent has the directory open, or the file system refuses.
    pub fn open(dir: &Path, limits: CacheLimits) -> Result<Arc<Self>, CacheError> {
        fs::create_dir_all(dir).map_err(CacheError::file("make", dir))?;
        // Envoy opens files by their path, whatever directory it was started in.
        let dir = fs::canonicalize(dir).map_err(CacheError::file("find", dir))?;
        let lock = CacheLock::acquire(&dir)?;
        let shelf = Shelf::open(dir.join("modules"))?;
        let before = read_index(&dir)?;
        let salt = match &before {
            Before::Index(index) => index.salt.clone(),
            Before::Nothing => {
                [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(|half| half.to_string()).concat()
            }
        };
        let state = reconcile(before, &shelf)?;
        Ok(Arc::new(Self {
            index: dir.join(INDEX),
            limits,
            salt,
            shelf,
            state: Mutex::new(state),
            writing: Mutex::default(),
            _lock: lock,
        }))
    }
}

fn read_index(dir: &Path) -> Result<Before, CacheError> {
    let path = dir.join(INDEX);
    let json = match read_bounded(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Before::Nothing),
        Err(error) => return Err(CacheError::file("read", &path)(error)),
    };
    match Index::parse(&json) {
        Ok(index) => Ok(Before::Index(Box::new(index))),
        Err(error) => {
            let aside = dir.join(SET_ASIDE);
            let (index, to) = (path.display(), aside.display());
            tracing::warn!(%index, %to, %error, "module cache: the index was set aside");
            fs::rename(&path, &aside).map_err(CacheError::file("set aside", &path))?;
            Ok(Before::Nothing)
        }
    }
}

/// At most as much as an index has; what is longer is cut, and so no index.
fn read_bounded(path: &PathBuf) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    File::open(path)?.take(CacheLimits::INDEX_BYTES).read_to_end(&mut json)?;
    Ok(json)
}

/// Makes what was known and what is on disk agree.
fn reconcile(before: Before, shelf: &Shelf) -> Result<State, CacheError> {
    let (found, others) = shelf.list()?;
    for path in &others {
        discard(path);
    }
    Ok(match before {
        Before::Index(index) => check(index.into_state(), found, shelf),
        Before::Nothing => State { files: found.into_iter().map(spare).collect(), ..State::default() },
    })
}

fn check(mut state: State, found: Vec<Found>, shelf: &Shelf) -> State {
    let wrong = |state: &State, found: &Found| {
        state.files.get(&found.content).is_none_or(|file| file.size_bytes != found.metadata.len())
    };
    let (wrong, right): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| wrong(&state, found));
    for found in &wrong {
        discard(&shelf.path(&found.content));
    }
    let right: BTreeSet<_> = right.into_iter().map(|found| found.content).collect();
    let named = state.known.modules().map(|(_, module)| &module.content);
    let wanted: BTreeSet<_> = state.files.keys().chain(named).cloned().collect();
    for content in wanted.difference(&right) {
        tracing::warn!(module = %content, "module cache: a file is gone, its module will be fetched again");
        state.forget_file(content, SystemTime::now());
    }
    state
}

/// A file that no module names yet.
fn spare(found: Found) -> (crate::oci::Digest, ModuleFile) {
    let last_used = found.metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    (found.content, ModuleFile { size_bytes: found.metadata.len(), checked: Checked::NotYet, last_used })
}

/// Removes what is not ours to use. A directory, which nobody of us made, stays.
fn discard(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "module cache: cannot remove an unknown file");
    }
}
