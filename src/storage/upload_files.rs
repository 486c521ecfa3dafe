use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::blob_files::{create_dir_durably, remove_file};
use super::upload_sessions::Session;
use super::{Error, Result, UploadId};
use crate::oci::Digester;

/// The directory of files that are still being written: `uploads/<id>`.
#[derive(Clone)]
pub(super) struct UploadFiles {
    root: PathBuf,
}

impl UploadFiles {
    pub(super) fn open(data_dir: &Path) -> Result<Self> {
        let root = data_dir.join("uploads");
        create_dir_durably(&root)?;
        Ok(Self { root })
    }

    pub(super) fn path(&self, id: UploadId) -> PathBuf {
        self.root.join(id.to_string())
    }

    /// Opens the file of an upload, creating it where there is none, with the cursor at its end.
    pub(super) fn open_file(&self, id: UploadId) -> Result<(File, u64)> {
        let path = self.path(id);
        let open = || {
            let mut file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            let length = file.seek(SeekFrom::End(0))?;
            Ok((file, length))
        };
        open().map_err(|source| Error::io("open", &path, source))
    }

    /// How long the file of an upload is; nothing, where there is none yet.
    pub(super) fn length(&self, id: UploadId) -> Result<u64> {
        let path = self.path(id);
        match std::fs::metadata(&path) {
            Ok(facts) => Ok(facts.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(source) => Err(Error::io("open", &path, source)),
        }
    }

    pub(super) fn remove(&self, id: UploadId) -> Result<()> {
        remove_file(&self.path(id))
    }

    /// Removes a file by the name that [`UploadFiles::list`] gave.
    pub(super) fn remove_named(&self, name: &OsStr) -> Result<()> {
        remove_file(&self.root.join(name))
    }

    /// The names of all files here: ids of uploads, and what a crash in mid-publishing left.
    pub(super) fn list(&self) -> Result<Vec<OsString>> {
        let io = |source| Error::io("list", &self.root, source);
        let names = std::fs::read_dir(&self.root).map_err(io)?.map(|entry| Ok(entry?.file_name()));
        names.collect::<std::io::Result<_>>().map_err(io)
    }
}

/// Hashes what a file holds from `start` on: bytes that arrived after the last saved hash state.
pub(super) fn hash_tail(file: &mut File, start: u64, digester: &mut Digester) -> std::io::Result<()> {
    const BUFFER_BYTES: usize = 1 << 20;
    file.seek(SeekFrom::Start(start))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            read => digester.update(&buffer[..read]),
        }
    }
}

/// Writes frames as they come, on a blocking thread, until the sender is dropped.
///
/// It holds the session for as long as it writes, so that a client that reconnects at once does not write beside it.
pub(super) fn write_frames(
    mut file: File,
    mut frames: mpsc::Receiver<Bytes>,
    session: Option<Session>,
) -> std::io::Result<File> {
    while let Some(frame) = frames.blocking_recv() {
        file.write_all(&frame)?;
    }
    drop(session);
    Ok(file)
}
