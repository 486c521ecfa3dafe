use std::fmt;

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Serialize};

use crate::oci::{RepositoryName, RepositoryPattern, Tag, Version};

/// What may become of tags: the `[tags]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tags {
    /// Tags that name one manifest for good: once pushed they neither move nor go. Default: none.
    pub immutable: Vec<ImmutableTags>,
}

/// Some tags of some repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImmutableTags {
    /// Which repositories: `*` within a part of the name, `**` across parts, as in `plugins/**`.
    pub repository: RepositoryPattern,
    /// Which tags: a pattern such as `v*`, or `semver`.
    pub tags: TagPattern,
}

/// A pattern of tags; `semver` stands for every tag that is a version, see [`Version`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagPattern {
    text: String,
    /// None for `semver`.
    glob: Option<GlobMatcher>,
}

const SEMVER: &str = "semver";

impl Tags {
    /// The first rule by which a tag is immutable.
    pub(super) fn rule(&self, repository: &RepositoryName, tag: &Tag) -> Option<&ImmutableTags> {
        self.immutable.iter().find(|rule| rule.repository.matches(repository) && rule.tags.matches(tag))
    }
}

impl TagPattern {
    fn matches(&self, tag: &Tag) -> bool {
        match &self.glob {
            None => Version::of(tag).is_some(),
            Some(glob) => glob.is_match(tag.as_str()),
        }
    }
}

/// As it stands in the configuration.
impl fmt::Display for ImmutableTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`repository = \"{}\", tags = \"{}\"`", self.repository, self.tags.text)
    }
}

impl TryFrom<String> for TagPattern {
    type Error = globset::Error;

    fn try_from(text: String) -> Result<Self, globset::Error> {
        let glob = if text == SEMVER { None } else { Some(Glob::new(&text)?.compile_matcher()) };
        Ok(Self { text, glob })
    }
}

impl From<TagPattern> for String {
    fn from(pattern: TagPattern) -> Self {
        pattern.text
    }
}

impl PartialEq for TagPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TagPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(repository: &str, tags: &str) -> ImmutableTags {
        ImmutableTags {
            repository: repository.to_owned().try_into().unwrap(),
            tags: tags.to_owned().try_into().unwrap(),
        }
    }

    #[test]
    fn the_first_rule_that_matches_repository_and_tag_is_named() {
        let tags = Tags { immutable: vec![rule("plugins/**", "semver"), rule("lab/*", "v*")] };
        for (repository, tag, expected) in [
            ("plugins/a/b", "1.0.0", Some(0)),
            ("plugins/a", "v1.0.0-rc.1", Some(0)),
            ("plugins/a", "1.0", None),
            ("plugins/a", "latest", None),
            ("lab/a", "v1", Some(1)),
            ("lab/a", "1.0.0", None),
            ("lab/a/b", "v1", None),
            ("library/a", "1.0.0", None),
        ] {
            let found = tags.rule(&repository.parse().unwrap(), &tag.parse().unwrap());
            assert_eq!(found, expected.map(|at: usize| &tags.immutable[at]), "{repository}:{tag}");
        }
    }

    #[test]
    fn a_rule_is_named_as_it_is_written() {
        let expected = r#"`repository = "plugins/**", tags = "semver"`"#;
        assert_eq!(rule("plugins/**", "semver").to_string(), expected);
    }
}
