use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// What requests meet while a plugin's module cannot be pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailedPull {
    /// The module that ran before, if there is one; else what the plugin's `failStrategy` says.
    #[default]
    LastGood,
    /// What the plugin's `failStrategy` says, as Istio's agent has it since 1.25.
    FailStrategy,
}

/// A text that is no [`OnFailedPull`].
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is neither `last-good` nor `fail-strategy`")]
pub struct UnknownOnFailedPull(String);

impl fmt::Display for OnFailedPull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LastGood => "last-good",
            Self::FailStrategy => "fail-strategy",
        })
    }
}

impl FromStr for OnFailedPull {
    type Err = UnknownOnFailedPull;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::LastGood, Self::FailStrategy]
            .into_iter()
            .find(|choice| choice.to_string() == text)
            .ok_or_else(|| UnknownOnFailedPull(text.to_owned()))
    }
}
