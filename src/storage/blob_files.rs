use std::fs::File;
use std::path::{Path, PathBuf};

use super::{Error, Result};
use crate::oci::{Algorithm, Digest};

/// The directory of content-addressed files: `blobs/<algorithm>/<first two hex digits>/<hex digits>`.
#[derive(Clone)]
pub(super) struct BlobFiles {
    root: PathBuf,
}

impl BlobFiles {
    /// Creates the 256 directories of each algorithm, so that publishing a blob syncs one directory and no more.
    pub(super) fn open(data_dir: &Path) -> Result<Self> {
        let root = data_dir.join("blobs");
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let dir = root.join(algorithm.name());
            if dir.join("ff").is_dir() {
                continue;
            }
            for shard in 0..=0xff {
                let shard = dir.join(format!("{shard:02x}"));
                std::fs::create_dir_all(&shard).map_err(|source| Error::io("create", &shard, source))?;
            }
            sync_dir(&dir)?;
        }
        sync_dir(&root)?;
        sync_dir(data_dir)?;
        Ok(Self { root })
    }

    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.root.join(digest.algorithm().name()).join(&hex[..2]).join(hex)
    }

    /// Makes the finished file at `staged` the content of `digest`, durably.
    ///
    /// The staged name stays, so that a session whose row is still there after a crash has all its bytes. It may then
    /// grow under both names; therefore a file that no row names is never trusted, but replaced.
    pub(super) fn publish(&self, staged: &Path, file: &File, digest: &Digest) -> Result<()> {
        let (path, link) = (self.path(digest), staged.with_extension("link"));
        let io = |source| Error::io("publish", &path, source);
        file.sync_data().map_err(|source| Error::io("sync", staged, source))?;
        std::fs::hard_link(staged, &link).map_err(io)?;
        std::fs::rename(&link, &path).map_err(io)?;
        // Where both were names of one file already, rename leaves both.
        remove_file(&link)?;
        sync_dir(path.parent().expect("a blob's path has a shard directory"))
    }

    pub(super) fn open_file(&self, digest: &Digest) -> Result<File> {
        let path = self.path(digest);
        match File::open(&path) {
            Ok(file) => Ok(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::Lost(digest.clone())),
            Err(source) => Err(Error::io("open", &path, source)),
        }
    }

    /// Removes the file of a blob that no row names any more. Power loss may leave it behind; it is then unnamed.
    pub(super) fn remove(&self, digest: &Digest) -> Result<()> {
        remove_file(&self.path(digest))
    }
}

/// Creates `dir` and its parents, and syncs what was created.
pub(super) fn create_dir_durably(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(dir).map_err(|source| Error::io("create", dir, source))?;
    dir.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_dir)
}

pub(super) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, source))
        }
        _ => Ok(()),
    }
}

fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| Error::io("sync", dir, source))
}
