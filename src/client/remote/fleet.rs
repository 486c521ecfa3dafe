use bytes::Bytes;
use http::{Method, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::Registry;
use super::call::Call;
use super::list::next_page;
use super::scope::Scope;
use crate::client::Error;
use crate::oci::{Digest, Reference, RepositoryName, Tag};

/// The largest answer.
const PAGE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;
/// How many rows are read at most: more than a registry like ours keeps.
const ROWS: usize = 1_000_000;

const WHAT: &str = "view of the fleet";

/// What a registry like ours tells of who pulls from it, and is told: JSON objects as its API documents them.
///
/// Each of these fails with [`Error::Lacks`] where the registry has nothing like it.
impl Registry {
    /// Who pulled what: an object for each agent and reference.
    pub async fn fleet(
        &self,
        repository: Option<&RepositoryName>,
        reference: Option<&Reference>,
    ) -> Result<Vec<Value>, Error> {
        let (repository, reference) =
            (repository.map(ToString::to_string), reference.map(ToString::to_string));
        self.rows("api/v1/fleet", "agents", &[("repository", repository), ("reference", reference)]).await
    }

    /// How far the agents of each tag are.
    pub async fn fleet_tags(&self) -> Result<Vec<Value>, Error> {
        self.rows("api/v1/fleet/tags", "tags", &[("n", Some("1000".to_owned()))]).await
    }

    /// The `WasmPlugin`s that the registry was told of.
    pub async fn tracked_plugins(&self) -> Result<Vec<Value>, Error> {
        self.rows("api/v1/wasmplugins", "wasmplugins", &[]).await
    }

    /// What moving a tag to `new`, or to something that nobody has, does to those who have it.
    pub async fn impact(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        new: Option<&Digest>,
    ) -> Result<Value, Error> {
        let parameters = [
            ("repository", Some(repository.to_string())),
            ("tag", Some(tag.to_string())),
            ("digest", new.map(ToString::to_string)),
        ];
        let (value, _) = self.object(self.query("api/v1/impact", &parameters)).await?;
        Ok(value)
    }

    /// Lets the registry know of a `WasmPlugin`, given in JSON; what it made of it.
    pub async fn track_plugin(
        &self,
        namespace: &str,
        name: &str,
        plugin: &impl Serialize,
    ) -> Result<Value, Error> {
        let call = Call::new(Method::PUT, self.named(&["wasmplugins", namespace, name]));
        self.tell(call, plugin).await
    }

    /// Lets the registry forget a `WasmPlugin`.
    pub async fn untrack_plugin(&self, namespace: &str, name: &str) -> Result<(), Error> {
        let call = Call::new(Method::DELETE, self.named(&["wasmplugins", namespace, name]));
        let reply = self.send(&call, &Scope::default()).await;
        reply.map_err(|error| self.lacking(WHAT, error))?.expect(&[StatusCode::NO_CONTENT]).await?;
        Ok(())
    }

    /// Tells the registry how the agent `id` is doing.
    pub async fn report(&self, id: &str, report: &impl Serialize) -> Result<(), Error> {
        let call = Call::new(Method::POST, self.named(&["agents", id, "status"]));
        self.tell(call, report).await.map(drop)
    }

    /// A path under the API's, whose parts may be any text.
    fn named(&self, parts: &[&str]) -> Url {
        let mut url = self.url("api/v1");
        url.path_segments_mut().expect("the URL has a host").extend(parts);
        url
    }

    fn query(&self, path: &str, parameters: &[(&str, Option<String>)]) -> Url {
        let mut url = self.url(path);
        for (name, value) in parameters {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        url
    }

    async fn tell(&self, call: Call, body: &impl Serialize) -> Result<Value, Error> {
        let body = Bytes::from(serde_json::to_vec(body).expect("it is made of texts and numbers"));
        let call = call.with_body(body).with_header(header::CONTENT_TYPE, "application/json");
        Ok(self.answer(&call).await?.0)
    }

    /// Every object of a list that may have pages.
    async fn rows(
        &self,
        path: &str,
        key: &str,
        parameters: &[(&str, Option<String>)],
    ) -> Result<Vec<Value>, Error> {
        let (mut rows, mut next) = (Vec::new(), Some(self.query(path, parameters)));
        while let Some(url) = next.take().filter(|_| rows.len() < ROWS) {
            let (mut page, link) = self.object(url).await?;
            let Some(Value::Array(more)) = page.get_mut(key).map(Value::take) else {
                return Err(self.lacks(WHAT));
            };
            rows.extend(more);
            next = link;
        }
        Ok(rows)
    }

    async fn object(&self, url: Url) -> Result<(Value, Option<Url>), Error> {
        self.answer(&Call::new(Method::GET, url)).await
    }

    async fn answer(&self, call: &Call) -> Result<(Value, Option<Url>), Error> {
        let sent = async { self.send(call, &Scope::default()).await?.expect(&[StatusCode::OK]).await };
        let reply = sent.await.map_err(|error| self.lacking(WHAT, error))?;
        let next = next_page(&reply)?;
        let shape = reply.protocol_error("the answer is not JSON of the agreed shape");
        let bytes = reply.read_all("what is known of the fleet", PAGE_LIMIT_BYTES).await?;
        let value = serde_json::from_slice(&bytes).map_err(|_| shape)?;
        Ok((value, next))
    }
}
