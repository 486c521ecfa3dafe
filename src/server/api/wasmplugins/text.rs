use axum::body::{Body, Bytes};
use http::StatusCode;
use serde_json::json;

use crate::oci::ErrorCode;
use crate::plugin::{FieldFault, ReadError, ReadLimits, Resources};
use crate::server::bounded_body;
use crate::server::problem::Problem;

/// What a text may cost.
const LIMITS: ReadLimits = ReadLimits { bytes: 1 << 20, nodes: 100_000 };
/// Most faults that an answer lists; a message names fewer.
const MOST_FAULTS: usize = 100;

/// The whole body, if it is small enough and comes in time.
pub(in crate::server::api) async fn receive(body: Body) -> Result<Bytes, Problem> {
    bounded_body::receive(body, LIMITS.bytes).await
}

/// Reads the resources of a text, whatever is wrong with their fields.
pub(in crate::server::api) fn parse(text: &[u8]) -> Result<Resources, Problem> {
    let resources = Resources::read(text, &LIMITS).map_err(|error| unreadable(&error))?;
    let is_empty = resources.plugins.is_empty() && resources.others.is_empty();
    if is_empty && resources.faults.is_empty() {
        return Err(Problem::invalid_request("the body holds no resource; send WasmPlugins as YAML or JSON"));
    }
    Ok(resources)
}

/// Refuses resources whose fields the API server would refuse, and names all of these.
pub(in crate::server::api) fn refuse_faults(resources: &Resources) -> Result<(), Problem> {
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
