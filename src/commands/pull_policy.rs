use std::fmt;

use serde::Serialize;

use crate::oci::ImageReference;

/// What a gateway's agent does with a URL whose `WasmPlugin` names no `imagePullPolicy`, as Istio's agent decides it:
/// `Always` where the text ends in `:latest`, `IfNotPresent` otherwise, and neither matters under a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum PullPolicy {
    /// The module that was fetched once stays.
    IfNotPresent,
    /// The tag is resolved anew when the resource's version changes.
    Always,
    /// The digest says it all.
    Pinned,
}

impl PullPolicy {
    /// The policy in effect for `url`, by the agents' own rule.
    pub(super) fn of(url: &ImageReference) -> Self {
        match (&url.digest, &url.tag) {
            (Some(_), _) => Self::Pinned,
            (None, Some(tag)) if tag.as_str() == "latest" => Self::Always,
            // Without a tag the agents fetch `latest`, yet do not treat it so: the text has to end in `:latest`.
            (None, _) => Self::IfNotPresent,
        }
    }

    /// The value of `imagePullPolicy` that says the same in words.
    pub(super) fn field(self) -> Option<&'static str> {
        match self {
            Self::IfNotPresent => Some("IfNotPresent"),
            Self::Always => Some("Always"),
            Self::Pinned => None,
        }
    }
}

/// One sentence for the person who pastes the URL.
impl fmt::Display for PullPolicy {
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
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_in_effect_follows_the_agents_default_rule() {
        let digest = format!("sha256:{}", "0".repeat(64));
        for (url, expected) in [
            ("h.io/r:v1".to_owned(), PullPolicy::IfNotPresent),
            ("h.io/r:latest".to_owned(), PullPolicy::Always),
            ("h.io/r".to_owned(), PullPolicy::IfNotPresent),
            (format!("h.io/r:latest@{digest}"), PullPolicy::Pinned),
            (format!("h.io/r@{digest}"), PullPolicy::Pinned),
        ] {
            assert_eq!(PullPolicy::of(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
