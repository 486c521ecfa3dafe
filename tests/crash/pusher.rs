//! A client that pushes at random until the server dies, then holds the restarted server to its word.

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::json;

use crate::ledger::{Content, Ledger, Sent, Upload, digest_of};
use crate::random::Random;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const TAGS: usize = 5;
/// One in so many of the older contents is looked at again after each crash.
const SAMPLE: usize = 16;

/// The server died in the middle: the request has no answer.
#[derive(Debug)]
struct NoAnswer;

/// One client with a repository of its own.
pub(crate) struct Pusher {
    host: String,
    repository: String,
    client: Client,
    random: Random,
    ledger: Ledger,
}

impl Pusher {
    pub(crate) fn new(number: u64, host: &str, seed: u64) -> Self {
        Self {
            host: host.to_owned(),
            repository: format!("crash/client-{number}"),
            client: Client::new(),
            random: Random::new(seed),
            ledger: Ledger::default(),
        }
    }

    /// How many blobs, manifests and tags the server has confirmed.
    pub(crate) fn acknowledged(&self) -> usize {
        let sent = self.ledger.blobs.iter().chain(&self.ledger.manifests);
        let tags = self.ledger.tags.values().filter(|tag| tag.acknowledged.is_some());
        sent.filter(|sent| sent.acknowledged).count() + tags.count()
    }

    pub(crate) async fn push_until_the_server_dies(mut self) -> Self {
        while self.push_something().await.is_ok() {}
        self
    }

    async fn push_something(&mut self) -> Result<(), NoAnswer> {
        match self.random.below(9) {
            0 | 1 => self.push_in_one_request().await,
            2 => self.push_in_chunks(1).await,
            3 | 4 => {
                let chunks = 2 + self.random.index(4);
                self.push_in_chunks(chunks).await
            }
            5 => self.delete_tag().await,
            _ => self.push_manifest().await,
        }
    }

    async fn push_in_one_request(&mut self) -> Result<(), NoAnswer> {
        let content = self.some_content();
        let url = self.url(&format!("blobs/uploads/?digest={}", content.digest));
        let blob = Self::note(&mut self.ledger.blobs, content.clone());
        let response = send(self.client.post(url).body(content.bytes)).await?;
        expect(&response, StatusCode::CREATED);
        self.ledger.blobs[blob].acknowledged = true;
        Ok(())
    }

    /// With one chunk the body comes with the closing `PUT`, else in `PATCH`es before it.
    async fn push_in_chunks(&mut self, chunks: usize) -> Result<(), NoAnswer> {
        let content = self.some_content();
        let response = send(self.client.post(self.url("blobs/uploads/"))).await?;
        expect(&response, StatusCode::ACCEPTED);
        let path = location(&response);
        let size = content.bytes.len().div_ceil(chunks);
        self.ledger.uploads.push(Upload { path, content, confirmed: 0, closing: false });
        for _ in 1..chunks {
            self.patch(size).await?;
        }
        self.close().await
    }

    /// Continues the newest upload by at most `size` bytes.
    async fn patch(&mut self, size: usize) -> Result<(), NoAnswer> {
        let upload = self.ledger.uploads.last().expect("an upload was opened");
        let start = upload.confirmed;
        let end = (start + size).min(upload.content.bytes.len());
        if start == end {
            return Ok(());
        }
        let request = self
            .client
            .patch(format!("{}{}", self.host, upload.path))
            .header(CONTENT_RANGE, format!("{start}-{}", end - 1))
            .body(upload.content.bytes[start..end].to_vec());
        let response = send(request).await?;
        expect(&response, StatusCode::ACCEPTED);
        let upload = self.ledger.uploads.last_mut().expect("it is still there");
        upload.confirmed = end;
        upload.path = location(&response);
        Ok(())
    }

    /// Sends what is left of the newest upload with the closing `PUT`.
    async fn close(&mut self) -> Result<(), NoAnswer> {
        let upload = self.ledger.uploads.last_mut().expect("an upload was opened");
        upload.closing = true;
        let (content, start) = (upload.content.clone(), upload.confirmed);
        let mark = if upload.path.contains('?') { '&' } else { '?' };
        let url = format!("{}{}{mark}digest={}", self.host, upload.path, content.digest);
        let blob = Self::note(&mut self.ledger.blobs, content.clone());
        let response = send(self.client.put(url).body(content.bytes[start..].to_vec())).await?;
        expect(&response, StatusCode::CREATED);
        self.ledger.blobs[blob].acknowledged = true;
        self.ledger.uploads.pop();
        Ok(())
    }

    /// A manifest over two blobs of this client, put under a tag that may have pointed elsewhere before.
    async fn push_manifest(&mut self) -> Result<(), NoAnswer> {
        let known: Vec<usize> =
            (0..self.ledger.blobs.len()).filter(|index| self.ledger.blobs[*index].acknowledged).collect();
        if known.is_empty() {
            return self.push_in_one_request().await;
        }
        let config = known[self.random.index(known.len())];
        let layer = known[self.random.index(known.len())];
        let content = self.manifest(config, layer);
        let tag = self.some_tag();
        let manifest = Self::note(&mut self.ledger.manifests, content.clone());
        self.ledger.tags.entry(tag.clone()).or_default().unanswered.push(Some(content.digest.clone()));
        let request = self.client.put(self.url(&format!("manifests/{tag}")));
        let response = send(request.header(CONTENT_TYPE, MANIFEST).body(content.bytes)).await?;
        expect(&response, StatusCode::CREATED);
        self.ledger.manifests[manifest].acknowledged = true;
        self.ledger.tags.entry(tag).or_default().settle(Some(content.digest));
        Ok(())
    }

    async fn delete_tag(&mut self) -> Result<(), NoAnswer> {
        let tag = self.some_tag();
        let state = self.ledger.tags.entry(tag.clone()).or_default();
        let status = if state.acknowledged.is_some() { StatusCode::ACCEPTED } else { StatusCode::NOT_FOUND };
        state.unanswered.push(None);
        let response = send(self.client.delete(self.url(&format!("manifests/{tag}")))).await?;
        expect(&response, status);
        self.ledger.tags.entry(tag).or_default().settle(None);
        Ok(())
    }

    fn manifest(&mut self, config: usize, layer: usize) -> Content {
        let descriptor = |index: usize| {
            let Content { digest, bytes } = &self.ledger.blobs[index].content;
            json!({ "mediaType": "application/octet-stream", "digest": digest, "size": bytes.len() })
        };
        let (config, layer) = (descriptor(config), descriptor(layer));
        let unique = self.random.next().to_string();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
            "annotations": { "unique": unique },
        });
        Content::new(manifest.to_string().into_bytes())
    }

    fn some_tag(&mut self) -> String {
        format!("v{}", self.random.index(TAGS))
    }

    fn some_content(&mut self) -> Content {
        let largest = if self.random.below(8) == 0 { 2 << 20 } else { 64 << 10 };
        let length = 1 + self.random.index(largest);
        Content::new(self.random.bytes(length))
    }

    fn note(list: &mut Vec<Sent>, content: Content) -> usize {
        list.push(Sent { content, acknowledged: false, checked: false });
        list.len() - 1
    }

    /// Checks what came before the last crash, a sample of what was there already, and finishes what was interrupted.
    /// Panics unless everything acknowledged is there, byte for byte, and nothing else is served corrupt.
    pub(crate) async fn check_after_a_crash(&mut self) {
        let sample = self.random.index(SAMPLE);
        self.check_contents(|index, sent| !sent.checked || index % SAMPLE == sample).await;
        self.check_tags().await;
        self.finish_uploads().await;
        for sent in self.ledger.blobs.iter_mut().chain(&mut self.ledger.manifests) {
            sent.checked = true;
        }
    }

    /// The same for everything that was ever sent.
    pub(crate) async fn check_everything(&mut self) {
        self.check_after_a_crash().await;
        self.check_contents(|_, _| true).await;
    }

    async fn check_contents(&self, chosen: impl Fn(usize, &Sent) -> bool) {
        for (kind, list) in [("blobs", &self.ledger.blobs), ("manifests", &self.ledger.manifests)] {
            for (_, sent) in list.iter().enumerate().filter(|(index, sent)| chosen(*index, sent)) {
                self.check_content(kind, sent).await;
            }
        }
    }

    async fn check_content(&self, kind: &str, sent: &Sent) {
        let url = self.url(&format!("{kind}/{}", sent.content.digest));
        let response = send(self.client.get(&url)).await.expect("the restarted server answers");
        if response.status() == StatusCode::NOT_FOUND && !sent.acknowledged {
            return;
        }
        assert_eq!(response.status(), StatusCode::OK, "{url}, acknowledged: {}", sent.acknowledged);
        let body = response.bytes().await.expect("the body comes whole");
        assert!(
            body == sent.content.bytes,
            "{url} is served corrupt: its bytes hash to {}",
            digest_of(&body)
        );
    }

    async fn check_tags(&mut self) {
        for (tag, state) in &mut self.ledger.tags {
            let url = format!("{}/v2/{}/manifests/{tag}", self.host, self.repository);
            let response = send(self.client.get(&url)).await.expect("the restarted server answers");
            let found = match response.status() {
                StatusCode::NOT_FOUND => None,
                StatusCode::OK => Some(digest_of(&response.bytes().await.expect("the body comes whole"))),
                status => panic!("{url} is answered {status}"),
            };
            assert!(state.may_be(&found), "{url} points to {found:?}, where no change put it");
            state.settle(found);
        }
    }

    /// Every upload goes on from the offset that the server reports, and what it confirmed is never sent again.
    async fn finish_uploads(&mut self) {
        for upload in std::mem::take(&mut self.ledger.uploads) {
            let url = format!("{}{}", self.host, upload.path);
            let response = send(self.client.get(&url)).await.expect("the restarted server answers");
            if response.status() == StatusCode::NOT_FOUND && upload.closing {
                self.check_that_it_became_a_blob(&upload).await;
                continue;
            }
            assert_eq!(
                response.status(),
                StatusCode::NO_CONTENT,
                "{url} is lost, {} bytes",
                upload.confirmed
            );
            let offset = offset(&response);
            assert!(offset >= upload.confirmed, "{url}: {offset} of {} confirmed bytes", upload.confirmed);
            self.ledger.uploads.push(Upload { confirmed: offset, path: location(&response), ..upload });
            let half = self.random.index(1 << 20);
            self.patch(half).await.expect("the upload goes on");
            self.close().await.expect("the upload ends");
        }
    }

    async fn check_that_it_became_a_blob(&mut self, upload: &Upload) {
        let sent = Sent { content: upload.content.clone(), acknowledged: true, checked: true };
        self.check_content("blobs", &sent).await;
    }

    fn url(&self, rest: &str) -> String {
        format!("{}/v2/{}/{rest}", self.host, self.repository)
    }
}

async fn send(request: RequestBuilder) -> Result<Response, NoAnswer> {
    request.send().await.map_err(|_| NoAnswer)
}

fn expect(response: &Response, status: StatusCode) {
    assert_eq!(response.status(), status, "{}", response.url());
}

/// The path and query of the `Location` header.
fn location(response: &Response) -> String {
    let text = response.headers().get(LOCATION).expect("the answer has a Location");
    let text = text.to_str().expect("a Location is text");
    let url = response.url().join(text).expect("a Location is a URL");
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

/// How many bytes the server has, from `Range: 0-<last byte>`; `0-0` stands for none.
fn offset(response: &Response) -> usize {
    let range = response.headers().get(RANGE).expect("the upload's state has a Range");
    let last = range.to_str().ok().and_then(|text| text.strip_prefix("0-")).expect("a Range starts at 0");
    match last.parse().expect("a Range ends in a number") {
        0 => 0,
        last => last + 1usize,
    }
}
