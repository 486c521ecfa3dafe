//! What an upload sends: content cut into chunks, watched for standing still, and for faults of its source.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use crate::client::{ByteStream, Error};

/// The content, whose error is kept aside: the HTTP client would only say that the body failed.
pub(super) fn noting_faults(content: ByteStream, fault: Arc<Mutex<Option<Error>>>) -> ByteStream {
    let note = move |error: Error| {
        let shown = std::io::Error::other(error.to_string());
        *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Error::File { action: "read", path: "the source".into(), source: shown }
    };
    content.map_err(note).boxed()
}

/// Pieces of a stream put together to chunks.
pub(super) struct Chunks {
    content: ByteStream,
    size: usize,
    held: BytesMut,
}

impl Chunks {
    pub(super) fn new(content: ByteStream, size_bytes: u64) -> Self {
        let size = usize::try_from(size_bytes).unwrap_or(usize::MAX);
        Self { content, size, held: BytesMut::new() }
    }

    /// The next chunk; shorter at the end, and empty behind it.
    pub(super) async fn next(&mut self) -> Result<Bytes, Error> {
        while self.held.len() < self.size {
            match self.content.try_next().await? {
                Some(piece) => self.held.extend_from_slice(&piece),
                None => break,
            }
        }
        Ok(self.held.split_to(self.size.min(self.held.len())).freeze())
    }
}

/// Tells when a body was read last.
pub(super) struct Pulse(Arc<Mutex<Instant>>);

/// `body`, and when it was read last.
pub(super) fn with_pulse(body: ByteStream) -> (ByteStream, Pulse) {
    let last = Arc::new(Mutex::new(Instant::now()));
    let pulse = Pulse(Arc::clone(&last));
    let beat = move |_: &Bytes| *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    (body.inspect_ok(beat).boxed(), pulse)
}

impl Pulse {
    /// Returns once nothing has been read for `limit`.
    pub(super) async fn stopped(&self, limit: Duration) {
        loop {
            let due = *self.0.lock().unwrap_or_else(PoisonError::into_inner) + limit;
            if due <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(due).await;
        }
    }
}
