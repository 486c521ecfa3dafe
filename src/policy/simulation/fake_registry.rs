use std::collections::BTreeMap;

use crate::oci::{Digest, Reference};
use crate::plugin::{ModuleSource, ModuleUrl};
use crate::policy::decision::{Found, ModuleName};

/// A module somewhere outside, as far as a decision can tell it from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FakeImage {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of the index that leads to the manifest, where one does.
    pub index: Option<Digest>,
    /// The sha256 of the module itself.
    pub content: Digest,
}

/// Registries and web servers: what each URL leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FakeRegistry {
    /// What tags and web addresses lead to now.
    places: BTreeMap<String, FakeImage>,
    /// Every image there ever was, by repository and digest: a registry keeps what no tag names.
    manifests: BTreeMap<(ModuleName, Digest), FakeImage>,
    /// What answers 503.
    failing: Option<Endpoint>,
}

/// What of a registry can fail. Of a web server, each of them means the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET /v2/`.
    Ping,
    /// The manifest.
    Manifest,
    /// The layer.
    Blob,
}

impl FakeImage {
    /// An image with `module` in it.
    pub fn of(module: &[u8]) -> Self {
        let content = Digest::sha256(module);
        Self { manifest: Digest::sha256(content.to_string().as_bytes()), index: None, content }
    }

    /// The same behind an index.
    #[must_use]
    pub fn in_index(self) -> Self {
        let index = Digest::sha256(format!("index of {}", self.manifest).as_bytes());
        Self { index: Some(index), ..self }
    }

    /// What an agent finds out of it: of an image its digests, of a web server's file the module's own.
    pub(super) fn found(&self, url: &ModuleUrl) -> Found {
        match url.source() {
            ModuleSource::Oci(_) => Found { manifest: self.manifest.clone(), root: self.index.clone() },
            ModuleSource::Http(_) | ModuleSource::File(_) => Found::new(self.content.clone()),
        }
    }
}

impl FakeRegistry {
    /// Lets `url` lead to `image`. A URL with a digest always leads to what has that digest, and a file of
    /// the proxy's container is nobody's to serve.
    pub fn serve(&mut self, url: &ModuleUrl, image: FakeImage) {
        if matches!(url.source(), ModuleSource::File(_)) {
            return;
        }
        if url.image().is_some() {
            let name = ModuleName::of(url);
            for digest in image.index.iter().chain([&image.manifest]) {
                self.manifests.insert((name.clone(), digest.clone()), image.clone());
            }
        }
        if url.digest().is_none() {
            self.places.insert(place(url), image);
        }
    }

    /// What answers 503 from now on, if anything.
    pub fn fail(&mut self, endpoint: Option<Endpoint>) {
        self.failing = endpoint;
    }

    pub(super) fn fails(&self, endpoint: Endpoint) -> bool {
        self.failing == Some(endpoint)
    }

    pub(super) fn is_up(&self) -> bool {
        self.failing.is_none()
    }

    /// What `url` leads to.
    pub fn find(&self, url: &ModuleUrl) -> Option<&FakeImage> {
        match url.digest() {
            Some(digest) => self.manifests.get(&(ModuleName::of(url), digest.clone())),
            None => self.places.get(&place(url)),
        }
    }
}

/// The repository and the tag, or the web address.
fn place(url: &ModuleUrl) -> String {
    match url.image().map(crate::oci::ImageReference::reference) {
        Some(Reference::Tag(tag)) => format!("{}:{tag}", ModuleName::of(url)),
        Some(Reference::Digest(_)) | None => url.as_str().to_owned(),
    }
}
