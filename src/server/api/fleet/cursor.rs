use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::oci::ErrorCode;
use crate::server::page::Query;
use crate::server::problem::Problem;

/// The longest place in a list that is read: names have bounds.
const LONGEST: usize = 8192;

/// A place in a list, as the text that a `Link` has: it means nothing to a client.
pub(super) fn write(place: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).expect("a place is made of texts and numbers"))
}

/// The place that `after` names, if it is given.
pub(super) fn read<T: DeserializeOwned>(query: &Query<'_>) -> Result<Option<T>, Problem> {
    let Some(text) = query.get("after").filter(|text| !text.is_empty()) else { return Ok(None) };
    let bytes = (text.len() <= LONGEST).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten();
    let place = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    place.map(Some).ok_or_else(|| {
        let message = "`after` is not a place in this list; take it from the `Link` of the page before";
        Problem::bad_request(ErrorCode::PaginationNumberInvalid, message)
    })
}
