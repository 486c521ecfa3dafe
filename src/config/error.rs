use std::path::PathBuf;

use config::ConfigError;

/// Why there is no configuration to run with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file that was asked for is not there or cannot be read.
    #[error("cannot read the configuration file `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A source is not well-formed, has a key that nothing knows, or a value that its key does not take.
    #[error("{origin}: {}{problem}", key.as_ref().map(|key| format!("key `{key}`: ")).unwrap_or_default())]
    Invalid {
        /// The file, environment variable or flag.
        origin: String,
        /// The key, from the top, where one is to blame.
        key: Option<String>,
        /// The value and what was expected instead.
        problem: String,
    },
}

impl Error {
    /// Says which source `error` comes from: `config` itself knows the key only.
    pub(super) fn invalid(origin: &str, error: ConfigError) -> Self {
        let (key, problem) = match error {
            ConfigError::Type { key, unexpected, expected, .. } => {
                (key, format!("invalid type: {unexpected}, expected {expected}"))
            }
            ConfigError::At { key, error, .. } => (key, error.to_string()),
            ConfigError::NotFound(key) => (Some(key), "is required".to_owned()),
            ConfigError::FileParse { cause, .. } => (None, cause.to_string()),
            other => (None, other.to_string()),
        };
        Self::Invalid { origin: origin.to_owned(), key, problem: problem.trim_end().to_owned() }
    }

    /// The same mistake in better words, where there are any.
    pub(super) fn with_problem(self, better: Option<String>) -> Self {
        match (self, better) {
            (Self::Invalid { origin, key, .. }, Some(problem)) => {
                // What the types of sizes and durations expect is said better by an example.
                let problem = problem
                    .replace("expected parsable string", "expected a size such as `4MiB`")
                    .replace("expected a duration", "expected a duration such as `30s`");
                Self::Invalid { origin, key, problem }
            }
            (same, _) => same,
        }
    }
}
