use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{Builder, NamedTempFile};

use crate::oci::{Algorithm, Digest, Digester};

use super::CacheError;

/// The directory of modules. Its methods block.
#[derive(Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    /// Held while a name comes or goes, so that nobody removes what another just put there.
    names: Mutex<()>,
}

/// The right to change which names there are.
pub(super) struct Names<'a> {
    shelf: &'a Shelf,
    _alone: MutexGuard<'a, ()>,
}

/// A module's file as it was found.
pub(super) struct Found {
    pub(super) content: Digest,
    pub(super) metadata: Metadata,
}

impl Shelf {
    pub(super) fn open(dir: PathBuf) -> Result<Self, CacheError> {
        fs::create_dir_all(&dir).map_err(CacheError::file("make", &dir))?;
        Ok(Self { dir, names: Mutex::default() })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path(&self, content: &Digest) -> PathBuf {
        self.dir.join(format!("{}.wasm", content.hex()))
    }

    pub(super) fn names(&self) -> Names<'_> {
        Names { shelf: self, _alone: self.names.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// The modules there are, and what is none.
    pub(super) fn list(&self) -> Result<(Vec<Found>, Vec<PathBuf>), CacheError> {
        let failed = |source| CacheError::file("read", &self.dir)(source);
        let (mut modules, mut others) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let metadata = entry.metadata().map_err(failed)?;
            match content_of(&entry.path()).filter(|_| metadata.is_file()) {
                Some(content) => modules.push(Found { content, metadata }),
                None => others.push(entry.path()),
            }
        }
        Ok((modules, others))
    }

    /// A file to be written and named later; what a crash leaves of it is removed at the next start.
    pub(super) fn partial(&self) -> Result<NamedTempFile, CacheError> {
        // Envoy may run as another user.
        self.temporary(0o644)
    }

    /// The same for what only the agent is to read.
    pub(super) fn private(&self) -> Result<NamedTempFile, CacheError> {
        self.temporary(0o600)
    }

    fn temporary(&self, mode: u32) -> Result<NamedTempFile, CacheError> {
        let mut builder = Builder::new();
        let file = builder.prefix(".partial-").permissions(Permissions::from_mode(mode));
        file.tempfile_in(&self.dir).map_err(CacheError::file("make a file in", &self.dir))
    }

    /// A file that has no name at all.
    pub(super) fn scratch(&self) -> Result<File, CacheError> {
        tempfile::tempfile_in(&self.dir).map_err(CacheError::file("make a file in", &self.dir))
    }

    /// The length of the module's file; none where there is none.
    pub(super) fn length(&self, content: &Digest) -> Option<u64> {
        let metadata = fs::metadata(self.path(content)).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Whether the file holds what its name says.
    pub(super) fn is_sound(&self, content: &Digest) -> bool {
        let hash = || {
            let mut sink = Hash(Digester::new(Algorithm::Sha256));
            io::copy(&mut File::open(self.path(content))?, &mut sink)?;
            Ok::<_, io::Error>(sink.0.finish())
        };
        hash().is_ok_and(|actual| actual == *content)
    }
}

impl Names<'_> {
    /// Names a file that was synced, and syncs the directory that lists it.
    pub(super) fn put(&self, file: NamedTempFile, content: &Digest) -> Result<(), CacheError> {
        let path = self.shelf.path(content);
        file.persist(&path).map_err(|error| CacheError::file("write", &path)(error.error))?;
        sync_dir(&self.shelf.dir)
    }

    /// Removes a module's file, if it is there.
    pub(super) fn remove(&self, content: &Digest) -> Result<(), CacheError> {
        let path = self.shelf.path(content);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(CacheError::file("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes a file whose staying would do no harm.
    pub(super) fn remove_unneeded(&self, content: &Digest) {
        if let Err(error) = self.remove(content) {
            tracing::warn!(%error, "module cache: a file stays that nobody needs");
        }
    }
}

pub(super) fn sync_dir(dir: &Path) -> Result<(), CacheError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(CacheError::file("sync", dir))
}

/// The sha256 that names a module's file.
fn content_of(path: &Path) -> Option<Digest> {
    let hex = path.file_name()?.to_str()?.strip_suffix(".wasm")?;
    format!("sha256:{hex}").parse().ok()
}

struct Hash(Digester);

impl io::Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
