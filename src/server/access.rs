use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body::{Frame, SizeHint};

use super::connection::Connection;
use super::metrics::{Ended, Metrics};
use super::pull_note::NotedWhenSent;
use super::request_id::RequestId;
use crate::fleet::Ledger;

/// Which endpoint answered; put into an answer's extensions by whoever knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndpointName(pub(super) &'static str);

/// What an access line says of a request. The line is written when the answer's body has been sent, or when either
/// it or the record itself is dropped.
pub(super) struct AccessRecord {
    metrics: Arc<Metrics>,
    ledger: Ledger,
    request_id: RequestId,
    began: Instant,
    method: Method,
    uri: Uri,
    connection: Option<Connection>,
    user_agent: Option<String>,
    ended: bool,
}

impl AccessRecord {
    pub(super) fn begin(
        request: &Request<Body>,
        request_id: RequestId,
        (metrics, ledger): (Arc<Metrics>, Ledger),
    ) -> Self {
        metrics.began();
        Self {
            metrics,
            ledger,
            request_id,
            began: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            connection: request.extensions().get::<Connection>().copied(),
            user_agent: user_agent(request.headers()),
            ended: false,
        }
    }

    /// Lets the answer's body carry the record to its end.
    pub(super) fn follow(self, response: Response) -> Response {
        let endpoint = response.extensions().get::<EndpointName>().map_or("other", |name| name.0);
        let status = response.status();
        let length = response.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let head_only = self.method == Method::HEAD;
        let noted = response.extensions().get::<NotedWhenSent>().cloned();
        response.map(|body| {
            let length = http_body::Body::size_hint(&body).exact().or(length);
            let complete = head_only || http_body::Body::is_end_stream(&body);
            let sent_bytes = 0;
            let record = self;
            Body::new(FollowedBody { body, record, endpoint, status, length, sent_bytes, complete, noted })
        })
    }

    fn end(&mut self, endpoint: &'static str, status: StatusCode, (sent_bytes, complete): (u64, bool)) {
        self.ended = true;
        let duration = self.began.elapsed();
        tracing::info!(
            target: "access",
            request_id = self.request_id.as_str(),
            method = %self.method,
            uri = %self.uri,
            status = status.as_u16(),
            sent_bytes,
            complete,
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            peer = self.connection.and_then(|connection| connection.peer).map(tracing::field::display),
            user_agent = self.user_agent,
            "request"
        );
        self.metrics.ended(&Ended { method: self.method.clone(), endpoint, status, duration, sent_bytes });
    }
}

impl Drop for AccessRecord {
    /// Without an end there was no answer: the client went before it was ready.
    fn drop(&mut self) {
        if !self.ended {
            self.end("other", client_closed_request(), (0, false));
        }
    }
}

/// nginx's status for a client that did not wait; it goes to the log and the metrics only.
fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).expect("499 is within the range of status codes")
}

/// Printable text only: a log line must not carry a client's control characters.
fn user_agent(headers: &HeaderMap) -> Option<String> {
    const MAX_LEN: usize = 200;
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(MAX_LEN).collect())
}

struct FollowedBody {
    body: Body,
    record: AccessRecord,
    endpoint: &'static str,
    status: StatusCode,
    /// How many bytes the answer promises. The connection takes no more, so that a stream's end is not asked for.
    length: Option<u64>,
    sent_bytes: u64,
    /// Whether all of the body was handed to the connection.
    complete: bool,
    /// What is noted when it was.
    noted: Option<NotedWhenSent>,
}

impl http_body::Body for FollowedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                self.sent_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                self.complete = self.length == Some(self.sent_bytes) || self.body.is_end_stream();
            }
            Some(Err(_)) => {}
            None => self.complete = true,
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

impl Drop for FollowedBody {
    fn drop(&mut self) {
        if let Some(NotedWhenSent(noted)) = self.noted.take().filter(|_| self.complete) {
            self.record.ledger.note(Arc::unwrap_or_clone(noted));
        }
        self.record.end(self.endpoint, self.status, (self.sent_bytes, self.complete));
    }
}
