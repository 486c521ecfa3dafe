//! An OCI image layout directory as a target (image-spec 1.1.1, image-layout.md).

mod blobs;
mod index;
mod shelf;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

pub(super) use blobs::{BlobDirectory, Hold, folder_of, lock_directory, new_file_in, persist, run_blocking};
pub(super) use index::ImageIndex;
pub(super) use shelf::{
    Shelf, absent, absent_blob, check_new_manifest, enter, fetch_manifest, reachable, referrer_descriptor,
    referrers, referrers_tag,
};

use super::{
    Answer, BlobOutcome, BlobSource, ByteStream, Error, FetchedManifest, Page, PageRequest, PutManifest,
    Receipt, Target,
};
use crate::oci::{Descriptor, Digest, Reference, Tag};

/// The content of the file `oci-layout`.
pub(super) const LAYOUT_MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// The largest `index.json` that is read.
pub(super) const INDEX_LIMIT_BYTES: u64 = 32 * 1024 * 1024;
const EXPECTED: &str = "OCI image layout";

/// An OCI image layout directory: `oci-layout`, `index.json` and `blobs/`.
///
/// Every file appears whole or not at all, and is on the disk when a verb answers. Several processes may write one
/// layout; the index is changed under a lock. A delete removes blobs that nothing refers to any more, unless somebody
/// has the layout open for writing: half an image looks unused too.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
    blobs: BlobDirectory,
    /// Held while the layout is open for writing.
    _writing: Option<Arc<fs::File>>,
}

impl Layout {
    /// The layout at `root`, which must be one.
    pub async fn open(root: &Path) -> Result<Self, Error> {
        let layout = Self::at(root);
        let marker = match read_small(root.join("oci-layout")).await {
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let what = "file `oci-layout`, so it is no OCI image layout".to_owned();
                return Err(Error::Absent { place: root.to_owned(), what });
            }
            read => read?,
        };
        check_marker(root, &marker)?;
        layout.index().await?;
        Ok(layout)
    }

    /// The layout at `root`, made anew where there is nothing or an empty directory.
    pub async fn open_or_create(root: &Path) -> Result<Self, Error> {
        let layout = Self::at(root);
        run_blocking(move || layout.create_if_empty()).await?;
        Self::open_to_write(root).await
    }

    /// The layout at `root`, which must be one. Nothing in it is removed as unused until the value is dropped.
    pub async fn open_to_write(root: &Path) -> Result<Self, Error> {
        let layout = Self::open(root).await?;
        let blobs = layout.blobs.clone();
        let writing = run_blocking(move || blobs.lock(Hold::Shared)).await?;
        Ok(Self { _writing: writing.map(Arc::new), ..layout })
    }

    /// The image, where the layout holds exactly one.
    pub async fn only_image(&self) -> Result<Option<Reference>, Error> {
        Ok(self.index().await?.only_image())
    }

    fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), blobs: BlobDirectory::new(root.join("blobs")), _writing: None }
    }

    /// Under the layout's lock: two writers that find nothing must not both begin with an empty index.
    fn create_if_empty(&self) -> Result<(), Error> {
        if self.root.is_file() {
            let problem = "it is a file; a bundle is written `FILE.tar` or `tar:FILE`".to_owned();
            return Err(Error::Malformed { path: self.root.clone(), expected: EXPECTED, problem });
        }
        fs::create_dir_all(&self.root).map_err(Error::file("make", &self.root))?;
        let _alone = lock_directory(&self.root)?;
        let mut entries = fs::read_dir(&self.root).map_err(Error::file("list", &self.root))?;
        if entries.next().is_some() {
            return Ok(());
        }
        let blobs = self.root.join("blobs").join("sha256");
        fs::create_dir_all(&blobs).map_err(Error::file("make", &blobs))?;
        self.replace("index.json", &ImageIndex::empty().to_bytes())?;
        self.replace("oci-layout", LAYOUT_MARKER)
    }

    fn replace(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.root.join(name);
        let mut file = new_file_in(&self.root)?;
        file.write_all(content).map_err(Error::file("write", &path))?;
        persist(file, &path)
    }

    /// Changes the index under the layout's lock, which is the directory's own.
    async fn change_index<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut ImageIndex) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let layout = self.clone();
        run_blocking(move || {
            let _alone = lock_directory(&layout.root)?;
            let path = layout.root.join("index.json");
            let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
            let mut index = parse_index(&layout.root, &bytes)?;
            let before = index.clone();
            let outcome = change(&mut index);
            if index != before {
                layout.replace("index.json", &index.to_bytes())?;
            }
            Ok(outcome)
        })
        .await
    }

    async fn put_new_manifest(&self, manifest: &PutManifest) -> Result<Receipt, Error> {
        check_new_manifest(manifest)?;
        let descriptor = manifest.descriptor();
        self.blobs.put(&descriptor, &BlobSource::bytes(manifest.bytes.clone())).await?;
        let entered = manifest.clone();
        let subject = self.change_index(move |index| enter(index, &entered)).await??;
        Ok(Receipt { digest: descriptor.digest, warnings: Vec::new(), subject })
    }

    async fn remove(&self, reference: &Reference) -> Result<(), Error> {
        let wanted = reference.clone();
        if !self.change_index(move |index| index.remove(&wanted)).await? {
            return Err(absent(self, reference));
        }
        // It is to be gone even while somebody writes, but for an index that still leads to it.
        if let (Reference::Digest(digest), Some(used)) = (reference, reachable(self).await?)
            && !used.contains(digest)
        {
            self.unlink(digest).await?;
        }
        self.prune().await
    }

    /// Removes what nothing refers to, if that can be told and nobody is writing.
    async fn prune(&self) -> Result<(), Error> {
        let blobs = self.blobs.clone();
        let Some(_alone) = run_blocking(move || blobs.lock(Hold::AloneOrNot)).await? else { return Ok(()) };
        let Some(used) = reachable(self).await? else { return Ok(()) };
        let blobs = self.blobs.clone();
        let unused = run_blocking(move || blobs.digests()).await?;
        for digest in unused.difference(&used) {
            self.unlink(digest).await?;
        }
        Ok(())
    }

    async fn unlink(&self, digest: &Digest) -> Result<(), Error> {
        let path = self.blobs.path(digest);
        match tokio::fs::remove_file(&path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::File { action: "delete", path, source: error })
            }
            _ => Ok(()),
        }
    }
}

impl Shelf for Layout {
    fn place(&self) -> &Path {
        &self.root
    }

    async fn index(&self) -> Result<ImageIndex, Error> {
        let bytes = read_small(self.root.join("index.json")).await?;
        parse_index(&self.root, &bytes)
    }

    async fn read(&self, digest: &Digest, limit_bytes: u64) -> Result<Option<Bytes>, Error> {
        self.blobs.read(digest, limit_bytes).await
    }
}

impl Target for Layout {
    fn resolve<'a>(&'a self, reference: &'a Reference) -> Answer<'a, Descriptor> {
        Box::pin(async { Ok(fetch_manifest(self, reference).await?.descriptor) })
    }

    fn fetch_manifest<'a>(&'a self, reference: &'a Reference) -> Answer<'a, FetchedManifest> {
        Box::pin(fetch_manifest(self, reference))
    }

    fn fetch_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, ByteStream> {
        Box::pin(async { self.blobs.open(blob).await?.ok_or_else(|| absent_blob(self, blob)) })
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, bool> {
        Box::pin(async { Ok(self.blobs.size(&blob.digest).await? == Some(blob.size)) })
    }

    fn put_blob<'a>(&'a self, blob: &'a Descriptor, source: &'a BlobSource) -> Answer<'a, BlobOutcome> {
        Box::pin(self.blobs.put(blob, source))
    }

    fn put_manifest<'a>(&'a self, manifest: &'a PutManifest) -> Answer<'a, Receipt> {
        Box::pin(self.put_new_manifest(manifest))
    }

    fn referrers<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(referrers(self, digest))
    }

    fn tags<'a>(&'a self, request: &'a PageRequest) -> Answer<'a, Page<Tag>> {
        Box::pin(async { Ok(Page::of(self.index().await?.tags().into_iter().collect(), request)) })
    }

    fn delete<'a>(&'a self, reference: &'a Reference) -> Answer<'a, ()> {
        Box::pin(self.remove(reference))
    }
}

/// Reads a file that every layout has, and that is small in every honest one.
async fn read_small(path: PathBuf) -> Result<Vec<u8>, Error> {
    let metadata = tokio::fs::metadata(&path).await.map_err(Error::file("read", &path))?;
    if metadata.len() > INDEX_LIMIT_BYTES {
        return Err(Error::TooLarge {
            what: format!("`{}`", path.display()),
            limit_bytes: INDEX_LIMIT_BYTES,
        });
    }
    tokio::fs::read(&path).await.map_err(Error::file("read", &path))
}

/// Reads `index.json` of the layout or bundle at `place`.
pub(super) fn parse_index(place: &Path, bytes: &[u8]) -> Result<ImageIndex, Error> {
    let problem = |error: serde_json::Error| Error::Malformed {
        path: place.to_owned(),
        expected: EXPECTED,
        problem: format!("`index.json` is not an image index: {error}"),
    };
    ImageIndex::parse(bytes).map_err(problem)
}

/// Refuses a layout of a version that does not exist yet.
pub(super) fn check_marker(place: &Path, bytes: &[u8]) -> Result<(), Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marker {
        image_layout_version: String,
    }
    let problem = |problem| Error::Malformed { path: place.to_owned(), expected: EXPECTED, problem };
    let marker: Marker = serde_json::from_slice(bytes)
        .map_err(|error| problem(format!("`oci-layout` has no `imageLayoutVersion`: {error}")))?;
    if marker.image_layout_version.starts_with("1.") {
        Ok(())
    } else {
        Err(problem(format!("its version is `{}`, expected `1.0.0`", marker.image_layout_version)))
    }
}
