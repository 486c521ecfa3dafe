use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::RepositoryName;

/// A pattern of repository names: `*` within a part of the name, `**` across parts, as in `plugins/**`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryPattern {
    text: String,
    matcher: GlobMatcher,
}

impl RepositoryPattern {
    /// Whether the repository is one of those meant.
    pub fn matches(&self, repository: &RepositoryName) -> bool {
        self.matcher.is_match(repository.as_str())
    }
}

impl fmt::Display for RepositoryPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for RepositoryPattern {
    type Error = globset::Error;

    fn try_from(text: String) -> Result<Self, globset::Error> {
        let matcher = GlobBuilder::new(&text).literal_separator(true).build()?.compile_matcher();
        Ok(Self { text, matcher })
    }
}

impl From<RepositoryPattern> for String {
    fn from(pattern: RepositoryPattern) -> Self {
        pattern.text
    }
}

impl PartialEq for RepositoryPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RepositoryPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_a_part_and_two_cross_parts() {
        for (pattern, name, expected) in [
            ("a/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("a/**", "a/b/c", true),
            ("a", "a/b", false),
            ("**", "a", true),
            ("**", "a/b/c", true),
        ] {
            let pattern = RepositoryPattern::try_from(pattern.to_owned()).unwrap();
            assert_eq!(pattern.matches(&name.parse().unwrap()), expected, "{pattern}: {name}");
        }
    }
}
