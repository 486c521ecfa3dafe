use std::time::Duration;

use axum::body::{Body, Bytes};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;

use crate::oci::ErrorCode;
use crate::plugin::{FieldFault, ReadError, ReadLimits, Resources};
use crate::server::problem::Problem;

/// What a text may cost.
const LIMITS: ReadLimits = ReadLimits { bytes: 1 << 20, nodes: 100_000 };
/// How long a client may take to send a text: it holds one of few places meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most faults that an answer lists; a message names fewer.
const MOST_FAULTS: usize = 100;

/// The whole body, if it is small enough and comes in time.
pub(super) async fn receive(body: Body) -> Result<Bytes, Problem> {
    let receiving = Limited::new(body, LIMITS.bytes).collect();
    match tokio::time::timeout(PATIENCE, receiving).await {
        Ok(Ok(received)) => Ok(received.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Problem::invalid_request(format!("the request body ended early: {error}"))),
        Err(_) => {
            let message = format!("the request body took longer than {} seconds", PATIENCE.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::RequestInvalid, message))
        }
    }
}

/// Reads the resources of a text, whatever is wrong with their fields.
pub(super) fn parse(text: &[u8]) -> Result<Resources, Problem> {
    let resources = Resources::read(text, &LIMITS).map_err(|error| unreadable(&error))?;
    let is_empty = resources.plugins.is_empty() && resources.others.is_empty();
    if is_empty && resources.faults.is_empty() {
        return Err(Problem::invalid_request("the body holds no resource; send WasmPlugins as YAML or JSON"));
    }
    Ok(resources)
}

/// Refuses resources whose fields the API server would refuse, and names all of these.
pub(super) fn refuse_faults(resources: &Resources) -> Result<(), Problem> {
    let faults: Vec<&FieldFault> = resources.faults().collect();
    let message = match faults.as_slice() {
        [] => return Ok(()),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    };
    let listed = &faults[..faults.len().min(MOST_FAULTS)];
    Err(Problem::invalid_request(message).with_detail(json!({ "count": faults.len(), "faults": listed })))
}

fn unreadable(error: &ReadError) -> Problem {
    match error {
        ReadError::TooLarge { .. } => too_large(),
        ReadError::NoThread(_) => Problem::internal(error),
        ReadError::NotUtf8 { place } | ReadError::Syntax { place, .. } => {
            Problem::invalid_request(error.to_string()).with_detail(json!(place))
        }
    }
}

fn too_large() -> Problem {
    let message = format!("the body is larger than {} bytes, the limit here", LIMITS.bytes);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid, message)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_in_time_is_refused() {
        let drip = |pause: Duration| {
            Body::from_stream(stream::unfold(0, move |sent| async move {
                tokio::time::sleep(pause).await;
                (sent < 9).then(|| (Ok::<_, Infallible>(Bytes::from_static(b" ")), sent + 1))
            }))
        };
        assert_eq!(receive(drip(Duration::from_millis(999))).await.unwrap().len(), 9);
        let refused = receive(drip(Duration::from_millis(1001))).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::REQUEST_TIMEOUT);
    }
}
