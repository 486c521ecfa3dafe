//! Bytes that no registry has seen before.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// A blob with its digest, made before any clock runs.
pub(crate) struct Content {
    pub(crate) digest: String,
    pub(crate) bytes: Bytes,
}

impl Content {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let mut digest = String::from("sha256:");
        for byte in Sha256::digest(&bytes) {
            write!(digest, "{byte:02x}").expect("a string can be written to");
        }
        Self { digest, bytes: bytes.into() }
    }

    /// `size` bytes that do not compress, different in every process and for every `number`.
    pub(crate) fn unique(size: usize, number: u64) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs() << 30 | u64::from(time.subsec_nanos()));
        let mut state = now ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut bytes = Vec::with_capacity(size + 8);
        while bytes.len() < size {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            bytes.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
        }
        bytes.truncate(size);
        Self::new(bytes)
    }
}
