use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use http::Request;
use http_body::{Frame, SizeHint};

/// Whether a request's body has been read to its end.
///
/// Where it has not, the connection cannot carry another request, and the answer must say so: a client that was not
/// told would send the next one into a closing connection (RFC 9112, section 9.6).
#[derive(Clone)]
pub(super) struct BodyRead(Arc<AtomicBool>);

impl BodyRead {
    /// Watches the body of a request.
    pub(super) fn watch(request: Request<Body>) -> (Self, Request<Body>) {
        let read = Self(Arc::new(AtomicBool::new(http_body::Body::is_end_stream(request.body()))));
        if read.to_its_end() {
            return (read, request);
        }
        let watched = read.clone();
        (read, request.map(|body| Body::new(WatchedBody { body, read: watched })))
    }

    pub(super) fn to_its_end(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct WatchedBody {
    body: Body,
    read: BodyRead,
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.read.0.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
