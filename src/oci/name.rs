use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digest::excerpt;

/// A repository name: `<name>` of distribution-spec 1.1.1, "Pulling manifests".
///
/// Components of `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` joined by `/`, at most [`RepositoryName::MAX_LEN`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(Box<str>);

impl RepositoryName {
    /// The longest name: clients count host and name together and stop at 255 bytes.
    pub const MAX_LEN: usize = 255;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a repository name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// Longer than [`RepositoryName::MAX_LEN`].
    #[error("repository name has {0} bytes; at most {max} are allowed", max = RepositoryName::MAX_LEN)]
    TooLong(usize),
    /// Breaks the grammar.
    #[error(
        "repository name `{0}` is not lower-case letters and digits, \
         joined by `.`, `_`, `__` or dashes within a part and by `/` between parts"
    )]
    Malformed(String),
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > Self::MAX_LEN {
            return Err(NameError::TooLong(text.len()));
        }
        if !text.split('/').all(is_component) {
            return Err(NameError::Malformed(excerpt(text)));
        }
        Ok(Self(text.into()))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends_in_words = bytes.first().is_some_and(|b| word(*b)) && bytes.last().is_some_and(|b| word(*b));
    let separators = text.split(|c: char| u8::try_from(c).is_ok_and(word)).filter(|run| !run.is_empty());
    ends_in_words
        && separators.into_iter().all(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|b| b == b'-'))
}

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution-spec 1.1.1, "Pulling manifests").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(Box<str>);

impl Tag {
    /// The longest tag.
    pub const MAX_LEN: usize = 128;

    /// The tag that clients assume where none is named.
    pub fn latest() -> Self {
        Self("latest".into())
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a tag.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "tag `{0}` is not 1 to {max} letters, digits, `_`, `.` or `-` that begin with a letter, digit or `_`",
    max = Tag::MAX_LEN
)]
pub struct TagError(String);

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let well_formed = text.len() <= Self::MAX_LEN
            && text.as_bytes().first().is_some_and(word)
            && text.bytes().all(|byte| word(&byte) || byte == b'.' || byte == b'-');
        if well_formed { Ok(Self(text.into())) } else { Err(TagError(excerpt(text))) }
    }
}

macro_rules! text_conversions {
    ($type:ty, $error:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.0.into()
            }
        }
        impl TryFrom<String> for $type {
            type Error = $error;
            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }
    };
}
text_conversions!(RepositoryName, NameError);
text_conversions!(Tag, TagError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names_follow_the_grammar() {
        let longest = "a".repeat(255);
        for good in ["a", "plugins/key-auth", "a.b_c__d---e/0", "team/blobs", "team/manifests/x", &longest] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        let too_long = "a".repeat(256);
        let bad = [
            "", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "a._b", "-a", "a-", "a/../b", "ä", "a b",
            "a\0", &too_long,
        ];
        for bad in bad {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tags_follow_the_grammar() {
        let longest = "v".repeat(128);
        for good in ["1.0.0", "latest", "_x", "V1-a_b.c", &longest] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        let too_long = "v".repeat(129);
        for bad in ["", ".x", "-x", "a/b", "a:b", "1.0+build", "ü", &too_long] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }
}
