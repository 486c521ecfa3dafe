//! How the program tells what it does: log lines on standard error.

use serde::{Deserialize, Serialize};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// What is logged and how: the `[log]` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `text` for people or `json` for programs. Default: `text`.
    pub format: Format,
    /// The least level logged, or a filter such as `info,access=warn`. One line per request comes under the target
    /// `access` at level `info`. Default: `info`.
    pub level: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { format: Format::Text, level: "info".to_owned() }
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The level is neither a level nor a filter.
    #[error("log level `{0}` is not error, warn, info, debug, trace or a filter such as `info,access=warn`")]
    Level(String),
    /// Something else in this process began first.
    #[error("logging has begun already")]
    AlreadyBegun,
}

/// Writes out waiting log lines when it is dropped; to be kept until the program ends.
#[must_use]
pub struct Logging(#[expect(dead_code, reason = "held for its drop")] WorkerGuard);

/// How many lines may wait to be written; then whoever logs waits too, so that none is lost.
const WAITING_LINES: usize = 8192;

/// Begins to write log lines to standard error, on a thread of their own: a line a request would otherwise cost the
/// request a system call.
pub fn start(config: &Config) -> Result<Logging, Error> {
    let filter = EnvFilter::try_new(&config.level).map_err(|_| Error::Level(config.level.clone()))?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(false)
        .buffered_lines_limit(WAITING_LINES)
        .finish(std::io::stderr());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let begun = match config.format {
        Format::Text => lines.with_ansi(false).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
    begun.map(|()| Logging(guard)).map_err(|_| Error::AlreadyBegun)
}
