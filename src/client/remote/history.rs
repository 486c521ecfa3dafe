use http::Method;
use serde::Deserialize;

use super::Remote;
use super::call::Call;
use super::scope::Scope;
use crate::client::Error;
use crate::oci::{Digest, Tag};

/// The longest history that is read.
const HISTORY_LIMIT_BYTES: u64 = 16 * 1024 * 1024;
const WHAT: &str = "history of tags";

/// One move of a tag, as the registry recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagChange {
    /// What the tag named from then on; none where it was deleted.
    pub digest: Option<Digest>,
    /// When, in the registry's words: RFC 3339 in UTC.
    pub changed: String,
    /// By whom.
    pub changed_by: String,
}

#[derive(Deserialize)]
struct Body {
    history: Vec<TagChange>,
}

impl Remote {
    /// Every move of a tag, newest first, from a registry that is like ours.
    ///
    /// # Errors
    /// [`Error::Lacks`] where the registry keeps no history.
    pub async fn tag_history(&self, tag: &Tag) -> Result<Vec<TagChange>, Error> {
        let path = format!("api/v1/repositories/{}/tags/{tag}/history", self.repository);
        let call = Call::new(Method::GET, self.registry.url(&path));
        let scope = Scope::pull(&self.repository);
        let answer = self.registry.fetch(&call, &scope, (WHAT, HISTORY_LIMIT_BYTES)).await;
        let (_, bytes) = answer.map_err(|error| self.registry.lacking(WHAT, error))?;
        let body: Result<Body, _> = serde_json::from_slice(&bytes);
        body.map(|body| body.history).map_err(|_| self.registry.lacks(WHAT))
    }
}
