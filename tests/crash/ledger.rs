//! What a client sent, and what the server acknowledged.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

/// Bytes and their digest.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) digest: String,
    pub(crate) bytes: Vec<u8>,
}

impl Content {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { digest: digest_of(&bytes), bytes }
    }
}

pub(crate) fn digest_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a string can be written to");
    }
    text
}

/// Something sent whole. What was sent but not acknowledged may be there or not, but never in part.
pub(crate) struct Sent {
    pub(crate) content: Content,
    pub(crate) acknowledged: bool,
    /// It was looked at after the crash that followed it.
    pub(crate) checked: bool,
}

/// An upload session whose answer is still open.
pub(crate) struct Upload {
    pub(crate) path: String,
    pub(crate) content: Content,
    /// Bytes that a `202` has confirmed.
    pub(crate) confirmed: usize,
    /// The closing `PUT` was sent, so the session may have become a blob.
    pub(crate) closing: bool,
}

/// What a tag points to; `None` where there is no such tag.
pub(crate) type Target = Option<String>;

/// Where a tag may point: where the last acknowledged change left it, or where one put it whose answer never came.
#[derive(Default)]
pub(crate) struct TagState {
    pub(crate) acknowledged: Target,
    pub(crate) unanswered: Vec<Target>,
}

impl TagState {
    pub(crate) fn may_be(&self, target: &Target) -> bool {
        self.acknowledged == *target || self.unanswered.contains(target)
    }

    pub(crate) fn settle(&mut self, target: Target) {
        self.acknowledged = target;
        self.unanswered.clear();
    }
}

/// All of that for one client.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) blobs: Vec<Sent>,
    pub(crate) manifests: Vec<Sent>,
    pub(crate) tags: BTreeMap<String, TagState>,
    pub(crate) uploads: Vec<Upload>,
}
