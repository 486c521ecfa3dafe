use std::str::FromStr;

use super::{FailStrategy, Form, Phase, PullPolicy};

/// A text that is none of the words a field has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is none of {}", .expected.join(", "))]
pub struct UnknownWord {
    /// The text.
    pub text: String,
    /// The words.
    pub expected: Vec<&'static str>,
}

fn read<T: Copy>(words: &[(&'static str, T)], text: &str) -> Result<T, UnknownWord> {
    let found = words.iter().find(|(word, _)| *word == text);
    let unknown =
        || UnknownWord { text: text.to_owned(), expected: words.iter().map(|(word, _)| *word).collect() };
    found.map(|(_, value)| *value).ok_or_else(unknown)
}

impl FromStr for PullPolicy {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        read(&Self::WORDS, text)
    }
}

impl FromStr for Phase {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        read(&Self::WORDS, text)
    }
}

impl FailStrategy {
    /// Reads a word that `form` has for the field.
    pub fn read(form: Form, text: &str) -> Result<Self, UnknownWord> {
        read(Self::words(form), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_of_the_field_are_read() {
        assert_eq!("Always".parse(), Ok(PullPolicy::Always));
        assert_eq!("AUTHZ".parse(), Ok(Phase::Authz));
        assert_eq!(FailStrategy::read(Form::Higress, "FAIL_OPEN"), Ok(FailStrategy::FailOpen));
        let error = FailStrategy::read(Form::Higress, "FAIL_RELOAD").unwrap_err();
        assert_eq!(error.to_string(), "`FAIL_RELOAD` is none of FAIL_CLOSE, FAIL_OPEN");
        assert!("always".parse::<PullPolicy>().is_err() && "".parse::<Phase>().is_err());
    }
}
