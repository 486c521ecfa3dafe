use bytesize::ByteSize;

use crate::artifact::UnpackError;
use crate::oci::{Digest, ManifestError, Reference, RepositoryName, Tag};
use crate::storage;

/// Why the registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was ever pushed there.
    #[error("repository `{0}` is not known; push to it first")]
    NameUnknown(RepositoryName),
    /// The repository does not hold the blob.
    #[error("repository `{repository}` has no blob `{digest}`")]
    BlobUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// The blob.
        digest: Digest,
    },
    /// The repository does not hold the manifest.
    #[error("repository `{repository}` has no manifest `{reference}`")]
    ManifestUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// The manifest.
        reference: Reference,
    },
    /// No such session: never begun, completed, cancelled or expired.
    #[error("no upload with this id is open in repository `{0}`; begin one with POST")]
    UploadUnknown(RepositoryName),
    /// A chunk does not begin where the last one ended.
    #[error("chunk begins at byte {first}, but {expected} bytes have arrived; continue there")]
    OutOfOrder {
        /// Where the chunk begins.
        first: u64,
        /// Where it should.
        expected: u64,
    },
    /// Header and body of a chunk disagree on its length.
    #[error("chunk has {actual} bytes, but its `Content-Range` says {promised}")]
    ChunkLength {
        /// What the header says.
        promised: u64,
        /// What was found.
        actual: u64,
    },
    /// Another request for the same upload came later.
    #[error("a later request took this upload over")]
    Superseded,
    /// The client's body broke off.
    #[error("the request body ended early: {0}")]
    Body(String),
    /// The content is not what its digest says.
    #[error("content hashes to `{actual}`, not to `{promised}`")]
    DigestMismatch {
        /// What the client promised.
        promised: Digest,
        /// What arrived.
        actual: Digest,
    },
    /// Larger than a blob may be.
    #[error("blob is larger than {0}, the limit here")]
    BlobTooLarge(ByteSize),
    /// The most upload sessions are open.
    #[error("{0} uploads are open, the limit here; finish or cancel some, or try again later")]
    TooManyUploads(u32),
    /// Not a manifest.
    #[error(transparent)]
    ManifestInvalid(#[from] ManifestError),
    /// It points at content that is not there.
    #[error("manifest points at content that repository `{repository}` does not hold: {}; push it first", list(.missing))]
    ManifestBlobUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What is missing.
        missing: Vec<Digest>,
    },
    /// The most tags of one push.
    #[error("more than {0} tags in one push")]
    TooManyTags(u32),
    /// The repository does not have the tag.
    #[error("repository `{repository}` has no tag `{tag}`")]
    TagUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
    },
    /// The tag may not be moved or deleted, whoever asks.
    #[error(
        "tag `{tag}` of repository `{repository}` names `{digest}` and stays: it is immutable by the rule {rule}"
    )]
    TagImmutable {
        /// Where it is.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
        /// What it names.
        digest: Digest,
        /// The rule, as it is configured.
        rule: String,
    },
    /// The tag does not name what the client expects.
    #[error("tag `{tag}` of repository `{repository}` {}, not what was expected; nothing was stored", names(.current.as_ref()))]
    TagChanged {
        /// Where it was looked for.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
        /// What it names.
        current: Option<Digest>,
    },
    /// It holds a module that agents cannot load, and this repository takes no such image.
    #[error("{0}")]
    Unloadable(String),
    /// It holds no module that could be unpacked.
    #[error("the image holds no Wasm module: {0}")]
    NoModule(String),
    /// A layer could not be read, or its module not be written.
    #[error("cannot unpack a module: {0}")]
    Unpack(#[source] UnpackError),
    /// A background thread ended without an answer.
    #[error("a thread ended early")]
    Interrupted,
    /// There is no room for more content; nothing was stored.
    #[error("the registry has no space left for content; nothing was stored")]
    Full,
    /// The store failed.
    #[error(transparent)]
    Store(storage::Error),
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Full => Self::Full,
            error => Self::Store(error),
        }
    }
}

fn names(digest: Option<&Digest>) -> String {
    digest.map_or_else(|| "does not exist".to_owned(), |digest| format!("names `{digest}`"))
}

fn list(digests: &[Digest]) -> String {
    const SHOWN: usize = 5;
    let mut text: Vec<_> = digests.iter().take(SHOWN).map(|digest| format!("`{digest}`")).collect();
    if digests.len() > SHOWN {
        text.push(format!("and {} more", digests.len() - SHOWN));
    }
    text.join(", ")
}
