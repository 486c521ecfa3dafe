use std::cmp::Ordering;
use std::fmt;

use super::Tag;

/// A tag that is a version: `MAJOR.MINOR.PATCH`, optionally behind a `v` and with a pre-release, as in `v1.0.0-rc.1`
/// (Semantic Versioning 2.0.0). Build metadata cannot be in a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Whether it is written with a `v`.
    v: bool,
    number: semver::Version,
}

impl Version {
    /// The version that `tag` is; none where it is something else.
    pub fn of(tag: &Tag) -> Option<Self> {
        let text = tag.as_str();
        let bare = text.strip_prefix('v');
        Some(Self { v: bare.is_some(), number: semver::Version::parse(bare.unwrap_or(text)).ok()? })
    }

    /// The next version above it: the one that a pre-release is for, else one with a greater `PATCH`. None where there is
    /// no greater number.
    pub fn next(&self) -> Option<Self> {
        let semver::Version { major, minor, patch, pre, .. } = &self.number;
        let patch = if pre.is_empty() { patch.checked_add(1)? } else { *patch };
        Some(Self { v: self.v, number: semver::Version::new(*major, *minor, patch) })
    }

    /// The next version above the highest of `tags`, none of which it is.
    pub fn next_of<'a>(tags: impl IntoIterator<Item = &'a Tag>) -> Option<Self> {
        tags.into_iter().filter_map(Self::of).max()?.next()
    }
}

/// By precedence (Semantic Versioning 2.0.0, item 11), whatever the `v`.
impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp_precedence(&other.number).then(self.v.cmp(&other.v))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.v { "v" } else { "" }, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(texts: &[&str]) -> Vec<Tag> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn only_whole_versions_are_versions() {
        for text in ["1.0.0", "v1.0.0", "0.0.0", "10.20.30", "1.0.0-rc.1", "v1.0.0-alpha-1.x", "1.0.0--"] {
            let version = Version::of(&text.parse().unwrap());
            assert_eq!(version.map(|version| version.to_string()).as_deref(), Some(text));
        }
        for text in ["1", "1.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "V1.0.0", "vv1.0.0", "latest"] {
            assert_eq!(Version::of(&text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn the_next_version_is_above_all_that_there_are() {
        for (there, next) in [
            (vec!["1.0.0"], Some("1.0.1")),
            (vec!["1.9.0", "1.10.3", "latest", "1.10"], Some("1.10.4")),
            (vec!["v0.1.0", "v0.2.0"], Some("v0.2.1")),
            (vec!["1.0.0", "1.1.0-rc.2"], Some("1.1.0")),
            (vec!["1.1.0", "1.1.0-rc.2"], Some("1.1.1")),
            (vec!["1.0.0", "v1.0.0"], Some("v1.0.1")),
            (vec!["1.0.18446744073709551615"], None),
            (vec!["latest", "1.0"], None),
            (vec![], None),
        ] {
            let found = Version::next_of(&tags(&there)).map(|version| version.to_string());
            assert_eq!(found.as_deref(), next, "{there:?}");
        }
    }
}
