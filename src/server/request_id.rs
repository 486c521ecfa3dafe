use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header a request id comes and goes in.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id taken over from a client.
const MAX_LEN: usize = 64;

/// Names one request in its answer and in the log.
#[derive(Clone, Debug)]
pub(super) struct RequestId(HeaderValue);

impl RequestId {
    /// The client's own id where it sent a short, plain one; else a new one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let plain = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=MAX_LEN).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
        };
        match headers.get(X_REQUEST_ID).filter(plain) {
            Some(value) => Self(value.clone()),
            None => Self::next(),
        }
    }

    /// A random prefix of the process and a counter: unique, and cheaper than a random number per request.
    fn next() -> Self {
        static PREFIX: LazyLock<u32> = LazyLock::new(|| uuid::Uuid::new_v4().as_fields().0);
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        let id = format!("{:08x}-{:06x}", *PREFIX, COUNTER.fetch_add(1, Ordering::Relaxed));
        Self(HeaderValue::try_from(id).expect("hex digits and a dash are a header value"))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().expect("only plain ASCII is taken over")
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}
