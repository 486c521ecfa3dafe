use std::net::IpAddr;
use std::sync::Arc;

use axum::response::Response;
use http::request::Parts;
use http::{HeaderName, Method, StatusCode, header};

use super::connection::Connection;
use super::header_fields::{DOCKER_CONTENT_DIGEST, text};
use crate::fleet::{AgentName, Ledger, Noted, NotedManifest, PullRead, Reader};
use crate::oci::{Digest, Reference, RepositoryName};

/// By which our own agents say on which node they are.
const NODE_ID: HeaderName = HeaderName::from_static("hwasm-node-id");
/// What is kept of a `User-Agent`.
const USER_AGENT_LENGTH: usize = 200;

/// A read of content that the ledger is to know of.
pub(super) struct PullNote<'a> {
    head: &'a Parts,
    repository: RepositoryName,
    what: What,
}

enum What {
    Manifest(Reference),
    Layer(Digest),
    /// A tag, and the manifest that it names.
    Module(Reference, Digest),
}

/// A note that counts when the answer's body has been sent whole. In an answer's extensions.
#[derive(Clone)]
pub(super) struct NotedWhenSent(pub(super) Arc<Noted>);

impl<'a> PullNote<'a> {
    /// Of a request for a manifest.
    pub(super) fn manifest(head: &'a Parts, repository: &RepositoryName, reference: &Reference) -> Self {
        Self { head, repository: repository.clone(), what: What::Manifest(reference.clone()) }
    }

    /// Of a request for a layer.
    pub(super) fn layer(head: &'a Parts, repository: &RepositoryName, digest: &Digest) -> Self {
        Self { head, repository: repository.clone(), what: What::Layer(digest.clone()) }
    }

    /// Of a request for the module of an image as a file.
    pub(super) fn module(
        head: &'a Parts,
        repository: &RepositoryName,
        (reference, image): (&Reference, Digest),
    ) -> Self {
        Self { head, repository: repository.clone(), what: What::Module(reference.clone(), image) }
    }

    /// Notes that there was no such manifest, or it was not given.
    pub(super) fn refused(self, ledger: &Ledger, status: StatusCode) {
        if let What::Manifest(reference) = &self.what {
            self.note_manifest(ledger, reference, (None, status));
        }
    }

    /// Notes what became of the request: at once, or where its body is what counts when that has been sent.
    pub(super) fn settle(self, ledger: &Ledger, response: &mut Response) {
        let (status, is_read) = (response.status(), self.head.method == Method::GET);
        match &self.what {
            What::Manifest(reference) => self.note_manifest(ledger, reference, (given(response), status)),
            What::Layer(digest) if is_read && status == StatusCode::OK => {
                let read = PullRead::Layer { digest: digest.clone(), bytes: length(response) };
                self.note_when_sent(read, response);
            }
            What::Module(reference, image) if is_read && status == StatusCode::OK => {
                let (reference, digest) = (reference.clone(), image.clone());
                self.note_when_sent(
                    PullRead::Module { reference, digest, bytes: length(response) },
                    response,
                );
            }
            What::Module(reference, image)
                if status == StatusCode::OK || status == StatusCode::NOT_MODIFIED =>
            {
                let (reference, digest) = (reference.clone(), image.clone());
                ledger.note(self.noted(PullRead::Module { reference, digest, bytes: 0 }));
            }
            What::Layer(_) | What::Module(..) => {}
        }
    }

    fn note_manifest(
        &self,
        ledger: &Ledger,
        reference: &Reference,
        (digest, status): (Option<&str>, StatusCode),
    ) {
        ledger.note(NotedManifest {
            node: self.node(),
            address: self.address(),
            user_agent: self.user_agent(),
            repository: &self.repository,
            reference,
            digest,
            status: status.as_u16(),
        });
    }

    fn note_when_sent(&self, read: PullRead, response: &mut Response) {
        response.extensions_mut().insert(NotedWhenSent(Arc::new(self.noted(read))));
    }

    fn noted(&self, read: PullRead) -> Noted {
        let reader = Reader {
            node: self.node().map(str::to_owned),
            address: self.address(),
            user_agent: self.user_agent().map(str::to_owned),
        };
        Noted { reader, repository: self.repository.clone(), read }
    }

    fn node(&self) -> Option<&str> {
        self.field(&NODE_ID, AgentName::NODE_LENGTH).filter(|node| !node.is_empty())
    }

    fn user_agent(&self) -> Option<&str> {
        self.field(&header::USER_AGENT, USER_AGENT_LENGTH)
    }

    /// The beginning of a header field: printable ASCII, so that any byte is where a character ends.
    fn field(&self, name: &HeaderName, length: usize) -> Option<&str> {
        let text = text(&self.head.headers, name)?;
        Some(&text[..text.len().min(length)])
    }

    fn address(&self) -> Option<IpAddr> {
        let connection = self.head.extensions.get::<Connection>()?;
        connection.peer.map(|peer| peer.ip())
    }
}

/// The manifest of an answer; one that only says that the client has it (304) names it by its entity tag.
fn given(response: &Response) -> Option<&str> {
    let named = text(response.headers(), &DOCKER_CONTENT_DIGEST);
    Some(named.or(text(response.headers(), &header::ETAG))?.trim_matches('"'))
}

fn length(response: &Response) -> u64 {
    let length = text(response.headers(), &header::CONTENT_LENGTH);
    length.and_then(|length| length.parse().ok()).unwrap_or_default()
}
