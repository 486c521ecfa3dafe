use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    BlobOutcome, BlobSource, Error, FetchedManifest, Image, Progress, PutManifest, Receipt, Target, Unwatched,
};
use crate::oci::{Descriptor, Digest, Manifest, ManifestKind, Reference};

/// How deep indexes, and referrers of referrers, are followed.
pub const DEPTH_LIMIT: usize = 8;

/// How content is moved.
#[derive(Clone)]
pub struct CopyOptions {
    /// Whether signatures, SBOMs and whatever else refers to the image goes with it.
    pub referrers: bool,
    /// How many blobs move at once.
    pub parallel: usize,
    /// Hears how blobs move.
    pub progress: Arc<dyn Progress>,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self { referrers: false, parallel: 4, progress: Arc::new(Unwatched) }
    }
}

/// What a copy did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The image's own manifest.
    pub root: Descriptor,
    /// How many manifests were stored, referrers and children included.
    pub manifests: usize,
    /// How many of them came along as referrers.
    pub referrers: usize,
    /// How many blobs were moved.
    pub blobs_copied: usize,
    /// How many bytes these have.
    pub bytes_copied: u64,
    /// How many blobs the destination had already.
    pub blobs_existed: usize,
    /// How many blobs the registry took from another of its repositories.
    pub blobs_mounted: usize,
    /// Warnings of the destination.
    pub warnings: Vec<String>,
}

/// An image that does not rest at a target yet: a manifest, and where each blob it names comes from.
#[derive(Clone)]
pub struct NewImage {
    /// The manifest and its tags.
    pub manifest: PutManifest,
    /// Configuration and layers with their content.
    pub blobs: Vec<(Descriptor, BlobSource)>,
}

/// Copies an image, its children and, where asked, its referrers; every byte stays as it is.
///
/// Children and blobs go first and the tag last, so that a reader of the destination never meets half an image.
/// What the destination has already is not moved again.
pub async fn copy(from: &Image, to: &Image, options: &CopyOptions) -> Result<Copied, Error> {
    let mut copied = copy_all(&[(from.clone(), to.clone())], options).await?;
    Ok(copied.remove(0))
}

/// Copies several images one after the other; stops at the first that fails. Bundles are written once, at the end.
pub async fn copy_all(pairs: &[(Image, Image)], options: &CopyOptions) -> Result<Vec<Copied>, Error> {
    let mut all = Vec::with_capacity(pairs.len());
    for (from, to) in pairs {
        let root = from.target.fetch_manifest(&from.reference).await?;
        let copier = Copier::new(from, to, options, root.descriptor.clone());
        copier.image(root, to.reference.clone(), 0).await?;
        all.push(copier.into_copied());
    }
    for (_, to) in pairs {
        to.target.finish().await?;
    }
    Ok(all)
}

/// Stores an image made here: blobs in parallel, then the manifest with its tags.
pub async fn put_image(
    target: &dyn Target,
    image: &NewImage,
    options: &CopyOptions,
) -> Result<Receipt, Error> {
    let puts = image.blobs.iter().map(|(blob, source)| put_blob(target, blob, source.clone(), options));
    in_parallel(puts.collect(), options).await?;
    let receipt = target.put_manifest(&image.manifest).await?;
    target.finish().await?;
    Ok(receipt)
}

/// Runs `moves`, a few at a time, until all are done or one fails.
async fn in_parallel<T>(
    moves: Vec<impl Future<Output = Result<T, Error>>>,
    options: &CopyOptions,
) -> Result<(), Error> {
    let running = stream::iter(moves).buffer_unordered(options.parallel.max(1));
    running.try_for_each(|_| async { Ok(()) }).await
}

async fn put_blob(
    target: &dyn Target,
    blob: &Descriptor,
    source: BlobSource,
    options: &CopyOptions,
) -> Result<BlobOutcome, Error> {
    options.progress.started(blob);
    let source = source.watched_by(Arc::clone(&options.progress));
    let outcome = target.put_blob(blob, &source).await?;
    options.progress.finished(blob, outcome);
    Ok(outcome)
}

/// One copy under way.
struct Copier<'a> {
    from: &'a Image,
    to: &'a Image,
    options: &'a CopyOptions,
    /// What happened so far.
    copied: Mutex<Copied>,
    /// Manifests that need no second visit: an index may name a child twice, and referrers may form a circle.
    visited: Mutex<HashSet<Digest>>,
}

impl<'a> Copier<'a> {
    fn new(from: &'a Image, to: &'a Image, options: &'a CopyOptions, root: Descriptor) -> Self {
        let copied = Copied {
            root,
            manifests: 0,
            referrers: 0,
            blobs_copied: 0,
            bytes_copied: 0,
            blobs_existed: 0,
            blobs_mounted: 0,
            warnings: Vec::new(),
        };
        Self { from, to, options, copied: Mutex::new(copied), visited: Mutex::default() }
    }

    fn into_copied(self) -> Copied {
        self.copied.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut Copied)) {
        change(&mut self.copied.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Copies one manifest with everything below it, and stores it under `reference`.
    fn image(
        &self,
        manifest: FetchedManifest,
        reference: Reference,
        depth: usize,
    ) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let digest = &manifest.descriptor.digest;
            if !self.visited.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.clone()) {
                return Ok(());
            }
            if depth > DEPTH_LIMIT {
                return Err(Error::TooDeep { digest: digest.clone(), limit: DEPTH_LIMIT });
            }
            let present = self.is_present(&Reference::Digest(digest.clone()), digest).await?;
            if !present {
                self.contents(&manifest, depth).await?;
            }
            if self.options.referrers {
                self.referrers(digest, depth).await?;
            }
            if present && self.is_present(&reference, digest).await? {
                return Ok(());
            }
            self.put(manifest, reference).await
        })
    }

    /// Whether the destination's `reference` stands for `digest`.
    async fn is_present(&self, reference: &Reference, digest: &Digest) -> Result<bool, Error> {
        match self.to.target.resolve(reference).await {
            Ok(found) => Ok(found.digest == *digest),
            Err(error) if error.kind() == super::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn contents(&self, fetched: &FetchedManifest, depth: usize) -> Result<(), Error> {
        let unreadable = |source| Error::Manifest { digest: fetched.descriptor.digest.clone(), source };
        let manifest = fetched.parse().map_err(unreadable)?;
        if manifest.kind == ManifestKind::Other {
            let Descriptor { digest, media_type, .. } = fetched.descriptor.clone();
            return Err(Error::UnknownManifest { digest, media_type });
        }
        for child in manifest.children() {
            self.child(child, depth + 1).await?;
        }
        self.blobs(&manifest).await
    }

    async fn child(&self, child: &Descriptor, depth: usize) -> Result<(), Error> {
        let reference = Reference::Digest(child.digest.clone());
        let fetched = self.from.target.fetch_manifest(&reference).await?;
        self.image(fetched, reference, depth).await
    }

    async fn blobs(&self, manifest: &Manifest) -> Result<(), Error> {
        let mut seen = HashSet::new();
        let blobs = manifest
            .blobs()
            .filter(|blob| !blob.media_type.is_non_distributable() && seen.insert(&blob.digest))
            .collect::<Vec<_>>();
        in_parallel(blobs.into_iter().map(|blob| self.blob(blob)).collect(), self.options).await
    }

    async fn blob(&self, blob: &Descriptor) -> Result<(), Error> {
        let source = BlobSource::target(Arc::clone(&self.from.target));
        let outcome = put_blob(self.to.target.as_ref(), blob, source, self.options).await?;
        self.note(|copied| match outcome {
            BlobOutcome::Copied => {
                copied.blobs_copied += 1;
                copied.bytes_copied += blob.size;
            }
            BlobOutcome::Existed => copied.blobs_existed += 1,
            BlobOutcome::Mounted => copied.blobs_mounted += 1,
        });
        Ok(())
    }

    async fn referrers(&self, digest: &Digest, depth: usize) -> Result<(), Error> {
        for referrer in self.from.target.referrers(digest).await? {
            self.child(&referrer, depth + 1).await?;
            self.note(|copied| copied.referrers += 1);
        }
        Ok(())
    }

    async fn put(&self, manifest: FetchedManifest, reference: Reference) -> Result<(), Error> {
        let put = PutManifest::new(manifest.descriptor.media_type, manifest.bytes, reference);
        let receipt = self.to.target.put_manifest(&put).await?;
        self.note(|copied| {
            copied.manifests += 1;
            copied.warnings.extend(receipt.warnings);
        });
        Ok(())
    }
}
