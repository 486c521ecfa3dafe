/// One entry of `_match_domain_`. All SDKs read and compare it alike: by bytes, so letter case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DomainPattern {
    /// Began with `*`: the host ends with the rest. `*` alone is every host.
    Suffix(String),
    /// Ended with `*`: the host begins with the rest.
    Prefix(String),
    /// No star at either end: the host is this.
    Exact(String),
}

impl DomainPattern {
    /// Reads it. The star at the front is looked for first, so `*foo*` is the suffix `foo*`.
    pub(super) fn parse(text: &str) -> Self {
        if let Some(suffix) = text.strip_prefix('*') {
            Self::Suffix(suffix.to_owned())
        } else if let Some(prefix) = text.strip_suffix('*') {
            Self::Prefix(prefix.to_owned())
        } else {
            Self::Exact(text.to_owned())
        }
    }

    /// Whether the host, already [without its port](without_port), is meant.
    pub(super) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Suffix(suffix) => host.ends_with(suffix.as_str()),
            Self::Prefix(prefix) => host.starts_with(prefix.as_str()),
            Self::Exact(exact) => host == exact,
        }
    }

    /// What is compared: the pattern without its star.
    pub(super) fn compared(&self) -> &str {
        match self {
            Self::Suffix(text) | Self::Prefix(text) | Self::Exact(text) => text,
        }
    }
}

/// The host of `:authority`: what stands before the last colon, unless that colon is inside an IPv6 address's
/// brackets.
///
/// `stripPortFromHost` in all SDKs, after Envoy 1.17's `HeaderUtility::stripPortFromHost`.
pub(super) fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, after)) if !after.contains(']') => host,
        _ => authority,
    }
}
