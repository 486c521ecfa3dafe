//! A registry in this process, whose answers a test can replace one by one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use hwasm_registry::client::{Connector, Credentials, Options, Remote, RetryPolicy};
use hwasm_registry::oci::{Digest, MediaType, RegistryHost, media_type};
use tokio::task::JoinHandle;

/// A registry on a port of its own; it ends with the test.
pub(crate) struct Fake {
    pub(crate) host: RegistryHost,
    pub(crate) state: Arc<Mutex<Registry>>,
    server: JoinHandle<()>,
}

/// What the registry holds, and what it has been asked.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) blobs: HashMap<String, Bytes>,
    /// By `repository@reference`.
    pub(crate) manifests: BTreeMap<String, (String, Bytes)>,
    pub(crate) uploads: HashMap<String, Vec<u8>>,
    pub(crate) log: Vec<Seen>,
    /// Whether there is a referrers API.
    pub(crate) referrers_api: bool,
    /// Breaks the connection of the next uploads when so many bytes of theirs have been taken.
    pub(crate) cut_uploads: Vec<usize>,
    /// Refuses bodies larger than this with 413.
    pub(crate) body_limit: Option<usize>,
    rules: Vec<Rule>,
    sessions: usize,
}

/// One request as the registry saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.uri.path())
    }
}

type Answer = Box<dyn FnMut(&Seen) -> Option<Response> + Send>;

struct Rule {
    method: Method,
    path: &'static str,
    times: usize,
    answer: Answer,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Fake {
    /// An empty registry.
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    /// An empty registry at this address.
    pub(crate) async fn start_at(address: &str) -> Self {
        let state = Arc::new(Mutex::new(Registry::default()));
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let host = listener.local_addr().unwrap().to_string().parse().unwrap();
        let router = axum::Router::new().fallback(handle).with_state(Arc::clone(&state));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { host, state, server }
    }

    /// Answers the next `times` requests of this method whose path contains `path` by `answer`, where that is some.
    pub(crate) fn on(
        &self,
        (method, path): (Method, &'static str),
        times: usize,
        answer: impl FnMut(&Seen) -> Option<Response> + Send + 'static,
    ) {
        self.state.lock().unwrap().rules.push(Rule { method, path, times, answer: Box::new(answer) });
    }

    /// Puts a blob into every repository.
    pub(crate) fn hold_blob(&self, content: &[u8]) -> hwasm_registry::oci::Descriptor {
        let blob = blob(content);
        self.state.lock().unwrap().blobs.insert(blob.digest.to_string(), Bytes::copy_from_slice(content));
        blob
    }

    /// How many requests of this method had a path that contains `path`.
    pub(crate) fn count(&self, method: &Method, path: &str) -> usize {
        let state = self.state.lock().unwrap();
        state.log.iter().filter(|seen| seen.method == *method && seen.uri.path().contains(path)).count()
    }

    /// The requests so far.
    pub(crate) fn log(&self) -> Vec<Seen> {
        self.state.lock().unwrap().log.clone()
    }

    /// Repository `team/a` as an anonymous client with short waits sees it.
    pub(crate) fn remote(&self) -> Remote {
        self.remote_with(options())
    }

    /// Repository `team/a` as a client with these options sees it.
    pub(crate) fn remote_with(&self, options: Options) -> Remote {
        let connector = Connector::new(options);
        connector.registry(&self.host).unwrap().repository(&"team/a".parse().unwrap())
    }
}

/// Anonymous, five tries, and waits too short to notice.
pub(crate) fn options() -> Options {
    let retry = RetryPolicy {
        attempts: 5,
        first_wait: std::time::Duration::from_millis(1),
        longest_wait: std::time::Duration::from_secs(2),
    };
    Options { credentials: Credentials::Anonymous, retry, ..Options::default() }
}

/// The descriptor of `content`.
pub(crate) fn blob(content: &[u8]) -> hwasm_registry::oci::Descriptor {
    hwasm_registry::oci::Descriptor::of(MediaType::known(media_type::OCTET_STREAM), content)
}

/// Content in which every piece differs from every other.
pub(crate) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from((n ^ (n >> 8) ^ (n >> 16)) & 0xff).unwrap()).collect()
}

/// An answer with this status and nothing else.
#[expect(clippy::unnecessary_wraps, reason = "it is the whole body of most scripted answers")]
pub(crate) fn status(code: u16) -> Option<Response> {
    Some(StatusCode::from_u16(code).unwrap().into_response())
}

/// An answer with this status and these headers.
pub(crate) fn with_headers(code: u16, headers: &[(&str, &str)]) -> Response {
    let mut response = Response::builder().status(code);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::empty()).unwrap()
}

/// An answer that claims `length` bytes and breaks off behind `sent`.
pub(crate) fn broken_off(code: u16, sent: &[u8], length: usize) -> Response {
    let pieces = [Ok(Bytes::copy_from_slice(sent)), Err(std::io::Error::other("cut"))];
    // The pause lets the first piece leave before the connection breaks.
    let body = futures_util::stream::iter(pieces).then(|piece| async {
        if piece.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
        piece
    });
    Response::builder()
        .status(code)
        .header(header::CONTENT_LENGTH, length)
        .body(Body::from_stream(body))
        .unwrap()
}

/// A scripted answer that is none: the connection ends.
pub(crate) fn silence() -> Option<Response> {
    status(SILENCE)
}

/// The status that stands for [`silence`] within this file.
const SILENCE: u16 = 599;

fn hang_up() -> ! {
    std::panic::resume_unwind(Box::new("the fake registry hangs up"))
}

async fn handle(State(state): State<Arc<Mutex<Registry>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let seen = Seen { method: parts.method, uri: parts.uri, headers: parts.headers };
    let scripted = state.lock().unwrap().scripted(&seen);
    match scripted {
        Some(response) if response.status() == SILENCE => hang_up(),
        Some(response) => return response,
        None => {}
    }
    let path = seen.uri.path().trim_start_matches("/v2/").to_owned();
    let limit = state.lock().unwrap().body_limit;
    let length = seen.header("content-length").and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    if limit.is_some_and(|limit| length > limit) {
        return with_headers(413, &[("connection", "close")]);
    }
    if let Some((_, id)) = path.split_once("/blobs/uploads/") {
        if !matches!(seen.method, Method::PUT | Method::PATCH) {
            return state.lock().unwrap().upload(&seen, id);
        }
        if !state.lock().unwrap().uploads.contains_key(id) {
            return refusal(404, "BLOB_UPLOAD_UNKNOWN");
        }
        take_content(&state, id, body).await;
        return state.lock().unwrap().uploaded(&seen, id);
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    state.lock().unwrap().answer(&seen, &path, body)
}

/// Adds a body to an upload piece by piece, so that what came before a break stays.
async fn take_content(state: &Mutex<Registry>, id: &str, body: Body) {
    let mut pieces = body.into_data_stream();
    let cut = state.lock().unwrap().cut_uploads.pop();
    while let Some(Ok(piece)) = pieces.next().await {
        let mut state = state.lock().unwrap();
        let held = state.uploads.get_mut(id).unwrap();
        match cut {
            Some(cut) if held.len() + piece.len() >= cut => {
                let kept = cut.saturating_sub(held.len());
                held.extend_from_slice(&piece[..kept]);
                drop(state);
                hang_up();
            }
            _ => held.extend_from_slice(&piece),
        }
    }
}

fn refusal(status: u16, code: &str) -> Response {
    let body = format!(r#"{{"errors":[{{"code":"{code}","message":"as the test wants"}}]}}"#);
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

impl Registry {
    fn scripted(&mut self, seen: &Seen) -> Option<Response> {
        self.log.push(seen.clone());
        let matching = |rule: &&mut Rule| {
            rule.times > 0 && rule.method == seen.method && seen.uri.path().contains(rule.path)
        };
        for rule in self.rules.iter_mut().filter(matching) {
            rule.times -= 1;
            if let Some(response) = (rule.answer)(seen) {
                return Some(response);
            }
        }
        None
    }

    fn upload(&mut self, seen: &Seen, id: &str) -> Response {
        if seen.method == Method::POST {
            if let Some(digest) = parameter(seen, "mount").filter(|digest| self.blobs.contains_key(digest)) {
                return with_headers(201, &[("docker-content-digest", &digest)]);
            }
            self.sessions += 1;
            let id = self.sessions.to_string();
            self.uploads.insert(id.clone(), Vec::new());
            // Relative, and with a query that must survive.
            return with_headers(202, &[("location", &format!("{id}?_state=s%2Bx"))]);
        }
        match self.uploads.get(id) {
            Some(held) => self.acknowledge(204, id, held.len()),
            None => refusal(404, "BLOB_UPLOAD_UNKNOWN"),
        }
    }

    fn uploaded(&mut self, seen: &Seen, id: &str) -> Response {
        let held = self.uploads[id].len();
        if parameter(seen, "_state").as_deref() != Some("s+x") {
            return refusal(400, "BLOB_UPLOAD_INVALID");
        }
        if seen.method == Method::PATCH {
            let range = seen.header("content-range").unwrap_or_default();
            let end = range.split_once('-').and_then(|(_, last)| last.parse::<usize>().ok());
            return if end.is_some_and(|last| last + 1 == held) {
                self.acknowledge(202, id, held)
            } else {
                refusal(416, "RANGE_INVALID")
            };
        }
        let content = Bytes::from(self.uploads.remove(id).unwrap());
        let digest = parameter(seen, "digest").unwrap();
        if digest.parse::<Digest>().is_ok_and(|digest| Digest::of(digest.algorithm(), &content) == digest) {
            self.blobs.insert(digest.clone(), content);
            with_headers(201, &[("docker-content-digest", &digest)])
        } else {
            refusal(400, "DIGEST_INVALID")
        }
    }

    #[expect(clippy::unused_self, reason = "reads as the registry's answer")]
    fn acknowledge(&self, code: u16, id: &str, held: usize) -> Response {
        let range = format!("0-{}", held.saturating_sub(1));
        with_headers(code, &[("location", &format!("{id}?_state=s%2Bx")), ("range", &range)])
    }

    fn answer(&mut self, seen: &Seen, path: &str, body: Bytes) -> Response {
        if path.is_empty() {
            return StatusCode::OK.into_response();
        }
        if let Some((_, digest)) = path.split_once("/blobs/") {
            return match self.blobs.get(digest) {
                Some(content) => content_answer(seen, media_type::OCTET_STREAM, digest, content),
                None => refusal(404, "BLOB_UNKNOWN"),
            };
        }
        if let Some((repository, reference)) = path.split_once("/manifests/") {
            return self.manifest(seen, (repository, reference), body);
        }
        if let Some((repository, digest)) = path.split_once("/referrers/")
            && self.referrers_api
        {
            return self.referrers(repository, digest);
        }
        refusal(404, "NAME_UNKNOWN")
    }

    fn manifest(&mut self, seen: &Seen, (repository, reference): (&str, &str), body: Bytes) -> Response {
        let key = format!("{repository}@{reference}");
        match seen.method {
            Method::PUT => {
                let digest = Digest::sha256(&body).to_string();
                let kind = seen.header("content-type").unwrap_or_default().to_owned();
                let subject = subject_of(&body).filter(|_| self.referrers_api);
                self.manifests.insert(key, (kind.clone(), body.clone()));
                self.manifests.insert(format!("{repository}@{digest}"), (kind, body));
                let mut headers = vec![("docker-content-digest", digest.as_str())];
                headers.extend(subject.iter().map(|subject| ("oci-subject", subject.as_str())));
                with_headers(201, &headers)
            }
            Method::DELETE if self.manifests.remove(&key).is_some() => with_headers(202, &[]),
            Method::DELETE => refusal(404, "MANIFEST_UNKNOWN"),
            _ => match self.manifests.get(&key) {
                Some((kind, body)) => content_answer(seen, kind, &Digest::sha256(body).to_string(), body),
                None => refusal(404, "MANIFEST_UNKNOWN"),
            },
        }
    }

    fn referrers(&self, repository: &str, digest: &str) -> Response {
        let of_subject = |(key, (kind, body)): (&String, &(String, Bytes))| {
            let stored = key.strip_prefix(repository)?.strip_prefix("@sha256:")?;
            (subject_of(body)? == digest).then(|| {
                serde_json::json!({"mediaType": kind, "digest": format!("sha256:{stored}"), "size": body.len()})
            })
        };
        let found: Vec<_> = self.manifests.iter().filter_map(of_subject).collect();
        let list = serde_json::json!({"schemaVersion": 2, "manifests": found}).to_string();
        ([(header::CONTENT_TYPE, media_type::OCI_INDEX)], list).into_response()
    }
}

fn subject_of(manifest: &Bytes) -> Option<String> {
    let manifest: serde_json::Value = serde_json::from_slice(manifest).ok()?;
    Some(manifest.get("subject")?.get("digest")?.as_str()?.to_owned())
}

/// Content with its headers; of a range only that.
fn content_answer(seen: &Seen, kind: &str, digest: &str, content: &Bytes) -> Response {
    let range = seen.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    let start = range.and_then(|start| start.parse::<usize>().ok()).unwrap_or(0);
    let range = format!("bytes {start}-{}/{}", content.len().saturating_sub(1), content.len());
    Response::builder()
        .status(if start > 0 { 206 } else { 200 })
        .header("content-type", kind)
        .header("docker-content-digest", digest)
        .header("content-range", range)
        .header("content-length", content.len() - start)
        .body(Body::from(content.slice(start..)))
        .unwrap()
}

/// A query parameter, decoded.
pub(crate) fn parameter(seen: &Seen, name: &str) -> Option<String> {
    let query = seen.uri.query()?;
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
