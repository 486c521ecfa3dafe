use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::client::Request;

/// How long an answer, or the next bytes of one, may take.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// How long the answer to a write may take: registries hash and move what they got before they answer.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_mins(5);
/// Query parameters that are no secrets; the values of all others are left out of messages.
const PUBLIC_PARAMETERS: [&str; 9] =
    ["after", "digest", "from", "last", "mount", "n", "scope", "service", "tag"];

/// A request that can be sent any number of times.
///
/// It has no debug output: the body may hold a token.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) redirects: Redirects,
}

/// What to do with an answer that says to look elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Redirects {
    /// Look there, if the request is a read.
    Follow,
    /// Take the answer as it is.
    Keep,
}

impl Call {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Bytes::new(), redirects: Redirects::Follow }
    }

    #[must_use]
    pub(super) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        // A value that no header can carry is left out; ours are media types, ranges and numbers.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The same request, whose redirects are answers.
    #[must_use]
    pub(super) fn keeping_redirects(self) -> Self {
        Self { redirects: Redirects::Keep, ..self }
    }

    #[must_use]
    pub(super) fn with_body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// What messages say of the request.
    pub(super) fn describe(&self) -> Request {
        describe(&self.method, &self.url)
    }

    /// How long the head of the answer may take.
    pub(super) fn timeout(&self) -> Duration {
        if self.is_read() { ANSWER_TIMEOUT } else { WRITE_TIMEOUT }
    }

    /// Whether it changes nothing, so that it may be led elsewhere.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// A request as messages show it: without user, password and secret query values.
pub(super) fn describe(method: &Method, url: &Url) -> Request {
    let mut shown = url.clone();
    // These fail on URLs that cannot have a host, which then have no user either.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    let public = |name: &str| PUBLIC_PARAMETERS.contains(&name);
    let pairs: Vec<String> = url
        .query_pairs()
        .map(|(name, value)| format!("{name}={}", if public(&name) { value.as_ref() } else { "***" }))
        .collect();
    let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
    Request { method: method.to_string(), url: format!("{shown}{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_show_no_secrets() {
        let url =
            "https://ada:pw@r.io/v2/a/blobs/uploads/1?_state=SECRET&digest=sha256:0&n=5".parse().unwrap();
        let shown = describe(&Method::PUT, &url).to_string();
        assert_eq!(shown, "PUT https://r.io/v2/a/blobs/uploads/1?_state=***&digest=sha256:0&n=5");
    }
}
