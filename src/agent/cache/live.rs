use std::collections::BTreeSet;

use crate::oci::Digest;

/// What a gateway may still ask for. Nothing of it is removed, however old or large.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// The resources there are. What is remembered of any other is let go.
    pub resources: BTreeSet<String>,
    /// Modules that are served or run anywhere, by their own sha256: also the last good one of a resource
    /// whose pull failed.
    pub modules: BTreeSet<Digest>,
}
