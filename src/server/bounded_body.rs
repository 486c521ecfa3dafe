use std::time::Duration;

use axum::body::{Body, Bytes};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::problem::Problem;
use crate::oci::ErrorCode;

/// How long a client may take to send a small body.
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole body, if it has at most `limit` bytes and comes in time.
pub(super) async fn receive(body: Body, limit: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(PATIENCE, Limited::new(body, limit).collect()).await {
        Ok(Ok(received)) => Ok(received.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("the request body is larger than {limit} bytes, the limit here");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid, message))
        }
        Ok(Err(error)) => Err(Problem::invalid_request(format!("the request body ended early: {error}"))),
        Err(_) => {
            let message = format!("the request body took longer than {} seconds", PATIENCE.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::RequestInvalid, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_late_or_large_is_refused() {
        let drip = |pause: Duration| {
            Body::from_stream(stream::unfold(0, move |sent| async move {
                tokio::time::sleep(pause).await;
                (sent < 9).then(|| (Ok::<_, Infallible>(Bytes::from_static(b" ")), sent + 1))
            }))
        };
        assert_eq!(receive(drip(Duration::from_millis(999)), 9).await.unwrap().len(), 9);
        let refused = receive(drip(Duration::from_millis(1001)), 9).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::REQUEST_TIMEOUT);
        let refused = receive(Body::from("0123456789"), 9).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
