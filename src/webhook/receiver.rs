use std::error::Error as _;
use std::fmt;
use std::fs;
use std::time::Duration;

use http::{StatusCode, header};
use reqwest::Response;
use url::{Host, Url};

use super::cloud_event::{CloudEvent, message_id};
use super::signature::SigningKey;
use super::{ConfigError, Entry, Event, OpenError, Secret};
use crate::storage::Timestamp;

/// How much of an answer's body is read, so that its connection serves again; what is longer costs the connection.
const BODY_LIMIT_BYTES: usize = 16 * 1024;
/// How long that may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);
/// How much is kept of why an attempt failed.
const REASON_LIMIT_CHARS: usize = 500;

/// A webhook as it is configured, and the way to whom it tells of events.
///
/// Its URL is asked wherever it leads, link-local addresses too: who writes the configuration has this machine anyway. But
/// no redirect is followed, so that nobody else chooses where requests go.
pub(super) struct Receiver {
    pub(super) entry: Entry,
    url: Url,
    key: SigningKey,
    http: reqwest::Client,
}

/// Why an attempt failed, in words that name neither the URL nor a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    reason: String,
    pub(super) retry_after: Option<Duration>,
}

impl Receiver {
    /// Nothing is sent yet; the secret is read.
    pub(super) fn open(entry: &Entry) -> Result<Self, OpenError> {
        let name = || entry.name.clone();
        let url = entry.receiver().map_err(|problem| ConfigError::Entry { name: name(), problem })?;
        let key = key(entry)?;
        let http =
            client(&url).map_err(|error| OpenError::Client { name: name(), problem: Failure::of(error) })?;
        Ok(Self { entry: entry.clone(), url, key, http })
    }

    /// One attempt to deliver `event`: any 2xx means that it was taken.
    pub(super) async fn send(&self, event: &Event) -> Result<(), Failure> {
        let response =
            tokio::time::timeout(self.entry.timeout, self.post(event)).await.unwrap_or_else(|_| {
                let limit = humantime::format_duration(self.entry.timeout);
                Err(Failure::new(&format!("no answer within {limit}")))
            })?;
        let outcome = judge(&response);
        // What it says beyond the status changes nothing, nor does it when that breaks off.
        let _ = tokio::time::timeout(BODY_TIMEOUT, finish(response)).await;
        outcome
    }

    async fn post(&self, event: &Event) -> Result<Response, Failure> {
        let (id, body) = (message_id(event), CloudEvent::of(event).body());
        let timestamp = Timestamp::now().as_micros() / 1_000_000;
        let request = self
            .http
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, CloudEvent::MEDIA_TYPE)
            .header("webhook-signature", self.key.sign(&id, timestamp, &body))
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-id", id)
            .body(body);
        request.send().await.map_err(Failure::of)
    }
}

impl Failure {
    fn new(reason: &str) -> Self {
        Self { reason: reason.chars().take(REASON_LIMIT_CHARS).collect(), retry_after: None }
    }

    /// The error with its causes, but without the URL, whose query may hold a secret.
    fn of(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut reasons = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            reasons.push(cause.to_string());
            source = cause.source();
        }
        Self::new(&reasons.join(": "))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

fn key(entry: &Entry) -> Result<SigningKey, OpenError> {
    let name = || entry.name.clone();
    let Some(path) = &entry.secret_file else {
        let secret = entry.secret.as_ref().ok_or(super::EntryError::NoSecret);
        let key = secret.and_then(|secret| Ok(secret.key()?));
        return Ok(key.map_err(|problem| ConfigError::Entry { name: name(), problem })?);
    };
    let text = fs::read_to_string(path).map_err(|source| OpenError::SecretFile {
        name: name(),
        path: path.clone(),
        source,
    })?;
    let key = Secret::new(text.trim()).key();
    key.map_err(|problem| OpenError::Secret { name: name(), path: path.clone(), problem })
}

fn client(url: &Url) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("hwasm-registry/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none());
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    if url.scheme() == "http" {
        // Loading the system's certificates takes time, and http needs none.
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn judge(response: &Response) -> Result<(), Failure> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let hint = if status == StatusCode::GONE { "; take the webhook out of the configuration" } else { "" };
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.and_then(|text| parse_retry_after(text, chrono::Utc::now()));
    Err(Failure { retry_after, ..Failure::new(&format!("the receiver answered {status}{hint}")) })
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date held against `now`.
fn parse_retry_after(text: &str, now: chrono::DateTime<chrono::Utc>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some((date.with_timezone(&chrono::Utc) - now).to_std().unwrap_or_default())
}

/// Reads what is left of a short answer.
async fn finish(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(piece)) = response.chunk().await {
        read += piece.len();
        if read > BODY_LIMIT_BYTES {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            ("Thu, 01 Jan 2026 00:01:30 GMT", Some(90)),
            ("Wed, 31 Dec 2025 00:00:00 GMT", Some(0)),
            ("soon", None),
        ] {
            assert_eq!(parse_retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_secret_file_is_read_without_the_end_of_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let entry: Entry =
            toml::from_str(&format!("name = 'x'\nurl = 'http://x'\nsecret_file = '{}'", path.display()))
                .unwrap();
        let error = |entry| Receiver::open(entry).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error(&entry).contains("webhook `x`: cannot read `secret_file`"), "{}", error(&entry));
        fs::write(&path, "short\n").unwrap();
        assert!(error(&entry).contains("` has 5 bytes"), "{}", error(&entry));
        fs::write(&path, "a secret of thirty-two letters.\n").unwrap();
        let key = Receiver::open(&entry).ok().unwrap().key;
        let same = Secret::new("a secret of thirty-two letters.").key().unwrap();
        assert_eq!(key.sign("1", 2, b"x"), same.sign("1", 2, b"x"));
    }

    #[test]
    fn a_reason_has_bounds() {
        assert_eq!(Failure::new(&"é".repeat(1000)).to_string().chars().count(), REASON_LIMIT_CHARS);
    }
}
