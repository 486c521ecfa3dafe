use std::fmt;

use serde::Serialize;

use super::{ModuleSource, ModuleUrl, PullPolicy};

/// What an agent does with a URL under a pull policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum EffectivePolicy {
    /// The module that was fetched once stays.
    IfNotPresent,
    /// The tag is resolved again when the resource's version changes.
    Always,
    /// A digest says it all: there is nothing to ask for again.
    Pinned,
    /// Nothing is fetched: the file lies in the proxy's container.
    Local,
}

impl PullPolicy {
    /// What the agents do with `url` under this policy; `sha256` is the resource's field of that name, or empty.
    ///
    /// Left open, it is `Always` for an `oci` URL that ends in `:latest` and `IfNotPresent` for all others, `oci` URLs
    /// without any tag among them. A digest, in the URL or in `sha256`, wins over every policy (Istio,
    /// `pkg/wasm/cache.go` and `pkg/wasm/convert.go`, 1.14 and later).
    pub fn effective(self, url: &ModuleUrl, sha256: &str) -> EffectivePolicy {
        match (url.source(), self) {
            (ModuleSource::File(_), _) => EffectivePolicy::Local,
            _ if url.digest().is_some() || !sha256.is_empty() => EffectivePolicy::Pinned,
            (_, Self::Always) => EffectivePolicy::Always,
            (_, Self::Unspecified) if url.ends_in_latest() => EffectivePolicy::Always,
            (_, Self::IfNotPresent | Self::Unspecified) => EffectivePolicy::IfNotPresent,
        }
    }
}

impl EffectivePolicy {
    /// The value of `imagePullPolicy` that says the same in words.
    pub fn field(self) -> PullPolicy {
        match self {
            Self::IfNotPresent => PullPolicy::IfNotPresent,
            Self::Always => PullPolicy::Always,
            Self::Pinned | Self::Local => PullPolicy::Unspecified,
        }
    }
}

/// One sentence for the person who writes the URL.
impl fmt::Display for EffectivePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IfNotPresent => {
                "IfNotPresent: a gateway that has fetched this tag keeps that module, even when the tag moves; \
                 release under a new tag, or pin the digest"
            }
            Self::Always => {
                "Always: a gateway resolves this tag again each time the WasmPlugin's resource version changes (any \
                 edit of the resource), not on a timer"
            }
            Self::Pinned => "a digest never changes: a gateway fetches it once and never asks again",
            Self::Local => "a file in the proxy's container: nothing is fetched, checked or cached",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_in_effect_follows_the_agents_rule() {
        use EffectivePolicy::{Always, IfNotPresent, Local, Pinned};
        let digest = format!("sha256:{}", "0".repeat(64));
        // Columns: unset, IfNotPresent, Always.
        for (url, expected) in [
            ("oci://h.io/r:v1".to_owned(), [IfNotPresent, IfNotPresent, Always]),
            ("oci://h.io/r:latest".to_owned(), [Always, IfNotPresent, Always]),
            ("h.io/r:latest".to_owned(), [Always, IfNotPresent, Always]),
            ("oci://h.io/r".to_owned(), [IfNotPresent, IfNotPresent, Always]),
            ("https://h.io/x:latest".to_owned(), [IfNotPresent, IfNotPresent, Always]),
            ("http://h.io/x.wasm".to_owned(), [IfNotPresent, IfNotPresent, Always]),
            (format!("oci://h.io/r:latest@{digest}"), [Pinned; 3]),
            (format!("oci://h.io/r@{digest}"), [Pinned; 3]),
            ("file:///opt/x.wasm".to_owned(), [Local; 3]),
        ] {
            let parsed: ModuleUrl = url.parse().unwrap();
            let policies = [PullPolicy::Unspecified, PullPolicy::IfNotPresent, PullPolicy::Always];
            assert_eq!(policies.map(|policy| policy.effective(&parsed, "")), expected, "{url}");
            if expected[0] != Local {
                let pinned = policies.map(|policy| policy.effective(&parsed, &digest["sha256:".len()..]));
                assert_eq!(pinned, [Pinned; 3], "{url} and a sha256");
            }
        }
    }
}
