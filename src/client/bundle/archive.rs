use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use tar::EntryType;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::write::entry_name;
use crate::client::layout::{INDEX_LIMIT_BYTES, ImageIndex, check_marker, parse_index, run_blocking};
use crate::client::source::READ_SIZE_BYTES;
use crate::client::verify::verified;
use crate::client::{ByteStream, Error};
use crate::oci::{Descriptor, Digest};

/// The most entries a bundle may have: each costs memory while it is open.
pub(super) const ENTRY_LIMIT: usize = 100_000;
/// The longest extension header (a long name, or pax records) that is read.
const EXTENSION_LIMIT_BYTES: u64 = 64 * 1024;
const EXPECTED: &str = "bundle (a tar file that holds an OCI image layout)";

/// A tar file whose entries are known by name; their content stays in the file.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    path: PathBuf,
    pub(super) stamp: Stamp,
    extents: HashMap<String, Extent>,
}

/// The file that a path leads to and its state, as far as they tell one writing of a bundle from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device_and_inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    /// The stamp of what is at `path` now.
    pub(super) fn at(path: &Path) -> Result<Option<Self>, Error> {
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self::of(&metadata))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::File { action: "look at", path: path.to_owned(), source }),
        }
    }

    fn of(metadata: &Metadata) -> Self {
        Self {
            device_and_inode: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Where an entry's content lies within the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    offset: u64,
    pub(super) size: u64,
}

impl Archive {
    /// Reads the headers of the tar file at `path` and its index. Nothing is unpacked.
    pub(super) async fn open(path: &Path) -> Result<(Self, ImageIndex), Error> {
        let path = path.to_owned();
        run_blocking(move || {
            let mut file = File::open(&path).map_err(Error::file("open", &path))?;
            let stamp = Stamp::of(&file.metadata().map_err(Error::file("look at", &path))?);
            let extents = Scan { path: &path, extents: HashMap::new() }.run(&mut file)?;
            let archive = Self { path, stamp, extents };
            check_marker(&archive.path, &archive.read_now(&mut file, "oci-layout")?)?;
            let index = parse_index(&archive.path, &archive.read_now(&mut file, "index.json")?)?;
            Ok((archive, index))
        })
        .await
    }

    /// The digests of everything the bundle holds.
    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> {
        self.extents.keys().filter_map(|name| {
            let (algorithm, hex) = name.strip_prefix("blobs/")?.split_once('/')?;
            format!("{algorithm}:{hex}").parse().ok()
        })
    }

    /// The size of the content of `digest`, where the bundle holds it.
    pub(super) fn size(&self, digest: &Digest) -> Option<u64> {
        self.extent(digest).map(|extent| extent.size)
    }

    /// Where the content of `digest` lies, where the bundle holds it.
    pub(super) fn extent(&self, digest: &Digest) -> Option<Extent> {
        self.extents.get(&entry_name(digest)).copied()
    }

    /// The content of `digest`, at most `limit_bytes`, not verified.
    pub(super) async fn read(&self, digest: &Digest, limit_bytes: u64) -> Result<Option<Bytes>, Error> {
        let Some(extent) = self.extent(digest) else { return Ok(None) };
        if extent.size > limit_bytes {
            return Err(Error::TooLarge { what: format!("`{digest}`"), limit_bytes });
        }
        let mut file = self.seek_to(extent).await?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).await.map_err(Error::file("read", &self.path))?;
        Ok(Some(bytes.into()))
    }

    /// A stream of the content of `blob`, verified; none where the bundle does not hold it.
    pub(super) async fn stream(&self, blob: &Descriptor) -> Result<Option<ByteStream>, Error> {
        let Some(extent) = self.extent(&blob.digest) else { return Ok(None) };
        let file = self.seek_to(extent).await?;
        let path = self.path.clone();
        let failed = move |source| Error::File { action: "read", path: path.clone(), source };
        let content = ReaderStream::with_capacity(file, READ_SIZE_BYTES).map_err(failed).boxed();
        Ok(Some(verified(content, blob)))
    }

    /// The content of an extent, for a blocking copy.
    pub(super) fn open_extent(&self, extent: Extent) -> std::io::Result<std::io::Take<File>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(extent.offset))?;
        Ok(file.take(extent.size))
    }

    async fn seek_to(&self, extent: Extent) -> Result<tokio::io::Take<tokio::fs::File>, Error> {
        let mut file = tokio::fs::File::open(&self.path).await.map_err(Error::file("open", &self.path))?;
        file.seek(SeekFrom::Start(extent.offset)).await.map_err(Error::file("read", &self.path))?;
        Ok(file.take(extent.size))
    }

    fn read_now(&self, file: &mut File, name: &str) -> Result<Vec<u8>, Error> {
        let Some(extent) = self.extents.get(name) else {
            return Err(malformed(&self.path, format!("it has no regular file `{name}`")));
        };
        if extent.size > INDEX_LIMIT_BYTES {
            let what = format!("`{name}` in `{}`", self.path.display());
            return Err(Error::TooLarge { what, limit_bytes: INDEX_LIMIT_BYTES });
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(extent.offset))
            .and_then(|_| file.take(extent.size).read_to_end(&mut bytes))
            .map_err(Error::file("read", &self.path))?;
        Ok(bytes)
    }
}

/// One pass over a tar file's headers.
///
/// The `tar` crate would read a long name of any claimed size into memory; so we take raw headers and read
/// extensions ourselves, within [`EXTENSION_LIMIT_BYTES`].
struct Scan<'a> {
    path: &'a Path,
    extents: HashMap<String, Extent>,
}

impl Scan<'_> {
    fn run(mut self, file: &mut File) -> Result<HashMap<String, Extent>, Error> {
        self.refuse_compressed(file)?;
        let length = file.metadata().map_err(Error::file("look at", self.path))?.len();
        let broken = |error: std::io::Error| malformed(self.path, error.to_string());
        let mut archive = tar::Archive::new(&mut *file);
        let entries = archive.entries_with_seek().map_err(broken)?.raw(true);
        let mut long_name: Option<String> = None;
        for (number, entry) in entries.enumerate() {
            let mut entry = entry.map_err(broken)?;
            let extent = Extent { offset: entry.raw_file_position(), size: entry.size() };
            self.check(number, extent, length)?;
            match entry.header().entry_type() {
                EntryType::GNULongName | EntryType::XHeader => {
                    long_name = self.read_extension(&mut entry)?.or(long_name);
                }
                kind => {
                    let name = long_name.take().unwrap_or_else(|| lossy(&entry.path_bytes()));
                    self.add(&name, kind, extent)?;
                }
            }
        }
        Ok(self.extents)
    }

    fn refuse_compressed(&self, file: &mut File) -> Result<(), Error> {
        let mut magic = Vec::new();
        let start = file.by_ref().take(4).read_to_end(&mut magic).and_then(|_| file.seek(SeekFrom::Start(0)));
        start.map_err(Error::file("read", self.path))?;
        match magic.as_slice() {
            [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd] => {
                Err(malformed(self.path, "it is compressed; decompress it first".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn check(&self, number: usize, extent: Extent, length: u64) -> Result<(), Error> {
        if number >= ENTRY_LIMIT {
            return Err(malformed(self.path, format!("it has more than {ENTRY_LIMIT} entries")));
        }
        match extent.offset.checked_add(extent.size) {
            Some(end) if end <= length => Ok(()),
            _ => Err(malformed(
                self.path,
                "it is cut off, or an entry claims more than the file has".to_owned(),
            )),
        }
    }

    /// The name that a GNU long name or a pax `path` record gives to the next entry.
    fn read_extension(&self, entry: &mut tar::Entry<'_, &mut File>) -> Result<Option<String>, Error> {
        if entry.size() > EXTENSION_LIMIT_BYTES {
            return Err(malformed(self.path, format!("an entry's name has {} bytes", entry.size())));
        }
        let is_pax = entry.header().entry_type() == EntryType::XHeader;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(Error::file("read", self.path))?;
        if !is_pax {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            return Ok(Some(lossy(&bytes[..end])));
        }
        let mut name = None;
        for record in tar::PaxExtensions::new(&bytes) {
            let record = record.map_err(|error| malformed(self.path, error.to_string()))?;
            match record.key_bytes() {
                b"path" => name = Some(lossy(record.value_bytes())),
                b"size" => {
                    return Err(malformed(self.path, "an entry's size stands in a pax record".to_owned()));
                }
                _ => {}
            }
        }
        Ok(name)
    }

    /// Takes up an entry that belongs to the layout. A name given twice means its last entry, as when unpacked.
    fn add(&mut self, name: &str, kind: EntryType, extent: Extent) -> Result<(), Error> {
        let name = name.strip_prefix("./").unwrap_or(name);
        if name.starts_with('/') || name.split('/').any(|part| part == "..") {
            return Err(malformed(self.path, format!("entry `{}` leaves the layout", short(name))));
        }
        let belongs = matches!(name, "oci-layout" | "index.json") || name.starts_with("blobs/");
        match kind {
            EntryType::Regular | EntryType::Continuous if belongs => {
                self.extents.insert(name.to_owned(), extent);
                Ok(())
            }
            EntryType::Directory => Ok(()),
            _ if belongs => {
                Err(malformed(self.path, format!("entry `{}` is not a regular file", short(name))))
            }
            _ => Ok(()),
        }
    }
}

fn malformed(path: &Path, problem: String) -> Error {
    Error::Malformed { path: path.to_owned(), expected: EXPECTED, problem }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn short(name: &str) -> String {
    name.chars().take(100).collect()
}
