//! A registry, a web server, and an agent's cache before them.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::response::IntoResponse as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Method, StatusCode};
use hwasm_registry::agent::{CacheError, CacheLimits, ModuleCache, PullError, Pulled, Puller, PullerOptions};
use hwasm_registry::client::RetryPolicy;
use hwasm_registry::oci::{Descriptor, Digest, MediaType, media_type};
use hwasm_registry::plugin::PullPolicy;
use hwasm_registry::policy::Pull;

use super::fake::{Fake, Seen};

pub(crate) struct World {
    pub(crate) fake: Fake,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) puller: Arc<Puller>,
    /// Whether the registry is down, for those tests that let it be.
    pub(crate) is_down: Arc<Mutex<bool>>,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    seen: Mutex<usize>,
}

/// Quick to try again, and quick to give up.
pub(crate) fn options() -> PullerOptions {
    let retry = RetryPolicy {
        attempts: 3,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(50),
    };
    PullerOptions { retry, ..PullerOptions::default() }
}

/// Opens the cache that was just closed. A test beside this one that starts a process shares every open file with it from
/// `fork` to `exec`, the lock of this cache among them, so that it may be free a moment later only.
fn reopen(dir: &Path) -> Arc<ModuleCache> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match ModuleCache::open(dir, CacheLimits::default()) {
            Err(CacheError::InUse { .. }) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            opened => return opened.unwrap(),
        }
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(options()).await
    }

    pub(crate) async fn with(options: PullerOptions) -> Self {
        let (fake, dir) = (Fake::start().await, tempfile::tempdir().unwrap());
        let files: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
        let held = Arc::clone(&files);
        fake.on((Method::GET, "/files/"), usize::MAX, move |seen| {
            let file = held.lock().unwrap().get(seen.uri.path()).cloned();
            Some(
                file.map_or(
                    StatusCode::NOT_FOUND.into_response(),
                    axum::response::IntoResponse::into_response,
                ),
            )
        });
        let cache = ModuleCache::open(dir.path(), CacheLimits::default()).unwrap();
        let puller = Arc::new(Puller::new(cache, options));
        Self { fake, puller, dir, files, is_down: Arc::default(), seen: Mutex::default() }
    }

    /// The same directory under a new agent.
    pub(crate) fn restarted(self) -> Self {
        self.restarted_with(options())
    }

    pub(crate) fn restarted_with(self, options: PullerOptions) -> Self {
        let Self { fake, dir, puller, files, is_down, seen } = self;
        drop(puller);
        let cache = reopen(dir.path());
        Self { fake, puller: Arc::new(Puller::new(cache, options)), dir, files, is_down, seen }
    }

    /// Puts `module` under `tag` of `team/a`, as most images have it; answers the manifest's digest.
    pub(crate) fn serve(&self, tag: &str, module: &[u8]) -> Digest {
        self.serve_layer(tag, &gzip_tar(module), media_type::OCI_LAYER_TAR_GZIP)
    }

    /// Puts an image of one layer under `tag`.
    pub(crate) fn serve_layer(&self, tag: &str, layer: &[u8], kind: &'static str) -> Digest {
        let config = self.fake.hold_blob(b"{}");
        let held = self.fake.hold_blob(layer);
        let layer = Descriptor::new(MediaType::known(kind), held.digest, held.size);
        let config = Descriptor::new(MediaType::known(media_type::OCI_CONFIG), config.digest, config.size);
        let body = serde_json::json!({"schemaVersion": 2, "config": config, "layers": [layer]});
        self.serve_manifest(tag, media_type::OCI_MANIFEST, &body)
    }

    pub(crate) fn serve_manifest(&self, tag: &str, kind: &str, body: &serde_json::Value) -> Digest {
        let bytes = bytes::Bytes::from(body.to_string());
        let digest = Digest::sha256(&bytes);
        let mut state = self.fake.state.lock().unwrap();
        for reference in [tag, &digest.to_string()] {
            let held = (kind.to_owned(), bytes.clone());
            state.manifests.insert(format!("team/a@{reference}"), held);
        }
        digest
    }

    /// Puts a file under `/files/`.
    pub(crate) fn serve_file(&self, name: &str, bytes: &[u8]) {
        self.files.lock().unwrap().insert(format!("/files/{name}"), bytes.to_owned());
    }

    pub(crate) fn image(&self, reference: &str) -> Pull {
        pull(&format!("oci://{}/team/a{reference}", self.fake.host))
    }

    pub(crate) fn file(&self, name: &str) -> Pull {
        pull(&format!("http://{}/files/{name}", self.fake.host))
    }

    pub(crate) async fn pull(&self, pull: &Pull) -> Result<Pulled, PullError> {
        self.puller.pull(pull, None).await
    }

    /// What was asked since the last time, in order.
    pub(crate) fn requests(&self) -> String {
        let log = self.fake.log();
        let mut seen = self.seen.lock().unwrap();
        let new = log[*seen..].iter().map(letter).collect();
        *seen = log.len();
        new
    }

    pub(crate) fn modules(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir.path().join("modules")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// `M` a manifest, `B` a layer, `G` a file, `H` a look whether there is a manifest, `h` one at a file, `E` events.
fn letter(seen: &Seen) -> char {
    match (seen.uri.path(), &seen.method) {
        (path, &Method::HEAD) if path.contains("/manifests/") => 'H',
        (path, _) if path.contains("/manifests/") => 'M',
        (path, _) if path.contains("/blobs/") => 'B',
        (path, &Method::HEAD) if path.starts_with("/files/") => 'h',
        (path, _) if path.starts_with("/files/") => 'G',
        ("/api/v1/events", _) => 'E',
        _ => '?',
    }
}

pub(crate) fn pull(url: &str) -> Pull {
    Pull {
        url: url.parse().unwrap(),
        sha256: None,
        policy: PullPolicy::Unspecified,
        resource: "ns.a".to_owned(),
        version: "1".to_owned(),
    }
}

/// A module that a gateway would load, and that differs from that of any other text.
pub(crate) fn module(text: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
           (func (export "malloc") (param i32) (result i32) i32.const 1024) (@custom "text" "{text}"))"#
    ))
    .unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn tar(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append_data(&mut header, name, bytes).unwrap();
    builder.into_inner().unwrap()
}

pub(crate) fn gzip_tar(module: &[u8]) -> Vec<u8> {
    gzip(&tar("plugin.wasm", module))
}
