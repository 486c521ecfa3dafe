use std::fs::File;
use std::io::{BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::{Archive, Extent, Stamp};
use crate::client::Error;
use crate::client::layout::{ImageIndex, LAYOUT_MARKER, folder_of, lock_directory, new_file_in, persist};
use crate::oci::Digest;

/// Where a blob's bytes are while the bundle is written.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// In the bundle as it was.
    Archive(Extent),
    /// In a file beside it.
    Staged(PathBuf),
}

/// Everything a bundle consists of.
pub(super) struct Contents {
    /// The bundle as it was, where there was one.
    pub(super) archive: Option<Arc<Archive>>,
    /// The index as it is to be.
    pub(super) index: ImageIndex,
    /// Entry names and where their content comes from, in the order they are written.
    pub(super) blobs: Vec<(String, Origin)>,
}

/// The name of a blob's entry.
pub(super) fn entry_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

impl Contents {
    /// Writes the bundle to a new file that then takes the name `path`. Equal contents give equal bytes.
    ///
    /// # Errors
    /// Also where `path` is no longer what it was: what another process wrote there would be lost.
    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let folder = folder_of(path);
        let _alone = lock_directory(folder)?;
        if Stamp::at(path)?.as_ref() != self.archive.as_ref().map(|archive| &archive.stamp) {
            return Err(Error::Changed(path.to_owned()));
        }
        let file = new_file_in(folder)?;
        let copy = file.as_file().try_clone().map_err(Error::file("write", path))?;
        let mut tar = tar::Builder::new(BufWriter::with_capacity(1 << 20, copy));
        self.append_all(&mut tar, path)?;
        let mut buffer = tar.into_inner().map_err(Error::file("write", path))?;
        buffer.flush().map_err(Error::file("write", path))?;
        persist(file, path)
    }

    fn append_all(&self, tar: &mut tar::Builder<BufWriter<File>>, path: &Path) -> Result<(), Error> {
        let index = self.index.to_bytes();
        append(tar, "oci-layout", LAYOUT_MARKER).map_err(Error::file("write", path))?;
        append(tar, "index.json", index.as_slice()).map_err(Error::file("write", path))?;
        for (name, origin) in &self.blobs {
            self.append_blob(tar, name, origin).map_err(Error::file("write", path))?;
        }
        Ok(())
    }

    fn append_blob(
        &self,
        tar: &mut tar::Builder<BufWriter<File>>,
        name: &str,
        origin: &Origin,
    ) -> std::io::Result<()> {
        match (origin, &self.archive) {
            (Origin::Staged(file), _) => {
                let content = File::open(file)?;
                let size = content.metadata()?.len();
                append_sized(tar, name, size, content)
            }
            (Origin::Archive(extent), Some(archive)) => {
                append_sized(tar, name, extent.size, archive.open_extent(*extent)?)
            }
            (Origin::Archive(_), None) => unreachable!("an extent comes from the archive beside it"),
        }
    }
}

fn append(tar: &mut tar::Builder<BufWriter<File>>, name: &str, content: &[u8]) -> std::io::Result<()> {
    append_sized(tar, name, content.len() as u64, content)
}

/// One regular file: no date, owner 0, readable by all.
fn append_sized(
    tar: &mut tar::Builder<BufWriter<File>>,
    name: &str,
    size: u64,
    content: impl Read,
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    tar.append_data(&mut header, name, content)
}
