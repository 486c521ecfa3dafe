//! The few requests of the distribution spec that the load is made of.

use anyhow::{Context, Result, ensure};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, StatusCode, Url};
use serde_json::json;

use crate::content::Content;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// One repository of a registry, `http://127.0.0.1:5000/v2/bench/plugin`.
#[derive(Clone)]
pub(crate) struct Repository {
    client: Client,
    url: String,
}

impl Repository {
    pub(crate) fn new(host: &str, name: &str) -> Self {
        Self { client: Client::new(), url: format!("http://{host}/v2/{name}") }
    }

    /// POST, then PUT: what most clients do.
    pub(crate) async fn push_blob(&self, content: &Content) -> Result<()> {
        let response = self.client.post(format!("{}/blobs/uploads/", self.url)).send().await?;
        ensure!(response.status() == StatusCode::ACCEPTED, "POST was answered {}", response.status());
        let location = response.headers().get(LOCATION).context("no Location")?.to_str()?;
        let mut url: Url = response.url().join(location)?;
        url.query_pairs_mut().append_pair("digest", &content.digest);
        let request = self.client.put(url).header(CONTENT_TYPE, "application/octet-stream");
        let status = request.body(content.bytes.clone()).send().await?.status();
        ensure!(status == StatusCode::CREATED, "PUT was answered {status}");
        Ok(())
    }

    pub(crate) async fn put_manifest(&self, tag: &str, manifest: &Content) -> Result<()> {
        let request = self.client.put(format!("{}/manifests/{tag}", self.url)).header(CONTENT_TYPE, MANIFEST);
        let status = request.body(manifest.bytes.clone()).send().await?.status();
        ensure!(status == StatusCode::CREATED, "the manifest was answered {status}");
        Ok(())
    }

    /// Reads a blob to its end, and returns how long it was.
    pub(crate) async fn pull_blob(&self, digest: &str) -> Result<usize> {
        let mut response = self.client.get(format!("{}/blobs/{digest}", self.url)).send().await?;
        ensure!(response.status() == StatusCode::OK, "GET was answered {}", response.status());
        let mut length = 0;
        while let Some(chunk) = response.chunk().await? {
            length += chunk.len();
        }
        Ok(length)
    }

    /// Pushes a config and a layer, and returns what manifests need to know of them.
    pub(crate) async fn push_parts(&self, layer_size: usize) -> Result<Parts> {
        let config = Content::new(
            br#"{"architecture":"wasm","os":"wasip1","rootfs":{"type":"layers","diff_ids":[]}}"#.to_vec(),
        );
        let layer = Content::unique(layer_size, 0);
        self.push_blob(&config).await?;
        self.push_blob(&layer).await?;
        Ok(Parts { config, layer })
    }
}

/// The blobs that an image is made of.
pub(crate) struct Parts {
    config: Content,
    layer: Content,
}

impl Parts {
    /// A manifest of about 600 bytes, different for every `note`.
    pub(crate) fn manifest(&self, note: &str) -> Content {
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": CONFIG, "digest": self.config.digest, "size": self.config.bytes.len() },
            "layers": [{ "mediaType": LAYER, "digest": self.layer.digest, "size": self.layer.bytes.len() }],
            "annotations": { "org.opencontainers.image.title": "plugin", "org.opencontainers.image.version": note },
        });
        Content::new(manifest.to_string().into_bytes())
    }
}
