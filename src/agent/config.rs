use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::client::{Credentials, RetryPolicy};
use crate::oci::{ImageReferenceError, RegistryHost};

use super::{CacheLimits, PullerOptions};
use crate::policy::Moment;

/// How an agent keeps modules: the `[agent]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Directory of the modules; made where it does not exist. Each agent needs one of its own, and Envoy
    /// must be able to read it. Default: `hwasm-registry/modules` in the user's cache directory (`~/.cache`
    /// on Linux), else `./modules`.
    pub cache_dir: PathBuf,
    /// Most bytes of all modules together. Modules in use stay, and a new one that finds no room is refused.
    /// Default: 1 GiB.
    pub cache_size: ByteSize,
    /// How long a module that no plugin names may be idle before it is removed. Default: 24 hours.
    #[serde(with = "humantime_serde")]
    pub module_expiry: Duration,
    /// How often the cache is swept, but at most once a second. Default: 1 hour.
    #[serde(with = "humantime_serde")]
    pub purge_interval: Duration,
    /// How long one pull may take in all. Default: 30 seconds.
    #[serde(with = "humantime_serde")]
    pub pull_timeout: Duration,
    /// Largest module, packed or unpacked. Default: 256 MiB.
    pub module_size: ByteSize,
    /// Registries to speak to by http, as `host` or `host:port`. Loopback hosts need not be named, unless
    /// there is a `ca_file`. Default: none.
    pub plain_http: BTreeSet<String>,
    /// PEM file of certificate authorities to trust besides the system's. Default: none.
    pub ca_file: Option<PathBuf>,
    /// What the agent calls its node to registries like this one. Default: the host's name.
    pub node_id: String,
    /// Whether such registries are told what the agent wants, runs and refuses of theirs. Default: true.
    pub report: bool,
}

impl Default for Config {
    fn default() -> Self {
        let cache = dirs::cache_dir().map(|dir| dir.join("hwasm-registry"));
        Self {
            cache_dir: cache.unwrap_or_default().join("modules"),
            cache_size: ByteSize::gib(1),
            module_expiry: Moment::EXPIRY,
            purge_interval: Moment::PURGE_INTERVAL,
            pull_timeout: Duration::from_secs(30),
            module_size: ByteSize::mib(256),
            plain_http: BTreeSet::new(),
            ca_file: None,
            report: true,
            node_id: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        }
    }
}

impl Config {
    /// What the cache keeps.
    pub fn cache_limits(&self) -> CacheLimits {
        CacheLimits {
            total_bytes: self.cache_size.as_u64(),
            expiry: self.module_expiry,
            ..CacheLimits::default()
        }
    }

    /// How modules are pulled, by an agent that is `credentials` to registries.
    ///
    /// # Errors
    /// A name in `plain_http` is no host.
    pub fn puller_options(&self, credentials: Credentials) -> Result<PullerOptions, ImageReferenceError> {
        Ok(PullerOptions {
            timeout: self.pull_timeout,
            module_bytes: self.module_size.as_u64(),
            plain_http: self
                .plain_http
                .iter()
                .map(|host| host.parse())
                .collect::<Result<BTreeSet<RegistryHost>, _>>()?,
            ca_file: self.ca_file.clone(),
            credentials,
            retry: RetryPolicy::default(),
            node_id: Some(self.node_id.clone()).filter(|node| !node.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Flavour;

    #[test]
    fn a_section_says_units_and_leaves_the_rest_as_it_is() {
        let text = "cache_size = \"10 MiB\"\nmodule_expiry = \"7days\"\nplain_http = [\"r.io:5000\"]\n";
        let config: Config = toml::from_str(text).unwrap();
        let limits = config.cache_limits();
        assert_eq!((limits.total_bytes, limits.expiry), (10 << 20, Duration::from_hours(7 * 24)));
        let options = config.puller_options(Credentials::Anonymous).unwrap();
        assert!(options.plain_http.contains(&"r.io:5000".parse().unwrap()));
        assert_eq!(options.timeout, Duration::from_secs(30));
        assert_eq!(options.retry.attempts, Flavour::Ours.attempts().oci, "the simulation tries as often");
        let wrong = Config { plain_http: ["http://r.io".to_owned()].into(), ..Config::default() };
        assert!(wrong.puller_options(Credentials::Anonymous).is_err());
        assert_eq!(toml::from_str::<Config>(&toml::to_string(&config).unwrap()).unwrap(), config);
    }
}
