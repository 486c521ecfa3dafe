use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::artifact::Limits;
use crate::client::{Credentials, RetryPolicy};
use crate::oci::RegistryHost;

/// How modules are pulled.
#[derive(Clone, Debug)]
pub struct PullerOptions {
    /// How long one pull may take in all. Default 30 seconds.
    pub timeout: Duration,
    /// The largest module, packed or unpacked. Default 256 MiB.
    pub module_bytes: u64,
    /// Registries that are spoken to by http. Others are not, but for loopback hosts, and those not with a
    /// `ca_file`. A URL that says `http://` itself is taken at its word.
    pub plain_http: BTreeSet<RegistryHost>,
    /// Certificate authorities to trust besides the system's: a PEM file.
    pub ca_file: Option<PathBuf>,
    /// Who a plugin without a pull secret is. Default: nobody.
    pub credentials: Credentials,
    /// When and how often a request is tried again within the time.
    pub retry: RetryPolicy,
    /// The agent's node, which registries like ours are told. Default: none.
    pub node_id: Option<String>,
}

impl Default for PullerOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            module_bytes: Limits::AGENT_BYTES,
            plain_http: BTreeSet::new(),
            ca_file: None,
            credentials: Credentials::Anonymous,
            retry: RetryPolicy::default(),
            node_id: None,
        }
    }
}
