use std::fmt;
use std::time::Duration;

use super::ErrorKind;

/// What to do where a tag was moved by somebody else.
pub(super) const TAG_CHANGED: &str = "look at what it names now, and try again if that may be replaced";

/// What was asked of a registry: method and URL, without credentials and without secrets in the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// The URL, fit for logs.
    pub url: String,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// A registry's answer with an error status.
#[derive(Debug)]
pub struct Refusal {
    /// What was asked.
    pub request: Request,
    /// The HTTP status.
    pub status: u16,
    /// The registry's first error code, such as `MANIFEST_UNKNOWN`, where the answer had one.
    pub code: Option<String>,
    /// The registry's messages, or the beginning of an answer of another shape.
    pub message: String,
    /// How long the registry asks to wait.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason =
            http::StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        write!(f, "{}: registry answered {} {}", self.request, self.status, reason.unwrap_or_default())?;
        if let Some(code) = &self.code {
            write!(f, ", {code}")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(super) fn kind(&self) -> ErrorKind {
        match self.status {
            401 => ErrorKind::Unauthorized,
            403 if self.has_code("UNAUTHORIZED") => ErrorKind::Unauthorized,
            403 => ErrorKind::Denied,
            404 | 410 => ErrorKind::NotFound,
            409 | 412 if self.is_of_manifest() => ErrorKind::Conflict,
            408 | 429 | 500..=599 if self.status != 501 && self.status != 507 => ErrorKind::Network,
            _ => ErrorKind::Refused,
        }
    }

    pub(super) fn hint(&self) -> Option<&'static str> {
        match self.status {
            401 | 403 if self.kind() == ErrorKind::Unauthorized => {
                Some("log in with `hwasm-registry login`, or check the stored user name and password")
            }
            403 => Some("the account may not do this; ask the registry's owner, or log in as another user"),
            400 if self.message.contains("HTTPS") => {
                Some("the registry speaks https; leave out `--plain-http`")
            }
            404 if self.has_code("NAME_UNKNOWN") => Some(
                "there is no such repository; check its name, and that you are logged in if it is private",
            ),
            404 if self.has_code("MANIFEST_UNKNOWN") => {
                Some("there is no such tag or digest; `hwasm-registry list` shows the repository's tags")
            }
            404 if self.request.method == "HEAD" => {
                Some("there is no such repository, tag or digest; `hwasm-registry list` shows what there is")
            }
            404 if self.code.is_none() => {
                Some("this address may not be an OCI registry; check host and port")
            }
            400 | 405 if self.request.method == "DELETE" => Some(
                "the registry does not delete this way; try the digest instead of the tag, or enable deletes there",
            ),
            409 if self.is_of_manifest() && self.request.method == "DELETE" => Some(
                "a rule of the registry lets this tag neither move nor go; the registry's owner can change it",
            ),
            409 if self.is_of_manifest() => Some("the tag stays what it is; use another tag"),
            412 if self.is_of_manifest() => Some(TAG_CHANGED),
            413 => Some("a limit of the registry or of a proxy before it is too small for this content"),
            429 => Some("the registry limits requests; wait, or log in for a higher limit"),
            507 => Some("the registry's disk is full"),
            _ => None,
        }
    }

    /// Whether there is nothing at the URL, rather than no such content.
    pub(super) fn is_of_no_page(&self) -> bool {
        matches!(self.status, 404 | 405 | 501)
            && !self.has_code("MANIFEST_UNKNOWN")
            && !self.has_code("NAME_UNKNOWN")
    }

    fn is_of_manifest(&self) -> bool {
        self.request.url.contains("/manifests/")
    }

    fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}
