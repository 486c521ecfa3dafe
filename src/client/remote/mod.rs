//! A registry and its repositories, by the OCI distribution protocol (distribution-spec 1.1.1); and files of web servers.
//!
//! From the wire up: `transport` sends one request, `auth` answers challenges, `retry` decides about trying again,
//! [`Registry`] joins the three, and `manifest`, `blob`, `upload`, `referrers` and `list` are the protocol's verbs. `history` and
//! `events` ask for what only registries like ours tell.

mod address;
mod auth;
mod blob;
mod call;
mod events;
mod fleet;
mod history;
mod list;
mod login;
mod manifest;
mod referrers;
mod registry;
mod retry;
mod scope;
mod token;
mod transport;
mod upload;
mod upload_body;
mod web_client;
mod webhooks;

use std::sync::Arc;

pub use events::{Event, EventPage, Events, Notice};
pub use history::TagChange;
pub use login::{Login, login, logout};
pub use registry::Registry;
pub use retry::RetryPolicy;
pub use web_client::WebClient;

use super::{
    Answer, BlobOutcome, BlobSource, ByteStream, FetchedManifest, Page, PageRequest, PutManifest, Receipt,
    Target,
};
use crate::oci::{Descriptor, Digest, Reference, RegistryHost, RepositoryName, Tag};

/// One repository of a registry.
#[derive(Clone)]
pub struct Remote {
    registry: Arc<Registry>,
    repository: RepositoryName,
}

impl Remote {
    /// The registry it lies in.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Its name there.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }
}

impl Target for Remote {
    fn resolve<'a>(&'a self, reference: &'a Reference) -> Answer<'a, Descriptor> {
        Box::pin(self.resolve_manifest(reference))
    }

    fn fetch_manifest<'a>(&'a self, reference: &'a Reference) -> Answer<'a, FetchedManifest> {
        Box::pin(self.get_manifest(reference))
    }

    fn fetch_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, ByteStream> {
        Box::pin(self.download(blob))
    }

    fn has_blob<'a>(&'a self, blob: &'a Descriptor) -> Answer<'a, bool> {
        Box::pin(self.find_blob(&blob.digest))
    }

    fn put_blob<'a>(&'a self, blob: &'a Descriptor, source: &'a BlobSource) -> Answer<'a, BlobOutcome> {
        Box::pin(self.upload(blob, source))
    }

    fn put_manifest<'a>(&'a self, manifest: &'a PutManifest) -> Answer<'a, Receipt> {
        Box::pin(self.push_manifest(manifest))
    }

    fn referrers<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Vec<Descriptor>> {
        Box::pin(self.list_referrers(digest))
    }

    fn tags<'a>(&'a self, request: &'a PageRequest) -> Answer<'a, Page<Tag>> {
        Box::pin(self.list_tags(request))
    }

    fn delete<'a>(&'a self, reference: &'a Reference) -> Answer<'a, ()> {
        Box::pin(self.delete_manifest(reference))
    }

    fn repository(&self) -> Option<(&RegistryHost, &RepositoryName)> {
        Some((self.registry.host(), &self.repository))
    }
}
