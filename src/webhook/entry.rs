use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::secret::{Secret, SecretError};
use super::{Event, EventKind};
use crate::oci::RepositoryPattern;

/// The longest name.
const NAME_LIMIT: usize = 64;
/// The longest that one attempt may take: a retry by hand must end before its own connection counts as idle.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// One webhook as it is written: a `[[webhooks]]` entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is called: `[a-z0-9-]`, at most 64 bytes, like no other. Its place among the events is kept under it.
    pub name: String,
    /// Where events go, by http or https.
    pub url: String,
    /// What requests are signed with. One of this and `secret_file` is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// The file that holds the secret, read when the server starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// Which events. Default: all.
    #[serde(default = "all_types")]
    pub types: Vec<EventKind>,
    /// In which repositories. Default: all.
    #[serde(default = "all_repositories")]
    pub repositories: Vec<RepositoryPattern>,
    /// How long one attempt may take, at most 30 seconds. Default: 10 seconds.
    #[serde(default = "timeout", with = "humantime_serde")]
    pub timeout: Duration,
    /// How often an event is tried before it is given up. Default: 175, about a day.
    #[serde(default = "max_attempts")]
    pub max_attempts: u32,
    /// Pause after the first failure; it doubles with each. Default: 1 second.
    #[serde(default = "first_pause", with = "humantime_serde")]
    pub first_pause: Duration,
    /// Longest pause between two attempts. Default: 10 minutes.
    #[serde(default = "longest_pause", with = "humantime_serde")]
    pub longest_pause: Duration,
}

/// What is wrong with an entry.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The name has other characters.
    #[error("the name is not of `a-z`, `0-9` and `-`, expected 1 to {NAME_LIMIT} of them")]
    Name,
    /// The URL cannot be parsed.
    #[error("`url` is no URL ({0}), expected one such as `https://host/path`")]
    Url(url::ParseError),
    /// It is not spoken to by HTTP.
    #[error("`url` has the scheme `{0}`, expected `http` or `https`")]
    Scheme(String),
    /// The URL has user information, which logs would show.
    #[error("`url` holds a user name or password, expected none: the receiver knows us by the signature")]
    UserInfo,
    /// There is nothing to sign with.
    #[error("there is no secret, expected `secret` or `secret_file`")]
    NoSecret,
    /// There are two.
    #[error("there are both `secret` and `secret_file`, expected one")]
    TwoSecrets,
    /// The secret cannot be used.
    #[error("`secret` {0}")]
    Secret(#[from] SecretError),
    /// A filter lets nothing through.
    #[error("`{0}` is empty and lets nothing through, expected at least one; leave it out for all")]
    Empty(&'static str),
    /// A number or duration is out of bounds.
    #[error("`{key}` is {value}, expected {expected}")]
    OutOfBounds {
        /// Its key.
        key: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
}

impl Entry {
    /// Whether the webhook is told of `event`.
    pub fn wants(&self, event: &Event) -> bool {
        self.types.contains(&event.kind)
            && self.repositories.iter().any(|pattern| pattern.matches(&event.repository))
    }

    /// The parsed URL.
    pub(super) fn receiver(&self) -> Result<Url, EntryError> {
        let url: Url = self.url.parse().map_err(EntryError::Url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(EntryError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EntryError::UserInfo);
        }
        Ok(url)
    }

    pub(super) fn check(&self) -> Result<(), EntryError> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=NAME_LIMIT).contains(&self.name.len()) || !self.name.bytes().all(known) {
            return Err(EntryError::Name);
        }
        self.receiver()?;
        self.check_secret()?;
        for (key, is_empty) in
            [("types", self.types.is_empty()), ("repositories", self.repositories.is_empty())]
        {
            if is_empty {
                return Err(EntryError::Empty(key));
            }
        }
        self.check_bounds()
    }

    fn check_secret(&self) -> Result<(), EntryError> {
        match (&self.secret, &self.secret_file) {
            (None, None) => Err(EntryError::NoSecret),
            (Some(_), Some(_)) => Err(EntryError::TwoSecrets),
            (Some(secret), None) => Ok(secret.key().map(drop)?),
            (None, Some(_)) => Ok(()),
        }
    }

    fn check_bounds(&self) -> Result<(), EntryError> {
        let time = |time: Duration| humantime::format_duration(time).to_string();
        let out = |key, value, expected| Err(EntryError::OutOfBounds { key, value, expected });
        if self.timeout.is_zero() || self.timeout > LONGEST_TIMEOUT {
            return out("timeout", time(self.timeout), "more than nothing and at most 30s");
        }
        if self.max_attempts == 0 {
            return out("max_attempts", "0".to_owned(), "at least 1");
        }
        if self.first_pause.is_zero() || self.first_pause > self.longest_pause {
            let expected = "more than nothing and at most `longest_pause`";
            return out("first_pause", time(self.first_pause), expected);
        }
        Ok(())
    }
}

fn all_types() -> Vec<EventKind> {
    EventKind::ALL.to_vec()
}

fn all_repositories() -> Vec<RepositoryPattern> {
    vec!["**".to_owned().try_into().expect("it is a pattern")]
}

fn timeout() -> Duration {
    Duration::from_secs(10)
}

fn max_attempts() -> u32 {
    175
}

fn first_pause() -> Duration {
    Duration::from_secs(1)
}

fn longest_pause() -> Duration {
    Duration::from_mins(10)
}

#[cfg(test)]
mod tests {
    use crate::storage::Timestamp;

    use super::*;

    #[test]
    fn an_event_must_be_of_a_wanted_type_in_a_wanted_repository() {
        let entry = |types: &str, repositories: &str| -> Entry {
            let text = format!("name = 'x'\nurl = 'http://x'\n{types}\n{repositories}");
            toml::from_str(&text).unwrap()
        };
        let event = |repository: &str| Event {
            id: 1,
            happened: Timestamp::from_micros(0),
            kind: EventKind::TagMoved,
            repository: repository.parse().unwrap(),
            tag: None,
            digest: None,
            previous: None,
            actor: "x".to_owned(),
        };
        for (types, repositories, repository, expected) in [
            ("", "", "a", true),
            ("types = ['tag-moved']", "", "a/b", true),
            ("types = ['tag-deleted']", "", "a/b", false),
            ("", "repositories = ['a/*']", "a/b", true),
            ("", "repositories = ['a/*']", "a/b/c", false),
            ("", "repositories = ['x', 'a/**']", "a/b/c", true),
        ] {
            let wants = entry(types, repositories).wants(&event(repository));
            assert_eq!(wants, expected, "{types} {repositories} {repository}");
        }
    }
}
