use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::oci::Digest;
use crate::policy::Reason;

/// A module that is there, and how it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pulled {
    /// The file.
    pub path: PathBuf,
    /// The module's own sha256; none of a local file, which is not read.
    pub module: Option<Digest>,
    /// What it was found by: for an image the digest of its manifest (of its index, where the resource is
    /// pinned to that), for a web server's file the module's own.
    pub manifest: Option<Digest>,
    /// What was done.
    pub action: PullAction,
    /// Why.
    pub reason: Reason,
}

/// What a pull did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullAction {
    /// Nothing: the module is a file of the proxy's container.
    Local,
    /// Nothing was asked, except perhaps whether this plugin may have the module.
    Hit,
    /// The registry was asked, and the module was there.
    Resolved,
    /// The module was fetched.
    Fetched,
}

/// What was done, and why.
impl fmt::Display for Pulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.action, self.reason)
    }
}

impl fmt::Display for PullAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local file",
            Self::Hit => "in the cache",
            Self::Resolved => "resolved",
            Self::Fetched => "fetched",
        })
    }
}
