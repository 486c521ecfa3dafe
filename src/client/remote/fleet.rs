use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::Registry;
use super::call::Call;
use super::list::next_page;
use super::scope::Scope;
use crate::client::Error;
use crate::oci::{Reference, RepositoryName};

/// The largest page of rows.
const PAGE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;
/// How many rows are read at most: more than a registry like ours keeps.
const ROWS: usize = 1_000_000;

#[derive(Deserialize)]
struct Page {
    agents: Vec<Value>,
}

impl Registry {
    /// Who pulled what, as a registry like ours tells it: one JSON object for each agent and reference.
    ///
    /// # Errors
    /// [`Error::Refused`] with status 404 where the registry has no such view.
    pub async fn fleet(
        &self,
        repository: Option<&RepositoryName>,
        reference: Option<&Reference>,
    ) -> Result<Vec<Value>, Error> {
        let mut url = self.url("api/v1/fleet");
        let parameters = [
            ("repository", repository.map(ToString::to_string)),
            ("reference", reference.map(ToString::to_string)),
        ];
        for (name, value) in parameters {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        let (mut rows, mut next) = (Vec::new(), Some(url));
        while let Some(url) = next.take().filter(|_| rows.len() < ROWS) {
            let call = Call::new(Method::GET, url);
            let reply = self.send(&call, &Scope::default()).await?.expect(&[StatusCode::OK]).await?;
            next = next_page(&reply)?;
            let shape = reply.protocol_error("the rows are not JSON of the agreed shape");
            let bytes = reply.read_all("a page of the fleet", PAGE_LIMIT_BYTES).await?;
            let page: Page = serde_json::from_slice(&bytes).map_err(|_| shape)?;
            rows.extend(page.agents);
        }
        Ok(rows)
    }
}
