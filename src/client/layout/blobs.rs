use std::collections::BTreeSet;
use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

use crate::client::source::READ_SIZE_BYTES;
use crate::client::verify::verified;
use crate::client::{BlobOutcome, BlobSource, ByteStream, Error};
use crate::oci::{Algorithm, Descriptor, Digest};

/// The `blobs/` directory of an OCI image layout: one file for each digest.
#[derive(Clone, Debug)]
pub(in crate::client) struct BlobDirectory {
    root: PathBuf,
}

/// How a blob directory is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Hold {
    /// Together with others who write.
    Shared,
    /// Without anybody else, if that is possible now.
    AloneOrNot,
}

impl BlobDirectory {
    /// The directory at `root`, which the first blob written makes.
    pub(in crate::client) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where the content of `digest` is or would be.
    pub(in crate::client) fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join(digest.algorithm().name()).join(digest.hex())
    }

    /// Everything the directory holds. Blocks.
    pub(in crate::client) fn digests(&self) -> Result<BTreeSet<Digest>, Error> {
        let mut found = BTreeSet::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let folder = self.root.join(algorithm.name());
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(Error::File { action: "list", path: folder, source }),
            };
            for entry in entries {
                let name = entry.map_err(Error::file("list", &folder))?.file_name();
                let digest = format!("{}:{}", algorithm.name(), name.to_string_lossy()).parse();
                found.extend(digest.ok());
            }
        }
        Ok(found)
    }

    /// A lock on the directory: writers share it, and whoever removes unused content has it alone.
    pub(in crate::client) fn lock(&self, hold: Hold) -> Result<Option<fs::File>, Error> {
        let folder = fs::File::open(&self.root).map_err(Error::file("open", &self.root))?;
        let locked = match hold {
            Hold::Shared => folder.lock_shared().map(|()| true),
            Hold::AloneOrNot => match folder.try_lock() {
                Ok(()) => Ok(true),
                Err(TryLockError::WouldBlock) => Ok(false),
                Err(TryLockError::Error(error)) => Err(error),
            },
        };
        Ok(locked.map_err(Error::file("lock", &self.root))?.then_some(folder))
    }

    /// The content's size, where the directory holds it.
    pub(in crate::client) async fn size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let path = self.path(digest);
        match tokio::fs::metadata(&path).await {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::File { action: "look at", path, source }),
        }
    }

    /// A stream of the content of `blob`, verified; none where the directory does not hold it.
    pub(in crate::client) async fn open(&self, blob: &Descriptor) -> Result<Option<ByteStream>, Error> {
        match self.size(&blob.digest).await? {
            None => return Ok(None),
            Some(size) if size != blob.size => {
                return Err(Error::SizeMismatch {
                    digest: blob.digest.clone(),
                    expected: blob.size,
                    actual: size,
                });
            }
            Some(_) => {}
        }
        let path = self.path(&blob.digest);
        let file = tokio::fs::File::open(&path).await.map_err(Error::file("open", &path))?;
        let failed = move |source| Error::File { action: "read", path: path.clone(), source };
        let content = ReaderStream::with_capacity(file, READ_SIZE_BYTES).map_err(failed).boxed();
        Ok(Some(verified(content, blob)))
    }

    /// The whole content of `digest`, at most `limit_bytes`; it is not verified.
    pub(in crate::client) async fn read(
        &self,
        digest: &Digest,
        limit_bytes: u64,
    ) -> Result<Option<Bytes>, Error> {
        match self.size(digest).await? {
            None => Ok(None),
            Some(size) if size > limit_bytes => {
                Err(Error::TooLarge { what: format!("`{digest}`"), limit_bytes })
            }
            Some(_) => {
                let path = self.path(digest);
                let bytes = tokio::fs::read(&path).await.map_err(Error::file("read", &path))?;
                Ok(Some(bytes.into()))
            }
        }
    }

    /// Makes the directory hold `blob`.
    pub(in crate::client) async fn put(
        &self,
        blob: &Descriptor,
        source: &BlobSource,
    ) -> Result<BlobOutcome, Error> {
        if self.size(&blob.digest).await? == Some(blob.size) {
            return Ok(BlobOutcome::Existed);
        }
        let content = source.open(blob, 0).await?;
        self.write(&blob.digest, verified(content, blob)).await?;
        Ok(BlobOutcome::Copied)
    }

    /// Writes `content` to a file of its own, and gives that its name once all of it is on the disk.
    async fn write(&self, digest: &Digest, mut content: ByteStream) -> Result<(), Error> {
        let path = self.path(digest);
        let folder = self.root.join(digest.algorithm().name());
        tokio::fs::create_dir_all(&folder).await.map_err(Error::file("make", &folder))?;
        let incoming = new_file_in(&self.root)?;
        let written = Error::file("write", incoming.path());
        let copy = incoming.as_file().try_clone().map_err(Error::file("write", incoming.path()))?;
        let mut file = tokio::fs::File::from_std(copy);
        while let Some(piece) = content.try_next().await? {
            file.write_all(&piece).await.map_err(Error::file("write", incoming.path()))?;
        }
        file.flush().await.map_err(written)?;
        drop(file);
        run_blocking(move || persist(incoming, &path)).await
    }
}

/// A new file beside its final place, readable by all as far as the process allows, gone when dropped.
pub(in crate::client) fn new_file_in(directory: &Path) -> Result<NamedTempFile, Error> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    builder.prefix(".incoming-").tempfile_in(directory).map_err(Error::file("make a file in", directory))
}

/// A lock on `directory` that others of us wait for, until it is dropped. Blocks.
pub(in crate::client) fn lock_directory(directory: &Path) -> Result<fs::File, Error> {
    let lock = fs::File::open(directory).map_err(Error::file("open", directory))?;
    lock.lock().map_err(Error::file("lock", directory))?;
    Ok(lock)
}

/// The directory that lists `path`.
pub(in crate::client) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Syncs `file`, gives it its final name, and syncs the directory that lists it.
pub(in crate::client) fn persist(file: NamedTempFile, path: &Path) -> Result<(), Error> {
    file.as_file().sync_all().map_err(Error::file("sync", path))?;
    file.persist(path).map_err(|error| Error::File {
        action: "write",
        path: path.to_owned(),
        source: error.error,
    })?;
    let folder = folder_of(path);
    let sync = fs::File::open(folder).and_then(|folder| folder.sync_all());
    sync.map_err(Error::file("sync", folder))
}

/// Runs file work on a thread that may block.
pub(in crate::client) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
