use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use crate::agent::PullError;
use crate::client::{self, ErrorKind};
use crate::config;

/// How a command ends, as the number that scripts see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    /// Anything that has no number of its own.
    Failure = 1,
    /// The command line or the configuration is wrong; nothing was tried.
    Usage = 2,
    /// The named repository, tag, digest or file is not there.
    NotFound = 3,
    /// The registry wants credentials, or these credentials may not do it.
    Denied = 4,
    /// The registry cannot be reached, or broke off.
    Network = 5,
    /// A plugin that a gateway cannot load was refused.
    Unloadable = 6,
    /// A tag names something else than expected, or may not be moved; nothing was changed.
    Conflict = 7,
}

/// The list of numbers, as `--help` shows it.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed
  2  the command line or the configuration is wrong; nothing was tried
  3  the named repository, tag, digest or file does not exist
  4  the registry wants credentials, or these credentials may not do it
  5  the registry cannot be reached, or broke off
  6  a plugin that gateways cannot load was refused
  7  a tag names something else than expected, or is immutable; nothing was changed";

/// A failure that knows its exit code and what to do next.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
    advice: Option<String>,
}

impl Failure {
    /// A failure that ends the process with `exit`.
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), advice: None }
    }

    /// The same failure, with what to do about it.
    #[must_use]
    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The exit code that says best what went wrong.
pub(super) fn code(error: &anyhow::Error) -> Exit {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.exit;
    }
    match client_error(error) {
        Some(error) => of_kind(error.kind()),
        None if error.is::<config::Error>() => Exit::Usage,
        None => Exit::Failure,
    }
}

fn of_kind(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::NotFound => Exit::NotFound,
        ErrorKind::Unauthorized | ErrorKind::Denied => Exit::Denied,
        ErrorKind::Network => Exit::Network,
        ErrorKind::Conflict => Exit::Conflict,
        ErrorKind::Corrupt | ErrorKind::Refused | ErrorKind::Local => Exit::Failure,
    }
}

/// What to do about it, where somebody knew.
pub(super) fn advice(error: &anyhow::Error) -> Option<&str> {
    let of_failure = error.downcast_ref::<Failure>().and_then(|failure| failure.advice.as_deref());
    of_failure.or_else(|| client_error(error)?.hint())
}

fn client_error(error: &anyhow::Error) -> Option<&client::Error> {
    error.downcast_ref().or_else(|| error.downcast_ref::<PullError>()?.of_server())
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_failure_keeps_its_code_and_advice_under_any_context() {
        let failure = Failure::new(Exit::Unloadable, "no").advise("do");
        let error = anyhow::Error::new(failure).context("trying").context("more");
        assert_eq!((code(&error), advice(&error)), (Exit::Unloadable, Some("do")));
        let as_context =
            Err::<(), _>(std::io::Error::other("disk")).context(Failure::new(Exit::NotFound, "no"));
        assert_eq!(code(&as_context.unwrap_err()), Exit::NotFound);
        assert_eq!(code(&anyhow::anyhow!("something")), Exit::Failure);
    }
}
