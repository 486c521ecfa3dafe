use serde::{Serialize, Serializer};

use crate::oci::Digest;
use crate::policy::decision::Reason;

use super::Endpoint;

/// What came of one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What a registry or web server saw, in order: `P` the ping of `/v2/`, `M` a manifest, `B` a layer, `G`
    /// a file.
    pub requests: String,
    /// Why the agent decided as it did.
    pub reason: Reason,
    /// How it ended.
    pub outcome: Outcome,
    /// What the gateway runs now.
    pub running: Running,
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was to be pulled.
    Local,
    /// The module was there, and nothing was asked.
    Hit,
    /// The registry was asked, and the module was there.
    Unchanged,
    /// The module was downloaded.
    Downloaded,
    /// The server failed at this.
    Failed(Endpoint),
    /// There is nothing at the URL.
    NotFound,
    /// It has another checksum than was expected.
    Mismatch {
        /// The checksum that was expected.
        expected: Digest,
        /// The checksum that was compared with it.
        found: Digest,
    },
    /// The agent gave up without a request.
    Refused,
}

/// What a gateway runs for a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Running {
    /// Nothing, and it waits.
    #[default]
    Nothing,
    /// The file in its own container.
    File,
    /// The module with this sha256.
    Module(Digest),
    /// What stands in for a plugin whose module could not be pulled.
    StandIn,
}

impl Outcome {
    /// Whether there is no module for the delivery.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Local | Self::Hit | Self::Unchanged | Self::Downloaded => false,
            Self::Failed(_) | Self::NotFound | Self::Mismatch { .. } | Self::Refused => true,
        }
    }

    /// The outcome in a word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Hit => "hit",
            Self::Unchanged => "unchanged",
            Self::Downloaded => "downloaded",
            Self::Failed(_) => "failed",
            Self::NotFound => "not-found",
            Self::Mismatch { .. } => "mismatch",
            Self::Refused => "refused",
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
