use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::{BlobOutcome, BlobSource, Error, Page, PageRequest};
use crate::oci::{
    Descriptor, Digest, Manifest, ManifestError, MediaType, Reference, RegistryHost, RepositoryName, Tag,
};

/// The largest manifest that is read or written (distribution-spec 1.1.1, "Pushing Manifests", asks for at least this).
pub const MANIFEST_LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// What a [`Target`]'s verb answers, some time later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// Bytes as they arrive. An error ends the stream; the bytes before it are not to be trusted.
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

/// A place that holds the images of one repository: a registry's repository, an OCI image layout, or a bundle of one.
///
/// Everything read through it is verified against its digest. Dropping an answer half way leaves nothing visible at
/// the target.
pub trait Target: Send + Sync {
    /// The descriptor that `reference` stands for: media type, digest and size, without the content.
    fn resolve<'a>(&'a self, reference: &'a Reference) -> Answer<'a, Descriptor>;

    /// The manifest that `reference` stands for; its bytes hash to its descriptor's digest, and are at most
    /// [`MANIFEST_LIMIT_BYTES`].
    fn fetch_manifest<'a>(&'a self, reference: &'a Reference) -> Answer<'a, FetchedManifest>;

    /// The content of `blob`. Only a stream that ends without an error had the right digest and size.
    fn fetch_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, ByteStream>;

    /// Whether the target holds `blob`.
    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, bool>;

    /// Makes the target hold `blob`, whose content `source` gives; nothing moves where it is there already.
    fn put_blob<'a>(&'a self, blob: &'a Descriptor, source: &'a BlobSource) -> Answer<'a, BlobOutcome>;

    /// Stores a manifest under its digest and its tags. What it points at should be there before.
    fn put_manifest<'a>(&'a self, manifest: &'a PutManifest) -> Answer<'a, Receipt>;

    /// The manifests whose `subject` is `digest`.
    fn referrers<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Vec<Descriptor>>;

    /// One page of tags, in the target's order.
    fn tags<'a>(&'a self, request: &'a PageRequest) -> Answer<'a, Page<Tag>>;

    /// Removes a tag, or a manifest with all its tags.
    fn delete<'a>(&'a self, reference: &'a Reference) -> Answer<'a, ()>;

    /// Which repository this is, where it lies in a registry: blobs are mounted between repositories of one registry.
    fn repository(&self) -> Option<(&RegistryHost, &RepositoryName)> {
        None
    }

    /// Makes everything put so far durable and visible, for targets that are written as a whole.
    fn finish(&self) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// A manifest as a target served it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedManifest {
    /// Its media type, digest and size.
    pub descriptor: Descriptor,
    /// Its bytes, which hash to the descriptor's digest.
    pub bytes: Bytes,
}

impl FetchedManifest {
    /// Reads the bytes as a manifest of the type they were served under.
    pub fn parse(&self) -> Result<Manifest, ManifestError> {
        Manifest::parse(&self.descriptor.media_type, &self.bytes)
    }
}

/// A manifest to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutManifest {
    /// What the manifest is.
    pub media_type: MediaType,
    /// The bytes, which are stored exactly as they are.
    pub bytes: Bytes,
    /// A tag, or the digest of `bytes`.
    pub reference: Reference,
    /// More tags for the same manifest.
    pub tags: Vec<Tag>,
    /// What the reference, where it is a tag, has to name before.
    pub expected: Expected,
}

/// What a tag has to name for a manifest to be stored under it.
///
/// Layouts and bundles look at it under their lock. A registry is told by `If-Match` and `If-None-Match`; of these, ours
/// knows both, and others may know neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Anything or nothing.
    #[default]
    Anything,
    /// Nothing: the tag is not there.
    Absent,
    /// This digest.
    Digest(Digest),
}

impl Expected {
    /// Whether a tag that names `current` may name `put` from now on; where it does so already, that is what was wanted.
    pub fn allows(&self, current: Option<&Digest>, put: &Digest) -> bool {
        match self {
            Self::Anything => true,
            Self::Absent => current.is_none(),
            Self::Digest(expected) => current.is_some_and(|current| current == expected || current == put),
        }
    }
}

impl PutManifest {
    /// `bytes` under `reference` and no further tag.
    pub fn new(media_type: MediaType, bytes: impl Into<Bytes>, reference: impl Into<Reference>) -> Self {
        let (reference, tags, expected) = (reference.into(), Vec::new(), Expected::default());
        Self { media_type, bytes: bytes.into(), reference, tags, expected }
    }

    /// The digest the manifest is stored under: the reference's where it is one, else the sha256 of the bytes.
    pub fn digest(&self) -> Digest {
        match &self.reference {
            Reference::Digest(digest) => Digest::of(digest.algorithm(), &self.bytes),
            Reference::Tag(_) => Digest::sha256(&self.bytes),
        }
    }

    /// The descriptor the manifest is stored under.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest(), self.bytes.len() as u64)
    }

    /// Every tag asked for, the reference's first.
    pub fn all_tags(&self) -> Vec<Tag> {
        let first = match &self.reference {
            Reference::Tag(tag) => Some(tag.clone()),
            Reference::Digest(_) => None,
        };
        first.into_iter().chain(self.tags.iter().cloned()).collect()
    }
}

/// What a target said when it took a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The digest the manifest is stored under.
    pub digest: Digest,
    /// Texts of the answer's `Warning: 299` headers.
    pub warnings: Vec<String>,
    /// The subject the target now lists the manifest under, where it has one.
    pub subject: Option<Digest>,
}
