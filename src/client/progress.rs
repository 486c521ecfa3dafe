use crate::oci::Descriptor;

/// Hears how blobs move, so that a caller can draw bars. Every method does nothing unless overridden.
pub trait Progress: Send + Sync {
    /// A blob is about to move, or to be found already there.
    fn started(&self, _blob: &Descriptor) {}

    /// So many bytes of the blob, from its beginning, have been handed on. Goes back after a broken transfer.
    fn advanced(&self, _blob: &Descriptor, _position: u64) {}

    /// The blob is at its destination.
    fn finished(&self, _blob: &Descriptor, _outcome: BlobOutcome) {}
}

/// How a blob came to be at its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobOutcome {
    /// Its bytes were moved.
    Copied,
    /// The destination had it already.
    Existed,
    /// The registry took it from another of its repositories.
    Mounted,
}

/// A [`Progress`] that nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Progress for Unwatched {}
