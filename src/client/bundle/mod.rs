//! A tar file that holds an OCI image layout, as a target: what an air-gapped team carries on a stick.

mod archive;
mod write;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tempfile::TempDir;

use archive::Archive;
use write::{Contents, Origin, entry_name};

use super::layout::{
    BlobDirectory, ImageIndex, Shelf, absent, absent_blob, check_new_manifest, enter, fetch_manifest,
    folder_of, reachable, referrers, run_blocking,
};
use super::{
    Answer, BlobOutcome, BlobSource, ByteStream, Error, FetchedManifest, Page, PageRequest, PutManifest,
    Receipt, Target,
};
use crate::oci::{Descriptor, Digest, Reference, Tag};

/// A tar file that holds an OCI image layout; it is read where it lies, without being unpacked.
///
/// What is put is staged in a directory beside it. [`Target::finish`] writes the whole file anew, under another
/// name, and then gives it its own; until then readers see the bundle as it was. Blobs that nothing refers to are
/// left out. Equal contents give equal files. A file that another process wrote meanwhile is not overwritten.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The index as it is to be.
    index: ImageIndex,
    /// The file as it is, where there is one.
    archive: Option<Arc<Archive>>,
    /// What was put since the file was written; made by the first blob.
    staging: Option<Arc<Staging>>,
    /// Whether the file differs from what it is to be.
    changed: bool,
}

#[derive(Debug)]
struct Staging {
    blobs: BlobDirectory,
    /// Removed with everything in it when the last holder lets go.
    _directory: TempDir,
}

impl Bundle {
    /// The bundle at `path`, which must be one.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let (archive, index) = Archive::open(path).await?;
        let state = State { index, archive: Some(Arc::new(archive)), staging: None, changed: false };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    /// The bundle at `path`, or an empty one that [`Target::finish`] will write there.
    pub async fn open_or_create(path: &Path) -> Result<Self, Error> {
        if tokio::fs::try_exists(path).await.map_err(Error::file("look at", path))? {
            return Self::open(path).await;
        }
        let state = State { index: ImageIndex::empty(), archive: None, staging: None, changed: true };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state) })
    }

    /// The image, where the bundle holds exactly one.
    pub fn only_image(&self) -> Option<Reference> {
        self.state().index.only_image()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where content may be: the staging directory, then the file.
    fn holders(&self) -> (Option<Arc<Staging>>, Option<Arc<Archive>>) {
        let state = self.state();
        (state.staging.clone(), state.archive.clone())
    }

    /// The staging directory, made beside the bundle so that a full disk shows early.
    fn stage(&self) -> Result<Arc<Staging>, Error> {
        let mut state = self.state();
        if let Some(staging) = &state.staging {
            return Ok(Arc::clone(staging));
        }
        let parent = folder_of(&self.path);
        let made = tempfile::Builder::new().prefix(".bundle-").tempdir_in(parent);
        let directory = made.map_err(Error::file("make a directory in", parent))?;
        let blobs = BlobDirectory::new(directory.path().to_owned());
        let staging = Arc::new(Staging { blobs, _directory: directory });
        state.staging = Some(Arc::clone(&staging));
        Ok(staging)
    }

    async fn size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let (staging, archive) = self.holders();
        if let Some(staging) = staging
            && let Some(size) = staging.blobs.size(digest).await?
        {
            return Ok(Some(size));
        }
        Ok(archive.and_then(|archive| archive.size(digest)))
    }

    async fn put_content(&self, blob: &Descriptor, source: &BlobSource) -> Result<BlobOutcome, Error> {
        if self.size(&blob.digest).await? == Some(blob.size) {
            return Ok(BlobOutcome::Existed);
        }
        self.stage()?.blobs.put(blob, source).await
    }

    async fn open_blob(&self, blob: &Descriptor) -> Result<ByteStream, Error> {
        let (staging, archive) = self.holders();
        if let Some(staging) = staging
            && let Some(content) = staging.blobs.open(blob).await?
        {
            return Ok(content);
        }
        match archive {
            Some(archive) => archive.stream(blob).await?.ok_or_else(|| absent_blob(self, blob)),
            None => Err(absent_blob(self, blob)),
        }
    }

    async fn put_new_manifest(&self, manifest: &PutManifest) -> Result<Receipt, Error> {
        check_new_manifest(manifest)?;
        let descriptor = manifest.descriptor();
        self.put_content(&descriptor, &BlobSource::bytes(manifest.bytes.clone())).await?;
        let mut state = self.state();
        let before = state.index.clone();
        let subject = enter(&mut state.index, manifest)?;
        state.changed |= state.index != before;
        Ok(Receipt { digest: descriptor.digest, warnings: Vec::new(), subject })
    }

    fn remove(&self, reference: &Reference) -> Result<(), Error> {
        let mut state = self.state();
        if !state.index.remove(reference) {
            return Err(absent(self, reference));
        }
        state.changed = true;
        Ok(())
    }

    async fn write(&self) -> Result<(), Error> {
        if !self.state().changed {
            return Ok(());
        }
        let contents = self.contents().await?;
        let path = self.path.clone();
        run_blocking(move || contents.write(&path)).await?;
        let (archive, index) = Archive::open(&self.path).await?;
        *self.state() = State { index, archive: Some(Arc::new(archive)), staging: None, changed: false };
        Ok(())
    }

    /// What the file is to consist of.
    async fn contents(&self) -> Result<Contents, Error> {
        let index = self.state().index.clone();
        let (staging, archive) = self.holders();
        let digests = match reachable(self).await? {
            Some(reachable) => reachable,
            None => everything(staging.as_deref(), archive.as_deref())?,
        };
        let mut contents = Contents { archive, index, blobs: Vec::new() };
        for digest in digests {
            let staged = match &staging {
                Some(staging) if staging.blobs.size(&digest).await?.is_some() => {
                    Some(Origin::Staged(staging.blobs.path(&digest)))
                }
                _ => None,
            };
            let archived = contents.archive.as_ref().and_then(|archive| archive.extent(&digest));
            let origin = staged.or(archived.map(Origin::Archive));
            contents.blobs.extend(origin.map(|origin| (entry_name(&digest), origin)));
        }
        Ok(contents)
    }
}

/// All content at hand, for a bundle of which nobody can tell what belongs to it.
fn everything(staging: Option<&Staging>, archive: Option<&Archive>) -> Result<BTreeSet<Digest>, Error> {
    let mut all: BTreeSet<Digest> = archive.into_iter().flat_map(Archive::digests).collect();
    if let Some(staging) = staging {
        all.extend(staging.blobs.digests()?);
    }
    Ok(all)
}

impl Shelf for Bundle {
    fn place(&self) -> &Path {
        &self.path
    }

    async fn index(&self) -> Result<ImageIndex, Error> {
        Ok(self.state().index.clone())
    }

    async fn read(&self, digest: &Digest, limit_bytes: u64) -> Result<Option<Bytes>, Error> {
        let (staging, archive) = self.holders();
        if let Some(staging) = staging
            && let Some(bytes) = staging.blobs.read(digest, limit_bytes).await?
        {
            return Ok(Some(bytes));
        }
        match archive {
            Some(archive) => archive.read(digest, limit_bytes).await,
            None => Ok(None),
        }
    }
}

impl Target for Bundle {
    fn resolve<'a>(&'a self, reference: &'a Reference) -> Answer<'a, Descriptor> {
        Box::pin(async { Ok(fetch_manifest(self, reference).await?.descriptor) })
    }

    fn fetch_manifest<'a>(&'a self, reference: &'a Reference) -> Answer<'a, FetchedManifest> {
        Box::pin(fetch_manifest(self, reference))
    }

    fn fetch_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, ByteStream> {
        Box::pin(self.open_blob(blob))
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, bool> {
        Box::pin(async { Ok(self.size(&blob.digest).await? == Some(blob.size)) })
    }

    fn put_blob<'a>(&'a self, blob: &'a Descriptor, source: &'a BlobSource) -> Answer<'a, BlobOutcome> {
        Box::pin(self.put_content(blob, source))
    }

    fn put_manifest<'a>(&'a self, manifest: &'a PutManifest) -> Answer<'a, Receipt> {
        Box::pin(self.put_new_manifest(manifest))
    }

    fn referrers<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(referrers(self, digest))
    }

    fn tags<'a>(&'a self, request: &'a PageRequest) -> Answer<'a, Page<Tag>> {
        Box::pin(async { Ok(Page::of(self.state().index.tags().into_iter().collect(), request)) })
    }

    fn delete<'a>(&'a self, reference: &'a Reference) -> Answer<'a, ()> {
        Box::pin(async { self.remove(reference) })
    }

    fn finish(&self) -> Answer<'_, ()> {
        Box::pin(self.write())
    }
}
