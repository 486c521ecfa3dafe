use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder, Retryable as _};

use crate::client::{Error, ErrorKind, NetworkCause};

/// When and how often a request is tried again.
///
/// Tried again are connections that fail or break, and the statuses 408, 429, 500, 502, 503 and 504; a port on which
/// nobody listens only where the registry has answered before. Each wait is twice the one before, and up to as much
/// again at random; `Retry-After` is honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a request is tried in all; at least once.
    pub attempts: usize,
    /// The first wait.
    pub first_wait: Duration,
    /// The longest wait; a registry that asks for more is given up at once.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 5, first_wait: Duration::from_millis(250), longest_wait: Duration::from_mins(1) }
    }
}

impl RetryPolicy {
    /// Every request is tried once: for a question whose failure is an answer too.
    pub fn once() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// Runs `attempt` until it succeeds, fails for good, or has been tried often enough.
    pub(super) async fn run<T, F>(&self, attempt: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        attempt
            .retry(self.backoff())
            .when(is_worth_retrying)
            .adjust(|error, wait| self.wait(error, wait))
            .notify(|error, wait| {
                tracing::debug!(%error, wait_ms = wait.as_millis(), "trying the request again");
            })
            .await
    }

    /// Waits after the failure numbered `failures` (from 1), or answers `error` where it was the last.
    pub(super) async fn pause(&self, failures: usize, error: Error) -> Result<(), Error> {
        self.pause_if(is_worth_retrying(&error), failures, error).await
    }

    /// The same, by the caller's word on whether trying again is worth it.
    pub(super) async fn pause_if(&self, passes: bool, failures: usize, error: Error) -> Result<(), Error> {
        let wait = self.backoff().build().nth(failures.saturating_sub(1));
        match self.wait(&error, wait).filter(|_| passes) {
            Some(wait) => {
                tracing::debug!(%error, wait_ms = wait.as_millis(), "taking the transfer up again");
                tokio::time::sleep(wait).await;
                Ok(())
            }
            None => Err(error),
        }
    }

    fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.first_wait)
            .with_max_delay(self.longest_wait)
            .with_max_times(self.attempts.saturating_sub(1))
            .with_jitter()
    }

    /// The wait before the next try; none gives up.
    fn wait(&self, error: &Error, planned: Option<Duration>) -> Option<Duration> {
        let planned = planned?;
        match error {
            Error::Refused(refusal) => match refusal.retry_after {
                Some(asked) if asked > self.longest_wait => None,
                Some(asked) => Some(asked.max(planned)),
                None => Some(planned),
            },
            _ => Some(planned),
        }
    }
}

/// Whether the same request may succeed a little later.
pub(super) fn is_worth_retrying(error: &Error) -> bool {
    match error {
        Error::Refused(refusal) => matches!(refusal.status, 408 | 429 | 500 | 502..=504),
        Error::Network(failure) => matches!(failure.cause, NetworkCause::Unreachable | NetworkCause::Broken),
        _ => false,
    }
}

/// Whether the error says that the thing asked for is not there.
pub(super) fn is_not_found(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date held against `now`.
pub(super) fn parse_retry_after(text: &str, now: chrono::DateTime<chrono::Utc>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some((date.with_timezone(&chrono::Utc) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Thu, 01 Jan 2026 00:01:30 GMT", Some(90)),
            ("Wed, 31 Dec 2025 00:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(parse_retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
