use std::net::IpAddr;
use std::sync::Arc;

use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, Method, StatusCode, header};

use super::connection::Connection;
use super::header_fields::text;
use crate::fleet::{AgentName, Ledger, Noted, NotedManifest, PullRead, Reader};
use crate::oci::{Digest, Reference, RepositoryName};

/// By which our own agents say on which node they are.
const NODE_ID: HeaderName = HeaderName::from_static("hwasm-node-id");
/// What is kept of a `User-Agent`.
const USER_AGENT_LENGTH: usize = 200;

/// A read of content that the ledger is to know of.
pub(super) struct PullNote<'a> {
    head: &'a Parts,
    repository: &'a RepositoryName,
    what: What<'a>,
}

#[derive(Clone, Copy)]
enum What<'a> {
    Manifest(&'a Reference),
    Layer(&'a Digest),
    /// A tag, and the manifest that it names.
    Module(&'a Reference, &'a Digest),
}

/// A note that counts when the answer's body has been sent whole. In an answer's extensions.
#[derive(Clone)]
pub(super) struct NotedWhenSent(pub(super) Arc<Noted>);

impl<'a> PullNote<'a> {
    /// Of a request for a manifest.
    pub(super) fn manifest(
        head: &'a Parts,
        repository: &'a RepositoryName,
        reference: &'a Reference,
    ) -> Self {
        Self { head, repository, what: What::Manifest(reference) }
    }

    /// Of a request for a layer.
    pub(super) fn layer(head: &'a Parts, repository: &'a RepositoryName, digest: &'a Digest) -> Self {
        Self { head, repository, what: What::Layer(digest) }
    }

    /// Of a request for the module of an image as a file.
    pub(super) fn module(
        head: &'a Parts,
        repository: &'a RepositoryName,
        (reference, image): (&'a Reference, &'a Digest),
    ) -> Self {
        Self { head, repository, what: What::Module(reference, image) }
    }

    /// Notes that there was no such manifest, or it was not given.
    pub(super) fn refused(&self, ledger: &Ledger, status: StatusCode) {
        if let What::Manifest(reference) = self.what {
            self.note_manifest(ledger, reference, (None, status));
        }
    }

    /// Notes what became of the request: at once, or where its body is what counts when that has been sent.
    pub(super) fn settle(&self, ledger: &Ledger, response: &mut Response) {
        let (status, is_read) = (response.status(), self.head.method == Method::GET);
        match self.what {
            What::Manifest(reference) => self.note_manifest(ledger, reference, (given(response), status)),
            What::Layer(digest) if is_read && status == StatusCode::OK => {
                let read = PullRead::Layer { digest: digest.clone(), bytes: length(response) };
                self.note_when_sent(read, response);
            }
            What::Module(reference, image) if is_read && status == StatusCode::OK => {
                self.note_when_sent(module(reference, image, length(response)), response);
            }
            What::Module(reference, image)
                if status == StatusCode::OK || status == StatusCode::NOT_MODIFIED =>
            {
                ledger.note(self.noted(module(reference, image, 0)));
            }
            What::Layer(_) | What::Module(..) => {}
        }
    }

    fn note_manifest(
        &self,
        ledger: &Ledger,
        reference: &Reference,
        (digest, status): (Option<&[u8]>, StatusCode),
    ) {
        ledger.note(NotedManifest {
            node: self.node(),
            address: self.address(),
            user_agent: self.user_agent(),
            repository: self.repository,
            reference,
            digest,
            status: status.as_u16(),
        });
    }

    fn note_when_sent(&self, read: PullRead, response: &mut Response) {
        response.extensions_mut().insert(NotedWhenSent(Arc::new(self.noted(read))));
    }

    fn noted(&self, read: PullRead) -> Noted {
        let reader = Reader::of(self.node(), self.address(), self.user_agent());
        Noted { reader, repository: self.repository.clone(), read }
    }

    fn node(&self) -> Option<&[u8]> {
        self.field(&NODE_ID, AgentName::NODE_LENGTH)
    }

    fn user_agent(&self) -> Option<&[u8]> {
        self.field(&header::USER_AGENT, USER_AGENT_LENGTH)
    }

    /// The beginning of a header field.
    fn field(&self, name: &HeaderName, length: usize) -> Option<&[u8]> {
        let value = self.head.headers.get(name)?.as_bytes();
        Some(&value[..value.len().min(length)])
    }

    fn address(&self) -> Option<IpAddr> {
        let connection = self.head.extensions.get::<Connection>()?;
        connection.peer.map(|peer| peer.ip())
    }
}

fn module(reference: &Reference, image: &Digest, bytes: u64) -> PullRead {
    PullRead::Module { reference: reference.clone(), digest: image.clone(), bytes }
}

/// The manifest of an answer: its entity tag, also where it only says that the client has it (304).
fn given(response: &Response) -> Option<&[u8]> {
    let tag = response.headers().get(header::ETAG)?.as_bytes();
    tag.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

fn length(response: &Response) -> u64 {
    let length = text(response.headers(), &header::CONTENT_LENGTH);
    length.and_then(|length| length.parse().ok()).unwrap_or_default()
}
