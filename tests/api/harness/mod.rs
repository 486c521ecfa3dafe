//! What the server's tests share: a server in this process on a port of its own, content to push, and raw sockets.

mod content;
mod footprint;
mod plugin;
mod wire;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hwasm_registry::fleet::Fleet;
use hwasm_registry::registry::{self, Limits, Plugins, Registry, Tags};
use hwasm_registry::server::Rooms;
use hwasm_registry::webhook::{self, Webhooks};
use hwasm_registry::{fleet, gateway, server, storage};
use reqwest::{Method, RequestBuilder, Response, header};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use content::{Image, bytes_of, descriptor_of, digest_of, sha512_of};
pub(crate) use footprint::{DatabaseLock, Footprint, run_sql};
pub(crate) use plugin::{alias_bomb, module, packed, packed_with_spec, wasmplugin};
pub(crate) use wire::{Answer, Wire};

/// How a server is to be started.
pub(crate) struct Setup {
    limits: Limits,
    plugins: Plugins,
    tags: Tags,
    config: server::Config,
    gateway: gateway::Config,
    fleet: fleet::Config,
    webhooks: Vec<webhook::Entry>,
    data_dir: Arc<TempDir>,
}

/// A running server over a store in a temporary directory.
pub(crate) struct Server {
    /// What it serves, for what HTTP does not tell.
    pub(crate) registry: Registry,
    pub(crate) address: SocketAddr,
    data_dir: Arc<TempDir>,
    http: reqwest::Client,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(temporary_dir()))
    }

    /// A server over the store that another one left.
    pub(crate) fn over(data_dir: Arc<TempDir>) -> Self {
        let config = server::Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Default::default() };
        let (limits, plugins, tags) = (Limits::default(), Plugins::default(), Tags::default());
        let (gateway, fleet) = (gateway::Config::default(), fleet::Config::default());
        Self { limits, plugins, tags, config, gateway, fleet, webhooks: Vec::new(), data_dir }
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub(crate) fn plugins(mut self, change: impl FnOnce(&mut Plugins)) -> Self {
        change(&mut self.plugins);
        self
    }

    /// Lets the tags that match `tags` stay what they are, in the repositories that match `repository`.
    pub(crate) fn immutable(mut self, repository: &str, tags: &str) -> Self {
        let rule = serde_json::json!({ "repository": repository, "tags": tags });
        self.tags.immutable.push(serde_json::from_value(rule).expect("a rule"));
        self
    }

    pub(crate) fn config(mut self, change: impl FnOnce(&mut server::Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub(crate) fn gateway(mut self, change: impl FnOnce(&mut gateway::Config)) -> Self {
        change(&mut self.gateway);
        self
    }

    pub(crate) fn fleet(mut self, change: impl FnOnce(&mut fleet::Config)) -> Self {
        change(&mut self.fleet);
        self
    }

    /// Tells of events as the entry says.
    pub(crate) fn webhook(mut self, entry: serde_json::Value) -> Self {
        self.webhooks.push(serde_json::from_value(entry).expect("a webhook"));
        self
    }

    pub(crate) async fn start(self) -> Server {
        let store = open_store(self.data_dir.path()).await.expect("the store opens");
        let config = registry::Config { limits: self.limits, plugins: self.plugins, tags: self.tags };
        let fleet = Fleet::new(store.clone(), self.fleet);
        let entries = webhook::Config::try_from(self.webhooks).expect("webhooks that can be");
        let webhooks = Webhooks::open(store.clone(), &entries).await.expect("the webhooks open");
        let registry = Registry::new(store, config);
        let listener = server::bind(&self.config).await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let stop = CancellationToken::new();
        let serving = tokio::spawn({
            let rooms = Rooms { registry: registry.clone(), gateway: self.gateway, fleet, webhooks };
            let (stop, config) = (stop.clone(), self.config);
            async move { server::serve(listener, &config, rooms, stop.cancelled_owned()).await }
        });
        let http = client(|builder| builder);
        Server { registry, address, data_dir: self.data_dir, http, stop, serving }
    }
}

/// In memory where the system has such a place: these tests pull no plug, and syncing would take most of their time.
pub(crate) fn temporary_dir() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a temporary directory")
}

pub(crate) async fn open_store(data_dir: &Path) -> storage::Result<storage::Store> {
    let config = storage::Config { data_dir: data_dir.to_owned(), ..Default::default() };
    storage::Store::open(&config).await
}

/// A client that follows nothing by itself and talks to nobody in between.
pub(crate) fn client(
    change: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> reqwest::Client {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(15));
    change(builder).build().expect("a client")
}

impl Server {
    pub(crate) async fn start() -> Self {
        Setup::new().start().await
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// Waits until it has stopped; what is left is the store's directory.
    pub(crate) async fn stopped(self) -> Arc<TempDir> {
        self.stop.cancel();
        self.serving.await.expect("the server does not panic");
        self.data_dir
    }

    /// The address of a path, or of a `Location`, which may be either.
    pub(crate) fn url(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("http://{}{path}", self.address) }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.expect("an answer")
    }

    /// GET with one more header.
    pub(crate) async fn get_with(&self, path: &str, name: header::HeaderName, value: &str) -> Response {
        self.request(Method::GET, path).header(name, value).send().await.expect("an answer")
    }

    pub(crate) async fn head(&self, path: &str) -> Response {
        self.request(Method::HEAD, path).send().await.expect("an answer")
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.request(Method::POST, path).body(body).send().await.expect("an answer")
    }

    pub(crate) async fn put(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.request(Method::PUT, path).body(body).send().await.expect("an answer")
    }

    pub(crate) async fn patch(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.request(Method::PATCH, path).body(body).send().await.expect("an answer")
    }

    /// PATCH of the chunk that begins at `first`.
    pub(crate) async fn patch_at(&self, path: &str, first: usize, chunk: &[u8]) -> Response {
        let range = format!("{first}-{}", first + chunk.len() - 1);
        let request = self.request(Method::PATCH, path).header(header::CONTENT_RANGE, range);
        request.body(chunk.to_vec()).send().await.expect("an answer")
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        self.request(Method::DELETE, path).send().await.expect("an answer")
    }

    /// GET of a page that must be there, as JSON.
    pub(crate) async fn json(&self, path: &str) -> serde_json::Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.expect("JSON")
    }

    /// Begins an upload session; its location.
    pub(crate) async fn begin_upload(&self, repository: &str) -> String {
        let response = self.post(&format!("/v2/{repository}/blobs/uploads/"), "").await;
        assert_eq!(response.status(), 202);
        header_text(&response, "location").to_owned()
    }

    /// Pushes a blob in one request; its digest.
    pub(crate) async fn push_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = digest_of(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let response = self.post(&path, bytes.to_vec()).await;
        assert_eq!(response.status(), 201, "{}", response.text().await.unwrap_or_default());
        digest
    }

    pub(crate) async fn put_manifest(
        &self,
        path: &str,
        media_type: &str,
        bytes: impl Into<reqwest::Body>,
    ) -> Response {
        let request = self.request(Method::PUT, path).header(header::CONTENT_TYPE, media_type);
        request.body(bytes).send().await.expect("an answer")
    }

    /// Pushes an image with its blobs and a tag.
    pub(crate) async fn push(&self, repository: &str, tag: &str, image: &Image) {
        for blob in &image.blobs {
            self.push_blob(repository, blob).await;
        }
        self.push_manifest(repository, tag, image).await;
    }

    /// Pushes an image whose blobs are there.
    pub(crate) async fn push_manifest(&self, repository: &str, tag: &str, image: &Image) {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let response = self.put_manifest(&path, &image.media_type, image.bytes.clone()).await;
        assert_eq!(response.status(), 201, "{}", response.text().await.unwrap_or_default());
    }

    /// Follows a list's `Link` headers to their end; one JSON page each.
    pub(crate) async fn pages(&self, path: &str) -> Vec<serde_json::Value> {
        const MOST: usize = 100;
        let (mut pages, mut next) = (Vec::new(), Some(path.to_owned()));
        while let Some(path) = next {
            let response = self.get(&path).await;
            assert_eq!(response.status(), 200, "{path}");
            next = response.headers().get(header::LINK).map(|link| next_of(link.to_str().expect("text")));
            pages.push(response.json().await.expect("JSON"));
            assert!(pages.len() < MOST, "the links never end: {next:?}");
        }
        pages
    }
}

/// The address within `<…>; rel="next"`.
fn next_of(link: &str) -> String {
    let (address, rest) = link.strip_prefix('<').and_then(|link| link.split_once('>')).expect("a link");
    assert_eq!(rest, "; rel=\"next\"");
    address.to_owned()
}

pub(crate) fn header_text<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.unwrap_or_else(|| panic!("no `{name}` header")).to_str().expect("a printable header")
}

/// What a refused request was answered.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    /// Reads an error answer, which must have the specification's form.
    pub(crate) async fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        assert!(status >= 400, "{status} is not a refusal");
        assert_eq!(header_text(&response, "content-type"), "application/json");
        assert!(response.headers().contains_key("x-request-id"));
        let body: serde_json::Value = response.json().await.expect("an error body in JSON");
        Self::from_body(status, &body)
    }

    pub(crate) fn from_body(status: u16, body: &serde_json::Value) -> Self {
        let errors = body["errors"].as_array().expect("`errors`");
        assert_eq!(errors.len(), 1, "{body}");
        let text = |field: &str| errors[0][field].as_str().expect("text").to_owned();
        Self { status, code: text("code"), message: text("message") }
    }

    /// Asserts status, code, and a part of the message.
    #[track_caller]
    pub(crate) fn says(&self, status: u16, code: &str, part: &str, case: &str) {
        assert_eq!((self.status, self.code.as_str()), (status, code), "{case}: {}", self.message);
        assert!(self.message.contains(part), "{case}: `{}` does not say `{part}`", self.message);
    }
}

/// Waits until `condition` holds; fails after five seconds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    for _ in 0..500 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in five seconds: {what}");
}
