use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::Registry;
use super::call::Call;
use super::list::next_page;
use super::scope::Scope;
use crate::client::Error;

/// The largest answer.
const PAGE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;
const WHAT: &str = "webhooks";
/// How many dead letters are read at most: more than a registry like ours keeps.
const LETTERS: usize = 100_000;

#[derive(Deserialize)]
struct List {
    webhooks: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    dead_letters: Vec<Value>,
}

impl Registry {
    /// How the webhooks of a registry like ours do: one JSON object each.
    ///
    /// # Errors
    /// [`Error::Lacks`] where the registry knows no webhooks.
    pub async fn webhooks(&self) -> Result<Vec<Value>, Error> {
        let call = Call::new(Method::GET, self.url("api/v1/webhooks"));
        let answer = self.fetch(&call, &Scope::default(), ("the list of webhooks", PAGE_LIMIT_BYTES)).await;
        let (_, bytes) = answer.map_err(|error| self.lacking(WHAT, error))?;
        serde_json::from_slice(&bytes).map(|list: List| list.webhooks).map_err(|_| self.lacks(WHAT))
    }

    /// What a webhook has given up on: one JSON object for each dead letter, oldest first.
    ///
    /// # Errors
    /// [`Error::Refused`] with status 404 where there is no such webhook.
    pub async fn dead_letters(&self, webhook: &str) -> Result<Vec<Value>, Error> {
        let mut url = self.url("api/v1/webhooks");
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend([webhook, "dead-letters"]);
        }
        let (mut letters, mut next) = (Vec::new(), Some(url));
        while let Some(url) = next.take().filter(|_| letters.len() < LETTERS) {
            let call = Call::new(Method::GET, url);
            let reply = self.send(&call, &Scope::default()).await?.expect(&[StatusCode::OK]).await?;
            next = next_page(&reply)?;
            let shape = reply.protocol_error("the dead letters are not JSON of the agreed shape");
            let bytes = reply.read_all("a page of dead letters", PAGE_LIMIT_BYTES).await?;
            let page: Page = serde_json::from_slice(&bytes).map_err(|_| shape)?;
            letters.extend(page.dead_letters);
        }
        Ok(letters)
    }
}
