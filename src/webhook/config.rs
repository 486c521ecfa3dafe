use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Entry, EntryError};

/// Who is told of events: the `[[webhooks]]` entries, each checked, no two of one name. Default: nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct Config(Vec<Entry>);

/// Why entries make no configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// One of them cannot be.
    #[error("webhook `{name}`: {problem}")]
    Entry {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: EntryError,
    },
    /// Two have one name.
    #[error("webhook `{0}`: there is another one of that name, expected each name once")]
    Twice(String),
}

impl Config {
    /// The entries, in the order in which they are written.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }
}

impl TryFrom<Vec<Entry>> for Config {
    type Error = ConfigError;

    fn try_from(entries: Vec<Entry>) -> Result<Self, ConfigError> {
        let mut names = HashSet::new();
        for entry in &entries {
            let name = entry.name.clone();
            entry.check().map_err(|problem| ConfigError::Entry { name: name.clone(), problem })?;
            if !names.insert(&entry.name) {
                return Err(ConfigError::Twice(name));
            }
        }
        Ok(Self(entries))
    }
}

impl From<Config> for Vec<Entry> {
    fn from(config: Config) -> Self {
        config.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "secret = 'a secret of thirty-two letters.'";

    fn read(text: &str) -> Result<Config, String> {
        #[derive(Debug, Deserialize)]
        struct File {
            webhooks: Config,
        }
        toml::from_str(text).map(|file: File| file.webhooks).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn the_least_that_can_be_written_has_usable_defaults() {
        let config =
            read(&format!("[[webhooks]]\nname = 'ci'\nurl = 'https://ci.example.com/x'\n{SECRET}")).unwrap();
        let entry = &config.entries()[0];
        assert_eq!(entry.types.len(), 6);
        assert_eq!(entry.repositories[0].to_string(), "**");
        assert_eq!((entry.timeout.as_secs(), entry.longest_pause.as_secs()), (10, 600));
    }

    #[test]
    fn a_mistake_is_named_with_its_entry() {
        for (lines, problem) in [
            ("name = 'CI'\nurl = 'http://x'", "webhook `CI`: the name"),
            ("name = ''\nurl = 'http://x'", "webhook ``: the name"),
            ("name = 'ci'\nurl = 'ftp://x'", "webhook `ci`: `url` has the scheme `ftp`"),
            ("name = 'ci'\nurl = 'x'", "webhook `ci`: `url` is no URL"),
            ("name = 'ci'\nurl = 'http://a:b@x'", "webhook `ci`: `url` holds a user name"),
            ("name = 'ci'\nurl = 'http://x'\nsecret_file = 'y'", "webhook `ci`: there are both"),
            ("name = 'ci'\nurl = 'http://x'\ntypes = []", "webhook `ci`: `types` is empty"),
            ("name = 'ci'\nurl = 'http://x'\nrepositories = []", "webhook `ci`: `repositories` is empty"),
            ("name = 'ci'\nurl = 'http://x'\ntimeout = '0s'", "webhook `ci`: `timeout` is 0s"),
            ("name = 'ci'\nurl = 'http://x'\ntimeout = '5min'", "webhook `ci`: `timeout` is 5m"),
            ("name = 'ci'\nurl = 'http://x'\nmax_attempts = 0", "webhook `ci`: `max_attempts` is 0"),
            ("name = 'ci'\nurl = 'http://x'\nfirst_pause = '1h'", "webhook `ci`: `first_pause`"),
            ("name = 'ci'\nurl = 'http://x'\ntypes = ['push']", "expected one of `manifest-pushed`"),
            ("name = 'ci'\nurl = 'http://x'\nrepositories = ['a[']", "glob 'a['"),
            ("name = 'ci'\nurl = 'http://x'\nretries = 1", "unknown field `retries`"),
        ] {
            let error = read(&format!("[[webhooks]]\n{lines}\n{SECRET}")).unwrap_err();
            assert!(error.contains(problem), "{lines}: {error}");
        }
        let one = format!("[[webhooks]]\nname = 'ci'\nurl = 'http://x'\n{SECRET}\n");
        assert!(read(&one.repeat(2)).unwrap_err().contains("webhook `ci`: there is another"));
    }

    #[test]
    fn a_secret_must_be_there_and_be_one() {
        for (line, problem) in [
            ("", "webhook `ci`: there is no secret"),
            ("secret = 'short'", "webhook `ci`: `secret` has 5 bytes"),
            ("secret = 'whsec_!'", "webhook `ci`: `secret` is not base64"),
            ("secret = '***'", "webhook `ci`: `secret` is `***`"),
        ] {
            let text = format!("[[webhooks]]\nname = 'ci'\nurl = 'http://x'\n{line}");
            let error = read(&text).unwrap_err();
            assert!(error.contains(problem), "{line}: {error}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let config = read(&format!("[[webhooks]]\nname = 'ci'\nurl = 'http://x'\n{SECRET}")).unwrap();
        for printed in [format!("{config:?}"), serde_json::to_string(&config).unwrap()] {
            assert!(printed.contains("***") && !printed.contains("letters"), "{printed}");
        }
    }
}
